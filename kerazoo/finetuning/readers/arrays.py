"""Arrays given in code: ``(x, y)`` of NumPy arrays, or a ``tf.data.Dataset`` of such pairs.

Of pictures; those of rows and of texts become a DataFrame, which the readers of tables take.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers.user_data import (
    Own,
    as_data,
    digest,
    notes_on_classes,
    notes_on_copies,
    own_dataset,
    shuffled_split,
    split_line,
    take,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LEAST = 3  # examples of a class: one for each split
TEXT, TARGET = "text", "y"  # columns of the DataFrame that arrays become; of rows also x1, x2, …
# Of a tf.data.Dataset, which is held in memory; more may be endless. 100,000 elements of one
# example take some 16 s to read.
MOST_BYTES = 8 * 2**30
MOST_ELEMENTS = 1_000_000
ELEMENT_BYTES = 500  # of Python's objects around the values


def is_tensorflow_dataset(source: Any) -> bool:
    """Whether something is a ``tf.data.Dataset``, without importing TensorFlow to find out."""
    return any(c.__module__.startswith("tensorflow.") for c in type(source).__mro__) and hasattr(
        source, "as_numpy_iterator"
    )


def pair_of(source: Any) -> tuple[np.ndarray, np.ndarray]:
    """The arrays ``(x, y)`` of a pair or of a ``tf.data.Dataset``, batched or not.

    The examples of a ``tf.data.Dataset`` come in an order that follows from what they hold, so that
    one which shuffles gives the same splits each time.

    Strings are objects: an array of fixed width would be as wide as the longest everywhere.

    Raises:
        KerazooError: it is neither, its elements are no pairs, the lengths or shapes differ, or it
            does not end.
    """
    shuffles = is_tensorflow_dataset(source)
    if shuffles:
        source = _examples_of(source)
    if not isinstance(source, (tuple, list)) or len(source) != 2:
        raise KerazooError(f"data is {type(source).__name__}; as arrays give a pair (x, y).")
    x, y = (_array(part, name) for part, name in zip(source, "xy", strict=True))
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise KerazooError(
            f"x has shape {x.shape} and y {y.shape}; they need one row per example, as many in "
            "both."
        )
    if len(x) == 0:
        raise KerazooError("x and y are empty; give examples.")
    if shuffles:
        order = sorted(range(len(x)), key=lambda i: (digest(x[i]), digest(y[i])))
        x, y = x[order], y[order]
    return x, y


def _array(values: Any, name: str) -> np.ndarray:
    import numpy as np

    if isinstance(values, (list, tuple)) and values and isinstance(values[0], (str, bytes)):
        values = np.array(values, dtype=object)
    try:
        array = np.asarray(values)
    except ValueError:
        raise KerazooError(
            f"{name} is a list of parts of different shapes; all examples need the same."
        ) from None
    if array.dtype.kind in "SO" and any(isinstance(v, bytes) for v in array.flat):
        said = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in array.flat]
        array = np.array(said, dtype=object).reshape(array.shape)
    return array.astype(object) if array.dtype.kind == "U" else array


def _examples_of(source: Any) -> tuple[Any, Any]:
    """All examples of a ``tf.data.Dataset``, which may be batched."""
    import numpy as np

    if int(source.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise KerazooError(
            "the tf.data.Dataset repeats without end; leave out .repeat(), or .take(n) of it."
        )
    parts, size = [], 0
    for part in source.as_numpy_iterator():
        if not isinstance(part, tuple) or len(part) != 2 or any(isinstance(p, dict) for p in part):
            raise KerazooError("the tf.data.Dataset must hold pairs (x, y) of arrays.")
        parts.append(part)
        size += ELEMENT_BYTES + sum(np.asarray(p).nbytes for p in part)
        if size > MOST_BYTES or len(parts) > MOST_ELEMENTS:
            raise KerazooError(
                f"the tf.data.Dataset does not end within {MOST_ELEMENTS:,} elements or "
                f"{MOST_BYTES / 2**30:g} GiB; .take(n) of it, or .batch(n) it."
            )
    if not parts:
        raise KerazooError("the tf.data.Dataset is empty; give examples.")
    if not _is_batched(source, parts):
        return [p[0] for p in parts], [p[1] for p in parts]
    try:
        return tuple(np.concatenate([p[i] for p in parts]) for i in (0, 1))  # type: ignore[return-value]
    except ValueError:
        raise KerazooError(
            "the batches of the tf.data.Dataset differ in the shape of their examples; all "
            "examples need the same."
        ) from None


def _is_batched(source: Any, parts: list[tuple[Any, Any]]) -> bool:
    """Whether each element holds several examples, as many in x as in y."""
    import numpy as np

    if not all(np.ndim(x) and np.ndim(y) and len(x) == len(y) for x, y in parts):
        return False
    # An example of k values with k targets looks the same; its shape is known beforehand.
    shapes = [getattr(spec, "shape", None) for spec in source.element_spec]
    known = all(s is not None and s.rank is not None and s[0] is not None for s in shapes)
    x = parts[0][0]
    return not known or np.ndim(x) > 1 or x.dtype.kind in "SO"


def frame_from_arrays(x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """Rows ``(n, columns)`` or texts ``(n,)`` with their targets, as a DataFrame.

    The columns of rows are called ``x1``, ``x2``, …, that of texts ``text``; the target ``y``, or
    ``y1``, ``y2``, … where ``y`` has several columns.

    Raises:
        KerazooError: other shapes, texts that are no strings, or one-hot rows as targets.
    """
    import numpy as np
    import pandas as pd

    if x.ndim == 2 and x.shape[1]:
        columns: dict[str, Any] = {name: x[:, i] for i, name in enumerate(row_names(x.shape[1]))}
    elif x.ndim == 1 and x.dtype.kind == "O":
        columns = {TEXT: x}
    else:
        raise KerazooError(
            f"x has shape {x.shape} and type {x.dtype}; rows of a table have shape (n, columns), "
            "texts are strings (n,)."
        )
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim == 1:
        return pd.DataFrame({**columns, TARGET: y})
    if y.ndim != 2:
        raise KerazooError(f"y has shape {y.shape}; give (n,), or (n, targets) of numbers.")
    if np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        raise KerazooError("y holds one-hot rows; give the classes, y.argmax(axis=1).")
    return pd.DataFrame({**columns, **{name: y[:, i] for i, name in enumerate(targets_of(y))}})


def row_names(n: int) -> list[str]:
    """What the columns of rows without names are called: ``x1``, ``x2`` and so on."""
    return [f"x{i}" for i in range(1, n + 1)]


def targets_of(y: np.ndarray) -> str | tuple[str, ...]:
    """The column, or columns, of the DataFrame that hold the target."""
    if y.ndim < 2 or y.shape[1] == 1:
        return TARGET
    return tuple(f"{TARGET}{i}" for i in range(1, y.shape[1] + 1))


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
    held_out = None
    if test is not None:
        test_x, test_y = pair_of(test)
        test_x, test_y = _pixels(test_x), _known(_labels(test_y), labels)
        if test_x.shape[1:] != x.shape[1:]:
            raise KerazooError(
                f"the test pictures have shape {test_x.shape[1:]}, the others {x.shape[1:]}."
            )
        held_out = np.arange(len(x) + len(test_x)) >= len(x)
        x, classes = np.concatenate([x, test_x]), np.concatenate([classes, test_y])
    splits = take(x, classes, shuffled_split(classes, stratify=True, held_out=held_out))
    info = own_dataset(
        "arrays",
        "classification",
        f"{len(x):,} pictures of {len(labels)} classes given as arrays",
        input_shape=x.shape[1:],
        labels=tuple(map(str, labels)),
    )
    data = as_data(info, splits)
    counts = Counter(labels[i] for i in splits["train"].y)
    return Own(
        data=data,
        warnings=(
            *notes_on_classes({str(c): n for c, n in counts.items()}, "pictures"),
            *notes_on_copies(data, "picture"),
        ),
        found=(
            f"{len(x):,} pictures {x.shape[1]} × {x.shape[2]} × {x.shape[3]} of {len(labels)} "
            "classes",
            split_line(data, stratified=True, given=test is not None),
        ),
        test_given=test is not None,
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
