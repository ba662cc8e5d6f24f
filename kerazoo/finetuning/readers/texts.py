"""Texts and their classes from a CSV file."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._files import save_atomic, write_bytes
from kerazoo._lazy import keras
from kerazoo.datasets import _text as text
from kerazoo.datasets._cache import home
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._csv import (
    CsvOptions,
    column,
    is_missing,
    read_table,
    read_test,
)
from kerazoo.finetuning.readers._target import class_target, target_like
from kerazoo.finetuning.readers.user_data import (
    Asked,
    Own,
    as_data,
    name_of,
    notes_on_classes,
    notes_on_copies,
    own_dataset,
    shuffled_split,
    split_line,
    take,
)
from kerazoo.spec import Dataset, Split

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LENGTH = 400  # tokens that a model of the zoo reads
VOCABULARY = 20_000  # most token ids of a vocabulary of the user's own
LEAST_KNOWN = 0.5  # share of the words that the given vocabulary should know
STRINGS = "model_strings.keras"


def texts_from(
    source: Any,
    asked: Asked,
    start: Dataset | None,
    test: Any = None,
    options: CsvOptions | None = None,
) -> Own:
    """Texts and classes of a CSV file or DataFrame, as token ids, split and ready to train on.

    Args:
        source: the file or DataFrame.
        asked: ``.text`` and ``.target`` name the columns.
        start: the dataset whose vocabulary is used; without it one is made of the training texts.
        test: likewise, the texts to measure on; by default a fifth of ``source``.
        options: how the file is written.

    Raises:
        KerazooError: what ``read_table`` refuses; no text or target
            column; a class in fewer than three rows; texts without words.
    """
    import numpy as np

    table = read_table(source, options)
    frame, where = table.frame, table.where
    name = column(frame, asked.text, "the column of texts (--text)")
    if isinstance(asked.target, tuple):
        raise KerazooError("texts have one target; give --target once.")
    label = column(frame, asked.target, "the target (--target)")
    if label == name:
        raise KerazooError(f"text and target are both {name!r}; they must differ.")
    words = _with_words(frame[name])
    if words.sum() < words.size / 2:
        raise KerazooError(
            f"{where}: {int((~words).sum()):,} of {words.size:,} texts in {name!r} hold no word. "
            "Is it the right column?"
        )
    # Of the rows with words only: a class of which none is left is none.
    target = class_target(frame[label][words], label, where)
    if target.known.sum() < words.sum() / 2:
        raise KerazooError(
            f"{where}: {int((~target.known).sum()):,} of {words.sum():,} texts have no {label!r}. "
            "Is it the right column?"
        )
    y, texts = target.y[target.known], _texts(frame[name][words][target.known])
    indices = shuffled_split(
        y, stratify=True, held_out=None if test is None else np.zeros(len(y), bool)
    )
    path = start.vocabulary if start is not None else None
    if path is None:
        path = _own_vocabulary(texts[indices["train"]])
    tokens = text.read_vocabulary(path)
    x = text.encode(texts, tokens, LENGTH)
    splits, left = take(x, y, indices), len(frame) - len(y)
    found = [
        f"{where}: {len(y):,} texts in {name!r}, {_lengths(texts)}; {target.why}",
        *table.notes,
    ]
    if test is not None:
        more = read_test(test, table)
        column(more.frame, name, f"the column of texts in {more.where}")
        rows = more.frame[_with_words(more.frame[name])]
        theirs = target_like(target, rows, more.where)
        if not theirs.known.any():
            raise KerazooError(f"{more.where}: no text of the test data has words and a class.")
        ids = text.encode(_texts(rows[name][theirs.known]), tokens, LENGTH)
        splits["test"] = Split(ids, theirs.y[theirs.known])
        left += len(more.frame) - len(ids)
        found.append(f"{more.where}: {len(ids):,} texts to test on")
    info = own_dataset(
        "texts" if isinstance(source, type(frame)) else name_of(Path(source)),
        "classification",
        f"{len(y):,} texts from {where}",
        input_shape=(LENGTH,),
        labels=target.labels,
        vocabulary=path,
        fewest_words=int(text.known_words(splits["train"].x).min()),
        source=where,
    )
    data = as_data(info, splits)
    return Own(
        data=data,
        found=(
            *found,
            f"{_vocabulary_line(x, tokens, start)}; {text.KEPT} {LENGTH} words of a text are read",
            split_line(data, stratified=True, given=test is not None),
        ),
        warnings=(
            *_warnings(x, left, start),
            *notes_on_classes(Counter(target.labels[i] for i in y.tolist()), "texts"),
            *notes_on_copies(data, "text"),
        ),
        test_given=test is not None,
        treatment={
            "kind": "text",
            "text": name,
            "targets": [label],
            "csv": asdict(table.options),
        },
        extras=lambda folder, model: write_strings(folder, model, tokens),
    )


def _with_words(values: pd.Series) -> np.ndarray:
    """Which texts are there and hold a word, bool ``(n,)``."""
    import numpy as np

    words = np.array([bool(text.tokens_of(str(t))) for t in values], dtype=bool)
    return words & ~is_missing(values)


def _texts(values: pd.Series) -> np.ndarray:
    return values.astype(str).to_numpy(dtype=object)


def _own_vocabulary(texts: np.ndarray) -> Path:
    """A vocabulary of the training texts, kept by its content so that a resumed run finds it."""
    content = text.vocabulary_bytes(text.build_vocabulary(texts, VOCABULARY))
    path = home() / "vocabularies" / f"{hashlib.sha256(content).hexdigest()[:16]}.txt.xz"
    if not path.exists():
        write_bytes(path, content)
    return path


def _lengths(texts: np.ndarray) -> str:
    import numpy as np

    words = [len(text.tokens_of(t)) for t in texts]
    return (
        f"{min(words):,} to {max(words):,} words long, half of them up to {np.median(words):,.0f}"
    )


def _known(x: np.ndarray) -> float:
    """Share of the words that the vocabulary knows."""
    return float((x > text.UNKNOWN).sum() / max(1, (x != text.PADDING).sum()))


def _vocabulary_line(x: np.ndarray, tokens: tuple[str, ...], start: Dataset | None) -> str:
    whose = "of the training texts" if start is None else f"of {start.name}"
    return f"vocabulary {whose}: {len(tokens):,} words, {_known(x):.0%} of those in the texts"


def _warnings(x: np.ndarray, left: int, start: Dataset | None) -> list[str]:
    lines = []
    if left:
        lines.append(f"{left:,} rows have no text or no class and are left out")
    if start is not None and _known(x) < LEAST_KNOWN:
        lines.append(
            f"the vocabulary of {start.name} knows only {_known(x):.0%} of the words; another "
            "language? --weights none makes one of your texts"
        )
    return lines


def write_strings(folder: Path, model: keras.Model, tokens: tuple[str, ...]) -> None:
    """Write a model that takes strings, ``(n,)``; needs TensorFlow, others have no strings.

    It reads as :func:`kerazoo.datasets._text.encode` does, but for ``<br />``, which must be a
    space.
    """
    if keras.config.backend() != "tensorflow":
        return
    length, ops = model.input_shape[1], keras.ops
    strings = keras.Input((), dtype="string", name="texts")
    ids = keras.layers.TextVectorization(
        standardize="lower_and_strip_punctuation", vocabulary=list(tokens), name="words"
    )(strings)
    # The last words of each text, which is padded to the longest of its batch.
    words = ops.sum(ops.cast(ops.not_equal(ids, 0), "int32"), axis=1, keepdims=True)
    places = ops.maximum(words - length, 0) + ops.arange(length, dtype="int32")
    ids = ops.pad(ids, [[0, 0], [0, length]])
    ids = ops.cast(ops.take_along_axis(ids, places, axis=1), "int32")
    whole = keras.Model(strings, model(ids), name="takes_strings")
    save_atomic(folder / STRINGS, whole.save)
