"""Fine-tuning: from a user's data to a model that predicts, with a comparison that is honest."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn import datasets as sklearn_datasets

import kerazoo
from kerazoo import registry
from kerazoo.errors import Diverged, Interrupted, KerazooError
from kerazoo.finetuning import finetune as finetuning
from kerazoo.finetuning import transfer
from kerazoo.finetuning.compare import Compared, verdict
from kerazoo.metrics import metric
from kerazoo.training import checkpoint, loop
from kerazoo.training import train as trainer
from tests.conftest import real_data_missing

FAST = {"epochs": 2, "progress": False}


@pytest.fixture(scope="module")
def digits_folder(tmp_path_factory):
    """Pictures of three digits, 20 each, dark on light and of another size, a folder per class."""
    folder = tmp_path_factory.mktemp("own") / "my digits"
    data = kerazoo.load_data("digits").train
    for label, name in ((0, "zero"), (1, "one"), (7, "seven")):
        (folder / name).mkdir(parents=True)
        for i, x in enumerate(data.x[data.y == label][:20]):
            Image.fromarray(255 - x.squeeze(-1)).resize((40, 52)).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def tuned(digits_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "tuned"
    return kerazoo.finetune(
        "mnist_cnn_small", digits_folder, weights="digits", epochs=5, out=out, progress=False
    )


def test_what_could_not_be_read_is_listed_before_the_training_begins(
    digits_folder, in_tmp, monkeypatch
):
    shutil.copytree(digits_folder, "pictures")
    Path("pictures/one/broken.png").write_bytes(b"no picture")
    listed = []

    def stopped(job, folder, **_):
        listed.append((folder / "left_out.txt").read_text())
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "fit", stopped)
    with pytest.raises(Interrupted):
        kerazoo.finetune("mnist_cnn_small", "pictures", progress=False)
    assert len(listed) == 1 and "broken.png" in listed[0] and listed[0].count("\n") == 1


def test_a_comparison_that_diverges_is_left_out_and_what_was_trained_stands(
    digits_folder, in_tmp, monkeypatch
):
    fit = loop.fit

    def diverges(job, folder, **options):
        if folder.name == "scratch":
            raise Diverged("the training diverged: the loss became nan")
        return fit(job, folder, **options)

    monkeypatch.setattr(loop, "fit", diverges)
    done = kerazoo.finetune("mnist_cnn_small", digits_folder, out="run", **FAST)
    assert [row.name for row in done.comparison] == ["majority class", "linear", "fine-tuned"]
    (note,) = [w for w in done.warnings if "from scratch" in w]
    assert note.endswith("the training diverged: the loss became nan")
    assert note in (done.path / "card.md").read_text()


def test_what_diverged_on_a_table_is_kept_as_a_model_of_raw_rows(in_tmp, monkeypatch):
    import tensorflow as tf

    frame = pd.DataFrame({"x": np.sin(np.arange(60)), "high": np.sin(np.arange(60)) > 0})
    stop = loop.stop_if_not_finite

    def diverges(loss, epoch, step):
        stop(np.nan if epoch else loss, epoch, step)

    monkeypatch.setattr(loop, "stop_if_not_finite", diverges)
    with pytest.raises(Diverged, match="after epoch 1 is kept in"):
        kerazoo.finetune("mlp", frame, target="high", out="run", **FAST)
    kept = keras.saving.load_model("run/last_good_model.keras")
    assert kept({"x": tf.constant([[1.0]])}).shape == (1, 2)


def test_what_a_run_remembers_of_the_wishes_may_be_numbers_of_numpys(in_tmp, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "fit", stopped)
    frame = pd.DataFrame({"x": np.sin(np.arange(90)), "y": np.cos(np.arange(90))})
    with pytest.raises(Interrupted):
        kerazoo.finetune(
            "stacked_lstm", frame, target=frame.columns, horizon=np.int64(2), lookback=np.int32(4),
            split=np.array([60, 12, 18]), out="run", progress=False,
        )  # fmt: skip
    asked = json.loads(Path("run/config.json").read_text())["own"]["asked"]
    assert (asked["target"], asked["horizon"], asked["lookback"]) == (["x", "y"], 2, 4)
    assert asked["split"] == [60, 12, 18]
    with pytest.raises(KerazooError, match="split is 60; give three sizes"):
        kerazoo.finetune("stacked_lstm", frame, target="x", horizon=2, split=60)


@pytest.mark.parametrize("name", ["mnist_cnn_small", "mlp"])
def test_dark_and_light_are_exchanged_as_asked_or_not_at_all(name, digits_folder, in_tmp):
    with pytest.raises(KerazooError, match="invert is 'Auto'; choose 'auto' or 'yes' or 'no'"):
        kerazoo.finetune(name, digits_folder, invert="Auto", progress=False)
    (picture, *_) = sorted((digits_folder / "one").iterdir())
    with pytest.raises(KerazooError, match="invert is ''; choose"):
        kerazoo.predict(f"{name}@digits", [picture], invert="")


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("accuracy", (0.3, 0.8, 0.9), ""),
        (
            "accuracy",
            (0.3, 0.95, 0.9),
            "from scratch does better here than fine-tuned: train longer",
        ),
        ("accuracy", (0.97, 0.95, 0.9), "linear does better here than fine-tuned: take that"),
        ("accuracy", (0.3, 0.91, 0.9), "but by less than one standard error"),
        ("mse", (0.3, 0.2, 0.1), ""),
        ("mse", (0.01, 0.2, 0.1), "linear does better"),
    ],
)
def test_a_simpler_way_that_does_better_is_said(name, values, says):
    rows = [
        Compared(who, value, None if who == "linear" else 0.02, {})
        for who, value in zip(("linear", "from scratch", "fine-tuned"), values, strict=True)
    ]
    said = verdict(rows, metric(name))
    assert (says in said) if says else not said


def test_a_simpler_way_that_does_better_stands_in_the_card(digits_folder, in_tmp, command):
    status, out, _ = command(
        "finetune",
        "mnist_cnn_small",
        digits_folder,
        "--epochs",
        "1",
        "--no-scratch",
        "--out",
        "run",
    )
    said = re.search(r"note: +(\w.*)", out)[1]
    assert status == 0 and said.startswith("linear does better here than fine-tuned")
    assert said[1:] in Path("run/card.md").read_text()


def test_a_folder_becomes_a_model_a_table_pictures_and_a_card(tuned, digits_folder):
    names = [row.name for row in tuned.comparison]
    assert names == ["majority class", "linear", "from scratch", "fine-tuned"]
    by_name = {row.name: row.value for row in tuned.comparison}
    card_says = (tuned.path / "card.md").read_text()
    assert "| fine-tuned (this model) |" in card_says and "| from scratch |" in card_says
    assert by_name["fine-tuned"] == tuned.metrics["value"]
    assert by_name["majority class"] == pytest.approx(1 / 3)
    assert by_name["fine-tuned"] > 0.8
    there = {p.name for p in tuned.path.iterdir()}
    assert there >= {
        "model.keras", "labels.json", "card.md", "comparison.json", "confusion_matrix.png",
        "worst_mistakes.png", "learning_curves.png", "scratch",
    }  # fmt: skip
    assert json.loads((tuned.path / "labels.json").read_text()) == ["one", "seven", "zero"]
    card = (tuned.path / "card.md").read_text()
    for said in (
        "mnist_cnn_small@digits",
        "60 images of 3 classes",
        "kerazoo predict",
        "| linear",
    ):
        assert said in card
    recipe = re.search(r"Recipe: (.*)\.", card)[1]
    assert "head_epochs 1, head_learning_rate" in recipe
    assert [part.split()[0] for part in recipe.split(", ")] == list(tuned.recipe.in_use())
    scratch = json.loads((tuned.path / "scratch" / "metrics.json").read_text())
    assert scratch["value"] == by_name["from scratch"]
    assert scratch["examples"] == tuned.metrics["examples"] == 12


def test_it_predicts_files_as_it_was_trained(tuned, digits_folder):
    files = sorted((digits_folder / "seven").iterdir())[:6]
    said = kerazoo.predict(tuned.path, files)
    assert sum(p.label == "seven" for p in said) >= 5
    assert all(p.note for p in said)


def test_it_is_measured_again_from_the_folder_and_a_change_is_noticed(tuned, digits_folder):
    again = kerazoo.evaluate(tuned.path)
    assert again.same
    # Read as for the weights that the other run started from: dark and light exchanged.
    assert kerazoo.evaluate(tuned.path / "scratch").same
    extra = digits_folder / "one" / "extra.png"
    Image.new("L", (9, 9)).save(extra)
    try:
        with pytest.raises(KerazooError):
            kerazoo.evaluate(tuned.path)
    finally:
        extra.unlink()


def test_predicting_needs_no_card_and_no_labels_file(tuned, digits_folder, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(tuned.path, copy)
    (copy / "card.md").unlink()
    (copy / "labels.json").unlink()
    file = next((digits_folder / "one").iterdir())
    assert kerazoo.predict(copy, [file])[0].label in ("one", "seven", "zero")


def test_a_strangers_model_runs_no_code(tuned, digits_folder, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(tuned.path, folder)
    touched = tmp_path / "touched"

    def evil(x):
        touched.touch()
        return x

    inputs = keras.Input((28, 28, 1))
    evil_model = keras.Model(inputs, keras.layers.Lambda(evil, output_shape=(28, 28, 1))(inputs))
    evil_model.save(folder / "model.keras")
    touched.unlink(missing_ok=True)  # building it ran the function
    file = next((digits_folder / "seven").iterdir())
    for use in (
        lambda: kerazoo.predict(folder, [file]),
        lambda: kerazoo.evaluate(folder),
        lambda: kerazoo.export(folder, "keras"),
    ):
        with pytest.raises(KerazooError, match="holds code that is not Keras's own"):
            use()
    assert not touched.exists()
    whole = (folder / "model.keras").read_bytes()
    (folder / "model.keras").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(KerazooError, match="is damaged"):
        kerazoo.predict(folder, [file])


def test_plain_keras_opens_the_model_without_kerazoo(tuned, tmp_path):
    code = (
        "import sys, keras, numpy as np\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "assert model.predict(np.zeros((2, 28, 28, 1)), verbose=0).shape == (2, 3)\n"
        "assert 'kerazoo' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tuned.path / "model.keras")], check=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip


def test_starts_from_the_trained_weights_and_frozen_keeps_them(digits_folder, in_tmp):
    done = kerazoo.finetune("mnist_cnn_small", digits_folder, weights="digits", freeze=True, **FAST)
    trained = kerazoo.build("mnist_cnn_small", weights="digits")
    for layer in done.model.layers:
        same = [
            (np.array(a) == np.array(b)).all()
            for a, b in zip(layer.weights, trained.get_layer(layer.name).weights, strict=True)
            if a.shape == b.shape
        ]
        if layer.name == "classifier":
            assert layer.weights[0].shape[1] == 3
        else:
            assert all(same)
    assert done.recipe.head_epochs == 2
    # What is frozen in the one is trained in the other, or there would be nothing to compare.
    assert [row.name for row in done.comparison][-2:] == ["from scratch", "fine-tuned"]
    scratch = json.loads((done.path / "scratch" / "config.json").read_text())
    assert scratch["recipe"]["head_epochs"] == 0


def test_the_head_of_the_same_classes_is_kept(in_tmp):
    data = kerazoo.load_data("digits")
    x, y = data.train.x[:200], data.train.y[:200]
    entry = registry.get_entry("mnist_cnn_small@digits")
    done = kerazoo.finetune(
        "mnist_cnn_small", (x, y), weights="digits", epochs=1, learning_rate=1e-9,
        settings={"head_epochs": 0}, scratch=False, progress=False,
    )  # fmt: skip
    assert transfer.same_labels(entry, ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"))
    assert done.metrics["value"] > 0.95  # with a fresh head it would be a guess


@pytest.mark.slow
def test_another_picture_size_keeps_the_layers_that_fit(digits_folder, in_tmp):
    done = kerazoo.finetune(
        "mnist_cnn", digits_folder, weights="digits", size=16, scratch=False, **FAST
    )
    start = json.loads((done.path / "config.json").read_text())["start"]
    assert start["entry"] == "mnist_cnn@digits"
    assert set(start["head"]) == {"dense", "classifier"}
    assert done.model.input_shape == (None, 16, 16, 1)


class Killed(BaseException):
    """Ends a training as a signal does, with nothing that catches it."""


@pytest.fixture
def killed(monkeypatch):
    """Runs something whose training in the folder ``run`` ends at its third epoch."""

    def begin(self, net, epoch, begin=loop.Epochs.begin):
        if epoch == 2:
            raise Killed
        begin(self, net, epoch)

    often = functools.partial(trainer.train_job, checkpoint_seconds=0)

    def run(what):
        with monkeypatch.context() as patch:
            patch.setattr(loop.Epochs, "begin", begin)
            patch.setattr(finetuning, "train_job", often)
            with pytest.raises(Killed):
                what()
        assert checkpoint.read(Path("run")).epochs == 2

    return run


@pytest.mark.slow
def test_the_same_command_gives_the_same_bits_and_resumes_to_them(digits_folder, in_tmp, killed):
    options = {"weights": "digits", "epochs": 4, "progress": False, "balance": True}
    whole = kerazoo.finetune("mnist_cnn_small", digits_folder, out="whole", **options)
    killed(lambda: kerazoo.finetune("mnist_cnn_small", digits_folder, out="run", **options))
    with pytest.raises(KerazooError, match="resume"):
        kerazoo.finetune("mnist_cnn_small", digits_folder, out="run", **options)
    again = kerazoo.finetune("mnist_cnn_small", digits_folder, out="run", resume=True, **options)
    assert again.metrics == whole.metrics
    assert [r.value for r in again.comparison] == [r.value for r in whole.comparison]
    with pytest.raises(KerazooError, match="balance"):
        kerazoo.finetune(
            "mnist_cnn_small",
            digits_folder,
            out="run",
            resume=True,
            **{**options, "balance": False},
        )


def a_table(wine):
    return "mlp", wine, {"target": "cultivar"}


def a_series(wine):
    steps = np.arange(300)
    price = np.sin(steps / 4) + np.random.RandomState(0).normal(size=300) / 9
    data = pd.DataFrame({"step": steps, "price": price})
    return "stacked_lstm", data, {"target": "price", "horizon": 6, "lookback": 24}


def texts(wine):
    words = ["good", "great", "bad", "poor"] * 9
    data = pd.DataFrame({"body": [f"a {word} film" for word in words]})
    data["label"] = [word in ("good", "great") for word in words]
    wishes = {"text": "body", "target": "label", "weights": None}
    return "text_cnn", data, wishes


@pytest.mark.slow
@pytest.mark.parametrize("given", [a_table, a_series, texts], ids=lambda make: make.__name__)
def test_a_killed_training_on_a_table_resumes_to_the_same_bits(given, wine, in_tmp, killed):
    name, data, wishes = given(wine)

    def start(**options):
        return kerazoo.finetune(name, data, epochs=4, progress=False, **wishes, **options)

    whole = start(out="whole")
    killed(lambda: start(out="run"))
    again = start(out="run", resume=True)
    assert again.history == whole.history
    assert again.metrics == whole.metrics
    for one, other in zip(again.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_augmentation_can_be_turned_off(digits_folder, in_tmp):
    """Also in the comparison from scratch; it changes what is learnt, and nothing else."""
    options = {"weights": "digits", "epochs": 1, "progress": False}
    on = kerazoo.finetune("mnist_cnn", digits_folder, out="on", scratch=False, **options)
    off = kerazoo.finetune("mnist_cnn", digits_folder, out="off", augment=False, **options)
    assert on.recipe.augment_shift > 0
    plain = on.recipe.replace(augment_shift=0.0, augment_rotate=0.0, augment_zoom=0.0)
    assert off.recipe == plain
    assert on.history[0]["loss"] != off.history[0]["loss"]
    scratch = json.loads((off.path / "scratch" / "config.json").read_text())
    assert scratch["recipe"]["augment_shift"] == 0


@pytest.mark.slow
def test_a_folder_of_real_photographs(real_data, in_tmp):
    """CIFAR-10 as JPEG files: the zoo's weights beat a start from nothing and both baselines."""
    from benchmarks import finetuning

    missing = real_data_missing("cifar10") or registry.get_entry("resnet8@cifar10").unmeasured
    if missing:
        pytest.skip(missing)
    (in_tmp / "my photographs").mkdir()
    finetuning.write_photographs(in_tmp / "my photographs", 200)
    done = kerazoo.finetune("resnet8", "my photographs", epochs=4, out="run", progress=False)
    value = {row.name: row.value for row in done.comparison}
    assert value["fine-tuned"] > max(v for name, v in value.items() if name != "fine-tuned")
    assert value["fine-tuned"] > 0.9 and value["majority class"] == 0.5


