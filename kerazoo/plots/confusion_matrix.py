"""Confusion matrix of a classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerazoo._lazy import Figure, np
from kerazoo.plots.figure import literal, new_figure

if TYPE_CHECKING:
    from kerazoo.tasks._scores import Scores

MAX_COUNTS = 26  # classes, beyond which the cells of the matrix show no counts
MAX_NAMED = 60  # classes, beyond which the matrix does not grow and names none


def confusion_matrix(title: str, scores: Scores, labels: tuple[str, ...]) -> Figure:
    """Counts by true and predicted class; the color shows the errors only."""
    counts, n = scores.confusion, len(labels)
    errors = counts.astype(float)
    np.fill_diagonal(errors, 0)
    side = 2.2 + 0.42 * min(max(n, 4), MAX_NAMED)
    figure = new_figure(side, side)
    axes = figure.add_subplot()
    axes.imshow(errors, cmap="Oranges", vmin=0, vmax=max(errors.max() * 1.5, 1))
    if n <= MAX_COUNTS:
        size = 8 if counts.max() < 1000 else 7
        for row, column in zip(*counts.nonzero(), strict=True):
            style: dict[str, Any] = {"weight": "bold"} if row == column else {}
            text = str(counts[row, column])
            axes.text(column, row, text, ha="center", va="center", size=size, **style)
    if n <= MAX_NAMED:
        names = tuple(map(literal, labels))
        axes.set_xticks(range(n), names, rotation=0 if max(map(len, labels)) < 3 else 90)
        axes.set_yticks(range(n), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    wrong = int(errors.sum())
    figure.suptitle(f"{title}:\n{wrong} of {counts.sum()} test examples wrong", fontsize=10)
    return figure
