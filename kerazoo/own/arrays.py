"""Arrays given in code: ``(x, y)`` of NumPy arrays, or a ``tf.data.Dataset`` of such pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kerazoo.errors import KerazooError
from kerazoo.own.data import Own, as_data, own_dataset, shuffled_split, sizes_line, take
from kerazoo.spec import Split

if TYPE_CHECKING:
    import numpy as np

LEAST = 3  # examples of a class: one for each split


def is_tensorflow_dataset(source: Any) -> bool:
    """Whether something is a ``tf.data.Dataset``, without importing TensorFlow to find out."""
    return any(c.__module__.startswith("tensorflow.") for c in type(source).__mro__) and hasattr(
        source, "as_numpy_iterator"
    )


def pair_of(source: Any) -> tuple[np.ndarray, np.ndarray]:
    """The arrays ``(x, y)`` of a pair or of a ``tf.data.Dataset``, batched or not.

    Raises:
        KerazooError: it is neither, its elements are no pairs, or the lengths differ.
    """
    import numpy as np

    if is_tensorflow_dataset(source):
        parts = list(source.as_numpy_iterator())
        if not parts or not isinstance(parts[0], tuple) or len(parts[0]) != 2:
            raise KerazooError("the tf.data.Dataset must hold pairs (x, y), and at least one.")
        batched = np.ndim(parts[0][1]) > 0
        join = np.concatenate if batched else np.stack
        source = tuple(join([part[i] for part in parts]) for i in (0, 1))
    if not isinstance(source, (tuple, list)) or len(source) != 2:
        raise KerazooError(f"data is {type(source).__name__}; as arrays give a pair (x, y).")
    x, y = np.asarray(source[0]), np.asarray(source[1])
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise KerazooError(
            f"x has shape {x.shape} and y {y.shape}; they need one row per example, as many in "
            "both."
        )
    if len(x) == 0:
        raise KerazooError("x and y are empty; give examples.")
    return x, y


def pictures_from_arrays(source: Any, test: Any = None) -> Own:
    """Pictures ``(n, height, width)`` or ``(n, height, width, 1 or 3)`` and a label for each.

    Args:
        source: ``(x, y)`` or a ``tf.data.Dataset``; pixels from 0 to 255; labels whole numbers or
            names.
        test: likewise, the examples to measure on; by default a fifth of ``source``.

    Raises:
        KerazooError: other shapes, pixels outside 0 to 255 or all within 0 to 1, NaN, fewer than
            two classes, or a class with fewer than three pictures.
    """
    import numpy as np

    x, y = pair_of(source)
    x = _pixels(x)
    names = _labels(y)
    labels, classes = np.unique(names, return_inverse=True)
    _refuse_small_classes(labels, classes)
    classes = classes.astype(np.int64)
    indices = shuffled_split(classes, stratify=True)
    if test is not None:
        test_x, test_y = pair_of(test)
        held_out = Split(_pixels(test_x), _known(_labels(test_y), labels))
        if held_out.x.shape[1:] != x.shape[1:]:
            raise KerazooError(
                f"the test pictures have shape {held_out.x.shape[1:]}, the others {x.shape[1:]}."
            )
        rest = np.sort(np.concatenate([indices["train"], indices["test"]]))
        splits: Mapping[str, Split] = {
            **take(x, classes, {"train": rest, "validation": indices["validation"]}),
            "test": held_out,
        }
    else:
        splits = take(x, classes, indices)
    info = own_dataset(
        "arrays",
        "classification",
        f"{len(x):,} pictures of {len(labels)} classes given as arrays",
        input_shape=x.shape[1:],
        labels=tuple(map(str, labels)),
    )
    data = as_data(info, splits)
    how = "test as given" if test is not None else "by a fixed seed, each class alike"
    return Own(
        data=data,
        found=(
            f"{len(x):,} pictures {x.shape[1]} × {x.shape[2]} × {x.shape[3]} of {len(labels)} "
            "classes",
            f"split: {sizes_line(data)} ({how})",
        ),
        treatment={"kind": "pictures", "invert": "no"},
    )


def _pixels(x: np.ndarray) -> np.ndarray:
    """uint8 ``(n, height, width, channels)``."""
    import numpy as np

    x = x[..., None] if x.ndim == 3 else x
    if x.ndim != 4 or x.shape[-1] not in (1, 3):
        raise KerazooError(
            f"x has shape {x.shape}; pictures have shape (n, height, width) or (n, height, width, "
            "1 or 3)."
        )
    if x.dtype == np.uint8:
        return x
    if x.dtype.kind not in "iuf" or not np.isfinite(x).all():
        raise KerazooError(f"x has type {x.dtype} or holds NaN; pixels are numbers from 0 to 255.")
    low, high = float(x.min()), float(x.max())
    if low < 0 or high > 255:
        raise KerazooError(f"x holds values from {low:g} to {high:g}; pixels go from 0 to 255.")
    if x.dtype.kind == "f" and 0 < high <= 1:
        raise KerazooError(
            "x holds values from 0 to 1; the models take raw pixels from 0 to 255 and scale them "
            "themselves. Multiply by 255."
        )
    return np.round(x).astype(np.uint8)


def _labels(y: np.ndarray) -> np.ndarray:
    """One label per example, ``(n,)``: whole numbers or strings."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise KerazooError(
            f"y has shape {y.shape}; give one label per picture, (n,). Of one-hot rows take "
            "y.argmax(axis=1)."
        )
    import numpy as np

    gone = [v is None or (isinstance(v, float) and math.isnan(v)) for v in y.tolist()]
    if any(gone):
        raise KerazooError(f"y holds no label at place {gone.index(True)}; leave that one out.")
    if y.dtype.kind == "f":
        if not np.isfinite(y).all() or not (y == y.round()).all():
            raise KerazooError("y holds numbers that are not whole; classes are whole or names.")
        y = y.astype("int64")
    if y.dtype.kind == "S":
        y = y.astype("U")
    return y.astype(str) if y.dtype.kind == "O" else y


def _known(y: np.ndarray, labels: np.ndarray) -> np.ndarray:
    import numpy as np

    place = np.searchsorted(labels, y).clip(max=len(labels) - 1)
    if (labels[place] != y).any():
        new = y[labels[place] != y][0]
        raise KerazooError(f"the test labels hold {str(new)!r}, which the training labels do not.")
    return place.astype(np.int64)


def _refuse_small_classes(labels: np.ndarray, classes: np.ndarray) -> None:
    import numpy as np

    if len(labels) < 2:
        raise KerazooError(f"all labels are {str(labels[0])!r}; it takes two classes or more.")
    counts = np.bincount(classes)
    if counts.min() < LEAST:
        small = labels[int(counts.argmin())]
        raise KerazooError(
            f"class {str(small)!r} has {counts.min()} example(s); it needs at least {LEAST}, one "
            "for each split."
        )
