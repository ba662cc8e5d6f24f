"""Recorded evidence: the reference files and the trained weights that they vouch for.

A reference is written by a program and read by everything that states a figure. Each file carries
a checksum of its own content, and the checksum of the weights, so that a changed byte is noticed.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import registry
from kerazoo._files import sha256_of_json, write_json
from kerazoo.errors import KerazooError
from kerazoo.metrics import Metric, metric
from kerazoo.spec import Entry, Recipe

if TYPE_CHECKING:
    pass

FORMAT = 1
THEN = ", then "  # between what an environment was and what it was after a run had been carried on


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """One run of a reference: the test metric of the last epoch, for one seed.

    Attributes:
        seed: of initial weights, order, dropout and augmentation.
        value: the metric on the test split.
        standard_error: of ``value`` as an estimate over the test examples.
        seconds: wall-clock time of the training.
        weights_sha256: fingerprint of the trained weights.
        fingerprint: of recipe, model structure and data, as they were for this run.
        also: the other metrics on the test split.
        environment: what differed from the reference's own, where it did.
    """

    seed: int
    value: float
    standard_error: float
    seconds: float
    weights_sha256: str
    fingerprint: str
    also: dict[str, float] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The recorded result of one tier of an entry.

    Attributes:
        recipe: every field of the recipe.
        model: fingerprint of the model's structure.
        data: fingerprint of the dataset's content.
        runs: one per seed.
        baselines: the naive models' figures in the same metric, by name.
        environment: versions, backend and machine; of a run that differs, see there.
        limits: figures that cannot be beaten, or not by much, in the same metric, by name.
        beside: the other metrics of baselines and limits, by name and metric.
        judge_sha256: of generated pictures: fingerprint of the weights file that judged them;
            empty for other tasks.
        engine: that the runs were trained with, see :mod:`kerazoo.training.engine`; a file that
            names none is older than the choice and means plain.
    """

    recipe: dict[str, Any]
    model: str
    data: str
    runs: tuple[RecordedRun, ...]
    baselines: dict[str, float]
    environment: dict[str, str]
    limits: dict[str, float] = field(default_factory=dict)
    beside: dict[str, dict[str, float]] = field(default_factory=dict)
    judge_sha256: str = ""
    engine: str = "plain"

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

    @property
    def machines(self) -> list[str]:
        """The machines that the runs were made on, each once."""
        own = self.environment.get("machine", "unknown")
        each = [r.environment.get("machine", own).split(THEN) for r in self.runs]
        return list(dict.fromkeys(machine for machines in each for machine in machines))

    @property
    def also(self) -> dict[str, tuple[float, float | None]]:
        """Mean and sample standard deviation of the other metrics that every run has."""
        names = [m for m in self.runs[0].also if all(m in r.also for r in self.runs)]
        columns = {m: [r.also[m] for r in self.runs] for m in names}
        return {
            m: (statistics.fmean(v), statistics.stdev(v) if self.n > 1 else None)
            for m, v in columns.items()
        }


@dataclass(frozen=True, kw_only=True)
class BundledWeights:
    """The trained weights that come with an entry.

    Attributes:
        sha256: of the file.
        seed: the run that they come from: the first seed of the reference, not the best.
        value: the metric of exactly these weights on the test split.
    """

    sha256: str
    seed: int
    value: float


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is recorded of an entry."""

    entry: str
    metric: str
    parameters: int | None = None
    tiers: dict[str, Reference] = field(default_factory=dict)
    weights: BundledWeights | None = None

    @property
    def measure(self) -> Metric:
        """The metric of the recorded figures."""
        return metric(self.metric)


def reference_path(entry: Entry) -> Path:
    """Where the reference of an entry lies, whether it exists or not."""
    return registry.get_model(entry.model).evidence / "references" / f"{entry.name}.json"


def weights_path(entry: Entry) -> Path:
    """Where the trained weights of an entry lie, whether they exist or not."""
    return registry.get_model(entry.model).evidence / "weights" / f"{entry.name}.weights.h5"


def read(entry: Entry) -> Evidence:
    """What is recorded of an entry; empty if nothing is.

    Raises:
        KerazooError: the file is truncated or was altered.
    """
    path = reference_path(entry)
    if not path.exists():
        return Evidence(entry=entry.name, metric=registry.metric_of(entry).name)
    remedy = (
        "Restore it (reinstall kerazoo, or `git checkout` it), or delete it and record again "
        f"with `kerazoo verify {entry.name} --seeds {entry.seeds} --record`."
    )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        checksum = content.pop("checksum")
        if content["format"] != FORMAT:
            raise KerazooError(
                f"reference file {path} has format {content['format']}, this kerazoo reads "
                f"{FORMAT}. {remedy}"
            )
        if checksum != sha256_of_json(content):
            raise KerazooError(f"reference file {path} was altered: its checksum differs. {remedy}")
        return Evidence(
            entry=content["entry"],
            metric=content["metric"],
            parameters=content["parameters"],
            tiers={
                tier: Reference(**{**r, "runs": tuple(RecordedRun(**run) for run in r["runs"])})
                for tier, r in content["tiers"].items()
            },
            weights=BundledWeights(**content["weights"]) if content["weights"] else None,
        )
    except KerazooError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise KerazooError(f"reference file {path} cannot be read ({error}). {remedy}") from error


def write(entry: Entry, evidence: Evidence) -> Path:
    """Write the reference of an entry with its checksum; returns the file's path."""
    content = {"format": FORMAT, **dataclasses.asdict(evidence)}
    # Through JSON and back, so that the checksum is of what a reader will see (lists, not tuples).
    content = json.loads(json.dumps(content))
    path = reference_path(entry)
    write_json(path, {**content, "checksum": sha256_of_json(content)})
    return path


def judge_sha256(entry: Entry) -> str:
    """Fingerprint of the weights of an entry's judge; empty without one."""
    return weights_sha256(registry.get_entry(entry.judge)) if entry.judge else ""


def weights_sha256(entry: Entry) -> str:
    """Fingerprint of an entry's trained weights file; empty if it has none."""
    weights = read(entry).weights
    return weights.sha256 if weights else ""


def stale_reasons(
    reference: Reference,
    recipe: Recipe,
    model_sha256: str | None,
    data_sha256: str | None,
    judge_sha256: str,
) -> list[str]:
    """Why a reference no longer speaks for the code as it is; empty if it still does.

    A fingerprint that is None is not looked at: that of a model takes building it.
    """
    reasons = []
    now = dataclasses.asdict(recipe)
    defaults = {f.name: f.default for f in dataclasses.fields(Recipe)}
    for name in sorted(now.keys() | reference.recipe.keys()):
        before = reference.recipe.get(name, defaults.get(name))
        if before != now.get(name):
            reasons.append(f"recipe field {name} was {before!r}, is {now.get(name)!r}")
    if model_sha256 is not None and reference.model != model_sha256:
        reasons.append("the model's structure changed")
    if data_sha256 is not None and reference.data != data_sha256:
        reasons.append("the dataset's content changed")
    if reference.judge_sha256 != judge_sha256:
        reasons.append("the judge of the pictures, a trained classifier, is another")
    return reasons
