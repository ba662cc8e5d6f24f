"""Prediction on picture files of every kind, and on what is no picture."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kerazoo


@pytest.fixture(scope="module")
def digits():
    return kerazoo.load_data("digits")


@pytest.fixture
def seven(digits):
    """A real seven of the test split, as the models see it: uint8 ``(28, 28)``."""
    return digits.test.x[np.flatnonzero(digits.test.y == 7)[0], ..., 0]


def make_kinds(folder, seven):
    grey = Image.fromarray(seven)
    large = grey.resize((280, 280), Image.Resampling.NEAREST)
    large.save(folder / "large.png")
    large.convert("RGB").save(folder / "colour.jpg", quality=95)
    Image.fromarray(seven.astype(np.uint16) * 257).save(folder / "sixteen.png")
    Image.merge("RGBA", [Image.new("L", grey.size, 0)] * 3 + [grey]).save(folder / "ink.png")
    grey.convert("CMYK").save(folder / "cmyk.tif")
    grey.point(lambda v: 255 * (v > 127)).convert("1").save(folder / "one_bit.png")
    grey.convert("P").save(folder / "palette.gif")
    grey.save(folder / "moving.gif", save_all=True, append_images=[Image.new("L", grey.size)])
    Image.fromarray(np.pad(large, ((0, 0), (20, 20)))).save(folder / "wide one é.png")


def test_every_kind_of_picture_is_the_same_digit(in_tmp, seven, command):
    make_kinds(in_tmp, seven)
    files = sorted(p.name for p in in_tmp.iterdir())
    assert len(files) == 9
    status, out, err = command("predict", "mnist_cnn@digits", *files, "--json")
    said = {p["input"]: p for p in json.loads(out)}
    assert status == 0, err
    assert {f: p["label"] for f, p in said.items()} == dict.fromkeys(files, "7")
    assert [f for f, p in said.items() if p["note"]] == ["ink.png", "moving.gif"]
    assert said["moving.gif"]["note"] == "the first of 2 frames"
    assert sum(said["ink.png"]["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_what_is_no_picture_gets_an_error_and_the_others_an_answer(in_tmp, seven, command):
    Image.fromarray(seven).save("good.png")
    (in_tmp / "empty.png").touch()
    (in_tmp / "text.png").write_text("no picture")
    (in_tmp / "folder").mkdir()
    (in_tmp / "cut.png").write_bytes((in_tmp / "good.png").read_bytes()[:-60])
    Image.fromarray(np.zeros((4, 4), np.float32)).save("floats.tif")
    Image.new("1", (20_000, 20_000)).save("huge.png")
    bad = {
        "": "an empty name",
        "empty.png": "empty.png",
        "text.png": "text.png",
        "folder": "folder",
        "cut.png": "cut.png",
        "floats.tif": "floats.tif",
        "huge.png": "huge.png",
        "missing.png": "missing.png",
    }
    status, out, err = command("predict", "mnist_cnn@digits", *bad, "good.png", "--json")
    said = {p["input"]: p for p in json.loads(out)}
    assert status == 2
    assert said["good.png"]["label"] == "7" and said["good.png"]["error"] is None
    for file, why in bad.items():
        assert said[file]["label"] is None and why in said[file]["error"], said[file]
        assert why in err
    assert "Traceback" not in err


def test_predict_with_a_run_and_as_a_table(private_zoo, in_tmp, command):
    kerazoo.train("bar_net", out="run", progress=False)
    test = kerazoo.load_data("bars").test
    for index in range(3):
        Image.fromarray(test.x[index, ..., 0]).save(f"{index}.png")
    said = kerazoo.predict("run", [f"{i}.png" for i in range(3)])
    labels = ("left", "right", "centre")
    assert [p.label for p in said] == [labels[y] for y in test.y[:3]]
    status, out, _ = command("predict", "run", "0.png")
    assert status == 0 and said[0].label in out and "%" in out
    assert command("predict", "no/run", "0.png")[0] == 2


def test_run_of_a_private_model_predicts_without_its_module(private_zoo, in_tmp, monkeypatch):
    from kerazoo import registry

    kerazoo.train("bar_net", epochs=1, out="run", progress=False)
    Image.fromarray(kerazoo.load_data("bars").test.x[0, ..., 0]).save("0.png")
    monkeypatch.delitem(registry._models, "bar_net")
    monkeypatch.delitem(registry._datasets, "bars")
    assert kerazoo.predict("run", ["0.png"])[0].label in ("left", "right", "centre")


def test_a_folder_named_like_an_entry_hides_it_not(in_tmp, seven):
    Image.fromarray(seven).save("seven.png")
    (in_tmp / "mnist_cnn@digits").mkdir()
    assert kerazoo.predict("mnist_cnn@digits", ["seven.png"])[0].label == "7"


def test_a_predictor_stays_loaded_and_takes_arrays():
    data = kerazoo.load_data("digits").test
    known = kerazoo.predictor("mnist_cnn_small@digits")
    one = known([data.x[0]])[0]
    many = known(data.x[:40])
    assert one.label == many[0].label == str(data.y[0])
    assert one.probability == pytest.approx(many[0].probability, rel=1e-4)
    assert one.input == "array (28, 28, 1)"
    assert known([data.x[0, :, :, 0]])[0].probability == pytest.approx(one.probability)
    assert sum(p.label == str(y) for p, y in zip(many, data.y, strict=False)) >= 37
    with pytest.raises(kerazoo.KerazooError, match="reads pictures; a DataFrame holds none"):
        known(pd.DataFrame({"pixels": [1, 2]}))


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((8, 8)), "takes (28, 28, 1)"),
        (np.full((28, 28), -1.0), "outside 0 to 255"),
        (np.full((28, 28), np.nan), "finite"),
        (np.full((28, 28), "a"), "finite"),
    ],
)
def test_arrays_that_are_no_pictures(array, says):
    (said,) = kerazoo.predict("mnist_cnn_small@digits", [array])
    assert said.label is None
    assert says in said.error
