"""Fresh runs of an entry, compared with its recorded reference; or recorded as a new one."""

from __future__ import annotations

import contextlib
import math
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerazoo import building, fingerprint, registry
from kerazoo._lazy import keras
from kerazoo.datasets import _sources
from kerazoo.datasets._cache import load_for
from kerazoo.errors import Diverged, Interrupted, KerazooError, NotAvailable, require_whole
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.caveats import uneven
from kerazoo.evidence.record import record_reference, require_writable
from kerazoo.evidence.reference import Reference
from kerazoo.metrics import Metric, best_baseline, plain
from kerazoo.metrics import metric as metric_named
from kerazoo.spec import Data, Entry, Recipe
from kerazoo.training import run_directory as run
from kerazoo.training.run_directory import Run
from kerazoo.training.train import Job, train_job

CONFIDENCE = 0.99


@dataclass(frozen=True)
class FreshRun:
    """One run made by ``verify``.

    Attributes:
        seed: seed of the run.
        value: metric on the test split; NaN if the training diverged.
        recorded: value of the reference for this seed, or None.
        path: run directory.
    """

    seed: int
    value: float
    recorded: float | None
    path: Path


@dataclass(frozen=True)
class Bound:
    """The worst mean that a reference allows, with the reason for it."""

    value: float
    reason: str


