"""Regression: one or more numbers for each row of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from kerazoo._lazy import Figure, keras, np
from kerazoo.errors import KerazooError
from kerazoo.plots.learning_curves import Curve
from kerazoo.plots.predictions import predicted_against_true
from kerazoo.registry import register_task
from kerazoo.spec import Data, Dataset, Recipe, Split
from kerazoo.tasks import _baselines
from kerazoo.tasks._intervals import with_intervals
from kerazoo.tasks.base import (
    Baselines,
    Finished,
    Outcome,
    Task,
    check_inputs,
    reject_tiny_spread,
    require_array,
)

BOOTSTRAPS = 200
PART = 500_000  # rows that a baseline takes at a time


class Regression(Task):
    """Float targets ``(n, targets)`` in natural units."""

    name = "regression"
    metrics = ("r2",)
    needs: ClassVar[Mapping[str, str]] = {"targets": "the name of each output"}

    def factory_options(self, dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
        """Shape of a row and number of targets."""
        return {"input_shape": dataset.input_shape, "outputs": len(dataset.targets)}

    def check_split(self, info: Dataset, split: str, x: np.ndarray, y: np.ndarray) -> None:
        """Raise KerazooError unless the arrays of a split match the dataset's description."""
        where = check_inputs(info, split, x)
        require_array(y, (len(x), len(info.targets)), "f", f"{where}: y")
        if split == "train":
            reject_tiny_spread(y, info.targets, where)
        if split == "test":
            reject_constant(y, info.targets, where)

    def compile_arguments(self, model: keras.Model) -> dict[str, Any]:
        """Mean squared error; for a model that scales its targets, in units of their spread.

        So targets count alike, whatever their units, and no gradient is too small for Adam or too
        large for float32. With one target, its error in natural units is a metric.
        """
        last = model.layers[-1]
        if not isinstance(last, keras.layers.Normalization):
            return {"loss": keras.losses.MeanSquaredError()}
        spread = keras.ops.convert_to_numpy(last.variance) ** 0.5
        spread = spread.clip(min=keras.config.epsilon())  # as the layer does

        def standardized(true: Any, predicted: Any) -> Any:
            return keras.ops.mean(keras.ops.square((true - predicted) / spread), axis=-1)

        return {"loss": standardized, "metrics": ["mse"] if spread.size == 1 else None}

    def score(self, outputs: np.ndarray, data: Data) -> Outcome:
        """R² (mean over the targets) and the errors in natural units.

        The standard error of R² comes from 200 bootstrap resamples of the test rows, seed 0. A
        target that is constant in a resample has no R² there and does not count.
        """
        predicted = outputs.astype(np.float64)
        true = data.test.y.astype(np.float64)
        random = np.random.RandomState(0)
        draws = (random.randint(0, len(true), len(true)) for _ in range(BOOTSTRAPS))
        differ = ((i, np.ptp(true[i], axis=0) > 0) for i in draws)
        again = [r_squared(true[i][:, k], predicted[i][:, k]) for i, k in differ if k.any()]
        values = _metrics(true, predicted)
        return Outcome(
            metric="r2",
            value=values.pop("r2"),
            standard_error=float(np.std(again, ddof=1)),
            examples=len(true),
            also=values,
            raw=predicted,
        )

    def calibrate(self, model: keras.Model, data: Data, recipe: Recipe) -> Outcome:
        """Prediction intervals, as wide for every row."""
        outcome, validation = self.evaluate(model, data), data.on_validation()
        errors = self.outputs(model, validation) - data.validation.y, outcome.raw - data.test.y
        return with_intervals(outcome, (errors[0][:, None], errors[1][:, None]))

    def baselines(self, train: Split, data: Data) -> Baselines:
        """The training mean; and as a limit for linear models closed-form least squares."""
        true = data.test.y.astype(np.float64)
        mean = np.broadcast_to(train.y.mean(axis=0), true.shape)
        parts = [slice(i, i + PART) for i in range(0, train.examples, PART)]
        coefficients, intercept = _baselines.least_squares(
            lambda: ((train.x[part], train.y[part]) for part in parts)
        )
        linear = data.test.x.astype(np.float64) @ coefficients + intercept
        return Baselines(
            simple={"training_mean": _metrics(true, mean)},
            limits={"least_squares": _metrics(true, linear)},
        )

    def curves(self, run: Finished) -> tuple[str, list[Curve]]:
        """Mean squared error in natural units; the loss if the targets' units differ."""
        key = "mse" if run.history and "mse" in run.history[0] else "loss"
        curve = Curve(key, "mean squared error", run.outcome.also["mse_natural"])
        several = len(run.data.info.targets) > 1
        return f"test R² {run.outcome.value:.4f}", [Curve("loss", "loss") if several else curve]

    def plots(self, run: Finished) -> dict[str, Figure]:
        """Predictions against the truth."""
        title = f"{run.name}: {self.curves(run)[0]}"
        true, predicted = run.data.test.y, run.outcome.raw
        plot = predicted_against_true(title, true, predicted, run.data.info.targets)
        return {"predicted_against_true": plot}

    def limit_test_rows(self, data: Data, rows: int) -> Data:
        """The data with fewer test rows, if every target still varies."""
        limited = super().limit_test_rows(data, rows)
        reject_constant(limited.test.y, data.info.targets, f"{rows:,} rows")
        return limited


def reject_constant(y: np.ndarray, names: Sequence[str], where: str) -> None:
    """Raise KerazooError if a test target in ``(n, outputs)`` is constant: R² is undefined."""
    for name, values in zip(names, y.T, strict=True):
        if values.min() == values.max():
            raise KerazooError(
                f"{where}: target {name!r} is {values[0]:g} in every row of the test split, so R² "
                "is undefined. Use more rows, or rows that differ."
            )


def r_squared(true: np.ndarray, predicted: np.ndarray) -> float:
    """1 - residual over total sum of squares, ``(n, outputs)`` each, mean over the outputs."""
    residual = ((true - predicted) ** 2).sum(axis=0)
    total = ((true - true.mean(axis=0)) ** 2).sum(axis=0)
    return float((1 - residual / total).mean())


def _metrics(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """R² and the errors in natural units, of ``(n, outputs)`` each."""
    errors = predicted - true
    mse, mae = float((errors**2).mean()), float(np.abs(errors).mean())
    return {"r2": r_squared(true, predicted), "mse_natural": mse, "mae_natural": mae}


register_task(Regression())
