"""Fine-tuning: from user data to a model that predicts, next to what it has to beat."""

from __future__ import annotations

import functools
import json
import re
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn import datasets as sklearn_datasets

import kerazoo
from kerazoo import _files, registry
from kerazoo.datasets import _sources, etth1
from kerazoo.errors import Diverged, Interrupted, KerazooError
from kerazoo.finetuning import finetune as finetuning
from kerazoo.finetuning.compare import ADVICE, Compared, balanced, verdict
from kerazoo.finetuning.readers.choose import reread
from kerazoo.finetuning.readers.user_data import inner_model
from kerazoo.metrics import metric
from kerazoo.tasks._scores import by_class
from kerazoo.tasks.classification import Classification
from kerazoo.training import batches, checkpoint, loop, run_directory
from kerazoo.training import train as trainer
from kerazoo.training.run_config import Start
from tests.conftest import QUIET, copy_after_each_checkpoint, needs_data, raised
from tests.pages import Page
from tests.user_data import KINDS

FAST = {"epochs": 2, "progress": False, "plots": False}


@pytest.fixture
def digits(user_file):
    return user_file("images")


@pytest.fixture
def table(user_file):
    return user_file("table")


def without_calibration(monkeypatch):
    monkeypatch.setattr(Classification, "calibrate", lambda task, *a: task.evaluate(*a[:2]))


def compared(path):
    """The values of the comparison by name, and the card, which shows each of them."""
    rows = json.loads((path / "comparison.json").read_text())["rows"]
    card = (path / "card.md").read_text()
    assert all(row["name"] in card for row in rows)
    return {row["name"]: row["value"] for row in rows}, card


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
    run = run_directory.load(tuned("images"))
    values, card = compared(run.path)
    assert list(values) == ["majority class", "linear", "from scratch", "fine-tuned"]
    assert values["fine-tuned"] == run.metrics["value"] > 0.8
    assert values["majority class"] == pytest.approx(1 / 3)
    assert {p.name for p in run.path.iterdir()} >= {
        "model.keras", "labels.json", "confusion_matrix.png", "worst_errors.png",
        "learning_curves.png", "scratch",
    }  # fmt: skip
    page = Page((run.path / "card.html").read_text(encoding="utf-8"), scripts=1)
    assert metric("accuracy").show(run.metrics["value"]) in page.text
    assert page.tags.count("img") == len(run.plots) and not page.links
    assert json.loads((run.path / "labels.json").read_text()) == ["one", "seven", "zero"]
    with zipfile.ZipFile(run.path / "model.keras") as archive:
        assert b'"kerazoo' not in archive.read("config.json"), "plain Keras opens the model"
    assert "mnist_cnn_small@digits" in card and "60 images of 3 classes" in card
    fields = re.search(r"Recipe: (.*)\.", card)[1].split(", ")
    assert [field.split()[0] for field in fields] == list(run.recipe.in_use())
    scratch = json.loads((run.path / "scratch" / "metrics.json").read_text())
    assert scratch["value"] == values["from scratch"]
    assert scratch["examples"] == run.metrics["examples"] == 12


def test_the_data_is_read_again_and_a_change_is_noticed(tuned, digits, tmp_path):
    assert kerazoo.evaluate(tuned("images") / "scratch").same
    changed = shutil.copytree(digits, tmp_path / "changed")
    assert kerazoo.evaluate(tuned("images"), data=changed).same
    Image.new("L", (9, 9)).save(changed / "one" / "extra.png")
    with pytest.raises(KerazooError):
        kerazoo.evaluate(tuned("images"), data=changed)


def test_a_strangers_model_runs_no_code(tuned, digits, tmp_path):
    directory, touched = tmp_path / "run", tmp_path / "touched"
    shutil.copytree(tuned("images"), directory)

    def evil(x):
        touched.touch()
        return x

    inputs = keras.Input((28, 28, 1))
    keras.Model(inputs, keras.layers.Lambda(evil)(inputs)).save(directory / "model.keras")
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
    whole = (tuned("images") / "model.keras").read_bytes()
    (directory / "model.keras").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(KerazooError):
        kerazoo.predict(directory, [file])


