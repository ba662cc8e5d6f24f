"""The same seed gives the same bits, and a training that was stopped anywhere continues to them."""

from __future__ import annotations

import itertools
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import Entry, fingerprint, registry
from kerazoo.errors import Interrupted, KerazooError
from kerazoo.models.dcgan import dcgan
from kerazoo.spec import Recipe
from kerazoo.tasks import _frechet, _judges
from kerazoo.training import checkpoint, engine, loop, machine, run_directory
from kerazoo.training.machine import Machine
from kerazoo.training.train import Job, train_job
from tests.training.conftest import QUIET, results

EACH = {**QUIET, "checkpoint_seconds": 0.0}


@pytest.fixture
def tiny_gan(private_registry, monkeypatch):
    """A GAN as an entry: two networks, and what Adam knows of both."""

    def tiny(input_shape=(28, 28, 1)):
        """A small DCGAN."""
        return dcgan(input_shape, latent=8, filters=4, depth=2)

    recipe = Recipe(epochs=3, batch_size=32, learning_rate=2e-4, beta_1=0.5, train_examples=64)
    entry = Entry(dataset="digits", task="generation", recipe=recipe)
    kerazoo.register_model(tiny, citation="", entries=[entry])
    monkeypatch.setattr(_judges, "SAMPLES", 200)  # enough to see a difference
    monkeypatch.setattr(_frechet, "RESAMPLES", 2)
    monkeypatch.setattr(_frechet, "PAIRS", 1_000)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("linear_regression@diabetes", {}),  # momentum, and adapted normalization
        ("tiny", {}),
        pytest.param("mnist_cnn_small@digits", {}, marks=pytest.mark.slow),
        pytest.param("stacked_lstm@sine", {"lookback": 8}, marks=pytest.mark.slow),
        pytest.param("dcgan@digits", {}, marks=pytest.mark.slow),
        pytest.param("mlp@digits", {}, marks=pytest.mark.slow),
        pytest.param("resnet_block@digits", {}, marks=pytest.mark.slow),
    ],
)
@pytest.mark.usefixtures("private_zoo", "tiny_gan", "copies")
def test_same_seed_same_bits_also_after_a_kill(name, settings, in_tmp):
    """The same initial weights, and each epoch gives the same bits again from its checkpoint."""
    settings = {"epochs": 3, "train_examples": 64, **settings}
    options = {"settings": settings, "seed": 1, **EACH}
    kerazoo.train(name, out="whole", **options)
    kerazoo.train(name, out="whole-1", resume=True, **options)
    assert results(in_tmp / "whole") == results(in_tmp / "whole-1")
    assert not (in_tmp / "whole-1-1").exists(), "only what was missing is trained again"
    entry = registry.get_entry(name)
    recipe, data = entry.recipe.replace(**settings), kerazoo.load_data(entry.dataset)
    start = [fingerprint.of_weights(Job.of_entry(entry, recipe, data, s).model) for s in (1, 1, 2)]
    assert start[0] == start[1] != start[2]


def test_a_kill_after_the_last_epoch_resumes_to_the_trained_model(bar_run, whole):
    shutil.copytree(whole.with_name("run-6"), "ended")
    ended = kerazoo.train("bar_net", out="ended", resume=True, **QUIET)
    assert results(ended.path) == results(bar_run)


def test_ctrl_c_keeps_the_last_epoch_and_resumes_exactly(bar_run, stops_at):
    # No checkpoint is due for an hour: the interrupt itself has to write one.
    rare = {"checkpoint_seconds": 3600.0, **QUIET}
    stops_at(3, KeyboardInterrupt())
    with pytest.raises(Interrupted):
        kerazoo.train("bar_net", out="a run", **rare)
    assert checkpoint.read(bar_run.with_name("a run")).epochs == 3
    stops_at(-1, KeyboardInterrupt())
    resumed = kerazoo.train("bar_net", out="a run", resume=True, **rare)
    assert results(resumed.path) == results(bar_run)