def test_balance_weighs_the_classes():
    from kerazoo.training.loop import class_weights

    y = np.array([0] * 6 + [2] * 2)
    weights = class_weights(y)
    assert weights == {0: pytest.approx(4 / 6), 2: pytest.approx(2.0)}
    assert np.mean([weights[i] for i in y.tolist()]) == pytest.approx(1)


@pytest.fixture(scope="module")
def wine(tmp_path_factory):
    bunch = sklearn_datasets.load_wine(as_frame=True)
    frame = bunch.frame.drop(columns="target")
    frame["cultivar"] = np.array(["barolo", "grignolino", "barbera"])[bunch.target]
    frame["stony"] = np.where(frame["ash"] > 2.3, "yes", "no")
    path = tmp_path_factory.mktemp("tables") / "wine.csv"
    frame.to_csv(path, index=False)
    return path


def test_a_table_of_classes(wine, in_tmp):
    done = kerazoo.finetune("mlp", wine, target="cultivar", epochs=30, progress=False)
    assert [r.name for r in done.comparison] == ["majority class", "linear", "from scratch"]
    assert "| from scratch (this model) |" in (done.path / "card.md").read_text()
    assert done.metrics["value"] > 0.9
    said = kerazoo.predict(done.path, wine)
    assert any(
        re.search(r"is in the file: 1\d\d of 178 are predicted right", n) for n in said.notes
    )
    other = pd.read_csv(wine).replace({"cultivar": {pd.read_csv(wine).cultivar[0]: "a new one"}})
    assert any("(line 2: 'a new one')" in n for n in kerazoo.predict(done.path, other).notes)
    frame = pd.read_csv(wine)
    assert (said.frame["cultivar"] == frame["cultivar"]).mean() > 0.9
    chances = said.frame[[c for c in said.frame if c.startswith("p(")]]
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)
    assert kerazoo.evaluate(done.path).same

    pytest.importorskip("onnxruntime")
    export = kerazoo.export(done.path, "onnx", "exported")
    assert export.passed, export.problems
    assert export.after == done.metrics["value"]
    written = json.loads(Path("exported/columns.json").read_text())
    assert [c["name"] for c in written["columns"]][-1] == "stony"
    assert len(written["features"]) == 16, "13 numbers, and of stony: another, no, yes"
    assert written["features"][-2:] == ["stony is 'no'", "stony is 'yes'"]

    one = frame.iloc[:1].drop(columns="cultivar").assign(stony="maybe", new=1)
    notes = " ".join(kerazoo.predict(done.path, one).notes)
    assert "'new'" in notes
    assert "'maybe'" in notes
    with pytest.raises(KerazooError):
        kerazoo.predict(done.path, one, gaps="interpolate")
    with pytest.raises(KerazooError):
        kerazoo.predict(done.path, one.drop(columns="ash"))
    with pytest.raises(KerazooError, match="line 2: 'much'"):
        kerazoo.predict(done.path, one.assign(ash="much"))

    model = keras.saving.load_model(done.path / "model.keras")
    import tensorflow as tf

    first = frame.iloc[0].rename(lambda name: name.replace("/", "_"))
    row = {k: tf.constant([[first[k]]], dtype=v.dtype) for k, v in model.input.items()}
    np.testing.assert_allclose(model(row)[0], chances.iloc[0], rtol=1e-4)


