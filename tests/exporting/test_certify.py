"""A certificate passes only if outputs and metric are those of Keras, whatever the task."""

from __future__ import annotations

import dataclasses
import math

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.datasets import _text as text
from kerazoo.datasets import imdb
from kerazoo.exporting import certify
from kerazoo.exporting.certify import Comparison, TextCheck
from kerazoo.exporting.formats.keras_archive import runner_of
from kerazoo.spec import Data, Split

CLASSIFICATION = registry.get_task("classification")


def data_of(x, y, dataset="digits"):
    split = Split(x, y)
    return Data(split, split, split, registry.get_dataset(dataset), "")


@pytest.fixture(scope="module")
def model():
    x = keras.Input((4,))
    return keras.Model(x, keras.layers.Dense(10, activation="softmax")(x))


@pytest.fixture(scope="module")
def data(model):
    x = np.random.RandomState(0).normal(size=(40, 4)).astype(np.float32)
    return data_of(x, model.predict(x, verbose=0).argmax(axis=1))


def stale(run):
    """Right at every batch size, wrong in the second call after a change from one to another."""
    seen = []

    def runner(x):
        wrong = len(set(seen)) > 1 and seen[-1] == len(x)
        seen.append(len(x))
        return run(x)[:, ::-1] if wrong else run(x)

    return runner


def test_equal_outputs_pass(model, data):
    found = certify.compare(CLASSIFICATION, model, data, runner_of(model))
    assert found.passed and found.problems == []
    assert (found.metric, found.before, found.after) == ("accuracy", 1.0, 1.0)
    assert found.difference < 1e-6 and (found.compared, found.examples) == (40, 40)
    assert found.scale == pytest.approx(model.predict(data.test.x, verbose=0).max())


@pytest.mark.parametrize(
    ("fault", "problems"),
    [
        (lambda run: lambda x: np.roll(run(x), 1, axis=1), 2),
        (lambda run: lambda x: run(x) * np.float32(0.999), 1),
        (lambda run: lambda x: run(x) * np.inf, 1),
        (lambda run: lambda x: run(x)[:, :9], 2),
        (lambda run: lambda x: run(x)[:1], 2),
        (stale, 2),
    ],
    ids=["class", "slight", "infinite", "shape", "one output", "after a change of batch"],
)
def test_each_fault_fails(fault, problems, model, data):
    good = runner_of(model)
    found = certify.compare(CLASSIFICATION, model, data, fault(good))
    assert not found.passed and len(found.problems) == problems
    found = certify.compare(CLASSIFICATION, model, data, good, on_texts=fault(good))
    assert not found.passed and len(found.problems) == problems and found.difference < 1e-6


def test_a_model_whose_outputs_are_not_finite_cannot_be_compared(model, data):
    spoilt = keras.models.clone_model(model)
    spoilt.set_weights([w * np.nan for w in model.get_weights()])
    with pytest.raises(kerazoo.KerazooError):
        certify.compare(CLASSIFICATION, spoilt, data, runner_of(spoilt))


GOOD = Comparison(
    metric="mse", before=0.3, after=0.3, examples=9, difference=0.0, compared=9, scale=2.0
)


@pytest.mark.parametrize(
    ("changes", "passed"),
    [
        ({"difference": 1.99e-4}, True),
        ({"difference": 2.01e-4}, False),
        ({"difference": 2.01e-4, "rounding": 1e-4}, True),
        ({"difference": 0.02, "rounding": 1e9}, False),
        ({"difference": 1.01e-4, "scale": 0.1}, False),
        ({"after": 0.3 + 3.1e-6}, False),
        ({"metric": "accuracy", "after": 0.3 * (1 - 1e-9)}, False),
        ({"metric": "r2", "before": 1e-4, "after": 1e-4 + 9e-6}, True),
        ({"metric": "r2", "before": 1e-4, "after": 1e-4 + 11e-6}, False),
        ({"metric": "accuracy", "allowed": 0.002, "examples": 10_000, "after": 0.302}, True),
        ({"metric": "accuracy", "allowed": 0.002, "examples": 10_000, "after": 0.2979}, False),
        ({"metric": "accuracy", "allowed": 0.002, "examples": 10, "after": 0.2}, True),
        ({"metric": "accuracy", "allowed": 0.002, "examples": 10, "after": 0.1}, False),
        ({"allowed": 0.002, "difference": 0.4}, True),
        ({"allowed": 0.002, "difference": math.inf, "after": math.nan}, False),
        ({"texts": TextCheck(difference=0.0, value=0.3001)}, False),
        ({"texts": TextCheck(difference=math.nan, value=0.3)}, False),
    ],
    ids=str,
)
def test_tolerances(changes, passed):
    assert dataclasses.replace(GOOD, **changes).passed == passed


def test_batches_change_in_size_and_hold_all_examples():
    x, sizes = np.arange(1234)[:, None], []
    outputs = certify.in_batches(lambda part: sizes.append(len(part)) or part, x)
    np.testing.assert_array_equal(outputs, x)
    assert sizes == [1, 3, 2, 5, 5, 5, 500, 500, 213]


def test_test_rows_are_chosen_from_the_whole_split():
    data = data_of(np.arange(360)[:, None], np.arange(360))
    some = CLASSIFICATION.limit_test_rows(data, 100).test
    np.testing.assert_array_equal(some.y, CLASSIFICATION.limit_test_rows(data, 100).test.y)
    np.testing.assert_array_equal(some.x[:, 0], some.y)
    assert len(set(some.y)) == 100 and list(some.y) == sorted(some.y) and some.y[-1] > 300
    assert registry.get_task("generation").limit_test_rows(data, 5) is data
    constant = data_of(np.zeros((9, 10)), np.zeros((9, 1)), "diabetes")
    with pytest.raises(kerazoo.KerazooError):
        registry.get_task("regression").limit_test_rows(constant, 5)


def test_typed_texts_have_the_token_ids():
    known = text.read_vocabulary(imdb.VOCABULARY)
    ids = np.random.RandomState(0).randint(text.UNKNOWN, 5_000, (20, 50))
    for length, row in enumerate(ids[1:]):
        row[length:] = text.PADDING
    texts = certify.typed_texts(ids, known)
    np.testing.assert_array_equal(text.encode(texts, known, 50), ids)
    together = b" ".join(texts)
    assert all(sign in together for sign in (b"<br />", b",", b"\n", b'"'))
    assert together != together.lower()
