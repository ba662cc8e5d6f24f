"""Fresh runs of an entry, compared with its recorded reference; or recorded as a new one."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerazoo import registry
from kerazoo._files import finite
from kerazoo._parts import Bullets, Part, Shown, Table, images
from kerazoo.datasets import _sources
from kerazoo.datasets._cache import cached_sha256, load_for
from kerazoo.errors import (
    Diverged,
    Interrupted,
    KerazooError,
    NotAvailable,
    checked,
    require_whole,
    tell,
)
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.audit import (
    audit,
    machine_of,
    rounding_of_training,
    source_problems,
    two_examples,
)
from kerazoo.evidence.caveats import uneven
from kerazoo.evidence.record import record_reference, require_writable
from kerazoo.evidence.reference import RecordedRun, Reference
from kerazoo.metrics import Metric, best_baseline, plain
from kerazoo.metrics import metric as metric_named
from kerazoo.training import machine
from kerazoo.training import run_directory as run
from kerazoo.training.run_directory import Run
from kerazoo.training.train import Job, train_job

CONFIDENCE = 0.99
PARTS = ("value", "other metrics", "weights")  # of a repeated seed that are compared


@dataclass(frozen=True)
class FreshRun:
    """One run made by ``verify``.

    Attributes:
        seed: seed of the run.
        value: metric on the test split; NaN if the training diverged.
        recorded: value of the reference for this seed, or None.
        path: run directory.
        equal: which of ``value``, ``other metrics`` and ``weights`` are the recorded ones.
    """

    seed: int
    value: float
    recorded: float | None
    path: Path
    equal: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bound:
    """The worst mean that a reference allows, with the reason for it."""

    value: float
    reason: str


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """The verdict of ``verify``, with the numbers behind it.

    Attributes:
        entry: ``model@dataset``.
        tier: ``full`` or ``smoke``.
        metric: name of the main metric.
        runs: the fresh runs; none if the evidence is not true of this code and data.
        reference: the recorded runs.
        bound: the worst mean that the reference allows for so many runs.
        problems: reasons to FAIL whatever the results.
        notes: further remarks.
        warnings: results that are too good to be true, or that do not repeat to the bit though
            they should; they change no verdict.
        data: ``source`` if the loader gave the data just now, ``cache`` if it was cached.
    """

    entry: str
    tier: str
    metric: str
    runs: tuple[FreshRun, ...]
    reference: Reference
    bound: Bound
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    data: str = "cache"

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
        how = "loaded now" if self.data == "source" else "--fresh-data runs the loader"
        return [*rows, ("data", self.data, how)]

    @property
    def remarks(self) -> list[str]:
        """Warnings, notes and problems, each with its kind."""
        kinds = {"warning": self.warnings, "note": self.notes, "problem": self.problems}
        return [f"{kind}: {text}" for kind, texts in kinds.items() for text in texts]

    @property
    def table(self) -> Table:
        """The results with what they are compared with."""
        title = f"{self.entry}, tier {self.tier}: {self.measure.title} on the test split"
        return Table(("", "value", ""), self.rows, [1], title)

    def _line(self) -> str:
        mean = self.measure.show(self.mean) if self.runs else "no run"
        result = f"{self.measure.title} {mean}, reference {self.measure.show(self.reference.mean)}"
        return f"{'PASS' if self.passed else 'FAIL'}: {self.entry}, tier {self.tier}, {result}"

    def _parts(self) -> list[Part]:
        return [self.table, Bullets(self.remarks), *images(self.plots)]

    def as_json(self) -> dict[str, Any]:
        """Content of ``kerazoo verify --json``; None for NaN."""
        reference, to_beat = self.reference, self.to_beat
        same = ("entry", "tier", "metric", "passed", "problems", "notes", "warnings", "data")
        content = {
            **{name: getattr(self, name) for name in same},
            "mean": self.mean,
            "bound": self.bound.value,
            "to_beat": to_beat and {"name": to_beat[0], "value": to_beat[1]},
            "higher_is_better": self.measure.higher_is_better,
            "reference": {name: getattr(reference, name) for name in ("mean", "std", "n")},
            "baselines": reference.baselines,
            "limits": reference.limits,
            "runs": [{**asdict(r), "path": str(r.path)} for r in self.runs],
            "plots": [str(p) for p in self.plots],
        }
        return finite(content)


@checked
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
    fresh_data: bool = False,
) -> Report:
    """Train an entry again and compare the results with its recorded reference.

    Before anything is trained, FAIL means that the evidence is not true of this code and data: it
    is stale (recipe, model, data or judge have changed since it was recorded), the loader gives
    other data than registered (``fresh_data``), or the bundled weights or a baseline that takes
    seconds give another result than recorded.

    Afterwards it means that the mean of the fresh runs is worse than a one-sided 99 % prediction
    interval of the reference's runs allows, with a floor for the sampling noise of the test split
    (or the entry's ``tolerance``); or that it does not beat the best baseline though the reference
    does, by more than that interval; or that a run diverged; or that a repeated seed misses its
    recorded value on a machine of the same identity by more than rounding.

    A mean that is better than the 99 % interval allows is a warning, not a FAIL.

    Args:
        name: an entry, or a model for its main dataset.
        seeds: number of runs.
        tier: ``"full"`` or ``"smoke"``.
        first_seed: first seed of the runs; by default the first that the reference does not hold,
            so that the runs are fresh evidence. 0 repeats the recorded ones (on a machine of the
            same identity, with the engine of the reference: to the bit).
        settings: recipe fields to change, to see the effect on the verdict.
        record: add these runs, from seed 0 on, to the recorded ones that are still valid, or
            start the reference with them; for ``full`` also record the first seed's weights.
        out: directory for the run directories, ``seed-0`` and so on; by default one below
            ``runs/``.
        resume: continue the runs in ``out``; ``"elsewhere"`` also those of another machine.
        progress: show progress on standard error.
        plots: write the plots of each run.
        engine: ``"auto"`` or ``"plain"``, see :func:`kerazoo.train`.
        fresh_data: run the dataset's loader instead of reading the cache.

    Returns:
        A report with ``.passed``, ``.mean``, ``.bound``, ``.reference``, ``.remarks``.

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
    cached = cached_sha256(registry.get_dataset(entry.dataset))
    data = load_for(entry, trained, fresh=fresh_data)
    problems = source_problems(data, cached) if fresh_data else []
    if problems and record:
        raise KerazooError(f"nothing is recorded: {'; '.join(problems)}.")
    notes: list[str] = []
    if not record:
        of_recipe = data if trained.lookback == recipe.lookback else load_for(entry, recipe)
        untrue, notes = audit(entry, tier, recorded, of_recipe)
        problems += untrue
    if settings:
        changes = ", ".join(f"{name}={value}" for name, value in settings.items())
        notes.append(f"the recipe was changed: {changes}")
    runs: dict[int, Run | None] = {}
    for seed in () if problems else range(first_seed, first_seed + seeds):
        options: dict[str, Any] = {"tier": tier, "engine": engine, "plots": plots}
        job = Job.of_entry(entry, trained, data, seed, **options)
        runs[seed] = _train(job, directory, resume=resume, show=progress)
    known = {} if record else {r.seed: r for r in recorded.tiers[tier].runs}
    if record:
        recorded = record_reference(entry, tier, list(runs.values()), directory, data)
    reference, measure = recorded.tiers[tier], recorded.measure
    fresh = tuple(
        FreshRun(
            seed,
            r.metrics["value"] if r else math.nan,
            known[seed].value if seed in known else None,
            directory / f"seed-{seed}",
            _equal(r.metrics, known[seed]) if r and seed in known else (),
        )
        for seed, r in runs.items()
    )
    rounding, warnings = rounding_of_training(entry, tier, reference), list[str]()
    least = max(rounding or 0.0, two_examples(entry, reference))  # worth a remark
    if not settings:
        other = f"recorded with engine {reference.engine}" * (engine != reference.engine)
        other = other or "resumed elsewhere" * (resume == "elsewhere")
        missed, warnings, repeats = _repeated(fresh, reference, measure, rounding, other)
        problems, notes = problems + missed, notes + repeats
    warnings += too_good([r.value for r in fresh], reference, measure, least)
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
            *_notes(fresh, reference, measure, least),
            *too_scattered(reference, seeds, measure),
            *uneven([r.metrics["also"] for r in runs.values() if r]),
        ),
        warnings=tuple(warnings),
        data="source" if fresh_data or cached is None else "cache",
    )


