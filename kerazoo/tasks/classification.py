"""Classification: one of several classes for each picture, text or row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import keras
from kerazoo.datasets import _text as text
from kerazoo.errors import KerazooError
from kerazoo.plots.classification import confusion_matrix, worst_mistakes
from kerazoo.plots.learning_curves import Curve, save, save_learning_curves
from kerazoo.spec import Data, Dataset, Recipe, Split, is_picture
from kerazoo.tasks import _baselines as linear_models
from kerazoo.tasks._inputs import check_inputs
from kerazoo.tasks._scores import Scores, binomial_standard_error
from kerazoo.tasks.base import Baselines, Outcome
from kerazoo.training.augmentation import with_augmentation
from kerazoo.training.inference import probabilities
from kerazoo.training.optimizer import last_activation

if TYPE_CHECKING:
    import numpy as np


def factory_options(dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
    """Shape of an example and number of classes; of text also the size of the vocabulary."""
    options = {"input_shape": dataset.input_shape, "classes": dataset.classes}
    if dataset.vocabulary is not None:
        options["vocabulary"] = text.vocabulary_size(dataset.vocabulary)
    return options


def check_split(info: Dataset, split: str, x: np.ndarray, y: np.ndarray) -> None:
    """Raise KerazooError unless the arrays of a split are what the dataset says."""
    where = check_inputs(info, split, x)
    if y.shape != (len(x),) or y.dtype.kind not in "iu":
        raise KerazooError(
            f"{where}: y has shape {y.shape} and type {y.dtype}; expected whole numbers of shape "
            f"({len(x)},)."
        )
    if y.min() < 0 or y.max() >= info.classes:
        raise KerazooError(
            f"{where}: labels run from {y.min()} to {y.max()}; with {info.classes} class names "
            f"they must lie in 0 to {info.classes - 1}."
        )


def network_in_training(model: keras.Model, recipe: Recipe) -> keras.Model:
    """The model behind the recipe's random changes of pictures."""
    return with_augmentation(model, recipe)


def compile_arguments(model: keras.Model) -> dict[str, Any]:
    """The loss that belongs to the model's last activation.

    ``softmax`` takes probabilities, no activation takes logits: the well-known mistake of
    ``softmax`` with ``from_logits=True`` cannot be written.

    Raises:
        KerazooError: the last layer has another activation.
    """
    name = last_activation(model)
    if name not in ("softmax", "linear"):
        raise KerazooError(
            f"model {model.name!r} ends in activation {name!r}; a classifier ends in 'softmax' "
            "(probabilities) or 'linear' (logits)."
        )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=name == "linear")
    return {"loss": loss, "metrics": ["accuracy"]}


def fit_arguments(split: Split) -> tuple[Any, ...]:
    """Examples and labels."""
    return split.x, split.y


def trouble(row: dict[str, float]) -> str | None:
    """Nothing beyond what every task looks for."""
    return None


def at_epoch(folder: Path, model: keras.Model, epoch: int, epochs: int) -> None:
    """Nothing."""


def measure(model: keras.Model, data: Data) -> Outcome:
    """Accuracy, cross-entropy and confusion matrix on the test split."""
    scores = Scores(probabilities(model, data.test.x), data.test.y)
    return Outcome(
        metric="accuracy",
        value=scores.accuracy,
        standard_error=binomial_standard_error(scores.accuracy, len(data.test)),
        examples=len(data.test),
        extra={"loss": scores.loss, "confusion": scores.confusion.tolist()},
        raw=scores,
    )


def baselines(train: Split, data: Data) -> Baselines:
    """Always the most frequent class; and a linear model of the raw values."""
    majority = linear_models.majority_class(train, data.test)
    if data.info.vocabulary is not None:
        linear = linear_models.bag_of_words(train, data)
    else:
        linear = linear_models.logistic(train, data.test)
    return Baselines(
        naive={"majority_class": {"accuracy": majority}, "linear": {"accuracy": linear}}
    )


def write_pictures(
    folder: Path, title: str, history: list[dict[str, float]], outcome: Outcome, data: Data
) -> None:
    """Write learning curves, confusion matrix and, of pictures, the worst mistakes."""
    scores: Scores = outcome.raw
    curves = [
        Curve("loss", "cross-entropy, nats", scores.loss),
        Curve("accuracy", "error, %", scores.accuracy, lambda v: 100 * (1 - v)),
    ]
    headline = f"{title}: test accuracy {scores.accuracy:.2%}"
    save_learning_curves(folder, headline, history, curves)
    save(confusion_matrix(title, scores, data.info.labels), folder / "confusion_matrix.png")
    if is_picture(data.info.input_shape):
        save(worst_mistakes(title, scores, data), folder / "worst_mistakes.png")
