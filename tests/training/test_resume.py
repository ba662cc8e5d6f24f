"""The same seed gives the same bits, and a training that was stopped anywhere continues to them."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import fingerprint, registry
from kerazoo.errors import Interrupted, KerazooError
from kerazoo.training import checkpoint, engine, loop, machine, run_directory
from kerazoo.training.machine import Machine
from kerazoo.training.train import Job, train_job
from tests.conftest import QUIET, raised
from tests.training.conftest import results

EACH = {**QUIET, "checkpoint_seconds": 0.0}
RARE = {**QUIET, "checkpoint_seconds": 3600.0}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("linear_regression@diabetes", {}),  # momentum, and adapted normalization
        ("bar_net@bars", {}),  # dropout, augmentation, batch normalization, and a schedule
        pytest.param("tiny@digits", {}, marks=pytest.mark.slow),
        pytest.param("vae@digits", {"train_on": "train"}, marks=pytest.mark.slow),
        pytest.param(
            "mnist_cnn_small@digits",
            {"augment_zoom": 0.1, "augment_erase": 0.5},
            marks=pytest.mark.slow,
        ),
        pytest.param("stacked_lstm@sine", {"lookback": 8}, marks=pytest.mark.slow),
    ],
)
@pytest.mark.usefixtures("private_zoo", "tiny_gan", "copies")
def test_same_seed_same_bits_also_after_a_kill_and_ctrl_c(name, settings, in_tmp, monkeypatch):
    """Killed after epoch 1; then Ctrl-C within epoch 3, when no checkpoint is due."""
    settings = {"epochs": 3, "train_examples": 64, **settings}
    options = {"settings": settings, "seed": 1}

    def stop(self, *_, **__):
        if self.epoch == 2:
            raise KeyboardInterrupt

    entry = registry.get_entry(name)
    kerazoo.train(name, out="whole", **options, **EACH)
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(loop.Epochs, "on_train_batch_end", stop)
        kerazoo.train(name, out="whole-1", resume=True, **options, **RARE)
    assert checkpoint.read(in_tmp / "whole-1").epochs == 2
    kerazoo.train(name, out="whole-1", resume=True, **options, **RARE)
    assert results(in_tmp / "whole") == results(in_tmp / "whole-1")
    assert not (in_tmp / "whole-1-1").exists(), "only what was missing is trained again"
    recipe, data = entry.recipe.replace(**settings), kerazoo.load_data(entry.dataset)
    start = [fingerprint.of_weights(Job.of_entry(entry, recipe, data, s).model) for s in (1, 1, 2)]
    assert start[0] == start[1] != start[2]


@pytest.mark.slow
def test_resume_is_exact_on_pytorch():
    """There a Dropout uses PyTorch's global generator, which no variable holds."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    words = [sys.executable, "-m", "pytest", "-n0", "-k", "same_bits and bar_net", __file__]
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    said = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert said.returncode == 0 and "1 passed" in said.stdout, said.stdout


def test_a_kill_after_the_last_epoch_resumes_to_the_trained_model(bar_run, whole):
    shutil.copytree(whole.with_name("run-6"), "ended")
    ended = kerazoo.train("bar_net", out="ended", resume=True, **QUIET)
    assert results(ended.path) == results(bar_run)


