"""Where a classifier of images looks: what it predicts when a part of an image is hidden."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from kerazoo._lazy import Figure, np
from kerazoo._parts import Table
from kerazoo.datasets._images import border
from kerazoo.errors import KerazooError, checked, unknown
from kerazoo.plots.images import sheet
from kerazoo.predicting._images import ImagePredictor
from kerazoo.predicting.predict import predictor

MOST = 12  # images
PARTS = 7  # hidden squares in a row, next to each other
FAINT = 0.2  # a smaller drop of the log-odds is not shown as strongly as others
LEAST = 1e-7  # a probability is at least so far from 0 and 1, where float32 ends
STRENGTH = 0.6  # of the color over an image


@dataclass(frozen=True)
class Explanation:
    """What each part of an image does for one class.

    Attributes:
        input: the file or array as given.
        label: the class.
        probability: of the class, with nothing hidden.
        image: the image as the network takes it, uint8 ``(height, width, channels)``.
        lowest: the same with one square hidden, at the least.
        note: what was done to the image, or how it differs from the training images; may be empty.
        drop: by how much the log-odds of the class fall where a pixel is hidden, float32 ``(height,
            width)``: the mean over the squares that hide it; negative where they rise.
    """

    input: str
    label: str
    probability: float
    lowest: float
    image: np.ndarray
    drop: np.ndarray
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Output of ``kerazoo explain --json`` for one image."""
        names = ("input", "label", "probability", "lowest", "note")
        return {name: getattr(self, name) for name in names}


@checked
def explain(
    source: str | os.PathLike[str], inputs: Any, *, label: str | None = None
) -> list[Explanation]:
    """Hide one square after the other and see how far the log-odds of a class fall.

    A square is a seventh of the image wide, steps are half of that, and it has the median color of
    the image's border. It works for every network and backend, as it needs no gradient. Log-odds
    also tell apart what lowers a probability from 99.99 % to 99 %.

    Args:
        source: a classifier of images: an entry with trained weights or a run directory.
        inputs: up to 12 images, as :func:`kerazoo.predict` takes them.
        label: the class to explain; by default the most probable one of each image.

    Raises:
        KerazooError: no such entry or run, or one of another kind; no such class; too many images,
            or one that cannot be read.

    Source: Zeiler & Fergus 2014, section 4.2 (occlusion).
    """
    model = predictor(source)
    if not isinstance(model, ImagePredictor):
        raise KerazooError(f"{os.fspath(source)} is no classifier of images.")
    labels = model.trained.labels
    if label is not None and label not in labels:
        raise unknown("class", label, labels)
    images = model.pixels(inputs)
    if len(images) > MOST:
        raise KerazooError(f"explain takes up to {MOST} images; {len(images)} are given.")
    found = []
    for name, (image, note) in images.items():
        chances = model.outputs(image[None])[0]
        chosen = labels.index(label) if label is not None else int(chances.argmax())
        squares = _squares(image.shape)
        hidden = np.repeat(image[None], len(squares), axis=0)
        fill = np.median(border(image), axis=0).astype(image.dtype)
        for copy, (rows, columns) in zip(hidden, squares, strict=True):
            copy[rows, columns] = fill
        left = model.outputs(hidden)[:, chosen]
        falls = _log_odds(chances[chosen]) - _log_odds(left)
        total, times = np.zeros(image.shape[:2], np.float32), np.zeros(image.shape[:2], np.float32)
        for fall, (rows, columns) in zip(falls, squares, strict=True):
            total[rows, columns] += fall
            times[rows, columns] += 1
        values = float(chances[chosen]), float(left.min())
        found.append(Explanation(name, labels[chosen], *values, image, total / times, note))
    return found


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    p = np.clip(probabilities.astype(np.float64), LEAST, 1 - LEAST)
    return np.log(p) - np.log1p(-p)


def _squares(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Overlapping squares that cover an image."""
    side = max(2, -(-min(shape[:2]) // PARTS))
    starts = ([*range(0, n - side, max(1, side // 2)), max(0, n - side)] for n in shape[:2])
    rows, columns = ([slice(a, a + side) for a in each] for each in starts)
    return [(row, column) for row in rows for column in columns]


def table(found: list[Explanation]) -> Table:
    """The class of each image, its probability, and the lowest one with a part hidden."""
    rows = [(e.input, e.label, f"{e.probability:.1%}", f"{e.lowest:.1%}", e.note) for e in found]
    return Table(("input", "class", "probability", "with a part hidden", "note"), rows, [2, 3])


def plot(source: str, found: list[Explanation]) -> Figure:
    """Each image, and next to it the same in red where hiding it lowers the log-odds."""
    images, titles = [], []
    for e in found:
        strength = STRENGTH * np.clip(e.drop / max(float(e.drop.max()), FAINT), 0, 1)[..., None]
        color = np.broadcast_to(e.image, (*e.image.shape[:2], 3))
        red = (1 - strength) * color + strength * np.array([255, 0, 0])
        images += [e.image, red.astype(np.uint8)]
        titles += [f"{e.label} ({e.probability:.0%})", f"a part hidden: {e.lowest:.0%}"]
    return sheet(f"{source}: what speaks for a class", images, titles)
