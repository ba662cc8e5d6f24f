"""Regression: one or more numbers for each row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import keras
from kerazoo.errors import KerazooError
from kerazoo.plots.learning_curves import Curve, save, save_learning_curves
from kerazoo.plots.regression import predicted_against_true
from kerazoo.spec import Data, Dataset, Recipe, Split
from kerazoo.tasks import _baselines as linear_models
from kerazoo.tasks._inputs import check_inputs, refuse_tiny
from kerazoo.tasks.base import Baselines, Outcome
from kerazoo.training import engine
from kerazoo.training.augmentation import with_augmentation

if TYPE_CHECKING:
    import numpy as np

BOOTSTRAPS = 200


def factory_options(dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
    """Shape of a row and number of targets."""
    return {"input_shape": dataset.input_shape, "outputs": len(dataset.targets)}


def check_split(info: Dataset, split: str, x: np.ndarray, y: np.ndarray) -> None:
    """Raise KerazooError unless the arrays of a split are what the dataset says."""
    import numpy as np

    where = check_inputs(info, split, x)
    if y.shape != (len(x), len(info.targets)) or y.dtype.kind != "f":
        raise KerazooError(
            f"{where}: y has shape {y.shape} and type {y.dtype}; expected floating-point numbers "
            f"of shape ({len(x)}, {len(info.targets)})."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise KerazooError(f"{where}: there are values that are NaN or infinite.")
    if split == "train":
        refuse_tiny(y, info.targets, where)
    if split == "test":
        refuse_constant(y, info.targets, where)


def refuse_constant(y: np.ndarray, names: Sequence[str], where: str) -> None:
    """Raise KerazooError for test targets ``(n, outputs)`` of which one is always the same."""
    for name, values in zip(names, y.T, strict=True):
        if values.min() == values.max():
            raise KerazooError(
                f"{where}: the target {name!r} is {values[0]:g} in every row of the test split; "
                "no R² can be measured on that. It takes more rows, or rows that differ."
            )


def network_in_training(model: keras.Model, recipe: Recipe) -> keras.Model:
    """The model behind an input of its own, so that compiling leaves the model as it was."""
    return with_augmentation(model, recipe)


def compile_arguments(model: keras.Model) -> dict[str, Any]:
    """Mean squared error; of a model that scales its targets, each in its own spread.

    So targets count alike, whatever their units, and no gradient is too small for Adam or too large
    for float32. Of one target the error in its own units is counted beside it, for people.
    """
    last = model.layers[-1]
    if not isinstance(last, keras.layers.Normalization):
        return {"loss": keras.losses.MeanSquaredError()}
    spread = keras.ops.convert_to_numpy(last.variance) ** 0.5
    spread = spread.clip(min=keras.config.epsilon())  # as the layer does

    def standardised(true: Any, predicted: Any) -> Any:
        return keras.ops.mean(keras.ops.square((true - predicted) / spread), axis=-1)

    return {"loss": standardised, "metrics": ["mse"] if spread.size == 1 else None}


def fit_arguments(split: Split) -> tuple[Any, ...]:
    """Rows and targets."""
    return split.x, split.y


def trouble(row: dict[str, float]) -> str | None:
    """Nothing beyond what every task looks for."""
    return None


def at_epoch(folder: Path, model: keras.Model, epoch: int, epochs: int) -> None:
    """Nothing."""


def measure(model: keras.Model, data: Data) -> Outcome:
    """R² on the test split (of several targets: the mean of theirs) and the mean squared error.

    The standard error of R² is that of 200 bootstrap resamples of the test rows, seed 0. A target
    of which a resample holds one value only has no R² there and does not count.
    """
    import numpy as np

    predicted = engine.predict(model, data.test.x).astype(np.float64)
    true = data.test.y.astype(np.float64)
    random = np.random.RandomState(0)
    draws = [random.randint(0, len(true), len(true)) for _ in range(BOOTSTRAPS)]
    differ = [(i, np.ptp(true[i], axis=0) > 0) for i in draws]
    again = [r_squared(true[i][:, k], predicted[i][:, k]) for i, k in differ if k.any()]
    return Outcome(
        metric="r2",
        value=r_squared(true, predicted),
        standard_error=float(np.std(again, ddof=1)),
        examples=len(true),
        also=_others(true, predicted),
        raw=predicted,
    )


def r_squared(true: np.ndarray, predicted: np.ndarray) -> float:
    """1 - residual over total sum of squares, ``(n, outputs)`` each, mean over the outputs."""
    residual = ((true - predicted) ** 2).sum(axis=0)
    total = ((true - true.mean(axis=0)) ** 2).sum(axis=0)
    return float((1 - residual / total).mean())


def _others(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    import numpy as np

    errors = predicted - true
    return {
        "mse_natural": float((errors**2).mean()),
        "mae_natural": float(np.abs(errors).mean()),
    }


def baselines(train: Split, data: Data) -> Baselines:
    """Always the training mean; and, a linear model's limit, closed-form least squares."""
    import numpy as np

    true = data.test.y.astype(np.float64)
    mean = np.broadcast_to(train.y.mean(axis=0), true.shape)
    coefficients, intercept = linear_models.least_squares(train.x, train.y)
    linear = data.test.x.astype(np.float64) @ coefficients + intercept
    figures = {
        name: {"r2": r_squared(true, said), **_others(true, said)}
        for name, said in (("training_mean", mean), ("least_squares", linear))
    }
    return Baselines(
        naive={"training_mean": figures["training_mean"]},
        limits={"least_squares": figures["least_squares"]},
    )


def write_pictures(
    folder: Path, title: str, history: list[dict[str, float]], outcome: Outcome, data: Data
) -> None:
    """Write learning curves, and predictions against the truth."""
    headline = f"{title}: test R² {outcome.value:.4f}"
    key = "mse" if history and "mse" in history[0] else "loss"
    curves = [Curve(key, "mean squared error", outcome.also["mse_natural"])]
    if len(data.info.targets) > 1:  # each may count in units of its own
        curves = [Curve("loss", "loss")]
    save_learning_curves(folder, headline, history, curves)
    figure = predicted_against_true(headline, data.test.y, outcome.raw, data.info.targets)
    save(figure, folder / "predicted_against_true.png")
