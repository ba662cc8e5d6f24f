"""Several labels of an example, as columns of 0 and 1: tables and images."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import f1_score

import kerazoo
from kerazoo.errors import KerazooError
from kerazoo.spec import Data, Split
from kerazoo.tasks.multilabel import MultiLabel
from tests.conftest import raised

QUICK = {"epochs": 1, "scratch": False, "plots": False, "progress": False}


def tagged(n=120):
    """Rows of two labels that the columns tell, and a third that none does."""
    random = np.random.RandomState(0)
    a, b = random.normal(size=(2, n))
    tags = {"high": (a > 0).astype(int), "low": (b < 0).astype(int), "odd": np.arange(n) % 2}
    return pd.DataFrame({"a": a, "b": b, **tags})


def test_columns_of_0_and_1_are_labels_and_rows_have_any_number_of_them(in_tmp):
    frame = tagged(300)
    data = kerazoo.from_table(frame, target=("high", "low"))
    assert data.data.info.task == "multilabel" and data.data.info.labels == ("high", "low")
    assert data.data.train.y.dtype == np.float32
    done = kerazoo.finetune("mlp", data, out="run", **{**QUICK, "epochs": 30})
    by_label = done.metrics["by_class"]
    assert set(by_label) == {"high", "low"} and done.metrics["metric"] == "macro_f1"
    scores = [label["f1"] for label in by_label.values()]
    assert done.metrics["value"] == pytest.approx(np.mean(scores))
    assert done.metrics["value"] > 0.8 > {r.name: r.value for r in done.comparison}["every label"]
    new = frame.drop(columns=["high", "low"])
    predicted = kerazoo.predict("run", new).frame
    chances = predicted[["p(high)", "p(low)"]].to_numpy()
    assert set(predicted["labels"]) == {"high", "low", "high, low", "none"}
    assert list(predicted["labels"] == "none") == list((chances < 0.5).all(axis=1))
    assert any("high is in the file" in note for note in kerazoo.predict("run", frame).notes)
    model = keras.saving.load_model(in_tmp / "run" / "model.keras")
    row = {k: np.array([[new[k][0]]], np.float32) for k in new}
    np.testing.assert_allclose(model.predict(row, verbose=0)[0], chances[0], atol=1e-5)


def test_the_task_can_be_said(in_tmp):
    numbers = kerazoo.from_table(tagged(), target=("high", "low"), task="regression")
    assert numbers.data.info.task == "regression"
    one = kerazoo.from_table(tagged(), target="high", task="multilabel")
    assert one.data.info.labels == ("high",)
    missing = tagged().assign(high=lambda frame: frame["high"].where(frame.index > 3))
    found = kerazoo.from_table(missing, target=("high", "low"))
    assert found.data.info.task == "multilabel" and sum(map(len, found.names.values())) == 116
    asked = {"target": ("high", "low"), "task": "multilabel"}
    twos = tagged().assign(low=lambda frame: frame["low"] + 1)
    raised(["'2'"], kerazoo.from_table, twos, **asked)
    raised(["'high'"], kerazoo.from_table, tagged().assign(high=0), **asked)


@pytest.mark.parametrize(
    "words", [("TRUE", "FALSE"), ("true", "false"), ("Yes", "no"), (" 1 ", "0 ")]
)
def test_ways_to_write_0_and_1(in_tmp, words):
    names = ["high", "low"]
    written = tagged().assign(**{n: np.where(tagged()[n] == 1, *words) for n in names})
    written.to_csv("tags.csv", index=False)
    found, plain = (kerazoo.from_table(t, target=("high", "low")) for t in ("tags.csv", tagged()))
    assert found.data.info.task == "multilabel"
    np.testing.assert_array_equal(found.data.train.y, plain.data.train.y)


def test_columns_of_which_each_row_has_one_are_classes(in_tmp):
    one_hot = tagged().assign(low=lambda frame: 1 - frame["high"])
    raised(["--task multilabel"], kerazoo.from_table, one_hot, target=("high", "low"))
    said = kerazoo.from_table(one_hot, target=("high", "low"), task="multilabel")
    assert said.data.info.task == "multilabel"
    for i in range(len(one_hot)):
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(f"{i}.png")
    listed = one_hot.assign(file=[f"{i}.png" for i in range(len(one_hot))])
    raised(["exactly one"], kerazoo.from_images, listed, target=("high", "low"), files="file")


def test_images_have_several_labels(in_tmp, command):
    frame = tagged(60).assign(file=lambda frame: [f"{i}.png" for i in frame.index])
    random = np.random.RandomState(0)
    for _, row in frame.iterrows():
        pixels = random.randint(0, 60, (28, 28)).astype("uint8")
        pixels[:14] += 150 * int(row["high"])
        pixels[14:] += 150 * int(row["low"])
        Image.fromarray(pixels).save(row["file"])
    frame[["file", "high", "low"]].to_csv("tags.csv", index=False)
    labels, options = ("high", "low"), {**QUICK, "invert": "no"}
    done = kerazoo.finetune("mnist_cnn_small", "tags.csv", target=labels, out="run", **options)
    assert done.data.kind == "images" and done.metrics["metric"] == "macro_f1"
    (one,) = kerazoo.predict("run", "0.png")
    assert set(one.probabilities) == {"high", "low"}
    named = [name for name, chance in one.probabilities.items() if chance >= 0.5]
    assert one.label == (", ".join(named) or "none")
    assert one.probability == one.probabilities.get(one.label)
    assert command("predict", "run", "0.png", "--top", "3")[0] == 0
    assert kerazoo.export("run", "keras", "exported").passed
    for more in ({"threshold": "f1"}, {"balance": True}):
        with pytest.raises(KerazooError):
            kerazoo.finetune("mnist_cnn_small", "tags.csv", target=labels, **more, **options)


def test_macro_f1_is_that_of_scikit_learn_for_labels_that_occur():
    random = np.random.RandomState(0)
    outputs = random.uniform(size=(50, 4)).astype("float32")
    true = random.randint(0, 2, (50, 4)).astype("float32")
    outputs[:, 3], true[:, 3] = 0.1, 0  # never there and never predicted: it has no F1
    split = Split(np.zeros((50, 2), np.float32), true)
    info = kerazoo.from_table(tagged(), target=("high", "low", "odd")).data.info
    info = info.__class__(**{**vars(info), "labels": ("a", "b", "c", "d")})
    outcome = MultiLabel().score(outputs, Data(split, split, split, info, ""))
    f1 = f1_score(true[:, :3], outputs[:, :3] >= 0.5, average="macro")
    assert outcome.value == pytest.approx(f1)
    assert outcome.extra["by_class"]["d"]["f1"] is None
