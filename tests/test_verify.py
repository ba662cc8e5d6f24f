"""Verify: honest work passes, broken work fails, the arithmetic is what the protocol says."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import kerazoo
from kerazoo import registry
from kerazoo._files import sha256_of_json, write_json
from kerazoo.errors import Interrupted
from kerazoo.evidence import card, caveats
from kerazoo.evidence import record as recording
from kerazoo.evidence import reference as evidence
from kerazoo.evidence import verify as verifying
from kerazoo.evidence.reference import RecordedRun, Reference
from kerazoo.metrics import METRICS
from kerazoo.spec import Data, Recipe, Split
from kerazoo.tasks import classification

ACCURACY = METRICS["accuracy"]


def reference(values, standard_error=0.0) -> Reference:
    runs = tuple(
        RecordedRun(
            seed=i,
            value=v,
            standard_error=standard_error,
            seconds=1.0,
            weights_sha256="",
            fingerprint="",
        )
        for i, v in enumerate(values)
    )
    return Reference(recipe={}, model="", data="", runs=runs, baselines={}, environment={})


def test_bound_is_the_99_percent_prediction_interval():
    """Simulated: of means of k fresh draws, one in a hundred falls below the bound."""
    random = np.random.RandomState(0)
    k, n, below, trials = 2, 5, 0, 8_000
    for _ in range(trials):
        bound = verifying.worst_allowed(reference(random.normal(0.9, 0.01, n)), k, ACCURACY)
        below += random.normal(0.9, 0.01, k).mean() < bound.value
    assert 0.007 < below / trials < 0.013


def test_a_bound_no_better_than_a_naive_model_is_said_to_say_little():
    naive = {"majority_class": 0.4, "linear": 0.5}
    scattered = dataclasses.replace(reference([0.54, 0.80, 0.83]), baselines=naive)
    (note,) = verifying.too_scattered(scattered, 1, ACCURACY)
    assert "3 recorded runs scatter so much" in note and "no better than linear" in note
    close = dataclasses.replace(reference([0.80, 0.81, 0.82]), baselines=naive)
    assert not verifying.too_scattered(close, 1, ACCURACY)


def test_bound_has_a_floor_for_the_noise_of_the_test_split():
    same = reference([0.98] * 5, standard_error=0.01)
    bound = verifying.worst_allowed(same, 1, ACCURACY)
    assert bound.value == pytest.approx(0.98 - stats.norm.ppf(0.99) * 0.01)
    assert "sampling noise" in bound.reason
    assert "interval" in verifying.worst_allowed(reference([0.9, 0.95, 0.99]), 1, ACCURACY).reason
    single = reference([0.98], standard_error=0.01)
    assert single.std is None
    assert verifying.worst_allowed(single, 1, ACCURACY).value == pytest.approx(bound.value)


def test_a_tolerance_takes_the_place_of_the_floor_but_not_of_the_interval():
    same = reference([0.33] * 5, standard_error=0.1)
    bound = verifying.worst_allowed(same, 1, METRICS["r2"], 1e-3)
    assert bound.value == pytest.approx(0.329) and "tolerance of the entry" in bound.reason
    above = verifying.worst_allowed(same, 1, METRICS["mse"], 1e-3)
    assert above.value == pytest.approx(0.331)
    spread = reference([0.2, 0.3, 0.4], standard_error=0.1)
    assert "interval" in verifying.worst_allowed(spread, 1, METRICS["r2"], 1e-3).reason
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(kerazoo.KerazooError, match="tolerance"):
            kerazoo.Entry(dataset="digits", recipe=Recipe(epochs=1), tolerance=wrong)


@pytest.mark.parametrize("metric", ["accuracy", "mse"])
def test_a_verdict_fails_that_beats_no_naive_model_though_the_reference_does(metric):
    """Even where the bound would let it pass."""
    measure = METRICS[metric]
    better = 1 if measure.higher_is_better else -1
    told = dataclasses.replace(
        reference([0.599, 0.6, 0.601] if better > 0 else [0.399, 0.4, 0.401], standard_error=0.1),
        baselines={"linear": 0.5, "repeat_last": 0.5 - 0.2 * better},
    )

    def report(value, told=told):
        return verifying.Report(
            entry="e@d",
            tier="full",
            metric=metric,
            runs=(verifying.FreshRun(7, value, None, Path()),),
            reference=told,
            bound=verifying.worst_allowed(told, 1, measure),
            problems=(),
            notes=(),
        )

    loses, beats = report(0.5), report(0.5 + 0.01 * better)
    assert measure.is_better(0.5, loses.bound.value)
    assert not loses.passed and "must beat linear" in loses.table
    assert loses.as_json()["to_beat"] == {"name": "linear", "value": 0.5}
    assert beats.passed
    scattered = dataclasses.replace(told, runs=reference([0.4, 0.6, 0.5 + 0.3 * better]).runs)
    assert measure.is_better(scattered.mean, 0.5)
    assert report(0.5, scattered).passed, "one run in many of an honest model's lies there"
    beaten = dataclasses.replace(told, baselines={"linear": 0.6 + 0.2 * better})
    assert report(0.5, beaten).passed, "the reference does not beat it either"
    assert report(0.5, beaten).to_beat is None


def test_where_less_is_better_the_bound_lies_above():
    mse = METRICS["mse"]
    spread = reference([0.020, 0.022, 0.024])
    above, below = (verifying.worst_allowed(spread, 1, m) for m in (mse, ACCURACY))
    assert above.value - 0.022 == pytest.approx(0.022 - below.value) and above.value > 0.022
    report = verifying.Report(
        entry="e@d",
        tier="full",
        metric="mse",
        runs=(verifying.FreshRun(7, above.value * 1.01, None, Path()),),
        reference=spread,
        bound=above,
        problems=(),
        notes=(),
    )
    assert not report.passed
    good = dataclasses.replace(report, runs=(verifying.FreshRun(7, 0.001, None, Path()),))
    assert good.passed and "must be at most" in good.table
    diverged = dataclasses.replace(report, runs=(verifying.FreshRun(7, math.nan, None, Path()),))
    assert not diverged.passed and "diverged" in diverged.table


def test_metrics_show_their_unit_and_know_the_better():
    accuracy, mse = METRICS["accuracy"], METRICS["mse"]
    assert accuracy.with_spread(0.99451, 0.0004, 5) == "99.45 ± 0.04 % (n = 5)"
    assert mse.with_spread(0.02621, 0.0001, 5) == "0.0262 ± 0.0001 (n = 5)"
    assert accuracy.is_better(0.9, 0.8) and mse.is_better(0.8, 0.9)
    assert not accuracy.is_better(math.nan, 0.1) and not mse.is_better(math.nan, 0.1)


@pytest.mark.slow
def test_private_model_goes_through_build_train_evaluate_and_verify(private_zoo, in_tmp, capsys):
    """A user's module, nothing in kerazoo's own folders: the README's promise."""
    assert kerazoo.build("bar_net").output_shape == (None, 3)
    with pytest.raises(kerazoo.KerazooError, match="Record one"):
        kerazoo.verify("bar_net")
    recorded = kerazoo.verify("bar_net", seeds=3, record=True, progress=False)
    assert (private_zoo.parent / "references" / "bar_net@bars.json").exists()
    assert recorded.reference.n == 3 and recorded.passed
    assert not any("repeated seeds" in note for note in recorded.notes), "these were the first"
    assert set(recorded.reference.baselines) == {"majority_class", "linear"}
    fresh = kerazoo.verify("bar_net", progress=False)
    assert fresh.passed and fresh.runs[0].seed == 3 and "PASS" in fresh.table
    assert [p.name for p in fresh.pictures] == [
        "confusion_matrix.png",
        "learning_curves.png",
        "worst_mistakes.png",
    ]
    again = kerazoo.verify("bar_net", seeds=2, first_seed=0, progress=False)
    assert "2 of 2 repeated seeds gave exactly the recorded value" in again.notes
    assert kerazoo.evaluate("bar_net").same
    trained = kerazoo.build("bar_net", weights="bars")
    data = kerazoo.load_data("bars")
    assert (trained.predict(data.test.x, verbose=0).argmax(1) == data.test.y).mean() > 0.9