def test_ctrl_c_on_the_command_line_is_130(command, stops_at):
    stops_at(0, KeyboardInterrupt())
    status, out, err = command("train", "mnist_cnn@digits", "--out", "run")
    assert status == 130 and not out and "--out run --resume" in err


@pytest.fixture
def heeds_ctrl_c():
    """A job in the background of a script ignores Ctrl-C, and its children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("heeds_ctrl_c")
def test_a_killed_process_resumes_to_identical_weights(private_zoo, in_tmp):
    """A smaller version of benchmarks/resume_kill.py: SIGKILL, then Ctrl-C, while it trains."""

    def epochs_kept() -> int:
        kept = checkpoint.read(in_tmp / "stopped")
        return kept.epochs if kept else -1

    command = [
        *(sys.executable, "-m", "kerazoo", "--import", str(private_zoo), "train", "bar_net"),
        *("--epochs", "60", "--checkpoint-seconds", "0", "--out", "stopped"),
    ]
    rare = {"epochs": 60, "checkpoint_seconds": 3600.0, **QUIET}
    straight = kerazoo.train("bar_net", out="straight", **rare)
    moments, last = random.Random(0), -1
    for how, status in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        command = [*command, "--resume"]
        deadline = time.monotonic() + 120
        while epochs_kept() <= last and time.monotonic() < deadline:
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.2))
        os.kill(process.pid, how)
        said = process.communicate()[1].decode()
        assert process.returncode == status, said
        assert how is signal.SIGKILL or ("--resume" in said and "Traceback" not in said)
        last = epochs_kept()
    resumed = kerazoo.train("bar_net", out="stopped", resume=True, **rare)
    assert results(resumed.path) == results(straight.path)


TORCH = """
import shutil
import kerazoo
from kerazoo.training import checkpoint
options = {"settings": {"epochs": 3, "train_examples": 96}, "progress": False, "plots": False}
options |= {"seed": 1, "checkpoint_seconds": 0.0}
write = checkpoint.write
def writes(folder, state):
    write(folder, state)
    if state.epochs == 2 and not folder.with_name("stopped").exists():
        shutil.copytree(folder, "stopped", ignore=shutil.ignore_patterns(".part.lock"))
checkpoint.write = writes
straight = kerazoo.train("mlp@digits", out="straight", **options)
resumed = kerazoo.train("mlp@digits", out="stopped", resume=True, **options)
assert resumed.history == straight.history
assert resumed.metrics == straight.metrics
print("same")
"""


@pytest.mark.slow
def test_dropout_resumes_to_identical_weights_on_pytorch(in_tmp):
    """There a Dropout uses PyTorch's global generator, which no variable holds."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    said = subprocess.run(
        [sys.executable, "-c", TORCH],
        capture_output=True, text=True, check=False, env={**os.environ, "KERAS_BACKEND": "torch"},
    )  # fmt: skip
    assert said.stdout.strip().endswith("same"), said.stderr


def test_a_finished_run_is_not_trained_again_also_of_an_older_kerazoo(bar_run, monkeypatch):
    monkeypatch.setattr(loop, "fit", None)  # would fail if it were called
    config = json.loads((bar_run / "config.json").read_text())
    del config["recipe"]["head_epochs"], config["environment"]["threads"]
    del config["data"]["fewest_words"], config["data"]["task"]
    (bar_run / "config.json").write_text(json.dumps(config))
    again = kerazoo.train("bar_net", out="run", resume=True, **QUIET)
    assert len(again.history) == 6 and again.metrics["value"] > 0.9


def test_another_machine_is_refused_or_noted(killed_run, monkeypatch, command):
    started = machine.environment()
    monkeypatch.setattr(machine, "brand", lambda: "an abacus")
    monkeypatch.setattr(engine, "threads", lambda: 77)
    there = machine.environment()
    words = ("train", "bar_net", "--out", "killed", "--resume")
    status, _, said = command(*words)
    assert status == 2 and "environment.machine" in said and "--elsewhere" in said
    status, _, said = command(*words, "--elsewhere", "--set", "batch_size=9")
    assert status == 2 and "batch_size" in said and "--elsewhere" not in said
    done = kerazoo.train("bar_net", out="killed", resume="elsewhere", **QUIET)
    noted = run_directory.read_config(killed_run)["environment"]
    assert noted["machine"] == f"{started['machine']}, then {there['machine']}"
    assert noted["threads"] == f"{started['threads']}, then 77"
    assert done.metrics == run_directory.load(killed_run.with_name("run")).metrics
    kerazoo.train("bar_net", out="killed", resume=True, **QUIET)  # the same machine as the last


