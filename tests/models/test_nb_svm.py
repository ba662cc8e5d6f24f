"""The n-gram tables of ``nb_svm``, compared with sets of n-grams counted in plain Python."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.models import nb_svm, text_wide_deep
from kerazoo.spec import Split
from tests.conftest import QUIET

X = np.array([[2, 3, 4, 0], [3, 2, 0, 0], [2, 3, 2, 3], [5, 0, 0, 0], [4, 3, 2, 1]], np.int32)
Y = np.array([0, 1, 0, 1, 1])


def grams(ids, longest=3):
    """Set of the n-grams of a text."""
    tokens = [int(i) for i in ids if i]
    spans = ((i, n) for n in range(1, longest + 1) for i in range(len(tokens) - n + 1))
    return {tuple(tokens[i : i + n]) for i, n in spans}


def ratios(x, y, classes):
    """Log-count ratios of each n-gram and class."""
    texts = [grams(ids) for ids in x]
    known = sorted(set().union(*texts))
    found = {}
    for c in range(classes):
        inside, outside = (
            {g: 1 + sum(g in t for t, of in zip(texts, y, strict=True) if (of == c) == own)
             for g in known}
            for own in (True, False)
        )  # fmt: skip
        of_class, of_others = sum(inside.values()), sum(outside.values())
        for g in known:
            found[g, c] = math.log(inside[g] / of_class / (outside[g] / of_others))
    return found


@pytest.fixture
def fitted():
    net = kerazoo.build("nb_svm", input_shape=(4,), vocabulary=6, classifier_activation=None)
    nb_svm.fit_ratios(net, Split(X, Y))
    return net


def test_before_training_the_logits_are_sums_of_log_count_ratios_of_distinct_ngrams(fitted):
    expected = ratios(X, Y, 2)
    new = np.array([[2, 3, 2, 5], [0, 0, 0, 0], [1, 1, 1, 1]], np.int32)
    for ids, logits in zip(new, fitted.predict(new, verbose=0), strict=True):
        sums = [sum(expected.get((g, c), 0.0) for g in grams(ids)) for c in range(2)]
        assert logits == pytest.approx(np.array(sums) * nb_svm.GAIN, abs=1e-5)


def test_only_the_most_frequent_ngrams_are_kept():
    net = kerazoo.build("nb_svm", input_shape=(4,), vocabulary=6)
    nb_svm.fit_ratios(net, Split(X, Y), features=2)  # the tokens 2 and 3
    assert np.count_nonzero(net.get_layer("kept_checks").get_weights()[0]) == 2


def test_saved_and_loaded_it_gives_the_same(fitted, tmp_path):
    fitted.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(again.predict(X, verbose=0), fitted.predict(X, verbose=0))


def test_training_changes_no_table(tmp_path):
    texts = [f"{'good' if i % 2 else 'bad'} film number {i}" for i in range(40)]
    labels = ["yes" if i % 2 else "no" for i in range(40)]
    options = {"epochs": 2, "scratch": False, "out": tmp_path / "run", **QUIET}
    run = kerazoo.finetune("nb_svm", (texts, labels), **options)
    assert run.metrics["value"] == 1.0
    assert run.model.get_layer("kept_checks").get_weights()[0].any()
    assert not run.model.get_layer("ratios").trainable


def test_with_convolutions_the_ngrams_start_with_the_same_logits(fitted):
    """And the convolutions reach the classifier too."""
    options = {"input_shape": (4,), "vocabulary": 6, "classifier_activation": None}
    net = kerazoo.build("text_wide_deep", buckets=nb_svm.BUCKETS, **options)
    text_wide_deep.fit_ngrams(net, Split(X, Y))
    wide = net.get_layer("classifier")
    kernel, bias = wide.get_weights()
    alone = np.where(np.arange(len(kernel))[:, None] < 2, kernel, 0)
    both = net.predict(X, verbose=0)
    wide.set_weights([alone, bias])
    logits = net.predict(X, verbose=0)
    np.testing.assert_allclose(logits, fitted.predict(X, verbose=0), atol=1e-5)
    assert np.abs(both - logits).min() > 0