def test_command_says_fail_with_status_1(recorded, command):
    status, out, _ = command("verify", "bar_net", "--set", "learning_rate=1e-9", "--json")
    told = json.loads(out)
    assert status == 1 and told["passed"] is False and told["mean"] < told["bound"]
    assert "learning_rate=1e-09" in told["notes"][0]
    status, out, _ = command("verify", "bar_net")
    assert status == 0 and out.rstrip().endswith("PASS")


def test_shuffled_labels_fail(recorded, monkeypatch):
    honest = Data.training_split

    def shuffled(data, recipe):
        split = honest(data, recipe)
        return Split(split.x, np.random.RandomState(0).permutation(split.y))

    monkeypatch.setattr(Data, "training_split", shuffled)
    report = kerazoo.verify("bar_net", progress=False)
    assert not report.passed and not report.problems and report.mean < report.bound.value
    assert "FAIL" in report.table


EMBEDDED = [
    name
    for name in registry.list_entries()
    if registry.get_dataset(registry.get_entry(name).dataset).offline
    and not registry.get_entry(name).unmeasured
]
# A hundred times the learning rate breaks most; what it does not break gets something else. (A
# network with batch normalisation learns at any rate that is not far too small.)
BROKEN = {
    "resnet_block@digits": {"learning_rate": 4e-6},
    "dcgan@digits": {"epochs": 1},
}


