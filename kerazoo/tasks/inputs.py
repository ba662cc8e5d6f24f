"""What every task demands of the examples of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.errors import KerazooError
from kerazoo.spec import Dataset

if TYPE_CHECKING:
    import numpy as np


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
    return where
