"""Predictions for new rows of a table, or the next steps of a series, with a fine-tuned model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._files import write_text
from kerazoo.errors import KerazooError, require_choice
from kerazoo.finetuning.readers._columns import Column, columns_from, encode, texts_of
from kerazoo.finetuning.readers._csv import (
    CsvOptions,
    Table,
    as_numbers,
    is_missing,
    options_from,
    read_table,
)
from kerazoo.finetuning.readers._dates import times_of
from kerazoo.finetuning.readers._target import class_names
from kerazoo.finetuning.readers.arrays import row_names
from kerazoo.finetuning.readers.series import GAPS, filled, regular_values
from kerazoo.finetuning.readers.user_data import listed
from kerazoo.predicting.trained import Trained
from kerazoo.training import engine

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

KINDS = {"rows": "predictions", "text": "predictions", "series": "forecast"}


@dataclass(frozen=True)
class TablePredictions:
    """What a model says of a table.

    Attributes:
        frame: of a table one row per row of it, in order: the predicted target and, of classes,
            the probability of each; of a series the next steps, with their dates.
        notes: what was done to the input that its owner should know, a line each.
        kind: ``rows``, ``text`` or ``series``.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]
    kind: str

    def as_json(self) -> dict[str, Any]:
        """What ``kerazoo predict --json`` prints."""
        import json

        rows = json.loads(self.frame.to_json(orient="records", date_format="iso"))
        return {"kind": self.kind, "rows": rows, "notes": list(self.notes)}


def is_table(inputs: Any) -> bool:
    """Whether inputs are a DataFrame or one file of a table, by its name."""
    if hasattr(inputs, "columns"):
        return True
    if isinstance(inputs, (list, tuple)) and len(inputs) == 1:
        inputs = inputs[0]
    return isinstance(inputs, (str, os.PathLike)) and os.fspath(inputs).lower().endswith(
        (".csv", ".tsv")
    )


def read_inputs(inputs: Any, whose: str, options: CsvOptions | None = None) -> Table:
    """The one table that was given.

    Args:
        inputs: a CSV file, alone or in a list, a DataFrame, or an array of rows.
        whose: how messages call the model.
        options: how the file is written.
    """
    if isinstance(inputs, (list, tuple)):
        if len(inputs) != 1:
            raise KerazooError(f"{whose} takes one CSV file; {len(inputs)} are given.")
        inputs = inputs[0]
    if hasattr(inputs, "shape") and not hasattr(inputs, "columns"):
        inputs = _frame(inputs)
    if isinstance(inputs, (str, os.PathLike)) and not Path(inputs).is_file():
        raise KerazooError(f"there is no file {os.fspath(inputs)}; give a CSV file.")
    return read_table(inputs, options, least=1, columns=1)


@dataclass(frozen=True)
class TablePredictor:
    """A model that was fine-tuned on a table or a series and stays loaded.

    Attributes:
        trained: the run.
    """

    trained: Trained

    def __call__(self, inputs: Any, *, gaps: str | None = None) -> TablePredictions:
        """Predict for one CSV file, DataFrame or array of rows ``(n, columns)``.

        Args:
            inputs: the table.
            gaps: of a series: see :func:`kerazoo.predict`.

        Raises:
            KerazooError: not one file; it cannot be read; a column that the model needs is missing
                or holds something else; a series is shorter than the look-back or irregular;
                ``gaps`` is given for rows.
        """
        treatment = self.trained.treatment
        if gaps is not None:
            if treatment["kind"] != "series":
                raise KerazooError("gaps go with a series; this model reads rows of a table.")
            require_choice("gaps", gaps, GAPS)
            treatment = {**treatment, "gaps": gaps}
        table = read_inputs(inputs, f"the model in {self.trained.source}", options_from(treatment))
        if treatment["kind"] == "series":
            return _forecast(self.trained.model, treatment, table.frame, table.where)
        return _predict_rows(self.trained, table.frame, table.where)


def _frame(rows: np.ndarray) -> pd.DataFrame:
    """An array of rows with the names that the columns of such arrays have in training."""
    import pandas as pd

    if rows.ndim != 2:
        raise KerazooError(f"the rows have shape {rows.shape}; give (n, columns).")
    return pd.DataFrame(rows, columns=row_names(rows.shape[1]))


