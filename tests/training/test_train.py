"""Training: what it reads and leaves in the run directory, what is reported, and how it fails."""

from __future__ import annotations

import dataclasses
import json
import re

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.errors import DamagedFile, Diverged, KerazooError
from kerazoo.spec import Split
from kerazoo.training import checkpoint, loop, progress, run_directory
from kerazoo.training import train as training
from kerazoo.training.batches import Batches, class_weights
from kerazoo.training.run_directory import load_run
from tests.conftest import QUIET, raised
from tests.training.conftest import results

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
    assert accuracy == done.metrics["value"] > 0.9 and kerazoo.evaluate(bar_run).same
    assert len(done.history) == 6 and "val_accuracy" in done.history[0]
    timing = json.loads((bar_run / "timing.json").read_text())
    assert len(timing["epochs"]) == 6 and min(timing["epochs"]) > 0
    assert sum(timing["epochs"]) == pytest.approx(timing["seconds"], abs=0.01)
    assert timing["peak_memory"] == kerazoo.load_run(bar_run).peak_memory > 1e8
    assert run_directory.read_config(bar_run).environment["keras"] == keras.__version__
    kerazoo.build("bar_net").save(bar_run / "model.keras")
    with pytest.raises(KerazooError):  # an altered model is noticed
        kerazoo.evaluate(bar_run)


@pytest.mark.parametrize(
    "name", ["config.json", "history.csv", "metrics.json", "timing.json", "model.keras"]
)
def test_a_damaged_file_of_a_run_is_named(bar_run, name):
    whole = (bar_run / name).read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"[1]"):
        (bar_run / name).write_bytes(content)
        with pytest.raises(DamagedFile) as error:
            run_directory.load(bar_run)
        assert error.value.path.name == name


def test_a_finished_run_is_trained_on_as_a_new_run(whole, private_zoo, in_tmp, monkeypatch):
    before, starts = kerazoo.load_run(whole), []
    fit = loop.fit

    def fits(job, *arguments, **options):
        starts.append(job.model.get_weights())
        return fit(job, *arguments, **options)

    monkeypatch.setattr(loop, "fit", fits)
    more = kerazoo.train("bar_net", weights=before, epochs=1, learning_rate=1e-5, **QUIET)
    np.testing.assert_equal(starts[0], before.model.get_weights())
    config = run_directory.read_config(more.path)
    assert config.start == before.as_start() and config.recipe.learning_rate == 1e-5
    assert more.path != before.path and len(more.history) == 1
    for wrong in (True, in_tmp / "nowhere"):
        with pytest.raises(KerazooError):
            kerazoo.train("bar_net", weights=wrong, **QUIET)
    with pytest.raises(KerazooError):
        kerazoo.train("mlp@digits", weights=before, **QUIET)


def test_a_loop_of_ones_own_trains_to_the_same_bits(whole, private_zoo):
    """In the order of ``train``, behind the recipe's augmentation, with its schedule."""
    recipe, data, done = kerazoo.recipe_of("bar_net"), kerazoo.load_data("bars"), whole
    keras.utils.set_random_seed(0)
    model = kerazoo.build("bar_net")
    batches = Batches(data.training_split(recipe), recipe.batch_size)
    net = kerazoo.compile_model(model, recipe, batches.steps)
    for epoch in range(recipe.epochs):
        checkpoint.set_random_state(net, 0, epoch)
        batches.in_order(checkpoint.order_of_data(batches.examples, 0, epoch))
        net.fit(batches.dataset(), shuffle=False, verbose=0)
    np.testing.assert_equal(model.get_weights(), load_run(done).model.get_weights())


