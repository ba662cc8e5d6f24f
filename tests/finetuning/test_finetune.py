"""Fine-tuning: from user data to a model that predicts, next to what it has to beat."""

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
from kerazoo.finetuning.compare import Compared, verdict
from kerazoo.finetuning.readers.choose import reread
from kerazoo.metrics import metric
from kerazoo.training import checkpoint, loop, run_directory
from kerazoo.training import train as trainer
from kerazoo.training.run_config import Start
from tests.conftest import needs_data

FAST = {"epochs": 2, "progress": False, "plots": False}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Images of three digits, 20 each, dark on light and of another size, a directory per class."""
    directory = tmp_path_factory.mktemp("data") / "my digits"
    data = kerazoo.load_data("digits").train
    for label, name in ((0, "zero"), (1, "one"), (7, "seven")):
        (directory / name).mkdir(parents=True)
        for i, x in enumerate(data.x[data.y == label][:20]):
            image = Image.fromarray(255 - x.squeeze(-1)).resize((40, 52))
            image.save(directory / name / f"{i}.png")
    return directory


@pytest.fixture(scope="module")
def tuned(digits, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "tuned"
    return kerazoo.finetune(
        "mnist_cnn_small", digits, weights="digits", epochs=5, out=out, progress=False
    )


@pytest.fixture(scope="module")
def wine(tmp_path_factory):
    bunch = sklearn_datasets.load_wine(as_frame=True)
    frame = bunch.frame.drop(columns="target")
    frame["cultivar"] = np.array(["barolo", "grignolino", "barbera"])[bunch.target]
    frame["stony"] = np.where(frame["ash"] > 2.3, "yes", "no")
    path = tmp_path_factory.mktemp("tables") / "wine.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def stopped(monkeypatch):
    """Fine-tune up to the training itself; gives the run's configuration and the model."""

    def run(*arguments, **options):
        models = []

        def fit(job, *_, **__):
            models.append(job.model)
            raise KeyboardInterrupt

        monkeypatch.setattr(loop, "fit", fit)
        with pytest.raises(Interrupted):
            kerazoo.finetune(*arguments, out="run", progress=False, **options)
        return run_directory.read_config(Path("run")), models[0]

    return run


def test_a_directory_becomes_a_model_with_a_comparison_plots_and_a_card(tuned):
    values = {row.name: row.value for row in tuned.comparison}
    assert list(values) == ["majority class", "linear", "from scratch", "fine-tuned"]
    assert values["fine-tuned"] == tuned.metrics["value"] > 0.8
    assert values["majority class"] == pytest.approx(1 / 3)
    assert {p.name for p in tuned.path.iterdir()} >= {
        "model.keras", "labels.json", "card.md", "comparison.json", "confusion_matrix.png",
        "worst_errors.png", "learning_curves.png", "scratch",
    }  # fmt: skip
    assert json.loads((tuned.path / "labels.json").read_text()) == ["one", "seven", "zero"]
    card = (tuned.path / "card.md").read_text()
    for part in (
        *tuned.data.report,
        tuned.use,
        "mnist_cnn_small@digits",
        "fine-tuned (this model)",
    ):
        assert part in card
    fields = re.search(r"Recipe: (.*)\.", card)[1].split(", ")
    assert [field.split()[0] for field in fields] == list(tuned.recipe.in_use())
    scratch = json.loads((tuned.path / "scratch" / "metrics.json").read_text())
    assert scratch["value"] == values["from scratch"]
    assert scratch["examples"] == tuned.metrics["examples"] == 12


def test_new_images_are_treated_as_those_of_the_training(tuned, digits):
    predictions = kerazoo.predict(tuned.path, sorted((digits / "seven").iterdir())[:6])
    assert sum(p.label == "seven" for p in predictions) >= 5
    assert tuned.data.options["light_on_dark"] and all(p.note for p in predictions)


def test_the_data_is_read_again_and_a_change_is_noticed(tuned, digits):
    assert kerazoo.evaluate(tuned.path).same
    assert kerazoo.evaluate(tuned.path / "scratch").same
    assert kerazoo.evaluate(tuned.path, data=tuned.data).same
    extra = digits / "one" / "extra.png"
    Image.new("L", (9, 9)).save(extra)
    try:
        with pytest.raises(KerazooError):
            kerazoo.evaluate(tuned.path)
    finally:
        extra.unlink()