def test_a_table_of_numbers_from_a_frame(in_tmp):
    frame = sklearn_datasets.load_diabetes(as_frame=True).frame
    done = kerazoo.finetune("linear_regression", frame, target="target", epochs=60, progress=False)
    names = [r.name for r in done.comparison]
    assert names == ["training mean", "least squares", "from scratch"]
    by_name = {r.name: r.value for r in done.comparison}
    assert by_name["from scratch"] == pytest.approx(by_name["least squares"], abs=0.02)
    said = kerazoo.predict(done.path, frame).frame
    assert np.corrcoef(said["target"], frame["target"])[0, 1] > 0.6
    with pytest.raises(KerazooError, match="given in code; give it again"):
        kerazoo.evaluate(done.path)
    assert kerazoo.evaluate(done.path, data=frame).same
    assert kerazoo.export(done.path, "keras", data=frame).passed
    with pytest.raises(KerazooError):
        kerazoo.evaluate(done.path, data=frame[1:])
    with pytest.raises(KerazooError):
        kerazoo.evaluate("linear_regression@diabetes", data=frame)


@pytest.mark.slow
def test_a_category_that_training_never_had_leaves_the_prediction_within_measure(in_tmp):
    random = np.random.RandomState(0)
    size, city = random.uniform(20, 120, 300), random.choice(["Bonn", "Kiel", "Ulm"], 300)
    city[:9] = [f"village {i}" for i in range(9)]  # some of them in the test split alone
    rent = 9 * size + 50 * (city == "Kiel") + random.normal(0, 5, 300)
    table = pd.DataFrame({"size": size, "city": city, "rent": rent})
    done = kerazoo.finetune("mlp", table, target="rent", epochs=20, progress=False)
    assert done.metrics["value"] > 0.5, "R², of villages that occur once too"
    new = pd.DataFrame({"size": [100.0] * 3, "city": ["Bonn", "Berlin", ""]})
    said = kerazoo.predict(done.path, new)
    assert "'Berlin'" in said.notes[0]
    assert said.frame["rent"].between(rent.min() - 300, rent.max() + 300).all(), said.frame
    exported = kerazoo.export(done.path, "keras", data=table)
    assert "raw rows" in exported.notes[0]
    raw = keras.saving.load_model(exported.path)
    assert set(raw.input) == {"size", "city"}
    rows = {
        "size": keras.ops.convert_to_tensor([[100.0], [100.0]]),
        "city": keras.ops.convert_to_tensor([["Bonn"], ["Berlin"]]),
    }
    np.testing.assert_allclose(raw(rows)[:, 0], said.frame["rent"][:2], rtol=1e-4)


