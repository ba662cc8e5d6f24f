"""Pictures of a classifier's run: confusion matrix, worst mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.plots.learning_curves import literal, new_figure, show_picture
from kerazoo.spec import Data

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kerazoo.tasks._scores import Scores

MISTAKES = 24
COLUMNS = 8  # of pictures
MOST_LETTERS = 11  # of a class's name above a picture
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
    figure.suptitle(f"{title}:\n{wrong} of {counts.sum()} test examples wrong", fontsize=10)
    return figure


def worst_mistakes(title: str, scores: Scores, data: Data) -> Figure:
    """The wrong test pictures whose true class got the least probability.

    Where none is wrong, a row of those that the model was least sure of.
    """
    import numpy as np

    true = scores.probabilities[np.arange(len(scores.labels)), scores.labels]
    wrong = np.flatnonzero(scores.predicted != scores.labels)
    of, most = (wrong, MISTAKES) if len(wrong) else (np.arange(len(true)), COLUMNS)
    worst = of[np.argsort(true[of], kind="stable")][:most]
    columns = min(COLUMNS, len(worst))
    rows = -(-len(worst) // columns)
    figure = new_figure(max(columns * 1.25, 5), rows * 1.7 + 0.6)  # 5: the title needs it
    names = [literal(_shortened(label)) for label in data.info.labels]
    for place, index in enumerate(worst, start=1):
        axes = figure.add_subplot(rows, columns, place)
        show_picture(axes, data.test.x[index])
        guess = scores.predicted[index]
        caption = f"{names[guess]} ({scores.probabilities[index, guess]:.0%})"
        if guess != scores.labels[index]:
            caption += f"\ntrue: {names[scores.labels[index]]} ({true[index]:.0%})"
        axes.set_title(caption, fontsize=8)
    said = f"{len(wrong)}, {'all' if len(worst) == len(wrong) else 'the worst'} here"
    if not len(wrong):
        said = f"none of {len(true):,}; the least sure here"
    figure.suptitle(f"{title}: mistakes on the test split: {said}", fontsize=10)
    return figure


def _shortened(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1] + "…"