def test_a_strangers_model_runs_no_code(tuned, digits, tmp_path):
    directory, touched = tmp_path / "run", tmp_path / "touched"
    shutil.copytree(tuned.path, directory)

    def evil(x):
        touched.touch()
        return x

    inputs = keras.Input((28, 28, 1))
    evil_model = keras.Model(inputs, keras.layers.Lambda(evil, output_shape=(28, 28, 1))(inputs))
    evil_model.save(directory / "model.keras")
    touched.unlink(missing_ok=True)  # building it ran the function
    file = next((digits / "seven").iterdir())
    for use in (
        lambda: kerazoo.predict(directory, [file]),
        lambda: kerazoo.evaluate(directory),
        lambda: kerazoo.export(directory, "keras"),
    ):
        with pytest.raises(KerazooError):
            use()
    assert not touched.exists()
    whole = (tuned.path / "model.keras").read_bytes()
    (directory / "model.keras").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(KerazooError):
        kerazoo.predict(directory, [file])


@pytest.mark.slow
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


def test_frozen_layers_keep_the_trained_weights(digits, in_tmp):
    data = kerazoo.from_images(digits)  # read again in the size of the model
    done = kerazoo.finetune("mnist_cnn_small", data, weights="digits", freeze=True, **FAST)
    trained = kerazoo.build("mnist_cnn_small", weights="digits")
    for layer in done.model.layers:
        if layer.name == "classifier":
            assert layer.weights[0].shape[1] == 3
        elif layer.weights:
            for a, b in zip(layer.weights, trained.get_layer(layer.name).weights, strict=True):
                np.testing.assert_array_equal(a, b)
    assert done.recipe.head_epochs == 2
    # What is frozen in the one is trained in the other, or there would be nothing to compare.
    assert [row.name for row in done.comparison][-2:] == ["from scratch", "fine-tuned"]
    scratch = json.loads((done.path / "scratch" / "config.json").read_text())
    assert scratch["recipe"]["head_epochs"] == 0