@pytest.mark.slow
def test_a_file_of_the_one_column_that_a_model_reads(in_tmp, command):
    x = np.linspace(-1, 1, 200)
    pd.DataFrame({"x": x, "y": 3 * x}).to_csv("line.csv", index=False)
    kerazoo.finetune("mlp", "line.csv", target="y", out="run", **FAST)
    pd.DataFrame({"x": [0.1, 0.2]}).to_csv("new.csv", index=False)
    assert len(kerazoo.predict("run", "new.csv").frame) == 2
    pd.DataFrame({"z": [0.1, 0.2]}).to_csv("other.csv", index=False)
    status, _, said = command("predict", "run", "other.csv")
    assert status == 2 and "has no column 'x'" in said
    status, _, said = command("finetune", "mlp", "new.csv", "--target", "x")
    assert status == 2 and "one column only" in said
    pd.DataFrame({"price": np.sin(np.arange(300) / 5)}).to_csv("series.csv", index=False)
    asked = {"target": "price", "horizon": 3, "lookback": 12}
    done = kerazoo.finetune("stacked_lstm", "series.csv", **asked, **FAST)
    assert len(kerazoo.predict(done.path, "series.csv").frame) == 3


@pytest.mark.slow
def test_columns_of_a_frame_may_be_numbers(in_tmp):
    rows = pd.DataFrame(np.random.RandomState(0).rand(60, 3))
    done = kerazoo.finetune("mlp", rows, target=2, **FAST)
    assert list(kerazoo.predict(done.path, rows[[0, 1]]).frame) == ["2"]


