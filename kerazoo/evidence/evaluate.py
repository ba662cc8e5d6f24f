"""Evaluate trained weights, an entry's or a run's, on the test split."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from kerazoo._parts import Part, Shown, group_tables, metrics_table
from kerazoo.errors import checked
from kerazoo.evidence import reference
from kerazoo.metrics import metric
from kerazoo.predicting.trained import open_trained


@dataclass(frozen=True, repr=False)
class Evaluation(Shown):
    """Metrics of trained weights now, and the recorded value of the same weights.

    Attributes:
        source: entry or run directory.
        entry: ``model@dataset``.
        metric: name of the main metric, such as ``accuracy``.
        value: its value now.
        recorded: its recorded value.
        standard_error: of ``value``, estimated over the examples of the split.
        examples: size of the split.
        also: other metrics by name.
        by_target: metrics of each target of a series with several.
        by_class: precision, recall, F1 and examples of each class of user data; None: undefined.
        by_series: errors of each of several series.
        split: ``test``, or ``validation`` for a run that left the test split unread.
    """

    source: str
    entry: str
    metric: str
    value: float
    recorded: float
    standard_error: float
    examples: int
    also: dict[str, float]
    by_target: dict[str, dict[str, float]] = field(default_factory=dict)
    by_class: dict[str, dict[str, float | None]] = field(default_factory=dict)
    by_series: dict[str, dict[str, float]] = field(default_factory=dict)
    split: str = "test"

    @property
    def same(self) -> bool:
        """True if both values are equal."""
        return self.value == self.recorded

    def _line(self) -> str:
        measure = metric(self.metric)
        result = (
            f"{measure.title} {measure.show(self.value)}, recorded {measure.show(self.recorded)}"
        )
        return f"{self.source}: {result}; {self.examples:,} {self.split} examples"

    def _parts(self) -> list[Part]:
        return [metrics_table({self.metric: self.value, **self.also}), *group_tables(vars(self))]

    def as_json(self) -> dict[str, Any]:
        """Output of ``kerazoo evaluate --json``."""
        return {**vars(self), "same": self.same}


@checked
def evaluate(source: str | os.PathLike[str], *, data: Any = None, test: Any = None) -> Evaluation:
    """Evaluate an entry's bundled weights, or a finished run, on its test split.

    Args:
        source: an entry (``"mnist_cnn@mnist"``), a model, or a run directory.
        data: for a run that was fine-tuned on data in memory, or on files that were moved since:
            that data, as it was given to ``finetune``.
        test: likewise, if there was one.

    Raises:
        KerazooError: see :func:`kerazoo.predicting.trained.open_trained`; or the data cannot be
            loaded or was changed.
    """
    trained = open_trained(source, data=data, test=test)
    outcome = trained.task.evaluate(trained.core, trained.data)
    groups = ("by_target", "by_class", "by_series")
    if trained.run is None:
        weights = reference.read(trained.entry).weights
        assert weights is not None  # open_trained has loaded them
        recorded, split = weights.value, "test"
    else:
        metrics = trained.run.metrics
        recorded, split = metrics["value"], metrics.get("split", "test")
    return Evaluation(
        source=trained.source,
        entry=trained.entry.name,
        metric=outcome.metric,
        value=outcome.value,
        recorded=recorded,
        standard_error=outcome.standard_error,
        examples=outcome.examples,
        also=dict(outcome.also),
        **{name: outcome.extra.get(name, {}) for name in groups},
        split=split,
    )
