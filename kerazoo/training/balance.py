"""Weights of classes that differ in size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.errors import KerazooError

if TYPE_CHECKING:
    import numpy as np

    from kerazoo.tasks.base import Task


def require_classes(balance: bool, task: Task) -> None:
    """Raise KerazooError for a balance of what has no classes."""
    if balance and not task.has_classes:
        raise KerazooError("balance weighs classes; this data has none.")


def class_weights(y: np.ndarray) -> dict[int, float]:
    """Inverse frequencies of the classes ``y``, whole numbers ``(n,)``; their mean over y is 1."""
    import numpy as np

    classes, counts = np.unique(y, return_counts=True)
    return {
        int(c): float(len(y) / (len(classes) * n)) for c, n in zip(classes, counts, strict=True)
    }
