"""Texts as token ids: tokens, vocabularies, and the zoo's vocabulary of film reviews."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo
from kerazoo import registry
from kerazoo.datasets import _text as text
from kerazoo.datasets import imdb

SAMPLES = [
    "What a film!<br /><br />It's GREAT -- isn't it?",
    "naïve café, 10/10; don't miss\tit",
    "a" * 50,
    "…",
    "ÀÉ stays as it is, ascii Does Not",
]


def test_tokens_are_those_of_keras_text_vectorization():
    known = sorted({token.decode() for sample in SAMPLES for token in text.tokens_of(sample)})
    layer = keras.layers.TextVectorization(
        standardize="lower_and_strip_punctuation", split="whitespace", vocabulary=known, ragged=True
    )
    for sample in SAMPLES:
        theirs = layer(tf.constant([sample.replace("<br />", " ")])).to_list()[0]
        tokens = text.tokens_of(sample)
        assert theirs == text.encode([sample], known, len(tokens))[0].tolist()
        assert text.UNKNOWN not in theirs, "every token of ours is one of theirs"


def test_encode_keeps_the_last_tokens_and_pads_at_the_end():
    known = ["good", "film"]
    ids = text.encode(["good film", "film good unheard", ""], known, 2)
    assert ids.tolist() == [[2, 3], [2, 1], [0, 0]] and ids.dtype == np.int32


def test_vocabulary_is_by_frequency_then_alphabet_and_damage_is_named(tmp_path):
    path = tmp_path / "v.txt.xz"
    path.write_bytes(text.vocabulary_bytes(text.build_vocabulary(["b b a", "c a", "d"], size=5)))
    assert text.read_vocabulary(path) == ("a", "b", "c")
    assert text.vocabulary_size(path) == 5
    for damage in (lambda: path.write_bytes(b"no xz"), path.unlink):
        damage()
        with pytest.raises(kerazoo.KerazooError, match=path.name):
            text.read_vocabulary(path)


@pytest.mark.parametrize("name", registry.list_entries("*@imdb"))
def test_padding_does_not_change_the_answer(name):
    trained = "imdb" if registry.get_entry(name).bundled else None
    model = kerazoo.build(name.split("@")[0], weights=trained)
    short = kerazoo.build(name.split("@")[0], input_shape=(60,), vocabulary=imdb.TOKENS)
    short.set_weights(model.get_weights())
    known = text.read_vocabulary(imdb.VOCABULARY)
    review = ["It is a good film, though a little long and at times slow."]
    one = model.predict_on_batch(text.encode(review, known, 400))
    two = short.predict_on_batch(text.encode(review, known, 60))
    np.testing.assert_allclose(one, two, atol=1e-5)
