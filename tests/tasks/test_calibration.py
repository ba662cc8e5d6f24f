"""Calibration: the error as it is defined, and the temperature that lessens it."""

from __future__ import annotations

import numpy as np
import pytest

from kerazoo.tasks._calibration import at_temperature, expected_calibration_error, fit_temperature
from kerazoo.tasks._scores import Scores


def scores_of(n, sharper, classes=4):
    """Labels drawn with known probabilities, and these probabilities at another temperature."""
    random = np.random.RandomState(0)
    true = random.dirichlet(np.ones(classes), n)
    labels = (true.cumsum(axis=1) < random.uniform(size=(n, 1))).sum(axis=1)
    return Scores(at_temperature(true, 1 / sharper).astype("float32"), labels)


def test_the_error_is_the_distance_of_confidence_and_accuracy():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.0, 1.0]], "float32")
    scores = Scores(probabilities, np.array([0, 1, 1, 1]))
    wanted = (2 * abs(0.5 - 0.9) + abs(1 - 0.6) + 0) / 4
    assert expected_calibration_error(scores) == pytest.approx(wanted)


@pytest.mark.parametrize("sharper", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_made_the_probabilities_wrong(sharper):
    scores = scores_of(20_000, sharper)
    temperature = fit_temperature(scores)
    assert temperature == pytest.approx(sharper, rel=0.05)
    after = Scores(at_temperature(scores.probabilities, temperature), scores.labels)
    assert expected_calibration_error(after) < 0.015
    assert after.loss <= scores.loss
    np.testing.assert_array_equal(after.predicted, scores.predicted)


def test_a_few_right_answers_do_not_make_sure():
    """Their cross-entropy alone is least at temperature 0."""
    sure = Scores(np.tile([[0.95, 0.05]], (10, 1)).astype("float32"), np.zeros(10, int))
    assert 0.4 < fit_temperature(sure) < 1


def test_impossible_values_and_weights_of_classes():
    zeros = Scores(np.eye(2, dtype="float32")[[0, 0, 1]], np.array([0, 1, 1]))
    assert np.isfinite(fit_temperature(zeros)) and fit_temperature(zeros) > 1
    both = Scores(np.tile([[0.8, 0.2]], (100, 1)).astype("float32"), np.arange(100) // 90)
    # 90 % right asks for more than 0.8; with equal classes 50 % asks for less.
    assert fit_temperature(both) < 1 < fit_temperature(both, {0: 0.56, 1: 5.0})