@dataclass(frozen=True)
class Report:
    """The verdict of ``verify``, with the numbers behind it.

    Attributes:
        entry: ``model@dataset``.
        tier: ``full`` or ``smoke``.
        metric: name of the main metric.
        runs: the fresh runs; none if the evidence is stale.
        reference: the recorded runs.
        bound: the worst mean that the reference allows for so many runs.
        problems: reasons to FAIL whatever the results (stale evidence).
        notes: further remarks.
    """

    entry: str
    tier: str
    metric: str
    runs: tuple[FreshRun, ...]
    reference: Reference
    bound: Bound
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def mean(self) -> float:
        """Mean of the fresh runs; NaN if there is none or one diverged."""
        return statistics.fmean(r.value for r in self.runs) if self.runs else math.nan

    @property
    def passed(self) -> bool:
        """True if the fresh runs are as good as the reference requires."""
        good = self.mean == self.bound.value or self.measure.is_better(self.mean, self.bound.value)
        beats = self.to_beat is None or self.measure.is_better(self.mean, self.to_beat[1])
        return not self.problems and good and beats

    @property
    def to_beat(self) -> tuple[str, float] | None:
        """Name and value of the best baseline if the reference truly beats it; else None.

        Truly: by more than so many runs scatter. The floor may be wider than that, and must not
        let a model pass that is no better than a baseline.
        """
        best, truly = _beaten(self.reference, max(1, len(self.runs)), self.measure)
        return best if truly else None

    @property
    def measure(self) -> Metric:
        """The main metric."""
        return metric_named(self.metric)

    @property
    def plots(self) -> list[Path]:
        """Plots of the fresh runs."""
        return [p for r in self.runs for p in sorted(r.path.glob("*.png"))]

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """Rows of the report: name, value, remark."""
        show, number, reference = self.measure.show, self.measure.number, self.reference
        rows = [
            (
                f"this run, seed {r.seed}",
                "diverged" if math.isnan(r.value) else show(r.value),
                "" if r.recorded is None else f"recorded {show(r.recorded)}",
            )
            for r in self.runs
        ]
        if len(self.runs) > 1 and not math.isnan(self.mean):
            rows.append(("mean of these runs", show(self.mean), ""))
        spread = "" if reference.std is None else f"± {number(reference.std)}, "
        rows.append(("reference", show(reference.mean), f"{spread}n = {reference.n}"))
        least = "least" if self.measure.higher_is_better else "most"
        rows.append((f"must be at {least}", show(self.bound.value), self.bound.reason))
        if self.to_beat and not self.measure.is_better(self.bound.value, self.to_beat[1]):
            name, value = self.to_beat
            rows.append((f"must beat {plain(name)}", show(value), "baseline; the reference does"))
        for kind, values in (("baseline", reference.baselines), ("limit", reference.limits)):
            for name, value in values.items():
                rows.append((f"{kind}: {plain(name)}", show(value), "recorded"))
        return rows

    @property
    def table(self) -> str:
        """Results, remarks and verdict as plain text."""
        width = max(len(name) for name, _, _ in self.rows)
        lines = [f"{self.entry}, tier {self.tier}: {self.measure.title} on the test split"]
        lines += [f"  {name:{width}}  {value:>8}  {note}" for name, value, note in self.rows]
        lines += [f"  note: {note}" for note in self.notes]
        lines += [f"  problem: {problem}" for problem in self.problems]
        return "\n".join(line.rstrip() for line in [*lines, "PASS" if self.passed else "FAIL"])

    def as_json(self) -> dict[str, Any]:
        """Content of ``kerazoo verify --json``; None for NaN."""
        reference, to_beat = self.reference, self.to_beat
        return {
            "entry": self.entry,
            "tier": self.tier,
            "metric": self.metric,
            "passed": self.passed,
            "mean": _or_none(self.mean),
            "bound": self.bound.value,
            "to_beat": to_beat and {"name": to_beat[0], "value": to_beat[1]},
            "higher_is_better": self.measure.higher_is_better,
            "reference": {"mean": reference.mean, "std": reference.std, "n": reference.n},
            "baselines": reference.baselines,
            "limits": reference.limits,
            "runs": [
                {**asdict(r), "value": _or_none(r.value), "path": str(r.path)} for r in self.runs
            ],
            "plots": [str(p) for p in self.plots],
            "problems": list(self.problems),
            "notes": list(self.notes),
        }


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def verify(
    name: str,
    *,
    seeds: int = 1,
    tier: str = "full",
    first_seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    record: bool = False,
    out: str | Path | None = None,
    resume: run.Resume = False,
    progress: bool = True,
    plots: bool = True,
    engine: str = "auto",
) -> Report:
    """Train an entry again and compare the results with its recorded reference.

    FAIL means that the mean of the fresh runs is worse than a one-sided 99 % prediction interval
    of the reference's runs allows, with a floor for the sampling noise of the test split (or the
    entry's ``tolerance``); or that it does not beat the best baseline though the reference does,
    by more than that interval; or that a run diverged; or, before anything is trained, that the
    evidence is stale (recipe, model, data or judge have changed since it was recorded).

    Args:
        name: an entry, or a model for its main dataset.
        seeds: number of runs.
        tier: ``"full"`` or ``"smoke"``.
        first_seed: first seed of the runs; by default the first that the reference does not hold,
            so that the runs are fresh evidence. 0 repeats the recorded ones (on the same machine
            and versions, with the engine of the reference: to the bit).
        settings: recipe fields to change, to see the effect on the verdict.
        record: add these runs, from seed 0 on, to the recorded ones that are still valid, or
            start the reference with them; for ``full`` also record the first seed's weights.
        out: directory for the run directories, ``seed-0`` and so on; by default one below
            ``runs/``.
        resume: continue the runs in ``out``; ``"elsewhere"`` also those of another machine.
        progress: show progress on standard error.
        plots: write the plots of each run.
        engine: ``"auto"`` or ``"plain"``, see :func:`kerazoo.train`.

    Returns:
        A report with ``.passed``, ``.mean``, ``.bound``, ``.reference``, ``.table``.

    Raises:
        KerazooError: unknown name, tier or setting, no reference recorded, a damaged reference
            file, a dataset that is not available, an output directory that cannot be used,
            ``record`` with ``settings``, or ``resume`` without ``out``.
        Interrupted: Ctrl-C; ``out`` and ``resume`` continue.
    """
    entry = registry.get_entry(name)
    recipe = entry.recipe_for(tier)
    seeds = require_whole("seeds", seeds)
    run.require_out(out, resume)
    if record:
        if settings:
            raise KerazooError("a changed recipe cannot be recorded; change it in the model file.")
        require_writable(registry.get_model(entry.model).evidence)
    recorded = evidence.read(entry)
    if not record and tier not in recorded.tiers:
        raise KerazooError(
            f"{entry.name} has no recorded reference for tier {tier!r} to compare with. Record "
            f"one: kerazoo verify {entry.name} --tier {tier} --seeds {entry.seeds} --record"
        )
    if first_seed is None:
        first_seed = 0 if record else 1 + max(r.seed for r in recorded.tiers[tier].runs)
    first_seed = run.require_seed(first_seed)
    directory = Path(out or Path(run.RUNS) / entry.name / f"{run.stamp()}-verify-{tier}")

    trained = recipe.replace(**dict(settings or {}))
    data = load_for(entry, trained)
    problems: list[str] = []
    notes: list[str] = []
    if not record:
        problems, notes = _staleness(entry, recipe, recorded.tiers[tier], data)
    if settings:
        changes = ", ".join(f"{name}={value}" for name, value in settings.items())
        notes.append(f"the recipe was changed: {changes}")
    runs: dict[int, Run | None] = {}
    options: dict[str, Any] = {"tier": tier, "engine": engine, "plots": plots}
    for seed in () if problems else range(first_seed, first_seed + seeds):
        try:
            job = Job.of_entry(entry, trained, data, seed, **options)
            path = directory / f"seed-{seed}"
            runs[seed] = train_job(job, path, resume=resume, show=progress)
        except Diverged as error:
            print(f"kerazoo: seed {seed}: {error}", file=sys.stderr)
            runs[seed] = None
        except Interrupted:
            where = f"stopped in the run of seed {seed}"
            raise run.interrupted(where, directory) from None
    known = {} if record else {r.seed: r.value for r in recorded.tiers[tier].runs}
    if record:
        recorded = record_reference(entry, tier, list(runs.values()), directory, data)
    reference, measure = recorded.tiers[tier], recorded.measure
    values = {seed: r.metrics["value"] if r else math.nan for seed, r in runs.items()}
    fresh = tuple(
        FreshRun(seed, value, known.get(seed), directory / f"seed-{seed}")
        for seed, value in values.items()
    )
    return Report(
        entry=entry.name,
        tier=tier,
        metric=recorded.metric,
        runs=fresh,
        reference=reference,
        bound=worst_allowed(reference, seeds, measure, entry.tolerance),
        problems=tuple(problems),
        notes=(
            *notes,
            *_notes(fresh, reference, measure),
            *too_scattered(reference, seeds, measure),
            *uneven([r.metrics["also"] for r in runs.values() if r]),
        ),
    )


