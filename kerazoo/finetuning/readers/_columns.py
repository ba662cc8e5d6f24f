"""Conversion of table columns to features: in NumPy for training, in layers for prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kerazoo._files import zeros
from kerazoo._files.schema import limited
from kerazoo._lazy import keras, np, pd
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._numbers import as_numbers, is_missing, numbers_of
from kerazoo.finetuning.readers.user_data import listed

MAX_ROUNDING = 1e-4  # standard deviations by which float32 may round a column
OTHER = "[other]"  # whatever was not among the categories in training


@dataclass(frozen=True)
class Column:
    """Conversion of one column to features.

    Attributes:
        name: in the table.
        input: name of the model's input; Keras allows no slash in it.
        categories: of a column of categories, the empty string for a missing one; None for
            numbers.
        mean: of numbers, in the training split; a missing one is replaced with it.
        missing: of numbers: a feature tells where one is missing.
        std: of numbers: standard deviation in the training split.
        low: of numbers: the least in the training split.
        high: likewise the largest.
    """

    name: str
    input: str
    categories: tuple[str, ...] | None = None
    mean: float = 0.0
    missing: bool = False
    std: float = limited(1e-300, default=1.0)
    low: float | None = limited(default=None)
    high: float | None = limited(default=None)

    @property
    def width(self) -> int:
        """Number of features."""
        return 1 + self.missing if self.categories is None else len(self.categories) + 1

    @property
    def dtype(self) -> str:
        """Type of the model's input: float64 where float32 would lose digits, as of time stamps."""
        if self.categories is not None:
            return "string"
        return "float32" if self._rounding("float32") <= MAX_ROUNDING else "float64"

    @property
    def rounding(self) -> float:
        """Largest rounding of a raw number in its type, in standard deviations."""
        return self._rounding(self.dtype)

    def _rounding(self, dtype: str) -> float:
        return float(np.finfo(dtype).eps) * (abs(self.mean) / self.std + 4)


def encode(
    frame: pd.DataFrame, columns: list[Column], where: str, order: Any = slice(None)
) -> np.ndarray:
    """Rows as features: float32 ``(n, features)``, what the trained network takes.

    Numbers are standardized before they are rounded to float32, so that time stamps keep their
    seconds.

    Args:
        frame: the rows; the columns are taken out of it, which frees their memory.
        columns: their conversion.
        where: name of the table in messages.
        order: place of each row of the result in the frame, ``(n,)``; by default the same.

    Raises:
        KerazooError: a column is not there, or holds something else than numbers.
    """
    x = zeros((len(frame), sum(c.width for c in columns)), np.float32)
    for c, part in parts_of(x, columns):
        if c.name not in frame.columns:
            raise KerazooError(
                f"{where} has no column {c.name!r}; the model was trained with "
                f"{listed([repr(k.name) for k in columns], 10)}."
            )
        values, at = frame.pop(c.name), f"{where}, column {c.name!r}"
        if c.categories is not None:
            codes, names = pd.factorize(texts_of(values))
            chosen = pd.Index(c.categories).get_indexer(names)[codes] + 1  # 0 is another
            part[np.arange(len(x)), chosen[order]] = 1
            continue
        read = as_numbers(values, at)
        numbers = read[0] if read else numbers_of(values, at)
        gone = np.isnan(numbers)
        part[:, 0] = ((np.where(gone, c.mean, numbers) - c.mean) / c.std)[order]
        if c.missing:
            part[:, 1] = gone[order]
    return x


def parts_of(
    features: np.ndarray, columns: Sequence[Column]
) -> Iterator[tuple[Column, np.ndarray]]:
    """Each column with its part of the features, a view ``(n, width)``."""
    ends = np.cumsum([c.width for c in columns])
    return zip(columns, np.split(features, ends[:-1], axis=1), strict=True)


def feature_names(columns: list[Column]) -> list[str]:
    """A name for each feature of an encoded row, in order."""
    names = []
    for c in columns:
        if c.categories is None:
            whole = f"({c.name} - {c.mean:g}) / {c.std:g}"
            names += [whole, f"{c.name} is missing"][: c.width]
        else:
            names += [f"{c.name} is another", *(f"{c.name} is {k!r}" for k in c.categories)]
    return names


def takes_rows(core: keras.Model, columns: list[Column]) -> keras.Model:
    """A model from raw rows, a dictionary ``{input: (n, 1)}``, see :attr:`Column.dtype`.

    NaN and the empty string say that a value is missing. The trained network is a layer of it.
    """
    inputs, parts = {}, []
    for c in columns:
        inputs[c.input] = value = keras.Input((1,), dtype=c.dtype, name=c.input)
        if c.categories is None:
            gone = keras.ops.isnan(value)
            less = keras.ops.where(gone, c.mean, value) - c.mean  # before any rounding
            parts.append(keras.ops.cast(less, "float32") / c.std)
            if c.missing:
                parts.append(keras.ops.cast(gone, "float32"))
        else:
            lookup = keras.layers.StringLookup(
                vocabulary=list(c.categories), output_mode="one_hot", oov_token=other_than(c)
            )
            parts.append(lookup(value))
    x = keras.layers.Concatenate(name="features")(parts) if len(parts) > 1 else parts[0]
    return keras.Model(inputs, core(x), name="takes_rows")


def raw_rows(features: np.ndarray, columns: list[Column]) -> dict[str, np.ndarray]:
    """Rows that :func:`takes_rows` makes these features of but for rounding, ``(n, 1)`` each.

    What the features do not tell apart is given as one: every category that training never had is
    another one, and a missing number without a feature that says so is the mean.

    Args:
        features: float32 ``(n, features)``, as :func:`encode` gives them.
        columns: in the order of the features.
    """
    rows = {}
    for c, part in parts_of(features, columns):
        if c.categories is None:
            gone = part[:, 1:].any(axis=1, keepdims=True)
            numbers = part[:, :1].astype(np.float64) * c.std + c.mean
            rows[c.input] = np.where(gone, np.nan, numbers).astype(c.dtype)
        else:
            names = np.array([other_than(c), *c.categories], dtype=object)
            rows[c.input] = names[part.argmax(axis=1)][:, None]
    return rows


def other_than(c: Column) -> str:
    """A name for whatever is none of a column's categories, and itself none of them."""
    name = OTHER
    while name in (c.categories or ()):
        name += "_"
    return name


def texts_of(values: pd.Series) -> pd.Series:
    """A column of categories as strings, empty where it is missing."""
    return values.astype(str).str.strip().mask(is_missing(values), "")