def _train(job: Job, directory: Path, **options: Any) -> Run | None:
    """Train one seed below a directory; None if it diverged."""
    try:
        return train_job(job, directory / f"seed-{job.seed}", **options)
    except Diverged as error:
        tell(f"seed {job.seed}: {error}")
        return None
    except Interrupted:
        where = f"stopped in the run of seed {job.seed}"
        raise Interrupted(where, directory) from None


def _equal(metrics: Mapping[str, Any], recorded: RecordedRun) -> tuple[str, ...]:
    """Parts of a repeated seed that are exactly as recorded."""

    def parts(told: Mapping[str, Any]) -> tuple[Any, ...]:
        return told["value"], (told["standard_error"], told["also"]), told["weights_sha256"]

    pairs = zip(PARTS, parts(metrics), parts(vars(recorded)), strict=True)
    return tuple(part for part, now, then in pairs if now == then)


def _repeated(
    fresh: tuple[FreshRun, ...],
    reference: Reference,
    metric: Metric,
    rounding: float | None,
    other: str,
) -> tuple[list[str], list[str], list[str]]:
    """Problems, warnings and notes of repeated seeds: which of them came out as recorded.

    Args:
        fresh: the runs.
        reference: the recorded runs.
        metric: the main metric.
        rounding: largest difference that rounding makes; None if it was not measured.
        other: reason why no bits are promised, besides the machine's; else empty.
    """
    problems, warnings, here = [], [], machine.here()
    notes: dict[str, list[int]] = {}
    for r in fresh:
        if r.recorded is None or math.isnan(r.value):
            continue
        recorded = next(known for known in reference.runs if known.seed == r.seed)
        why = other or here.why_not(machine_of(reference, recorded))
        miss, differ = abs(r.value - r.recorded), [part for part in PARTS if part not in r.equal]
        told = f"equal to the recorded: {', '.join(r.equal) or 'nothing'}"
        told += f"; different: {', '.join(differ)}" if differ else ""
        if not why and miss > (rounding or 0.0):
            problems.append(
                f"seed {r.seed} gave {metric.show(r.value)} instead of {metric.show(r.recorded)} "
                f"on a machine of the same identity ({told})"
            )
            continue
        if not why and differ:
            warnings.append(
                f"seed {r.seed}, {told}, on a machine of the same identity: the recorded run was "
                "made by other code, or its record was changed"
            )
            continue
        if why and differ:
            if rounding is not None and miss <= rounding:
                continue
            bound = "" if rounding is None else f"more than rounding, {rounding:.2g}; "
            told += f"; value off by {miss:.2g} ({bound}{why})"
        notes.setdefault(told, []).append(r.seed)
    told_by_seed = [f"seed {', '.join(map(str, s))}: {told}" for told, s in notes.items()]
    return problems, warnings, told_by_seed


