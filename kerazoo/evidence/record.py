"""Recording of finished runs: the reference of an entry, and its bundled weights."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from kerazoo import building, fingerprint, registry
from kerazoo._files import write_bytes
from kerazoo._lazy import np
from kerazoo.datasets._cache import load_for
from kerazoo.errors import KerazooError, tell
from kerazoo.evidence import consistency
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.card import keep_plots
from kerazoo.evidence.reference import BundledWeights, Evidence, RecordedRun, Reference
from kerazoo.spec import Data, Entry
from kerazoo.training import run_directory as run
from kerazoo.training.machine import MAY_MOVE, UNKNOWN, environment
from kerazoo.training.run_config import Config
from kerazoo.training.run_directory import Run


def require_writable(directory: Path) -> None:
    """Raise KerazooError, before hours of training, if the results could not be written."""
    if not os.access(directory, os.W_OK):
        raise KerazooError(f"--record writes below {directory}, which you may not write to.")


def missing_seeds(entry: Entry, tier: str, seeds: int) -> list[int]:
    """Seeds below ``seeds`` without a recorded run that is still valid.

    Raises:
        KerazooError: some are missing, and the recorded ones are of another Keras or backend, so
            that fresh ones would replace them instead of joining them.
    """
    recorded = evidence.read(entry).tiers.get(tier)
    if recorded is None:
        return list(range(seeds))
    recipe = entry.recipe_for(tier)
    model = fingerprint.of_model(building.build_for(entry, recipe))
    data = load_for(entry, recipe)
    if evidence.stale_reasons(entry, tier, recorded, model, data.sha256):
        return list(range(seeds))
    there = {r.seed for r in recorded.runs}
    missing = [seed for seed in range(seeds) if seed not in there]
    others = _other_versions(recorded, environment())
    if missing and others:
        raise KerazooError(f"its recorded runs cannot be joined: {'; '.join(others)}. Record all.")
    return missing


def _other_versions(before: Reference, now: Mapping[str, str]) -> list[str]:
    """Differences between two environments that runs of one reference must not have."""
    return [
        f"{name} was {before.environment.get(name)!r}, is {now[name]!r}"
        for name in sorted(now.keys() - set(MAY_MOVE))
        if before.environment.get(name) != now[name]
    ]


def record_reference(
    entry: Entry, tier: str, runs: list[Run | None], directory: Path, data: Data
) -> Evidence:
    """Write the reference from finished runs, and the weights of the first for ``full``.

    The existing reference is read last, just before writing: baselines and weights take minutes,
    in which another process may record the other tier.
    """
    finished = [r for r in runs if r is not None]
    if len(finished) < len(runs):
        raise KerazooError(f"a run of {entry.name} diverged; nothing was recorded.")
    metric, judge = registry.metric_of(entry), evidence.judges_sha256(entry.judges)
    scored = {(r.metrics["metric"], r.metrics.get("judge_sha256", "")) for r in finished}
    if scored != {(metric.name, judge)}:
        raise KerazooError(
            f"the runs of {entry.name} were evaluated by another metric or judge than the entry "
            "has now; nothing was recorded. Train again."
        )
    recipe = entry.recipe_for(tier)
    config = run.read_config(finished[0].path)
    model, environment = config.fingerprints.model, config.environment
    stamp = fingerprint.of_run(asdict(config.recipe), model, data.sha256)
    fresh = [
        RecordedRun(
            seed=r.seed,
            value=r.metrics["value"],
            standard_error=r.metrics["standard_error"],
            seconds=round(r.seconds, 1),
            weights_sha256=r.metrics["weights_sha256"],
            fingerprint=stamp,
            also=r.metrics["also"],
            environment=_what_differs(run.read_config(r.path).environment, environment),
        )
        for r in finished
    ]
    baselines = registry.task_of(entry).baselines(data.training_split(recipe), data)
    values, limits = baselines.main(metric.name)
    first = min(finished, key=lambda r: r.seed)
    compact = _compact_weights(entry, first, data) if tier == "full" and entry.bundled else None

    recorded = evidence.read(entry)
    by_seed = {}
    if before := recorded.tiers.get(tier):
        stale = evidence.stale_reasons(entry, tier, before, model, data.sha256)
        kept = _still_valid(before, stale, config)
        by_seed = {r.seed: replace(r, fingerprint=stamp) for r in kept}
    by_seed |= {r.seed: r for r in fresh}
    together = [by_seed[seed] for seed in sorted(by_seed)]
    reference = Reference(
        recipe=asdict(recipe),
        model=model,
        data=data.sha256,
        runs=tuple(together),
        baselines=values,
        environment=environment,
        limits=limits,
        baseline_metrics=baselines.others(metric.name),
        judge_sha256=judge,
        engine=config.engine,
    )
    weights = recorded.weights if entry.bundled else None
    takes_over = tier == "full" and first.seed == together[0].seed
    if compact and takes_over:
        sha256 = hashlib.sha256(compact[0]).hexdigest()
        weights = BundledWeights(sha256=sha256, seed=first.seed, value=compact[1])
    written = replace(
        recorded,
        metric=metric.name,
        parameters=finished[0].model.count_params(),
        tiers={**recorded.tiers, tier: reference},
        weights=weights,
    )
    try:
        consistency.check(written, entry)
        for r in finished:
            consistency.require_fitting_confusion(r.metrics)
    except consistency.Inconsistent as error:
        raise KerazooError(f"nothing was recorded of {entry.name}: {error}") from error
    if compact and takes_over:
        write_bytes(evidence.weights_path(entry), compact[0])
    path = evidence.write(entry, written)  # at once: it holds the checksum of the weights
    if takes_over and first.plots:
        keep_plots(entry, first.path)
    tell(f"recorded {path} from the runs in {directory}")
    return written


def _still_valid(before: Reference, stale: list[str], config: Config) -> list[RecordedRun]:
    """Recorded runs that fresh ones join: of the same training with the same Keras.

    The machine may differ; each run then notes its own, also that a fact was not recorded.
    """
    now = config.environment
    known = {**dict.fromkeys(now, UNKNOWN), **before.environment}
    if stale or _other_versions(before, now) or before.engine != config.engine:
        why = "; ".join(stale) or "recorded with other versions or another engine"
        tell(f"{before.n} recorded runs are dropped: {why}")
        return []
    return [
        replace(r, environment=_what_differs({**known, **r.environment}, now)) for r in before.runs
    ]


def _what_differs(environment: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if other.get(name) != value}


def _compact_weights(entry: Entry, source: Run, data: Data) -> tuple[bytes, float]:
    """A run's weights file as float16, half the size, and the metric of exactly these weights."""
    import h5py

    model = building.build_for(entry)
    model.set_weights(source.model.get_weights())
    with tempfile.TemporaryDirectory() as temporary:
        whole, half = (Path(temporary) / f"{name}.weights.h5" for name in ("whole", "half"))
        model.save_weights(whole)
        # The format of HDF5 1.10, which saves 130 kB for a network of forty arrays.
        with h5py.File(whole) as old, h5py.File(half, "w", libver=("v110", "v110")) as new:
            _copy_as_float16(old, new)
        building.load_weights_file(model, half)
        return half.read_bytes(), registry.task_of(entry).evaluate(model, data).value


def _copy_as_float16(old: Any, new: Any) -> None:
    """Copy an HDF5 group, compressed; arrays beyond float16 (above 65,504) keep their type."""
    import h5py

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
        packed = "gzip" if values.ndim else None  # a table of n-grams is mostly zeros
        new.create_dataset(name, data=values, compression=packed).attrs.update(item.attrs)