def test_training_starts_from_the_trained_weights(in_tmp, stopped):
    """The head of the same classes is kept too; with a fresh one predictions would be a guess."""
    data = kerazoo.load_data("digits")
    some = data.train.x[:200], data.train.y[:200]
    _, model = stopped("mnist_cnn_small", some, weights="digits")
    trained = kerazoo.build("mnist_cnn_small", weights="digits")
    for one, other in zip(model.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_texts_start_from_the_vocabulary_of_the_trained_weights(in_tmp, stopped):
    name, data, options = of_texts(None, None)
    config, model = stopped(name, data, **{**options, "weights": "auto"})
    assert config.own.asked["vocabulary"] == "imdb"
    assert config.start == Start(entry="text_cnn@imdb", head=("classifier",))
    trained = kerazoo.build("text_cnn", weights="imdb")
    np.testing.assert_array_equal(model.layers[1].get_weights(), trained.layers[1].get_weights())


@pytest.mark.slow
def test_another_image_size_keeps_the_layers_that_fit(digits, in_tmp):
    done = kerazoo.finetune("mnist_cnn", digits, weights="digits", size=16, scratch=False, **FAST)
    start = json.loads((done.path / "config.json").read_text())["start"]
    assert start["entry"] == "mnist_cnn@digits"
    assert set(start["head"]) == {"dense", "classifier"}
    assert done.model.input_shape == (None, 16, 16, 1)


def test_skipped_files_are_listed_before_the_training_begins(digits, in_tmp, stopped):
    shutil.copytree(digits, "images")
    Path("images/one/broken.png").write_bytes(b"no image")
    stopped("mnist_cnn_small", "images")
    listed = Path("run/left_out.txt").read_text()
    assert "broken.png" in listed and listed.count("\n") == 1


def test_options_may_be_numbers_of_numpy(in_tmp, stopped):
    frame = pd.DataFrame({"x": np.sin(np.arange(90)), "y": np.cos(np.arange(90))})
    config, _ = stopped(
        "stacked_lstm", frame, target=frame.columns, horizon=np.int64(2), lookback=np.int32(4),
        split=np.array([60, 12, 18]),
    )  # fmt: skip
    assert config.own.asked == {
        "target": ["x", "y"], "horizon": 2, "lookback": 4, "split": [60, 12, 18], "segment": None,
    }  # fmt: skip
    with pytest.raises(KerazooError, match="split is 60"):
        kerazoo.finetune("stacked_lstm", frame, target="x", horizon=2, split=60)
    rows = pd.DataFrame(np.random.RandomState(0).rand(60, 3))
    assert kerazoo.from_table(rows, target=2).reading.targets == ("2",)


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
def test_a_table_of_few_rows_is_decayed_more(in_tmp, stopped, rows, settings, optimizer, decay):
    x = np.random.RandomState(0).normal(size=(rows, 2))
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(y=np.where(x[:, 0] > 0, "u", "v"))
    recipe = stopped("mlp", frame, target="y", settings=settings)[0].recipe
    assert recipe.optimizer == optimizer
    assert recipe.weight_decay == pytest.approx(decay, rel=0.01)


def test_augmentation_can_be_turned_off(digits):
    entry, data = registry.get_entry("mnist_cnn@digits"), kerazoo.from_images(digits)
    on, off = (
        finetuning.starting_recipe(entry, data, augment=augment, balance=False)
        for augment in (True, False)
    )
    assert on.augment_shift > 0 and not off.augments
    assert off == on.replace(augment_shift=0.0, augment_rotate=0.0, augment_zoom=0.0)


@pytest.mark.parametrize(("epochs", "head"), [(1, 0), (2, 1), (4, 1), (11, 2)])
def test_the_last_layer_trains_alone_first_wherever_there_are_two_epochs(epochs, head):
    plain = registry.get_entry("mnist_cnn@digits").recipe.replace(epochs=epochs)
    recipe = finetuning.finetuning_recipe(plain, {}, freeze=False, head=True)
    assert (recipe.epochs, recipe.head_epochs) == (epochs, head)


def test_a_comparison_that_diverges_is_left_out(digits, in_tmp, monkeypatch):
    fit = loop.fit

    def diverges(job, folder, **options):
        if folder.name == "scratch":
            raise Diverged("the training diverged: the loss became nan")
        return fit(job, folder, **options)

    monkeypatch.setattr(loop, "fit", diverges)
    done = kerazoo.finetune("mnist_cnn_small", digits, out="run", **FAST)
    assert [row.name for row in done.comparison] == ["majority class", "linear", "fine-tuned"]
    (note,) = [w for w in done.warnings if "from scratch" in w]
    assert "the loss became nan" in note and note in (done.path / "card.md").read_text()


def test_a_table_that_diverges_keeps_a_model_of_raw_rows(in_tmp, monkeypatch):
    import tensorflow as tf

    frame = pd.DataFrame({"x": np.sin(np.arange(60)), "high": np.sin(np.arange(60)) > 0})
    look = loop.Epochs._look

    def diverges(self, step, loss):
        look(self, step, np.nan if self.epoch else loss)

    monkeypatch.setattr(loop.Epochs, "_look", diverges)
    with pytest.raises(Diverged):
        kerazoo.finetune("mlp", frame, target="high", out="run", **FAST)
    kept = keras.saving.load_model("run/last_good_model.keras")
    assert kept({"x": tf.constant([[1.0]])}).shape == (1, 2)


@pytest.mark.parametrize(
    ("name", "values", "better"),
    [
        ("accuracy", (0.3, 0.8, 0.9), ""),
        ("accuracy", (0.3, 0.95, 0.9), "from scratch"),
        ("accuracy", (0.97, 0.95, 0.9), "linear"),
        ("accuracy", (0.9, 0.8, 0.9), "linear"),
        ("mse", (0.3, 0.2, 0.1), ""),
        ("mse", (0.01, 0.2, 0.1), "linear"),
    ],
)
def test_a_simpler_way_that_does_as_well_is_named(name, values, better):
    rows = [Compared("real against real", 0.0 if name == "mse" else 1.0, None, {}, limit=True)]
    for row, value in zip(("linear", "from scratch", "fine-tuned"), values, strict=True):
        rows.append(Compared(row, value, None if row == "linear" else 0.01, {}))
    text = verdict(rows, metric(name))
    assert better in text and bool(text) == bool(better)


class Killed(BaseException):
    """Ends a training as a signal does, with nothing that catches it."""


@pytest.fixture
def killed(monkeypatch):
    """Runs something whose training in the directory ``run`` ends at its third epoch."""

    begin = loop.Epochs.on_epoch_begin

    def killed(self, epoch, logs=None):
        if epoch == 2:
            raise Killed
        begin(self, epoch, logs)

    often = functools.partial(trainer.train_job, checkpoint_seconds=0)

    def run(what):
        with monkeypatch.context() as patch:
            patch.setattr(loop.Epochs, "on_epoch_begin", killed)
            patch.setattr(finetuning, "train_job", often)
            with pytest.raises(Killed):
                what()
        assert checkpoint.read(Path("run")).epochs == 2

    return run


def of_images(digits, wine):
    return "mnist_cnn_small", digits, {"weights": "digits", "balance": True}


def of_a_table(digits, wine):
    return "mlp", wine, {"target": "cultivar"}


def of_a_series(digits, wine):
    price = np.sin(np.arange(300) / 4) + np.random.RandomState(0).normal(size=300) / 9
    data = pd.DataFrame({"step": range(300), "price": price})
    return "stacked_lstm", data, {"target": "price", "horizon": 6, "lookback": 24}


def of_texts(digits, wine):
    words = ["good", "great", "bad", "poor"] * 9
    data = pd.DataFrame({"body": [f"a {word} film" for word in words]})
    data["label"] = [word in ("good", "great") for word in words]
    return "text_cnn", data, {"text": "body", "target": "label", "weights": None}


@pytest.mark.slow
@pytest.mark.parametrize("given", [of_images, of_a_table, of_a_series, of_texts])
def test_a_killed_training_resumes_to_the_same_bits(given, digits, wine, in_tmp, killed):
    name, data, options = given(digits, wine)

    def start(**more):
        return kerazoo.finetune(name, data, **{**FAST, "epochs": 4, **options, **more})

    whole = start(out="whole")
    killed(lambda: start(out="run"))
    with pytest.raises(KerazooError):
        start(out="run")
    again = start(out="run", resume=True)
    assert again.history == whole.history and again.metrics == whole.metrics
    assert [row.value for row in again.comparison] == [row.value for row in whole.comparison]
    for one, other in zip(again.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(KerazooError, match="epochs"):
        start(out="run", resume=True, epochs=5)


def test_resuming_names_the_option_or_the_data_that_changed(in_tmp, stopped):
    rows = pd.DataFrame(np.random.RandomState(0).rand(60, 3), columns=list("abc"))
    stopped("mlp", rows, target="c")
    with pytest.raises(KerazooError):
        kerazoo.finetune("mlp", rows + 1, target="c", out="run", resume=True, progress=False)
    with pytest.raises(KerazooError, match="target"):
        kerazoo.finetune("mlp", rows, target="a", out="run", resume=True, progress=False)


@pytest.mark.slow
def test_a_directory_of_real_photographs(in_tmp):
    """CIFAR-10 as JPEG files: the zoo's weights beat a start from nothing and both baselines."""
    from benchmarks import finetuning

    needs_data("cifar10")
    (in_tmp / "my photographs").mkdir()
    finetuning.write_photographs(in_tmp / "my photographs", 200)
    done = kerazoo.finetune("resnet8", "my photographs", epochs=4, out="run", progress=False)
    value = {row.name: row.value for row in done.comparison}
    assert value["fine-tuned"] > max(v for name, v in value.items() if name != "fine-tuned")
    assert value["fine-tuned"] > 0.9 and value["majority class"] == 0.5


def test_a_table_of_classes(wine, in_tmp):
    done = kerazoo.finetune("mlp", wine, target="cultivar", **{**FAST, "epochs": 30})
    assert [row.name for row in done.comparison] == ["majority class", "linear", "from scratch"]
    assert "| from scratch (this model) |" in (done.path / "card.md").read_text()
    assert done.metrics["value"] > 0.9 and kerazoo.evaluate(done.path).same
    frame = pd.read_csv(wine)
    predicted = kerazoo.predict(done.path, wine).frame
    assert (predicted["cultivar"] == frame["cultivar"]).mean() > 0.9
    model = keras.saving.load_model(done.path / "model.keras")
    import tensorflow as tf

    first = frame.iloc[0].rename(lambda name: name.replace("/", "_"))
    row = {k: tf.constant([[first[k]]], dtype=v.dtype) for k, v in model.input.items()}
    chances = [predicted[f"p({label})"][0] for label in done.data.data.info.labels]
    np.testing.assert_allclose(model(row)[0], chances, rtol=1e-4)


@pytest.mark.slow
def test_a_table_of_numbers_in_memory(in_tmp):
    frame = sklearn_datasets.load_diabetes(as_frame=True).frame
    done = kerazoo.finetune("linear_regression", frame, target="target", **{**FAST, "epochs": 60})
    value = {row.name: row.value for row in done.comparison}
    assert list(value) == ["training mean", "least squares", "from scratch"]
    assert value["from scratch"] == pytest.approx(value["least squares"], abs=0.02)
    with pytest.raises(KerazooError, match="data="):
        kerazoo.evaluate(done.path)
    assert kerazoo.evaluate(done.path, data=frame).same
    with pytest.raises(KerazooError):
        kerazoo.evaluate(done.path, data=frame[1:])
    with pytest.raises(KerazooError):
        kerazoo.evaluate("linear_regression@diabetes", data=frame)


@pytest.mark.slow
@pytest.mark.parametrize("given", ["arrays", "tensorflow"])
def test_rows_given_as_arrays_with_a_test_pair(in_tmp, given):
    x, y = sklearn_datasets.load_iris(return_X_y=True)
    data, test = (x[10:], y[10:]), (x[:10], y[:10])
    if given == "tensorflow":
        tf = pytest.importorskip("tensorflow")
        data = tf.data.Dataset.from_tensor_slices(data).shuffle(200).batch(16)
    done = kerazoo.finetune("mlp", data, test=test, **{**FAST, "epochs": 90})
    assert done.metrics["examples"] == 10
    assert json.loads((done.path / "config.json").read_text())["start"] is None
    assert (kerazoo.predict(done.path, x).frame["y"].astype(int) == y).mean() > 0.9
    assert kerazoo.evaluate(done.path, data=data, test=test).same
    for other in ({}, {"data": data}, {"data": data, "test": (x[:9], y[:9])}):
        with pytest.raises(KerazooError):
            kerazoo.evaluate(done.path, **other)


def test_files_are_found_again_from_another_directory(wine, in_tmp, stopped, monkeypatch):
    rows = pd.read_csv(wine)
    rows[::2].to_csv("train.csv", index=False)
    rows[1::2].to_csv("test.csv", index=False)
    config, _ = stopped("mlp", "train.csv", test="test.csv", target="cultivar")
    (in_tmp / "elsewhere").mkdir()
    monkeypatch.chdir(in_tmp / "elsewhere")
    data = reread(config, in_tmp / "run").data
    assert len(data.test) == len(rows) // 2 and data.sha256 == config.fingerprints.data
    (in_tmp / "test.csv").unlink()
    with pytest.raises(KerazooError, match=r"test\.csv"):
        reread(config, in_tmp / "run")


def test_data_in_memory_is_given_again(wine, in_tmp, stopped):
    frame = pd.read_csv(wine)
    config, _ = stopped("mlp", frame, target="ash")
    assert reread(config, Path("run"), frame).data.sha256 == config.fingerprints.data
    shutil.rmtree("run")
    tested, _ = stopped("mlp", frame, test=frame[:20], target="ash")
    assert len(reread(tested, Path("run"), frame, frame[:20]).data.test) == 20
    for run, given in ((config, ()), (tested, ()), (tested, (frame,))):
        with pytest.raises(KerazooError, match=r"data=|test="):
            reread(run, Path("run"), *given)


@pytest.mark.slow
def test_targets_of_any_size_are_learnt_in_their_own_units(in_tmp):
    random = np.random.RandomState(0)
    x = random.uniform(-1, 1, (300, 3))
    small, large = x[:, 0] * x[:, 1], x[:, 2] ** 2 - x[:, 0]
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame = frame.assign(tiny=7 + 1e-3 * small, huge=1e7 * (large - 5))
    done = kerazoo.finetune(
        "mlp", frame, target=["tiny", "huge"], learning_rate=5e-3, settings={"weight_decay": 0.1},
        **{**FAST, "epochs": 60},
    )  # fmt: skip
    predicted = kerazoo.predict(done.path, frame).frame
    for name in ("tiny", "huge"):
        assert np.corrcoef(predicted[name], frame[name])[0, 1] > 0.95, name
        assert predicted[name].mean() == pytest.approx(frame[name].mean(), rel=0.05)
    assert kerazoo.evaluate(done.path, data=frame).same  # the saved model knows the units


@pytest.mark.slow
@pytest.mark.parametrize("size", [1e-5, 1.0, 1e12])
def test_one_target_of_any_size_is_learnt_alike(in_tmp, size):
    random = np.random.RandomState(0)
    a, b, noise = random.normal(size=(3, 300))
    frame = pd.DataFrame({"a": a, "b": b, "y": (3 * a - 2 * b + 0.1 * noise) * size})
    done = kerazoo.finetune("mlp", frame, target="y", scratch=False, **{**FAST, "epochs": 60})
    assert done.metrics["value"] > 0.98
    scaled = done.history[-1]["loss"] * frame["y"].var()
    assert done.history[-1]["mse"] == pytest.approx(scaled, rel=0.1)


@pytest.mark.slow
def test_a_series_forecasts_in_natural_units(in_tmp):
    t = np.arange(300)
    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=300, freq="h")})
    frame["price"] = 300 + 20 * np.sin(t / 12 * np.pi)
    frame["load"] = 5 + np.cos(t / 12 * np.pi)
    frame.to_csv("series.csv", index=False)
    options = {"target": ["price", "load"], "horizon": 6, "lookback": 24}
    done = kerazoo.finetune("stacked_lstm", "series.csv", **options, **{**FAST, "epochs": 15})
    assert "seasonal repeat" in [row.name for row in done.comparison]
    ahead = kerazoo.predict(done.path, ["series.csv"]).frame
    assert ahead["when"].iloc[0] == pd.Timestamp("2024-01-13 12:00")
    wanted = 300 + 20 * np.sin(np.arange(300, 306) / 12 * np.pi)
    assert np.abs(ahead["price"] - wanted).max() < 15
    assert kerazoo.evaluate(done.path).same


