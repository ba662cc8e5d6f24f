"""Verify: the arithmetic of the protocol; honest runs pass, broken ones and stale evidence fail."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy import stats

import kerazoo
from kerazoo import registry
from kerazoo.errors import Diverged, Interrupted, KerazooError, NotAvailable
from kerazoo.evidence import reference as evidence
from kerazoo.evidence import verify as verifying
from kerazoo.evidence.reference import Reference
from kerazoo.evidence.verify import Bound, FreshRun, Report, too_good, verify_all, worst_allowed
from kerazoo.metrics import METRICS
from kerazoo.spec import Recipe
from kerazoo.tasks.base import Task
from tests.conftest import QUIET
from tests.evidence.forging import made_up as reference

ACCURACY, MSE = METRICS["accuracy"], METRICS["mse"]


def report_of(value: float, told: Reference, metric: str = "accuracy") -> Report:
    return Report(
        entry="e@d",
        tier="full",
        metric=metric,
        runs=(FreshRun(7, value, None, Path()),),
        reference=told,
        bound=worst_allowed(told, 1, METRICS[metric]),
        problems=(),
        notes=(),
    )


def test_bound_is_the_99_percent_prediction_interval():
    """Simulated: of means of k fresh runs, one in a hundred falls below the bound."""
    random = np.random.RandomState(0)
    k, n, trials = 2, 5, 100_000
    told = reference(random.normal(0.9, 0.01, n))
    deviations = (told.mean - worst_allowed(told, k, ACCURACY).value) / told.std
    recorded, fresh = (random.normal(0.9, 0.01, (trials, m)) for m in (n, k))
    bounds = recorded.mean(axis=1) - deviations * recorded.std(axis=1, ddof=1)
    assert 0.009 < (fresh.mean(axis=1) < bounds).mean() < 0.011


def test_the_bound_has_a_floor_for_the_noise_of_the_test_split():
    floor = 0.98 - stats.norm.ppf(0.99) * 0.01
    same = worst_allowed(reference([0.98] * 5, 0.01), 1, ACCURACY)
    single = worst_allowed(reference([0.98], 0.01), 1, ACCURACY)
    assert same.value == pytest.approx(floor) == single.value
    spread = worst_allowed(reference([0.9, 0.95, 0.99]), 1, ACCURACY)
    assert spread.value < 0.98 and spread.reason != same.reason


def test_a_tolerance_replaces_the_floor_but_not_the_interval():
    same = reference([0.33] * 5, standard_error=0.1)
    assert worst_allowed(same, 1, METRICS["r2"], 1e-3).value == pytest.approx(0.329)
    assert worst_allowed(same, 1, MSE, 1e-3).value == pytest.approx(0.331)
    spread = reference([0.2, 0.3, 0.4], standard_error=0.1)
    assert worst_allowed(spread, 1, METRICS["r2"], 1e-3).value < 0.2


def test_where_lower_is_better_the_bound_lies_above():
    spread = reference([0.020, 0.022, 0.024])
    above, below = (worst_allowed(spread, 1, m) for m in (MSE, ACCURACY))
    assert above.value - 0.022 == pytest.approx(0.022 - below.value) and above.value > 0.022
    assert report_of(0.001, spread, "mse").passed
    assert not report_of(above.value * 1.01, spread, "mse").passed
    diverged = report_of(math.nan, spread, "mse")
    assert not diverged.passed and diverged.as_json()["mean"] is None


@pytest.mark.parametrize("metric", ["accuracy", "mse"])
def test_a_run_that_beats_no_baseline_fails_if_the_reference_does(metric):
    """Even where the bound would let it pass."""
    measure = METRICS[metric]
    better = 1 if measure.higher_is_better else -1
    told = reference(
        [0.599, 0.6, 0.601] if better > 0 else [0.399, 0.4, 0.401],
        standard_error=0.1,
        baselines={"linear": 0.5, "repeat_last": 0.5 - 0.2 * better},
    )
    loses = report_of(0.5, told, metric)
    assert measure.is_better(0.5, loses.bound.value) and not loses.passed
    assert loses.as_json()["to_beat"] == {"name": "linear", "value": 0.5}
    assert any("linear" in name and "beat" in name for name, _, _ in loses.rows)
    assert report_of(0.5 + 0.01 * better, told, metric).passed
    scattered = dataclasses.replace(told, runs=reference([0.4, 0.6, 0.5 + 0.3 * better]).runs)
    assert measure.is_better(scattered.mean, 0.5)
    assert report_of(0.5, scattered, metric).passed, "one honest run in many lies there"
    beaten = dataclasses.replace(told, baselines={"linear": 0.6 + 0.2 * better})
    assert report_of(0.5, beaten, metric).to_beat is None, "the reference does not beat it either"


def test_a_reference_that_scatters_down_to_a_baseline_is_noted():
    simple = {"majority_class": 0.4, "linear": 0.5}
    scattered, close = ([0.54, 0.80, 0.83], [0.80, 0.81, 0.82])
    (note,) = verifying.too_scattered(reference(scattered, baselines=simple), 1, ACCURACY)
    assert "linear" in note
    assert not verifying.too_scattered(reference(close, baselines=simple), 1, ACCURACY)


# Staleness


def test_stale_reasons_name_each_difference_and_forgive_a_new_default():
    recipe = Recipe(epochs=3)
    before = dataclasses.asdict(recipe)
    told = reference([1.0], recipe=before, model="m", data="d")

    def reasons(told, recipe, model="m", data="d"):
        entry = kerazoo.Entry(dataset="digits", recipe=recipe)
        return evidence.stale_reasons(entry, "full", told, model, data)

    assert reasons(told, recipe) == []
    judged = dataclasses.replace(told, judge_sha256="j")
    assert len(reasons(judged, recipe.replace(epochs=4), "n", "e")) == 4
    older = {k: v for k, v in before.items() if k != "momentum"}  # recorded before it existed
    told = dataclasses.replace(told, recipe=older)
    assert reasons(told, recipe) == []
    sgd = recipe.replace(optimizer="sgd", momentum=0.9)
    assert any("momentum" in reason for reason in reasons(told, sgd))


def change_model(monkeypatch, **changes):
    model = dataclasses.replace(registry.get_model("bar_net"), **changes)
    monkeypatch.setitem(registry._models, "bar_net", model)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("what", ["recipe", "structure", "judge"])
def test_stale_evidence_fails_before_anything_is_trained(recorded, monkeypatch, what):
    factory = registry.get_model("bar_net").factory

    def wider(**options):
        model = factory(**options)
        x = keras.layers.Dense(16, activation="relu", name="extra")(model.get_layer("dense").output)
        return keras.Model(model.input, model.get_layer("classifier")(x))

    if what == "recipe":
        changed = dataclasses.replace(recorded, recipe=recorded.recipe.replace(batch_size=16))
        change_model(monkeypatch, entries={"bars": changed})
    elif what == "structure":
        change_model(monkeypatch, factory=wider)
    else:
        monkeypatch.setattr(evidence, "judges_sha256", lambda judges: "0" * 64)
    report = kerazoo.verify("bar_net", **QUIET)
    assert not report.passed and len(report.problems) == 1 and not report.runs
    assert "FAIL" in repr(report) and report.as_json()["runs"] == []


# Runs


def test_a_fresh_seed_passes_and_a_repeated_one_gives_the_recorded_value(recorded, in_tmp, copied):
    fresh = kerazoo.verify("bar_net", out="fresh", **QUIET)
    assert fresh.passed and fresh.runs[0].seed == 3 and not fresh.plots and not fresh.warnings
    assert fresh.data == "source", "nothing pins the data, so it is not cached"
    assert set(fresh.reference.baselines) == {"majority_class", "linear"}
    again = kerazoo.verify("bar_net", first_seed=0, out="again", **QUIET)
    assert again.passed and again.runs[0].equal == ("value", "other metrics", "weights")
    assert kerazoo.evaluate("bar_net").same
    trained, data = kerazoo.build("bar_net", weights="bars"), kerazoo.load_data("bars")
    assert (trained.predict(data.test.x, verbose=0).argmax(1) == data.test.y).mean() > 0.9


def test_shuffled_labels_fail_with_status_1(recorded, monkeypatch, command):
    def shuffled(task, split):
        return split.x, np.random.RandomState(0).permutation(split.y)

    monkeypatch.setattr(Task, "fit_arguments", shuffled)
    status, out, _ = command("verify", "bar_net", "--json")
    told = json.loads(out)
    assert status == 1 and told["passed"] is False and told["mean"] < told["bound"]
    assert not told["problems"]


def test_a_result_that_is_too_good_is_a_warning_and_no_failure():
    told = reference([0.90, 0.905, 0.895, 0.90, 0.9])
    assert too_good([0.95], told, ACCURACY, 0.0) and not too_good([0.905], told, ACCURACY, 0.0)
    assert too_good([0.85], told, MSE, 0.0) and not too_good([0.95], told, MSE, 0.0)
    assert not too_good([0.95], told, ACCURACY, 0.1), "within rounding"
    assert not too_good([0.95], reference([0.9]), ACCURACY, 0.0), "one run has no spread"
    good = dataclasses.replace(report_of(0.95, told), warnings=("check for a leak",))
    assert good.passed and good.as_json()["warnings"] and "warning: check" in good.remarks[0]


def test_a_diverged_run_fails(recorded, monkeypatch):
    def diverges(*_, **__):
        raise Diverged("the loss became nan")

    monkeypatch.setattr(verifying, "train_job", diverges)
    report = kerazoo.verify("bar_net", **QUIET)
    assert not report.passed and math.isnan(report.mean)


def test_an_interrupted_verification_resumes(recorded, copied, monkeypatch):
    train_job = verifying.train_job
    options = {"first_seed": 0, "seeds": 2, "out": "runs here", **QUIET}

    def stops(job, folder, **rest):
        if job.seed == 1:
            raise Interrupted("stopped", folder)
        return train_job(job, folder, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(verifying, "train_job", stops)
        with pytest.raises(Interrupted) as stopped:
            kerazoo.verify("bar_net", **options)
    assert "--out 'runs here' --resume" in str(stopped.value)
    before = Path("runs here/seed-0/timing.json").read_bytes()
    both = kerazoo.verify("bar_net", resume=True, **options)
    assert [r.seed for r in both.runs] == [0, 1] and both.passed
    assert Path("runs here/seed-0/timing.json").read_bytes() == before, "not trained again"
    with pytest.raises(KerazooError):
        kerazoo.verify("bar_net", **options)


EMBEDDED = [
    name
    for name in registry.list_entries()
    if registry.get_dataset(registry.get_entry(name).dataset).offline
]
# A hundred times the learning rate breaks most; what it does not break gets something else. (A
# network with batch normalization learns at any rate that is not far too small.)
BROKEN = {"resnet_block@digits": {"learning_rate": 4e-6}, "dcgan@digits": {"epochs": 1}}


@pytest.mark.slow
@pytest.mark.parametrize("entry", EMBEDDED)
def test_an_embedded_entry_with_broken_settings_fails(entry, in_tmp):
    recipe = registry.get_entry(entry).recipe_for("smoke")
    broken = BROKEN.get(entry, {"learning_rate": 100 * recipe.learning_rate})
    report = kerazoo.verify(entry, tier="smoke", settings=broken, **QUIET)
    assert not report.passed and not report.problems


@pytest.mark.slow
@pytest.mark.parametrize("entry", registry.list_entries("linear_regression"))
def test_a_crippled_linear_regression_fails(entry, in_tmp):
    """With a rate 400 times smaller it is far from least squares, yet within the test's noise."""
    rate = registry.get_entry(entry).recipe.learning_rate / 400
    report = kerazoo.verify(entry, settings={"learning_rate": rate}, **QUIET)
    assert not report.passed


