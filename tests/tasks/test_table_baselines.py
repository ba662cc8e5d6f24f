"""Linear baselines and input checks on tables whose columns differ in size."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.spec import Split
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
    assert _baselines.logistic(train, test) == before > 0.9


def test_rare_targets_have_a_standard_error():
    random = np.random.RandomState(0)
    true = np.zeros((100, 20), "float32")
    true[random.randint(0, 100, 20), np.arange(20)] = 1
    data = kerazoo.load_data("diabetes")
    data = dataclasses.replace(data, test=Split(np.zeros((100, 10), "float32"), true))
    assert np.isfinite(registry.get_task("regression").score(true * 0.5, data).standard_error)


@pytest.mark.parametrize("damage", ["nothing", "NaN", "column", "target"])
def test_data_that_cannot_be_learned_is_refused_before_training(damage):
    data = kerazoo.load_data("diabetes")
    x, y = data.train.x.astype("float64"), data.train.y.astype("float64")
    if damage == "NaN":
        x[2, 1] = np.nan
    elif damage == "column":
        x[:, 1] *= 1e-7
    elif damage == "target":
        y *= 1e-10
    task = registry.get_task("regression")
    arguments = data.info, "train", x.astype("float32"), y.astype("float32")
    if damage == "nothing":
        task.check_split(*arguments)
    else:
        with pytest.raises(kerazoo.KerazooError):
            task.check_split(*arguments)