@pytest.mark.slow
def test_texts_learn_from_the_zoos_weights(in_tmp):
    words = {"good": "great wonderful excellent perfect", "bad": "awful terrible boring worst"}
    rows = [(f"a {w} film , truly {w}", c) for c, ws in words.items() for w in ws.split()] * 4
    pd.DataFrame(rows, columns=["body", "label"]).to_csv("reviews.csv", index=False)
    done = kerazoo.finetune(
        "text_cnn", "reviews.csv", text="body", target="label", scratch=False,
        **{**FAST, "epochs": 6},
    )  # fmt: skip
    predictions = kerazoo.predict(done.path, ["an excellent film", "the worst"])
    assert [p.label for p in predictions] == ["good", "bad"]
    table = kerazoo.predict(done.path, "reviews.csv")  # the column of texts is remembered
    assert (table.frame["label"] == [c for _, c in rows]).mean() > 0.9
    assert (done.path / "vocabulary.txt.xz").exists()
    strings = (done.path / "model_strings.keras").exists()
    assert strings == (keras.config.backend() == "tensorflow")


def test_a_generator_learns_a_directory_of_images(in_tmp):
    (in_tmp / "images").mkdir()
    for i, x in enumerate(kerazoo.load_data("digits").train.x[:120]):
        Image.fromarray(x.squeeze(-1)).save(in_tmp / "images" / f"{i}.png")
    options = {"weights": "digits", "scratch": False, "out": "run", **FAST}
    done = kerazoo.finetune("dcgan", "images", **options)
    names = [row.name for row in done.comparison]
    assert names == ["independent pixels", "real against real", "fine-tuned"]
    assert done.comparison[2].value < done.comparison[0].value
    assert json.loads((done.path / "config.json").read_text())["start"]["entry"] == "dcgan@digits"
    assert kerazoo.sample("run", 3).shape == (3, 28, 28, 1)
    assert "generator.keras" in (done.path / "card.md").read_text()
    assert not (done.path / "labels.json").exists()
    with pytest.raises(KerazooError, match="freeze"):
        kerazoo.finetune("dcgan", "images", freeze=True, **{**options, "out": "other"})


