"""Generation: pictures from noise, by a generator and its discriminator (a GAN).

A model of this task has ``networks`` named ``generator`` (latents to pictures, 0 to 255) and
``discriminator``, computes its own loss, and reports ``d_loss`` and ``g_loss``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import building, evidence, registry
from kerazoo._lazy import keras
from kerazoo.composite import networks_of
from kerazoo.errors import KerazooError
from kerazoo.evaluation import frechet
from kerazoo.evaluation.figures import Curve, learning_curves, save
from kerazoo.evaluation.sample_figures import over_training, write_grid
from kerazoo.recipe import Recipe
from kerazoo.spec import JUDGES, Data, Dataset, Split
from kerazoo.tasks.inputs import check_inputs
from kerazoo.tasks.outcome import Baselines, Outcome
from kerazoo.training import engine

if TYPE_CHECKING:
    import numpy as np

FEATURES = "dense"  # the judge's layer that gives the features
SAMPLES = 10_000
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
    check_inputs(info, split, x)


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


@dataclass(frozen=True)
class Judgement:
    """What the judge, a classifier of digits, sees in pictures.

    Attributes:
        features: of its last hidden layer, float64 ``(n, 128)``.
        classes: the most probable digit, int64 ``(n,)``.
    """

    features: np.ndarray
    classes: np.ndarray

    @property
    def balance(self) -> list[float]:
        """The fraction of each digit."""
        import numpy as np

        return (np.bincount(self.classes, minlength=10) / len(self.classes)).tolist()


def judge_of(data: Data) -> tuple[str, str]:
    """The metric of a dataset, and the entry whose trained weights are the judge.

    Raises:
        KerazooError: no judge is known for the dataset.
    """
    if data.info.name not in JUDGES:
        raise KerazooError(
            f"samples can be judged on {' and '.join(JUDGES)} only, not on {data.info.name!r}: the "
            "Fréchet distance needs a trained classifier of such pictures."
        )
    return JUDGES[data.info.name]


def judge(pictures: np.ndarray, by: str) -> Judgement:
    """Show pictures, uint8 ``(n, 28, 28, 1)``, to the trained classifier of an entry."""
    import numpy as np

    entry = registry.get_entry(by)
    net = building.build_for(entry)
    evidence.load_bundled_weights(net, entry)
    both = keras.Model(net.input, [net.get_layer(FEATURES).output, net.output])
    features, probabilities = engine.predict(both, pictures)
    return Judgement(features.astype(np.float64), probabilities.argmax(axis=1))


def measure(model: keras.Model, data: Data) -> Outcome:
    """The Fréchet distance of 10,000 samples (latents of seed 0) to the test split.

    Beside it: the smallest and largest share of a digit among the samples, and their diversity,
    the mean distance between two samples' features over that between two test pictures'.
    """
    metric, by = judge_of(data)
    samples = judge(generate(model, latents(model, SAMPLES, seed=0)), by)
    real = judge(data.test.x, by)
    figures = _figures(samples, real)
    return Outcome(
        metric=metric,
        value=figures.pop("distance"),
        standard_error=frechet.bootstrap_error(samples.features, real.features),
        examples=len(data.test),
        also=figures,
        extra={
            "class_balance": samples.balance,
            "judge": by,
            "judge_sha256": evidence.judge_sha256(data.info.name, "generation"),
        },
    )


def _figures(seen: Judgement, real: Judgement) -> dict[str, float]:
    spread = frechet.mean_distance(real.features)
    return {
        "distance": frechet.frechet_distance(seen.features, real.features),
        "smallest_class": min(seen.balance),
        "largest_class": max(seen.balance),
        "diversity": frechet.mean_distance(seen.features) / spread,
    }


def baselines(train: Split, data: Data) -> Baselines:
    """Pictures whose pixels are drawn one by one; and real against real, which is the floor."""
    import numpy as np

    metric, by = judge_of(data)
    real = judge(data.test.x, by)
    random = np.random.RandomState(0)
    flat = train.x.reshape(len(train), -1)
    drawn = flat[random.randint(0, len(flat), (SAMPLES, flat.shape[1])), np.arange(flat.shape[1])]
    seen = {
        "independent_pixels": judge(drawn.reshape(SAMPLES, *train.x.shape[1:]), by),
        "real_against_real": judge(train.x[:SAMPLES], by),
    }
    figures = {name: _figures(judgement, real) for name, judgement in seen.items()}
    for row in figures.values():
        row[metric] = row.pop("distance")
    return Baselines(
        naive={"independent_pixels": figures["independent_pixels"]},
        limits={"real_against_real": figures["real_against_real"]},
    )


def write_pictures(
    folder: Path, title: str, history: list[dict[str, float]], outcome: Outcome, data: Data
) -> None:
    """Write learning curves, and the grids of the same latents over training."""
    headline = f"{title}: {outcome.metric} {outcome.value:.2f}"
    coin = math.log(2)
    curves = [
        Curve("d_loss", f"discriminator's loss, nats (a coin: {coin:.2f})"),
        Curve("g_loss", "generator's loss, nats"),
    ]
    save(learning_curves(headline, history, curves), folder / "learning_curves.png")
    grids = {e: p for e in range(1, len(history) + 1) if (p := _grid_path(folder, e)).exists()}
    chosen = dict(sorted(grids.items())[-MOMENTS:])
    if chosen:
        save(over_training(headline, chosen), folder / "samples_over_training.png")
