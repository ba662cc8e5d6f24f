"""Re-run an entry and judge it against its recorded reference; or record a new one."""

from __future__ import annotations

import math
import shlex
import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo import building, fingerprint, registry
from kerazoo._lazy import keras
from kerazoo.datasets._cache import load_for
from kerazoo.errors import Diverged, Interrupted, KerazooError, require_whole
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.caveats import uneven
from kerazoo.evidence.record import record_reference, require_writable
from kerazoo.evidence.reference import Reference
from kerazoo.metrics import Metric, best_naive, plain
from kerazoo.metrics import metric as metric_named
from kerazoo.spec import Entry, Recipe
from kerazoo.training import run_directory as run
from kerazoo.training.run_directory import Run
from kerazoo.training.train import train

CONFIDENCE = 0.99


@dataclass(frozen=True)
class FreshRun:
    """One run made by ``verify``.

    Attributes:
        seed: of the run.
        value: the metric on the test split; NaN if the training diverged.
        recorded: what the reference holds for this seed, or None.
        path: the run folder.
    """

    seed: int
    value: float
    recorded: float | None
    path: Path


@dataclass(frozen=True)
class Bound:
    """The worst mean that a reference allows, and what decided it."""

    value: float
    reason: str


@dataclass(frozen=True)
class Report:
    """The verdict of ``verify``, with the numbers behind it.

    Attributes:
        entry: ``model@dataset``.
        tier: ``full`` or ``smoke``.
        metric: such as ``accuracy``.
        runs: the fresh runs.
        reference: what they are held against.
        bound: the worst mean that the reference allows for so many runs.
        problems: why the verdict is FAIL although the figures may be good (stale evidence).
        notes: what the reader should know besides.
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
        """Mean of the fresh runs; NaN if one diverged."""
        return statistics.fmean(r.value for r in self.runs)

    @property
    def passed(self) -> bool:
        """Whether the fresh runs are as good as the reference allows."""
        good = self.mean == self.bound.value or self.measure.is_better(self.mean, self.bound.value)
        beats = self.to_beat is None or self.measure.is_better(self.mean, self.to_beat[1])
        return not self.problems and good and beats

    @property
    def to_beat(self) -> tuple[str, float] | None:
        """The best naive model and its figure, if the reference truly beats it; else None.

        Truly: by more than so many runs scatter. The floor may be wider than that, and must not
        let a model pass that is no better than a naive one.
        """
        naive = best_naive(self.reference.baselines, self.measure)
        if naive is None or not self.measure.is_better(self.reference.mean, naive[1]):
            return None
        scatter = prediction_margin(self.reference, len(self.runs))
        return naive if abs(self.reference.mean - naive[1]) > scatter else None

    @property
    def measure(self) -> Metric:
        """The metric: its direction, and how a figure of it is written."""
        return metric_named(self.metric)

    @property
    def pictures(self) -> list[Path]:
        """The pictures of the fresh runs."""
        return [p for r in self.runs for p in sorted(r.path.glob("*.png"))]

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """What a reader wants to see: name, figure, remark."""
        show, number = self.measure.show, self.measure.number
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
        reference = self.reference
        spread = "" if reference.std is None else f"± {number(reference.std)}, "
        rows.append(("reference", show(reference.mean), f"{spread}n = {reference.n}"))
        least = "least" if self.measure.higher_is_better else "most"
        rows.append((f"must be at {least}", show(self.bound.value), self.bound.reason))
        if self.to_beat and not self.measure.is_better(self.bound.value, self.to_beat[1]):
            name, value = self.to_beat
            rows.append((f"must beat {plain(name)}", show(value), "naive, and the reference does"))
        for kind, figures in (("baseline", reference.baselines), ("limit", reference.limits)):
            for name, value in figures.items():
                rows.append((f"{kind}: {plain(name)}", show(value), "recorded"))
        return rows

    @property
    def table(self) -> str:
        """Figures, remarks and verdict as plain text."""
        width = max(len(name) for name, _, _ in self.rows)
        lines = [f"{self.entry}, tier {self.tier}: {self.measure.title} on the test split"]
        lines += [f"  {name:{width}}  {value:>8}  {note}" for name, value, note in self.rows]
        lines += [f"  note: {note}" for note in self.notes]
        lines += [f"  problem: {problem}" for problem in self.problems]
        return "\n".join(line.rstrip() for line in [*lines, "PASS" if self.passed else "FAIL"])

    def as_json(self) -> dict[str, Any]:
        """What ``kerazoo verify --json`` prints."""
        return {
            "entry": self.entry,
            "tier": self.tier,
            "metric": self.metric,
            "passed": self.passed,
            "mean": None if math.isnan(self.mean) else self.mean,
            "bound": self.bound.value,
            "to_beat": dict(zip(("name", "value"), self.to_beat, strict=True))
            if self.to_beat
            else None,
            "higher_is_better": self.measure.higher_is_better,
            "reference": {
                "mean": self.reference.mean,
                "std": self.reference.std,
                "n": self.reference.n,
            },
            "baselines": self.reference.baselines,
            "limits": self.reference.limits,
            "runs": [
                {
                    "seed": r.seed,
                    "value": None if math.isnan(r.value) else r.value,
                    "recorded": r.recorded,
                    "path": str(r.path),
                }
                for r in self.runs
            ],
            "pictures": [str(p) for p in self.pictures],
            "problems": list(self.problems),
            "notes": list(self.notes),
        }


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
    engine: str = "auto",
) -> Report:
    """Train an entry afresh and judge it against its recorded reference.

    FAIL means that the mean of the fresh runs is worse than a one-sided 99 % prediction interval
    of the reference's runs allows, with a floor for the sampling noise of the test split (or the
    entry's own ``tolerance``); or that it does not beat the best naive model though the reference
    does, by more than that interval; or that the evidence is stale (recipe, model, data or judge
    have changed since it was recorded), or a run diverged.

    Args:
        name: an entry or a model, which means its main dataset.
        seeds: how many runs.
        tier: ``"full"`` or ``"smoke"``.
        first_seed: of the runs; by default the first that the reference has not seen, so that
            the runs are fresh evidence. 0 repeats the recorded ones (on the same machine and
            versions, with the engine of the reference: to the bit).
        settings: recipe fields to change, to see what the verdict makes of it.
        record: add these runs, from seed 0 on, to the recorded ones that still hold, or begin the
            reference with them; of ``full`` also the trained weights of the first seed.
        out: folder for the run folders, ``seed-0`` and so on; by default one below ``runs/``.
        resume: go on with the runs in ``out``; ``"elsewhere"`` also if they began on another
            machine.
        progress: show progress on standard error.
        engine: ``"auto"``, what measured fastest with TensorFlow on a CPU (elsewhere Keras's own),
            or ``"plain"``, Keras's own.

    Returns:
        A report with ``.passed``, ``.mean``, ``.bound``, ``.reference``, ``.table``.

    Raises:
        KerazooError: unknown name, tier or setting, no reference recorded, a damaged reference
            file, a dataset that is not at hand, an output folder that cannot be used, ``record``
            with ``settings``, or ``resume`` without ``out``.
        Interrupted: Ctrl-C; ``out`` and ``resume`` go on.
    """
    entry = registry.get_entry(name)
    recipe = entry.recipe_for(tier)
    seeds = require_whole("seeds", seeds)
    if record and settings:
        raise KerazooError("a changed recipe cannot be recorded; change it in the model's file.")
    if record:
        require_writable(registry.get_model(entry.model).evidence)
    if resume and out is None:
        raise KerazooError("resume needs the folder of the runs: give --out DIR (out=...).")
    recorded = evidence.read(entry)
    if not record and tier not in recorded.tiers:
        raise KerazooError(
            f"{entry.name} has no recorded reference for tier {tier!r}, so there is nothing to "
            f"verify against. Record one: kerazoo verify {entry.name} --tier {tier} --seeds "
            f"{entry.seeds} --record"
        )
    start = first_seed
    if start is None:
        start = 0 if record else 1 + max(r.seed for r in recorded.tiers[tier].runs)
    folder = Path(out) if out is not None else _default_folder(entry, tier)

    runs = []
    for seed in range(start, start + seeds):
        runs.append(_one_run(entry, tier, seed, settings, folder, resume, progress, engine))
    if record:
        recorded = record_reference(entry, tier, recipe, runs, folder)
    reference = recorded.tiers[tier]
    problems, notes = _staleness(entry, recipe, reference, settings)
    known = {} if record else {r.seed: r.value for r in reference.runs}
    fresh = tuple(
        FreshRun(
            seed, r.metrics["value"] if r else math.nan, known.get(seed), folder / f"seed-{seed}"
        )
        for seed, r in zip(range(start, start + seeds), runs, strict=True)
    )
    return Report(
        entry=entry.name,
        tier=tier,
        metric=recorded.metric,
        runs=fresh,
        reference=reference,
        bound=worst_allowed(reference, len(fresh), metric_named(recorded.metric), entry.tolerance),
        problems=tuple(problems),
        notes=(
            *notes,
            *_notes(fresh, reference, metric_named(recorded.metric)),
            *too_scattered(reference, len(fresh), metric_named(recorded.metric)),
            *uneven([r.metrics["also"] for r in runs if r]),
        ),
    )


def worst_allowed(
    reference: Reference, k: int, metric: Metric, tolerance: float | None = None
) -> Bound:
    """The worst mean of k fresh runs that a reference of n runs allows, at 99 %.

    The prediction interval of Student's t for the mean of k further draws: ``mean - t(n - 1) · std
    · sqrt(1/k + 1/n)``, with a plus where a lower figure is the better one. Where the seeds
    scatter less than the test split's own sampling noise (or n is 1), the margin is that noise:
    ``2.33 ·`` the standard error of one run; or ``tolerance`` instead of it, if one is given.
    """
    from scipy import stats

    noise = statistics.fmean(r.standard_error for r in reference.runs)
    margin = float(stats.norm.ppf(CONFIDENCE)) * noise
    reason = "floor: sampling noise of the test split, 99 %"
    if tolerance is not None:
        margin, reason = tolerance, f"tolerance of the entry: {metric.show(tolerance)}"
    interval = prediction_margin(reference, k)
    if interval > margin:
        margin, reason = interval, "99 % prediction interval"
    sign = -1 if metric.higher_is_better else 1
    return Bound(reference.mean + sign * margin, reason)


def prediction_margin(reference: Reference, k: int) -> float:
    """How far the mean of k fresh runs may lie on one side, at 99 %; 0 if one run says nothing."""
    from scipy import stats

    if reference.std is None:
        return 0.0
    t = float(stats.t.ppf(CONFIDENCE, reference.n - 1))
    return t * reference.std * math.sqrt(1 / k + 1 / reference.n)


def too_scattered(reference: Reference, k: int, metric: Metric) -> list[str]:
    """That the reference scatters so much that no verdict on k runs can be relied on."""
    naive = best_naive(reference.baselines, metric)
    if naive is None or not metric.is_better(reference.mean, naive[1]):
        return []
    if abs(reference.mean - naive[1]) > prediction_margin(reference, k):
        return []
    return [
        f"the {reference.n} recorded runs scatter so much that the bound is no better than "
        f"{plain(naive[0])}: a PASS says little, more recorded seeds (--seeds N --record) or more "
        "fresh ones say more"
    ]


def _default_folder(entry: Entry, tier: str) -> Path:
    return Path("runs") / entry.name / f"{run.stamp()}-verify-{tier}"


def _one_run(
    entry: Entry,
    tier: str,
    seed: int,
    settings: Mapping[str, Any] | None,
    folder: Path,
    resume: run.Resume,
    progress: bool,
    engine: str,
) -> Run | None:
    """A finished run, or None if it diverged."""
    try:
        return train(
            entry.name,
            seed=seed,
            tier=tier,
            settings=settings,
            out=folder / f"seed-{seed}",
            resume=resume,
            progress=progress,
            engine=engine,
        )
    except Diverged as error:
        print(f"kerazoo: seed {seed}: {error}", file=sys.stderr)
        return None
    except Interrupted:
        raise Interrupted(
            f"stopped in the run of seed {seed}; what is finished is kept. Go on with the same "
            f"command, --out and --resume: --out {shlex.quote(str(folder))} --resume"
        ) from None


def _staleness(
    entry: Entry, recipe: Recipe, reference: Reference, settings: Mapping[str, Any] | None
) -> tuple[list[str], list[str]]:
    """Why the reference does not speak for the code as it is: problems, and mere notes."""
    problems, notes = [], []
    if settings:
        changed = ", ".join(f"{k}={v}" for k, v in settings.items())
        notes.append(f"the recipe was changed: {changed}")
    model = fingerprint.of_model(building.build_for(entry, recipe))
    data = load_for(entry, recipe)
    judge = evidence.judge_sha256(entry)
    for reason in evidence.stale_reasons(reference, recipe, model, data.sha256, judge):
        text = f"the recorded evidence is stale: {reason}"
        if "content" in reason and data.info.measured_on:
            notes.append(f"the reference was measured on another copy: {data.info.measured_on}")
            continue
        other_keras = reference.environment.get("keras") != keras.__version__
        if "structure" in reason and other_keras:
            notes.append(f"{text} (or Keras {keras.__version__} describes it differently)")
        else:
            problems.append(f"{text}; record it again with --record")
    return problems, notes


def _notes(fresh: tuple[FreshRun, ...], reference: Reference, metric: Metric) -> list[str]:
    notes = []
    again = [r for r in fresh if r.recorded is not None]
    if again:
        same = sum(r.value == r.recorded for r in again)
        notes.append(f"{same} of {len(again)} repeated seeds gave exactly the recorded value")
    mean = statistics.fmean(r.value for r in fresh)
    naive = best_naive(reference.baselines, metric)
    if naive is not None and not metric.is_better(mean, naive[1]):
        notes.append("these runs do not beat the best naive baseline")
    return notes
