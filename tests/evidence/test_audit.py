"""Faults planted in recorded evidence, data and code: verify names each without training."""

from __future__ import annotations

import dataclasses
import json

import h5py
import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo._files import sha256_of_file
from kerazoo.datasets._cache import load_for
from kerazoo.evidence import audit
from kerazoo.evidence import reference as evidence
from kerazoo.tasks import forecasting
from kerazoo.tasks._scores import binomial_standard_error
from kerazoo.tasks.base import Task
from tests.conftest import QUIET, flip_a_bit
from tests.evidence.forging import change_run, rewrite


def forge_value(entry):
    """Let the first recorded run be better or worse by one image, with all that follows."""
    run = evidence.read(entry).tiers["full"].runs[0]
    value = run.value - 1 / 200 if run.value > 0.5 else run.value + 1 / 200
    change_run(entry, value=value, standard_error=binomial_standard_error(value, 200))


def altered_weights(entry):
    flip_a_bit(evidence.weights_path(entry))


def other_weights(entry):
    path = evidence.weights_path(entry)
    with h5py.File(path, "r+") as file:
        file["layers/dense/vars/0"][...] = 0
    rewrite(entry, lambda content: content["weights"].update(sha256=sha256_of_file(path)))


def better_baseline(entry):
    def change(content):
        baselines = content["tiers"]["full"]["baselines"]
        baselines["majority_class"] += 10 / 200

    rewrite(entry, change)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("plant", [altered_weights, other_weights, better_baseline])
def test_evidence_that_is_not_true_fails_before_anything_is_trained(recorded, plant):
    plant(recorded)
    report = kerazoo.verify("bar_net", **QUIET)
    assert not report.passed and len(report.problems) == 1 and not report.runs


@pytest.mark.usefixtures("no_training")
def test_dropout_that_is_on_at_prediction_fails(recorded, monkeypatch):
    monkeypatch.setattr(audit.engine, "predict", lambda net, x: np.array(net(x, training=True)))
    assert kerazoo.verify("bar_net", **QUIET).problems


@pytest.mark.usefixtures("no_training")
def test_a_metric_of_the_validation_split_fails(recorded, monkeypatch):
    """Also where both splits have one size, so that only their content differs."""
    honest = Task.evaluate
    monkeypatch.setattr(Task, "evaluate", lambda *a: honest(*a[:2], a[2].on_validation()))
    assert kerazoo.verify("bar_net", **QUIET).problems
    data = load_for(recorded, recorded.recipe)
    same_size = dataclasses.replace(data, validation=data.test)
    assert audit.audit(recorded, "full", evidence.read(recorded), same_size)[0]


def test_a_wrong_season_in_a_baseline_is_found(monkeypatch):
    entry = registry.get_entry("stacked_lstm@sine")
    recorded, data = evidence.read(entry), load_for(entry, entry.recipe_for("smoke"))
    assert audit.audit(entry, "smoke", recorded, data) == ([], [])
    honest = forecasting._seasonal
    monkeypatch.setattr(forecasting, "_seasonal", lambda x, n, *rest: honest(x, n - 1, *rest))
    problems, _ = audit.audit(entry, "smoke", recorded, data)
    assert problems and all("seasonal repeat" in problem for problem in problems)


def test_a_repeated_seed_that_misses_its_value_fails_on_the_same_machine(recorded, copied):
    change_run(recorded, 1, weights_sha256="0" * 64)
    other = kerazoo.verify("bar_net", first_seed=1, out="other weights", **QUIET)
    assert other.passed and other.runs[0].equal == ("value", "other metrics")
    assert any("different: weights" in note for note in other.warnings)
    forge_value(recorded)
    forged = kerazoo.verify("bar_net", first_seed=0, out="forged", **QUIET)
    assert not forged.passed and len(forged.problems) == 1 and forged.runs[0].equal == ("weights",)


def test_elsewhere_a_miss_is_a_note_unless_rounding_explains_it(recorded, copied, private_zoo):
    forge_value(recorded)
    change_run(recorded, environment={"threads": "77"})
    noted = kerazoo.verify("bar_net", first_seed=0, out="noted", **QUIET)
    assert noted.passed and any("threads 77" in note for note in noted.notes)
    measured = {"bar_net@bars": {"full": 0.01}}
    (private_zoo.parent / "rounding.json").write_text(json.dumps(measured))
    silent = kerazoo.verify("bar_net", first_seed=0, out="silent", **QUIET)
    assert silent.passed and not any("recorded" in note for note in silent.notes)


def test_a_fault_in_the_loader_is_found_with_fresh_data(recorded, copied, command):
    load, bars = registry.get_dataset("bars").load, registry.get_dataset("bars")
    pinned = dataclasses.replace(bars, sha256=kerazoo.load_data("bars").sha256)
    registry._datasets["bars"] = pinned
    kerazoo.load_data("bars")  # which caches it
    verify = ("verify", "bar_net", "--first-seed", "0", "--json")
    assert json.loads(command(*verify, "--fresh-data")[1])["data"] == "source"

    def faulty():
        splits = load()
        return {**splits, "train": splits["validation"]}

    registry._datasets["bars"] = dataclasses.replace(pinned, load=faulty)
    status, out, _ = command(*verify)
    assert status == 0 and json.loads(out)["data"] == "cache"
    status, out, _ = command(*verify, "--fresh-data")
    assert status == 1 and json.loads(out)["problems"] and not json.loads(out)["runs"]


def test_doctor_tells_what_this_machine_repeats(recorded, command, monkeypatch):
    told = json.loads(command("doctor", "--json")[1])
    assert told["machine"]["threads"] and told["machine"]["keras"]
    assert told["references"]["bar_net@bars full"].startswith("to the bit")
    assert any("not recorded" in verdict for verdict in told["references"].values())
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "another")
    altered_weights(recorded)
    status, out, _ = command("doctor")
    assert status == 0 and "to the bit" not in out and "avx2" in out
