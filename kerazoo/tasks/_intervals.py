"""Prediction intervals by split conformal prediction.

The score of an example is its absolute error, over the spread of what the model saw where that is
known (Lei et al. 2018, https://arxiv.org/abs/1604.04173, sections 2.2 and 5.2). The intervals are
as wide as the score that most validation examples do not exceed. New examples that are like those
of validation are covered at the level; in a series that changes they need not be, so the coverage
on the test split is measured.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace

from kerazoo._files.schema import limited
from kerazoo._lazy import np
from kerazoo.tasks.base import Outcome

LEVEL = 0.9


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Prediction intervals of a run, as ``metrics.json`` has them.

    Attributes:
        level: share of new values that they are made to cover.
        scores: half widths ``(steps, targets)`` in units of the spread; a table has one step.
        coverage: of each target, share of the test values that lie inside.
        validation_examples: that the scores come from.
    """

    level: float = limited(0, 1, LEVEL)
    scores: tuple[tuple[float, ...], ...] = limited(0, filled=True)
    coverage: tuple[float, ...] = limited(0, 1)
    validation_examples: int = limited(1, 2**63)

    def half_widths(self, spread: np.ndarray | float = 1.0) -> np.ndarray:
        """Half widths in natural units, to broadcast with outputs ``(n, steps, targets)``.

        Args:
            spread: of each target in what the model saw, ``(n, 1, targets)``.
        """
        return np.array(self.scores) * spread

    def __str__(self) -> str:
        inside = 100 * sum(self.coverage) / len(self.coverage)
        return (
            f"{100 * self.level:.0f} % prediction intervals, set on "
            f"{self.validation_examples:,} validation examples, cover {inside:.1f} % of the test "
            "values"
        )


def with_intervals(
    outcome: Outcome,
    errors: tuple[np.ndarray, np.ndarray],
    spreads: tuple[np.ndarray | float, np.ndarray | float] = (1.0, 1.0),
) -> Outcome:
    """The outcome with prediction intervals, unless validation has too few examples for them.

    Args:
        outcome: of the test split.
        errors: of validation and test, in natural units: ``(n, steps, targets)``.
        spreads: of each target in what the model saw, likewise ``(n, 1, targets)``.
    """
    scores = np.sort(np.abs(errors[0]) / spreads[0], axis=0)
    rank = math.ceil(LEVEL * (len(scores) + 1))
    if rank > len(scores):
        return outcome
    found = Intervals(
        scores=tuple(map(tuple, scores[rank - 1].tolist())),
        coverage=(),
        validation_examples=len(scores),
    )
    inside = np.abs(errors[1]) <= found.half_widths(spreads[1])
    found = replace(found, coverage=tuple(inside.mean(axis=(0, 1)).tolist()))
    return replace(outcome, extra={**outcome.extra, "intervals": asdict(found)})
