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
from kerazoo.tasks.base import Outcome, Task

CLASSIFICATION = registry.get_task("classification")


def data_of(x, y, dataset="digits"):
    split = Split(x, y)
    return Data(split, split, split, registry.get_dataset(dataset), "")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
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


FAULTS = {
    "wrong class": (lambda run: lambda x: np.roll(run(x), 1, axis=1), 2),
    "slightly wrong": (lambda run: lambda x: run(x) * np.float32(0.999), 1),
    "NaN": (lambda run: lambda x: run(x) * np.nan, 1),
    "infinite": (lambda run: lambda x: run(x) * np.inf, 1),
    "another shape": (lambda run: lambda x: run(x)[:, :9], 2),
    "one output for all": (lambda run: lambda x: run(x)[:1], 2),
    "stale after a change of batch size": (stale, 2),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_fails(fault, model, data):
    break_runner, problems = FAULTS[fault]
    broken = break_runner(runner_of(model))
    found = certify.compare(CLASSIFICATION, model, data, broken)
    assert not found.passed and len(found.problems) == problems
    assert math.isnan(found.difference) == (fault in ("NaN", "infinite"))
    texts = certify.compare(CLASSIFICATION, model, data, runner_of(model), broken)
    if fault != "stale after a change of batch size":  # this one has seen the changes
        assert not texts.passed and texts.difference < 1e-6


def test_a_model_whose_outputs_are_not_finite_cannot_be_compared(model, data):
    spoilt = keras.models.clone_model(model)
    spoilt.set_weights([w * np.nan for w in model.get_weights()])
    with pytest.raises(kerazoo.KerazooError):
        certify.compare(CLASSIFICATION, spoilt, data, runner_of(spoilt))


class Signs(Task):
    """A task of a user: signs, from one of two networks, on half of the examples."""

    name = "signs"
    metrics = ("agreement",)

    def network(self, model):
        return model.networks["scorer"]

    def inputs(self, model, data):
        return data.test.x[::2]

    def postprocess(self, model, raw):
        return np.sign(raw)

    def score(self, outputs, data):
        value = float((outputs[:, 0] == data.test.y[::2]).mean())
        return Outcome(metric="agreement", value=value, standard_error=0.0, examples=len(outputs))


def test_a_task_of_a_user_is_certified_by_its_score(data):
    x = keras.Input((4,))
    scorer = keras.Model(x, keras.layers.Dense(3)(x))
    model = type("Pair", (), {"networks": {"other": None, "scorer": scorer}})()
    truth = np.sign(scorer.predict(data.test.x, verbose=0)[:, 0])
    signs = data_of(data.test.x, truth)
    found = certify.compare(Signs(), model, signs, runner_of(scorer))
    assert found.passed and (found.metric, found.before, found.compared) == ("agreement", 1.0, 20)
    found = certify.compare(Signs(), model, signs, lambda x: -runner_of(scorer)(x))
    assert not found.passed and found.after == 0.0
    assert Signs().side_files(signs, natural_units=False) == {}


GOOD = Comparison(
    metric="mse", before=0.3, after=0.3, examples=9, difference=0.0, compared=9, scale=2.0
)


@pytest.mark.parametrize(
    "changed",
    [
        {"difference": GOOD.tolerance * 1.01},
        {"difference": math.inf},
        {"difference": math.nan},
        {"after": 0.3 + 1.01 * GOOD.metric_tolerance},
        {"after": math.nan},
        {"texts": TextCheck(difference=GOOD.tolerance * 1.01, value=0.3)},
        {"texts": TextCheck(difference=0.0, value=0.29)},
        {"metric": "accuracy", "after": 0.3 * (1 - 1e-9)},
        {"rounding": 1e9, "difference": 0.02},
    ],
    ids=str,
)
def test_each_reason_alone_fails(changed):
    fits = {"texts": TextCheck(difference=GOOD.tolerance, value=0.3)}
    assert GOOD.passed and dataclasses.replace(GOOD, **fits).passed
    assert not dataclasses.replace(GOOD, **changed).passed


def test_tolerances():
    assert GOOD.tolerance == 2 * certify.OUTPUT_TOLERANCE
    assert dataclasses.replace(GOOD, scale=0.1).tolerance == certify.OUTPUT_TOLERANCE
    assert dataclasses.replace(GOOD, rounding=1e-3).tolerance == pytest.approx(1.2e-3)
    assert GOOD.metric_tolerance == pytest.approx(0.3 * certify.METRIC_TOLERANCE)
    weak = dataclasses.replace(GOOD, metric="r2", before=1e-4, after=1e-4 + 1e-7)
    assert weak.passed, "rounding of a model that explains next to nothing"
    assert not dataclasses.replace(weak, after=1.2e-4).passed


def test_batches_change_in_size_and_hold_all_examples():
    x, sizes = np.arange(1234)[:, None], []
    out = certify.in_batches(lambda part: sizes.append(len(part)) or part, x)
    np.testing.assert_array_equal(out, x)
    assert sizes == [1, 3, 2, 5, 5, 5, 500, 500, 213]
    assert len(certify.in_batches(lambda part: part, x[:1])) == 1


def test_test_rows_are_chosen_from_the_whole_split():
    data = data_of(np.arange(360)[:, None], np.arange(360))
    some = CLASSIFICATION.limit_test_rows(data, 100).test
    again = CLASSIFICATION.limit_test_rows(data, 100).test
    np.testing.assert_array_equal(some.x, again.x)
    np.testing.assert_array_equal(some.x[:, 0], some.y)
    assert len(set(some.y)) == 100 and list(some.y) == sorted(some.y) and some.y[-1] > 300
    assert CLASSIFICATION.limit_test_rows(data, 360) is data
    assert registry.get_task("generation").limit_test_rows(data, 5) is data
    constant = data_of(np.zeros((9, 10)), np.zeros((9, 1)), "diabetes")
    with pytest.raises(kerazoo.KerazooError):
        registry.get_task("regression").limit_test_rows(constant, 5)


def test_typed_texts_have_the_token_ids():
    random = np.random.RandomState(0)
    known = text.read_vocabulary(imdb.VOCABULARY)
    ids = np.zeros((20, 50), np.int32)
    for row, length in zip(ids, random.randint(0, 50, 20), strict=True):
        row[:length] = random.randint(text.UNKNOWN, 5_000, length)
    ids[0] = random.randint(text.UNKNOWN, 5_000, 50)
    texts = certify.typed_texts(ids, known)
    np.testing.assert_array_equal(text.encode(texts, known, 50), ids)
    together = b" ".join(texts)
    assert all(sign in together for sign in (b"<br />", b",", b"\n", b'"'))
    assert together != together.lower()
