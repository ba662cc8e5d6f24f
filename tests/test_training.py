"""Training: the same seed gives the same bits, a stopped run goes on exactly, nothing is lost."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo
from kerazoo import registry
from kerazoo.errors import Diverged, Interrupted, KerazooError
from kerazoo.spec import Recipe, Split
from kerazoo.tasks import _judges as judging
from kerazoo.tasks import classification
from kerazoo.training import checkpoint, engine, loop
from kerazoo.training import run_directory as run
from kerazoo.training import train as trainer
from kerazoo.training.augmentation import with_augmentation
from kerazoo.training.batches import Batches
from kerazoo.training.train import Job

OPTIONS = {"progress": False, "checkpoint_seconds": 0.0}


def outcome(folder) -> dict[str, str]:
    """What must not differ by a bit: history, and metrics with the fingerprint of the weights."""
    return {name: (folder / name).read_text() for name in ("history.csv", "metrics.json")}


def test_same_seed_gives_identical_weights_and_another_does_not(private_zoo, in_tmp):
    one = kerazoo.train("bar_net", seed=3, out="one", **OPTIONS)
    two = kerazoo.train("bar_net", seed=3, out="two", **OPTIONS)
    other = kerazoo.train("bar_net", seed=4, out="other", **OPTIONS)
    for a, b in zip(one.model.get_weights(), two.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert outcome(one.path) == outcome(two.path)
    assert one.metrics["weights_sha256"] != other.metrics["weights_sha256"]


@pytest.mark.slow
def test_same_seed_on_digits_gives_identical_weights(in_tmp):
    few = {"settings": {"epochs": 2, "train_examples": 300}, **OPTIONS}
    runs = [kerazoo.train("mnist_cnn@digits", out=n, **few) for n in ("a", "b")]
    assert outcome(runs[0].path) == outcome(runs[1].path)


def test_run_folder_holds_all_and_opens_in_plain_keras(private_zoo, in_tmp):
    done = kerazoo.train("bar_net", out="run", **OPTIONS)
    names = {p.name for p in done.path.iterdir()}
    assert names == {
        *("config.json", "history.csv", "labels.json", "metrics.json", "model.keras"),
        *("timing.json", "confusion_matrix.png", "learning_curves.png", "worst_mistakes.png"),
    }
    data = kerazoo.load_data("bars")
    plain = keras.saving.load_model(done.path / "model.keras", safe_mode=True)
    accuracy = (plain.predict(data.test.x, verbose=0).argmax(1) == data.test.y).mean()
    assert accuracy == done.metrics["value"] > 0.9
    assert len(done.history) == 6 and "val_accuracy" in done.history[0]
    config = json.loads((done.path / "config.json").read_text())
    assert config["environment"]["keras"] == keras.__version__
    assert kerazoo.evaluate(done.path).same


@pytest.mark.slow
def test_saved_model_opens_without_kerazoo(private_zoo, in_tmp):
    done = kerazoo.train("bar_net", epochs=1, out="run", **OPTIONS)
    code = (
        "import sys; sys.modules['kerazoo'] = None; import keras; "
        f"print(keras.saving.load_model({str(done.path / 'model.keras')!r}).output_shape)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "(None, 3)"


class Killed(Exception):
    """Stands for a process that ends in the middle of an epoch."""


@pytest.mark.slow
def test_a_run_that_ends_anywhere_resumes_to_identical_weights(private_zoo, in_tmp, monkeypatch):
    """One run, killed in its first epoch, in its second, in its fifth."""
    straight = kerazoo.train("bar_net", out="straight", **OPTIONS)
    order, seen = checkpoint.order_of_data, []

    def dies(at):
        def asked(n, seed, epoch):
            if epoch == at:
                raise Killed
            seen.append(epoch)
            return order(n, seed, epoch)

        monkeypatch.setattr(checkpoint, "order_of_data", asked)

    for at in (0, 1, 4):
        dies(at)
        with pytest.raises(Killed):
            kerazoo.train("bar_net", out="stopped", resume=at > 0, **OPTIONS)
    dies(None)
    resumed = kerazoo.train("bar_net", out="stopped", resume=True, **OPTIONS)
    assert seen == list(range(6)), "only what was missing is trained again"
    assert outcome(resumed.path) == outcome(straight.path)


@pytest.mark.parametrize(
    "name",
    [
        # Two networks, and what Adam knows of both.
        pytest.param("dcgan@digits", marks=pytest.mark.slow),
        pytest.param("stacked_lstm@sine", marks=pytest.mark.slow),
        "linear_regression@diabetes",  # momentum, and a normalisation adapted to the data
        pytest.param("mlp@digits", marks=pytest.mark.slow),
        pytest.param("resnet_block@digits", marks=pytest.mark.slow),
    ],
)
def test_every_kind_of_model_resumes_to_identical_weights(name, in_tmp, monkeypatch):
    monkeypatch.setattr(judging, "SAMPLES", 500)  # enough to see a difference
    options = {"settings": {"epochs": 3, "train_examples": 96}, "seed": 1, **OPTIONS}
    straight = kerazoo.train(name, out="straight", **options)
    order = checkpoint.order_of_data

    def dies(n, seed, at):
        if at == 2:
            raise Killed
        return order(n, seed, at)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "order_of_data", dies)
        with pytest.raises(Killed):
            kerazoo.train(name, out="stopped", **options)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "order_of_data", only(2))
        resumed = kerazoo.train(name, out="stopped", resume=True, **options)
    assert outcome(resumed.path) == outcome(straight.path)
    assert kerazoo.evaluate("stopped").same, "the saved model is loaded as it was"


def only(*wanted: int):
    """In the place of ``order_of_data``: no other epochs may be trained."""
    order = checkpoint.order_of_data

    def asked(n, seed, epoch):
        assert epoch in wanted, f"epoch {epoch} is trained again"
        return order(n, seed, epoch)

    return asked


TORCH = """
import kerazoo
from kerazoo.training import checkpoint
options = {"settings": {"epochs": 3, "train_examples": 96}, "progress": False}
options |= {"seed": 1, "checkpoint_seconds": 0.0}
straight = kerazoo.train("mlp@digits", out="straight", **options)
order = checkpoint.order_of_data
def dies(n, seed, at):
    if at == 2:
        raise ZeroDivisionError
    return order(n, seed, at)