def worst_allowed(
    reference: Reference, k: int, metric: Metric, tolerance: float | None = None
) -> Bound:
    """The worst mean of k fresh runs that a reference of n runs allows, at 99 %.

    The prediction interval of Student's t for the mean of k further runs: ``mean - t(n - 1) · std
    · sqrt(1/k + 1/n)``, with a plus where lower is better. Where the seeds scatter less than the
    test split's sampling noise (or n is 1), the margin is that noise: ``2.33 ·`` the standard
    error of one run; or ``tolerance`` instead of it, if one is given.
    """
    noise = statistics.fmean(r.standard_error for r in reference.runs)
    margin = statistics.NormalDist().inv_cdf(CONFIDENCE) * noise
    reason = "floor: sampling noise of the test split, 99 %"
    if tolerance is not None:
        margin, reason = tolerance, f"tolerance of the entry: {metric.show(tolerance)}"
    if (interval := prediction_margin(reference, k)) > margin:
        margin, reason = interval, "99 % prediction interval"
    sign = -1 if metric.higher_is_better else 1
    return Bound(reference.mean + sign * margin, reason)


def prediction_margin(reference: Reference, k: int) -> float:
    """Half width of the one-sided 99 % interval for the mean of k fresh runs; 0 for one run."""
    if reference.std is None:
        return 0.0
    from scipy import stats  # which takes a second to import

    t = float(stats.t.ppf(CONFIDENCE, reference.n - 1))
    return t * reference.std * math.sqrt(1 / k + 1 / reference.n)


def _beaten(reference: Reference, k: int, metric: Metric) -> tuple[tuple[str, float] | None, bool]:
    """The best baseline, if a reference beats it; and if by more than k runs scatter."""
    best = best_baseline(reference.baselines, metric)
    if best is None or not metric.is_better(reference.mean, best[1]):
        return None, False
    return best, abs(reference.mean - best[1]) > prediction_margin(reference, k)


def too_scattered(reference: Reference, k: int, metric: Metric) -> list[str]:
    """A note if the reference scatters too much for a reliable verdict on k runs."""
    best, truly = _beaten(reference, k, metric)
    if best is None or truly:
        return []
    return [
        f"the {reference.n} recorded runs scatter so much that the bound is no better than "
        f"{plain(best[0])}: a PASS says little; record more seeds or verify with more --seeds"
    ]


