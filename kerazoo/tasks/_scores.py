"""Predicted and true classes, and the metrics that follow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kerazoo._lazy import np
from kerazoo.spec import Threshold


@dataclass(frozen=True)
class Scores:
    """Predictions of a classifier on a split of n examples.

    Attributes:
        probabilities: float32 ``(n, classes)``.
        labels: true classes, int64 ``(n,)``.
        threshold: from which on the positive one of two classes is predicted.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    threshold: Threshold | None = None

    @property
    def predicted(self) -> np.ndarray:
        """The predicted class of each example, int64 ``(n,)``."""
        return decide(self.probabilities, self.threshold)

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
        return confusion_of(self.labels, self.predicted, self.probabilities.shape[1])


def decide(probabilities: np.ndarray, threshold: Threshold | None) -> np.ndarray:
    """The class of each row ``(n, classes)`` by the threshold, int64; without one the likeliest."""
    if threshold is None or threshold.value is None:
        return probabilities.argmax(axis=1)
    positive = probabilities[:, threshold.column] >= threshold.value
    return np.where(positive, threshold.column, 1 - threshold.column)


def confusion_of(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Confusion matrix of integer classes ``(n,)``, as :attr:`Scores.confusion`."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def balanced_accuracy(confusion: np.ndarray) -> float:
    """Mean recall of the classes that occur."""
    sizes = confusion.sum(axis=1)
    return float((np.diag(confusion)[sizes > 0] / sizes[sizes > 0]).mean())


def by_class(confusion: np.ndarray, names: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """The metrics of :func:`by_label` of each class, from a confusion matrix."""
    return by_label(names, np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0))


def by_label(
    names: Sequence[str], right: np.ndarray, sizes: np.ndarray, predicted: np.ndarray
) -> dict[str, dict[str, float | None]]:
    """Precision, recall, F1 and number of examples of each class.

    Precision is None for a class that is never predicted, recall for one that does not occur, F1
    for one that does neither.

    Args:
        names: of the classes or labels.
        right: examples of each class that are predicted as it, int ``(classes,)``.
        sizes: examples of each class.
        predicted: examples that are predicted as each class.
    """
    counts = (v.tolist() for v in (right, sizes, predicted))
    return {
        name: {
            "precision": r / p if p else None,
            "recall": r / n if n else None,
            "f1": 2 * r / (n + p) if n + p else None,
            "examples": n,
        }
        for name, r, n, p in zip(names, *counts, strict=True)
    }


def balanced_standard_error(classes: Mapping[str, Mapping[str, float | None]]) -> float:
    """Standard error of the balanced accuracy of what :func:`by_class` gives."""
    found = [(m["recall"], m["examples"]) for m in classes.values()]
    errors = [binomial_standard_error(r, int(n)) for r, n in found if r is not None and n]
    return math.hypot(*errors) / len(errors)


def binomial_standard_error(accuracy: float, n: int) -> float:
    """Standard error of an accuracy measured on n examples.

    One right and one wrong prediction are added (Laplace), so that it is never zero.
    """
    p = (accuracy * n + 1) / (n + 2)
    return math.sqrt(p * (1 - p) / n)
