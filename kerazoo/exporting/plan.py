"""Plan of an export: the exported model, and how data of the trained network passes through it.

A model that was fine-tuned on a table or a series takes raw rows or natural units, while its data
is what the trained network inside takes: encoded rows, standardized windows. The plan converts
these back, so that the one can be compared with the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kerazoo._lazy import keras, np
from kerazoo.exporting.formats import Format, Runner
from kerazoo.finetuning.readers._columns import feature_names, raw_rows, takes_rows
from kerazoo.finetuning.readers._numbers import MISSING
from kerazoo.finetuning.readers.images import as_read
from kerazoo.finetuning.readers.reading import ImageReading, TableReading
from kerazoo.finetuning.readers.series import in_deviations
from kerazoo.predicting.trained import Trained


@dataclass(frozen=True, kw_only=True)
class ExportPlan:
    """The exported model and the network that was trained, which it is or contains.

    Attributes:
        network: the trained network.
        model: the exported model.
        to_inputs: from inputs of the network, ``(n, …)``, to those of the model.
        to_outputs: from outputs of the model to those of the network, float32 ``(n, …)``.
        notes: for the users of the export.
        rounding: what float32 may add to outputs of the network on this way.
        columns: for a model of a table: content of ``columns.json``.
    """

    network: keras.Model
    model: keras.Model
    to_inputs: Callable[[np.ndarray], Any]
    to_outputs: Callable[[np.ndarray], np.ndarray] = lambda y: y
    notes: tuple[str, ...] = ()
    rounding: float = 0.0
    columns: Mapping[str, Any] | None = None

    def through(self, runner: Runner) -> Runner:
        """A runner of the exported model as one of the trained network."""
        return lambda x: self.to_outputs(runner(self.to_inputs(x)))

    def example(self) -> Any:
        """One input of the exported model, from zeros of the network's input."""
        tensor = self.network.inputs[0]
        return self.to_inputs(np.zeros((1, *tensor.shape[1:]), dtype=tensor.dtype))


def plan_export(trained: Trained, format: Format) -> ExportPlan:
    """The model as its users call it, if the format can hold that; else the trained network."""
    network = trained.task.network(trained.core)
    kind = network.inputs[0].dtype  # Keras casts inputs, other runtimes do not
    plain = ExportPlan(network=network, model=network, to_inputs=lambda x: x.astype(kind))
    if trained.core is trained.model:
        return plain
    reading = trained.reading
    if isinstance(reading, ImageReading):
        return dataclasses.replace(
            plain, model=trained.model, to_inputs=lambda x: as_read(x, reading).astype("float32")
        )
    if isinstance(reading, TableReading):
        return _rows_plan(plain, reading, format)
    return _series_plan(plain, trained)


def _series_plan(plain: ExportPlan, trained: Trained) -> ExportPlan:
    """The model in natural units."""
    assert trained.data.series is not None
    mean, std = trained.data.series.overall
    n = len(trained.data.info.targets)  # the first columns
    return dataclasses.replace(
        plain,
        model=trained.model,
        to_inputs=lambda x: (x.astype(np.float64) * std + mean).astype(np.float32),
        to_outputs=lambda y: ((y.astype(np.float64) - mean[:n]) / std[:n]).astype(np.float32),
        notes=(
            "takes windows and gives forecasts in natural units; the differences are in standard "
            "deviations",
        ),
        rounding=in_deviations(mean, std),
    )


def _rows_plan(plain: ExportPlan, reading: TableReading, format: Format) -> ExportPlan:
    """The model of raw rows, its inputs named as the format demands."""
    strings = format.takes_strings and keras.config.backend() == "tensorflow"
    numeric = all(c.categories is None for c in reading.columns)
    if not format.takes_rows or not (numeric or strings):
        return dataclasses.replace(
            plain,
            notes=(
                "takes rows as the features that columns.json lists; keras and saved_model take "
                "raw rows, on TensorFlow, and onnx those of numbers alone",
            ),
            columns=dataclasses.asdict(reading)
            | {"features": feature_names(list(reading.columns))},
        )
    names = format.input_names([c.input for c in reading.columns])
    columns = [
        dataclasses.replace(c, input=name) for c, name in zip(reading.columns, names, strict=True)
    ]
    return dataclasses.replace(
        plain,
        model=takes_rows(plain.network, columns),
        to_inputs=lambda x: raw_rows(x, columns),
        notes=(
            "takes raw rows: one input (n, 1) for each column, float32 or a tensor of strings "
            "without blanks around them, float64 for columns such as time stamps, by the names in "
            "columns.json; NaN and the empty string "
            "are missing values, 1 and 0 are true and false",
        ),
        rounding=max((c.rounding for c in columns if c.categories is None), default=0.0),
        columns=dataclasses.asdict(dataclasses.replace(reading, columns=tuple(columns)))
        | {"read_as_missing": MISSING},
    )
