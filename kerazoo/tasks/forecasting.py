"""Forecasting: the next values of a series from a window of its past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from kerazoo._lazy import Figure, keras, np
from kerazoo.errors import KerazooError
from kerazoo.metrics import metric
from kerazoo.plots.forecasts import forecasts
from kerazoo.plots.learning_curves import Curve
from kerazoo.registry import register_task
from kerazoo.spec import Data, Dataset, Entry, Recipe, Split, Windows
from kerazoo.tasks import _baselines
from kerazoo.tasks._intervals import Intervals, with_intervals
from kerazoo.tasks.base import Baselines, Finished, Outcome, Task, require_array

RIDGE = 1e-3  # per training window, on standardized values
FLOOR = 0.05  # of a spread, in standard deviations of the training split
NUMBERS = 2**22  # values of windows that are copied at a time


class Forecasting(Task):
    """Windows ``(n, lookback, columns)`` and targets ``(n, horizon, targets)``, standardized."""

    name = "forecasting"
    metrics = ("mse", "mae", "mse_natural", "mae_natural", "nrmse")
    needs: ClassVar[Mapping[str, str]] = {
        "targets": "the name of each forecast column",
        "windows": "lookback and horizon",
    }

    def factory_options(self, dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
        """Lookback and number of columns, horizon and number of targets."""
        assert dataset.windows is not None
        lookback = recipe.lookback or dataset.windows.lookback
        return {
            "input_shape": (lookback, len(dataset.columns)),
            "horizon": dataset.windows.horizon,
            "targets": len(dataset.targets),
        }

    def check_split(self, info: Dataset, split: str, x: np.ndarray, y: np.ndarray) -> None:
        """Raise KerazooError unless the values of a split match the dataset's description."""
        where = f"dataset {info.name!r}, split {split!r}"
        require_array(x, (None, len(info.columns)), "f", f"{where}: the series")
        if split == "test" and info.metric == "nrmse" and x.min() == x.max():
            raise KerazooError(
                f"{where}: all values are {x.min():g}, so NRMSE is undefined. Use another metric."
            )

    def compile_arguments(self, model: keras.Model) -> dict[str, Any]:
        """Mean squared error of the standardized values, and the mean absolute error."""
        return {"loss": keras.losses.MeanSquaredError(), "metrics": ["mae"]}

    def score(self, outputs: np.ndarray, data: Data) -> Outcome:
        """Errors over every window of the test split, in standardized and natural units.

        The dataset's ``metric`` is the main one.
        """
        values = errors(outputs, data)
        name = data.info.metric
        return Outcome(
            metric=name,
            value=values.pop(name),
            standard_error=standard_error(name, outputs, data),
            examples=data.test.examples,
            also=values,
            extra={**_by_target(outputs, data), **_by_series(outputs, data)},
            raw=outputs,
        )

    def calibrate(self, model: keras.Model, data: Data, recipe: Recipe) -> Outcome:
        """Prediction intervals of each step, as wide as the window of the past varies."""
        assert data.series is not None
        outcome, validation = self.evaluate(model, data), data.on_validation()
        before = _differences(self.outputs(model, validation), validation)[1]
        errors, spreads = _differences(outcome.raw, data)[1], (spread(validation), spread(data))
        outcome = with_intervals(outcome, (before, errors), spreads)
        if intervals := outcome.extra.get("intervals"):
            inside = np.abs(errors) <= Intervals(**intervals).half_widths(spreads[1])
            for name, windows in _windows_by_series(data).items():
                outcome.extra["by_series"][name]["coverage"] = float(inside[windows].mean())
        return outcome

    def baselines(self, train: Split, data: Data) -> Baselines:
        """Errors of the baseline forecasts."""
        found = baseline_forecasts(train, data)
        return Baselines(simple={name: errors(forecast, data) for name, forecast in found.items()})

    def example(self, dataset: Dataset, source: str) -> list[str]:
        """Forecast in natural units."""
        assert dataset.windows is not None
        columns = list(dataset.windows.targets or range(len(dataset.columns)))
        return [
            "forecast = model.predict(data.test.x[:1])  # (1, horizon, targets), normalized",
            f"columns = {columns}  # the targets, which are converted to natural units",
            "print(forecast * data.series.std[columns] + data.series.mean[columns])",
        ]

    def notes(self, entry: Entry, dataset: Dataset) -> list[str]:
        """Meaning of natural units where there are several."""
        if len(dataset.targets) == 1:
            return []
        return [
            f"Metrics in natural units are means over {len(dataset.targets)} columns of different "
            "units and sizes, so the largest ones dominate; kerazoo evaluate lists each column."
        ]

    def curves(self, run: Finished) -> tuple[str, list[Curve]]:
        """Errors of the standardized values."""
        values = {run.outcome.metric: run.outcome.value, **run.outcome.also}
        mse, mae = values["mse"], values["mae"]
        title = f"test MSE {mse:.4f}, MAE {mae:.4f} (standardized)"
        if run.outcome.metric not in ("mse", "mae"):
            measure = metric(run.outcome.metric)
            title += f", {measure.title} {measure.show(run.outcome.value)}"
        panels = [Curve("loss", "MSE, standardized", mse), Curve("mae", "MAE, standardized", mae)]
        return title, panels

    def plots(self, run: Finished) -> dict[str, Figure]:
        """Forecasts with truth and baselines; linear ones are fitted to the training split."""
        title = f"{run.name}: {self.curves(run)[0]}"
        simple = baseline_forecasts(run.data.train, run.data)
        half = None
        if intervals := run.outcome.extra.get("intervals"):
            half = Intervals(**intervals).half_widths(spread(run.data))
        return {"forecasts": forecasts(title, run.outcome.raw, simple, run.data, half)}

    def side_files(self, data: Data, *, natural_units: bool) -> dict[str, Any]:
        """Columns, windows and units of the series, and what standardizes it."""
        series = data.series
        assert series is not None
        return {
            "series.json": {
                "units": "natural" if natural_units else "standardized",
                "columns": list(data.info.columns),
                "targets": list(data.info.targets),
                "lookback": data.test.x.shape[1],
                "horizon": series.windows.horizon,
                "lead": series.windows.lead,
                "mean": series.overall[0].tolist(),
                "std": series.overall[1].tolist(),
            }
        }