checkpoint.order_of_data = dies
try:
    kerazoo.train("mlp@digits", out="stopped", **options)
except ZeroDivisionError:
    checkpoint.order_of_data = order
resumed = kerazoo.train("mlp@digits", out="stopped", resume=True, **options)
assert resumed.history == straight.history
assert resumed.metrics == straight.metrics
print("same")
"""


@pytest.mark.slow
def test_dropout_resumes_to_identical_weights_on_pytorch(in_tmp):
    """There a Dropout draws from PyTorch's own generator, which no variable holds."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    said = subprocess.run(
        [sys.executable, "-c", TORCH],
        capture_output=True, text=True, check=False, env={**os.environ, "KERAS_BACKEND": "torch"},
    )  # fmt: skip
    assert said.stdout.strip().endswith("same"), said.stderr


def test_a_limit_of_keras_on_every_training_is_refused(private_zoo, in_tmp):
    if not hasattr(keras.config, "set_max_epochs"):
        pytest.skip("this Keras has no such limit")
    keras.config.set_max_epochs(1)
    try:
        with pytest.raises(KerazooError, match=r"KERAS_MAX_EPOCHS .1. ends every training early"):
            kerazoo.train("bar_net", out="run", **OPTIONS)
    finally:
        keras.config.set_max_epochs(None)
    assert len(kerazoo.train("bar_net", out="run", resume=True, **OPTIONS).history) == 6


def test_two_processes_do_not_train_in_one_folder(private_zoo, in_tmp):
    hold = "import pathlib, time; from kerazoo.training import run_directory as run\n"
    hold += "with run.held(pathlib.Path('run')): print('held', flush=True); time.sleep(600)"
    other = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline().strip() == "held"
        with pytest.raises(KerazooError, match="another process is training in run"):
            kerazoo.train("bar_net", epochs=1, out="run", **OPTIONS)
    finally:
        other.kill()
        other.communicate()
    done = kerazoo.train("bar_net", epochs=1, out="run", **OPTIONS)  # a killed one holds nothing
    assert not [p.name for p in done.path.iterdir() if p.name.startswith(".")]