@pytest.mark.slow
def test_a_killed_process_resumes_to_identical_weights(private_zoo, in_tmp):
    """A smaller version of benchmarks/resume_kill.py."""
    command = [
        *(sys.executable, "-m", "kerazoo", "--import", str(private_zoo), "train", "bar_net"),
        *("--epochs", "60", "--checkpoint-seconds", "0", "--out", "stopped"),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while checkpoint.read(in_tmp / "stopped") is None:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert checkpoint.read(in_tmp / "stopped").epochs < 60
    straight = kerazoo.train("bar_net", epochs=60, out="straight", **RARE)
    resumed = kerazoo.train("bar_net", epochs=60, out="stopped", resume=True, **RARE)
    assert results(resumed.path) == results(straight.path)


def test_a_finished_run_is_not_trained_again_also_of_an_older_kerazoo(bar_run, monkeypatch):
    monkeypatch.setattr(loop, "fit", None)  # would fail if it were called
    config = json.loads((bar_run / "config.json").read_text())
    del config["recipe"]["head_epochs"], config["environment"]["threads"]
    del config["checksum"]
    (bar_run / "config.json").write_text(json.dumps(config))
    again = kerazoo.train("bar_net", out="run", resume=True, **QUIET)
    assert len(again.history) == 6 and again.metrics["value"] > 0.9


def test_another_machine_is_refused_or_noted(killed_run, monkeypatch, refused):
    started = machine.environment()
    monkeypatch.setattr(machine, "brand", lambda: "an abacus")
    monkeypatch.setattr(engine, "threads", lambda: 77)
    there = machine.environment()
    words = ("train", "bar_net", "--out", "killed", "--resume")
    said = refused(*words)
    assert "environment.machine" in said and "--elsewhere" in said
    said = refused(*words, "--elsewhere", "--set", "batch_size=9")
    assert "batch_size" in said and "--elsewhere" not in said
    done = kerazoo.train("bar_net", out="killed", resume="elsewhere", **QUIET)
    noted = run_directory.read_config(killed_run).environment
    assert noted["machine"] == f"{started['machine']}, then {there['machine']}"
    assert noted["threads"] == f"{started['threads']}, then 77"
    assert done.metrics == run_directory.load(killed_run.with_name("run")).metrics
    kerazoo.train("bar_net", out="killed", resume=True, **QUIET)  # the same machine as the last


def test_another_training_is_not_continued(killed_run):
    for other in ({"seed": 9}, {"engine": "plain"}, {"epochs": 7}, {"tier": "smoke"}):
        raised(other, kerazoo.train, "bar_net", out="killed", resume=True, **other, **QUIET)
    with pytest.raises(KerazooError):
        kerazoo.train("bar_net", out="killed", **QUIET)  # without resume


def test_the_command_named_for_an_unfinished_run_continues_it(
    private_zoo, in_tmp, monkeypatch, command, refused
):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "order_of_data", stop)
    settings = {"epochs": 3, "learning_rate": 2e-3, "clip_norm": 1.5}
    options = {"seed": 3, "tier": "smoke", "engine": "plain", "validate": True}
    with pytest.raises(Interrupted):
        kerazoo.train("bar_net", settings=settings, out="a run", **options, **EACH)
    said = refused("evaluate", "a run")
    words = shlex.split(said[said.index("kerazoo train") :])[1:]
    status, out, said = command(*words)
    assert status == 130 and not out, said  # it began to train, which is stopped again
    assert "--resume" in said
    assert "batch_size" in refused(*words, "--set", "batch_size=9")


def test_two_processes_do_not_train_in_one_directory(private_zoo, in_tmp):
    with run_directory.held(in_tmp / "run"), pytest.raises(KerazooError):
        kerazoo.train("bar_net", out="run", **QUIET)
    with run_directory.held(in_tmp / "run"):
        pass
    assert not (in_tmp / "run").exists(), "nothing is left of a lock"


@pytest.mark.slow
@pytest.mark.usefixtures("copies")
def test_head_epochs_train_the_head_alone_and_resume_exactly(private_zoo, in_tmp):
    """And a layer that the model froze stays frozen."""

    def job():
        entry = registry.get_entry("bar_net")
        recipe = entry.recipe.replace(epochs=4, head_epochs=2, head_learning_rate=0.01)
        data = kerazoo.load_data("bars")
        made = Job.of_entry(entry, recipe, data, 0, head=("classifier",), plots=False)
        made.model.get_layer("dense").trainable = False
        return made

    first, seen = job(), []

    def look(*_):
        seen.append({w.path: np.array(w) for w in first.model.weights})

    def moved(before, after):
        return {path.split("/")[0] for path in before if (before[path] != after[path]).any()}

    look()
    watch = keras.callbacks.LambdaCallback(on_epoch_end=look)
    options = {"show": False, "checkpoint_seconds": 0.0}
    first = dataclasses.replace(first, callbacks=[watch])
    train_job(first, in_tmp / "whole", **options)
    steps = [moved(before, after) for before, after in itertools.pairwise(seen)]
    assert steps == [{"classifier"}] * 2 + [{"classifier", "norm"}] * 2
    assert [layer.name for layer in first.model.layers if not layer.trainable] == ["dense"]
    for stopped in ("whole-1", "whole-2"):  # in the head's epochs, and between
        again = dataclasses.replace(job(), callbacks=[keras.callbacks.LambdaCallback()])
        train_job(again, in_tmp / stopped, resume=True, **options)
        assert results(in_tmp / stopped) == results(in_tmp / "whole")


def test_bits_are_promised_to_an_equal_identity_that_is_known(monkeypatch):
    environment = machine.environment()
    recorded = Machine.of(environment)
    assert not machine.here().why_not(recorded)
    older = {k: v for k, v in environment.items() if k not in ("instruction_sets", "blas")}
    assert machine.here().why_not(Machine.of(older)).endswith("instruction_sets, blas")
    assert "9.9" in machine.here().why_not(Machine.of({**older, "numpy": "9.9"}))
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "another")
    assert "instruction_sets" in machine.here().why_not(recorded)