def test_frozen_layers_keep_the_trained_weights(digits, in_tmp):
    data = kerazoo.from_images(digits)  # read again in the size of the model
    done = kerazoo.finetune("mnist_cnn_small", data, weights="digits", freeze=True, **FAST)
    trained = kerazoo.build("mnist_cnn_small", weights="digits")
    for layer in inner_model(done.model).layers:  # in a model that inverts dark and light
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
    np.testing.assert_equal(model.get_weights(), trained.get_weights())


def test_texts_start_from_the_vocabulary_of_the_trained_weights(in_tmp, stopped):
    data = pd.DataFrame({"body": ["a good film", "a bad film"] * 18, "label": [1, 0] * 18})
    config, model = stopped("text_cnn", data, text="body", target="label")
    assert config.own.asked["vocabulary"] == "imdb"
    assert config.start == Start(entry="text_cnn@imdb", head=("classifier",))
    trained = kerazoo.build("text_cnn", weights="imdb")
    np.testing.assert_array_equal(model.layers[1].get_weights(), trained.layers[1].get_weights())


@pytest.mark.parametrize("kind", ["images", "table", "series", "texts"])
def test_a_fine_tuned_run_is_a_start(kind, tuned, user_file, in_tmp, stopped):
    """Of the same data read alike: every layer is taken over, the last one too."""
    before, (_, _, model, options) = tuned(kind), KINDS[kind]
    reading = {name: options[name] for name in ("text", "target") if name in options}
    config, net = stopped(model, user_file(kind), weights=before, **reading)
    sha256 = json.loads((before / "metrics.json").read_text())["weights_sha256"]
    assert (config.start.run, config.start.weights_sha256) == (str(before), sha256)
    trained = kerazoo.build(model, weights=before)
    np.testing.assert_equal(net.get_weights(), trained.get_weights())


def test_the_weights_for_one_table_are_none_for_another(tuned, in_tmp, stopped):
    frame = pd.DataFrame({"a": range(40), "kind": ["big", "small"] * 20})
    with pytest.raises(KerazooError):
        kerazoo.finetune("mlp", frame, target="kind", weights=tuned("table"), progress=False)


def test_early_stopping_keeps_the_best_epoch_and_resumes_exactly(in_tmp, monkeypatch):
    """Of one more than `patience` epochs that are trained at such a rate."""
    without_calibration(monkeypatch)  # the loss is that of the epoch
    data = kerazoo.load_data("digits")
    some = kerazoo.from_arrays(data.train.x[:300], data.train.y[:300])
    copy_after_each_checkpoint(monkeypatch)
    options = {"weights": "digits", "learning_rate": 0.02, "epochs": 12, "early_stopping": 2}
    options |= {"scratch": False, "progress": False, "plots": False}
    monkeypatch.setattr(loop, "fit", functools.partial(loop.fit, checkpoint_seconds=0.0))
    tune = functools.partial(kerazoo.finetune, "mnist_cnn_small", some, **options)
    done = tune(out="run")
    head, losses = done.recipe.head_epochs, [row["val_loss"] for row in done.history]
    best = done.metrics["best_epoch"]
    assert best == head + 1 + int(np.argmin(losses[head:])) and len(losses) == best + 2 < 12
    model = keras.Sequential([done.model])
    model.compile(loss="sparse_categorical_crossentropy")
    assert model.evaluate(*some.data.validation, verbose=0) == pytest.approx(losses[best - 1])
    for epoch in (head, best, best + 2):
        assert (in_tmp / f"run-{epoch}").is_dir()
        again = tune(out=f"run-{epoch}", resume=True)
        assert again.metrics == done.metrics and again.history == done.history


