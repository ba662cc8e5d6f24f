"""Predictions for images, texts and tables; one bad input does not stop the others."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kerazoo
from kerazoo import registry
from kerazoo.errors import KerazooError

TEXTS = {
    "positive": "What a wonderful film, I loved every minute of it, and so did my friends.",
    "negative": "A dull, boring waste of time. The worst film that I have ever seen in my life.",
}


@pytest.fixture(scope="session")
def images():
    return kerazoo.predictor("mnist_cnn_small@digits")


@pytest.fixture(scope="session")
def texts():
    return kerazoo.predictor("text_cnn@imdb")


@pytest.fixture(scope="session")
def digits():
    return kerazoo.load_data("digits").test


@pytest.fixture(scope="session")
def table_predictor(tuned):
    return kerazoo.predictor(tuned("table"))


def test_a_bad_file_has_an_error_and_the_others_a_prediction(in_tmp, digits, command):
    seven = digits.x[np.flatnonzero(digits.y == 7)[0], ..., 0]
    Image.fromarray(seven).save("light.png")
    Image.fromarray(255 - seven).resize((56, 56)).save("dark.png")
    Image.fromarray(seven).save(
        "moving.gif", save_all=True, append_images=[Image.new("L", (28, 28))]
    )
    (in_tmp / "text.png").write_text("no image")
    good, bad = ["light.png", "dark.png", "moving.gif"], ["text.png", "missing.png", ""]
    status, out, error = command("predict", "mnist_cnn_small@digits", *bad, *good, "--json")
    found = {p["input"]: p for p in json.loads(out)}
    keys = ["input", "label", "probability", "probabilities", "note", "error"]
    assert status == 2 and list(found["light.png"]) == keys
    assert [found[name]["label"] for name in good] == ["7"] * 3
    assert [bool(found[name]["note"]) for name in good] == [False, True, True]
    assert all(found[name]["error"] and not found[name]["label"] for name in bad)
    assert "text.png" in error and "missing.png" in error
    assert sum(found["dark.png"]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    status, out, _ = command("predict", "mnist_cnn_small@digits", "light.png")
    assert status == 0 and "light.png" in out and "%" in out


def test_dark_and_light_are_inverted_as_asked(in_tmp, digits, images):
    Image.fromarray(255 - digits.x[0, ..., 0]).save("dark.png")
    inverted, left = (images(["dark.png"], invert=how)[0] for how in ("yes", "no"))
    assert inverted.label == str(digits.y[0]) and inverted.note and not left.note
    assert left.label != inverted.label
    paper = 255 - digits.x[:20]
    found = images(paper)
    assert sum(p.label == str(y) for p, y in zip(found, digits.y, strict=False)) >= 17
    assert all("--invert" in p.note for p in found)
    assert not any(p.note for p in images(digits.x[:20]))


def test_arrays_are_raw_pixels(images, digits):
    many = images(digits.x[:40])
    assert sum(p.label == str(y) for p, y in zip(many, digits.y, strict=False)) >= 37
    alone, flat = images([digits.x[0]])[0], images([digits.x[0, ..., 0].astype("float64")])[0]
    assert alone.probability == pytest.approx(many[0].probability, rel=1e-4)
    assert flat.probability == pytest.approx(alone.probability) and not alone.note


@pytest.mark.parametrize(
    ("array", "fits"),
    [
        (np.zeros((28, 28)), True),  # black
        (np.eye(28, dtype="uint8"), True),  # almost black, and surely not divided by 255
        (np.eye(28), False),  # divided by 255, for all that can be told
        (np.zeros((8, 8)), False),
        (np.full((28, 28), -1.0), False),
        (np.full((28, 28), 256), False),
        (np.full((28, 28), "a"), False),
    ],
)
def test_an_array_of_other_values_is_an_error(images, array, fits):
    """``predict(x / 255)`` was right for 8 % of the digits, without a word."""
    (prediction,) = images([array])
    assert bool(prediction.label) == fits == (prediction.error is None)


def test_an_image_unlike_the_training_images_has_a_note(in_tmp, images, digits, tuned, user_file):
    for scaled in (digits.x[0] // 16, (digits.x[0] > 127).astype("uint8"), digits.x[0] / 127.5):
        assert images([scaled])[0].note
    files = sorted(user_file("images").rglob("*.png"))
    own = kerazoo.predictor(tuned("images"))  # dark on light, which the model inverts itself
    assert not any(p.note for p in own(files))
    x = 255 - digits.x[:5]
    assert not any(p.note for p in own(x)) and all(p.note for p in own(255 - x))
    assert all(p.note for p in own(x // 16))
    as_it_is, inverted = own([x[0]], invert="no")[0], own([x[0]])[0]
    assert as_it_is.probabilities != inverted.probabilities
    expected = kerazoo.predictor(tuned("images")).trained.model(x[:1])[0]
    np.testing.assert_allclose(list(inverted.probabilities.values()), expected, rtol=1e-4)


@pytest.mark.parametrize("factor", [1 / 255, 1_000])
def test_numbers_unlike_those_of_the_training_have_a_note(factor, user_file, tuned):
    rows = pd.read_csv(user_file("table"), dtype={"名前": str})
    series = pd.read_csv(user_file("series"), parse_dates=["when"])
    for kind, frame in (("table", rows), ("series", series)):
        known = kerazoo.predictor(tuned(kind))
        scaled = frame.apply(lambda v: factor * v if v.dtype.kind in "if" else v)
        before, after = known(frame).notes, known(scaled).notes
        assert len(after) > len(before) == len(known(frame[-5:]).notes), kind
    known = kerazoo.predictor(tuned("table"))
    numbers = [c.name for c in known.trained.reading.columns if c.categories is None]
    assert len(numbers) > 1
    for name in numbers:  # alone
        scaled = rows.copy()
        scaled[name] *= factor
        assert len(known(scaled).notes) > len(known(rows).notes), name


@pytest.mark.parametrize(
    "name", [n for n in registry.list_entries("*@imdb") if registry.get_entry(n).bundled]
)
def test_texts_are_classified_offline(name, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "/nowhere")
    predictions = kerazoo.predict(name, list(TEXTS.values()))
    assert [p.label for p in predictions] == list(TEXTS) and not any(p.note for p in predictions)


def test_texts_come_as_strings_or_files_and_bad_ones_have_an_error(in_tmp, texts):
    (in_tmp / "review.txt").write_text(TEXTS["positive"], encoding="utf-8")
    (in_tmp / "latin.txt").write_bytes(b"caf\xe9 film")
    good = ["review.txt", in_tmp / "review.txt", TEXTS["positive"].encode(), "A fine film. " * 500]
    bad = ["", "?!", "zzyzzxq", in_tmp / "latin.txt", b"caf\xe9", "a\0b", 7]
    predictions = texts([*good, *bad])
    assert [p.label for p in predictions] == ["positive"] * 4 + [None] * len(bad)
    assert all(p.error for p in predictions[4:])
    assert not predictions[0].note and "400 of its 1,500 words" in predictions[3].note


def test_a_text_shorter_than_any_of_the_training_has_a_note(texts):
    for given in (["what a film"], iter(["what a film"]), np.array(["what a film"])):
        (prediction,) = texts(given)
        assert prediction.note and prediction.label


def test_a_table_of_texts(in_tmp, texts, command):
    (in_tmp / "awful.txt").write_text(TEXTS["positive"], encoding="utf-8")
    rows = [*TEXTS.values(), None, "awful.txt"]  # the last is a text, and no file to read
    frame = pd.DataFrame({"review": rows, "n": range(4)})
    found = texts(frame, text="review")
    assert found.frame["label"].tolist()[:2] == list(TEXTS)
    assert found.frame.isna().all(axis=1).tolist() == [False, False, True, True]
    assert "line 4" in found.notes[0] and "line 5" in found.notes[0]
    frame.to_csv("reviews.csv", index=False)
    before = [p.name for p in in_tmp.iterdir()]
    asked = ("predict", "text_cnn@imdb", "reviews.csv", "--text", "review")
    assert "negative" in command(*asked)[1] and [p.name for p in in_tmp.iterdir()] == before
    assert command(*asked, "--out", "predicted.csv")[0] == 0
    written = pd.read_csv("predicted.csv")
    assert list(written.columns)[:3] == ["row", "review", "n"]
    pd.testing.assert_frame_equal(written.iloc[:, 3:], found.frame, check_dtype=False)
    for inputs, options in ((frame, {}), (["a film"], {"text": "n"}), (frame, {"text": "n o"})):
        with pytest.raises(KerazooError):
            texts(inputs, **options)
    assert all(p.error for p in texts(["reviews.csv", in_tmp / "reviews.csv"]))


def test_rows_of_a_table_and_what_is_new_in_them(user_file, table_predictor):
    frame = pd.read_csv(user_file("table"), keep_default_na=False, na_values={"a/b": ""})
    found = table_predictor(frame)
    right = (found.frame["kind"] == frame["kind"]).sum()
    np.testing.assert_allclose(found.frame[["p(big)", "p(small)"]].sum(axis=1), 1, rtol=1e-5)
    assert found.kind == "table" and f"{right} of 120" in " ".join(found.notes)
    new = {"名前": ["z", "x", "y"], "1st": [0.5, None, 0.7], "rent": 1.0, "kind": "maybe"}
    notes = " ".join(table_predictor(frame.iloc[:3].assign(**new)).notes)
    assert all(word in notes for word in ("'z'", "1st", "'rent'", "'maybe'"))
    assert table_predictor(user_file("table")).frame.equals(found.frame)
    for bad in (frame.drop(columns="1st"), frame.assign(**{"1st": "a"}), frame.to_numpy()[0], 5):
        with pytest.raises(KerazooError):
            table_predictor(bad)


@pytest.mark.parametrize("given", [None, 5, [], iter(()), np.array(5), "https://host/a.png"])
def test_there_is_an_input_and_no_url(given, images, texts):
    for known in (images, texts):
        with pytest.raises(KerazooError):
            known(given)


def test_one_input_is_a_list_of_one(images, texts, digits, table_predictor, user_file, in_tmp):
    x, given = digits.x[0], TEXTS["negative"]
    Image.fromarray(x[..., 0]).save("a.png")
    for one in ("a.png", in_tmp / "a.png", x, x[..., 0]):
        assert [p.label for p in images(one)] == [str(digits.y[0])]
    for one in (given, given.encode()):
        assert [p.label for p in texts(one)] == ["negative"]
    frame = pd.read_csv(user_file("table"))
    row, rows = frame.iloc[0].to_dict(), frame.iloc[:3].to_dict("records")
    whole = table_predictor(frame).frame
    for one, n in ((row, 1), (rows, 3), (frame.iloc[:3].to_dict("list"), 3)):
        pd.testing.assert_frame_equal(table_predictor(one).frame, whole.iloc[:n], rtol=1e-4)


def test_a_directory_stands_for_its_files(images, texts, table_predictor, digits, in_tmp, command):
    (in_tmp / "some" / "more").mkdir(parents=True)
    for name, x in zip(("b.png", "a.png", "more/c.png"), digits.x, strict=False):
        Image.fromarray(x[..., 0]).save(in_tmp / "some" / name)
    (in_tmp / "some" / "note.txt").write_text(TEXTS["positive"])
    found = images("some")
    assert [p.input for p in found] == [f"some/{name}" for name in ("a.png", "b.png", "more/c.png")]
    assert [p.label for p in found] == [str(digits.y[i]) for i in (1, 0, 2)]
    assert [p.label for p in texts(in_tmp / "some")] == ["positive"]
    assert "1 .txt" in found.notes[0] and "3 .png" in texts("some").notes[0]
    (in_tmp / "some" / "OTHER.TXT").write_text(TEXTS["positive"])
    (in_tmp / "some" / "._other.txt").write_text(TEXTS["positive"])  # as macOS writes them
    assert len(texts("some")) == 2 and not images("some/a.png").notes
    status, out, _ = command("predict", "mnist_cnn_small@digits", "some", "some/a.png", "--json")
    assert status == 0 and len(json.loads(out)) == 4
    (in_tmp / "empty").mkdir()
    for known in (images, texts, table_predictor):
        with pytest.raises(KerazooError):
            known("empty")


def test_an_option_of_another_kind_of_model_is_an_error(images, texts, table_predictor):
    for known, options in (
        (images, {"gaps": "interpolate"}),
        (images, {"text": "review"}),
        (texts, {"invert": "yes"}),
        (table_predictor, {"invert": "yes"}),
        (table_predictor, {"gaps": "interpolate"}),
    ):
        with pytest.raises(KerazooError):
            known([np.zeros((28, 28))], **options)
    with pytest.raises(KerazooError):
        images(pd.DataFrame({"pixels": [1, 2]}))