def test_data_that_changed_is_not_gone_on_with_and_said_in_a_sentence(in_tmp):
    rows = pd.DataFrame(np.random.RandomState(0).rand(60, 3), columns=list("abc"))
    kerazoo.finetune("mlp", rows, target="c", out="run", **FAST)
    with pytest.raises(KerazooError, match=r"^the data is not what the run in run began with"):
        kerazoo.finetune("mlp", rows + 1, target="c", out="run", resume=True, **FAST)


def test_an_option_that_changed_is_not_blamed_on_the_data(digits_folder, in_tmp):
    options = {"out": "run", "scratch": False, **FAST}
    kerazoo.finetune("mnist_cnn_small", digits_folder, **options)
    with pytest.raises(KerazooError, match=r"own\.asked\.size was"):
        kerazoo.finetune("mnist_cnn_small", digits_folder, size=16, resume=True, **options)


@pytest.mark.parametrize(("epochs", "head"), [(1, 0), (2, 1), (4, 1), (11, 2)])
def test_the_last_layer_trains_alone_first_wherever_there_are_two_epochs(epochs, head):
    plain = registry.get_entry("mnist_cnn@digits").recipe.replace(epochs=epochs)
    recipe = finetuning.finetuning_recipe(plain, {}, freeze=False, head=True)
    assert (recipe.epochs, recipe.head_epochs) == (epochs, head)


def test_the_way_of_training_is_said_before_it_begins(digits_folder, in_tmp, capsys):
    options = {"weights": "digits", "epochs": 2, "scratch": False}
    kerazoo.finetune("mnist_cnn_small", digits_folder, **options)
    assert "trains classifier alone in 1 of 2 epochs" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("given", ["arrays", "tensorflow"])
def test_rows_given_as_arrays_with_a_test_pair(in_tmp, given):
    x, y = sklearn_datasets.load_iris(return_X_y=True)
    data, test = (x[10:], y[10:]), (x[:10], y[:10])
    if given == "tensorflow":
        tf = pytest.importorskip("tensorflow")
        data = tf.data.Dataset.from_tensor_slices(data).shuffle(200).batch(16)
    done = kerazoo.finetune("mlp", data, test=test, epochs=90, progress=False)
    assert done.metrics["examples"] == 10
    assert json.loads((done.path / "config.json").read_text())["start"] is None
    said = kerazoo.predict(done.path, x)
    assert (said.frame["y"].astype(int) == y).mean() > 0.9
    with pytest.raises(KerazooError, match="give it again"):
        kerazoo.evaluate(done.path)
    assert kerazoo.evaluate(done.path, data=data, test=test).same
    with pytest.raises(KerazooError):
        kerazoo.evaluate(done.path, data=data, test=(x[:9], y[:9]))
    with pytest.raises(KerazooError):
        kerazoo.predict(done.path, x[0])
    with pytest.raises(KerazooError):
        kerazoo.predict(done.path, [[1.0, 2.0]])
    with pytest.raises(KerazooError):
        kerazoo.predict(done.path, x, invert="yes")
    with pytest.raises(KerazooError, match="give it too, as test="):
        kerazoo.evaluate(done.path, data=data)


