"""Calibration of a classifier's probabilities by one temperature.

Guo et al., "On Calibration of Modern Neural Networks", 2017, https://arxiv.org/abs/1706.04599
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from kerazoo._lazy import np
from kerazoo.tasks._scores import Scores

BINS = 15  # of equal width, as is usual
MAX_TEMPERATURE = 20.0  # and its inverse the least
LEAST = 1e-38  # probability; float32 rounds a smaller one to 0


def expected_calibration_error(scores: Scores) -> float:
    """Mean distance of confidence and accuracy over bins of confidence, weighted by their size.

    The confidence is the probability of the likeliest class. The error of few examples is biased
    upward.
    """
    confidence = scores.probabilities.max(axis=1).astype(np.float64)
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    distance = (scores.probabilities.argmax(axis=1) == scores.labels) - confidence
    return float(np.abs(np.bincount(places, distance, BINS)).sum() / len(distance))


def at_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities ``(n, classes)`` of the same logits, divided by ``temperature``; float64."""
    return np.exp(_log(probabilities, temperature))


def fit_temperature(scores: Scores, class_weight: Mapping[int, float] | None = None) -> float:
    """Temperature with the least mean cross-entropy of scores on a validation split.

    The classes may have weights, those of the training. One more term, log² T / 2n, keeps it near
    1 where the examples are few: of ten that are all right the cross-entropy alone would ask for 0.
    """
    from scipy.optimize import minimize_scalar

    n = len(scores.labels)
    weights = [class_weight[c] if class_weight else 1.0 for c in scores.labels.tolist()]

    def loss(log_temperature: float) -> float:
        log = _log(scores.probabilities, math.exp(log_temperature))
        right = log[np.arange(n), scores.labels]
        return float(log_temperature**2 / (2 * n) - np.average(right, weights=weights))

    limit = math.log(MAX_TEMPERATURE)
    return math.exp(minimize_scalar(loss, bounds=(-limit, limit), method="bounded").x)


def _log(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    log = np.log(np.maximum(probabilities, LEAST).astype(np.float64)) / temperature
    log -= log.max(axis=1, keepdims=True)
    return log - np.log(np.exp(log).sum(axis=1, keepdims=True))
