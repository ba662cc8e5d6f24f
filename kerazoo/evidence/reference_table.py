"""The table of a recorded reference as plain data: every seed, their mean, baselines and limits.

The terminal, the HTML card and ``benchmarks/RESULTS.md`` each render these rows in their own way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kerazoo.evidence.reference import Reference
from kerazoo.metrics import Metric, duration, metric, plain


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        kind: a seed, the mean of all seeds, a naive baseline, or a limit.
        title: such as ``seed 0`` or ``baseline: repeat last``.
        figures: the main metric, then the others, with units; empty where one was not measured.
        training: how long it took, with its unit; of a seed only, else empty.
    """

    kind: Literal["seed", "mean", "baseline", "limit"]
    title: str
    figures: tuple[str, ...]
    training: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The whole line, as ``columns`` names it."""
        return self.title, *self.figures, self.training


def columns(reference: Reference, measure: Metric) -> tuple[str, ...]:
    """The titles of the columns."""
    others = (metric(name).title for name in reference.also)
    return "run", f"test {measure.title}", *others, "training"


def rows(reference: Reference, measure: Metric) -> Iterator[Row]:
    """Every seed, then their mean, then baselines and limits.

    Args:
        reference: what is recorded of one tier.
        measure: its main metric.
    """
    others = [metric(name) for name in reference.also]
    for run in reference.runs:
        figures = (measure.show(run.value), *(m.show(run.also[m.name]) for m in others))
        yield Row("seed", f"seed {run.seed}", figures, duration(run.seconds))
    spread = measure.with_spread(reference.mean, reference.std, reference.n)
    means = (m.with_spread(*reference.also[m.name]) for m in others)
    yield Row("mean", "mean ± std", (spread, *means))
    for name, value in reference.baselines.items():
        yield Row("baseline", f"baseline: {plain(name)}", _beside(reference, name, value, measure))
    for name, value in reference.limits.items():
        yield Row("limit", f"limit: {plain(name)}", _beside(reference, name, value, measure))


def _beside(reference: Reference, name: str, value: float, measure: Metric) -> tuple[str, ...]:
    """The figures of a baseline or limit, of which not every metric need be recorded."""
    recorded = reference.beside.get(name, {})
    others = (metric(other) for other in reference.also)
    also = (m.show(recorded[m.name]) if m.name in recorded else "" for m in others)
    return measure.show(value), *also


def measured_with(reference: Reference) -> str:
    """``Keras 3.15.1 on tensorflow 2.21.0, Python 3.11.2, <machines>, engine auto``."""
    environment = reference.environment
    backend = environment["backend"]
    return (
        f"Keras {environment['keras']} on {backend} {environment.get(backend, '')}, "
        f"Python {environment.get('python', 'unknown')}, "
        f"{' and '.join(reference.machines)}, "
        f"engine {reference.engine}"
    )
