"""Plots of forecasts: context, truth, forecast and baselines, in natural units."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from kerazoo._lazy import Figure, np, pd
from kerazoo.plots.figure import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    PURPLE,
    head,
    legend_below,
    literal,
    new_figure,
    tidy,
)
from kerazoo.spec import Data, Series

EXAMPLES = 2  # windows in a row
MAX_TARGETS = 3
STYLES = {  # line and color of the baselines
    "repeat_last": (":", GREEN),
    "seasonal_repeat": ("-.", PURPLE),
    "linear": ("--", BLUE),
    "linear_from_last": ((0, (1, 1, 4, 1)), "#8a6d1f"),
}
TRUTH: dict[str, Any] = {"color": "black", "lw": 1.6, "label": "truth"}
BAND: dict[str, Any] = {"color": ORANGE, "alpha": 0.2, "lw": 0, "label": "prediction interval"}
FORECAST: dict[str, Any] = {"color": ORANGE, "lw": 2.2, "label": "forecast"}


def forecasts(
    title: str,
    predicted: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    data: Data,
    half: np.ndarray | None = None,
) -> Figure:
    """A few test windows (columns), of the first targets (rows), at equal distances in time.

    ``half`` are half widths of prediction intervals in natural units, of the shape of
    ``predicted``, which is standardized.
    """
    assert data.series is not None
    windows = data.series.windows
    horizon = predicted.shape[1]
    if horizon == 1:  # one value per window: their sequence is what matters
        return _one_step(title, predicted, baselines, data, half)
    chosen = np.linspace(0, len(predicted) - 1, EXAMPLES + 2).astype(int)[1:-1]
    targets = range(len(data.info.targets))
    # The last target is the one that the others are recorded for, in ETT the oil temperature.
    shown = list(targets)[-MAX_TARGETS:]
    columns = windows.targets or tuple(range(len(data.info.columns)))
    means, stds = _scales(data)
    lookback = data.test.x.shape[1]
    context = min(lookback, 2 * horizon)
    before = "context" if context == lookback else f"context (the last {context} of {lookback})"
    figure = new_figure(4.8 * EXAMPLES, 2.8 * len(shown) + 0.9)
    for row, target in enumerate(shown):
        for column, index in enumerate(chosen):
            mean, std = (values[index, columns[target]] for values in (means, stds))
            axes = figure.add_subplot(len(shown), EXAMPLES, row * EXAMPLES + column + 1)
            past = data.test.x[index, -context:, columns[target]] * std + mean
            axes.plot(range(1 - context, 1), past, color=GRAY, lw=1, label=before)
            ahead = range(windows.lead, windows.lead + horizon)

            lines: list[tuple[np.ndarray, dict[str, Any]]] = [(data.test.y, TRUTH)]
            lines += [(values, _style(name)) for name, values in baselines.items()]
            lines.append((predicted, FORECAST))
            for values, style in lines:
                axes.plot(ahead, values[index, :, target] * std + mean, **style)
            if half is not None:
                middle = predicted[index, :, target] * std + mean
                width = half[index, :, target]
                axes.fill_between(ahead, middle - width, middle + width, **BAND)
            axes.axvline(0.5, color=GRAY, lw=0.6)
            if row == 0:
                axes.set_title(f"forecast from {_when(data.series, index)}", fontsize=9)
            if row == len(shown) - 1:
                axes.set_xlabel(f"{_several(windows.step)} after the last known value")
            if column == 0:
                axes.set_ylabel(literal(data.info.targets[target]))
            tidy(axes)
    head(figure, title)
    legend_below(figure, figure.axes[0], 4)
    return figure


def _one_step(
    title: str,
    predicted: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    data: Data,
    half: np.ndarray | None,
) -> Figure:
    """A stretch of consecutive test windows: the one value forecast for each, and its error."""
    assert data.series is not None
    of = data.series.of.get("test", np.zeros(len(predicted)))
    stretch = slice(0, min(int((of == of[0]).sum()), 500))  # of several series the first
    place = (data.series.windows.targets or (0,))[0]
    mean, std = (values[0, place] for values in _scales(data))

    def natural(values: np.ndarray) -> np.ndarray:
        return values[stretch, 0, 0] * std + mean

    figure = new_figure(9.6, 5.4)
    upper, lower = figure.add_subplot(2, 1, 1), figure.add_subplot(2, 1, 2)
    true = natural(data.test.y)
    lines = [(natural(values), _style(name)) for name, values in baselines.items()]
    lines.append((natural(predicted), FORECAST))
    upper.plot(true, **{**TRUTH, "lw": 3.5})  # so that a forecast on top of it does not hide it
    for values, style in lines:
        upper.plot(values, **style)
        lower.plot(values - true, **style)
    if half is not None:
        middle, width = natural(predicted), half[stretch, 0, 0]
        upper.fill_between(range(len(middle)), middle - width, middle + width, **BAND)
    name = literal(data.info.targets[0])
    upper.set_ylabel(name)
    lower.set_ylabel(f"error of {name}")
    steps = _several(data.series.windows.step)
    lower.set_xlabel(f"{steps} of the test split, from {_when(data.series, 0)} on")
    tidy(upper)
    tidy(lower)
    head(figure, f"{title}, {data.series.windows.lead} {steps} ahead")
    legend_below(figure, upper, 4)
    return figure


def _scales(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each test window ``(n, columns)``."""
    assert data.series is not None
    shape = data.test.examples, 1, len(data.info.columns)
    mean, std = (np.broadcast_to(values, shape)[:, 0] for values in data.series.scale())
    return mean, std


def _when(series: Series, index: int) -> str:
    """Date of a test window's first target, or its place in a series without dates."""
    windows, place = series.windows, int(series.starts["test"][index])
    if series.names:
        name = literal(series.names[series.of["test"][index]])
        return f"{name}, {_when(dataclasses.replace(series, names=()), index)}"
    if not windows.freq:
        return f"step {place + 1:,}"
    dates = pd.date_range(windows.first, periods=place + 1, freq=windows.freq)
    return str(dates[-1])[: 10 if (dates == dates.normalize()).all() else 16]


def _several(step: str) -> str:
    """Plural of a step: ``hours``, but ``steps of 10 minutes``."""
    return f"steps of {step}" if step.endswith("s") else f"{step}s"


def _style(name: str) -> dict[str, Any]:
    """Line of a baseline."""
    line, color = STYLES.get(name, ("-", GRAY))
    return {"ls": line, "lw": 1.3, "color": color, "label": name.replace("_", " ")}
