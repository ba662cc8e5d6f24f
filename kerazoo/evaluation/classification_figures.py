"""Pictures of a classifier's run: confusion matrix, worst mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.evaluation.figures import literal, new_figure, show_picture
from kerazoo.evaluation.scores import Scores
from kerazoo.spec import Data

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MISTAKES = 24
MOST_NAMED = 60  # classes, beyond which the matrix does not grow and names none


def confusion_matrix(title: str, scores: Scores, labels: tuple[str, ...]) -> Figure:
    """Counts by true and predicted class; the colour shows the mistakes only."""
    import numpy as np

    counts = scores.confusion
    n = len(labels)
    mistakes = counts.astype(float)
    np.fill_diagonal(mistakes, 0)
    labels = tuple(map(literal, labels))
    side = 2.2 + 0.42 * min(max(n, 4), MOST_NAMED)
    figure = new_figure(side, side)
    axes = figure.add_subplot()
    axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=max(mistakes.max() * 1.5, 1))
    if n <= 26:
        for i in range(n):
            for j in range(n):
                if counts[i, j]:
                    weight = "bold" if i == j else "normal"
                    size = 8 if counts.max() < 1000 else 7
                    axes.text(
                        j, i, str(counts[i, j]), ha="center", va="center", fontsize=size,
                        fontweight=weight,
                    )  # fmt: skip
    if n <= MOST_NAMED:
        axes.set_xticks(range(n), labels, rotation=0 if max(map(len, labels)) < 3 else 90)
        axes.set_yticks(range(n), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    wrong = int(counts.sum() - np.trace(counts))
    axes.set_title(f"{title}: {wrong} of {counts.sum()} test examples wrong", fontsize=10)
    return figure


def worst_mistakes(title: str, scores: Scores, data: Data) -> Figure:
    """The wrong test pictures whose true class got the least probability."""
    import numpy as np

    true = scores.probabilities[np.arange(len(scores.labels)), scores.labels]
    wrong = np.flatnonzero(scores.predicted != scores.labels)
    worst = wrong[np.argsort(true[wrong], kind="stable")][:MISTAKES]
    columns = max(1, min(8, len(worst)))
    rows = max(1, -(-len(worst) // columns))
    figure = new_figure(max(columns * 1.25, 5), rows * 1.7 + 0.6)  # 5: the title needs it
    names = [literal(label) for label in data.info.labels]
    for place, index in enumerate(worst, start=1):
        axes = figure.add_subplot(rows, columns, place)
        show_picture(axes, data.test.x[index])
        guess = scores.predicted[index]
        axes.set_title(
            f"{names[guess]} ({scores.probabilities[index, guess]:.0%})\n"
            f"true: {names[scores.labels[index]]} ({true[index]:.0%})",
            fontsize=8,
        )
    if not len(worst):
        figure.text(0.5, 0.4, "no mistake on the test split", ha="center", fontsize=12)
    shown = "all" if len(worst) == len(wrong) else "the worst"
    figure.suptitle(f"{title}: mistakes on the test split: {len(wrong)}, {shown} here", fontsize=10)
    return figure