def test_validate_leaves_the_test_split_unread(private_zoo, in_tmp, command):
    data = kerazoo.load_data("bars")
    done = kerazoo.train("bar_net", validate=True, out="run", **OPTIONS)
    assert done.metrics["split"] == "validation"
    assert done.metrics["examples"] == len(data.validation) != len(data.test)
    said = done.model.predict(data.validation.x, verbose=0).argmax(1)
    assert (
        done.metrics["value"]
        == (said == data.validation.y).mean()
        == done.history[-1]["val_accuracy"]
    )
    assert not done.plots
    seen = kerazoo.evaluate("run")
    assert seen.same and seen.split == "validation" == seen.as_json()["split"]
    _, out, _ = command("evaluate", "run/")
    assert "validation examples of bars" in out
    with pytest.raises(KerazooError, match="add --set train_on=train"):
        kerazoo.train("stacked_lstm@sine", settings={"train_on": "train+validation"}, validate=True)
    asked = ("train", "linear_regression@diabetes", "--epochs", "1", "--validate")
    status, out, _ = command(*asked, "--set", "train_on=train")
    assert status == 0 and "88 validation examples" in out


def test_validated_windows_are_those_of_the_validation_split(in_tmp):
    data = kerazoo.load_data("sine")
    asked = data.on_validation()
    assert asked.test is data.validation
    assert asked.series.starts["test"] is data.series.starts["validation"]


def test_the_number_of_threads_is_the_one_that_the_backend_takes(monkeypatch):
    if keras.config.backend() != "tensorflow":
        pytest.skip("TensorFlow's own variable")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    assert engine.threads() == 3
    for unset in ("0", "many"):
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", unset)
        assert engine.threads() == len(os.sched_getaffinity(0))


def test_a_run_on_another_number_of_threads_is_not_continued(private_zoo, in_tmp, monkeypatch):
    """Sums of another order round otherwise, so it would not end with the same bits."""
    kerazoo.train("bar_net", epochs=1, out="run", **OPTIONS)
    again = {"epochs": 1, "out": "run", "resume": True, **OPTIONS}
    kerazoo.train("bar_net", **again)
    monkeypatch.setattr(engine, "threads", lambda: 77)
    with pytest.raises(KerazooError, match=r"environment\.threads"):
        kerazoo.train("bar_net", **again)
    kerazoo.train("bar_net", **{**again, "resume": "elsewhere"})
    path = in_tmp / "run" / "config.json"
    config = json.loads(path.read_text())
    assert config["environment"]["threads"] != "77", "it had ended before it came here"
    del config["environment"]["threads"]  # of a run from before it was noted
    path.write_text(json.dumps(config))
    kerazoo.train("bar_net", **again)


def test_what_never_varies_is_centred_and_what_varies_little_is_scaled():
    x = np.stack([np.full(5_000, 0.1), np.zeros(5_000), 1.7e9 + np.arange(5_000) / 5], axis=1)
    layer = keras.layers.Normalization()
    model = keras.Sequential([keras.Input((3,)), layer])
    loop._adapt(model, Split(x.astype("float32"), np.zeros(5_000)))
    variance = np.array(layer.adapt_variance)
    assert variance[:2].tolist() == [1, 1] and variance[2] > 10_000
    assert abs(np.array(model(np.float32([[0.1, 1, 1.7e9]])))).max() < 3


def test_a_training_goes_on_on_another_machine_if_asked_and_notes_it(
    private_zoo, in_tmp, monkeypatch, command
):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "order_of_data", interrupted_at(1))
        with pytest.raises(Interrupted):
            kerazoo.train("bar_net", epochs=2, out="run", **OPTIONS)
    began = run.environment()["machine"]
    monkeypatch.setattr(run, "processor", lambda: "an abacus")
    there = run.environment()["machine"]
    words = ("train", "bar_net", "--epochs", "2", "--out", "run", "--checkpoint-seconds", "0")
    status, _, said = command(*words, "--resume")
    assert status == 2 and "environment.machine" in said and "--elsewhere" in said
    status, _, said = command(*words, "--elsewhere", "--resume", "--set", "batch_size=9")
    assert status == 2 and "batch_size" in said and "--elsewhere" not in said
    status, _, said = command(*words, "--elsewhere", "--resume")
    assert status == 0, said
    noted = run.read_config(in_tmp / "run")["environment"]
    assert noted["machine"] == f"{began}, then {there}"
    assert len(run.load(in_tmp / "run").history) == 2
    assert command(*words, "--resume")[0] == 0, "here it is the same machine"


