"""Confusion matrix of a classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo._lazy import Figure, np
from kerazoo.plots.figure import head, literal, new_figure

if TYPE_CHECKING:
    from kerazoo.tasks._scores import Scores

MAX_SHARES = 12  # classes, beyond which a cell has no room for count and percentage
MAX_COUNTS = 26  # classes, beyond which the cells of the matrix show no counts
MAX_NAMED = 50  # classes, beyond which the matrix does not grow and names none


def confusion_matrix(title: str, scores: Scores, labels: tuple[str, ...]) -> Figure:
    """Counts and percentages by true and predicted class; recall is on the diagonal."""
    counts, n = scores.confusion, len(labels)
    sizes = counts.sum(axis=1)
    shares = counts / np.maximum(sizes, 1)[:, None]
    right = np.eye(n, dtype=bool)
    side = 2.2 + 0.5 * min(max(n, 5), MAX_NAMED)
    figure = new_figure(side, side)
    axes = figure.add_subplot()
    errors = np.where(right, 0, shares)
    high = max(errors.max() * 1.5, 0.01)
    axes.imshow(np.ma.masked_equal(errors, 0), cmap="Oranges", vmin=-high / 8, vmax=high)
    axes.imshow(np.ma.masked_where(~right, shares), cmap="Blues", vmin=0, vmax=2.5)
    size = 9 if n <= MAX_COUNTS // 4 else 7
    for row, column in np.argwhere((counts > 0) | right) if n <= MAX_COUNTS else ():
        if not sizes[row]:
            continue
        share, count = f"{shares[row, column]:.1%}", f"{counts[row, column]:,}"
        one = share.removesuffix("%") if row == column else count
        text = f"{share}\n{count}" if n <= MAX_SHARES else one
        weight = "bold" if row == column else "normal"
        axes.text(column, row, text, ha="center", va="center", size=size, weight=weight)
    if n <= MAX_NAMED:
        names = tuple(map(literal, labels))
        axes.set_xticks(range(n), names, rotation=0 if max(map(len, labels)) < 3 else 90)
        axes.set_yticks(range(n), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (a row adds up to 100%; its recall is on the diagonal)", fontsize=8)
    wrong, examples = int((counts * ~right).sum()), int(sizes.sum())
    result = f"{wrong:,} of {examples:,} test examples wrong"
    if not wrong:
        most = 1 - 0.05 ** (1 / examples)  # as rare as one in twenty if more were wrong
        result = f"all {examples:,} test examples right; error below {most:.1%} (95% confidence)"
    head(figure, f"{title}:\n{result}")
    return figure
