"""Learning curves: losses and metrics by epoch."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kerazoo._lazy import Figure
from kerazoo.plots.figure import BLUE, GRAY, ORANGE, head, legend_below, new_figure, tidy

STEEP = 10  # times the median; a curve that starts higher would hide the rest of itself


@dataclass(frozen=True)
class Curve:
    """One panel of the learning curves.

    Attributes:
        key: column of the history; with ``val_`` before it, the column of the validation split.
        label: label of the axis.
        test: value on the test split at the end, or None.
        shown: maps a recorded value to the plotted one.
    """

    key: str
    label: str
    test: float | None = None
    shown: Callable[[float], float] = float


def learning_curves(
    title: str,
    history: list[dict[str, float]],
    curves: Sequence[Curve],
    head_epochs: int = 0,
    harder: str = "",
) -> Figure:
    """Values by epoch, and the value on the test split at the end.

    Args:
        title: of the figure.
        history: one row per epoch.
        curves: the panels.
        head_epochs: epochs before all layers train.
        harder: what makes training harder than a test, such as ``"dropout"``.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    figure = new_figure(4.5 * len(curves), 4)
    epochs = [row["epoch"] for row in history]
    mark = "o-" if len(epochs) < 40 else "-"
    training = "training, mean over the epoch" + f",\nmade harder by {harder}" * bool(harder)
    for index, curve in enumerate(curves, start=1):
        axes = figure.add_subplot(1, len(curves), index)
        lines = [(curve.key, BLUE, training), (f"val_{curve.key}", ORANGE, "validation")]
        plotted: list[float] = []
        for key, color, label in lines:
            if key in history[0]:
                values = [curve.shown(r[key]) for r in history]
                plotted += values
                axes.plot(epochs, values, mark, ms=3, color=color, label=label, clip_on=False)
        if curve.test is not None:
            at = curve.shown(curve.test)
            plotted.append(at)
            label = "test, read once at the end"
            axes.plot(epochs[-1], at, "*", ms=12, color=GRAY, label=label, clip_on=False, zorder=3)
        if 0 < head_epochs < len(epochs):
            label = "left of it only the last layers train, then all"
            axes.axvline(epochs[head_epochs - 1] + 0.5, color=GRAY, ls=":", label=label)
        axes.set_xlabel("epoch")
        log = min(plotted) > 0 and max(plotted) > STEEP * statistics.median(plotted)
        axes.set_ylabel(curve.label + ", log scale" * log)
        if log:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
        elif min(plotted) >= 0:
            axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        tidy(axes)
    legend_below(figure, figure.axes[0], len(curves))
    head(figure, title)
    return figure