def test_another_training_is_not_continued(killed_run):
    for other in ({"seed": 9}, {"engine": "plain"}, {"epochs": 7}, {"tier": "smoke"}):
        with pytest.raises(KerazooError) as error:
            kerazoo.train("bar_net", out="killed", resume=True, **other, **QUIET)
        assert next(iter(other)) in str(error.value)
    with pytest.raises(KerazooError):
        kerazoo.train("bar_net", out="killed", **QUIET)  # without resume


def test_the_command_named_for_an_unfinished_run_continues_it(
    private_zoo, in_tmp, stops_at, command
):
    settings = {"epochs": 3, "learning_rate": 2e-3, "clip_norm": 1.5}
    options = {"seed": 3, "tier": "smoke", "engine": "plain", "validate": True}
    stops_at(0, KeyboardInterrupt())
    with pytest.raises(Interrupted):
        kerazoo.train("bar_net", settings=settings, out="a run", **options, **EACH)
    status, _, said = command("evaluate", "a run")
    assert status == 2
    words = shlex.split(said[said.index("kerazoo train") :])[1:]
    status, _, said = command(*words)
    assert status == 130, said  # it began to train, which is stopped again
    status, _, said = command(*words, "--set", "batch_size=9")
    assert status == 2 and "batch_size" in said


def test_two_processes_do_not_train_in_one_directory(private_zoo, in_tmp):
    with run_directory.held(in_tmp / "run"), pytest.raises(KerazooError):
        kerazoo.train("bar_net", out="run", **QUIET)
    with run_directory.held(in_tmp / "run"):
        pass
    assert not (in_tmp / "run").exists(), "nothing is left of a lock"


@pytest.mark.slow
@pytest.mark.usefixtures("copies")
def test_head_epochs_train_the_head_alone_and_resume_exactly(private_zoo, in_tmp):
    def job():
        entry = registry.get_entry("bar_net")
        recipe = entry.recipe.replace(head_epochs=2, head_learning_rate=0.01)
        data = kerazoo.load_data("bars")
        return Job.of_entry(entry, recipe, data, 0, head=("classifier",), plots=False)

    first, seen = job(), []

    def look(*_):
        seen.append({w.path: np.array(w) for w in first.model.weights})

    def moved(before, after):
        return {path.split("/")[0] for path in before if (before[path] != after[path]).any()}

    look()
    watch = keras.callbacks.LambdaCallback(on_epoch_end=look)
    options = {"show": False, "checkpoint_seconds": 0.0}
    train_job(first, in_tmp / "whole", callbacks=[watch], **options)
    steps = [moved(before, after) for before, after in itertools.pairwise(seen)]
    assert steps[:2] == [{"classifier"}] * 2
    assert all("classifier" in names and len(names) > 2 for names in steps[2:])
    assert all(layer.trainable for layer in first.model.layers)
    for stopped in ("whole-1", "whole-2", "whole-3"):  # in the head's epochs, between, and after
        train_job(job(), in_tmp / stopped, resume=True, **options)
        assert results(in_tmp / stopped) == results(in_tmp / "whole")


def test_bits_are_promised_to_an_equal_identity_that_is_known(monkeypatch):
    environment = machine.environment()
    recorded = Machine.of(environment)
    assert not machine.here().why_not(recorded)
    older = {k: v for k, v in environment.items() if k not in ("instruction_sets", "blas")}
    assert machine.here().why_not(Machine.of(older)).endswith("instruction_sets, blas")
    assert "9.9" in machine.here().why_not(Machine.of({**older, "numpy": "9.9"}))
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    assert "instruction_sets" in machine.here().why_not(recorded)