def test_wishes_and_models_that_arrays_do_not_go_with(in_tmp):
    x, y = np.zeros((30, 4)), np.arange(30) % 3
    for name, data, options, says in (
        ("mlp", (x, y), {"target": "y"}, "no option 'target'"),
        ("mlp", (x.reshape(30, 2, 2), y), {"size": 9}, "no option 'size'"),
        ("stacked_lstm", (x, y), {}, "cannot learn from arrays"),
        ("lenet5", (x, y), {}, "pictures have shape"),
        ("mlp", x, {}, "give a pair"),
        ("mlp", (x, y), {"test": x}, "give a pair"),
        ("mlp", (x, y), {"test": "t.csv"}, "data is str; as arrays"),
        ("mlp", (x, y), {"test": pd.DataFrame(x)}, "data is DataFrame; as arrays"),
    ):
        with pytest.raises(KerazooError, match=says):
            kerazoo.finetune(name, data, progress=False, **options)
    assert not list(in_tmp.iterdir())


def test_a_file_of_test_rows_is_remembered(wine, in_tmp):
    rows = pd.read_csv(wine)
    rows[::2].to_csv("train.csv", index=False)
    rows[1::2].to_csv("test.csv", index=False)
    done = kerazoo.finetune(
        "mlp", "train.csv", test="test.csv", target="cultivar", scratch=False, epochs=3,
        progress=False,
    )  # fmt: skip
    assert done.metrics["examples"] == len(rows) // 2
    assert kerazoo.evaluate(done.path).same
    rows[3::2].to_csv("test.csv", index=False)
    with pytest.raises(KerazooError):
        kerazoo.evaluate(done.path)
    with pytest.raises(KerazooError, match="no option 'test'"):
        kerazoo.finetune("mlp", wine.parent, test="test.csv", progress=False)


def test_a_table_of_very_few_rows_has_a_figure_and_its_error(in_tmp):
    """Resamples of two test rows often hold one value only, on which no R² can be measured."""
    frame = pd.DataFrame({"a": np.arange(12.0) ** 2, "b": np.arange(12.0)[::-1] * 0.5})
    done = kerazoo.finetune("mlp", frame, target="b", task="regression", out="run", **FAST)
    assert done.metrics["examples"] == 2 and np.isfinite(done.metrics["standard_error"])


def test_a_series_that_stands_still_in_the_end_is_measured(in_tmp):
    values = np.r_[np.sin(np.arange(160)), np.full(60, 0.5)]
    frame = pd.DataFrame({"x": values})
    done = kerazoo.finetune("stacked_lstm", frame, target="x", horizon=2, out="run", **FAST)
    assert "nrmse" not in done.metrics["also"] and np.isfinite(done.metrics["value"])
    assert any("never changes in the test split" in w for w in done.warnings)


@pytest.mark.slow
def test_targets_of_any_size_are_learnt_in_their_own_units(in_tmp):
    random = np.random.RandomState(0)
    x = random.uniform(-1, 1, (300, 3))
    small, large = x[:, 0] * x[:, 1], x[:, 2] ** 2 - x[:, 0]
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame = frame.assign(tiny=7 + 1e-3 * small, huge=1e7 * (large - 5))
    frame.to_csv("table.csv", index=False)
    done = kerazoo.finetune(
        "mlp", "table.csv", target=["tiny", "huge"], epochs=60, learning_rate=5e-3, progress=False,
        settings={"weight_decay": 0.1},
    )  # fmt: skip
    said = kerazoo.predict(done.path, frame).frame
    for name in ("tiny", "huge"):
        assert np.corrcoef(said[name], frame[name])[0, 1] > 0.95, name
        assert said[name].mean() == pytest.approx(frame[name].mean(), rel=0.05)
    assert kerazoo.evaluate(done.path).same  # the saved model knows the units


@pytest.mark.slow
@pytest.mark.parametrize("size", [1e-5, 1.0, 1e12])
def test_one_target_of_any_size_is_learnt_alike(in_tmp, size):
    random = np.random.RandomState(0)
    a, b = random.normal(size=(2, 300))
    frame = pd.DataFrame(
        {"a": a, "b": b, "y": (3 * a - 2 * b + 0.1 * random.normal(size=300)) * size}
    )
    done = kerazoo.finetune("mlp", frame, target="y", scratch=False, epochs=60, progress=False)
    assert done.metrics["value"] > 0.98
    assert done.history[-1]["mse"] == pytest.approx(
        done.history[-1]["loss"] * frame["y"].var(), rel=0.1
    )