def test_a_picture_of_an_epoch_is_there_before_the_epoch_counts(private_zoo, in_tmp, monkeypatch):
    seen = []
    monkeypatch.setattr(
        classification,
        "at_epoch",
        lambda folder, model, epoch, last: seen.append((epoch, epochs_kept(folder))),
    )
    kerazoo.train("bar_net", out="run", **OPTIONS)
    assert seen == [(1, -1), *((epoch, epoch - 1) for epoch in range(2, 7))]


@pytest.fixture
def heeds_ctrl_c():
    """A job in the background of a script ignores Ctrl-C, and its children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("heeds_ctrl_c")
def test_killed_process_resumes_to_identical_weights(private_zoo, in_tmp):
    """A smaller version of benchmarks/resume_kill.py: SIGKILL, then Ctrl-C, while it trains."""

    command = [
        *(sys.executable, "-m", "kerazoo", "--import", str(private_zoo), "train", "bar_net"),
        *("--epochs", "60", "--checkpoint-seconds", "0", "--out", "stopped"),
    ]
    rare = {"epochs": 60, "progress": False, "checkpoint_seconds": 3600.0}
    straight = kerazoo.train("bar_net", out="straight", **rare)
    moments, last = random.Random(0), -1
    for how, status in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        command = [*command, "--resume"]
        deadline = time.monotonic() + 120
        while epochs_kept(in_tmp / "stopped") <= last and time.monotonic() < deadline:
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.2))
        os.kill(process.pid, how)
        said = process.communicate()[1].decode()
        assert process.returncode == status, said
        assert how is signal.SIGKILL or ("--resume" in said and "Traceback" not in said)
        last = epochs_kept(in_tmp / "stopped")
    resumed = kerazoo.train("bar_net", out="stopped", resume=True, **rare)
    assert outcome(resumed.path) == outcome(straight.path)


def epochs_kept(run) -> int:
    """Of the run's checkpoint; -1 if there is none."""
    kept = checkpoint.read(run)
    return kept.epochs if kept else -1


def interrupted_at(at: int):
    """In the place of ``order_of_data``: Ctrl-C where an epoch begins."""
    order = checkpoint.order_of_data

    def interrupts(n, seed, epoch):
        if epoch == at:
            raise KeyboardInterrupt
        return order(n, seed, epoch)

    return interrupts


def test_ctrl_c_keeps_the_last_epoch_and_resumes_exactly(private_zoo, in_tmp, monkeypatch):
    straight = kerazoo.train("bar_net", out="straight", **OPTIONS)
    # No checkpoint is due for an hour: the interrupt itself has to write one.
    rare = {"progress": False, "checkpoint_seconds": 3600.0}
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "order_of_data", interrupted_at(3))
        with pytest.raises(Interrupted, match=r"3 of 6 .*--resume"):
            kerazoo.train("bar_net", out="stopped", **rare)
    assert checkpoint.read(in_tmp / "stopped").epochs == 3
    resumed = kerazoo.train("bar_net", out="stopped", resume=True, **rare)
    assert outcome(resumed.path) == outcome(straight.path)


@pytest.mark.parametrize("validate", [True, False])
def test_the_command_that_is_said_of_an_unfinished_run_goes_on_with_it(
    private_zoo, in_tmp, monkeypatch, command, validate
):
    asked = {"seed": 3, "tier": "smoke", "engine": "plain", "validate": validate}
    changed = {"epochs": 3, "learning_rate": 2e-3, "clip_norm": 1.5}
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "order_of_data", interrupted_at(1))
        with pytest.raises(Interrupted):
            kerazoo.train("bar_net", settings=changed, out="a run", **asked, **OPTIONS)
    status, _, said = command("evaluate", "a run")
    assert status == 2 and "is not finished" in said
    words = shlex.split(said[said.index("kerazoo train") :])[1:]
    status, _, said = command(*words)
    assert status == 0, said
    assert len(run.load(in_tmp / "a run").history) == 3
    config = run.read_config(in_tmp / "a run")
    registry._models.pop("bar_net")  # as if its module were not imported
    assert run._command_of(config).endswith(" …"), "what its recipe changed is not known"


