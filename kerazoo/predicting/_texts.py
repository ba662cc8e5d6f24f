"""Classes of texts, from strings, files or the rows of a table."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from kerazoo._lazy import np, pd
from kerazoo.datasets import _text
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._columns import texts_of
from kerazoo.finetuning.readers._csv import column
from kerazoo.finetuning.readers._drift import text_drift
from kerazoo.finetuning.readers.reading import TextReading
from kerazoo.finetuning.readers.user_data import listed
from kerazoo.predicting._tables import compare, is_table, read_input, with_classes
from kerazoo.predicting.predictions import Predictions, Predictor, TablePredictions


class TextPredictor(Predictor):
    """A classifier of texts."""

    def predict(self, inputs: Any, text: str | None = None) -> Predictions:
        """Classify texts, text files, or a table with a column of texts."""
        if is_table(inputs):
            return self._predict_table(inputs, text)
        if text is not None:
            raise KerazooError("text names a column of a CSV file or DataFrame; there is none.")
        return self.classify(inputs, lambda given: self._ids(_text_of(given)))

    def suffixes(self) -> Collection[str]:
        """Suffix of texts."""
        return (".txt",)

    def _predict_table(self, inputs: Any, text: str | None) -> TablePredictions:
        """Classify each text of a table; one without a known word gets a note and no class."""
        reading, labels = self._reading, self.trained.labels
        table = read_input(inputs, self.trained.source, reading.csv)
        what = f"the column of texts in {table.where} (--text)"
        values = table.frame[column(table.frame, text or reading.text or None, what)]
        predictions = self.classify(texts_of(values), self._ids)
        best, rows = [p.label for p in predictions], [p.probabilities or {} for p in predictions]
        probabilities = pd.DataFrame(rows, columns=list(labels))
        frame = with_classes((*reading.targets, "label")[0], best, probabilities)
        notes = []
        for field, what in (("error", "no prediction"), ("note", "a note")):
            remarks = [getattr(p, field) for p in predictions]
            lines = [f"line {i}: {r}" for i, r in zip(values.index, remarks, strict=True) if r]
            notes += [f"{len(lines):,} text(s) have {what}: {listed(lines)}"] if lines else []
        notes = [*table.notes, *notes, *compare(table.frame, frame, reading.targets, labels)]
        return TablePredictions(frame, tuple(notes), "texts", table.frame)

    @property
    def _reading(self) -> TextReading:
        """Stored reading of the user's data; one without a column for bundled weights."""
        reading = self.trained.reading
        if isinstance(reading, TextReading):
            return reading
        return TextReading(text="", targets=(), standardization="unicode")

    def _ids(self, given: Any) -> tuple[np.ndarray, str]:
        """Token ids ``(length,)`` of a text, and a note."""
        text = _text.standardize(str(given), self._reading.standardization)
        tokens = _text.tokens_of(text)
        if not tokens:
            raise KerazooError("The text has no words.")
        length = self.trained.model.input_shape[1]
        ids = _text.encode([text], self.trained.vocabulary or (), length)[0]
        known = int(_text.known_words(ids))
        if not known:
            raise KerazooError("The text has no word that occurs in the training texts.")
        notes = []
        if len(tokens) > length:
            notes.append(f"only {_text.KEPT} {length} of its {len(tokens):,} words are read")
        if known < self.trained.fewest_words:
            notes.append(
                f"unsure: it has {known} of the model's words, every training text "
                f"{self.trained.fewest_words} or more"
            )
        else:
            notes += text_drift(ids, self._reading.known, "unsure")
        return ids, "; ".join(notes)


def _text_of(given: Any) -> str:
    """The text that was given, or that of a file that was named."""
    # os.path's, as it takes a text that no file can be named for no file.
    if isinstance(given, str) and ("\n" in given or not os.path.isfile(given)):
        return given
    if is_table(given):
        raise KerazooError(f"{os.fspath(given)} is a table; give it alone.")
    if not isinstance(given, (str, bytes, os.PathLike)):
        raise KerazooError(f"{given!r} is neither a text nor a file.")
    try:
        raw = given if isinstance(given, bytes) else Path(given).read_bytes()
        return raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KerazooError(f"{given!s} cannot be read as text: {error}.") from None
