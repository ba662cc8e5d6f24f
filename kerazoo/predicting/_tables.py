"""Targets of new rows of a table, with a fine-tuned model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from kerazoo._lazy import np, pd
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._columns import encode
from kerazoo.finetuning.readers._csv import CsvOptions, Table, read_table
from kerazoo.finetuning.readers._drift import differences, note_on
from kerazoo.finetuning.readers._numbers import as_numbers
from kerazoo.finetuning.readers._target import class_names, zeros_and_ones
from kerazoo.finetuning.readers.arrays import row_names
from kerazoo.finetuning.readers.reading import TableReading
from kerazoo.predicting.predictions import Predictor, TablePredictions
from kerazoo.tasks._intervals import Intervals


class TablePredictor(Predictor):
    """A model of the rows of a table."""

    def predict(self, inputs: Any) -> TablePredictions:
        """Predict for one CSV file, DataFrame or array of rows ``(n, columns)``."""
        reading, labels = self.trained.reading, self.trained.labels
        assert isinstance(reading, TableReading)
        table = read_input(inputs, self.trained.source, reading.csv)
        frame, targets = table.frame, reading.targets
        rows = self.outputs(encode(frame.copy(deep=False), list(reading.columns), table.where))
        predicted = pd.DataFrame(rows, columns=list(labels or targets))
        if labels:
            best = self.trained.task.predicted(rows, labels, self.trained.threshold)
            predicted = with_classes(targets[0] if len(targets) == 1 else "labels", best, predicted)
        predicted = with_bounds(predicted, self.trained.intervals)
        notes = [*table.notes, *differences(frame, reading.columns, targets)]
        notes += compare(frame, predicted, targets, labels)
        return TablePredictions(predicted, tuple(notes), "table", frame)


def with_classes(
    target: str, best: Sequence[str | None], probabilities: pd.DataFrame
) -> pd.DataFrame:
    """The predicted class of each row, and the probability of every class."""
    frame = probabilities.rename(columns="p({})".format)
    frame.insert(0, target, best)
    return frame


def with_bounds(
    predicted: pd.DataFrame, intervals: Intervals | None, spread: np.ndarray | float = 1.0
) -> pd.DataFrame:
    """The predicted numbers, each with the bounds of its prediction interval, if there are any.

    The columns have the names that Nixtla's libraries give them: ``price-lo-90``, ``price-hi-90``.

    Args:
        predicted: of each target, the rows of a table or the steps of a forecast.
        intervals: of the model.
        spread: of each target in what the model saw.
    """
    if intervals is None:
        return predicted
    half = np.broadcast_to(intervals.half_widths(spread), (1, *predicted.shape))[0]
    columns = {}
    for place, name in enumerate(predicted.columns):
        columns[name] = predicted[name]
        for bound, sign in (("lo", -1), ("hi", 1)):
            label = f"{name}-{bound}-{100 * intervals.level:.0f}"
            columns[label] = predicted[name] + sign * half[:, place]
    return pd.DataFrame(columns)


def is_table(inputs: Any) -> bool:
    """True for a DataFrame or one file of a table, by its name."""
    if hasattr(inputs, "columns"):
        return True
    if isinstance(inputs, (list, tuple)) and len(inputs) == 1:
        inputs = inputs[0]
    return isinstance(inputs, (str, os.PathLike)) and os.fspath(inputs).lower().endswith(
        (".csv", ".tsv")
    )


def read_input(inputs: Any, source: str, options: CsvOptions) -> Table:
    """Read the one table that is given, as the training data was read.

    Args:
        inputs: a CSV file, alone or in a list, a DataFrame, or an array of rows.
        source: the model, for messages.
        options: how the file is written.
    """
    if isinstance(inputs, (list, tuple)):
        if len(inputs) != 1:
            raise KerazooError(f"{source} takes one CSV file; {len(inputs)} inputs are given.")
        inputs = inputs[0]
    if hasattr(inputs, "shape") and not hasattr(inputs, "columns"):
        inputs = inputs[None] if inputs.ndim == 1 else inputs
        if inputs.ndim != 2:
            raise KerazooError(f"The rows have shape {inputs.shape}; give (n, columns).")
        inputs = pd.DataFrame(inputs, columns=row_names(inputs.shape[1]))
    return read_table(inputs, options, least=1, columns=1)


def compare(
    frame: pd.DataFrame, predicted: pd.DataFrame, targets: Sequence[str], labels: Sequence[str]
) -> list[str]:
    """Notes on how well predictions agree with the targets, where the new rows hold them."""
    notes = []
    for name in (t for t in targets if t in frame.columns):
        several = len(labels) > 0 and len(targets) > 1
        values, ours = frame[name], predicted[f"p({name})" if several else name].to_numpy()
        if several:
            true = zeros_and_ones(values, name)
            known = ~np.isnan(true)
            right = int(((ours >= 0.5) == true)[known].sum())
            result = f"{right:,} of {known.sum():,} are predicted right"
        elif labels:
            true, known = class_names(values)
            notes += note_on(values, known & ~pd.Index(true).isin(labels), "no class of the model")
            result = f"{int((true == ours)[known].sum()):,} of {known.sum():,} are predicted right"
        else:
            true, _ = as_numbers(values, name) or (np.full(len(values), np.nan), [])
            known = ~np.isnan(true)
            off = np.abs(true - ours)[known].mean() if known.any() else 0
            result = f"the predictions are off by {off:.4g} on average"
        if known.any():
            notes.append(f"{name} is in the file: {result}")
    return notes
