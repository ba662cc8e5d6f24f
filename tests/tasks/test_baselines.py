"""Linear baselines of tables and texts, and checks of what they are given."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.spec import Data, Split
from kerazoo.tasks import _baselines


def test_least_squares_takes_columns_of_any_size():
    random = np.random.RandomState(0)
    x = random.normal(size=(200, 4)) * [1e9, 1e-4, 0.3, 1.0]
    x[:, 3] = 0.1  # constant: no coefficient
    true = np.array([[2e-9], [3e4], [1.0], [0.0]])
    fitted, intercept = _baselines.least_squares(lambda: [(x, x @ true + 5)])
    np.testing.assert_allclose(x @ fitted + intercept, x @ true + 5, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fitted[:3], true[:3], rtol=1e-6)
    assert fitted[3] == 0


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_least_squares_in_parts_equals_that_of_the_whole(ridge):
    random = np.random.RandomState(1)
    x, y = random.normal(size=(100, 5)) + 3, random.normal(size=(100, 2))
    whole = _baselines.least_squares(lambda: [(x, y)], ridge)
    parts = _baselines.least_squares(
        lambda: ((x[i : i + 7], y[i : i + 7]) for i in range(0, 100, 7)), ridge
    )
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)
    centered = x - x.mean(axis=0)
    penalty = ridge * 100 * np.eye(5)  # on the coefficients of the columns as given
    direct = np.linalg.solve(centered.T @ centered + penalty, centered.T @ (y - y.mean(axis=0)))
    np.testing.assert_allclose(whole[0], direct, rtol=1e-10)


def test_a_column_that_is_constant_in_training_does_not_change_the_linear_classifier():
    random = np.random.RandomState(0)
    x = random.normal(size=(400, 3)).astype("float32")
    y = (x[:, 0] > 0).astype(int)
    x[:, 2] = 0.1
    train, test = Split(x[:300], y[:300]), Split(x[300:].copy(), y[300:])
    before = _baselines.logistic(train, test)
    test.x[::2, 2] = 0.2
    np.testing.assert_array_equal(_baselines.logistic(train, test), before)
    assert (before == test.y).mean() > 0.9


def test_a_classifier_of_many_values_has_a_linear_baseline_of_a_sample(monkeypatch):
    data = kerazoo.load_data("digits")
    monkeypatch.setattr(_baselines, "PART", 7)
    task = registry.get_task("classification")
    whole = task.baselines(data.train, data).simple
    monkeypatch.setattr(_baselines, "MOST_VALUES", 0)
    monkeypatch.setattr(_baselines, "SAMPLED", 400 * data.train.x[0].size)
    sampled = task.baselines(data.train, data).simple
    assert list(whole) == ["majority_class", "linear"]
    assert list(sampled) == ["majority_class", "linear_of_400_examples"]
    assert sampled["linear_of_400_examples"]["accuracy"] > 0.8


def test_rare_targets_have_a_standard_error():
    random = np.random.RandomState(0)
    true = np.zeros((100, 20), "float32")
    true[random.randint(0, 100, 20), np.arange(20)] = 1
    data = kerazoo.load_data("diabetes")
    data = dataclasses.replace(data, test=Split(np.zeros((100, 10), "float32"), true))
    assert np.isfinite(registry.get_task("regression").score(true * 0.5, data).standard_error)


def test_the_linear_model_of_words_has_the_penalty_that_validates_best():
    """Many rare words that say nothing: the weakest penalty learns them by heart."""
    random = np.random.RandomState(0)

    def split(n):
        y = random.randint(0, 2, n)
        x = random.randint(10, 5_000, (n, 60))
        x[:, 0] = np.where(random.uniform(size=n) < 0.8, 2 + y, 3 - y)  # a word that says much
        return Split(x.astype("int32"), y)

    data = Data(split(600), split(300), split(2_000), None, "")

    def accuracy():
        return (_baselines.bag_of_words(data.train, data) == data.test.y).mean()

    chosen = accuracy()
    fixed = {}
    for c in _baselines.WORD_CS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_baselines, "WORD_CS", (c,))
            fixed[c] = accuracy()
    assert chosen in fixed.values() and chosen > fixed[1.0]


def test_data_that_cannot_be_learned_is_refused_before_training():
    task, data = registry.get_task("regression"), kerazoo.load_data("diabetes")
    x, y = data.train
    missing, tiny = x.copy(), x.copy()
    missing[2, 1], tiny[:, 1] = np.nan, 1e-7 * x[:, 1]
    task.check_split(data.info, "train", x, y)
    for wrong in ((missing, y), (tiny, y), (x, 1e-10 * y)):
        with pytest.raises(kerazoo.KerazooError):
            task.check_split(data.info, "train", *wrong)
