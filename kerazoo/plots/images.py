"""Images side by side: the worst errors of a classifier, and generated images."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo._files import save_atomic
from kerazoo._lazy import Figure, Image, np
from kerazoo.plots.figure import head, literal, new_figure, show_image
from kerazoo.spec import Data

if TYPE_CHECKING:
    from kerazoo.tasks._scores import Scores

MAX_IMAGES = 24
COLUMNS = 8  # of images
LABEL_WIDTH = 16  # characters of a line above an image
GAP = 2  # pixels between images
SIDE = 84  # a small image is enlarged to about this many pixels
MAX_SIDE = 2_400  # pixels of a grid that is enlarged


def worst_errors(title: str, scores: Scores, data: Data) -> Figure:
    """The wrong test images whose true class got the least probability.

    Where none is wrong, a row of those that the model was least sure of.
    """
    true = scores.probabilities[np.arange(len(scores.labels)), scores.labels]
    wrong = np.flatnonzero(scores.predicted != scores.labels)
    candidates, most = (wrong, MAX_IMAGES) if len(wrong) else (np.arange(len(true)), COLUMNS)
    worst = candidates[np.argsort(true[candidates], kind="stable")][:most]
    titles = [_title(data.info.labels, scores, int(index), true[index]) for index in worst]
    shown = f"{len(wrong):,} of {len(true):,} test images are wrong"
    if not len(wrong):
        shown = f"all {len(true):,} test images are right; these were the least sure"
    elif len(worst) < len(wrong):
        shown += f"; these are the {len(worst)} worst"
    return sheet(f"{title}: {shown}", data.test.x[worst], titles)


def sheet(title: str, images: Iterable[np.ndarray], titles: Sequence[str]) -> Figure:
    """Images ``(height, width, channels)`` in rows, each under the lines of its title."""
    columns = min(COLUMNS, len(titles))
    rows = -(-len(titles) // columns)
    titles = [
        literal("\n".join(textwrap.fill(line, LABEL_WIDTH) for line in text.splitlines()))
        for text in titles
    ]
    lines = max(text.count("\n") + 1 for text in titles)
    # 5: the title of the figure needs as much.
    figure = new_figure(max(columns * 1.25, 5), rows * (1.3 + 0.17 * lines) + 0.6)
    for place, (image, text) in enumerate(zip(images, titles, strict=True), start=1):
        axes = figure.add_subplot(rows, columns, place)
        show_image(axes, image)
        axes.set_title(text, fontsize=8)
    head(figure, title)
    return figure


def _title(labels: tuple[str, ...], scores: Scores, index: int, true: float) -> str:
    """Predicted class and its probability; below it the true one, where that is another."""
    guess, label = scores.predicted[index], scores.labels[index]
    lines = [f"{labels[guess]} ({scores.probabilities[index, guess]:.0%})"]
    if guess != label:
        lines.append(f"true: {labels[label]} ({true:.0%})")
    return "\n".join(lines)


def grid(images: np.ndarray) -> np.ndarray:
    """Images uint8 ``(n, height, width, channels)`` in rows: uint8 ``(h, w, channels)``."""
    n, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(n))
    rows = -(-n // columns)
    padded = np.full((rows * columns, height + GAP, width + GAP, channels), 96, dtype=np.uint8)
    padded[:n, :height, :width] = images
    cells = padded.reshape(rows, columns, height + GAP, width + GAP, channels)
    whole = cells.swapaxes(1, 2).reshape(rows * (height + GAP), columns * (width + GAP), channels)
    return np.pad(whole, ((GAP, 0), (GAP, 0), (0, 0)), constant_values=96)


def write_grid(images: np.ndarray, path: Path) -> None:
    """Write images as one PNG, small ones enlarged without smoothing, atomically."""
    pixels = grid(images)
    image = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)
    factor = max(1, min(SIDE // images.shape[1], MAX_SIDE // max(image.size)))
    image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    save_atomic(path, lambda temporary: image.save(temporary, format="PNG"))


def over_training(title: str, grids: dict[int, Path]) -> Figure:
    """Grids of the same latents after more and more epochs, by epoch."""
    figure = new_figure(max(3.2 * len(grids), 6.4), 3.7)  # 6.4: the title needs it
    for place, (epoch, path) in enumerate(sorted(grids.items()), start=1):
        axes = figure.add_subplot(1, len(grids), place)
        with Image.open(path) as image:
            show_image(axes, np.atleast_3d(np.asarray(image)))
        axes.set_title(f"epoch {epoch}", fontsize=10)
    head(figure, f"{title}: the same latents over training")
    return figure
