"""Recording: runs that belong together become a reference, and nothing else does."""

from __future__ import annotations

import dataclasses
import io

import h5py
import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.errors import KerazooError
from kerazoo.evidence import card, caveats, record
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.audit import machine_of
from kerazoo.training import machine, run_directory
from tests.evidence.forging import rewrite


@pytest.fixture
def add(recorded, recorded_runs, in_tmp):
    """Record the first finished run as one of another seed, of an entry's data."""
    first = run_directory.load(recorded_runs[0])

    def recording(*seeds, entry=recorded, tier="full", **changes):
        metrics = {**first.metrics, **changes}
        runs = [dataclasses.replace(first, seed=seed, metrics=metrics) for seed in seeds]
        data = kerazoo.load_data("bars")
        return record.record_reference(entry, tier, runs, in_tmp, data).tiers[tier]

    return recording


def rewrite_full(entry, **changes):
    """Change the recorded reference of tier ``full``."""
    rewrite(entry, lambda content: content["tiers"]["full"].update(changes))


def seeds_of(entry):
    return [r.seed for r in evidence.read(entry).tiers["full"].runs]


def test_a_seed_is_added_and_the_weights_stay_those_of_the_first(recorded, add):
    before = evidence.read(recorded).weights
    add(7)
    assert seeds_of(recorded) == [0, 1, 2, 7]
    assert evidence.read(recorded).weights == before and before.seed == 0


def test_an_entry_may_leave_its_weights_out(recorded, add):
    before = evidence.weights_path(recorded).read_bytes()
    add(0, entry=dataclasses.replace(recorded, bundled=False))
    assert evidence.read(recorded).weights is None
    assert evidence.weights_path(recorded).read_bytes() == before and card.kept_files(recorded)


def test_runs_of_another_recipe_are_dropped(recorded, add):
    changed = dataclasses.replace(recorded, recipe=recorded.recipe.replace(batch_size=16))
    add(0, 1, entry=changed)
    assert seeds_of(recorded) == [0, 1]
    assert evidence.read(recorded).weights.seed == 0


@pytest.mark.parametrize("what", ["environment", "engine"])
def test_runs_of_other_versions_or_another_engine_are_dropped(recorded, add, what):
    old = evidence.read(recorded).tiers["full"]
    other = {"environment": {**old.environment, "keras": "3.0.0"}, "engine": "plain"}
    assert old.engine == "auto"
    rewrite_full(recorded, **{what: other[what]})
    add(7)
    assert seeds_of(recorded) == [7]


def test_runs_of_another_machine_are_joined_and_say_so(recorded, add):
    old = evidence.read(recorded).tiers["full"]
    rewrite_full(recorded, environment={**old.environment, "machine": "a slide rule"})
    now = add(7)
    here = now.environment["machine"]
    assert [r.environment.get("machine") for r in now.runs] == ["a slide rule"] * 3 + [None]
    assert now.machines == ["a slide rule", here] and here != "a slide rule"
    assert f"a slide rule and {here}" in card.measured_with(now)
    assert len(caveats.caveats(recorded, evidence.read(recorded)))
    again = add(8)
    assert again.machines == now.machines and again.n == 5
    carried = {**again.environment, "machine": f"{here}{evidence.THEN}a slide rule"}
    assert dataclasses.replace(again, environment=carried).machines == ["a slide rule", here]


def test_runs_of_an_unknown_processor_are_joined_and_promise_no_bits(recorded, add):
    environment = dict(evidence.read(recorded).tiers["full"].environment)
    rewrite_full(recorded, environment={k: v for k, v in environment.items() if k != "processor"})
    now = add(7)
    first, *_, last = (machine.here().why_not(machine_of(now, run)) for run in now.runs)
    assert "processor" in first and not last


def test_missing_seeds_are_those_without_a_valid_run(recorded):
    assert record.missing_seeds(recorded, "full", 5) == [3, 4]
    assert record.missing_seeds(recorded, "smoke", 2) == [0, 1]
    changed = dataclasses.replace(recorded, recipe=recorded.recipe.replace(batch_size=16))
    assert record.missing_seeds(changed, "full", 2) == [0, 1]
    old = evidence.read(recorded).tiers["full"]
    rewrite_full(recorded, environment={**old.environment, "keras": "2.0.0"})
    assert record.missing_seeds(recorded, "full", 3) == [], "nothing is to be joined"
    with pytest.raises(KerazooError):
        record.missing_seeds(recorded, "full", 4)


def test_what_another_process_records_meanwhile_is_kept(recorded, add, monkeypatch):
    """It writes while this one makes the weights, which takes minutes."""
    honest = record._compact_weights

    def meanwhile(*asked):
        done, told = honest(*asked), evidence.read(recorded)
        tiers = {**told.tiers, "smoke": told.tiers["full"]}
        evidence.write(recorded, dataclasses.replace(told, tiers=tiers))
        return done

    monkeypatch.setattr(record, "_compact_weights", meanwhile)
    add(7)
    assert set(evidence.read(recorded).tiers) == {"full", "smoke"}


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": "r2"},
        {"judge_sha256": "0" * 64},
        {"value": 0.5},
        {"confusion": [[9, 1], [1, 9]]},
        None,
    ],
)
def test_runs_that_do_not_belong_to_the_entry_are_not_recorded(recorded, add, changes):
    before = evidence.reference_path(recorded).read_bytes()
    with pytest.raises(KerazooError):
        if changes:
            add(7, **changes)
        else:  # one diverged
            record.record_reference(recorded, "full", [None], None, None)
    assert evidence.reference_path(recorded).read_bytes() == before


def test_float16_keeps_what_it_cannot_hold():
    with h5py.File(io.BytesIO(), "w") as old, h5py.File(io.BytesIO(), "w") as new:
        old["group/small"] = np.float32([1.0, 2.0])
        old["group/large"] = np.float32([70_000.0])
        record._copy_as_float16(old, new)
        assert new["group/small"].dtype == np.float16
        assert new["group/large"].dtype == np.float32 and new["group/large"][0] == 70_000


def test_bundled_weights_are_float16_and_load_in_plain_keras(recorded):
    path, kinds = evidence.weights_path(recorded), set()
    with h5py.File(path) as file:
        file.visititems(lambda _, o: kinds.add(str(getattr(o, "dtype", ""))))
    assert "float16" in kinds and "float32" not in kinds
    registry.get_model("bar_net").factory().load_weights(path)
