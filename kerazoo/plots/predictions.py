"""Plots of a regression: predicted against true values."""

from __future__ import annotations

from collections.abc import Sequence

from kerazoo._lazy import Figure, np
from kerazoo.plots.figure import BLUE, GRAY, head, literal, new_figure, tidy

MAX_PANELS = 4
MAX_POINTS = 50_000


def predicted_against_true(
    title: str, true: np.ndarray, predicted: np.ndarray, targets: Sequence[str]
) -> Figure:
    """One panel per target, ``true`` and ``predicted`` being ``(n, outputs)``.

    Of many rows as many are shown as can be told apart, at equal distances.
    """
    true, predicted = (values[:: 1 + len(values) // MAX_POINTS] for values in (true, predicted))
    shown = list(targets)[:MAX_PANELS]
    figure = new_figure(4.4 * len(shown), 4.2)
    for index, name in enumerate(shown):
        axes = figure.add_subplot(1, len(shown), index + 1)
        axes.plot(true[:, index], predicted[:, index], "o", ms=3, color=BLUE, alpha=0.6)
        low = min(true[:, index].min(), predicted[:, index].min())
        high = max(true[:, index].max(), predicted[:, index].max())
        axes.plot([low, high], [low, high], color=GRAY, lw=1)
        axes.set_xlabel(f"true {literal(name)}")
        axes.set_ylabel(f"predicted {literal(name)}")
        tidy(axes)
    head(figure, title)
    return figure
