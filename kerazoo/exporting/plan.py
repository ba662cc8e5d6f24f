"""Plan of an export: the exported model, and how data of the trained network passes through it.

A model that was fine-tuned on a table or a series takes raw rows or natural units, while its data
is what the trained network inside takes: encoded rows, standardized windows. The plan converts
these back, so that the one can be compared with the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import keras
from kerazoo.finetuning.readers._columns import columns_from, raw_rows
from kerazoo.finetuning.readers.series import in_deviations
from kerazoo.predicting.trained import Trained

if TYPE_CHECKING:
    import numpy as np

    from kerazoo.exporting.formats import Format, Runner


@dataclass(frozen=True, kw_only=True)
class ExportPlan:
    """The exported model and the network that was trained, which it is or contains.

    Attributes:
        network: the trained network.
        model: the exported model.
        to_inputs: from inputs of the network, ``(n, …)``, to those of the model.
        to_outputs: from outputs of the model to those of the network, float32 ``(n, …)``.
        names: for a model of raw rows: the export's names of its inputs.
        notes: for the users of the export.
        rounding: what float32 may add to outputs of the network on this way.
    """

    network: keras.Model
    model: keras.Model
    to_inputs: Callable[[np.ndarray], Any]
    to_outputs: Callable[[np.ndarray], np.ndarray] = lambda y: y
    names: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rounding: float = 0.0

    def by_model_names(self, runner: Runner) -> Runner:
        """A runner of the export that takes inputs by the model's names."""
        if not self.names:
            return runner
        return lambda rows: runner({self.names[name]: values for name, values in rows.items()})

    def through(self, runner: Runner) -> Runner:
        """A runner of the exported model as one of the trained network."""
        return lambda x: self.to_outputs(runner(self.to_inputs(x)))

    def example(self) -> Any:
        """One input of the exported model, from zeros of the network's input."""
        import numpy as np

        tensor = self.network.inputs[0]
        return self.to_inputs(np.zeros((1, *tensor.shape[1:]), dtype=tensor.dtype))


def plan_export(trained: Trained, format: Format) -> ExportPlan:
    """The model as its users call it, if the format can hold that; else the trained network."""
    import numpy as np

    network = trained.task.network(trained.core)
    dtype = network.inputs[0].dtype  # Keras casts inputs, other runtimes do not
    if trained.core is trained.model:
        return ExportPlan(network=network, model=network, to_inputs=lambda x: x.astype(dtype))
    if trained.data.series is not None:
        mean, std = trained.data.series.mean, trained.data.series.std
        return ExportPlan(
            network=network,
            model=trained.model,
            to_inputs=lambda x: (x.astype(np.float64) * std + mean).astype(np.float32),
            to_outputs=lambda y: ((y.astype(np.float64) - mean) / std).astype(np.float32),
            notes=(
                "takes windows and gives forecasts in natural units; the differences are in "
                "standard deviations",
            ),
            rounding=in_deviations(mean, std),
        )
    columns = columns_from(trained.treatment)
    numeric = all(c.categories is None for c in columns)
    if not format.takes_rows or not (numeric or keras.config.backend() == "tensorflow"):
        return ExportPlan(
            network=network,
            model=network,
            to_inputs=lambda x: x.astype(dtype),
            notes=(
                "takes rows as the features that columns.json lists; keras and saved_model take "
                "raw rows, on TensorFlow",
            ),
        )
    return ExportPlan(
        network=network,
        model=trained.model,
        to_inputs=lambda x: raw_rows(x, columns),
        names=format.input_names(trained.model),
        notes=(
            "takes raw rows: one input (n, 1) for each column, float32 or a tensor of strings "
            "without blanks around them, by the names in columns.json; NaN and the empty string "
            "are missing values, 1 and 0 are true and false",
        ),
        rounding=max((c.rounding for c in columns if c.categories is None), default=0.0),
    )
