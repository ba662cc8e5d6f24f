"""Generation: images from noise, by a generator.

A model of this task has ``networks``, one of them named ``generator`` (latents to images, 0 to
255), and computes its loss itself. A GAN reports ``d_loss`` and ``g_loss``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerazoo._lazy import Figure, keras, np
from kerazoo.errors import KerazooError
from kerazoo.evidence import reference as evidence
from kerazoo.metrics import metric
from kerazoo.plots.images import over_training, write_grid
from kerazoo.plots.learning_curves import Curve
from kerazoo.registry import register_task
from kerazoo.spec import Data, Dataset, Entry, Recipe, Split, networks_of
from kerazoo.tasks import _frechet, _judges
from kerazoo.tasks.base import Baselines, Finished, Outcome, Task, check_inputs
from kerazoo.training import engine

SHOWN = 64
# Mean of a discriminator's loss over an epoch; healthy ones were never below 0.02, one whose
# generator was kept from learning fell to 0.0004.
COLLAPSED = 0.005
MOMENTS = 5  # grids in the plot over training


class Generation(Task):
    """Images, uint8 ``(n, height, width, channels)``, and images generated from latents."""

    name = "generation"
    metrics = (_judges.PIXELS,)
    has_targets = False

    def metric_of(self, entry: Entry) -> str:
        """Fréchet distance in the features of the entry's judge, or of the pixels."""
        return _judges.metric_of(entry.judges[0]) if entry.judges else _judges.PIXELS

    def check_split(self, info: Dataset, split: str, x: np.ndarray, y: np.ndarray) -> None:
        """Raise KerazooError unless the images of a split match the dataset's description."""
        where = check_inputs(info, split, x)
        if len(x) < 2:
            raise KerazooError(f"{where}: there is one image; two or more are needed.")
        if x.ndim != 4 or x.dtype != "uint8":
            raise KerazooError(
                f"{where}: x has shape {x.shape} and type {x.dtype}; expected uint8 (n, height, "
                "width, channels)."
            )

    def training_network(self, model: keras.Model, recipe: Recipe) -> keras.Model:
        """The model; a generator would reproduce augmented images, so augmentation is refused."""
        if recipe.augments:
            raise KerazooError(
                "a generator reproduces augmentation. Leave out the augment_* fields."
            )
        return model

    def compile_arguments(self, model: keras.Model) -> dict[str, Any]:
        """No loss: the model computes it."""
        return {}

    def fit_arguments(self, split: Split) -> tuple[Any, ...]:
        """Images alone."""
        return (split.x,)

    def problem(self, row: Mapping[str, float]) -> str | None:
        """Collapse of a discriminator: always right, it gives the generator no gradient."""
        if row.get("d_loss", COLLAPSED) >= COLLAPSED:
            return None
        return (
            f"the discriminator collapsed: its loss fell to {row['d_loss']:.2g}, so the generator "
            "learns nothing more. A smaller learning rate helps: --set learning_rate=..."
        )

    def after_epoch(self, directory: Path, model: keras.Model, epoch: int, epochs: int) -> None:
        """Write images of the same latents after 1, 2, 4, … epochs and the last."""
        if epoch != epochs and epoch & (epoch - 1):
            return
        write_grid(generate(model, latents(model, SHOWN, seed=0)), _grid_path(directory, epoch))

    def network(self, model: keras.Model) -> keras.Model:
        """The generator."""
        return _generator(model)

    def inputs(self, model: keras.Model, data: Data) -> np.ndarray:
        """Latents with seed 0, as many as the judge needs."""
        return latents(model, _judges.judges_of(data)[0].samples, seed=0)

    def score(self, outputs: np.ndarray, data: Data) -> Outcome:
        """Fréchet distance between generated images and the test split, in a judge's features.

        The other metrics are the distance by a second judge, if there is one, the diversity of the
        generated images and, if the judge is a classifier, the smallest and largest share of a
        class among them.
        """
        images, judges = as_images(outputs), _judges.judges_of(data)
        samples, real = ([j.extract(x) for j in judges] for x in (images, data.test.x))
        values, judge = _judges.compare(judges, samples, real), judges[0]
        balance = {"class_balance": list(samples[0].balance)} if samples[0].balance else {}
        judged = {"judge_sha256": evidence.judges_sha256(data.judges)} if data.judges else {}
        return Outcome(
            metric=judge.metric,
            value=values.pop(judge.metric),
            standard_error=_frechet.bootstrap_error(samples[0].values, real[0].values),
            examples=data.test.examples,
            also=values,
            extra={**balance, "samples": judge.samples, **judge.about(), **judged},
        )

    def baselines(self, train: Split, data: Data) -> Baselines:
        """Images of independent pixels; and as a limit real against real images."""
        judges = _judges.judges_of(data)
        real, n = [judge.extract(data.test.x) for judge in judges], judges[0].samples

        def values(images: np.ndarray) -> dict[str, float]:
            return _judges.compare(judges, [judge.extract(images) for judge in judges], real)

        return Baselines(
            simple={"independent_pixels": values(independent_pixels(train.x, n))},
            limits={"real_against_real": values(train.x[:n])},
        )

    def example(self, dataset: Dataset, source: str) -> list[str]:
        """Generated images."""
        shape = ", ".join(map(str, dataset.input_shape))
        return [
            "model.generator.summary()",
            f"images = kerazoo.sample({source}, 16, seed=0)  # uint8 (16, {shape})",
        ]

    def example_command(self, dataset: Dataset, source: str) -> str:
        """A grid of generated images."""
        return f"sample {source} --n 64 --out samples.png"

    def notes(self, entry: Entry, dataset: Dataset) -> list[str]:
        """Meaning of the Fréchet distance, the diversity and the shares of the classes."""
        features = "principal components of the pixels"
        if entry.judges:
            features = f"the last hidden layer of {entry.judges[0]}"
        lines = [
            "The Fréchet distance (Heusel et al. 2017, Advances in Neural Information Processing "
            "Systems, arXiv:1706.08500) compares mean and covariance of the features of generated "
            f"and of test images. The features are {features}, not those of an Inception network, "
            "so the value cannot be compared with an FID. It does not detect copies of training "
            "images.",
            "Diversity is the mean distance between the features of two generated images, divided "
            "by that of two test images.",
        ]
        if entry.judges:
            lines.append(
                "Smallest and largest class are shares of the generated images, by the same "
                "classifier; it was trained on the images that the generator learns from."
            )
        for other in entry.judges[1:]:
            lines.append(f"The features of the second distance are those of {other}.")
        return lines

    def curves(self, run: Finished) -> tuple[str, list[Curve]]:
        """Losses of discriminator and generator; or the one loss."""
        measure = metric(run.outcome.metric)
        curves = [
            Curve("d_loss", f"discriminator's loss, nats (chance: {math.log(2):.2f})"),
            Curve("g_loss", "generator's loss, nats"),
        ]
        known = [c for c in curves if run.history and c.key in run.history[0]]
        title = f"{measure.title} {measure.show(run.outcome.value)}"
        return title, known or [Curve("loss", "loss")]

    def plots(self, run: Finished) -> dict[str, Figure]:
        """Images of the same latents over training."""
        epochs = range(1, len(run.history) + 1)
        grids = {e: p for e in epochs if (p := _grid_path(run.directory, e)).exists()}
        chosen = dict(sorted(grids.items())[-MOMENTS:])
        title = f"{run.name}: {self.curves(run)[0]}"
        return {"samples_over_training": over_training(title, chosen)} if chosen else {}

    def limit_test_rows(self, data: Data, rows: int) -> Data:
        """All the data: the distance depends on the number of images."""
        return data


