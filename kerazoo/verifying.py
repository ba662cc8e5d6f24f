"""Re-run an entry and judge it against its recorded reference; or record a new one."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo import building, evidence, fingerprint, registry
from kerazoo._lazy import keras
from kerazoo.datasets.cache import load_data
from kerazoo.errors import Diverged, Interrupted, KerazooError
from kerazoo.evaluation.baselines import classification_baselines
from kerazoo.evidence import BundledWeights, Evidence, RecordedRun, Reference
from kerazoo.files import write_bytes
from kerazoo.spec import Data, Entry, Recipe
from kerazoo.training import run
from kerazoo.training.inference import scores_on
from kerazoo.training.run import Run
from kerazoo.training.supervised import train, training_split

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
        return not self.problems and self.mean >= self.bound.value

    @property
    def pictures(self) -> list[Path]:
        """The pictures of the fresh runs."""
        return [p for r in self.runs for p in sorted(r.path.glob("*.png"))]

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """What a reader wants to see: name, figure, remark."""
        rows = [
            (
                f"this run, seed {r.seed}",
                "diverged" if math.isnan(r.value) else f"{r.value:.2%}",
                "" if r.recorded is None else f"recorded {r.recorded:.2%}",
            )
            for r in self.runs
        ]
        if len(self.runs) > 1 and not math.isnan(self.mean):
            rows.append(("mean of these runs", f"{self.mean:.2%}", ""))
        reference = self.reference
        spread = "" if reference.std is None else f"± {reference.std:.2%}, "
        rows.append(("reference", f"{reference.mean:.2%}", f"{spread}n = {reference.n}"))
        rows.append(("must reach at least", f"{self.bound.value:.2%}", self.bound.reason))
        for name, value in reference.baselines.items():
            rows.append((f"baseline: {name.replace('_', ' ')}", f"{value:.2%}", "recorded"))
        return rows

    @property
    def table(self) -> str:
        """Figures, remarks and verdict as plain text."""
        width = max(len(name) for name, _, _ in self.rows)
        lines = [f"{self.entry}, tier {self.tier}: {self.metric} on the test split"]
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
            "lower_bound": self.bound.value,
            "reference": {
                "mean": self.reference.mean,
                "std": self.reference.std,
                "n": self.reference.n,
            },
            "baselines": self.reference.baselines,
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
    resume: bool = False,
    progress: bool = True,
) -> Report:
    """Train an entry afresh and judge it against its recorded reference.

    FAIL means that the mean of the fresh runs lies below a one-sided 99 % prediction interval of
    the reference's runs, with a floor for the sampling noise of the test split.

    Args:
        name: an entry or a model, which means its main dataset.
        seeds: how many runs.
        tier: ``"full"`` or ``"smoke"``.
        first_seed: of the runs; by default the first that the reference has not seen, so that
            the runs are fresh evidence. 0 repeats the recorded ones (on the same machine and
            versions: to the bit).
        settings: recipe fields to change, to see what the verdict makes of it.
        record: write the reference (and, for ``full``, the trained weights of the first seed)
            from these runs, from seed 0 on.
        out: folder for the run folders, ``seed-0`` and so on; by default one below ``runs/``.
        resume: go on with the runs in ``out``.
        progress: show progress on standard error.

    Returns:
        A report with ``.passed``, ``.mean``, ``.bound``, ``.reference``, ``.table``.

    Raises:
        KerazooError: unknown name or tier, no reference recorded, a damaged reference file, or
            an output folder that cannot be used.
    """
    entry = registry.get_entry(name)
    recipe = entry.recipe_for(tier)
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise KerazooError(f"seeds is {seeds!r}; it must be a whole number from 1 up.")
    if record and settings:
        raise KerazooError("a changed recipe cannot be recorded; change it in the model's file.")
    if record:
        _require_writable(registry.get_model(entry.model).evidence)
    if resume and out is None:
        raise KerazooError("resume needs the folder of the runs: give --out DIR (out=...).")
    recorded = evidence.read(entry)
    if not record and tier not in recorded.tiers:
        raise KerazooError(
            f"{entry.name} has no recorded reference for tier {tier!r}, so there is nothing to "
            f"verify against. Record one: kerazoo verify {entry.name} --tier {tier} --seeds 5 "
            "--record"
        )
    start = first_seed
    if start is None:
        start = 0 if record else 1 + max(r.seed for r in recorded.tiers[tier].runs)
    folder = Path(out) if out is not None else _default_folder(entry, tier)

    runs = []
    for seed in range(start, start + seeds):
        runs.append(_one_run(entry, tier, seed, settings, folder, resume, progress))
    if record:
        recorded = _record(entry, tier, recipe, recorded, runs, folder)
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
        bound=lower_bound(reference, len(fresh)),
        problems=tuple(problems),
        notes=(*notes, *_notes(fresh, reference)),
    )


def lower_bound(reference: Reference, k: int) -> Bound:
    """The worst mean of k fresh runs that a reference of n runs allows, at 99 %.

    The prediction interval of Student's t for the mean of k further draws: ``mean - t(n - 1) · std
    · sqrt(1/k + 1/n)``. Where the seeds scatter less than the test split's own sampling noise
    (or n is 1), the margin is that noise: ``2.33 ·`` the standard error of one run.
    """
    from scipy import stats

    noise = statistics.fmean(r.standard_error for r in reference.runs)
    margin = float(stats.norm.ppf(CONFIDENCE)) * noise
    reason = "floor: sampling noise of the test split, 99 %"
    if reference.std is not None:
        t = float(stats.t.ppf(CONFIDENCE, reference.n - 1))
        interval = t * reference.std * math.sqrt(1 / k + 1 / reference.n)
        if interval > margin:
            margin, reason = interval, "99 % prediction interval"
    return Bound(reference.mean - margin, reason)


def _require_writable(folder: Path) -> None:
    """Say before hours of training that their result could not be kept."""
    if not os.access(folder, os.W_OK):
        raise KerazooError(f"--record writes below {folder}, which you may not write to.")


def _default_folder(entry: Entry, tier: str) -> Path:
    return Path("runs") / entry.name / f"{run.stamp()}-verify-{tier}"


def _one_run(
    entry: Entry,
    tier: str,
    seed: int,
    settings: Mapping[str, Any] | None,
    folder: Path,
    resume: bool,
    progress: bool,
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
        )
    except Diverged as error:
        print(f"kerazoo: seed {seed}: {error}", file=sys.stderr)
        return None
    except Interrupted:
        raise Interrupted(
            f"stopped in the run of seed {seed}; what is finished is kept. Go on with the same "
            f"command, --out and --resume: --out {folder} --resume"
        ) from None


def _staleness(
    entry: Entry, recipe: Recipe, reference: Reference, settings: Mapping[str, Any] | None
) -> tuple[list[str], list[str]]:
    """Why the reference does not speak for the code as it is: problems, and mere notes."""
    problems, notes = [], []
    if settings:
        changed = ", ".join(f"{k}={v}" for k, v in settings.items())
        notes.append(f"the recipe was changed: {changed}")
    model = fingerprint.of_model(building.build_for(entry))
    for reason in evidence.stale_reasons(reference, recipe, model, load_data(entry.dataset).sha256):
        text = f"the recorded evidence is stale: {reason}"
        other_keras = reference.environment.get("keras") != keras.__version__
        if "structure" in reason and other_keras:
            notes.append(f"{text} (or Keras {keras.__version__} describes it differently)")
        else:
            problems.append(f"{text}; record it again with --record")
    return problems, notes


def _notes(fresh: tuple[FreshRun, ...], reference: Reference) -> list[str]:
    notes = []
    again = [r for r in fresh if r.recorded is not None]
    if again:
        same = sum(r.value == r.recorded for r in again)
        notes.append(f"{same} of {len(again)} repeated seeds gave exactly the recorded value")
    best = max(reference.baselines.values(), default=-math.inf)
    if statistics.fmean(r.value for r in fresh) <= best:
        notes.append("these runs do not beat the best naive baseline")
    return notes


def _record(
    entry: Entry,
    tier: str,
    recipe: Recipe,
    recorded: Evidence,
    runs: list[Run | None],
    folder: Path,
) -> Evidence:
    """Write the reference from finished runs, and the weights of the first for ``full``."""
    finished = [r for r in runs if r is not None]
    if len(finished) < len(runs):
        raise KerazooError(f"a run of {entry.name} diverged; nothing was recorded.")
    data = load_data(entry.dataset)
    config = run.read_config(finished[0].path)
    model = config["fingerprints"]["model"]
    stamp = fingerprint.of_run(config["recipe"], model, data.sha256)
    fresh = [
        RecordedRun(
            seed=r.seed,
            value=r.metrics["value"],
            standard_error=r.metrics["standard_error"],
            seconds=round(r.seconds, 1),
            weights_sha256=r.metrics["weights_sha256"],
            fingerprint=stamp,
        )
        for r in finished
    ]
    seeds = {r.seed for r in fresh}
    recorded = evidence.read(entry)  # again: another process may have recorded the other tier
    kept = _still_valid(recorded.tiers.get(tier), recipe, model, data.sha256, config, seeds)
    restamped = [dataclasses.replace(r, fingerprint=stamp) for r in kept]
    together = sorted([*fresh, *restamped], key=lambda r: r.seed)
    reference = Reference(
        recipe=dataclasses.asdict(recipe),
        model=model,
        data=data.sha256,
        runs=tuple(together),
        baselines=classification_baselines(training_split(data, recipe), data.test),
        environment=config["environment"],
    )
    weights = recorded.weights
    first = min(finished, key=lambda r: r.seed)
    if tier == "full" and first.seed == together[0].seed:
        content, value = _compact_weights(entry, first, data)
        weights = BundledWeights(
            sha256=hashlib.sha256(content).hexdigest(), seed=first.seed, value=value
        )
        write_bytes(evidence.weights_path(entry), content)
    written = dataclasses.replace(
        recorded,
        metric=finished[0].metrics["metric"],
        parameters=finished[0].model.count_params(),
        tiers={**recorded.tiers, tier: reference},
        weights=weights,
    )
    path = evidence.write(entry, written)
    print(f"kerazoo: recorded {path} from the runs in {folder}", file=sys.stderr)
    return written


def _still_valid(
    before: Reference | None,
    recipe: Recipe,
    model: str,
    data: str,
    config: dict[str, Any],
    seeds: set[int],
) -> list[RecordedRun]:
    """The recorded runs that the fresh ones join: of the same training, in the same environment."""
    if before is None:
        return []
    stale = evidence.stale_reasons(before, recipe, model, data)
    if not stale and before.environment == config["environment"]:
        return [r for r in before.runs if r.seed not in seeds]
    why = "; ".join(stale) or "recorded with other versions or on another machine"
    print(f"kerazoo: {before.n} recorded runs are dropped: {why}", file=sys.stderr)
    return []


def _compact_weights(entry: Entry, source: Run, data: Data) -> tuple[bytes, float]:
    """A run's weights file as float16, half the size, and what exactly these weights measure."""
    import h5py

    model = building.build_for(entry)
    model.set_weights(source.model.get_weights())
    with tempfile.TemporaryDirectory() as aside:
        whole, half = Path(aside) / "whole.weights.h5", Path(aside) / "half.weights.h5"
        model.save_weights(whole)
        with h5py.File(whole) as old, h5py.File(half, "w") as new:
            _copy_as_float16(old, new)
        evidence.load_weights_file(model, half)
        return half.read_bytes(), scores_on(model, data.test).accuracy


def _copy_as_float16(old: Any, new: Any) -> None:
    """Copy an HDF5 group; what float16 cannot hold (above 65,504) keeps its type."""
    import h5py
    import numpy as np

    new.attrs.update(old.attrs)
    for name, item in old.items():
        if isinstance(item, h5py.Group):
            _copy_as_float16(item, new.create_group(name))
            continue
        values = item[()]
        if values.dtype.kind == "f":
            with np.errstate(over="ignore"):
                half = values.astype("float16")
            if np.isfinite(half).all():
                values = half
        new.create_dataset(name, data=values).attrs.update(item.attrs)
