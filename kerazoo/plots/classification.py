"""Plots of a classifier: confusion matrix, and the images that it gets most wrong."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from kerazoo.plots.figure import literal, new_figure, show_image
from kerazoo.spec import Data

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kerazoo.tasks._scores import Scores

MOST_IMAGES = 24
COLUMNS = 8  # of images
LABEL_WIDTH = 16  # characters of a line above an image
MOST_COUNTS = 26  # classes, beyond which the cells of the matrix show no counts
MOST_NAMED = 60  # classes, beyond which the matrix does not grow and names none


def confusion_matrix(title: str, scores: Scores, labels: tuple[str, ...]) -> Figure:
    """Counts by true and predicted class; the color shows the errors only."""
    import numpy as np

    counts, n = scores.confusion, len(labels)
    errors = counts.astype(float)
    np.fill_diagonal(errors, 0)
    side = 2.2 + 0.42 * min(max(n, 4), MOST_NAMED)
    figure = new_figure(side, side)
    axes = figure.add_subplot()
    axes.imshow(errors, cmap="Oranges", vmin=0, vmax=max(errors.max() * 1.5, 1))
    if n <= MOST_COUNTS:
        size = 8 if counts.max() < 1000 else 7
        for row, column in zip(*counts.nonzero(), strict=True):
            axes.text(
                column,
                row,
                str(counts[row, column]),
                ha="center",
                va="center",
                fontsize=size,
                fontweight="bold" if row == column else "normal",
            )
    if n <= MOST_NAMED:
        names = tuple(map(literal, labels))
        axes.set_xticks(range(n), names, rotation=0 if max(map(len, labels)) < 3 else 90)
        axes.set_yticks(range(n), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    wrong = int(errors.sum())
    figure.suptitle(f"{title}:\n{wrong} of {counts.sum()} test examples wrong", fontsize=10)
    return figure


def worst_mistakes(title: str, scores: Scores, data: Data) -> Figure:
    """The wrong test images whose true class got the least probability.

    Where none is wrong, a row of those that the model was least sure of.
    """
    import numpy as np

    true = scores.probabilities[np.arange(len(scores.labels)), scores.labels]
    wrong = np.flatnonzero(scores.predicted != scores.labels)
    candidates, most = (wrong, MOST_IMAGES) if len(wrong) else (np.arange(len(true)), COLUMNS)
    worst = candidates[np.argsort(true[candidates], kind="stable")][:most]
    columns = min(COLUMNS, len(worst))
    rows = -(-len(worst) // columns)
    titles = [_title(data.info.labels, scores, int(index), true[index]) for index in worst]
    lines = max(text.count("\n") + 1 for text in titles)
    # 5: the title of the figure needs as much.
    figure = new_figure(max(columns * 1.25, 5), rows * (1.3 + 0.17 * lines) + 0.6)
    for place, (index, text) in enumerate(zip(worst, titles, strict=True), start=1):
        axes = figure.add_subplot(rows, columns, place)
        show_image(axes, data.test.x[index])
        axes.set_title(text, fontsize=8)
    shown = f"{len(wrong)} errors, {'all' if len(worst) == len(wrong) else 'the worst'} here"
    if not len(wrong):
        shown = f"no errors in {len(true):,}; the least sure here"
    figure.suptitle(f"{title}: test split: {shown}", fontsize=10)
    return figure


def _title(labels: tuple[str, ...], scores: Scores, index: int, true: float) -> str:
    """Predicted class and its probability; below it the true one, where that is another."""
    guess, label = scores.predicted[index], scores.labels[index]
    lines = [f"{labels[guess]} ({scores.probabilities[index, guess]:.0%})"]
    if guess != label:
        lines.append(f"true: {labels[label]} ({true:.0%})")
    return "\n".join(literal(textwrap.fill(line, LABEL_WIDTH)) for line in lines)
