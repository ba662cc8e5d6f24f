"""Record what finished runs of an entry measured: its reference, and the weights it ships with."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerazoo import building, fingerprint, registry
from kerazoo._files import write_bytes
from kerazoo.datasets._cache import load_for
from kerazoo.errors import KerazooError
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.card import keep_plots
from kerazoo.evidence.reference import BundledWeights, Evidence, RecordedRun, Reference
from kerazoo.spec import Data, Entry, Recipe
from kerazoo.tasks.base import Finished, write_plots
from kerazoo.training import run_directory as run
from kerazoo.training.run_directory import Run


def require_writable(folder: Path) -> None:
    """Say before hours of training that their result could not be kept."""
    if not os.access(folder, os.W_OK):
        raise KerazooError(f"--record writes below {folder}, which you may not write to.")


def missing_seeds(entry: Entry, tier: str, seeds: int) -> list[int]:
    """Which of so many first seeds no run is recorded of that still speaks for the code.

    Raises:
        KerazooError: some are missing, and those that are recorded are of another Keras or
            backend, so that fresh ones would take their place instead of joining them.
    """
    recorded = evidence.read(entry).tiers.get(tier)
    there: set[int] = set()
    if recorded is not None:
        recipe = entry.recipe_for(tier)
        model = fingerprint.of_model(building.build_for(entry, recipe))
        judge = evidence.judge_sha256(entry)
        data = load_for(entry, recipe)
        if not evidence.stale_reasons(recorded, recipe, model, data.sha256, judge):
            there = {r.seed for r in recorded.runs}
    missing = [seed for seed in range(seeds) if seed not in there]
    if missing and there and recorded is not None:
        others = _other_versions(recorded, run.environment())
        if others:
            raise KerazooError(
                f"its recorded runs cannot be joined: {'; '.join(others)}. Record all anew."
            )
    return missing


def _other_versions(before: Reference, now: Mapping[str, str]) -> list[str]:
    """How recorded runs differ from today's in what runs of one reference must share."""
    return [
        f"{name} was {before.environment.get(name)!r}, is {now[name]!r}"
        for name in sorted(now.keys() - set(run.MAY_MOVE))
        if before.environment.get(name) != now[name]
    ]


def record_reference(
    entry: Entry,
    tier: str,
    recipe: Recipe,
    runs: list[Run | None],
    folder: Path,
) -> Evidence:
    """Write the reference from finished runs, and the weights of the first for ``full``.

    What is recorded already is read last, just before it is written: baselines and weights take
    minutes, in which another process may record the other tier.
    """
    finished = [r for r in runs if r is not None]
    if len(finished) < len(runs):
        raise KerazooError(f"a run of {entry.name} diverged; nothing was recorded.")
    data = load_for(entry, recipe)
    metric = registry.metric_of(entry)
    for other in {r.metrics["metric"] for r in finished} - {metric.name}:
        raise KerazooError(
            f"the runs of {entry.name} measured {other!r}, but its references hold "
            f"{metric.name!r}; nothing was recorded."
        )
    judge = evidence.judge_sha256(entry)
    if any(r.metrics.get("judge_sha256", "") != judge for r in finished):
        raise KerazooError(
            f"the pictures of {entry.name} were judged by other weights than the judge has now; "
            "nothing was recorded. Train again."
        )
    config = run.read_config(finished[0].path)
    model = config["fingerprints"]["model"]
    stamp = fingerprint.of_run(config["recipe"], model, data.sha256)
    environment = config["environment"]
    fresh = [
        RecordedRun(
            seed=r.seed,
            value=r.metrics["value"],
            standard_error=r.metrics["standard_error"],
            seconds=round(r.seconds, 1),
            weights_sha256=r.metrics["weights_sha256"],
            fingerprint=stamp,
            also=r.metrics["also"],
            environment=_beside(run.read_config(r.path)["environment"], environment),
        )
        for r in finished
    ]
    baselines = registry.task_of(entry).baselines(data.training_split(recipe), data)
    naive, limits = baselines.main(metric.name)
    first = min(finished, key=lambda r: r.seed)
    compact = _compact_weights(entry, first, data) if tier == "full" else None

    recorded = evidence.read(entry)
    seeds = {r.seed for r in fresh}
    before = recorded.tiers.get(tier)
    kept = []
    if before is not None:
        stale = evidence.stale_reasons(before, recipe, model, data.sha256, judge)
        kept = [
            dataclasses.replace(r, fingerprint=stamp)
            for r in _still_valid(before, stale, config)
            if r.seed not in seeds
        ]
    together = sorted([*fresh, *kept], key=lambda r: r.seed)
    reference = Reference(
        recipe=dataclasses.asdict(recipe),
        model=model,
        data=data.sha256,
        runs=tuple(together),
        baselines=naive,
        environment=environment,
        limits=limits,
        beside=baselines.others(metric.name),
        judge_sha256=judge,
        engine=config["engine"],
    )
    weights = recorded.weights
    shipped = compact is not None and first.seed == together[0].seed
    if compact is not None and shipped:
        content, value = compact
        weights = BundledWeights(
            sha256=hashlib.sha256(content).hexdigest(), seed=first.seed, value=value
        )
        write_bytes(evidence.weights_path(entry), content)
    written = dataclasses.replace(
        recorded,
        metric=metric.name,
        parameters=finished[0].model.count_params(),
        tiers={**recorded.tiers, tier: reference},
        weights=weights,
    )
    path = evidence.write(entry, written)  # at once: it holds the checksum of the weights
    if shipped:
        keep_plots(entry, first.path)
    print(f"kerazoo: recorded {path} from the runs in {folder}", file=sys.stderr)
    return written


def redraw(entry: Entry, folder: Path) -> list[Path]:
    """Draw an entry's recorded pictures anew from its bundled weights, as far as these suffice.

    The learning curves and the samples over training belong to the training, and stay as they are.

    Args:
        entry: that has weights.
        folder: for the pictures in all their colours.

    Returns:
        Those that were drawn.
    """
    model = building.build_for(entry)
    building.load_bundled_weights(model, entry)
    data, task = load_for(entry, entry.recipe), registry.task_of(entry)
    folder.mkdir(parents=True, exist_ok=True)
    write_plots(task, Finished(folder, entry.name, [], task.evaluate(model, data), data))
    keep_plots(entry, folder, all_there=False)
    return sorted(folder.glob("*.png"))


def _still_valid(
    before: Reference, stale: list[str], config: Mapping[str, Any]
) -> list[RecordedRun]:
    """The recorded runs that fresh ones join: of the same training with the same Keras.

    The machine may be another one, which each run then says of itself.
    """
    now = config["environment"]
    others = _other_versions(before, now)
    if before.engine != config["engine"]:
        others.append(f"engine was {before.engine!r}, is {config['engine']!r}")
    if not stale and not others:
        there = [{**before.environment, **r.environment} for r in before.runs]
        return [
            dataclasses.replace(r, environment=_beside(its, now))
            for r, its in zip(before.runs, there, strict=True)
        ]
    why = "; ".join(stale) or "recorded with other versions or another engine"
    print(f"kerazoo: {before.n} recorded runs are dropped: {why}", file=sys.stderr)
    return []


def _beside(environment: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """What an environment says otherwise than another one."""
    return {name: value for name, value in environment.items() if other.get(name) != value}


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
        building.load_weights_file(model, half)
        return half.read_bytes(), registry.task_of(entry).evaluate(model, data).value


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
