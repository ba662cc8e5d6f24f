"""Splitting: by a fixed seed, or in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def carve(
    x: np.ndarray, y: np.ndarray, size: int, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Split ``(x, y)`` at random into ``(rest, carved)`` with ``size`` examples carved.

    The generator is NumPy's ``RandomState``, whose stream is frozen: the same split on every
    machine and with every NumPy version.
    """
    import numpy as np

    order = np.random.RandomState(seed).permutation(len(x))
    rest, carved = order[size:], order[:size]
    return (x[rest], y[rest]), (x[carved], y[carved])


def in_order(values: np.ndarray, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Consecutive stretches of ``values`` with the sizes and names given."""
    splits, begin = {}, 0
    for name, size in sizes.items():
        splits[name] = values[begin : begin + size]
        begin += size
    return splits
