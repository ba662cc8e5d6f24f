"""What measuring gives, whatever the task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A trained model on a test split.

    Attributes:
        metric: name of the main metric.
        value: the main figure.
        standard_error: of ``value`` as an estimate over the test examples.
        examples: size of the test split.
        also: the other figures, by metric name.
        extra: what else ``metrics.json`` holds (confusion matrix, class balance, …).
        raw: what the pictures are drawn from; stays in memory.
    """

    metric: str
    value: float
    standard_error: float
    examples: int
    also: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    raw: Any = None

    def as_metrics(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return {
            "metric": self.metric,
            "value": self.value,
            "standard_error": self.standard_error,
            "examples": self.examples,
            "also": dict(self.also),
            **self.extra,
        }


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """Figures beside which a model's figure means something, by name and metric.

    Attributes:
        naive: what an entry has to beat to be worth anything.
        limits: what cannot be beaten, or not by much, such as real against real pictures.
    """

    naive: Mapping[str, Mapping[str, float]]
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def main(self, metric: str) -> tuple[dict[str, float], dict[str, float]]:
        """The figures of one metric: (naive, limits)."""
        naive = {name: f[metric] for name, f in self.naive.items()}
        return naive, {name: f[metric] for name, f in self.limits.items()}

    def others(self, metric: str) -> dict[str, dict[str, float]]:
        """The figures of all metrics but one, by name."""
        rows = {**self.naive, **self.limits}
        kept = {n: {m: v for m, v in f.items() if m != metric} for n, f in rows.items()}
        return {n: f for n, f in kept.items() if f}
