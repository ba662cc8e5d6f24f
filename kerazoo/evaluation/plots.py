"""Pictures of a run. Matplotlib's object interface, so no global state and no display."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.evaluation.metrics import Scores
from kerazoo.files import write_bytes
from kerazoo.spec import Data

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#2f6fab", "#d9822b", "#6b6b6b"
MISTAKES = 24


def write_all(
    folder: Path, title: str, history: list[dict[str, float]], scores: Scores, data: Data
) -> None:
    """Write learning curves, confusion matrix and, of pictures, the worst mistakes as PNG files."""
    _save(learning_curves(title, history, scores), folder / "learning_curves.png")
    _save(confusion_matrix(title, scores, data.info.labels), folder / "confusion_matrix.png")
    if is_picture(data.info.input_shape):
        _save(worst_mistakes(title, scores, data), folder / "worst_mistakes.png")


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether examples of this shape can be shown: height, width, one or three channels."""
    return len(shape) == 3 and shape[-1] in (1, 3)


def learning_curves(title: str, history: list[dict[str, float]], scores: Scores) -> Figure:
    """Loss and error by epoch, and where the test split ended up."""
    from matplotlib.ticker import MaxNLocator

    figure = _figure(9, 3.6)
    epochs = [row["epoch"] for row in history]
    panels = [
        ("loss", "cross-entropy, nats", lambda v: v, scores.loss),
        ("accuracy", "error, %", lambda v: 100 * (1 - v), scores.accuracy),
    ]
    for index, (key, label, shown, test) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, 2, index)
        mark = "o-" if len(epochs) < 40 else "-"
        values = [shown(r[key]) for r in history]
        axes.plot(epochs, values, mark, ms=3, color=BLUE, label="training (mean over the epoch)")
        if f"val_{key}" in history[0]:
            values = [shown(r[f"val_{key}"]) for r in history]
            axes.plot(epochs, values, mark, ms=3, color=ORANGE, label="validation")
        axes.plot(
            epochs[-1], shown(test), "*", ms=12, color=GREY, label="test, read once at the end"
        )
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _tidy(axes)
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle(f"{title}: test accuracy {scores.accuracy:.2%}")
    return figure


def confusion_matrix(title: str, scores: Scores, labels: tuple[str, ...]) -> Figure:
    """Counts by true and predicted class; the colour shows the mistakes only."""
    import numpy as np

    counts = scores.confusion
    n = len(labels)
    mistakes = counts.astype(float)
    np.fill_diagonal(mistakes, 0)
    side = 2.2 + 0.42 * max(n, 4)
    figure = _figure(side, side)
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
    columns = 8
    rows = max(1, -(-len(worst) // columns))
    figure = _figure(columns * 1.25, rows * 1.7 + 0.6)
    names = data.info.labels
    for place, index in enumerate(worst, start=1):
        axes = figure.add_subplot(rows, columns, place)
        picture = data.test.x[index]
        axes.imshow(picture.squeeze(-1) if picture.shape[-1] == 1 else picture, cmap="gray")
        guess = scores.predicted[index]
        axes.set_title(
            f"{names[guess]} ({scores.probabilities[index, guess]:.0%})\n"
            f"true: {names[scores.labels[index]]} ({true[index]:.0%})",
            fontsize=8,
        )
        axes.set_axis_off()
    if not len(worst):
        figure.text(0.5, 0.4, "no mistake on the test split", ha="center", fontsize=12)
    figure.suptitle(f"{title}: the worst of {len(wrong)} mistakes on the test split", fontsize=10)
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _tidy(axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def _save(figure: Figure, path: Path) -> None:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110, metadata={"Software": None})
    write_bytes(path, picture.getvalue())
