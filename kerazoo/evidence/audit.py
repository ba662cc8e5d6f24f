"""Checks of recorded evidence that train nothing: whether it is true of this code and data."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from kerazoo import building, fingerprint, registry
from kerazoo._lazy import keras, np
from kerazoo.datasets import _cache
from kerazoo.errors import KerazooError
from kerazoo.evidence import consistency
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.reference import Evidence, RecordedRun, Reference
from kerazoo.metrics import Metric, metric, plain
from kerazoo.spec import Data, Entry, Split
from kerazoo.training import engine, machine
from kerazoo.training.machine import Machine

QUICK = 12_000_000  # numbers in the training inputs; with more the baselines take minutes
MARGIN = 3.0  # times the largest difference that was measured, see rounding_of_training


def audit(entry: Entry, tier: str, recorded: Evidence, data: Data) -> tuple[list[str], list[str]]:
    """Reasons to FAIL before anything is trained, and mere notes.

    The evidence is stale; the size of the test split, the baselines that take seconds, or the
    result of the bundled weights are not as recorded. Only of the same data more is said than
    that it differs.
    """
    reference = recorded.tiers[tier]
    problems, notes = _staleness(entry, tier, reference, data)
    if not problems and data.sha256 == reference.data:
        problems += _test_examples(entry, recorded.metric, reference, data)
        problems += _baselines(entry, tier, recorded.measure, reference, data)
        problems += _bundled_weights(entry, tier, recorded, data)
    return problems, notes


def _staleness(
    entry: Entry, tier: str, reference: Reference, data: Data
) -> tuple[list[str], list[str]]:
    """Reasons why a reference is not of the present code: (problems, mere notes)."""
    problems, notes = [], []
    model = fingerprint.of_model(building.build_for(entry, entry.recipe_for(tier)))
    for reason in evidence.stale_reasons(entry, tier, reference, model, data.sha256):
        text = f"the recorded evidence is stale: {reason}"
        other_keras = reference.environment.get("keras") != keras.__version__
        if "content" in reason and data.info.measured_on:
            notes.append(f"the reference is of another copy of the data: {data.info.measured_on}")
        elif "structure" in reason and other_keras:
            notes.append(f"{text} (or Keras {keras.__version__} describes it differently)")
        else:
            problems.append(f"{text}; record it again with --record")
    return problems, notes


def source_problems(data: Data, cached: str | None) -> list[str]:
    """Differences between data that the loader gave just now and the registered and cached data.

    Args:
        data: from the loader.
        cached: fingerprint of the cached copy, if there is one.
    """
    others = {"cached": cached}
    if not data.info.measured_on:  # other copies are allowed
        others["registered"] = data.info.sha256
    return [
        f"the loader of {data.info.name} gives other data (fingerprint {data.sha256[:12]}…) than "
        f"are {how} ({sha256[:12]}…)"
        for how, sha256 in others.items()
        if sha256 and sha256 != data.sha256
    ]


def _test_examples(entry: Entry, name: str, reference: Reference, data: Data) -> list[str]:
    counted = consistency.are_counts(entry, name)
    if not counted or (n := consistency.test_examples(reference)) == data.test.examples:
        return []
    return [f"the results were computed on {n:,} test examples; there are {data.test.examples:,}"]


def _baselines(
    entry: Entry, tier: str, measure: Metric, reference: Reference, data: Data
) -> list[str]:
    train = data.training_split(entry.recipe_for(tier))
    if train.x.size > QUICK:
        return []
    found = registry.task_of(entry).baselines(train, data)
    now = {**found.simple, **found.limits}
    problems: dict[str, str] = {}
    for place, row in reference.rows(measure.name).items():
        kind, _, name = place.partition(".")
        for m, recorded in row.items() if name else ():
            again, show = now.get(name, {}).get(m, math.nan), metric(m).show
            # Other versions' linear algebra changes the class of some test images.
            near = {"abs_tol": 5e-3, "rel_tol": 0.0} if metric(m).percent else {"rel_tol": 2e-3}
            if not math.isclose(again, recorded, **near):
                told = f"{metric(m).title} {show(again)}, recorded {show(recorded)}"
                problems.setdefault(place, f"{kind[:-1]} {plain(name)}: {told}")
    return list(problems.values())


def _bundled_weights(entry: Entry, tier: str, recorded: Evidence, data: Data) -> list[str]:
    if recorded.weights is None:
        return []
    full, measure, value = recorded.tiers["full"], recorded.measure, recorded.weights.value
    try:
        model = building.build_for(entry)
        building.load_bundled_weights(model, entry)
    except KerazooError as error:
        return [str(error)]
    task = registry.task_of(entry)
    some, network = task.inputs(model, data)[:100], task.network(model)
    if not np.array_equal(engine.predict(network, some), engine.predict(network, some)):
        return ["two predictions of the same inputs differ: dropout or augmentation is on"]
    if entry.recipe_for(tier).lookback != entry.recipe.lookback:
        data = _cache.load_for(entry, entry.recipe)
    if data.validation.examples == data.test.examples:  # else their number tells them apart
        data = replace(data, validation=Split(data.test.x[1:], data.test.y[1:]))
    outcome = task.evaluate(model, data)
    if outcome.examples != data.test.examples:
        return [
            f"{outcome.examples:,} examples were evaluated, not {data.test.examples:,} of the test"
        ]
    first = next(run for run in full.runs if run.seed == recorded.weights.seed)
    elsewhere = 2 / data.test.examples if measure.percent else 1e-3 * abs(value)  # by rounding
    allowed = elsewhere if machine.here().why_not(machine_of(full, first)) else 0.0
    if abs(outcome.value - value) <= allowed:
        return []
    told = f"{measure.title} {measure.show(outcome.value)}, recorded {measure.show(value)}"
    return [f"the bundled weights give {told}"]


def machine_of(reference: Reference, recorded: RecordedRun) -> Machine:
    """Identity of the machine of a recorded run."""
    return Machine.of({**reference.environment, **recorded.environment})


def rounding_of_training(entry: Entry, tier: str, reference: Reference) -> float | None:
    """Largest difference of a metric between two machines that train the same seed.

    Three times the largest that ``benchmarks/rounding.py`` measured, with other instruction sets
    and the other engine, and not less than two test examples; None if it was not measured.
    """
    path = registry.get_model(entry.model).evidence / "rounding.json"
    measured = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if tier not in measured.get(entry.name, {}):
        return None
    return max(two_examples(entry, reference), MARGIN * measured[entry.name][tier])


def two_examples(entry: Entry, reference: Reference) -> float:
    """Change of an accuracy by two test examples; 0 for another metric."""
    counted = consistency.are_counts(entry, registry.metric_of(entry).name)
    return 2 / consistency.test_examples(reference) if counted else 0.0
