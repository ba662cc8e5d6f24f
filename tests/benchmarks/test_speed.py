"""The speed comparison: every worker trains the same network on the same examples."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import kerazoo
from benchmarks import speed
from benchmarks._tools import read_json
from benchmarks.peers import bare_loop, job, kerazoo_train, plain_keras
from benchmarks.peers.job import TrainingJob
from kerazoo import building, registry


def test_speed_md_is_the_report_of_the_recorded_results(tmp_path):
    results = read_json(speed.RESULTS)
    assert speed.REPORT.read_text(encoding="utf-8") == speed.report(results)
    speed.plot_throughput(results["throughput"]["rows"], tmp_path / "speed.png")


def test_an_accuracy_that_was_never_reached_is_no_success():
    never = {"seconds": [1.0, 2.0], "accuracies": [0.5, 0.98]}
    late = {"seconds": [1.0, 2.0, 3.0], "accuracies": [0.5, 0.991, 0.98]}
    assert [speed.seconds_to_accuracy(run) for run in (never, late)] == [np.inf, 2.0]


@pytest.mark.parametrize(
    "worker",
    [plain_keras, *(pytest.param(w, marks=pytest.mark.slow) for w in (bare_loop, kerazoo_train))],
)
def test_workers_train_the_job(worker, monkeypatch, capsys):
    with speed.job_file("mlp@digits", 64, 2) as path:
        monkeypatch.setattr(sys, "argv", ["worker", path])
        job.main(worker.train)
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(report["epochs"]) == 2 and report["examples"] == 64
    assert 0 < report["loss"] < 10 and report["peak_mb"] > 100


def test_the_job_holds_the_examples_of_the_entry():
    with speed.job_file("stacked_lstm@sine", 50, 1) as path:
        read = TrainingJob(**json.loads(Path(path).read_text()))
        x, y = read.examples()
    train = kerazoo.load_data("sine").train
    np.testing.assert_array_equal(x, train.x[:50])
    np.testing.assert_array_equal(y, train.y[:50])
    assert read.options["horizon"] == y.shape[1]


@pytest.mark.parametrize("name", speed.THROUGHPUT)
def test_pytorch_has_the_same_networks(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from benchmarks.peers import pytorch

    entry = registry.get_entry(name)
    model = building.build_for(entry)
    if entry.model == "dcgan":
        networks = [pytorch.generator(), pytorch.discriminator()]
        images = networks[0](torch.zeros(2, pytorch.LATENT))
        assert images.shape == (2, 1, 28, 28) and networks[1](images).shape == (2, 1)
    else:
        horizon = 1 if entry.dataset == "mackey_glass" else 24
        options = {**entry.options, "horizon": horizon, "vocabulary": 20_000}
        settings = TrainingJob(
            entry=name, arrays="", epochs=1, batch_size=1, optimizer="", learning_rate=0,
            options=options,
        )  # fmt: skip
        x = torch.zeros((2, *model.input_shape[1:]))
        networks = [pytorch.MODELS[entry.model](settings, x)]
        outputs = networks[0](x.permute(0, 3, 1, 2) if x.ndim == 4 else x)
        assert tuple(outputs.shape) == (2, *model.output_shape[1:])
    named = [pair for network in networks for pair in network.named_parameters()]
    # PyTorch's LSTM has two biases where Keras's has one.
    theirs = sum(w.numel() for key, w in named if "bias_hh" not in key)
    assert theirs == sum(int(np.prod(w.shape)) for w in model.trainable_weights)
