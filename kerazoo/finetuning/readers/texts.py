"""Texts and their classes from a CSV file."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

from kerazoo import registry
from kerazoo._files import save_atomic, write_bytes
from kerazoo._files.archives import save_network
from kerazoo._lazy import keras, np, pd
from kerazoo.datasets import _text
from kerazoo.datasets._cache import home
from kerazoo.errors import KerazooError, cut
from kerazoo.finetuning.readers._csv import CsvOptions, column, read_table, read_test
from kerazoo.finetuning.readers._drift import LEAST_KNOWN, text_drift
from kerazoo.finetuning.readers._numbers import is_missing
from kerazoo.finetuning.readers._strings import token_ids
from kerazoo.finetuning.readers._target import (
    Target,
    class_target,
    rows_without_target,
    target_like,
)
from kerazoo.finetuning.readers.reading import TextReading
from kerazoo.finetuning.readers.user_data import (
    UserData,
    data_reader,
    shuffled_split,
    unused_columns,
    user_data_of,
)
from kerazoo.spec import Split

LENGTH = 400  # tokens that a model of the zoo reads
VOCABULARY = 20_000  # most token ids of a vocabulary made of the training texts
LEAST_READ = 0.5  # share of the rows that have a text and a class
EXAMPLE = 60  # characters of a text that show how texts are read
STRINGS = "model_strings.keras"


@data_reader
def from_texts(
    source: Any,
    *,
    text: str | None = None,
    target: str | None = None,
    test: Any = None,
    vocabulary: str | None = None,
    standardization: _text.Standardization = "unicode",
    **csv: Any,
) -> UserData:
    """Read texts and their classes from a table.

    Args:
        source: a CSV file or a DataFrame.
        text: the column of texts.
        target: the column of classes.
        test: likewise, the texts to evaluate on; by default a fifth of ``source``.
        vocabulary: a dataset (``"imdb"``) whose vocabulary is used, or the path of a run's; by
            default one is made of the training texts. ``finetune`` takes that of the trained
            weights.
        standardization: ``"unicode"``, or ``"latin"`` as in earlier runs.
        **csv: how the file is written, see :class:`kerazoo.finetuning.readers._csv.CsvOptions`.

    Raises:
        KerazooError: what ``read_table`` refuses; no text or target
            column; a class in fewer than three rows; texts without words.
    """
    table = read_table(source, CsvOptions(**csv), numbers=(str(target),))
    frame, where = table.frame, table.where
    name = column(frame, text, "the column of texts (--text)")
    if isinstance(target, tuple):
        raise KerazooError("texts have one target; give --target once.")
    label = column(frame, target, "the target (--target)")
    if label == name:
        raise KerazooError(f"text and target are both {name!r}; they must differ.")
    texts, words = _texts(frame[name], standardization)
    # Of the rows with words only: a class of which none is left is none.
    classes = class_target(frame[label][words], where) if words.any() else None
    n = int(classes.known.sum()) if classes else 0
    if classes is None or n < LEAST_READ * len(frame):
        what = label if words.mean() >= LEAST_READ else name
        few = f"only {n:,} of {len(frame):,} texts have words and a class"
        raise KerazooError(f"{where}, column {what!r}: {few}. Is it the right column?")
    y, texts = classes.y[classes.known], texts[words][classes.known]
    indices, how = shuffled_split(y, stratify=True, test_given=test is not None)
    if vocabulary is None:
        path: Path | None = _vocabulary_of(texts[indices["train"]])
    else:
        of_run = Path(vocabulary).name != vocabulary
        path = Path(vocabulary) if of_run else registry.get_dataset(vocabulary).vocabulary
    if path is None:
        raise KerazooError(f"dataset {vocabulary} has no vocabulary, as it holds no texts.")
    tokens = _text.read_vocabulary(path)
    x = _text.encode(texts, tokens, LENGTH)
    splits = {s: Split(x[i], y[i]) for s, i in indices.items()}
    warnings = [*unused_columns(frame, (name, label)), *_left_out(frame, words, classes)]
    names = {s: frame.index.to_numpy()[words][classes.known][i] for s, i in indices.items()}
    lengths = [len(_text.tokens_of(t)) for t in texts]
    size = f"{min(lengths):,} to {max(lengths):,} words (median {np.median(lengths):,.0f})"
    found = [f"{where}: {len(y):,} texts in {name!r} of {size}; {classes.why}", *table.notes]
    if test is not None:
        more = read_test(test, table)
        column(more.frame, name, f"the column of texts in {more.where}")
        given, there = _texts(more.frame[name], standardization)
        theirs = target_like(classes, more.frame[there], more.where)
        ids = _text.encode(given[there][theirs.known], tokens, LENGTH)
        splits["test"] = Split(ids, theirs.y[theirs.known])
        names["test"] = more.frame.index.to_numpy()[there][theirs.known]
        found.append(f"{more.where}: {len(ids):,} texts to test on")
        warnings += [f"{more.where}: {note}" for note in _left_out(more.frame, there, theirs)]
        warnings += text_drift(ids, _text.known_share(splits["train"].x), more.where)
    known = _text.known_share(x)
    raw = str(frame[name][words][classes.known].iloc[0])
    as_words = b" ".join(_text.tokens_of(texts[0])).decode()
    found += [
        f"{name}: {cut(raw, EXAMPLE)!r} read as the words {cut(as_words, EXAMPLE)!r}",
        f"vocabulary of {vocabulary or 'the training texts'}: {len(tokens):,} words, "
        f"{known:.0%} of those in the texts; {_text.KEPT} {LENGTH} words of a text are read",
    ]
    if vocabulary and known < LEAST_KNOWN:
        warnings.append(
            f"the vocabulary of {vocabulary} knows only {known:.0%} of the words; another "
            "language? --weights none makes one of your texts"
        )
    return user_data_of(
        "texts",
        source,
        splits,
        report=found,
        how=how,
        warnings=warnings,
        names=names,
        facts={
            "labels": classes.labels,
            "vocabulary": path,
            "fewest_words": int(_text.known_words(splits["train"].x).min()),
        },
        reading=TextReading(
            text=name,
            targets=(label,),
            standardization=standardization,
            known=_text.known_share(splits["train"].x),
            csv=table.options,
        ),
        extras=lambda directory, model: write_strings(directory, model, tokens, standardization),
    )


def _texts(values: pd.Series, how: _text.Standardization) -> tuple[np.ndarray, np.ndarray]:
    """Standardized texts, and which are there and hold a word: object and bool ``(n,)``."""
    texts = np.array([_text.standardize(str(text), how) for text in values], dtype=object)
    words = np.array([bool(_text.tokens_of(text)) for text in texts], dtype=bool)
    return texts, words & ~is_missing(values)


def _left_out(frame: pd.DataFrame, words: np.ndarray, classes: Target) -> list[str]:
    """Notes on the rows without words, and on the others without a class."""
    n = int((~words).sum())
    notes = [f"{n:,} rows have no text and are left out"] * bool(n)
    return notes + rows_without_target(frame[words], classes)


def _vocabulary_of(texts: np.ndarray) -> Path:
    """A vocabulary of the training texts, kept by its content so that a resumed run finds it."""
    content = _text.vocabulary_bytes(_text.build_vocabulary(texts, VOCABULARY))
    path = home() / "vocabularies" / f"{hashlib.sha256(content).hexdigest()[:16]}.txt.xz"
    if not path.exists():
        write_bytes(path, content)
    return path


def write_strings(
    folder: Path, model: keras.Model, tokens: tuple[str, ...], how: _text.Standardization
) -> None:
    """Write a model that takes strings, ``(n,)``; needs TensorFlow, others have no strings."""
    if keras.config.backend() != "tensorflow":
        return
    strings = keras.Input((), dtype="string", name="texts")
    ids = token_ids(strings, tokens, model.input_shape[1], how)
    whole = keras.Model(strings, model(ids), name="takes_strings")
    save_atomic(folder / STRINGS, partial(save_network, whole))
