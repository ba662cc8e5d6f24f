"""Recorded results: the reference files, with checksums of themselves and of the bundled weights.

A reference is written by a program and read by everything that shows a result.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kerazoo import registry
from kerazoo._files import schema, sha256_of_json
from kerazoo._files.schema import SHA256, limited
from kerazoo.errors import DamagedFile, shown
from kerazoo.evidence import consistency
from kerazoo.metrics import Metric, metric
from kerazoo.spec import Entry, Recipe

THEN = ", then "  # between environments of a run that was resumed elsewhere


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """One run of a reference: the test metric of the last epoch, for one seed.

    Attributes:
        seed: seed of initial weights, order, dropout and augmentation.
        value: main metric on the test split.
        standard_error: standard error of ``value`` over the test examples.
        seconds: wall-clock time of the training.
        weights_sha256: fingerprint of the trained weights.
        fingerprint: fingerprint of recipe, model structure and data of this run.
        also: other metrics on the test split.
        environment: differences from the reference's environment.
    """

    seed: int = limited(0, 2**32 - 1)
    value: float
    standard_error: float = limited(0)
    seconds: float = limited(0)
    weights_sha256: str = limited(pattern=SHA256)
    fingerprint: str = limited(pattern=SHA256)
    also: dict[str, float] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Recorded runs of one tier of an entry.

    Attributes:
        recipe: every field of the recipe.
        model: fingerprint of the model's structure.
        data: fingerprint of the dataset's content.
        runs: one per seed.
        baselines: main metric of the baselines, by name.
        environment: versions, backend and machine; a run notes its differences.
        limits: best values that one can expect of the main metric, by name.
        baseline_metrics: other metrics of baselines and limits, by name and metric.
        judge_sha256: for generators: :func:`judges_sha256`; else empty.
        engine: engine of the runs, see :mod:`kerazoo.training.engine`; files that name none are
            older than the choice and mean plain.
    """

    recipe: dict[str, Any]
    model: str = limited(pattern=SHA256)
    data: str = limited(pattern=SHA256)
    runs: tuple[RecordedRun, ...] = limited(filled=True)
    baselines: dict[str, float]
    environment: dict[str, str]
    limits: dict[str, float] = field(default_factory=dict)
    baseline_metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    judge_sha256: str = limited(default="", pattern=f"({SHA256})?")
    engine: str = limited(default="plain", pattern="auto|plain")

    @property
    def n(self) -> int:
        """Number of runs."""
        return len(self.runs)

    @property
    def mean(self) -> float:
        """Mean of the runs' values."""
        return statistics.fmean(r.value for r in self.runs)

    @property
    def std(self) -> float | None:
        """Sample standard deviation (n - 1) of the runs' values; None for a single run."""
        return statistics.stdev(r.value for r in self.runs) if self.n > 1 else None

    def rows(self, metric: str) -> dict[str, dict[str, float]]:
        """All metrics of each run, baseline and limit, by its place in the file."""
        found = {f"runs[{i}]": {metric: r.value, **r.also} for i, r in enumerate(self.runs)}
        for kind, values in (("baselines", self.baselines), ("limits", self.limits)):
            for name, value in values.items():
                found[f"{kind}.{name}"] = {metric: value, **self.baseline_metrics.get(name, {})}
        return found

    @property
    def machines(self) -> list[str]:
        """Machines of the runs, each once."""
        main = self.environment.get("machine", "unknown")
        each = [r.environment.get("machine", main).split(THEN) for r in self.runs]
        return list(dict.fromkeys(machine for machines in each for machine in machines))

    @property
    def also(self) -> dict[str, tuple[float, float | None]]:
        """Mean and sample standard deviation of the other metrics that all runs have."""
        names = [m for m in self.runs[0].also if all(m in r.also for r in self.runs)]
        columns = {m: [r.also[m] for r in self.runs] for m in names}
        return {
            m: (statistics.fmean(v), statistics.stdev(v) if self.n > 1 else None)
            for m, v in columns.items()
        }


