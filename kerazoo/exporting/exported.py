"""What of a model is exported, and how the examples that it was trained on pass through it.

The model that a user trained on a table or a series takes raw rows or natural units, while its data
is what the network inside takes: encoded rows, standardised windows. To measure the one on the
examples of the other, they are turned back into what people have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerazoo.finetuning.readers._columns import Column, raw_rows
from kerazoo.finetuning.readers.series import in_deviations

if TYPE_CHECKING:
    import keras
    import numpy as np

    from kerazoo.exporting.formats import Runner
    from kerazoo.spec import Series


@dataclass(frozen=True)
class Exported:
    """A model on its way out.

    Attributes:
        network: that was trained; the data is what it takes.
        model: that is exported: the network, or one around it.
        enter: from examples as the network takes them, ``(n, …)``, to the inputs of the export.
        leave: from the outputs of the export to those of the network, float32 ``(n, …)``.
        notes: what its users should know of its inputs and outputs.
        names: of a model of raw rows: what the export calls each input of the model; else None.
        rounding: how far float32 rounds the outputs of the export, in those of the network.
    """

    network: keras.Model
    model: keras.Model
    enter: Callable[[np.ndarray], Any]
    leave: Callable[[np.ndarray], np.ndarray]
    notes: tuple[str, ...] = ()
    names: Mapping[str, str] | None = None
    rounding: float = 0.0

    def through(self, runner: Runner) -> Runner:
        """A runner of the export as one of the network: from its examples to its outputs."""
        return lambda x: self.leave(runner(self.enter(x)))

    def taking_the_models_names(self, runner: Runner) -> Runner:
        """A runner of the export that takes raw rows by what the model calls its inputs."""
        names = self.names
        if names is None:
            return runner
        return lambda rows: runner({names[name]: values for name, values in rows.items()})

    def examples(self, n: int) -> Any:
        """Inputs of the export that stand for ``n`` examples of zeros."""
        import numpy as np

        tensor = self.network.inputs[0]
        return self.enter(np.zeros((n, *tensor.shape[1:]), dtype=tensor.dtype))


def as_trained(network: keras.Model, notes: tuple[str, ...] = ()) -> Exported:
    """The network itself; Keras would cast its inputs, other runtimes do not."""
    kind = network.inputs[0].dtype
    return Exported(network, network, lambda x: x.astype(kind), lambda y: y, notes)


def of_rows(
    network: keras.Model, model: keras.Model, columns: list[Column], names: Mapping[str, str]
) -> Exported:
    """A model of raw rows, which ``takes_rows`` made around the network."""
    return Exported(
        network,
        model,
        lambda x: raw_rows(x, columns),
        lambda y: y,
        (
            "takes raw rows: one input (n, 1) for each column, float32 or a tensor of strings "
            "without blanks around them, by the names in columns.json; NaN and the empty string "
            "say that a value is missing, 1 and 0 are true and false",
        ),
        {c.input: names.get(c.input, c.input) for c in columns},
        max((c.rounding for c in columns if c.categories is None), default=0.0),
    )


def of_series(network: keras.Model, model: keras.Model, series: Series) -> Exported:
    """A model in natural units around a network of standardised ones; each column is a target."""
    import numpy as np

    mean, std = series.mean, series.std
    rounding = in_deviations(mean, std)
    return Exported(
        network,
        model,
        lambda x: (x.astype(np.float64) * std + mean).astype(np.float32),
        lambda y: ((y.astype(np.float64) - mean) / std).astype(np.float32),
        (
            "takes windows and gives forecasts in natural units, so nothing is to be scaled; the "
            "differences are in standard deviations",
        ),
        rounding=rounding,
    )
