"""Draw pictures with a trained generator, the zoo's or a run's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from kerazoo.errors import KerazooError, require_whole
from kerazoo.predicting.trained import open_trained
from kerazoo.spec import networks_of
from kerazoo.tasks import generation
from kerazoo.training import run_directory as run

if TYPE_CHECKING:
    import numpy as np

MOST = 10_000


def sample(
    source: str | os.PathLike[str], n: int = 64, *, seed: int = 0, latents: Any = None
) -> np.ndarray:
    """Draw pictures.

    Args:
        source: an entry with trained weights (``"dcgan@mnist"``) or a run folder.
        n: how many, 1 to 10,000.
        seed: of the latents, drawn from a standard normal distribution.
        latents: instead of ``n`` and ``seed``: numbers ``(n, latent)`` of your own.

    Returns:
        Pictures, uint8 ``(n, height, width, channels)``.

    Raises:
        KerazooError: no such entry or run, it draws no pictures or has no trained weights; a
            number out of range; latents of another shape, or not finite.
    """
    import numpy as np

    if latents is None:
        n = require_whole("n", n, most=MOST)
    seed = run.require_seed(seed)
    model = open_trained(source).model
    if "generator" not in networks_of(model):
        raise KerazooError(f"{os.fspath(source)} generates no images; a run of dcgan does.")
    if latents is None:
        return generation.generate(model, generation.latents(model, n, seed))
    size = networks_of(model)["generator"].input_shape[-1]
    try:
        if np.iscomplexobj(given := np.asarray(latents)):
            raise TypeError("they are complex")
        given = given.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise KerazooError(f"latents must be numbers: {error}.") from None
    if given.ndim != 2 or given.shape[1] != size or not 1 <= len(given) <= MOST:
        raise KerazooError(
            f"latents have shape {given.shape}; {os.fspath(source)} takes (n, {size}), n from 1 "
            f"to {MOST:,}."
        )
    if not np.isfinite(given).all():
        raise KerazooError("latents hold a value that is NaN or infinite.")
    return generation.generate(model, given)