def too_good(values: list[float], reference: Reference, metric: Metric, least: float) -> list[str]:
    """A warning if fresh runs beat the mean by ``least`` and more than the 99 % interval allows."""
    if not values or reference.std is None:
        return []
    margin = max(prediction_margin(reference, len(values)), least)
    allowed = reference.mean + (margin if metric.higher_is_better else -margin)
    if not metric.is_better(statistics.fmean(values), allowed):
        return []
    interval = f"{metric.show(allowed)}, 99 % prediction interval"
    return [f"better than the reference allows ({interval}): check for a leak of test data"]


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


def prediction_margin(reference: Reference, k: int, quantile: float = CONFIDENCE) -> float:
    """Half width of the prediction interval for the mean of k fresh runs; 0 for n = 1.

    ``quantile`` is one-sided: 0.975 gives the two-sided 95 % interval.
    """
    if reference.std is None:
        return 0.0
    from scipy import stats  # which takes a second to import

    t = float(stats.t.ppf(quantile, reference.n - 1))
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


def _notes(
    fresh: tuple[FreshRun, ...], reference: Reference, metric: Metric, least: float
) -> list[str]:
    notes = [
        f"seed {r.seed} lies {abs(r.value - reference.mean) / reference.std:.1f} standard "
        f"deviations of the {reference.n} recorded runs from their mean"
        for r in fresh
        if reference.std and abs(r.value - reference.mean) > max(3 * reference.std, least)
    ]
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
    available. Another error of one entry is its verdict. The loader of each dataset is run once;
    where it finds no source, the cached copy serves.

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
    loaded: set[str] = set()  # datasets
    with _sources.offline() if offline else contextlib.nullcontext():
        for number, name in enumerate(names, start=1):
            if progress:
                tell(f"{number} of {len(names)}: {name}")
            entry = registry.get_entry(name)
            entry.recipe_for(tier)  # an unknown tier is an error of the call
            start = time.monotonic()
            skipped, error, report = "", "", None
            options |= {"tier": tier, "out": directory / name, "progress": progress}
            try:
                if tier in evidence.read(entry).tiers:
                    fresh = entry.dataset not in loaded
                    loaded.add(entry.dataset)
                    report = _verify_where_possible(name, fresh, **options)
                else:
                    skipped = "not measured yet"
            except NotAvailable as problem:
                skipped = str(problem)
            except KerazooError as problem:
                error = str(problem)
            except Interrupted:
                where = f"stopped at {name}, {number} of {len(names)}"
                raise Interrupted(where, directory) from None
            yield Verdict(name, report, skipped, time.monotonic() - start, error)


def _verify_where_possible(name: str, fresh_data: bool, **options: Any) -> Report:
    """Verify with the cached data where the loader finds no source."""
    try:
        return verify(name, fresh_data=fresh_data, **options)
    except NotAvailable:
        if not fresh_data:
            raise
        return verify(name, **options)