@pytest.mark.slow
def test_from_scratch_the_learning_rate_is_the_entrys(in_tmp):
    """The one that was given is for trained weights."""
    data = kerazoo.load_data("digits")
    options = {"weights": "digits", "learning_rate": 0.02, "epochs": 2, "out": "run", **QUIET}
    kerazoo.finetune("mnist_cnn_small", (data.train.x[:150], data.train.y[:150]), **options)
    recipe = json.loads((in_tmp / "run" / "scratch" / "config.json").read_text())["recipe"]
    entry = registry.get_entry("mnist_cnn_small@digits")
    assert recipe["learning_rate"] == entry.recipe.learning_rate and recipe["epochs"] == 2


def test_another_image_size_keeps_the_layers_that_fit(digits, in_tmp, stopped):
    config, model = stopped("mnist_cnn", digits, weights="digits", size=16)
    assert config.start.entry == "mnist_cnn@digits"
    assert set(config.start.head) == {"dense", "classifier"}
    assert model.input_shape == (None, 16, 16, 1)


@pytest.mark.parametrize(
    ("targets", "lookback", "horizon", "weights", "fresh"),
    [
        (["price", "load"], 96, 6, "etth1", ("head",)),
        (["price"], 50, 24, "etth1", ("lstm1",)),
        (["price", "load"], 192, 24, "etth1_multivariate", ()),
        (["price"], 96, 24, "etth1_multivariate", ("linear_path",)),
    ],
)
def test_a_series_starts_from_the_weights_that_fit(
    targets, lookback, horizon, weights, fresh, in_tmp, stopped
):
    """Of ETTh1, whatever the columns, look-back and horizon; the rest starts fresh."""
    t = np.arange(420)
    frame = pd.DataFrame({"price": 300 + 20 * np.sin(t / 12 * np.pi), "load": 5 + np.cos(t / 3)})
    asked = {"target": targets, "lookback": lookback, "horizon": horizon, "time": "none"}
    _, model = stopped("stacked_lstm", frame, weights=weights, **asked)
    trained = kerazoo.build("stacked_lstm", weights=weights)
    for layer in filter(lambda layer: layer.weights, model.layers):
        known = trained.get_layer(layer.name).get_weights()
        same = all(map(np.array_equal, layer.get_weights(), known))
        assert same == (layer.name not in fresh), layer.name


@pytest.mark.slow
def test_etth1_as_a_users_csv_is_the_entry_to_the_bit(in_tmp):
    needs_data("etth1")
    options = {"epochs": 1, "progress": False, "plots": False}
    done = kerazoo.finetune(
        "stacked_lstm", _sources.find(etth1.FILE), target="OT", horizon=24,
        split=(8640, 2880, 2880), out="own", **options,
    )  # fmt: skip
    entry = kerazoo.train("stacked_lstm@etth1", out="entry", **options)
    for value in ("value", "standard_error", "also", "examples"):
        assert done.metrics[value] == entry.metrics[value]
    ahead = kerazoo.predict("own", _sources.find(etth1.FILE)).frame
    assert len(ahead) == 24 and str(ahead["date"].iloc[0]) == "2018-06-26 20:00:00"


def test_skipped_files_are_listed_before_the_training_begins(digits, in_tmp, stopped):
    shutil.copytree(digits, "images")
    Path("images/one/broken.png").write_bytes(b"no image")
    stopped("mnist_cnn_small", "images")
    listed = Path("run/left_out.txt").read_text()
    assert "broken.png" in listed and listed.count("\n") == 1


def test_images_in_a_temporary_file_train_to_the_same_bits(digits, in_tmp, monkeypatch):
    def tuned(out):
        done = kerazoo.finetune("mnist_cnn_fast", digits, scratch=False, out=out, **FAST)
        return done.data.data, done.metrics["weights_sha256"], done.comparison

    data, *expected = tuned("in_memory")
    monkeypatch.setattr(_files, "LARGE", 0)
    monkeypatch.setattr(batches, "SHARED", 0)
    in_file, *found = tuned("in_file")
    assert [type(d.train.x) for d in (data, in_file)] == [np.ndarray, np.memmap]
    assert in_file.sha256 == data.sha256 and found == expected