def test_models_that_arrays_do_not_go_with(in_tmp):
    x, y = np.random.RandomState(0).rand(30, 4), np.arange(30) % 3
    for name, data, options in (
        ("mlp", (x, y), {"target": "y"}),
        ("mlp", (x.reshape(30, 2, 2), y), {"size": 9}),
        ("stacked_lstm", (x, y), {}),
        ("lenet5", (x, y), {}),
        ("mlp", x, {}),
        ("mlp", (x, y), {"test": x}),
        ("mlp", (x, y), {"test": "t.csv"}),
        ("mlp", kerazoo.from_arrays(x, y), {"task": "classification"}),
    ):
        with pytest.raises(KerazooError):
            kerazoo.finetune(name, data, progress=False, **options)
    assert not list(in_tmp.iterdir())


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("mnist_cnn", "nowhere"), "nowhere"),
        (("mnist_cm", "{digits}"), "mnist_cnn"),
        (("mnist_cnn", "{wine}"), "directory of images"),
        (("stacked_lstm", "{digits}"), "CSV file of a series"),
        (("text_cnn", "{digits}"), "CSV file of texts"),
        (("mlp", "{wine}"), "--target"),
        (("mlp", "{wine}", "--target", "cultivar", "--horizon", "3"), "--horizon"),
        (("stacked_lstm", "{wine}", "--target", "ash"), "--horizon"),
        (("mnist_cnn", "{digits}", "--weights", "imagenet"), "'imagenet'"),
        (("mnist_cnn", "{digits}", "--weights", "none", "--freeze"), "freeze"),
        (("mnist_cnn", "{digits}", "--weights", "none", "--set", "head_epochs=1"), "head_epochs"),
        (("mnist_cnn", "{digits}", "--out", "{digits}/run"), "--out"),
        (("linear_regression", "{wine}", "--target", "cultivar"), "--task regression"),
        (("mnist_cnn", "{digits}", "--size", "3"), "cannot be built"),
        (("mnist_cnn", "{digits}", "--epochs", "0"), "epochs"),
        (("mnist_cnn", "{digits}", "--set", "batch=1"), "'batch'"),
        (("mnist_cnn", "{digits}", "--seed", "-1"), "seed"),
        (("mnist_cnn", "{digits}", "--target", "a"), "--target"),
        (("mlp", "{wine}", "--target", "ash", "--balance"), "balance"),
        (("mlp", "{wine}", "--target", "ash", "--weights", "digits"), "mlp@digits"),
        (("mnist_cnn", "{digits}", "--resume"), "--out"),
    ],
)
def test_errors_name_what_is_wrong_with_status_2(command, digits, wine, arguments, name):
    given = [a.format(digits=digits, wine=wine) for a in arguments]
    status, _, error = command("finetune", *given)
    assert status == 2 and name in error and "Traceback" not in error
    assert not Path("runs").exists()


def test_the_command_line_reports_what_it_found_and_how_to_go_on(command, digits):
    status, out, error = command(
        "finetune", "mnist_cnn_small", digits, "--weights", "digits", "--epochs", "1",
        "--no-scratch", "--out", "R&D",
    )  # fmt: skip
    assert status == 0 and "kerazoo predict 'R&D' photo.jpg" in out and "fine-tuned" in out
    assert "60 images of 3 classes: one 20; seven 20; zero 20" in error
    assert "mnist_cnn_small@digits" in error
    (verdict,) = re.findall(r"note: +(linear .*)", out)  # one epoch is too few
    assert verdict[1:] in Path("R&D/card.md").read_text()
    file = str(next((digits / "one").iterdir()))
    status, out, _ = command("predict", "R&D", file, "--json")
    assert status == 0 and set(json.loads(out)[0]["probabilities"]) == {"one", "seven", "zero"}
