"""Generate images with an entry's bundled generator or a run's."""

from __future__ import annotations

import os
from typing import Any

from kerazoo._lazy import np
from kerazoo.errors import KerazooError, checked, require_whole
from kerazoo.predicting.trained import open_trained
from kerazoo.spec import networks_of
from kerazoo.tasks import generation
from kerazoo.training.run_directory import require_seed

MAX_IMAGES = 10_000


@checked
def sample(
    source: str | os.PathLike[str], n: int = 64, *, seed: int = 0, latents: Any = None
) -> np.ndarray:
    """Generate images.

    Args:
        source: an entry with trained weights (``"dcgan@mnist"``) or a run directory.
        n: number of images, 1 to 10,000.
        seed: of the latents, which have a standard normal distribution.
        latents: instead of ``n`` and ``seed``: finite numbers ``(n, latent)``.

    Returns:
        Images, uint8 ``(n, height, width, channels)``.

    Raises:
        KerazooError: no such entry or run, it has no generator or no trained weights; a number
            out of range; latents of another shape, or not finite.
    """
    if latents is None:
        n = require_whole("n", n, most=MAX_IMAGES)
    seed = require_seed(seed)
    model = open_trained(source).model
    if "generator" not in networks_of(model):
        raise KerazooError(f"{os.fspath(source)} generates no images; dcgan@mnist does.")
    if latents is None:
        return generation.generate(model, generation.latents(model, n, seed))
    size = networks_of(model)["generator"].input_shape[-1]
    given = np.asarray(latents)
    fits = (
        given.dtype.kind in "iuf" and given.shape[1:] == (size,) and 1 <= len(given) <= MAX_IMAGES
    )
    if not fits or not np.isfinite(given := given.astype(np.float32)).all():
        raise KerazooError(
            f"latents have shape {given.shape} and type {given.dtype}; {os.fspath(source)} takes "
            f"finite numbers (n, {size}), n from 1 to {MAX_IMAGES:,}."
        )
    return generation.generate(model, given)