# Two by default: what tells good from bad is the same for all of a task.
QUICK = ("mlp@digits", "linear_regression@diabetes")


@pytest.mark.parametrize(
    "entry", [e if e in QUICK else pytest.param(e, marks=pytest.mark.slow) for e in EMBEDDED]
)
def test_embedded_entry_with_broken_settings_fails(entry, in_tmp):
    recipe = registry.get_entry(entry).recipe_for("smoke")
    broken = BROKEN.get(entry, {"learning_rate": 100 * recipe.learning_rate})
    report = kerazoo.verify(entry, tier="smoke", settings=broken, progress=False)
    assert not report.passed and not report.problems, report.table


@pytest.mark.slow
@pytest.mark.parametrize("entry", registry.list_entries("linear_regression"))
def test_crippled_linear_regression_fails(entry, in_tmp):
    """With a rate 400 times smaller it is far from least squares, yet within the test's noise."""
    recipe = registry.get_entry(entry).recipe
    broken = {"learning_rate": recipe.learning_rate / 400}
    report = kerazoo.verify(entry, settings=broken, progress=False)
    assert not report.passed, report.table


@pytest.mark.slow
def test_zoo_entry_passes_its_smoke_tier(in_tmp):
    report = kerazoo.verify("mnist_cnn_deep@digits", tier="smoke", progress=False)
    assert report.passed, report.table


def test_diverged_run_fails(recorded, monkeypatch, capsys):
    monkeypatch.setattr(verifying, "train", _diverges)
    report = kerazoo.verify("bar_net", progress=False)
    assert not report.passed and math.isnan(report.mean)
    assert report.as_json()["mean"] is None


def _diverges(*_, **__):
    raise verifying.Diverged("the loss became nan")


def test_changed_recipe_makes_the_evidence_stale(recorded, monkeypatch):
    changed = dataclasses.replace(recorded, recipe=recorded.recipe.replace(batch_size=16))
    _reregister(monkeypatch, entries={"bars": changed})
    report = kerazoo.verify("bar_net", progress=False)
    assert not report.passed
    assert "batch_size was 32, is 16" in report.problems[0]


def test_changed_architecture_makes_the_evidence_stale(recorded, monkeypatch):
    import keras

    honest = registry.get_model("bar_net").factory

    def wider(**options):
        model = honest(**options)
        x = keras.layers.Dense(16, activation="relu", name="extra")(model.get_layer("dense").output)
        return keras.Model(model.input, model.get_layer("classifier")(x))

    _reregister(monkeypatch, factory=wider)
    report = kerazoo.verify("bar_net", progress=False)
    assert not report.passed and "structure" in report.problems[0]


def _reregister(monkeypatch, **changes):
    model = dataclasses.replace(registry.get_model("bar_net"), **changes)
    monkeypatch.setitem(registry._models, "bar_net", model)


def test_stale_reasons_name_each_difference_and_forgive_a_new_default():
    recipe = Recipe(epochs=3)
    before = dataclasses.asdict(recipe)
    told = dataclasses.replace(reference([1.0]), recipe=before, model="m", data="d")
    assert evidence.stale_reasons(told, recipe, "m", "d", "") == []
    assert len(evidence.stale_reasons(told, recipe.replace(epochs=4), "n", "e", "j")) == 4
    older = {k: v for k, v in before.items() if k != "momentum"}  # recorded before it existed
    told = dataclasses.replace(told, recipe=older)
    assert evidence.stale_reasons(told, recipe, "m", "d", "") == []
    sgd = recipe.replace(optimizer="sgd", momentum=0.9)
    assert any("momentum" in r for r in evidence.stale_reasons(told, sgd, "m", "d", ""))


def test_another_judge_makes_the_evidence_of_a_generator_stale(monkeypatch):
    entry = registry.get_entry("dcgan@digits")
    told = evidence.read(entry).tiers["full"]
    judge = evidence.judge_sha256(entry)
    assert (
        told.judge_sha256
        == judge
        == evidence.read(registry.get_entry("mnist_cnn@digits")).weights.sha256
    )
    reasons = evidence.stale_reasons(told, entry.recipe, told.model, told.data, judge)
    assert not reasons
    monkeypatch.setattr(evidence, "judge_sha256", lambda *_: "0" * 64)
    problems, _ = verifying._staleness(entry, entry.recipe, told, None)
    assert any("judge" in problem for problem in problems)


