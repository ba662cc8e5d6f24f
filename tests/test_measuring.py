"""What is measured of tables, and the naive models beside it, on numbers as people have them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.spec import Split
from kerazoo.tasks import _baselines as linear_models
from kerazoo.tasks import classification, regression


def test_least_squares_knows_columns_of_any_size():
    """Revenue beside a rate: neither is rounding next to the other."""
    random = np.random.RandomState(0)
    x = random.normal(size=(200, 4)) * [1e9, 1e-4, 0.3, 1.0]
    x[:, 3] = 0.1  # constant: no coefficient of its own, and no trap either
    true = np.array([[2e-9], [3e4], [1.0], [0.0]])
    fitted, intercept = linear_models.least_squares(x, x @ true + 5)
    np.testing.assert_allclose(x @ fitted + intercept, x @ true + 5, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fitted[:3], true[:3], rtol=1e-6)
    assert fitted[3] == 0


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_least_squares_in_parts_are_those_of_the_whole(ridge):
    random = np.random.RandomState(1)
    x, y = random.normal(size=(100, 5)) + 3, random.normal(size=(100, 2))
    whole = linear_models.least_squares(x, y, ridge)
    parts = linear_models.least_squares_of_parts(
        lambda: ((x[i : i + 7], y[i : i + 7]) for i in range(0, 100, 7)), ridge
    )
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)
    if ridge:  # the penalty is on the coefficients as they are, whatever is done inside
        centred = x - x.mean(axis=0)
        direct = np.linalg.solve(
            centred.T @ centred + ridge * 100 * np.eye(5), centred.T @ (y - y.mean(axis=0))
        )
        np.testing.assert_allclose(whole[0], direct, rtol=1e-10)


def test_the_linear_classifier_is_not_upset_by_a_column_that_training_never_changes():
    random = np.random.RandomState(0)
    x = random.normal(size=(400, 3)).astype("float32")
    y = (x[:, 0] > 0).astype(int)
    x[:, 2] = 0.1
    test = Split(x[300:].copy(), y[300:])
    before = linear_models.logistic(Split(x[:300], y[:300]), test)
    test.x[::2, 2] = 0.2
    assert linear_models.logistic(Split(x[:300], y[:300]), test) == before > 0.9


def test_rare_targets_have_a_standard_error():
    random = np.random.RandomState(0)
    true = np.zeros((100, 20), "float32")
    true[random.randint(0, 100, 20), np.arange(20)] = 1
    data = kerazoo.load_data("diabetes")
    data = dataclasses.replace(data, test=Split(np.zeros((100, 10), "float32"), true))
    assert np.isfinite(regression.Regression().score(true * 0.5, data).standard_error)


def test_a_value_that_is_no_number_is_found_before_the_training():
    info = dataclasses.replace(registry.get_dataset("digits"), input_shape=(3,))
    x = np.zeros((4, 3), "float32")
    x[2, 1] = np.nan
    with pytest.raises(kerazoo.KerazooError, match="NaN or infinite"):
        classification.check_split(info, "test", x, np.zeros(4, int))


@pytest.mark.parametrize(("tiny", "says"), [("x", "column number 2"), ("y", "column 'disease")])
def test_a_dataset_that_varies_by_too_little_is_refused(tiny, says):
    data = kerazoo.load_data("diabetes")
    info = dataclasses.replace(data.info, columns=())
    x, y = data.train.x.astype("float32"), data.train.y.astype("float32")
    regression.Regression().check_split(info, "train", x, y)
    if tiny == "x":
        x = x * np.where(np.arange(10) == 1, 1e-7, 1).astype("float32")
    else:
        y = y * np.float32(1e-10)
    with pytest.raises(kerazoo.KerazooError, match=says):
        regression.Regression().check_split(info, "train", x, y)