@pytest.mark.parametrize(
    ("rows", "settings", "optimizer", "decay"),
    [
        (100, {}, "adamw", 3.0),
        (1000, {}, "adamw", 1000 / 700),
        (100, {"optimizer": "adam"}, "adam", 0.0),
        (100, {"optimizer": "sgd", "weight_decay": 0.5}, "sgd", 0.5),
        (100, {"weight_decay": 0.5}, "adamw", 0.5),
    ],
)
def test_a_table_of_few_rows_is_decayed_more(in_tmp, rows, settings, optimizer, decay):
    x = np.random.RandomState(0).normal(size=(rows, 2))
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(y=np.where(x[:, 0] > 0, "u", "v"))
    done = kerazoo.finetune(
        "mlp", frame, target="y", epochs=1, settings=settings, scratch=False, progress=False
    )
    assert done.recipe.optimizer == optimizer
    assert done.recipe.weight_decay == pytest.approx(decay, rel=0.01)


def test_a_series_forecasts_in_natural_units(in_tmp, monkeypatch):
    t = np.arange(500)
    frame = pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=500, freq="h"),
            "price": 300 + 20 * np.sin(t / 12 * np.pi),
            "load": 5 + np.cos(t / 12 * np.pi),
        }
    )
    written = "%d/%m/%Y %H:%M"
    frame.to_csv("series.csv", index=False, date_format=written)
    done = kerazoo.finetune(
        "stacked_lstm", "series.csv", target=["price", "load"], horizon=6, lookback=24, epochs=15,
        progress=False,
    )  # fmt: skip
    assert "seasonal repeat" in [r.name for r in done.comparison]
    assert (done.path / "forecasts.png").exists()
    said = kerazoo.predict(done.path, ["series.csv"]).frame
    assert list(said) == ["when", "price", "load"]
    assert said["when"].iloc[0] == pd.Timestamp("2024-01-21 20:00")
    wanted = 300 + 20 * np.sin(np.arange(500, 506) / 12 * np.pi)
    assert np.abs(said["price"] - wanted).max() < 15
    day = frame[96:120].assign(when=lambda rows: rows.when.dt.strftime(written))  # 05/01/2024
    known = kerazoo.predictor(done.path)  # stays loaded
    ahead = known(day).frame
    assert ahead["when"].iloc[0] == pd.Timestamp("2024-01-06")
    pd.testing.assert_frame_equal(ahead, kerazoo.predict(done.path, day).frame)
    assert known(frame).frame["when"].iloc[0] == pd.Timestamp("2024-01-21 20:00")
    with pytest.raises(KerazooError):
        kerazoo.predict(done.path, frame.iloc[:20])
    with pytest.raises(KerazooError):
        kerazoo.predict(done.path, frame.iloc[::2])
    drop_outs = frame.drop(index=range(480, 485))
    with pytest.raises(KerazooError, match=r"line 482: .* --gaps interpolate fills"):
        kerazoo.predict(done.path, drop_outs)
    filled = kerazoo.predict(done.path, drop_outs, gaps="interpolate")
    assert "line 482" in filled.notes[0]
    assert filled.frame["when"].iloc[0] == pd.Timestamp("2024-01-21 20:00")
    with pytest.raises(KerazooError):
        known(drop_outs, gaps="drop")
    silent = frame.assign(price=frame["price"].where(frame.index < 490))
    notes = kerazoo.predict(done.path, silent, gaps="interpolate").notes
    assert "'price'" in notes[0]
    with pytest.raises(KerazooError):
        kerazoo.predict("mnist_cnn_small@digits", [np.zeros((8, 8))], gaps="interpolate")
    folder = done.path.resolve()
    (in_tmp / "elsewhere").mkdir()
    monkeypatch.chdir(in_tmp / "elsewhere")
    assert kerazoo.evaluate(folder).same  # the file was named from another folder


def test_texts_learn_from_the_zoos_weights(in_tmp):
    rows = [(f"a {w} film , truly {w}", c) for w, c in (
        ("great", "good"), ("wonderful", "good"), ("excellent", "good"), ("perfect", "good"),
        ("awful", "bad"), ("terrible", "bad"), ("boring", "bad"), ("worst", "bad"),
    ) for _ in range(4)]  # fmt: skip
    pd.DataFrame(rows, columns=["body", "label"]).to_csv("reviews.csv", index=False)
    done = kerazoo.finetune(
        "text_cnn", "reviews.csv", text="body", target="label", scratch=False, epochs=6,
        progress=False,
    )  # fmt: skip
    said = kerazoo.predict(done.path, ["an excellent film", "the worst"])
    assert [p.label for p in said] == ["good", "bad"]
    assert said[0].note  # the shortest of its training has five
    assert not kerazoo.predict(done.path, ["a great film , truly great"])[0].note
    table = kerazoo.predict(done.path, "reviews.csv")  # the column of texts is remembered
    assert table.kind == "texts" and len(table.frame) == len(rows)
    right = int((table.frame["label"] == [c for _, c in rows]).sum())
    assert table.notes == (f"label is in the file: {right} of {len(rows)} are predicted right",)
    new = pd.DataFrame({"body": ["the worst", "...", "an excellent film"]})
    table = kerazoo.predict(done.path, new)
    assert table.frame["label"].fillna("").tolist() == ["bad", "", "good"]
    assert "line 3" in table.notes[0]
    with pytest.raises(KerazooError):
        kerazoo.predict(done.path, ["good"], invert="yes")
    assert (done.path / "vocabulary.txt.xz").exists()
    if keras.config.backend() == "tensorflow":
        assert (done.path / "model_strings.keras").exists()