def _staleness(
    entry: Entry, recipe: Recipe, reference: Reference, data: Data
) -> tuple[list[str], list[str]]:
    """Reasons why a reference is not of the present code: (problems, mere notes)."""
    problems, notes = [], []
    model = fingerprint.of_model(building.build_for(entry, recipe))
    judge = evidence.judge_sha256(entry)
    for reason in evidence.stale_reasons(reference, recipe, model, data.sha256, judge):
        text = f"the recorded evidence is stale: {reason}"
        other_keras = reference.environment.get("keras") != keras.__version__
        if "content" in reason and data.info.measured_on:
            notes.append(f"the reference is of another copy of the data: {data.info.measured_on}")
        elif "structure" in reason and other_keras:
            notes.append(f"{text} (or Keras {keras.__version__} describes it differently)")
        else:
            problems.append(f"{text}; record it again with --record")
    return problems, notes


def _notes(fresh: tuple[FreshRun, ...], reference: Reference, metric: Metric) -> list[str]:
    notes = []
    repeated = [r for r in fresh if r.recorded is not None]
    if repeated:
        same = sum(r.value == r.recorded for r in repeated)
        notes.append(f"{same} of {len(repeated)} repeated seeds gave exactly the recorded value")
    best = best_baseline(reference.baselines, metric)
    if fresh and best and not metric.is_better(statistics.fmean(r.value for r in fresh), best[1]):
        notes.append("these runs do not beat the best baseline")
    return notes


@dataclass(frozen=True)
class Verdict:
    """The result of one entry in :func:`verify_all`.

    Attributes:
        entry: ``model@dataset``.
        report: report of the runs; None if the entry was skipped or ended in an error.
        skipped: reason for skipping it; empty if it ran.
        seconds: wall-clock time, loading of the data included.
        error: the error; empty if there was none.
    """

    entry: str
    report: Report | None
    skipped: str
    seconds: float
    error: str = ""

    @property
    def failed(self) -> bool:
        """True if it ran without a PASS."""
        return bool(self.error) or (self.report is not None and not self.report.passed)

    def as_json(self) -> dict[str, Any]:
        """One element of ``kerazoo verify --all --json``."""
        return {
            "entry": self.entry,
            "passed": None if self.skipped else not self.failed,
            "skipped": self.skipped or None,
            "error": self.error or None,
            "seconds": round(self.seconds, 1),
            "report": self.report and self.report.as_json(),
        }


def verify_all(
    pattern: str = "*",
    *,
    tier: str = "full",
    offline: bool = False,
    out: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> Iterator[Verdict]:
    """Verify every entry that matches a pattern, one after the other.

    An entry is skipped, with the reason, if nothing is recorded of it or its data is not
    available. Another error of one entry is its verdict.

    Args:
        pattern: shell-style pattern of entries, models or datasets.
        tier: ``"full"`` or ``"smoke"``.
        offline: do not use the network; data that is not on this machine is skipped.
        out: directory for the runs, one directory per entry; by default one below ``runs/``.
        progress: show progress on standard error.
        **options: ``seeds``, ``resume``, ``plots`` and ``engine``, see :func:`verify`.

    Yields:
        One verdict per entry, as soon as it is known.

    Raises:
        KerazooError: no entry matches, an unknown tier, or ``resume`` without ``out``.
        Interrupted: Ctrl-C; finished runs are kept.
    """
    run.require_out(out, options.get("resume", False))
    directory = Path(out or Path(run.RUNS) / f"{run.stamp()}-verify-all-{tier}")
    names = registry.list_entries(pattern)
    if not names:
        raise KerazooError(f"no entry matches {pattern!r}. `kerazoo list` shows all.")
    with _sources.offline() if offline else contextlib.nullcontext():
        for number, name in enumerate(names, start=1):
            if progress:
                print(f"kerazoo: {number} of {len(names)}: {name}", file=sys.stderr, flush=True)
            entry = registry.get_entry(name)
            entry.recipe_for(tier)  # an unknown tier is an error of the call
            start = time.monotonic()
            skipped, error, report = "", "", None
            options |= {"tier": tier, "out": directory / name, "progress": progress}
            try:
                if tier in evidence.read(entry).tiers:
                    report = verify(name, **options)
                else:
                    skipped = f"not measured yet{entry.unmeasured and f': {entry.unmeasured}'}"
            except NotAvailable as problem:
                skipped = str(problem)
            except KerazooError as problem:
                error = str(problem)
            except Interrupted:
                where = f"stopped at {name}, {number} of {len(names)}"
                raise run.interrupted(where, directory) from None
            yield Verdict(name, report, skipped, time.monotonic() - start, error)
