"""Notes on new examples that differ from those of the training."""

from __future__ import annotations

from collections.abc import Sequence

from kerazoo._lazy import np, pd
from kerazoo.datasets import _text
from kerazoo.finetuning.readers._columns import Column, texts_of
from kerazoo.finetuning.readers._numbers import as_numbers, first_of, is_missing
from kerazoo.finetuning.readers.reading import ImageReading
from kerazoo.finetuning.readers.user_data import listed

BEYOND = 0.25  # share of the range in training by which a value may exceed it without a note
LEAST_KNOWN = 0.5  # share of the words that a vocabulary should know, of those of the training
RARELY = 0.05  # share of images that differ by chance
ENOUGH = 10  # rows that tell how much a column varies


def differences(
    frame: pd.DataFrame, columns: Sequence[Column], targets: Sequence[str]
) -> list[str]:
    """Notes on what in new rows differs from the training data."""
    known = {c.name for c in columns} | set(targets)
    unused = [repr(name) for name in frame.columns if name not in known]
    notes = [f"columns that the model does not use: {listed(unused)}"] if unused else []
    ranges = []
    for c in columns:
        values = frame[c.name]
        if c.categories is not None:
            unseen = ~pd.Index(texts_of(values)).isin(c.categories)
            notes += note_on(values, unseen, "not in the training data, so taken as other")
            continue
        if not c.missing:
            notes += note_on(values, is_missing(values), "missing (none was in training)")
        none = np.full(len(values), np.nan), np.zeros(len(values), bool)
        numbers, unread = as_numbers(values, c.name) or none
        if c.low is not None and c.high is not None:
            ranges.append((pd.Series(numbers, values.index, name=c.name), c.low, c.high))
        notes += note_on(values, unread, "not a number, counts as missing")
    return notes + range_drift(ranges)


def range_drift(ranges: Sequence[tuple[pd.Series, float, float]]) -> list[str]:
    """Notes on numbers that lie elsewhere than those of the training, or closer together.

    Args:
        ranges: columns of numbers, each with the least and the largest in training.
    """
    notes, close, alone = [], [], False
    for values, low, high in ranges:
        far = (values < low - BEYOND * (high - low)) | (values > high + BEYOND * (high - low))
        notes += note_on(values, far.to_numpy(), f"outside those of training, {low:g} to {high:g}")
        spread = values.max() - values.min()
        if len(values) >= ENOUGH and 10 * spread < high - low:
            close.append(repr(values.name))
            alone |= 0 < 100 * spread < high - low  # one value throughout may be meant
    if alone or 2 * len(close) > len(ranges):
        less = "vary less than a tenth as much as in training; are they scaled otherwise?"
        notes.append(f"{listed(close)} {less}")
    return notes


def note_on(values: pd.Series, where: np.ndarray, what: str) -> list[str]:
    """A note on the values that are ``what``, with the first of them; none if there are none."""
    if not where.any():
        return []
    return [f"{values.name}: {where.sum()} value(s) are {what} ({first_of(values, where)})"]


def image_drift(pixels: np.ndarray, reading: ImageReading) -> list[str]:
    """A note on an image far from the brightness of the training images, if it is."""
    mean, maximum = float(pixels.mean()), float(pixels.max())
    low, high = reading.least_mean, reading.most_mean
    if maximum < reading.least_maximum / 2:
        least = f"in every training image it is {reading.least_maximum:g} or more"
        return [f"the largest pixel is {maximum:g}, {least}; is it scaled otherwise?"]
    if mean < low / 2 or 255 - mean < (255 - high) / 2:
        usual = f"the training images have {low:.0f} to {high:.0f}"
        return [f"the mean pixel is {mean:.0f}, {usual}; is it scaled or inverted otherwise?"]
    return []


def images_drift(x: np.ndarray, reading: ImageReading, what: str) -> list[str]:
    """A note on raw images ``(n, height, width, channels)``, if more than a few differ.

    Args:
        x: the images.
        reading: of the training images.
        what: the images are, for the note.
    """
    notes = [note for image in x for note in image_drift(image, reading)]
    few = len(notes) <= RARELY * len(x)
    return [] if few else [f"{len(notes):,} of {len(x):,} {what}: {notes[0]}"]


def text_drift(ids: np.ndarray, usual: float, what: str) -> list[str]:
    """A note on texts, token ids ``(n, length)``, if far fewer of the words are known.

    Args:
        ids: of the texts.
        usual: share of the words of the training texts that are known.
        what: the texts are, for the note.
    """
    share = _text.known_share(ids)
    if share >= LEAST_KNOWN * usual:
        return []
    return [f"{what}: the model knows {share:.0%} of the words, in training {usual:.0%}"]