def test_ctrl_c_on_the_command_line_is_130(command, monkeypatch):
    def interrupts(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "order_of_data", interrupts)
    status, out, err = command("train", "mnist_cnn@digits", "--out", "run")
    assert status == 130 and not out and "--resume" in err


def test_loss_turning_nan_stops_and_keeps_the_last_good_state(private_zoo, in_tmp, monkeypatch):
    def poisons(self, epoch, logs=None, begin=loop.Epochs.on_epoch_begin):
        begin(self, epoch)
        if epoch == 2:
            bias = self.model.trainable_variables[-1]
            bias.assign(bias * float("nan"))

    monkeypatch.setattr(loop.Epochs, "on_epoch_begin", poisons)
    with pytest.raises(Diverged, match="nan in epoch 3"):
        kerazoo.train("bar_net", out="run", progress=False)
    kept = checkpoint.read(in_tmp / "run")
    assert kept.epochs == 2 and kept.is_finite
    last_good = keras.saving.load_model(in_tmp / "run" / "last_good_model.keras")
    assert all(np.isfinite(w).all() for w in last_good.get_weights())


def test_weights_that_break_in_the_last_step_do_not_count_as_good(private_zoo, in_tmp, monkeypatch):
    """The loss of a step is measured before its update, so it does not show the damage."""

    def poisons(self, epoch, logs, end=loop.Epochs.on_epoch_end):
        if epoch == 5:
            bias = self.model.trainable_variables[-1]
            bias.assign(bias * float("nan"))
        end(self, epoch, logs)

    monkeypatch.setattr(loop.Epochs, "on_epoch_end", poisons)
    with pytest.raises(Diverged, match="after epoch 5 is kept"):
        kerazoo.train("bar_net", out="run", progress=False)
    assert not (in_tmp / "run" / "metrics.json").exists()


def test_a_dataset_without_pictures_trains_to_the_end(private_registry, in_tmp):
    def points():
        """Two clouds: float32 ``(n, 5)``, labels int64 ``(n,)``."""
        y = np.arange(90) % 2
        x = np.random.RandomState(0).normal(size=(90, 5)).astype("float32") + 3 * y[:, None]
        return dict.fromkeys(("train", "validation", "test"), (x, y))

    def perceptron(input_shape=(5,), classes=2):
        """One layer."""
        inputs = keras.Input(input_shape, name="in")
        x = keras.layers.Dense(classes, activation="softmax", name="out")(inputs)
        return keras.Model(inputs, x)

    about = {"license": "none", "source": "here", "offline": True}
    kerazoo.register_dataset(input_shape=[5], labels=["a", "b"], **about)(points)
    entry = kerazoo.Entry(
        dataset="points", recipe=Recipe(epochs=20, batch_size=8, learning_rate=0.05)
    )
    kerazoo.register_model(entries=[entry], citation="")(perceptron)
    done = kerazoo.train("perceptron", out="run", progress=False)
    assert done.metrics["value"] > 0.9
    assert [p.name for p in done.plots] == ["confusion_matrix.png", "learning_curves.png"]
    with pytest.raises(kerazoo.KerazooError, match="shape"):
        kerazoo.predict("run", ["x.png"])


def test_altered_model_of_a_run_is_noticed(private_zoo, in_tmp):
    done = kerazoo.train("bar_net", epochs=1, out="run", progress=False)
    kerazoo.build("bar_net").save(done.path / "model.keras")
    with pytest.raises(kerazoo.KerazooError, match="was altered"):
        kerazoo.evaluate("run")


def test_finished_run_is_not_trained_again(private_zoo, in_tmp, monkeypatch):
    kerazoo.train("bar_net", out="run", **OPTIONS)
    monkeypatch.setattr(loop, "fit", None)  # would fail if it were called
    assert kerazoo.train("bar_net", out="run", resume=True, **OPTIONS).metrics["value"] > 0.9


