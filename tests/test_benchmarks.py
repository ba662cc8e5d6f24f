"""The benchmark programs: the same work for all, and reports that say what was measured."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import kerazoo
from benchmarks import export_table, finetuning, reproduce, speed
from benchmarks.peers import bare_loop, plain_keras
from benchmarks.peers.job import TrainingJob
from benchmarks.timings import accuracy, throughput
from kerazoo import building, registry
from kerazoo.evidence import reference as evidence
from kerazoo.evidence import verify as verifying
from kerazoo.exporting import formats

ROOT = Path(__file__).parent.parent


def test_speed_md_is_what_the_figures_give(tmp_path, monkeypatch):
    figures = json.loads(speed.FIGURES.read_text())
    monkeypatch.setattr(speed, "REPORT", tmp_path / "SPEED.md")
    monkeypatch.setattr(speed, "HERE", tmp_path)
    speed.write_report(figures)
    assert (tmp_path / "SPEED.md").read_text() == (ROOT / "benchmarks/SPEED.md").read_text()


def test_an_accuracy_that_was_never_reached_is_said():
    never = {"seconds": [1.0, 2.0], "accuracies": [0.5, 0.98]}
    late = {"seconds": [1.0, 2.0, 3.0], "accuracies": [0.5, 0.991, 0.98]}
    assert accuracy.reached(never) is None
    assert accuracy.reached(late) == 2.0
    text = "\n".join(accuracy.lines({"seed 0": {"kerazoo": late, "keras.io": never}}))
    assert "never" in text and "Ratio" not in text


def job(entry, folder, **options) -> TrainingJob:
    arrays = folder / "arrays.npz"
    random = np.random.RandomState(0)
    np.savez(
        arrays,
        x=random.randint(0, 255, (40, 28, 28, 1)).astype("uint8"),
        y=random.randint(0, 10, 40),
    )
    return TrainingJob(
        entry=entry, arrays=str(arrays), epochs=2, batch_size=16, optimizer="adam",
        learning_rate=1e-3, options=options,
    )  # fmt: skip


@pytest.mark.parametrize("peer", [plain_keras, bare_loop])
def test_plain_keras_and_the_bare_loop_run(peer, tmp_path, monkeypatch, capsys):
    path = tmp_path / "job.json"
    path.write_text(json.dumps(dataclasses.asdict(job("mnist_cnn_fast@mnist", tmp_path))))
    monkeypatch.setattr(sys, "argv", ["peer", str(path)])
    peer.main()
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(said["epochs"]) == 2 and said["loss"] > 0 and said["peak_mb"] > 100


@pytest.mark.parametrize("name", throughput.EXAMPLES)
def test_the_pytorch_peers_are_the_same_networks(name, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from benchmarks.peers import pytorch

    entry = registry.get_entry(name)
    model = building.build_for(entry)
    ours = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    options = {**entry.options, "horizon": 1 if "mackey" in name else 24, "vocabulary": 20_000}
    if name.startswith("dcgan"):
        nets = [pytorch.Generator(100), pytorch.discriminator_of()]
        with torch.no_grad():
            drawn = nets[0](torch.zeros(2, 100))
            assert drawn.shape == (2, 1, 28, 28) and nets[1](drawn).shape == (2, 1)
    else:
        window = model.input_shape[1:]
        x = torch.zeros((2, *window))
        nets = [pytorch.MODELS[entry.model](job(name, tmp_path, **options), x)]
        given = x.permute(0, 3, 1, 2) if x.ndim == 4 else x
        assert tuple(nets[0](given).shape) == (2, *model.output_shape[1:])
    # PyTorch's LSTM has two biases where Keras's has one.
    twice = sum(w.numel() for net in nets for key, w in net.named_parameters() if "bias_hh" in key)
    assert sum(w.numel() for net in nets for w in net.parameters()) - twice == ours


def test_the_job_files_hold_what_kerazoo_trains_on(tmp_path):
    path = throughput.write_job(registry.get_entry("stacked_lstm@sine"), 50, tmp_path)
    told = TrainingJob(**json.loads(Path(path).read_text()))
    x, y = told.examples()
    data = kerazoo.load_data("sine")
    np.testing.assert_array_equal(x, data.train.x[:50])
    np.testing.assert_array_equal(y, data.train.y[:50])
    assert told.options["horizon"] == y.shape[1]


EXPORTS = export_table.read_results()


def test_export_md_is_what_the_certificates_give():
    assert export_table.TABLE.read_text(encoding="utf-8") == export_table.table(EXPORTS)


@pytest.mark.parametrize("name", registry.list_entries())
def test_exports_were_certified_with_the_weights_of_today(name):
    weights = evidence.read(registry.get_entry(name)).weights
    for kind in formats.names():
        assert export_table.is_current(EXPORTS, name, kind), f"export_table.py {name}"
        result = EXPORTS[name][kind]
        assert ("refused" in result) == (weights is None)
        if weights is not None:
            assert result["passed"]
            if result["examples"] == result["test_examples"]:
                assert result["before"] == pytest.approx(weights.value, rel=1e-6)


def test_finetuning_md_is_what_the_figures_give(tmp_path, monkeypatch):
    said = finetuning.REPORT.read_text(encoding="utf-8")
    monkeypatch.setattr(finetuning, "REPORT", tmp_path / "FINETUNING.md")
    monkeypatch.setattr(finetuning, "PICTURE", tmp_path / "digits.png")
    figures = json.loads(finetuning.FIGURES.read_text(encoding="utf-8"))
    finetuning.write_report(figures)
    assert finetuning.REPORT.read_text(encoding="utf-8") == said
    assert figures["weights"] == {group: finetuning.start_of(group) for group in finetuning.STARTS}


def test_reproduce_records_what_it_can_and_goes_on_where_it_stopped(
    private_zoo, in_tmp, monkeypatch
):
    written, trained = [], []
    monkeypatch.setattr(reproduce, "write", lambda: written.append(1))
    train = verifying.train

    def stopped(entry, *args, seed, **options):
        if seed == 1 and 1 not in trained:
            trained.append(seed)
            raise KeyboardInterrupt
        trained.append(seed)
        return train(entry, *args, seed=seed, **options)

    monkeypatch.setattr(verifying, "train", stopped)
    work = in_tmp / "work"
    with pytest.raises(KeyboardInterrupt):
        reproduce.record(["bar_net@bars"], ["smoke"], 2, work)
    assert not written and not (private_zoo.parent / "references").exists()
    monkeypatch.setenv("KERAZOO_DATA_DIR", str(in_tmp))
    failed = reproduce.record(["mnist_cnn@fashion_mnist", "bar_net@bars"], ["smoke"], 2, work)
    assert len(failed) == 1 and failed[0].startswith("mnist_cnn@fashion_mnist, smoke: ")
    assert len(written) == 1, "the tables are written as soon as there is something new"
    reference = evidence.read(registry.get_entry("bar_net@bars")).tiers["smoke"]
    assert [run.seed for run in reference.runs] == [0, 1]
    finished = work / "bar_net@bars-smoke"
    before = {p: p.stat().st_mtime_ns for p in finished.rglob("metrics.json")}
    assert len(before) == 2
    assert not reproduce.record(["bar_net@bars"], ["smoke"], 2, work)
    assert {p: p.stat().st_mtime_ns for p in finished.rglob("metrics.json")} == before


@pytest.mark.slow
def test_reproduce_adds_the_seeds_that_lack_with_the_engine_of_the_others(
    private_zoo, in_tmp, monkeypatch
):
    trained, train = [], verifying.train

    def noted(entry, *args, seed, **options):
        trained.append(seed)
        return train(entry, *args, seed=seed, **options)

    monkeypatch.setattr(reproduce, "write", lambda: None)
    monkeypatch.setattr(verifying, "train", noted)
    assert not reproduce.record(["bar_net@bars"], ["smoke"], 2, in_tmp / "work")
    trained.clear()
    assert not reproduce.record(["bar_net@bars"], ["smoke"], 4, in_tmp / "other", missing=True)
    reference = evidence.read(registry.get_entry("bar_net@bars")).tiers["smoke"]
    assert trained == [2, 3] and [run.seed for run in reference.runs] == [0, 1, 2, 3]
    assert not reproduce.record(["bar_net@bars"], ["smoke"], 4, in_tmp / "other", missing=True)
    assert trained == [2, 3]
    verifying.verify("bar_net", tier="smoke", record=True, engine="plain", out=in_tmp / "plain")
    plain = evidence.read(registry.get_entry("bar_net@bars")).tiers["smoke"]
    assert [run.seed for run in plain.runs] == [0] and plain.engine == "plain"
    assert not reproduce.record(["bar_net"], ["smoke"], 2, in_tmp / "joined", missing=True)
    joined = evidence.read(registry.get_entry("bar_net@bars")).tiers["smoke"]
    assert [run.seed for run in joined.runs] == [0, 1] and joined.engine == "plain"
