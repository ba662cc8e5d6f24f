"""Training: what it reads and leaves in the run directory, what is reported, and how it fails."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.errors import Diverged, KerazooError
from kerazoo.spec import Split
from kerazoo.training import checkpoint, loop, progress, run_directory
from kerazoo.training import train as training
from kerazoo.training.train import Job, train_job
from tests.training.conftest import QUIET

FEW = {"epochs": 2, **QUIET}


def test_a_run_directory_holds_everything_and_opens_in_plain_keras(bar_run):
    assert {p.name for p in bar_run.iterdir()} == {
        *("config.json", "history.csv", "labels.json", "metrics.json", "model.keras"),
        *("timing.json", "confusion_matrix.png", "learning_curves.png", "worst_errors.png"),
    }
    done, data = run_directory.load(bar_run), kerazoo.load_data("bars")
    assert [p.suffix for p in done.plots] == [".png"] * 3
    plain = keras.saving.load_model(bar_run / "model.keras", safe_mode=True)
    assert not any("Random" in type(layer).__name__ for layer in plain.layers), "augmentation"
    accuracy = (plain.predict(data.test.x, verbose=0).argmax(1) == data.test.y).mean()
    assert accuracy == done.metrics["value"] > 0.9
    assert len(done.history) == 6 and "val_accuracy" in done.history[0]
    timing = json.loads((bar_run / "timing.json").read_text())
    assert len(timing["epochs"]) == 6 and all(seconds > 0 for seconds in timing["epochs"])
    assert sum(timing["epochs"]) == pytest.approx(timing["seconds"], abs=0.01)
    config = json.loads((bar_run / "config.json").read_text())
    assert config["environment"]["keras"] == keras.__version__
    assert kerazoo.evaluate(bar_run).same


@pytest.mark.slow
def test_a_saved_model_opens_without_kerazoo(bar_run):
    code = (
        "import sys; sys.modules['kerazoo'] = None; import keras; "
        f"print(keras.saving.load_model({str(bar_run / 'model.keras')!r}).output_shape)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "(None, 3)"


@pytest.mark.parametrize(
    "name", ["config.json", "history.csv", "metrics.json", "timing.json", "model.keras"]
)
def test_a_damaged_file_of_a_run_is_named(bar_run, name):
    whole = (bar_run / name).read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"[1]"):
        (bar_run / name).write_bytes(content)
        with pytest.raises(KerazooError) as error:
            run_directory.load(bar_run)
            raise KerazooError(name) if name == "history.csv" else AssertionError
        assert name in str(error.value)


def test_an_altered_model_is_noticed(bar_run):
    kerazoo.build("bar_net").save(bar_run / "model.keras")
    with pytest.raises(KerazooError):
        kerazoo.evaluate(bar_run)


def noise(split: Split) -> Split:
    """As many examples of noise, with the targets of others."""
    random = np.random.RandomState(0)
    x = random.uniform(0, 255, split.x.shape).astype(split.x.dtype)
    return Split(x, random.permutation(split.y))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("linear_regression@diabetes", {}),  # with normalization adapted to the data
        pytest.param("bar_net@bars", {"balance": True}, marks=pytest.mark.slow),
    ],
)
def test_the_test_split_does_not_influence_the_training(
    name, settings, private_zoo, in_tmp, monkeypatch
):
    honest = kerazoo.train(name, settings=settings, out="honest", **FEW)
    load_for = training.load_for

    def replaced(*asked):
        data = load_for(*asked)
        return dataclasses.replace(data, test=noise(data.test))

    monkeypatch.setattr(training, "load_for", replaced)
    other = kerazoo.train(name, settings=settings, out="other", **FEW)
    assert other.history == honest.history
    assert other.metrics["weights_sha256"] == honest.metrics["weights_sha256"]
    assert other.metrics["value"] != honest.metrics["value"], "it is evaluated on it"


def test_validate_leaves_the_test_split_unread(bars_run, private_zoo):
    done, data = run_directory.load(bars_run), kerazoo.load_data("bars")
    assert done.metrics["split"] == "validation" and not done.plots and not [*bars_run.glob(".*")]
    assert done.metrics["examples"] == len(data.validation) != len(data.test)
    assert done.metrics["value"] == pytest.approx(done.history[-1]["val_accuracy"])
    seen = kerazoo.evaluate(bars_run)
    assert seen.same and seen.split == "validation" == seen.as_json()["split"]
    with pytest.raises(KerazooError) as error:
        kerazoo.train("stacked_lstm@sine", settings={"train_on": "train+validation"}, validate=True)
    assert "train_on=train" in str(error.value)


def test_validated_windows_are_those_of_the_validation_split():
    data = kerazoo.load_data("sine")
    validated = data.on_validation()
    assert validated.test is data.validation
    assert validated.series.starts["test"] is data.series.starts["validation"]


def test_the_last_epoch_is_reported_also_if_it_is_the_worst(private_zoo, in_tmp, monkeypatch):
    end = loop.Epochs.on_epoch_end

    def spoils(self, epoch, logs):
        if epoch == 1:
            for weight in self.job.model.layers[-1].trainable_variables:
                weight.assign(0 * weight)
        end(self, epoch, logs)

    monkeypatch.setattr(loop.Epochs, "on_epoch_end", spoils)
    done = kerazoo.train("bar_net", out="run", **FEW)
    assert done.history[0]["val_accuracy"] > 0.5
    y = kerazoo.load_data("bars").test.y
    assert done.metrics["value"] == (y == 0).mean(), "all outputs are equal; argmax is the first"
    saved = keras.saving.load_model("run/model.keras")
    assert not any(np.any(w) for w in saved.layers[-1].get_weights())


@pytest.mark.parametrize(
    "method", [pytest.param("on_epoch_begin", marks=pytest.mark.slow), "on_epoch_end"]
)
def test_weights_that_break_stop_the_training_and_the_last_good_ones_are_kept(
    private_zoo, in_tmp, monkeypatch, method
):
    """At the end of an epoch: the loss of a step is computed before its update."""
    honest = getattr(loop.Epochs, method)

    def poisons(self, epoch, logs=None):
        if epoch == 2:
            bias = self.model.trainable_variables[-1]
            bias.assign(bias * float("nan"))
        honest(self, epoch, logs)

    monkeypatch.setattr(loop.Epochs, method, poisons)
    with pytest.raises(Diverged):
        kerazoo.train("bar_net", out="run", **QUIET)
    kept = checkpoint.read(in_tmp / "run")
    assert kept.epochs == 2 and kept.is_finite
    last_good = keras.saving.load_model(in_tmp / "run" / "last_good_model.keras")
    assert all(np.isfinite(w).all() for w in last_good.get_weights())
    assert not (in_tmp / "run" / "metrics.json").exists()


def test_a_limit_of_keras_on_every_training_is_refused(private_zoo, in_tmp):
    if not hasattr(keras.config, "set_max_epochs"):
        pytest.skip("this Keras has no such limit")
    keras.config.set_max_epochs(1)
    try:
        with pytest.raises(KerazooError):
            kerazoo.train("bar_net", out="run", **QUIET)
    finally:
        keras.config.set_max_epochs(None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"settings": {"head_epochs": 1}},
        {"engine": "fast"},
        {"tier": "half"},
        {"seed": -1},
        {"checkpoint_seconds": float("nan")},
        {"resume": True, "out": None},
    ],
)
def test_a_call_that_cannot_work_leaves_no_directory(private_zoo, in_tmp, wrong):
    with pytest.raises(KerazooError):
        kerazoo.train("bar_net", **{"out": "run", **QUIET, **wrong})
    assert not (in_tmp / "run").exists()


@pytest.mark.slow
def test_a_layer_that_a_model_froze_stays_frozen(private_zoo, in_tmp):
    model = kerazoo.build("bar_net")
    layer = next(layer for layer in model.layers if layer.trainable_weights)
    layer.trainable = False
    before = [np.array(w) for w in layer.weights]
    entry = registry.get_entry("bar_net")
    recipe, data = entry.recipe.replace(epochs=1), kerazoo.load_data("bars")
    job = Job(entry=entry, recipe=recipe, data=data, model=model, seed=0, plots=False)
    train_job(job, in_tmp / "run", show=False)
    for old, new in zip(before, layer.weights, strict=True):
        assert (old == np.array(new)).all()
    assert not layer.trainable
    assert next(layer for layer in reversed(model.layers) if layer.weights).trainable


def test_classes_weigh_the_same_with_balance():
    counts = {0: 10, 1: 30, 2: 60}
    weights = loop.class_weights(np.repeat(list(counts), list(counts.values())))
    assert [weights[c] * n for c, n in counts.items()] == pytest.approx([100 / 3] * 3)


def test_a_constant_column_is_centered_and_one_that_varies_little_is_scaled():
    x = np.stack([np.full(5_000, 0.1), np.zeros(5_000), 1.7e9 + np.arange(5_000) / 5], axis=1)
    layer = keras.layers.Normalization()
    model = keras.Sequential([keras.Input((3,)), layer])
    loop._adapt(model, Split(x.astype("float32"), np.zeros(5_000)))
    variance = np.array(layer.adapt_variance)
    assert variance[:2].tolist() == [1, 1] and variance[2] > 10_000
    assert abs(np.array(model(np.float32([[0.1, 1, 1.7e9]])))).max() < 3


def test_progress_events_and_files_of_each_epoch(private_zoo, in_tmp, capsys, monkeypatch):
    """Progress also where one execution of several steps is longer than an epoch."""
    pytest.importorskip("tensorboard")

    def look(directory, model, epoch, epochs):
        found = checkpoint.read(directory)
        seen.append((epoch, found.epochs if found else 0))

    seen, task = [], registry.get_task("classification")
    monkeypatch.setattr(task, "after_epoch", look, raising=False)
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    monkeypatch.setattr(loop, "LOOK_SECONDS", 0.0)
    options = {"tensorboard": True, "plots": False, "checkpoint_seconds": 0.0}
    kerazoo.train("bar_net", out="run", epochs=3, **options)
    assert list((in_tmp / "run" / "tensorboard").rglob("events.out.tfevents.*"))
    assert seen == [(1, 0), (2, 1), (3, 2)], "an epoch on disk is not trained again for its files"
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if "%" in line]
    percents = [int(re.search(r"(\d+)%", line)[1]) for line in lines]
    assert not said.out and "epoch 2/3" in said.err
    assert len(percents) >= 3 and percents == sorted(set(percents)) and percents[-1] == 100