def test_altered_checkpoint_is_noticed(private_zoo, in_tmp, monkeypatch):
    monkeypatch.setattr(checkpoint, "order_of_data", lambda *_: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        kerazoo.train("bar_net", out="run", **OPTIONS)
    model = kerazoo.build("bar_net")
    model.compile("adam")
    checkpoint.write(in_tmp / "run", checkpoint.take(model, 1, [1.0], [{"loss": 1.0}]))
    path = in_tmp / "run" / checkpoint.FILE_NAME
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(kerazoo.KerazooError, match="altered or truncated"):
        kerazoo.train("bar_net", out="run", resume=True, **OPTIONS)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(kerazoo.KerazooError, match="altered or truncated"):
        kerazoo.train("bar_net", out="run", resume=True, **OPTIONS)


def test_random_state_depends_on_seed_epoch_and_generator(private_zoo):
    net = with_augmentation(kerazoo.build("bar_net"), Recipe(epochs=1, augment_rotate=5.0))

    def states(seed, epoch):
        checkpoint.set_random_state(net, seed, epoch)
        return [
            tuple(np.asarray(v).tolist()) for v in net.variables if v.name == "seed_generator_state"
        ]

    first = states(0, 0)
    assert len(first) == 2 and first[0] != first[1], "dropout and rotation draw apart"
    assert first == states(0, 0) != states(0, 1) != states(1, 0)


def test_order_of_data_is_a_permutation_frozen_for_ever():
    order = checkpoint.order_of_data(10, seed=0, epoch=0)
    assert sorted(order) == list(range(10))
    assert order.tolist() == FROZEN_ORDER
    assert order.tolist() != checkpoint.order_of_data(10, seed=0, epoch=1).tolist()


FROZEN_ORDER = [8, 2, 4, 3, 6, 0, 9, 1, 5, 7]  # recorded references rely on it


def test_loss_follows_the_last_activation(private_zoo):
    def loss_for(model):
        return classification.Classification().compile_arguments(model)["loss"]

    assert loss_for(kerazoo.build("bar_net")).from_logits is False
    assert loss_for(kerazoo.build("bar_net", classifier_activation=None)).from_logits is True
    model = kerazoo.build("bar_net")
    flat = keras.layers.Reshape((3,), name="last")(model.output)
    with pytest.raises(kerazoo.KerazooError, match="Reshape"):
        loss_for(keras.Model(model.input, flat))
    with pytest.raises(kerazoo.KerazooError, match="relu"):
        loss_for(kerazoo.build("bar_net", classifier_activation="relu"))


def test_augmentation_is_not_part_of_the_saved_model(private_zoo, in_tmp):
    done = kerazoo.train("bar_net", epochs=1, out="run", **OPTIONS)
    assert not any("Random" in type(layer).__name__ for layer in done.model.layers)


def test_augmentation_moves_pictures_in_training_only():
    model = kerazoo.build("mnist_cnn_small")
    net = with_augmentation(model, Recipe(epochs=1, augment_shift=0.1, augment_rotate=10.0))
    x = kerazoo.load_data("digits").train.x[:8].astype("float32")
    plain = model(x, training=False)
    np.testing.assert_array_equal(net(x, training=False), plain)
    assert np.abs(np.asarray(net(x, training=True)) - np.asarray(plain)).max() > 1e-4
    same = with_augmentation(model, Recipe(epochs=1))
    assert same is not model and same.trainable_variables[0] is model.trainable_variables[0]


def test_tensorboard_events_are_written(private_zoo, in_tmp):
    pytest.importorskip("tensorboard")
    done = kerazoo.train("bar_net", epochs=2, out="run", tensorboard=True, **OPTIONS)
    assert list((done.path / "tensorboard").rglob("events.out.tfevents.*"))


def test_progress_says_epoch_loss_and_time_left(private_zoo, in_tmp, capsys, monkeypatch):
    monkeypatch.setattr("kerazoo.training.progress.LINE_SECONDS", 0.0)
    monkeypatch.setattr(loop, "LOOK_SECONDS", 0.0)
    kerazoo.train("bar_net", out="run")
    said = capsys.readouterr()
    assert not said.out
    assert "epoch 2/6 · loss" in said.err and "100%" in said.err and " left" in said.err


@pytest.mark.slow
def test_killed_after_the_last_epoch_resumes_to_the_trained_model(private_zoo, in_tmp, monkeypatch):
    whole = kerazoo.train("bar_net", out="whole", **OPTIONS)
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "_finish", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            kerazoo.train("bar_net", out="run", **OPTIONS)
    monkeypatch.setattr(checkpoint, "order_of_data", only())
    resumed = kerazoo.train("bar_net", out="run", resume=True, **OPTIONS)
    assert resumed.metrics == whole.metrics


@pytest.mark.slow
def test_head_epochs_train_the_head_alone_and_resume_exactly(private_zoo, in_tmp, monkeypatch):
    def job():
        entry = registry.get_entry("bar_net")
        recipe = entry.recipe.replace(head_epochs=2, head_learning_rate=0.01)
        keras.utils.set_random_seed(0)
        model = kerazoo.build("bar_net")
        data = kerazoo.load_data("bars")
        return Job(entry=entry, recipe=recipe, data=data, model=model, seed=0, head=("classifier",))

    seen = []

    weights = {}

    def begins(self, net, epoch, begin=loop.Epochs.begin):
        begin(self, net, epoch)
        weights.update({w.path: np.array(w) for w in self.job.model.weights})

    def ends(self, net, epoch, logs, end=loop.Epochs.end):
        end(self, epoch, logs)
        moved = {w.path.split("/")[0] for w in self.job.model.weights
                 if (np.array(w) != weights[w.path]).any()}  # fmt: skip
        seen.append((epoch, moved))

    first = job()
    with monkeypatch.context() as patch:
        patch.setattr(loop.Epochs, "begin", begins)
        patch.setattr(loop.Epochs, "end", ends)
        whole = trainer.train_job(first, in_tmp / "whole", show=False)
    assert [moved for _, moved in seen[:2]] == [{"classifier"}] * 2
    assert all("classifier" in moved and len(moved) > 2 for _, moved in seen[2:])
    assert all(layer.trainable for layer in first.model.layers)
    for stop in (1, 2, 3):  # among the head's epochs, between, and after them

        def killed(self, net, epoch, begin=loop.Epochs.begin, stop=stop):
            if epoch == stop:
                raise Killed
            begin(self, net, epoch)

        with monkeypatch.context() as patch:
            patch.setattr(loop.Epochs, "begin", killed)
            with pytest.raises(Killed):
                trainer.train_job(
                    job(), in_tmp / "run", resume=stop > 1, show=False, checkpoint_seconds=0
                )
    resumed = trainer.train_job(job(), in_tmp / "run", resume=True, show=False)
    assert resumed.metrics == whole.metrics


def test_a_layer_that_a_model_froze_stays_frozen(private_zoo, in_tmp):
    model = kerazoo.build("bar_net")
    layer = next(layer for layer in model.layers if layer.trainable_weights)
    layer.trainable = False
    before = [np.array(w) for w in layer.weights]
    entry = registry.get_entry("bar_net")
    job = Job(entry=entry, recipe=entry.recipe, data=kerazoo.load_data("bars"), model=model, seed=0)
    trainer.train_job(job, in_tmp / "run", show=False)
    for old, new in zip(before, layer.weights, strict=True):
        assert (old == np.array(new)).all()
    assert not layer.trainable
    assert next(layer for layer in reversed(model.layers) if layer.weights).trainable


def test_a_run_of_an_older_kerazoo_that_notes_less_resumes(private_zoo, in_tmp):
    done = kerazoo.train("bar_net", epochs=1, out="run", progress=False)
    config = json.loads((done.path / "config.json").read_text())
    del config["recipe"]["head_epochs"]
    del config["data"]["fewest_words"]
    del config["environment"]["threads"]
    (done.path / "config.json").write_text(json.dumps(config))
    again = kerazoo.train("bar_net", epochs=1, out="run", resume=True, progress=False)
    assert again.metrics == done.metrics


def test_each_epoch_visits_every_example_once_in_its_own_order():
    n, size = 45, 8
    batches = Batches([np.arange(n), np.arange(n, dtype="float64") / 7], size)
    data = batches.dataset()
    for epoch in range(3):
        order = checkpoint.order_of_data(n, seed=1, epoch=epoch)
        batches.in_order(order)
        seen = list(data.as_numpy_iterator())
        assert [len(x) for x, _ in seen] == [8, 8, 8, 8, 8, 5]
        assert (np.concatenate([x for x, _ in seen]) == order).all()
        assert seen[0][1].dtype == np.float32  # Keras would cast it in arrays, not in a dataset


def test_fit_gets_the_order_of_its_epoch():
    """A dataset prefetches; were it a step ahead, an epoch would see the order of the last one."""
    seen = []

    class Peeks(keras.layers.Layer):
        def call(self, x):
            tf.py_function(lambda v: seen.append(v.numpy()[:, 0].astype(int)), [x], [])
            return x

    x = np.arange(40.0, dtype="float32")[:, None]
    batches = Batches([x, x], 8)
    net = keras.Sequential([keras.Input((1,)), Peeks(), keras.layers.Dense(1)])
    net.compile("sgd", "mse", jit_compile=False, steps_per_execution=3)
    orders = [np.random.RandomState(epoch).permutation(40) for epoch in range(4)]
    begins = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: batches.in_order(orders[epoch])
    )
    seen.clear()
    net.fit(batches.dataset(), epochs=4, shuffle=False, verbose=0, callbacks=[begins])
    assert (np.concatenate(seen) == np.concatenate(orders)).all()


