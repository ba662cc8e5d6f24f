"""Generation: pictures from noise, by a generator and its discriminator (a GAN).

A model of this task has ``networks`` named ``generator`` (latents to pictures, 0 to 255) and
``discriminator``, computes its own loss, and reports ``d_loss`` and ``g_loss``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import keras
from kerazoo.errors import KerazooError
from kerazoo.metrics import metric
from kerazoo.plots.learning_curves import Curve, save, save_learning_curves
from kerazoo.plots.samples import over_training, write_grid
from kerazoo.spec import Data, Dataset, Recipe, Split, networks_of
from kerazoo.tasks import _frechet as frechet
from kerazoo.tasks import _judges as judging
from kerazoo.tasks._inputs import check_inputs
from kerazoo.tasks.base import Baselines, Outcome
from kerazoo.training import engine

if TYPE_CHECKING:
    import numpy as np

SHOWN = 64
# The mean over an epoch of a discriminator's loss; healthy ones were never below 0.02, one whose
# generator was kept from learning fell to 0.0004.
COLLAPSED = 0.005
MOMENTS = 5  # grids in the picture over training


def factory_options(dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
    """Shape of a picture."""
    return {"input_shape": dataset.input_shape}


def check_split(info: Dataset, split: str, x: np.ndarray, y: np.ndarray) -> None:
    """Raise KerazooError unless the pictures of a split are what the dataset says."""
    where = check_inputs(info, split, x)
    if len(x) < 2:
        raise KerazooError(f"{where}: one picture has no spread; give two or more.")
    if x.ndim != 4 or x.dtype != "uint8":
        raise KerazooError(
            f"{where}: x has shape {x.shape} and type {x.dtype}; expected pictures, uint8 (n, "
            "height, width, channels)."
        )


def network_in_training(model: keras.Model, recipe: Recipe) -> keras.Model:
    """The model itself; pictures that are changed at random would be learnt as they are."""
    if recipe.augments:
        raise KerazooError("a generator learns what it is shown: leave out augment_* fields.")
    return model


def compile_arguments(model: keras.Model) -> dict[str, Any]:
    """Nothing: the model computes its own loss."""
    return {}


def fit_arguments(split: Split) -> tuple[Any, ...]:
    """Pictures alone."""
    return (split.x,)


def trouble(row: dict[str, float]) -> str | None:
    """Whether the discriminator has collapsed: right about everything, it teaches nothing more."""
    if row["d_loss"] >= COLLAPSED:
        return None
    return (
        f"the discriminator collapsed: its loss fell to {row['d_loss']:.2g}, so it tells every "
        "generated picture and the generator learns nothing more. A smaller learning rate helps: "
        "--set learning_rate=..."
    )


def at_epoch(folder: Path, model: keras.Model, epoch: int, epochs: int) -> None:
    """Draw the same latents after 1, 2, 4, … epochs and the last."""
    if epoch != epochs and epoch & (epoch - 1):
        return
    write_grid(generate(model, latents(model, SHOWN, seed=0)), _grid_path(folder, epoch))


def _grid_path(folder: Path, epoch: int) -> Path:
    return folder / "samples" / f"epoch-{epoch:04d}.png"


def latents(model: keras.Model, n: int, seed: int) -> np.ndarray:
    """Latents of a standard normal distribution: float32 ``(n, latent)``, the same everywhere."""
    import numpy as np

    size = networks_of(model)["generator"].input_shape[-1]
    return np.random.RandomState(seed).standard_normal((n, size)).astype(np.float32)


def generate(model: keras.Model, drawn: np.ndarray) -> np.ndarray:
    """What the generator makes of latents: uint8 ``(n, height, width, channels)``."""
    import numpy as np

    pictures = engine.predict(networks_of(model)["generator"], drawn)
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8)


def measure(model: keras.Model, data: Data) -> Outcome:
    """The Fréchet distance of samples (latents of seed 0) to the test split, in a judge's features.

    Beside it the diversity of the samples and, where the judge is a classifier, the smallest and
    largest share of a class among them.
    """
    judge = judging.judge_of(data)
    samples = judge.look(generate(model, latents(model, judge.samples, seed=0)))
    real = judge.look(data.test.x)
    figures = judging.figures(samples, real)
    balance = {"class_balance": list(samples.balance)} if samples.balance else {}
    return Outcome(
        metric=judge.metric,
        value=figures.pop("distance"),
        standard_error=frechet.bootstrap_error(samples.features, real.features),
        examples=len(data.test),
        also=figures,
        extra={**balance, "samples": judge.samples, **judge.about()},
    )


def baselines(train: Split, data: Data) -> Baselines:
    """Pictures whose pixels are drawn one by one; and real against real, which is the floor."""
    judge = judging.judge_of(data)
    real = judge.look(data.test.x)
    seen = {
        "independent_pixels": judge.look(independent_pixels(train.x, judge.samples)),
        "real_against_real": judge.look(train.x[: judge.samples]),
    }
    figures = {name: judging.figures(what, real) for name, what in seen.items()}
    for row in figures.values():
        row[judge.metric] = row.pop("distance")
    return Baselines(
        naive={"independent_pixels": figures["independent_pixels"]},
        limits={"real_against_real": figures["real_against_real"]},
    )


def independent_pixels(pictures: np.ndarray, n: int) -> np.ndarray:
    """``n`` pictures each of whose pixels is that of a picture drawn at random, seed 0."""
    import numpy as np

    random = np.random.RandomState(0)
    flat = pictures.reshape(len(pictures), -1)
    places = np.arange(flat.shape[1])
    drawn = np.empty((n, flat.shape[1]), flat.dtype)
    for row in drawn:  # one by one: the indices take eight times the memory of the pixels
        row[:] = flat[random.randint(0, len(flat), flat.shape[1]), places]
    return drawn.reshape(n, *pictures.shape[1:])


def write_pictures(
    folder: Path, title: str, history: list[dict[str, float]], outcome: Outcome, data: Data
) -> None:
    """Write learning curves, and the grids of the same latents over training."""
    measure = metric(outcome.metric)
    headline = f"{title}: {measure.title} {measure.show(outcome.value)}"
    coin = math.log(2)
    curves = [
        Curve("d_loss", f"discriminator's loss, nats (a coin: {coin:.2f})"),
        Curve("g_loss", "generator's loss, nats"),
    ]
    save_learning_curves(folder, headline, history, curves)
    grids = {e: p for e in range(1, len(history) + 1) if (p := _grid_path(folder, e)).exists()}
    chosen = dict(sorted(grids.items())[-MOMENTS:])
    if chosen:
        save(over_training(headline, chosen), folder / "samples_over_training.png")
