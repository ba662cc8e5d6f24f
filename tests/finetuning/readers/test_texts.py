"""Texts with their classes: columns, vocabulary, and the model that takes strings."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.datasets import _text as text
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._strings import token_ids
from kerazoo.finetuning.readers.choose import kinds_of
from kerazoo.finetuning.readers.reading import TextReading
from kerazoo.finetuning.readers.texts import write_strings
from tests.conftest import raised


def test_a_dense_model_of_ones_own_learns_rows_too(private_registry):
    def dense(input_shape=(28, 28, 1), classes=10, outputs=None, natural_outputs=False):
        """A test's own."""

    entry = kerazoo.Entry(dataset="digits", recipe=kerazoo.Recipe(epochs=1))
    kerazoo.register_model(entries=[entry], citation="@misc{none}")(dense)
    assert kinds_of(registry.get_model("dense")) == ["images", "table"]
    assert kinds_of(registry.get_model("lenet5")) == ["images"]


def reviews(n=40):
    words = np.random.RandomState(0)
    good, bad = ["lovely", "great", "warm"], ["dull", "poor", "grey"]
    rows = [
        (" ".join(words.choice(good if i % 2 else bad, 6)), "good" if i % 2 else "bad")
        for i in range(n)
    ]
    return pd.DataFrame(rows, columns=["body", "label"])


def test_texts_get_a_vocabulary_of_the_training_texts():
    own = kerazoo.from_texts(reviews(), text="body", target="label")
    words = {"lovely", "great", "warm", "dull", "poor", "grey"}
    assert set(text.read_vocabulary(own.data.info.vocabulary)) == words
    assert own.data.info.labels == ("bad", "good")


@pytest.mark.parametrize(
    ("asked", "change", "names"),
    [
        ({"text": None}, lambda f: f, "column of texts"),
        ({"target": None}, lambda f: f, "the target"),
        ({"target": "body"}, lambda f: f, "both 'body'"),
        ({}, lambda f: f.assign(body="..."), "0 of 40"),
        ({}, lambda f: f.assign(label="x"), "every row"),
        ({}, lambda f: f.assign(label=f.label.where(f.index < 14)), "'label'"),
        (  # a class of two texts, one of them without words
            {},
            lambda f: f.assign(
                body=f.body.where(f.index > 0, ""), label=f.label.where(f.index > 1, "m")
            ),
            "'m'",
        ),
    ],
)
def test_texts_that_nothing_can_be_learnt_from(asked, change, names):
    options = {"text": "body", "target": "label", **asked}
    raised([names], kerazoo.from_texts, change(reviews()), **options)


def test_classes_that_may_be_one_or_several_have_a_note():
    texts = reviews(60).assign(label=["good", "Good", "bad", "odd", "odd;bad"] * 12)
    notes = " ".join(kerazoo.from_texts(texts, text="body", target="label").warnings)
    assert "Good; good" in notes and "odd;bad" in notes


def test_capitals_html_and_typography_make_no_other_words():
    rows = reviews()
    rows["body"] += " Красивый"
    user = kerazoo.from_texts(rows, text="body", target="label")
    changed = rows.assign(
        body=["<p>" + t.upper().replace(" ", "&nbsp;") + "…</p>" for t in rows.body]
    )
    assert "красивый" in text.read_vocabulary(user.data.info.vocabulary)
    assert kerazoo.from_texts(changed, text="body", target="label").data.sha256 == user.data.sha256
    assert text.standardize("It’s “GOOD” – isn’t&nbsp;it?<br/>Yes") == "it's  good    isn't it? yes"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("我不喜欢这部电影。太长！", "我 不 喜 欢 这 部 电 影 太 长"),
        ("この映画は best です", "こ の 映 画 は best で す"),
        ("หนังดีiPhone", "ห น ั ง ด ี iphone"),
        ("한국 영화, 좋아요!", "한국 영화 좋아요"),
        ("ОТЛИЧНЫЙ Фильм", "отличный фильм"),
        ("¿Qué tal? ¡Muy bien!", "qué tal muy bien"),
        ("STRASSE straße", "strasse strasse"),
        ("ΛΟΓΟΣ λόγος", "λογοσ λόγοσ"),
        ("İstanbul", "istanbul"),
        ("cafe\u0301 café", "café café"),
        ("GREAT👍🏽film", "great 👍 🏽 film"),
        ("a<br>b<BR/>c&lt;br&gt;d", "a b c d"),
        ("isn&#39;t isn’t isn´t isn't", "isnt isnt isnt isnt"),
        ("1&nbsp;000\u00a0km\u200b!", "1 000 km"),
        ("„gut“ «bon» “good”", "gut bon good"),
        ("ｆｕｌｌ ﬁlm", "full film"),
        ("soft\u00adware", "software"),
    ],
)
def test_words_of_other_scripts(raw, words):
    assert b" ".join(text.tokens_of(text.standardize(raw))).decode() == words
    assert b" ".join(text.tokens_of(text.standardize(words))).decode() == words