def _by_target(predicted: np.ndarray, data: Data) -> dict[str, Any]:
    """Errors of each target if there are several: their natural units differ."""
    targets = data.info.targets
    if len(targets) < 2:
        return {}
    wrong, natural = _differences(predicted, data)
    places = enumerate(targets)
    return {"by_target": {name: _of_group(wrong[..., i], natural[..., i]) for i, name in places}}


def _windows_by_series(data: Data) -> dict[str, np.ndarray]:
    """Which test windows are of each series, if there are several."""
    assert data.series is not None
    of = data.series.of.get("test", np.zeros(0))
    return {name: of == place for place, name in enumerate(data.series.names)}


def _by_series(predicted: np.ndarray, data: Data) -> dict[str, Any]:
    """Errors of each series if there are several, over all targets."""
    wrong, natural = _differences(predicted, data)
    found = {
        name: {"examples": int(windows.sum()), **_of_group(wrong[windows], natural[windows])}
        for name, windows in _windows_by_series(data).items()
        if windows.any()
    }
    return {"by_series": found} if found else {}


def _means(wrong: np.ndarray, natural: np.ndarray) -> dict[str, float]:
    """The error metrics of differences, standardized and in natural units."""
    return {
        "mse": float((wrong**2).mean()),
        "mae": float(np.abs(wrong).mean()),
        "mse_natural": float((natural**2).mean()),
        "mae_natural": float(np.abs(natural).mean()),
    }


def _of_group(wrong: np.ndarray, natural: np.ndarray) -> dict[str, float]:
    """The metrics that are reported of each target or series."""
    means = _means(wrong, natural)
    return {name: means[name] for name in ("mse", "mae", "mae_natural")}


def errors(predicted: np.ndarray, data: Data) -> dict[str, float]:
    """The error metrics of forecasts ``(n, horizon, targets)`` of the test split.

    ``mse`` and ``mae`` are of values standardized with the training split's mean and standard
    deviation, the mean over windows, horizon and targets; ``mse_natural`` and ``mae_natural`` of
    natural units; ``nrmse`` is the root mean squared error over the standard deviation of the
    true test values, and left out where these are all the same.
    """
    true = data.test.y.astype(np.float64)
    wrong, natural = _differences(predicted, data)
    found = _means(wrong, natural)
    if true.min() < true.max():
        found["nrmse"] = float(np.sqrt(found["mse"]) / true.std())
    return found