def test_options_may_be_numbers_of_numpy(in_tmp, stopped):
    frame = pd.DataFrame({"x": np.sin(np.arange(90)), "y": np.cos(np.arange(90))})
    own = {"target": frame.columns, "horizon": np.int64(2), "split": np.array([60, 12, 18])}
    asked = stopped("stacked_lstm", frame, lookback=np.int32(4), **own)[0].own.asked
    assert asked["target"] == ["x", "y"] and asked["split"] == [60, 12, 18]
    assert (asked["horizon"], asked["lookback"]) == (2, 4)
    with pytest.raises(KerazooError):
        kerazoo.finetune("stacked_lstm", frame, target="x", horizon=2, split=60)
    rows = pd.DataFrame(np.random.RandomState(0).rand(60, 3))
    assert kerazoo.from_table(rows, target=2).reading.targets == ("2",)


@pytest.mark.parametrize(
    ("rows", "settings", "optimizer", "decay"),
    [
        (100, {}, "adamw", 3.0),
        (1000, {}, "adamw", 1000 / 700),
        (100, {"optimizer": "adam"}, "adam", 0.0),
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
    assert off == on.replace(augment_shift=0.0, augment_rotate=0.0)


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
    assert (ADVICE in text) is (bool(better) and values[0] != values[2])


def test_rare_cases_that_are_never_found_are_noticed(in_tmp, command):
    """None of 6 frauds was found, at "97.00 %" without a note."""
    random = np.random.RandomState(0)
    frame = pd.DataFrame({"amount": random.gamma(2, 50, 300), "fraud": np.arange(300) % 20 == 0})
    frame.to_csv("f.csv", index=False)
    words = ("finetune", "mlp", "f.csv", "--target", "fraud", "--epochs", "2", "--no-scratch")
    status, out, _ = command(*words, "--out", "run", "--json")
    told = json.loads(out)
    assert status == 0 and told["metrics"]["also"]["balanced_accuracy"] == 0.5
    found = told["metrics"]["by_class"]
    assert found["True"]["recall"] == 0 and found["True"]["precision"] is None
    notes = told["warnings"][-2:]
    assert "'True'" in notes[0] and "95.00 %" in notes[1]
    for text in (Path("run/card.md").read_text(), command("evaluate", "run")[1]):
        assert "F1" in text and notes[1] in text
    rows = [Compared(**row) for row in told["comparison"]]
    assert [row.also["balanced_accuracy"] for row in rows] == [0.5, 0.5, 0.5]


def test_a_threshold_is_chosen_on_validation_kept_and_used(in_tmp, command):
    random = np.random.RandomState(0)
    frame = pd.DataFrame({"a": random.normal(size=400), "b": random.normal(size=400)})
    frame["state"] = np.where(frame["a"] + random.normal(size=400) > 1.5, "ill", "fine")
    frame.to_csv("f.csv", index=False)
    words = ("finetune", "mlp", "f.csv", "--target", "state", "--epochs", "10", "--no-scratch")
    status, out, _ = command(
        *words, "--threshold", "recall=0.9", "--positive", "ill", "--out", "run", "--json"
    )
    found = json.loads(out)["metrics"]
    value = found["threshold"]["value"]
    assert status == 0 and 0 < value < 0.5 and found["threshold"]["positive"] == "ill"
    rows = kerazoo.predict("run", "f.csv").frame
    np.testing.assert_array_equal(rows["state"] == "ill", rows["p(ill)"] >= value)
    again = kerazoo.evaluate("run")
    assert again.same and again.by_class == found["by_class"]
    assert f"{value:.3g}" in Path("run/card.md").read_text()
    assert kerazoo.export("run", "keras", "exported").passed
    assert json.loads(Path("exported/threshold.json").read_text()) == found["threshold"]
    for more in (
        ("--positive", "ill"),
        ("--threshold", "f1"),
        ("--threshold", "f1", "--positive", "ill", "--set", "train_on=train+validation"),
    ):
        assert command(*words, *more, "--quiet")[0] == 2
    options = {"target": "state", "positive": "ill", "epochs": 10, "progress": False}
    options |= {"out": "run", "resume": True, "threshold": 0.3}  # another one is another run
    raised(["threshold"], kerazoo.finetune, "mlp", "f.csv", **options)


def test_balanced_classes_are_compared_by_balanced_accuracy():
    """The advice was to take the majority class."""
    values = {"majority class": (0.97, 0.5), "linear": (0.96, 0.6), "fine-tuned": (0.7, 0.72)}
    rows = [Compared(k, a, 0.03, {"balanced_accuracy": b}) for k, (a, b) in values.items()]
    assert "majority class" in verdict(rows, metric("accuracy"))
    metrics = {"by_class": by_class(np.array([[5, 1], [60, 134]]), "ab")}
    fair = balanced(rows, metrics)
    assert verdict(fair, metric("balanced_accuracy")) == ""
    assert 0.05 < fair[-1].standard_error < 0.2  # from 6 examples of the one class


def test_the_saved_probabilities_are_calibrated(in_tmp, monkeypatch):
    random = np.random.RandomState(0)
    frame = pd.DataFrame(random.normal(size=(300, 3)), columns=["a", "b", "c"])
    frame["high"] = frame["a"] + random.normal(size=300) > 0
    given = {"target": "high", **FAST, "epochs": 20}
    done = kerazoo.finetune("mlp", frame, out="run", **given)
    without_calibration(monkeypatch)
    plain = kerazoo.finetune("mlp", frame, out="plain", **given)
    about = done.metrics["calibration"]
    before, after = plain.model.get_weights(), keras.saving.load_model("run/model.keras")
    for old, new in zip(before[-2:], after.get_weights()[-2:], strict=True):
        np.testing.assert_allclose(old, new * about["temperature"], rtol=1e-5)
    np.testing.assert_equal(before[:-2], after.get_weights()[:-2])
    assert done.metrics["value"] == plain.metrics["value"]
    assert about["ece_before"] == pytest.approx(plain.metrics["also"]["ece"], abs=1e-5)
    assert about["validation_examples"] == 30 and about["temperature"] != 1
    assert kerazoo.evaluate("run", data=frame).also["ece"] == done.metrics["also"]["ece"]
    joined = {"train_on": "train+validation"}  # no examples are left to fit it on
    again = kerazoo.finetune("mlp", frame, target="high", settings=joined, out="all", **FAST)
    assert "calibration" not in again.metrics


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["images", "series"])
def test_a_killed_training_resumes_to_the_same_bits(kind, user_file, in_tmp, monkeypatch):
    _, _, model, options = KINDS[kind]
    copy_after_each_checkpoint(monkeypatch)  # whole-2 is what a kill in the third epoch leaves
    often = functools.partial(trainer.train_job, checkpoint_seconds=0)
    monkeypatch.setattr(finetuning, "train_job", often)

    def start(**more):
        return kerazoo.finetune(model, user_file(kind), **{**options, **FAST, "epochs": 3, **more})

    whole = start(out="whole")
    assert checkpoint.read(Path("whole-2")).epochs == 2
    again = start(out="whole-2", resume=True)
    assert again.history == whole.history and again.metrics == whole.metrics
    assert [row.value for row in again.comparison] == [row.value for row in whole.comparison]


def test_resuming_names_the_option_or_the_data_that_changed(in_tmp, stopped):
    rows = pd.DataFrame(np.random.RandomState(0).rand(60, 3), columns=list("abc"))
    stopped("mlp", rows, target="c")
    again = {"out": "run", "resume": True, "progress": False}
    raised([], kerazoo.finetune, "mlp", rows + 1, target="c", **again)
    raised(["target"], kerazoo.finetune, "mlp", rows, target="a", **again)


def test_a_table_of_classes(tuned, table):
    path = tuned("table")
    values, _ = compared(path)
    assert list(values) == ["majority class", "linear", "from scratch"]
    assert values["from scratch"] > 0.7 and kerazoo.evaluate(path).same
    frame, predicted = pd.read_csv(table, dtype={"名前": str}), kerazoo.predict(path, table).frame
    assert (predicted["kind"] == frame["kind"]).mean() > 0.8


@pytest.mark.slow
def test_a_table_of_numbers_in_memory(in_tmp):
    frame = sklearn_datasets.load_diabetes(as_frame=True).frame
    done = kerazoo.finetune("linear_regression", frame, target="target", **{**FAST, "epochs": 60})
    value = {row.name: row.value for row in done.comparison}
    assert list(value) == ["training mean", "least squares", "from scratch"]
    assert value["from scratch"] == pytest.approx(value["least squares"], abs=0.02)
    assert kerazoo.evaluate(done.path, data=frame).same
    for run, data in ((done.path, frame[1:]), ("linear_regression@diabetes", frame)):
        with pytest.raises(KerazooError):
            kerazoo.evaluate(run, data=data)


@pytest.mark.slow
def test_rows_of_a_tensorflow_dataset_with_a_test_pair(in_tmp):
    tf = pytest.importorskip("tensorflow")
    x, y = sklearn_datasets.load_iris(return_X_y=True)
    data = tf.data.Dataset.from_tensor_slices((x[10:], y[10:])).shuffle(200).batch(16)
    test = x[:10], y[:10]
    done = kerazoo.finetune("mlp", data, test=test, **{**FAST, "epochs": 60})
    assert done.metrics["examples"] == 10
    assert json.loads((done.path / "config.json").read_text())["start"] is None
    assert (kerazoo.predict(done.path, x).frame["y"].astype(int) == y).mean() > 0.9
    assert kerazoo.evaluate(done.path, data=data, test=test).same
    with pytest.raises(KerazooError):
        kerazoo.evaluate(done.path, data=data, test=(x[:9], y[:9]))


def test_files_are_found_again_from_another_directory(table, in_tmp, stopped, monkeypatch):
    rows = pd.read_csv(table)
    rows[::2].to_csv("train.csv", index=False)
    rows[1::2].to_csv("test.csv", index=False)
    config, _ = stopped("mlp", "train.csv", test="test.csv", target="kind")
    (in_tmp / "elsewhere").mkdir()
    monkeypatch.chdir(in_tmp / "elsewhere")
    data = reread(config, in_tmp / "run").data
    assert data.test.examples == len(rows) // 2 and data.sha256 == config.fingerprints.data
    (in_tmp / "test.csv").unlink()
    raised(["test.csv"], reread, config, in_tmp / "run")


def test_data_in_memory_is_given_again(table, in_tmp, stopped):
    frame = pd.read_csv(table)
    config, _ = stopped("mlp", frame, target="1st")
    assert reread(config, Path("run"), frame).data.sha256 == config.fingerprints.data
    shutil.rmtree("run")
    tested, _ = stopped("mlp", frame, test=frame[:20], target="1st")
    assert reread(tested, Path("run"), frame, frame[:20]).data.test.examples == 20
    for run, given in ((config, ()), (tested, ()), (tested, (frame,))):
        with pytest.raises(KerazooError, match=r"data=|test="):
            reread(run, Path("run"), *given)


@pytest.mark.slow
def test_targets_of_any_size_are_learnt_in_their_own_units(in_tmp):
    random = np.random.RandomState(0)
    x = random.uniform(-1, 1, (300, 3))
    small, large = x[:, 0] * x[:, 1], x[:, 2] ** 2 - x[:, 0]
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame = frame.assign(tiny=1e-5 * (7 + small), huge=1e12 * (large - 5))
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
def test_one_target_of_any_size_is_learnt_alike(in_tmp):
    a, b, noise = np.random.RandomState(0).normal(size=(3, 300))
    frame = pd.DataFrame({"a": a, "b": b, "y": (3 * a - 2 * b + 0.1 * noise) * 1e12})
    done = kerazoo.finetune("mlp", frame, target="y", scratch=False, **{**FAST, "epochs": 60})
    assert done.metrics["value"] > 0.98
    scaled = done.history[-1]["loss"] * frame["y"].var()
    assert done.history[-1]["mse"] == pytest.approx(scaled, rel=0.1)


def test_a_series_forecasts_in_natural_units(tuned, user_file):
    path = tuned("series")
    assert "repeat last" in compared(path)[0]
    ahead = kerazoo.predict(path, [user_file("series")]).frame
    assert ahead["when"].iloc[0] == pd.Timestamp("2024-01-17 16:00")
    assert 49_950 < ahead["price-lo-90"][0] < ahead["price"][0] < ahead["price-hi-90"][0] < 50_050
    assert kerazoo.evaluate(path).same


@pytest.mark.slow
def test_texts_learn_from_the_zoos_weights(tuned, user_file):
    path, data = tuned("texts"), user_file("texts")
    predictions = kerazoo.predict(path, ["an excellent film", "the worst"])
    assert [p.label for p in predictions] == ["good", "bad"]
    table = kerazoo.predict(path, data)  # the column of texts is remembered
    assert (table.frame["label"] == pd.read_csv(data)["label"]).mean() > 0.9
    assert (path / "vocabulary.txt.xz").exists()
    strings = (path / "model_strings.keras").exists()
    assert strings == (keras.config.backend() == "tensorflow")


@pytest.mark.slow
def test_a_generator_learns_a_directory_of_images(tuned):
    path = tuned("unlabeled")
    values, card = compared(path)
    assert list(values) == ["independent pixels", "real against real", "fine-tuned"]
    assert values["fine-tuned"] < values["independent pixels"]
    assert json.loads((path / "config.json").read_text())["start"]["entry"] == "dcgan@digits"
    assert kerazoo.sample(path, 3).shape == (3, 28, 28, 1)
    assert "generator.keras" in card and not (path / "labels.json").exists()


@pytest.mark.slow
def test_an_autoencoder_has_the_metric_of_its_entries_on_user_data_too(user_file, tmp_path):
    options = {"weights": None, "epochs": 3, "out": tmp_path / "run", **QUIET}
    run = kerazoo.finetune("vae", user_file("unlabeled"), **options)
    assert run.metrics["metric"] == "elbo" and "fd_pixels_pca64" in run.metrics["also"]
    values, card = compared(run.path)
    assert list(values) == ["independent pixels", "from scratch"]
    assert "encoder.keras" in card and kerazoo.evaluate(run.path).same


def test_models_that_arrays_do_not_go_with(in_tmp):
    x, y = np.random.RandomState(0).rand(30, 4), np.arange(30) % 3
    for name, data, options in (
        ("mlp", (x, y), {"target": "y"}),
        ("stacked_lstm", (x, y), {}),
        ("lenet5", (x, y), {}),
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
        (("mnist_cnn", "{table}"), "directory of images"),
        (("stacked_lstm", "{digits}"), "CSV file of a series"),
        (("text_cnn", "{digits}"), "CSV file of texts"),
        (("mlp", "{table}", "--target", "kind", "--horizon", "3"), "--horizon"),
        (("mnist_cnn", "{digits}", "--weights", "imagenet"), "'imagenet'"),
        (("mnist_cnn", "{digits}", "--weights", "none", "--freeze"), "freeze"),
        (("mnist_cnn", "{digits}", "--weights", "none", "--set", "head_epochs=1"), "head_epochs"),
        (("mnist_cnn", "{digits}", "--out", "{digits}/run"), "--out"),
        (("linear_regression", "{table}", "--target", "kind"), "--task regression"),
        (("dcgan", "{unlabeled}", "--freeze"), "freeze"),
        (("mnist_cnn", "{digits}", "--size", "3"), "cannot be built"),
        (("mlp", "{table}", "--target", "1st", "--weights", "digits"), "mlp@digits"),
    ],
)
def test_errors_name_what_is_wrong_with_status_2(command, user_file, arguments, name):
    paths = {"digits": user_file("images"), "table": user_file("table")}
    given = [a.format(**paths, unlabeled=user_file("unlabeled")) for a in arguments]
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
    (verdict,) = re.findall(r"note: +(.* than linear.*)", out)  # one epoch is too few
    assert verdict[1:] in Path("R&D/card.md").read_text()
    file = str(next((digits / "one").iterdir()))
    status, out, _ = command("predict", "R&D", file, "--json")
    assert status == 0 and set(json.loads(out)[0]["probabilities"]) == {"one", "seven", "zero"}
