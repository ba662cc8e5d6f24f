"""Learning curves: losses and metrics by epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kerazoo._lazy import Figure
from kerazoo.plots.figure import BLUE, GRAY, ORANGE, new_figure, tidy


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


def learning_curves(title: str, history: list[dict[str, float]], curves: Sequence[Curve]) -> Figure:
    """Values by epoch, and the value on the test split at the end."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(4.5 * len(curves), 3.6)
    epochs = [row["epoch"] for row in history]
    mark = "o-" if len(epochs) < 40 else "-"
    for index, curve in enumerate(curves, start=1):
        axes = figure.add_subplot(1, len(curves), index)
        lines = [(curve.key, BLUE, "training (mean over the epoch)")]
        lines.append((f"val_{curve.key}", ORANGE, "validation"))
        for key, color, label in lines:
            if key in history[0]:
                values = [curve.shown(r[key]) for r in history]
                axes.plot(epochs, values, mark, ms=3, color=color, label=label)
        if curve.test is not None:
            at = curve.shown(curve.test)
            label = "test, read once at the end"
            axes.plot(epochs[-1], at, "*", ms=12, color=GRAY, label=label)
        axes.set_xlabel("epoch")
        axes.set_ylabel(curve.label)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        tidy(axes)
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle(title)
    return figure