def test_a_reference_from_before_the_judge_was_recorded_stays_readable(recorded):
    path = evidence.reference_path(recorded)
    content = json.loads(path.read_text())
    del content["checksum"]
    for tier in content["tiers"].values():
        del tier["judge_sha256"]
    write_json(path, {**content, "checksum": sha256_of_json(content)})
    assert evidence.read(recorded).tiers["full"].judge_sha256 == ""


@pytest.mark.slow
def test_recording_adds_seeds_and_drops_what_is_stale(recorded, monkeypatch):
    kerazoo.verify("bar_net", seeds=1, first_seed=7, record=True, progress=False)
    now = evidence.read(recorded)
    assert [r.seed for r in now.tiers["full"].runs] == [0, 1, 2, 7]
    assert now.weights.seed == 0, "adding a seed leaves the weights alone"
    changed = dataclasses.replace(recorded, recipe=recorded.recipe.replace(batch_size=16))
    _reregister(monkeypatch, entries={"bars": changed})
    kerazoo.verify("bar_net", seeds=2, record=True, progress=False)
    assert [r.seed for r in evidence.read(recorded).tiers["full"].runs] == [0, 1]


@pytest.mark.slow
def test_runs_of_another_machine_are_joined_and_say_so(recorded):
    before = evidence.read(recorded)
    old = before.tiers["full"]
    there = {**old.environment, "machine": "a slide rule"}
    tiers = {"full": dataclasses.replace(old, environment=there)}
    evidence.write(recorded, dataclasses.replace(before, tiers=tiers))
    kerazoo.verify("bar_net", first_seed=7, record=True, progress=False)
    now = evidence.read(recorded).tiers["full"]
    here = now.environment["machine"]
    assert [r.environment.get("machine") for r in now.runs] == ["a slide rule"] * 3 + [None]
    assert now.machines == ["a slide rule", here] and here != "a slide rule"
    assert f"a slide rule and {here}" in card.measured_with(now)
    assert any(
        "4 seeds on 2 machines" in line
        for line in caveats.caveats(recorded, evidence.read(recorded))
    )
    kerazoo.verify("bar_net", first_seed=8, record=True, progress=False)
    again = evidence.read(recorded).tiers["full"]
    assert again.machines == now.machines and again.n == 5
    carried = {**again.environment, "machine": f"{here}{evidence.THEN}a slide rule"}
    assert dataclasses.replace(again, environment=carried).machines == ["a slide rule", here]
    changed = dataclasses.replace(recorded, recipe=recorded.recipe.replace(batch_size=16))
    assert recording.missing_seeds(recorded, "full", 10) == [3, 4, 5, 6, 9]
    assert recording.missing_seeds(changed, "full", 2) == [0, 1]
    later = {**again.environment, "keras": "2.0.0"}
    tiers = {"full": dataclasses.replace(again, environment=later)}
    evidence.write(recorded, dataclasses.replace(evidence.read(recorded), tiers=tiers))
    assert recording.missing_seeds(recorded, "full", 3) == [], "nothing is to be joined"
    with pytest.raises(kerazoo.KerazooError, match=r"cannot be joined: keras was '2.0.0'"):
        recording.missing_seeds(recorded, "full", 4)


@pytest.mark.parametrize("how", ["environment", "engine"])
def test_runs_of_another_environment_or_engine_are_not_mixed_in(recorded, capsys, how):
    before = evidence.read(recorded)
    old = before.tiers["full"]
    other = {"environment": {**old.environment, "keras": "3.0.0"}, "engine": "plain"}
    assert old.engine == "auto"
    elsewhere = dataclasses.replace(old, **{how: other[how]})
    evidence.write(recorded, dataclasses.replace(before, tiers={"full": elsewhere}))
    kerazoo.verify("bar_net", first_seed=7, record=True, progress=False)
    assert [r.seed for r in evidence.read(recorded).tiers["full"].runs] == [7]
    assert "3 recorded runs are dropped" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (verifying, "train"),
        pytest.param(classification, "baselines", marks=pytest.mark.slow),
        pytest.param(recording, "_compact_weights", marks=pytest.mark.slow),
    ],
    ids=["train", "baselines", "weights"],
)
def test_recording_one_tier_keeps_what_another_process_recorded(
    recorded, monkeypatch, module, function
):
    """The other process writes while this one trains, or does what takes minutes after it."""
    honest = getattr(module, function)

    def meanwhile(*args, **options):
        done = honest(*args, **options)
        told = evidence.read(recorded)
        other = dataclasses.replace(told, tiers={**told.tiers, "smoke": told.tiers["full"]})
        evidence.write(recorded, other)
        return done

    monkeypatch.setattr(module, function, meanwhile)
    kerazoo.verify("bar_net", record=True, progress=False)
    assert set(evidence.read(recorded).tiers) == {"full", "smoke"}