@pytest.mark.slow
def test_an_entry_passes_its_smoke_tier(in_tmp):
    report = kerazoo.verify("mnist_cnn_deep@digits", tier="smoke", **QUIET)
    assert report.passed, report.remarks


# All entries


@pytest.fixture
def stubbed(monkeypatch):
    """``verify`` of ``bar_net`` gives what is put here, one after the other; an error is raised."""
    honest, answers = verifying.verify, []

    def verify(name, **options):
        if not name.startswith("bar_net"):
            return honest(name, **options)
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return dataclasses.replace(answer, data="source" if options["fresh_data"] else "cache")

    monkeypatch.setattr(verifying, "verify", verify)
    return answers


PASS = report_of(0.9, reference([0.9], 0.01))
FAIL = dataclasses.replace(PASS, bound=Bound(1.01, "out of reach"))


def test_all_entries_run_or_say_why_not(recorded, stubbed, command, monkeypatch, in_tmp):
    monkeypatch.setenv("KERAZOO_HOME", str(in_tmp / "empty"))
    for name in ("TFDS_DATA_DIR", "KERAZOO_DATA_DIR"):
        monkeypatch.setenv(name, str(in_tmp / "nothing"))
    names = ["bar_net@bars", "mnist_cnn@mnist", "bar_net@other_bars"]
    bars, model = registry.get_entry("bar_net@bars"), registry.get_model("bar_net")
    entries = {"bars": bars, "other_bars": dataclasses.replace(bars, dataset="other_bars")}
    registry._models["bar_net"] = dataclasses.replace(model, entries=entries)
    registry._datasets["other_bars"] = registry.get_dataset("bars")
    monkeypatch.setattr(registry, "list_entries", lambda pattern="*": names)
    stubbed += [PASS, PASS]
    status, out, err = command("verify", "--all", "--offline", "--json")
    assert status == 0, err
    passes, no_data, not_measured = json.loads(out)
    assert passes["passed"] is True and passes["skipped"] is None
    assert no_data["passed"] is not_measured["passed"] is None
    assert "TFDS_DATA_DIR" in no_data["skipped"], "how to provide the data"
    assert not_measured["skipped"]
    status, out, _ = command("verify", "--all", "--offline")
    assert status == 0 and "1 passed, 0 failed, 2 skipped" in out
    assert re.search("bar_net@bars .* PASS .* source", out)