def test_texts_without_blanks_are_learnt_by_characters():
    random = np.random.RandomState(0)
    rows = [
        ("".join(random.choice(list("好棒佳美" if i % 2 else "坏差劣烂"), 4)) + "的电影。", i % 2)
        for i in range(60)
    ]
    data = kerazoo.from_texts(pd.DataFrame(rows, columns=["t", "c"]), text="t", target="c")
    assert set("好坏的电影") < set(text.read_vocabulary(data.data.info.vocabulary))
    assert data.reading.standardization == "unicode" and data.reading.known == 1
    assert any("的 电 影" in line for line in data.report)


def test_runs_that_do_not_tell_read_texts_as_they_did():
    """As before scripts without blanks were known; the zoo's datasets are read by neither."""
    rows = reviews().assign(body=lambda f: f.body + " 电影。")
    old = kerazoo.from_texts(rows, text="body", target="label", standardization="latin")
    assert "电影。" in text.read_vocabulary(old.data.info.vocabulary)
    assert TextReading(text="body", targets=("label",)).standardization == "latin"


RAW = [
    *("Good film, ПЛОХО!", "好好的 film", "isn’t isn't isn&#39;t isn&rsquo;t ISN&apos;T", ""),
    *(
        "a b c d e good film",
        "“CAFFÈ”…good",
        "good\tfilm\nx",
        "çok 👍 good",
        "ｇｏｏｄ good\u00a0film",
    ),
    *("good<br>film<BR />x<p class='a'>good</p>", "a < good > film", "a <3 good", "x <b good"),
    *("good &amp; film &nbsp;film&eacute;", "&Eacute;t&eacute; good", "<br", "&", "good&"),
    *("한국film 한국 영화", "a>b<br>good", "a &bogus; good", "<<br>>good<i>", "&lt;br&gt;good"),
    "Ünï çödé " * 50 + "good",
]


@pytest.mark.parametrize("how", ["unicode", "latin"])
@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="only TensorFlow has strings")
def test_the_file_of_strings_reads_as_the_training_did(tmp_path, how):
    import tensorflow as tf

    tokens = ("good", "film", "плохо", "好", "caffè", "isnt", "été", "한국", "br", "a")
    model = kerazoo.build("text_cnn", input_shape=(5,), vocabulary=len(tokens) + 2)
    ids = keras.Model(
        strings := keras.Input((), dtype="string"), token_ids(strings, tokens, 5, how)
    )
    write_strings(tmp_path, model, tokens, how)
    whole = keras.saving.load_model(tmp_path / "model_strings.keras")
    said = [*RAW, *(" ".join(RAW) + word for word in ("", " good", "好"))]
    if how == "latin":  # which takes tags off before there are entities
        said.remove("&lt;br&gt;good")
    wanted = text.encode([text.standardize(t, how) for t in said], tokens, 5)
    assert dict(zip(said, ids(tf.constant(said)).numpy().tolist(), strict=True)) == dict(
        zip(said, wanted.tolist(), strict=True)
    )
    predicted = model.predict(wanted, verbose=0)
    np.testing.assert_allclose(whole(tf.constant(said)), predicted, rtol=1e-4)


def test_given_test_texts_are_the_test_split_and_copies_are_reported():
    texts = pd.DataFrame({"t": ["good day", "bad night", "so so"] * 9, "c": ["a", "b", "c"] * 9})
    own = kerazoo.from_texts(texts, text="t", target="c", test=texts.iloc[:6])
    assert own.data.test.y.tolist() == [0, 1, 2, 0, 1, 2]
    assert any("6 texts of the test split" in w for w in own.warnings)
    assert not any("of the words" in w for w in own.warnings)
    other = texts.iloc[:6].assign(t="guten Tag day", c=["a", "b", "null"] * 2)
    own = kerazoo.from_texts(texts, text="t", target="c", test=other)
    assert any("test DataFrame" in w and "knows 33%" in w for w in own.warnings)
    assert any("2 rows have no c ('null')" in w for w in own.warnings)
    with pytest.raises(KerazooError, match="test data"):
        kerazoo.from_texts(texts, text="t", target="c", test=texts.iloc[:1].assign(t="..."))
