"""Consistency of recorded results: numbers that were not computed together rarely fit together.

Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kerazoo import registry
from kerazoo.metrics import first_impossible
from kerazoo.spec import Entry

if TYPE_CHECKING:
    from kerazoo.evidence.reference import Evidence, Reference

PRECISION = 1e-6  # relative; the numbers were computed in float64


class Inconsistent(ValueError):
    """Recorded values that contradict each other; ``field`` names the one, as in the file."""

    def __init__(self, field: str, reason: str):
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


def check(recorded: Evidence, entry: Entry) -> None:
    """Raise Inconsistent for the first recorded value that contradicts the others.

    - Seeds are distinct, the bundled weights are of a recorded run.
    - An accuracy is a whole number of test examples, the same number for all runs, baselines and
      limits of a tier: their standard errors tell how many. So is that of the bundled weights.
    - Each metric has a value that it can have. Those of the same errors differ by a factor that all
      rows of a tier share.
    """
    targets = len(registry.get_dataset(entry.dataset).targets)
    counts = are_counts(entry, recorded.metric)
    for tier, reference in recorded.tiers.items():
        where = f"tiers.{tier}"
        seeds: set[int] = set()
        for i, run in enumerate(reference.runs):
            if run.seed in seeds:
                raise Inconsistent(f"{where}.runs[{i}].seed", f"{run.seed} stands there twice")
            seeds.add(run.seed)
        _require_fitting_rows(reference, recorded.metric, where, targets)
        if counts:
            test_examples(reference, where)
    if weights := recorded.weights:
        full = recorded.tiers.get("full")
        if full is None or weights.seed not in {run.seed for run in full.runs}:
            raise Inconsistent("weights.seed", f"{weights.seed} is not the seed of a recorded run")
        if first_impossible({recorded.metric: weights.value}):
            raise Inconsistent("weights.value", f"it cannot be {weights.value!r}")
        if counts:
            _require_count("weights.value", weights.value, test_examples(full, "tiers.full"))


def are_counts(entry: Entry, name: str) -> bool:
    """True if a metric of an entry is a share of the test examples."""
    return name == "accuracy" and registry.task_of(entry).has_classes


def test_examples(reference: Reference, where: str = "") -> int:
    """Size of the test split that follows from a recorded accuracy and its standard error.

    Raises:
        Inconsistent: a value is not a whole number of so many examples, or the runs differ.
    """
    first = None
    for i, run in enumerate(reference.runs):
        field, n = f"{where}.runs[{i}]", 1_000.0
        if not 0 < run.standard_error < 1:
            raise Inconsistent(f"{field}.standard_error", f"{run.standard_error!r} is none")
        for _ in range(100):  # of (value · n + 1) / (n + 2) = p and p · (1 - p) / n = its square
            p = (run.value * n + 1) / (n + 2)
            n = math.sqrt(n * p * (1 - p)) / run.standard_error
        first = first or round(n)
        _require_count(f"{field}.value", run.value, first)
        if not math.isclose(n, first, rel_tol=PRECISION):
            reason = f"{run.standard_error!r} fits {n:.2f} test examples, not {first:,}"
            raise Inconsistent(f"{field}.standard_error", reason)
    assert first is not None  # there are runs
    for place, row in reference.rows("accuracy").items():
        _require_count(f"{where}.{place}", row["accuracy"], first)
    return first


def require_fitting_confusion(metrics: Mapping[str, Any]) -> None:
    """Raise Inconsistent if the confusion matrix of a run, if any, tells another value."""
    if counts := metrics.get("confusion"):
        right, all_of_them = sum(row[i] for i, row in enumerate(counts)), sum(map(sum, counts))
        if right / all_of_them != metrics["value"]:
            reason = f"{right:,} of {all_of_them:,} are not {metrics['value']!r}"
            raise Inconsistent("confusion", reason)


def _require_count(field: str, value: float, n: int) -> None:
    count = value * n
    if abs(count - round(count)) > PRECISION * n:
        raise Inconsistent(field, f"{value!r} of {n:,} test examples is no whole number of them")


def _require_fitting_rows(reference: Reference, name: str, where: str, targets: int) -> None:
    """Check the range of every metric of a tier, and compare each row with the first run."""
    rows = reference.rows(name)
    first = dict(_proportional(rows["runs[0]"], targets))
    for place, row in rows.items():
        if (impossible := first_impossible(row)) is not None:
            reason = f"{impossible} cannot be {row[impossible]!r}"
            raise Inconsistent(f"{where}.{place}", reason)
        for pair, (a, b) in _proportional(row, targets):
            c, d = first.get(pair, (a, b))
            rounding = 1e-12 * max(abs(b), abs(d))  # of 1 - R² where it is tiny
            if not math.isclose(a * d, b * c, rel_tol=PRECISION, abs_tol=rounding):
                reason = f"{pair} do not fit each other as in runs[0]"
                raise Inconsistent(f"{where}.{place}", reason)


def _proportional(row: dict[str, float], targets: int) -> Iterator[tuple[str, tuple[float, float]]]:
    """Values of metrics whose ratio depends on the test split alone, by the metrics' names."""
    known = {
        **row,
        "nrmse²": row.get("nrmse", math.nan) ** 2,
        "1 - r2": 1 - row.get("r2", math.nan),
    }
    pairs = [("nrmse²", "mse")]
    if targets == 1:  # several have different units
        pairs += [("1 - r2", "mse_natural"), ("mse", "mse_natural"), ("mae", "mae_natural")]
    for a, b in pairs:
        values = known.get(a, math.nan), known.get(b, math.nan)
        if not math.isnan(sum(values)):
            yield f"{a} and {b}", values