def _grid_path(directory: Path, epoch: int) -> Path:
    return directory / "samples" / f"epoch-{epoch:04d}.png"


def _generator(model: keras.Model) -> keras.Model:
    networks = networks_of(model)
    if "generator" not in networks:
        raise KerazooError(
            f"{model.name} has no network named 'generator', only {', '.join(networks)}. A model "
            "of the task generation needs one in its property 'networks'."
        )
    return networks["generator"]


def latents(model: keras.Model, n: int, seed: int) -> np.ndarray:
    """Latents of a standard normal distribution: float32 ``(n, latent)``, the same everywhere."""
    random = np.random.RandomState(seed)
    made = np.empty((n, _generator(model).input_shape[-1]), np.float32)
    for row in made:  # one by one: those of a flow are as large as images, and doubles twice that
        row[:] = random.standard_normal(len(row))
    return made


def generate(model: keras.Model, latents: np.ndarray) -> np.ndarray:
    """Images generated from latents: uint8 ``(n, height, width, channels)``."""
    return as_images(engine.predict(_generator(model), latents))


def as_images(outputs: np.ndarray) -> np.ndarray:
    """Outputs of a generator as uint8."""
    return np.clip(np.rint(outputs), 0, 255).astype(np.uint8)


def independent_pixels(images: np.ndarray, n: int) -> np.ndarray:
    """``n`` images; each pixel comes from a training image chosen at random, seed 0."""
    random = np.random.RandomState(0)
    flat = images.reshape(len(images), -1)
    places = np.arange(flat.shape[1])
    chosen = np.empty((n, flat.shape[1]), flat.dtype)
    for row in chosen:  # one by one: the indices take eight times the memory of the pixels
        row[:] = flat[random.randint(0, len(flat), flat.shape[1]), places]
    return chosen.reshape(n, *images.shape[1:])


register_task(Generation())
