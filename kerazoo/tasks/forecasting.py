"""Forecasting: the next values of a series from a window of its past."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import keras
from kerazoo.errors import KerazooError
from kerazoo.metrics import metric
from kerazoo.plots.forecasts import forecasts
from kerazoo.plots.learning_curves import Curve, save, save_learning_curves
from kerazoo.spec import Data, Dataset, Recipe, Split
from kerazoo.tasks import _baselines as linear_models
from kerazoo.tasks.base import Baselines, Outcome
from kerazoo.training import engine
from kerazoo.training.augmentation import with_augmentation

if TYPE_CHECKING:
    import numpy as np

RIDGE = 1e-3  # per training window, on standardised values
NUMBERS = 2**22  # of windows that are copied at a time


def factory_options(dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
    """Look-back and number of columns, horizon and number of targets."""
    assert dataset.windows is not None
    lookback = recipe.lookback or dataset.windows.lookback
    return {
        "input_shape": (lookback, len(dataset.columns)),
        "horizon": dataset.windows.horizon,
        "targets": len(dataset.targets),
    }


def check_split(info: Dataset, split: str, x: np.ndarray, y: np.ndarray) -> None:
    """Raise KerazooError unless the values of a split are what the dataset says."""
    import numpy as np

    where = f"dataset {info.name!r}, split {split!r}"
    if x.ndim != 2 or x.shape[1] != len(info.columns) or x.dtype.kind != "f":
        raise KerazooError(
            f"{where}: the values have shape {x.shape} and type {x.dtype}; expected floating-point "
            f"numbers of shape (n, {len(info.columns)})."
        )
    if not np.isfinite(x).all():
        row = int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])
        raise KerazooError(f"{where}: row {row} holds a value that is NaN or infinite.")
    if split == "test" and info.metric == "nrmse" and x.min() == x.max():
        raise KerazooError(f"{where}: all values are {x.min():g}, on which NRMSE has no meaning.")


def network_in_training(model: keras.Model, recipe: Recipe) -> keras.Model:
    """The model behind an input of its own, so that compiling leaves the model as it was."""
    return with_augmentation(model, recipe)


def compile_arguments(model: keras.Model) -> dict[str, Any]:
    """Mean squared error of the standardised values; the mean absolute error beside it."""
    return {"loss": keras.losses.MeanSquaredError(), "metrics": ["mae"]}


def fit_arguments(split: Split) -> tuple[Any, ...]:
    """Windows and what follows them."""
    return split.x, split.y


def trouble(row: dict[str, float]) -> str | None:
    """Nothing beyond what every task looks for."""
    return None


def at_epoch(folder: Path, model: keras.Model, epoch: int, epochs: int) -> None:
    """Nothing."""


def measure(model: keras.Model, data: Data) -> Outcome:
    """Errors over every window of the test split, in standardised and in natural units.

    The main one, with its standard error, is what the dataset's ``metric`` says.
    """
    return measured(engine.predict(model, data.test.x), data)


def measured(predicted: np.ndarray, data: Data) -> Outcome:
    """What :func:`measure` says of forecasts ``(n, horizon, targets)`` of the test split."""
    figures = errors(predicted, data)
    name = data.info.metric
    return Outcome(
        metric=name,
        value=figures.pop(name),
        standard_error=standard_error(name, predicted, data),
        examples=len(data.test),
        also=figures,
        extra=_by_target(predicted, data),
        raw=predicted,
    )


def _by_target(predicted: np.ndarray, data: Data) -> dict[str, Any]:
    """The errors of each of several targets: their natural units are no common ones."""
    targets = data.info.targets
    if len(targets) < 2:
        return {}
    wrong = predicted.astype("float64") - data.test.y
    natural = wrong * target_scale(data)
    return {
        "by_target": {
            name: {
                "mse": float((wrong[:, :, place] ** 2).mean()),
                "mae": float(abs(wrong[:, :, place]).mean()),
                "mae_natural": float(abs(natural[:, :, place]).mean()),
            }
            for place, name in enumerate(targets)
        }
    }


def errors(predicted: np.ndarray, data: Data) -> dict[str, float]:
    """The error metrics of forecasts ``(n, horizon, targets)`` of the test split.

    ``mse`` and ``mae`` are of values standardised with the training split's mean and standard
    deviation, the mean over windows, horizon and targets; ``mse_natural`` and ``mae_natural`` of
    natural units; ``nrmse`` is the root mean squared error over the standard deviation of the
    true test values, and left out where these are all the same.
    """
    import numpy as np

    assert data.series is not None
    true = data.test.y.astype(np.float64)
    wrong = predicted.astype(np.float64) - true
    natural = wrong * target_scale(data)
    mse = float((wrong**2).mean())
    found = {
        "mse": mse,
        "mae": float(np.abs(wrong).mean()),
        "mse_natural": float((natural**2).mean()),
        "mae_natural": float(np.abs(natural).mean()),
    }
    if true.min() < true.max():
        found["nrmse"] = float(np.sqrt(mse) / true.std())
    return found


def standard_error(name: str, predicted: np.ndarray, data: Data) -> float:
    """Standard error of one of the error metrics, by name, over the windows of the test split.

    Neighbouring windows overlap, and a series errs for a while where it errs at all. So it is that
    of batch means: of stretches of about √n windows, and of the horizon at least.
    """
    import numpy as np

    wrong = predicted.astype(np.float64) - data.test.y
    if name.endswith("_natural"):
        wrong = wrong * target_scale(data)
    each = np.abs(wrong) if name.startswith("mae") else wrong**2
    each = each.mean(axis=(1, 2))
    length = max(round(len(each) ** 0.5), predicted.shape[1])
    stretches = np.array_split(each, max(2, len(each) // length)) if len(each) > 1 else [each]
    means = [stretch.mean() for stretch in stretches]
    error = float(np.std(means, ddof=1) / np.sqrt(len(means))) if len(means) > 1 else 0.0
    mean = float(each.mean())
    if name == "nrmse":  # the square root of the mean squared error, over a constant
        scale = float(2 * np.sqrt(mean) * data.test.y.astype(np.float64).std())
        return error / scale if mean else 0.0
    return error


def target_scale(data: Data) -> np.ndarray:
    """What one standardised unit of each target is in natural units: float64 ``(targets,)``."""
    assert data.series is not None
    chosen = data.series.windows.targets
    return data.series.std if chosen is None else data.series.std[list(chosen)]


def naive_forecasts(train: Split, data: Data) -> dict[str, np.ndarray]:
    """What the naive models say of the test split, ``(n, horizon, targets)`` each.

    ``repeat_last``: the last value seen. ``seasonal_repeat``: the last whole season. ``linear``:
    ridge regression on the same training windows, one map shared by all target columns, each
    forecast from its own past. ``linear_from_last``: the same for the window less its last value
    and the change from that value, which follows a level that drifts.
    """
    assert data.series is not None
    windows = data.series.windows
    x, shape = data.test.x, data.test.y.shape
    own = slice(None) if windows.targets is None else list(windows.targets)
    last = x[:, -1:, own]
    said = {"repeat_last": last.repeat(shape[1], axis=1)}
    season = windows.season
    if season is not None and season <= x.shape[1]:
        said["seasonal_repeat"] = _seasonal(x[:, :, own], season, windows.lead, shape[1])
    said["linear"] = _linear(train, data.test, own, from_last=False)
    said["linear_from_last"] = _linear(train, data.test, own, from_last=True)
    return said


def _seasonal(x: np.ndarray, season: int, lead: int, horizon: int) -> np.ndarray:
    """The value one or more whole seasons before each forecast step, the latest one seen."""
    steps = [(lead - 1 + h) % season - season for h in range(horizon)]
    return x[:, steps]


def _linear(train: Split, test: Split, own: Any, *, from_last: bool) -> np.ndarray:
    import numpy as np

    def rows(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each column by itself ``(n · columns, lookback)``, and the level that was taken off."""
        x = np.swapaxes(x[:, :, own], 1, 2)
        level = x[:, :, -1:] * from_last
        return (x - level).reshape(-1, x.shape[2]), level

    def stretches(split: Split) -> Iterator[Split]:
        """Overlapping windows are views of one series; copies of all of them may not fit."""
        step = max(1, NUMBERS // split.x[0].size)
        for start in range(0, len(split), step):
            yield Split(split.x[start : start + step], split.y[start : start + step])

    def examples() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for part in stretches(train):
            inputs, level = rows(part.x)
            change = np.swapaxes(part.y, 1, 2) - level
            yield inputs, change.reshape(len(inputs), -1)

    fitted, intercept = linear_models.least_squares_of_parts(examples, ridge=RIDGE)
    said = []
    for part in stretches(test):
        inputs, level = rows(part.x)
        ahead = (inputs @ fitted + intercept).reshape(*level.shape[:2], -1) + level
        said.append(np.swapaxes(ahead, 1, 2))
    return np.concatenate(said)


def baselines(train: Split, data: Data) -> Baselines:
    """The naive forecasts' errors on the test split."""
    said = naive_forecasts(train, data)
    return Baselines(naive={name: errors(forecast, data) for name, forecast in said.items()})


def write_pictures(
    folder: Path, title: str, history: list[dict[str, float]], outcome: Outcome, data: Data
) -> None:
    """Write learning curves, and forecasts beside context, truth and baselines.

    The linear ones among these are fitted to the training split, whatever else a recipe trains on.
    """
    figures = {outcome.metric: outcome.value, **outcome.also}
    mse, mae = figures["mse"], figures["mae"]
    headline = f"{title}: test MSE {mse:.4f}, MAE {mae:.4f} (standardised)"
    if outcome.metric not in ("mse", "mae"):
        measure = metric(outcome.metric)
        headline += f", {measure.title} {measure.show(outcome.value)}"
    curves = [Curve("loss", "MSE, standardised", mse), Curve("mae", "MAE, standardised", mae)]
    save_learning_curves(folder, headline, history, curves)
    figure = forecasts(headline, outcome.raw, naive_forecasts(data.train, data), data)
    save(figure, folder / "forecasts.png")