class Rates(keras.callbacks.Callback):
    """Halves the learning rate from the fourth epoch on, and notes each."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.01 if epoch < 3 else 0.005
        self.seen.append(epoch)


def test_callbacks_are_called_and_a_resumed_run_stays_exact(private_zoo, in_tmp, copies):
    options = {"settings": {"schedule": "constant"}, "checkpoint_seconds": 0.0, **QUIET}
    whole, rest = Rates(), Rates()
    kerazoo.train("bar_net", out="run", callbacks=[whole], **options)
    kerazoo.train("bar_net", out="run-2", resume=True, callbacks=[rest], **options)
    assert (whole.seen, rest.seen) == ([0, 1, 2, 3, 4, 5], [2, 3, 4, 5])
    assert results(in_tmp / "run") == results(in_tmp / "run-2")
    with pytest.raises(KerazooError):  # it was not trained without
        kerazoo.train("bar_net", out="run-3", resume=True, **options)
    with pytest.raises(KerazooError):
        kerazoo.train("bar_net", callbacks=["early"], **options)


def test_a_callback_that_stops_the_training_is_an_error(private_zoo, in_tmp):
    stop = keras.callbacks.EarlyStopping("loss", min_delta=100.0, patience=1)
    with pytest.raises(KerazooError):
        kerazoo.train("bar_net", out="run", callbacks=[stop], **QUIET)
    assert checkpoint.read(in_tmp / "run").epochs == 2


def test_the_test_split_does_not_influence_the_training(in_tmp, monkeypatch):
    """With a layer that is adapted to the data."""
    load_for, random = training.load_for, np.random.RandomState(0)

    def with_noise(*asked):
        data = load_for(*asked)
        x = random.uniform(0, 255, data.test.x.shape).astype("float32")
        return dataclasses.replace(data, test=Split(x, random.permutation(data.test.y)))

    honest = kerazoo.train("linear_regression@diabetes", out="honest", **FEW)
    monkeypatch.setattr(training, "load_for", with_noise)
    other = kerazoo.train("linear_regression@diabetes", out="other", **FEW)
    assert other.history == honest.history
    assert other.metrics["weights_sha256"] == honest.metrics["weights_sha256"]
    assert other.metrics["value"] != honest.metrics["value"], "it is evaluated on it"


def test_validate_leaves_the_test_split_unread(bars_run, private_zoo):
    done, data = run_directory.load(bars_run), kerazoo.load_data("bars")
    assert done.metrics["split"] == "validation" and not done.plots and not [*bars_run.glob(".*")]
    assert done.metrics["examples"] == data.validation.examples != data.test.examples
    assert done.metrics["value"] == pytest.approx(done.history[-1]["val_accuracy"])
    seen = kerazoo.evaluate(bars_run)
    assert seen.same and seen.split == "validation" == seen.as_json()["split"]
    joined = {"train_on": "train+validation"}
    raised(["train_on=train"], kerazoo.train, "stacked_lstm@sine", settings=joined, validate=True)
    series = kerazoo.load_data("sine")
    starts = series.on_validation().series.starts["test"]
    windows = series.series.starts["validation"]
    assert np.array_equal(starts, windows), "plots show windows that were evaluated"


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


def test_weights_that_break_stop_the_training_and_the_last_good_ones_are_kept(
    private_zoo, in_tmp, monkeypatch
):
    """At the end of an epoch: the loss of a step is computed before its update."""
    end = loop.Epochs.on_epoch_end

    def poisons(self, epoch, logs=None):
        if epoch == 2:
            bias = self.model.trainable_variables[-1]
            bias.assign(bias * float("nan"))
        end(self, epoch, logs)

    monkeypatch.setattr(loop.Epochs, "on_epoch_end", poisons)
    with pytest.raises(Diverged):
        kerazoo.train("bar_net", out="run", **QUIET)
    kept = checkpoint.read(in_tmp / "run")
    assert kept.epochs == 2 and kept.is_finite
    last_good = keras.saving.load_model(in_tmp / "run" / "last_good_model.keras")
    assert all(np.isfinite(w).all() for w in last_good.get_weights())
    assert not (in_tmp / "run" / "metrics.json").exists()


def test_a_constant_column_is_centered_and_one_that_varies_little_is_scaled():
    x = np.stack([np.full(5_000, 0.1), np.zeros(5_000), 1.7e9 + np.arange(5_000) / 5], axis=1)
    layer = keras.layers.Normalization()
    model = keras.Sequential([keras.Input((3,)), layer])
    loop._adapt(model, Split(x.astype("float32"), np.zeros(5_000)))
    variance = np.array(layer.adapt_variance)
    assert variance[:2].tolist() == [1, 1] and variance[2] > 10_000
    assert abs(np.array(model(np.float32([[0.1, 1, 1.7e9]])))).max() < 3


def test_a_limit_of_keras_on_every_training_is_refused(private_zoo, in_tmp, monkeypatch):
    monkeypatch.setattr(keras.config, "max_epochs", lambda: 1, raising=False)
    with pytest.raises(KerazooError):
        kerazoo.train("bar_net", out="run", **QUIET)


@pytest.mark.parametrize("wrong", [{"settings": {"head_epochs": 1}}, {"engine": "fast"}])
def test_a_call_that_cannot_work_leaves_no_directory(private_zoo, in_tmp, wrong):
    with pytest.raises(KerazooError):
        kerazoo.train("bar_net", **{"out": "run", **QUIET, **wrong})
    assert not (in_tmp / "run").exists()


def test_classes_weigh_the_same_with_balance():
    counts = np.array([10, 30, 60])
    weights = class_weights(np.repeat([0, 1, 2], counts))
    assert [weights[c] for c in range(3)] * counts == pytest.approx(100 / 3)


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
    epochs = re.findall(r"(?m)^epoch (\d)/3 .*val", said.err)
    assert not said.out and epochs == ["1", "2", "3"]