def test_a_generator_learns_a_folder_of_pictures(in_tmp):
    (in_tmp / "pictures").mkdir()
    for i, x in enumerate(kerazoo.load_data("digits").train.x[:120]):
        Image.fromarray(x.squeeze(-1)).save(in_tmp / "pictures" / f"{i}.png")
    done = kerazoo.finetune("dcgan", "pictures", weights="digits", scratch=False, out="run", **FAST)
    names = [row.name for row in done.comparison]
    assert names == ["independent pixels", "real against real", "fine-tuned"]
    assert done.comparison[2].value < done.comparison[0].value
    start = json.loads((done.path / "config.json").read_text())["start"]
    assert start["entry"] == "dcgan@digits"
    assert kerazoo.sample("run", 3).shape == (3, 28, 28, 1)
    assert (done.path / "samples_over_training.png").exists()
    assert "generator.keras" in (done.path / "card.md").read_text()
    assert not (done.path / "labels.json").exists()


def test_a_fine_tuned_model_is_exported_and_certified(tuned):
    pytest.importorskip("onnxruntime")
    done = kerazoo.export(tuned.path, "onnx")
    assert done.passed, done.problems
    assert done.before == done.after == tuned.metrics["value"]
    beside = {p.name for p in (tuned.path / "export-onnx").iterdir()}
    assert "labels.json" in beside


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("mnist_cnn", "nowhere"), "no file or directory nowhere"),
        (("mnist_cm", "{folder}"), "mnist_cnn"),
        (("mnist_cnn", "{wine}"), "takes a directory of images"),
        (("stacked_lstm", "{folder}"), "takes a CSV file of a series"),
        (("text_cnn", "{folder}"), "takes a CSV file of texts"),
        (("mlp", "{wine}"), "--target"),
        (("mlp", "{wine}", "--target", "cultivar", "--horizon", "3"), "no option 'horizon'"),
        (("mlp", "wines.csv", "--target", "cultivar"), "no file or directory wines.csv"),
        (("stacked_lstm", "{wine}", "--target", "ash"), "horizon"),
        (("mnist_cnn", "{folder}", "--weights", "imagenet"), "unknown weights"),
        (("mnist_cnn", "{folder}", "--weights", "none", "--freeze"), "needs trained weights"),
        (
            ("mnist_cnn", "{folder}", "--weights", "none", "--set", "head_epochs=1"),
            "needs trained weights",
        ),
        (("dcgan", "{folder}", "--weights", "digits", "--freeze"), "60 images"),
        (("mnist_cnn", "{folder}", "--out", "{folder}/run"), "lies in the data directory"),
        (("linear_regression", "{wine}", "--target", "cultivar"), "predicts numbers"),
        (("mnist_cnn", "{folder}", "--size", "0"), "size"),
        (("mnist_cnn", "{folder}", "--size", "3"), "cannot be built"),
        (("mnist_cnn", "{folder}", "--epochs", "0"), "epochs"),
        (("mnist_cnn", "{folder}", "--set", "batch=1"), "unknown recipe field"),
        (("mnist_cnn", "{folder}", "--seed", "-1"), "seed"),
        (("mnist_cnn", "{folder}", "--target", "a"), "no option 'target'"),
        (("mlp", "{wine}", "--target", "ash", "--balance"), "balance weighs classes"),
        (("mlp", "{wine}", "--target", "ash", "--weights", "digits"), "no layer of mlp@digits"),
        (("mnist_cnn", "{folder}", "--resume"), "--out"),
    ],
)
def test_mistakes_are_said_with_status_2(command, digits_folder, wine, arguments, says):
    given = [a.format(folder=digits_folder, wine=wine) for a in arguments]
    status, _, error = command("finetune", *given)
    assert status == 2
    assert says in error
    assert "Traceback" not in error
    assert not Path("runs").exists()


def test_the_command_line_says_what_it_found_and_how_to_go_on(command, digits_folder):
    status, out, error = command(
        "finetune", "mnist_cnn_small", digits_folder, "--weights", "digits", "--epochs", "2",
        "--no-scratch", "--out", "R&D",
    )  # fmt: skip
    assert status == 0
    assert "kerazoo predict 'R&D' photo.jpg" in out
    Path("R&D").rename("run")
    assert "60 images of 3 classes: one 20; seven 20; zero 20" in error
    assert "starts from the weights of mnist_cnn_small@digits" in error
    assert "fine-tuned" in out
    file = str(next((digits_folder / "one").iterdir()))
    status, out, _ = command("predict", "run", file, "--json")
    assert status == 0
    assert set(json.loads(out)[0]["probabilities"]) == {"one", "seven", "zero"}


def test_a_table_is_predicted_to_a_file_that_is_never_overwritten_unasked(command, wine):
    status, out, _ = command(
        "finetune", "mlp", wine, "--target", "ash", "--epochs", "2", "--out", "run", "--json"
    )
    assert status == 0
    assert json.loads(out)["comparison"][-1]["name"] == "from scratch"
    assert command("predict", "run", wine)[0] == 0
    first = Path("wine-predictions.csv").read_text(encoding="utf-8")
    assert len(first.splitlines()) == 179
    status, _, error = command("predict", "run", wine)
    assert status == 2
    assert "exists" in error
    status, _, error = command("predict", "run", wine, "--out", wine)
    assert status == 2 and "is the file that is read" in error
    broken = pd.read_csv(wine).astype(str)
    broken.loc[3, broken.columns[1]] = "1.2.3"
    broken.to_csv("broken.csv", index=False)
    assert "line 5: '1.2.3'" in command("predict", "run", "broken.csv")[2]
    assert command("predict", "run", wine, "--out", "other.csv")[0] == 0
    assert Path("other.csv").read_text(encoding="utf-8") == first
