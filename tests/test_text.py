"""Text: tokens, vocabulary, and prediction on raw text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.errors import KerazooError
from kerazoo.spec import Data, Split
from kerazoo.tasks import _baselines as linear_models

TEXT_ENTRIES = [n for n in registry.list_entries("*@imdb")]


@pytest.mark.parametrize("name", TEXT_ENTRIES)
def test_predict_takes_raw_text_offline(name, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "/nowhere")
    reviews = [
        "What a wonderful film, I loved every minute of it.",
        "A dull, boring waste of time. The worst film I have ever seen.",
    ]
    said = kerazoo.predict(name, reviews)
    assert [p.label for p in said] == ["positive", "negative"]
    assert all(p.probability > 0.5 and not p.note for p in said)


def test_predict_reads_files_and_says_what_it_cannot_read(in_tmp):
    (in_tmp / "review.txt").write_text("A wonderful, moving film.", encoding="utf-8")
    (in_tmp / "latin.txt").write_bytes(b"caf\xe9 film")
    long = "A wonderful film. " * 500
    given = ["review.txt", long, "", "  ", "?!", "zzyzzxq", in_tmp / "latin.txt", "a\0b", 7]
    said = kerazoo.predict("text_cnn@imdb", given)
    assert said[0].label == "positive"
    assert said[1].label == "positive" and "only the last 400 of its 1,500 words" in said[1].note
    for bad, why in zip(
        said[2:],
        (
            "no word",
            "no word",
            "no word",
            "no word that the model",
            "as text",
            "no text",
            "no text",
        ),
        strict=True,
    ):
        assert bad.label is None and why in bad.error, bad


def test_a_text_shorter_than_any_of_its_training_has_a_note():
    short, one, long = kerazoo.predict(
        "text_cnn@imdb", [b"what a film", "123", "I have seldom seen so fine a film as this one"]
    )
    assert "knows only 3 words of it" in short.note and "knows only one word of it" in one.note
    assert not long.note
    for iterable in (iter(["what a film"]), np.array(["what a film"])):
        assert kerazoo.predict("text_cnn@imdb", iterable)[0].probability == short.probability
    assert "UTF-8" in kerazoo.predict("text_cnn@imdb", [b"caf\xe9"])[0].error


def test_command_predicts_text_and_names_the_bad_one(command):
    status, out, err = command("predict", "text_cnn@imdb", "what a wonderful film", "")
    assert status == 2 and "positive" in out and "no word" in err


@pytest.mark.parametrize(
    "given", ["what a film", b"what a film", None, 5, [], iter(()), np.array(5)]
)
def test_predict_wants_a_list(given):
    for known in (lambda x: kerazoo.predict("text_cnn@imdb", x), kerazoo.predictor("mlp@digits")):
        with pytest.raises(kerazoo.KerazooError, match="list"):
            known(given)


def test_predict_refuses_what_is_neither_picture_nor_text():
    for name in ("stacked_lstm@sine", "dcgan@digits", "linear_regression"):
        with pytest.raises(kerazoo.KerazooError, match="picture files and texts"):
            kerazoo.predict(name, ["x.png"])


def test_predict_takes_a_table_of_texts(in_tmp, command):
    reviews = pd.DataFrame({"review": ["a wonderful film", "awful and boring"], "n": [1, 2]})
    reviews.to_csv("reviews.csv", index=False)
    said = kerazoo.predict("text_cnn@imdb", reviews, text="review").frame
    assert said["label"].tolist() == ["positive", "negative"]
    status, _, _ = command("predict", "text_cnn@imdb", "reviews.csv", "--text", "review")
    assert status == 0 and (in_tmp / "reviews-predictions.csv").exists()
    (in_tmp / "awful.txt").write_text("a wonderful film", encoding="utf-8")
    named = pd.DataFrame({"review": ["awful.txt"]})  # a text that is the name of a file
    notes = kerazoo.predict("text_cnn@imdb", named, text="review").notes
    assert "no word that the model knows" in notes[0], "the file must not be read"
    with pytest.raises(KerazooError, match="choose one of the columns review, n"):
        kerazoo.predict("text_cnn@imdb", reviews)
    with pytest.raises(KerazooError, match=r"reviews.csv is a table; give one"):
        kerazoo.predict("text_cnn@imdb", ["reviews.csv", "reviews.csv"])
    gone = pd.DataFrame({"review": ["a wonderful film", None, "NA"]})
    said = kerazoo.predict("text_cnn@imdb", gone, text="review")
    assert said.frame["label"].fillna("").tolist() == ["positive", "", ""]
    assert "2 text(s)" in said.notes[0] and "line 3: there is no text" in said.notes[0]
    with pytest.raises(KerazooError, match="none is given"):
        kerazoo.predict("text_cnn@imdb", ["a film"], text="review")
    known = kerazoo.predictor("text_cnn@imdb")  # stays loaded, and takes the same
    pd.testing.assert_frame_equal(
        known(reviews, text="review").frame,
        kerazoo.predict("text_cnn@imdb", "reviews.csv", text="review").frame,
    )
    with pytest.raises(KerazooError, match=r"reviews.csv is a table; give one"):
        known(["reviews.csv", "a film"])
    with pytest.raises(KerazooError, match="a DataFrame holds none"):
        kerazoo.predict("mnist_cnn@digits", reviews)


def test_the_linear_model_of_words_has_the_penalty_that_validates_best():
    """Many rare words that say nothing: the weakest penalty learns them by heart."""
    random = np.random.RandomState(0)

    def split(n):
        y = random.randint(0, 2, n)
        x = random.randint(10, 5_000, (n, 60))
        x[:, 0] = np.where(random.uniform(size=n) < 0.8, 2 + y, 3 - y)  # a word that says much
        return Split(x.astype("int32"), y)

    data = Data(split(600), split(300), split(2_000), None, "")
    accuracy = linear_models.bag_of_words(data.train, data)
    fixed = {}
    for c in linear_models.WORD_CS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(linear_models, "WORD_CS", (c,))
            fixed[c] = linear_models.bag_of_words(data.train, data)
    assert accuracy in fixed.values() and accuracy > fixed[1.0]