def standard_error(name: str, predicted: np.ndarray, data: Data) -> float:
    """Standard error of one of the error metrics, by name, over the windows of the test split.

    Neighboring windows overlap, and a series errs for a while where it errs at all. So it is that
    of batch means: of stretches of about √n windows, and of the horizon at least.
    """
    wrong = _differences(predicted, data)[name.endswith("_natural")]
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


def _differences(predicted: np.ndarray, data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Forecasts minus truth, float64 ``(n, horizon, targets)``: standardized, in natural units."""
    assert data.series is not None
    wrong = predicted.astype(np.float64) - data.test.y
    return wrong, wrong * data.series.scale()[1][..., _targets(data.series.windows)]


def spread(data: Data) -> np.ndarray:
    """Spread of each target in each test window, natural units: ``(n, 1, targets)``.

    A fraction of the training split's standard deviation is added to the window's.
    """
    assert data.series is not None
    columns = _targets(data.series.windows)
    parts = [p.x[:, :, columns].std(axis=1, keepdims=True) for p in _stretches(data.test)]
    return (np.concatenate(parts) + FLOOR) * data.series.scale()[1][..., columns]


def _stretches(split: Split) -> Iterator[Split]:
    """Overlapping windows are views of one series; copies of all of them may not fit."""
    step = max(1, NUMBERS // split.x[0].size)
    for start in range(0, split.examples, step):
        yield Split(split.x[start : start + step], split.y[start : start + step])


def _targets(windows: Windows) -> Any:
    """Index of the target columns."""
    return slice(None) if windows.targets is None else list(windows.targets)


def baseline_forecasts(train: Split, data: Data) -> dict[str, np.ndarray]:
    """Baseline forecasts of the test split, ``(n, horizon, targets)`` each.

    ``repeat_last``: the last value. ``seasonal_repeat``: the last whole season. ``linear``:
    ridge regression on the same training windows, one map shared by all target columns, each
    forecast from its past and the covariates. ``linear_from_last``: the same for the window minus
    its last value and the change from that value, which follows a level that drifts.
    """
    assert data.series is not None
    windows = data.series.windows
    x, shape = data.test.x, data.test.y.shape
    columns = _targets(windows)
    last = x[:, -1:, columns]
    found = {"repeat_last": last.repeat(shape[1], axis=1)}
    season = windows.season
    if season is not None and season <= x.shape[1]:
        found["seasonal_repeat"] = _seasonal(x[:, :, columns], season, windows.lead, shape[1])
    found["linear"] = _linear(train, data.test, windows, from_last=False)
    found["linear_from_last"] = _linear(train, data.test, windows, from_last=True)
    return found


def _seasonal(x: np.ndarray, season: int, lead: int, horizon: int) -> np.ndarray:
    """The value one or more whole seasons before each forecast step, the latest one known."""
    return x[:, [(lead - 1 + h) % season - season for h in range(horizon)]]


def _linear(train: Split, test: Split, windows: Windows, *, from_last: bool) -> np.ndarray:
    targets = _targets(windows)

    def rows(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each target by itself, with all covariates, and the level that was taken off.

        The rows are ``(n · targets, lookback · (1 + covariates))``.
        """
        own = np.swapaxes(x[:, :, targets], 1, 2)
        level = own[:, :, -1:] * from_last
        inputs = (own - level).reshape(-1, own.shape[2])
        if windows.targets is None:
            return inputs, level
        covariates = np.delete(x, windows.targets, axis=2).reshape(len(x), -1)
        return np.hstack([inputs, covariates.repeat(own.shape[1], axis=0)]), level

    def examples() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for part in _stretches(train):
            inputs, level = rows(part.x)
            change = np.swapaxes(part.y, 1, 2) - level
            yield inputs, change.reshape(len(inputs), -1)

    fitted, intercept = _baselines.least_squares(examples, ridge=RIDGE)
    found = []
    for part in _stretches(test):
        inputs, level = rows(part.x)
        ahead = (inputs @ fitted + intercept).reshape(*level.shape[:2], -1) + level
        found.append(np.swapaxes(ahead, 1, 2))
    return np.concatenate(found)


register_task(Forecasting())
