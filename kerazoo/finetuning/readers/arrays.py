"""Arrays ``(x, y)``, or a ``tf.data.Dataset`` of such pairs.

Images are read here; rows and texts become a DataFrame for the readers of tables.
"""

from __future__ import annotations

from typing import Any

from kerazoo._lazy import np, pd
from kerazoo.datasets._images import INVERT, Invert, require_raw_pixels
from kerazoo.errors import KerazooError, first_line, require_choice
from kerazoo.finetuning.readers._csv import FIRST_LINE
from kerazoo.finetuning.readers._drift import images_drift
from kerazoo.finetuning.readers._target import class_target, target_like
from kerazoo.finetuning.readers.images import (
    image_reading,
    is_inverted,
    scaled_otherwise,
    takes_images,
)
from kerazoo.finetuning.readers.table import from_table
from kerazoo.finetuning.readers.texts import from_texts
from kerazoo.finetuning.readers.user_data import (
    UserData,
    data_reader,
    digest,
    shuffled_split,
    user_data_of,
)
from kerazoo.spec import Split

TEXT, TARGET = "text", "y"  # columns of the DataFrame that arrays become; of rows also x1, x2, …
# Of a tf.data.Dataset, which is held in memory; more may be endless.
MAX_BYTES = 8 * 2**30
MAX_EXAMPLES = 10_000_000
BATCH = 1024


@data_reader
def from_arrays(
    x: Any,
    y: Any = None,
    *,
    test: Any = None,
    task: str | None = None,
    vocabulary: str | None = None,
    invert: Invert = "auto",
    light_on_dark: bool = False,
) -> UserData:
    """Read images, rows or texts given as arrays.

    Args:
        x: images of raw pixels from 0 to 255 ``(n, height, width)`` or ``(n, height, width, 1 or
            3)``, rows ``(n, columns)`` or texts ``(n,)``; or, without ``y``, a batched or unbatched
            ``tf.data.Dataset`` of pairs, whose examples are put into an order that does not
            depend on its own.
        y: labels ``(n,)``; of rows also numbers ``(n,)`` or ``(n, targets)``.
        test: a pair ``(x, y)`` or a ``tf.data.Dataset`` to evaluate on; by default a fifth.
        task: of rows, see :func:`kerazoo.from_table`.
        vocabulary: of texts, see :func:`kerazoo.from_texts`.
        invert: of images, see :func:`kerazoo.from_images`.
        light_on_dark: likewise.

    Raises:
        KerazooError: other shapes, pixels outside 0 to 255 or all within 0 to 1, NaN, fewer than
            two classes, a class with fewer than three examples, an option of another kind of
            arrays, or an endless ``tf.data.Dataset``.
    """
    x, y = pair_of(x if y is None else (x, y))
    more = None if test is None else pair_of(test)
    for name, value, rank in (("task", task, 2), ("vocabulary", vocabulary, 1)):
        if value is not None and x.ndim != rank:
            raise KerazooError(f"{name} does not go with an x of shape {x.shape}.")
    if x.ndim > 2:
        require_choice("invert", invert, INVERT)
        return _images(x, y, more, invert, light_on_dark)
    frame = frame_from_arrays(x, y)
    rows = None if more is None else frame_from_arrays(*more)
    if x.ndim == 1:
        return from_texts(frame, text=TEXT, target=TARGET, test=rows, vocabulary=vocabulary)
    return from_table(frame, target=tuple(_targets(y)), test=rows, task=task)


def pair_of(source: Any) -> tuple[np.ndarray, np.ndarray]:
    """The arrays ``(x, y)`` of a pair or of a ``tf.data.Dataset``.

    Strings are objects: an array of fixed width would be as wide as the longest everywhere.

    Raises:
        KerazooError: it is neither, or the lengths or shapes differ.
    """
    if hasattr(source, "element_spec") and hasattr(source, "as_numpy_iterator"):
        x, y = _examples_of(source)
        order = sorted(range(len(x)), key=lambda i: (digest(x[i]), digest(y[i])))
        return x[order], y[order]
    if not isinstance(source, (tuple, list)) or len(source) != 2:
        raise KerazooError(f"data is {type(source).__name__}; as arrays give a pair (x, y).")
    x, y = _array(source[0], "x"), _array(source[1], "y")
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or not len(x):
        raise KerazooError(f"x has shape {x.shape}, y {y.shape}; give one row per example in both.")
    return x, y


def _array(values: Any, name: str) -> np.ndarray:
    if isinstance(values, (list, tuple)) and values and isinstance(values[0], (str, bytes)):
        values = np.array(values, dtype=object)
    try:
        array = np.asarray(values)
    except ValueError:
        raise KerazooError(f"{name} has parts of different shapes; give one shape.") from None
    if array.dtype.kind in "SO" and any(isinstance(v, bytes) for v in array.flat):
        texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in array.flat]
        array = np.array(texts, dtype=object).reshape(array.shape)
    return array.astype(object) if array.dtype.kind == "U" else array


