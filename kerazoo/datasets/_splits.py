"""Splitting: by a fixed seed, or in order."""

from __future__ import annotations

from collections.abc import Mapping

from kerazoo._lazy import np
from kerazoo.spec import Splits


def carve(
    x: np.ndarray, y: np.ndarray, size: int, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Split ``(x, y)`` at random into ``(rest, carved)`` with ``size`` examples carved.

    The generator is NumPy's ``RandomState``, whose stream is frozen: the same split on every
    machine and with every NumPy version.
    """
    order = np.random.RandomState(seed).permutation(len(x))
    rest, carved = order[size:], order[:size]
    return (x[rest], y[rest]), (x[carved], y[carved])


def three_splits(x: np.ndarray, y: np.ndarray, held_out: int) -> Splits:
    """Train, validation and test by fixed seeds, the last two with ``held_out`` examples."""
    rest, test = carve(x, y, held_out, seed=0)
    train, validation = carve(*rest, held_out, seed=1)
    return {"train": train, "validation": validation, "test": test}


def in_order(values: np.ndarray, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Consecutive parts of ``values`` with these names and sizes, without what is left."""
    parts = np.split(values, np.cumsum(list(sizes.values())))
    return dict(zip(sizes, parts, strict=False))