def test_a_failure_or_an_error_of_one_entry_is_its_verdict(recorded, stubbed, command, monkeypatch):
    monkeypatch.setattr(registry, "list_entries", lambda pattern: ["bar_net@bars"] * 4)
    stubbed += [FAIL, KerazooError("its directory is in use"), NotAvailable("no data"), PASS]
    status, out, _ = command("verify", "--all", "--json")
    said = json.loads(out)
    assert status == 1 and [row["passed"] for row in said] == [False, False, None, True]
    assert [row["report"]["data"] for row in said if row["report"]] == ["source", "cache"]
    assert said[1]["error"] == "its directory is in use" and said[2]["skipped"] == "no data"


def test_ctrl_c_shows_the_verdicts_so_far(recorded, stubbed, command, monkeypatch):
    monkeypatch.setattr(registry, "list_entries", lambda pattern: ["bar_net@bars"] * 3)
    stubbed += [PASS, Interrupted("stopped", Path())]
    status, out, err = command("verify", "--all", "--out", "here", "--json")
    assert status == 130 and "--out here --resume" in err
    assert [row["passed"] for row in json.loads(out)] == [True]


def test_a_call_that_cannot_work_is_an_error(recorded):
    for pattern, options in (
        ("nothing*", {}),
        ("bar_net", {"tier": "half"}),
        ("*", {"resume": True}),
    ):
        with pytest.raises(KerazooError):
            list(verify_all(pattern, **options, **QUIET))