def _examples_of(source: Any) -> tuple[np.ndarray, np.ndarray]:
    """All examples of a ``tf.data.Dataset``.

    It is batched if the shapes of x and y begin with the same size and one dimension is left for
    an example of x; texts, which are strings, need none.
    """
    spec = source.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2 or not all(hasattr(s, "shape") for s in spec):
        raise KerazooError("the tf.data.Dataset must hold pairs (x, y) of arrays.")
    x, y = (s.shape for s in spec)
    if x.rank is None or y.rank is None:
        raise KerazooError("the tf.data.Dataset does not know its shapes; give output_signature=.")
    text = spec[0].dtype.name == "string"
    batched = min(x.rank + text - 1, y.rank) > 0 and x[0] == y[0]
    size, n, parts = 0, 0, []
    try:
        for part in (source if batched else source.batch(BATCH)).as_numpy_iterator():
            parts.append(part)
            n += len(part[0])
            size += sum(values.nbytes for values in part)
            if size > MAX_BYTES or n > MAX_EXAMPLES:
                raise ValueError(
                    f"it holds more than {MAX_EXAMPLES:,} examples or {MAX_BYTES / 2**30:g} GiB, "
                    "or repeats without end; .take(n) of it."
                )
        whole = [np.concatenate(values) for values in zip(*parts, strict=True)]
    except Exception as error:  # TensorFlow's are known by name only
        raise KerazooError(f"the tf.data.Dataset cannot be read: {first_line(error)}") from error
    if not parts:
        raise KerazooError("the tf.data.Dataset is empty; give examples.")
    return _array(whole[0], "x"), _array(whole[1], "y")


def frame_from_arrays(x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """Rows ``(n, columns)`` or texts ``(n,)`` with their targets, as a DataFrame.

    The columns of rows are called ``x1``, ``x2``, …, that of texts ``text``; the target ``y``, or
    ``y1``, ``y2``, … where ``y`` has several columns.

    Raises:
        KerazooError: other shapes, texts that are no strings, or one-hot rows as targets.
    """
    if x.ndim == 2 and x.shape[1]:
        columns = dict(zip(row_names(x.shape[1]), x.T, strict=True))
    elif x.ndim == 1 and x.dtype.kind == "O":
        columns = {TEXT: x}
    else:
        given = f"shape {x.shape} and type {x.dtype}"
        raise KerazooError(f"x has {given}; give rows (n, columns) or strings (n,).")
    return pd.DataFrame({**columns, **_targets(y)})


def row_names(n: int) -> list[str]:
    """Names of the columns of rows without names: ``x1``, ``x2`` and so on."""
    return [f"x{i}" for i in range(1, n + 1)]


def _targets(y: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of ``y``, by name."""
    if y.ndim == 1 or y.shape[1:] == (1,):
        return {TARGET: y.reshape(-1)}
    if y.ndim != 2:
        raise KerazooError(f"y has shape {y.shape}; give (n,), or (n, targets) of numbers.")
    if np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        raise KerazooError("y holds one-hot rows; give the classes, y.argmax(axis=1).")
    return {f"{TARGET}{i}": column for i, column in enumerate(y.T, start=1)}


def _images(
    x: np.ndarray,
    y: np.ndarray,
    test: tuple[np.ndarray, np.ndarray] | None,
    invert: Invert,
    light_on_dark: bool,
) -> UserData:
    """Images and a label for each."""
    rounded, labels = _rounded(x), pd.DataFrame(_targets(y))
    x = _pixels(x)
    if list(labels) != [TARGET]:
        raise KerazooError(f"y has shape {y.shape}; give one label per image, (n,).")
    target = class_target(labels[TARGET], "y")
    targets = [target]
    indices, how = shuffled_split(target.y, stratify=True, test_given=test is not None)
    splits = {name: Split(x[i], target.y[i]) for name, i in indices.items()}
    names = {name: i + FIRST_LINE for name, i in indices.items()}
    if test is not None:
        more = _pixels(test[0])
        if more.shape[1:] != x.shape[1:]:
            raise KerazooError(f"test images have shape {more.shape[1:]}, others {x.shape[1:]}.")
        targets.append(target_like(target, pd.DataFrame(_targets(test[1])), "the test labels"))
        splits["test"] = Split(more, targets[1].y)
        names["test"] = np.arange(len(more)) + FIRST_LINE
    for each in targets:
        if not each.known.all():
            raise KerazooError(f"y holds no label at place {each.known.argmin()}; leave it out.")
    inverted, backgrounds = is_inverted("x", x, light_on_dark, invert)
    reading = image_reading(splits["train"].x, invert="yes" if inverted else "no")
    warnings = scaled_otherwise(x)
    if test is not None:
        warnings += images_drift(splits["test"].x, reading, "test images")
    if inverted:
        splits = {name: Split(255 - split.x, split.y) for name, split in splits.items()}
    found = f"{len(x):,} images of {x.shape[2]} × {x.shape[1]} pixels, {x.shape[3]} channel(s)"
    return user_data_of(
        "images",
        None,
        splits,
        report=(found, *rounded, *backgrounds, target.why),
        how=how,
        warnings=warnings,
        names=names,
        facts={"labels": target.labels, "light_on_dark": light_on_dark},
        reading=reading,
        serving_model=lambda core: takes_images(core, reading),
    )


def _rounded(x: np.ndarray) -> list[str]:
    """A line on values that become whole numbers, as those of resized images do."""
    parts = x[x != np.round(x)] if x.dtype.kind == "f" else x[:0]
    shown = f"{parts[0]:g} as {parts[0]:.0f}" if len(parts) else ""
    return [f"{len(parts):,} values are read as the nearest whole number, {shown}"] * bool(shown)


def _pixels(x: np.ndarray) -> np.ndarray:
    """uint8 ``(n, height, width, channels)``."""
    x = x[..., None] if x.ndim == 3 else x
    if x.ndim != 4 or x.shape[-1] not in (1, 3):
        raise KerazooError(f"x has shape {x.shape}; images are (n, height, width[, 1 or 3]).")
    if x.dtype != np.uint8:
        require_raw_pixels(x, "x")
    return np.round(x).astype(np.uint8)
