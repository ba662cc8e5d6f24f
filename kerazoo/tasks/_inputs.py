"""What every task demands of the examples of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kerazoo.errors import KerazooError
from kerazoo.spec import Dataset

if TYPE_CHECKING:
    import numpy as np

# Keras's Normalization divides by no less than its epsilon: what varies less is lost.
LEAST_SPREAD = 1e-7
SAME = 1e-6  # of the largest value: float32 tells apart no less


def check_inputs(info: Dataset, split: str, x: np.ndarray) -> str:
    """Raise KerazooError unless ``x`` has the shape that the dataset says; returns the place."""
    where = f"dataset {info.name!r}, split {split!r}"
    if x.shape[1:] != info.input_shape or len(x) == 0:
        raise KerazooError(
            f"{where}: x has shape {x.shape}; expected (n, *{info.input_shape}) with n above 0."
        )
    import numpy as np

    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise KerazooError(f"{where}: x holds values that are NaN or infinite.")
    if split == "train" and x.dtype.kind == "f" and x.ndim == 2:
        refuse_tiny(x, info.columns, where)
    return where


def refuse_tiny(values: np.ndarray, names: Sequence[str], where: str) -> None:
    """Raise KerazooError for a column of ``values`` ``(n, columns)`` that varies by too little.

    Args:
        values: of the training split; finite.
        names: of the columns, or none.
        where: what the values are, for the message.
    """
    import numpy as np

    spread = values.std(axis=0, dtype=np.float64)
    varies = spread > SAME * np.abs(values).max(axis=0)
    for place in map(int, np.flatnonzero(varies & (spread < LEAST_SPREAD))):
        name = repr(names[place]) if names else f"number {place + 1}"
        raise KerazooError(
            f"{where}: column {name} varies by {spread[place]:.1g} (its standard deviation), and a "
            f"network's normalisation takes less than {LEAST_SPREAD:g} for nothing. Give it in "
            "other units."
        )
