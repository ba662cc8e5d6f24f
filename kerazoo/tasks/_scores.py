"""Probabilities of a classifier with the true labels, and the metrics that follow."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kerazoo._lazy import np


@dataclass(frozen=True)
class Scores:
    """Predictions of a classifier on a split of n examples.

    Attributes:
        probabilities: float32 ``(n, classes)``.
        labels: true classes, int64 ``(n,)``.
    """

    probabilities: np.ndarray
    labels: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class of each example, int64 ``(n,)``."""
        return self.probabilities.argmax(axis=1)

    @property
    def accuracy(self) -> float:
        """Fraction classified correctly."""
        return float((self.predicted == self.labels).mean())

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats."""
        true = self.probabilities[np.arange(len(self.labels)), self.labels].astype(np.float64)
        return float(-np.log(np.clip(true, 1e-12, 1.0)).mean())

    @property
    def confusion(self) -> np.ndarray:
        """Counts, int64 ``(classes, classes)``: row is the truth, column the prediction."""
        classes = self.probabilities.shape[1]
        counts = np.zeros((classes, classes), dtype=np.int64)
        np.add.at(counts, (self.labels, self.predicted), 1)
        return counts


def binomial_standard_error(accuracy: float, n: int) -> float:
    """Standard error of an accuracy measured on n examples.

    One right and one wrong prediction are added (Laplace), so that it is never zero.
    """
    p = (accuracy * n + 1) / (n + 2)
    return math.sqrt(p * (1 - p) / n)