@dataclass(frozen=True, kw_only=True)
class BundledWeights:
    """Trained weights in the package.

    Attributes:
        sha256: checksum of the file.
        seed: seed of their run: the first of the reference, not the best.
        value: main metric of exactly these weights on the test split.
    """

    sha256: str = limited(pattern=SHA256)
    seed: int = limited(0, 2**32 - 1)
    value: float


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything recorded of an entry: references by tier, bundled weights, size."""

    format: Literal[1] = 1
    entry: str
    metric: str = limited(pattern=r"\w+")
    parameters: int | None = limited(0, 2**63, default=None)
    tiers: dict[str, Reference] = field(default_factory=dict)
    weights: BundledWeights | None = None

    @property
    def measure(self) -> Metric:
        """The main metric."""
        return metric(self.metric)


def reference_path(entry: Entry) -> Path:
    """Path of an entry's reference, which need not exist."""
    return registry.get_model(entry.model).evidence / "references" / f"{entry.name}.json"


def weights_path(entry: Entry) -> Path:
    """Path of an entry's bundled weights, which need not exist."""
    return registry.get_model(entry.model).evidence / "weights" / f"{entry.name}.weights.h5"


def empty(entry: Entry) -> Evidence:
    """Evidence of an entry of which nothing is recorded."""
    return Evidence(entry=entry.name, metric=registry.metric_of(entry).name)


def read(entry: Entry) -> Evidence:
    """Read the evidence of an entry; empty if nothing is recorded.

    Raises:
        DamagedFile: the file is damaged, was altered, or contradicts itself.
    """
    path = reference_path(entry)
    if not path.exists():
        return empty(entry)
    remedy = (
        "Restore it (reinstall kerazoo, or `git checkout` it), or delete it and record again "
        f"with `kerazoo verify {entry.name} --seeds {entry.seeds} --record`."
    )
    found = schema.read(path, Evidence, remedy, sealed=True)
    if found.entry != entry.name:
        raise DamagedFile(path, f"it is {shown(found.entry)}", remedy, "entry")
    try:
        consistency.check(found, entry)
    except consistency.Inconsistent as error:
        raise DamagedFile(path, error.reason, remedy, error.field) from error
    return found


def write(entry: Entry, evidence: Evidence) -> Path:
    """Write the reference of an entry with its checksum; returns the file's path."""
    path = reference_path(entry)
    schema.write(path, evidence)
    return path


def judges_sha256(judges: Sequence[str]) -> str:
    """Checksum of the judge's bundled weights; with two judges, of both checksums; else empty."""
    found = [weights_sha256(registry.get_entry(name)) for name in judges]
    return sha256_of_json(found) if found[1:] else "".join(found)


def weights_sha256(entry: Entry) -> str:
    """Checksum of an entry's bundled weights; empty if it has none."""
    weights = read(entry).weights
    return weights.sha256 if weights else ""


def stale_reasons(
    entry: Entry,
    tier: str,
    reference: Reference,
    model_sha256: str | None,
    data_sha256: str | None,
) -> list[str]:
    """Changes of an entry since its reference was recorded; empty if it is still valid.

    A fingerprint that is None is not compared: the model's takes building it.
    """
    reasons = []
    now = dataclasses.asdict(entry.recipe_for(tier))
    defaults = {f.name: f.default for f in dataclasses.fields(Recipe)}
    for name in sorted(now.keys() | reference.recipe.keys()):
        before = reference.recipe.get(name, defaults.get(name))
        if before != now.get(name):
            reasons.append(f"recipe field {name} was {before!r}, is {now.get(name)!r}")
    if model_sha256 is not None and reference.model != model_sha256:
        reasons.append("the model's structure changed")
    if data_sha256 is not None and reference.data != data_sha256:
        reasons.append("the dataset's content changed")
    if reference.judge_sha256 != judges_sha256(entry.judges):
        reasons.append("a classifier that judges the generated images changed")
    return reasons