def test_runs_that_measured_something_else_are_not_recorded(recorded, monkeypatch, capsys):
    """An entry's metric follows from its dataset; a run from before it changed says another."""
    before = evidence.reference_path(recorded).read_bytes()
    other = dataclasses.replace(registry.get_dataset("bars"), metric="r2")
    monkeypatch.setitem(registry._datasets, "bars", other)
    with pytest.raises(kerazoo.KerazooError, match=r"measured 'accuracy', but .* hold 'r2'"):
        kerazoo.verify("bar_net", record=True, progress=False)
    assert evidence.reference_path(recorded).read_bytes() == before


def test_runs_of_another_judge_are_not_recorded(recorded, monkeypatch):
    monkeypatch.setattr(evidence, "judge_sha256", lambda *_: "0" * 64)
    with pytest.raises(kerazoo.KerazooError, match="judged by other weights"):
        kerazoo.verify("bar_net", record=True, progress=False)


def test_float16_keeps_what_it_cannot_hold():
    import io

    import h5py

    with h5py.File(io.BytesIO(), "w") as old, h5py.File(io.BytesIO(), "w") as new:
        old["group/small"] = np.float32([1.0, 2.0])
        old["group/large"] = np.float32([70_000.0])
        recording._copy_as_float16(old, new)
        assert new["group/small"].dtype == np.float16
        assert new["group/large"].dtype == np.float32 and new["group/large"][0] == 70_000


def test_interrupted_verification_resumes(recorded, in_tmp, monkeypatch):
    train, trained = verifying.train, []

    def counts(*asked, seed, **options):
        trained.append(seed)
        if trained == [3, 4]:
            raise Interrupted("stopped; go on with --out runs-here/seed-4 --resume")
        return train(*asked, seed=seed, **options)

    monkeypatch.setattr(verifying, "train", counts)
    with pytest.raises(Interrupted, match=r"seed 4.*--out runs-here --resume"):
        kerazoo.verify("bar_net", seeds=2, out="runs-here", progress=False)
    before = json.loads(Path("runs-here/seed-3/metrics.json").read_text())["value"]
    both = kerazoo.verify("bar_net", seeds=2, out="runs-here", resume=True, progress=False)
    assert both.runs[0].value == before and len(both.runs) == 2
    with pytest.raises(kerazoo.KerazooError, match="not empty"):
        kerazoo.verify("bar_net", seeds=2, out="runs-here", progress=False)


@pytest.mark.parametrize("damage", ["alter", "truncate", "empty", "older"])
def test_damaged_reference_file_says_what_to_do(recorded, damage, command):
    path = evidence.reference_path(recorded)
    text = path.read_text()
    damaged = {
        "alter": text.replace('"majority_class": 0.', '"majority_class": 0.0', 1),
        "truncate": text[: len(text) // 2],
        "empty": "",
        "older": text.replace('"format": 1', '"format": 0'),
    }[damage]
    assert damaged != text
    path.write_text(damaged)
    status, out, err = command("verify", "bar_net")
    assert status == 2 and not out and "--record" in err and "Traceback" not in err


@pytest.mark.parametrize("damage", ["alter", "truncate", "remove"])
def test_damaged_weights_say_what_to_do(recorded, damage, command):
    path = evidence.weights_path(recorded)
    content = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    else:
        content[-20] ^= 1
        path.write_bytes(content if damage == "alter" else content[: len(content) // 2])
    for arguments in (["evaluate", "bar_net"], ["predict", "bar_net", "x.png"]):
        status, out, err = command(*arguments)
        assert status == 2 and not out and "Reinstall" in err


def test_bundled_weights_are_float16_and_load_in_plain_keras(recorded):
    import h5py

    path = evidence.weights_path(recorded)
    with h5py.File(path) as file:
        kinds = set()
        file.visititems(lambda _, o: kinds.add(str(getattr(o, "dtype", ""))))
    assert "float16" in kinds and "float32" not in kinds
    model = registry.get_model("bar_net").factory()
    model.load_weights(path)