def _predict_rows(trained: Trained, frame: pd.DataFrame, where: str) -> TablePredictions:
    import pandas as pd

    treatment, labels = trained.treatment, list(trained.labels)
    columns = columns_from(treatment)
    x = encode(frame, columns, where)
    core, names = trained.core, treatment["targets"]
    rows = trained.task.postprocess(core, engine.predict(core, x))
    if labels:
        said: dict[str, Any] = {names[0]: [labels[i] for i in rows.argmax(axis=1)]}
        said |= {f"p({label})": rows[:, i] for i, label in enumerate(labels)}
    else:
        said = {name: rows[:, i] for i, name in enumerate(names)}
    predicted = pd.DataFrame(said)
    notes = [*_notes(frame, columns, names), *beside_the_truth(frame, predicted, names, labels)]
    return TablePredictions(predicted, tuple(notes), treatment["kind"])


def beside_the_truth(
    frame: pd.DataFrame, predicted: pd.DataFrame, targets: list[str], labels: list[str]
) -> list[str]:
    """How far the predictions agree with the targets, where the new rows hold them too."""
    notes = []
    for name in (t for t in targets if t in frame.columns):
        if labels:
            true, known = class_names(frame[name])
            if not known.any():
                continue
            new = [i for i in known.nonzero()[0] if true[i] not in labels]
            if new:
                notes.append(
                    f"{name}: {len(new)} value(s) are no class that the model knows (line "
                    f"{frame.index[new[0]]}: {true[new[0]]!r})"
                )
            right = int((true == predicted[name].to_numpy())[known].sum())
            notes.append(f"{name} is in the file: {right:,} of {known.sum():,} are predicted right")
            continue
        try:
            read = as_numbers(frame[name], name)
        except KerazooError as error:  # it is only compared with
            notes.append(f"{name} is in the file, but is not compared with: {error}")
            continue
        if read is not None and (known := read[0] == read[0]).any():
            off = abs(read[0] - predicted[name].to_numpy())[known].mean()
            notes.append(f"{name} is in the file: the predictions are off by {off:.4g} on average")
    return notes


def _notes(frame: pd.DataFrame, columns: list[Column], targets: list[str]) -> list[str]:
    """What in new rows differs from what the model was trained on."""
    notes = []
    known = {c.name for c in columns} | set(targets)
    new = [repr(name) for name in frame.columns if name not in known]
    if new:
        notes.append(f"columns that the model does not use: {listed(new)}")
    for c in columns:
        missing = is_missing(frame[c.name])
        if c.categories is None:
            if missing.any() and not c.missing:
                line = frame.index[missing.nonzero()[0][0]]
                notes.append(
                    f"{c.name}: {int(missing.sum())} value(s) are missing (line {line}), which "
                    "never was so in training; the mean stands for them"
                )
            read = as_numbers(frame[c.name], c.name)
            if read is not None and read[1]:
                first = read[1][0]
                notes.append(
                    f"{c.name}: {len(read[1])} value(s) are no number, so missing (line "
                    f"{frame.index[first]}: {frame[c.name].iloc[first]!r})"
                )
            continue
        texts = texts_of(frame[c.name])
        unseen = [i for i, t in enumerate(texts) if t not in c.categories]
        if unseen:
            notes.append(
                f"{c.name}: {len(unseen)} value(s) were not seen in training (line "
                f"{frame.index[unseen[0]]}: {texts[unseen[0]]!r}); they count as other"
            )
    return notes


def _forecast(
    model: keras.Model, treatment: Mapping[str, Any], frame: pd.DataFrame, where: str
) -> TablePredictions:
    import numpy as np
    import pandas as pd

    targets, lookback = treatment["targets"], treatment["lookback"]
    for name in filter(None, (*targets, treatment["time"])):
        if name not in frame.columns:
            raise KerazooError(f"{where} has no column {name!r}; the model was trained with it.")
    times = None  # rows are steps if they were so in training, whatever stands beside them now
    if treatment["time"] is not None:
        options, step = options_from(treatment), treatment["step"]
        times = times_of(frame, treatment["time"], targets, where, options, step)
    regular, notes = regular_values(frame, targets, times, treatment["gaps"], where)
    if len(regular) < lookback:
        raise KerazooError(
            f"{where} has {len(regular):,} steps; the model looks back {lookback:,}. Give at least "
            "so many."
        )
    window = filled(regular, {}).to_numpy()[None, -lookback:].astype(np.float32)
    said = engine.predict(model, window)[0]
    table = {name: said[:, i] for i, name in enumerate(targets)}
    if times is None:
        ahead: Any = {"step": np.arange(1, len(said) + 1)}
    else:
        dates = pd.date_range(times.grid[-1], periods=len(said) + 1, freq=times.grid.freq)
        ahead = {times.column: dates[1:]}
        notes += times.notes
    return TablePredictions(pd.DataFrame({**ahead, **table}), tuple(notes), "series")


def write_csv(predictions: TablePredictions, path: Path) -> None:
    """Write the predictions as CSV in UTF-8, atomically."""
    write_text(path, predictions.frame.to_csv(index=False))