@pytest.mark.parametrize(
    "name", ["bar_net", pytest.param("stacked_lstm@sine", marks=pytest.mark.slow)]
)
def test_the_engine_changes_nothing_beyond_rounding(private_zoo, in_tmp, name):
    done = {
        engine: kerazoo.train(name, epochs=2, out=engine, engine=engine, progress=False)
        for engine in ("auto", "plain")
    }
    assert done["auto"].metrics["value"] == pytest.approx(done["plain"].metrics["value"], rel=1e-4)
    for row, plain in zip(done["auto"].history, done["plain"].history, strict=True):
        assert row == pytest.approx(plain, rel=1e-4)
    assert done["auto"].model.get_config() == done["plain"].model.get_config()
    with pytest.raises(KerazooError, match="engine was 'auto', is 'plain'"):
        kerazoo.train(name, epochs=2, out="auto", engine="plain", resume=True, progress=False)
    with pytest.raises(KerazooError, match="engine is 'fast'"):
        kerazoo.train(name, engine="fast")


@pytest.mark.slow
def test_fused_normalisation_changes_nothing_beyond_rounding(in_tmp):
    """A whole network, few steps: what is rounded otherwise grows from step to step.

    By plain gradient descent: Adam makes a whole step of the sign of a gradient that is nearly 0.
    """
    if keras.config.backend() != "tensorflow":
        pytest.skip("the operation is TensorFlow's")
    name = "resnet_block@digits"
    few = {"train_examples": 160, "optimizer": "sgd", "learning_rate": 0.01}
    way = engine.way_to_train(kerazoo.build("resnet_block"), 32, "auto")
    assert len(way.fuse) > 1, "else nothing is tested"
    auto, plain = (
        kerazoo.train(name, epochs=1, settings=few, out=e, engine=e, progress=False)
        for e in ("auto", "plain")
    )
    assert auto.history[0]["loss"] == pytest.approx(plain.history[0]["loss"], rel=1e-4)
    for ours, theirs in zip(auto.model.get_weights(), plain.model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def test_timing_has_every_epoch(private_zoo, in_tmp):
    done = kerazoo.train("bar_net", epochs=3, out="run", progress=False)
    timing = json.loads((done.path / "timing.json").read_text())
    assert len(timing["epochs"]) == 3 and all(seconds > 0 for seconds in timing["epochs"])
    assert sum(timing["epochs"]) == pytest.approx(timing["seconds"], abs=0.01)


def test_head_epochs_without_a_head_are_refused(private_zoo, in_tmp):
    with pytest.raises(KerazooError, match="head_epochs"):
        kerazoo.train("bar_net", settings={"head_epochs": 1}, out="run", progress=False)
    assert not (in_tmp / "run").exists()


def test_progress_never_passes_the_end(private_zoo, in_tmp, capsys, monkeypatch):
    """Also where one execution of several steps is longer than an epoch."""
    monkeypatch.setattr("kerazoo.training.progress.LINE_SECONDS", 0.0)
    monkeypatch.setattr(loop, "LOOK_SECONDS", 0.0)
    kerazoo.train("bar_net", out="run", epochs=3, progress=True)
    lines = [line for line in capsys.readouterr().err.splitlines() if "%" in line]
    percents = [int(re.search(r"(\d+)%", line)[1]) for line in lines]
    assert len(percents) >= 3 and percents == sorted(percents) and percents[-1] == 100
    assert not any("-" in line for line in lines) and "left" not in lines[-1]
