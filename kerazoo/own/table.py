"""A table: rows to learn a class or a number from; numbers, categories, missing values.

The network is trained on encoded columns; the model that is saved takes raw rows, through layers
of Keras that do the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import keras
from kerazoo.errors import KerazooError
from kerazoo.own.csv_file import (
    NO_VALUE_OR_A_CLASS,
    as_numbers,
    first_no_number,
    is_missing,
    read_with_test,
    target_columns,
)
from kerazoo.own.data import (
    Asked,
    Own,
    as_data,
    inner_model,
    listed,
    name_of,
    own_dataset,
    refuse_untrained_classes,
    shuffled_split,
    split_line,
    take,
)
from kerazoo.tasks import regression

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MOST_CLASSES = 20  # different whole numbers, up to which a target is a class
MOST_CATEGORIES = 50  # of a column; the rarer ones share one
HIDDEN = (64, 64)  # units of the dense stack
LEAST = 3  # rows of a class: one for each split
FEWEST_ROWS = 10
OTHER = "[other]"  # whatever was not among the categories in training
# Names of layers and operations beside the inputs; Keras wants all names to differ.
TAKEN = ("features", "mlp", "linear_regression", "where", "isnan", "cast", "string_lookup")


@dataclass(frozen=True)
class Column:
    """How a column becomes features.

    Attributes:
        name: in the table.
        input: name of the model's input; Keras allows no slash in it.
        categories: of a column of categories, the empty string for a missing one; None for
            numbers.
        mean: of numbers: what a missing one is replaced with, the mean of the training split.
        missing: of numbers: whether a feature tells where one is missing.
    """

    name: str
    input: str
    categories: tuple[str, ...] | None = None
    mean: float = 0.0
    missing: bool = False

    @property
    def width(self) -> int:
        """How many features it becomes."""
        return 1 + self.missing if self.categories is None else len(self.categories) + 1


@dataclass(frozen=True)
class Target:
    """What is to be predicted, ``y`` by row, NaN or -1 where it is missing."""

    names: tuple[str, ...]
    labels: tuple[str, ...]
    y: np.ndarray
    known: np.ndarray
    why: str


def table_from(source: Any, asked: Asked, test: Any = None) -> Own:
    """Rows of a CSV file or DataFrame, encoded, split and ready to train on.

    Args:
        source: the file or DataFrame.
        asked: ``.target`` names the columns to predict, ``.task`` says how.
        test: likewise, the rows to measure on; by default a fifth of ``source``.

    Raises:
        KerazooError: what :func:`kerazoo.own.csv_file.read_frame` refuses; no target, or one that
            is constant or missing everywhere; no column to learn from; too few rows.
    """
    frame, held_out = read_with_test(source, test)
    where = "the DataFrame" if isinstance(source, type(frame)) else str(source)
    targets = target_columns(frame, asked.target)
    if asked.task not in (None, "classification", "regression"):
        raise KerazooError(f"task is {asked.task!r}; choose 'classification' or 'regression'.")
    if asked.task == "classification" and len(targets) > 1:
        raise KerazooError(f"classes are one target; {len(targets)} are given.")
    target = _target(frame, targets, asked, where)
    rows = frame[target.known]
    y = target.y[target.known]
    if len(rows) < FEWEST_ROWS:
        raise KerazooError(
            f"{where} has {len(rows)} rows with a target; it takes {FEWEST_ROWS} or more."
        )
    classes = bool(target.labels)
    held_out = None if held_out is None else held_out[target.known]
    indices = shuffled_split(y if classes else y[:, 0], stratify=classes, held_out=held_out)
    if classes:
        refuse_untrained_classes(y, indices, target.labels, where)
    if not len(indices["test"]):
        raise KerazooError(f"{where}: no row of the test data has a target.")
    inputs = rows.drop(columns=targets)
    columns, left_out, warnings = columns_of(inputs, indices["train"], where)
    if not columns:
        raise KerazooError(f"{where} has no column to learn from but {listed(left_out)}.")
    x = encode(inputs, columns, where)
    info = own_dataset(
        "table" if isinstance(source, type(frame)) else name_of(Path(source)),
        "classification" if classes else "regression",
        f"{len(rows):,} rows from {where}",
        input_shape=(x.shape[1],),
        labels=target.labels,
        targets=() if classes else target.names,
        source=where,
    )
    if not classes:
        regression.refuse_constant(y[indices["test"]], target.names, where)
    data = as_data(info, take(x, y, indices))
    unknown_rows = int((~target.known).sum())
    if unknown_rows:
        words = sorted({str(t) for t in frame[targets[0]][~target.known]} - {"", "nan", "None"})
        held = f" (they hold {listed([repr(w) for w in words])})" if words else ""
        warnings.append(f"{unknown_rows:,} rows have no {listed(targets)}{held} and are left out")
    if left_out:
        warnings.append(f"left out: {listed(left_out)}")
    if classes:
        counts = Counter(target.labels[i] for i in y)
        (large, n), (small, m) = counts.most_common()[0], counts.most_common()[-1]
        if n >= 3 * m:
            warnings.append(
                f"the classes differ in size: {large!r} has {n / m:.1f} times as many rows as "
                f"{small!r}; --balance weighs them alike"
            )
    return Own(
        data=data,
        found=(
            f"{where}: {len(rows):,} rows; {_columns_line(columns)}",
            f"target {listed(targets)}: {target.why}",
            split_line(data, stratified=classes, given=held_out is not None),
        ),
        warnings=tuple(warnings),
        treatment={
            "kind": "rows",
            "targets": targets,
            "columns": [asdict(c) for c in columns],
        },
        options={"hidden": HIDDEN, "dropout": 0.1, "natural_outputs": not classes},
        delivered=lambda core: takes_rows(core, columns),
        trained=inner_model,
    )


def _target(frame: pd.DataFrame, names: list[str], asked: Asked, where: str) -> Target:
    """A class or numbers, told by what the target holds unless the user says."""
    import numpy as np

    if len(names) > 1 or asked.task == "regression":
        return _numbers(frame, names, where, "as asked" if asked.task else "several numbers")
    name = names[0]
    values = frame[name]
    if asked.task == "classification":
        return class_target(values, name, where, "as asked")
    numbers = as_numbers(values, f"{where}, column {name!r}")
    if numbers is None or str(values.dtype) == "bool":
        return class_target(values, name, where, "they are no numbers")
    known = numbers[0][~np.isnan(numbers[0])]
    different = len(np.unique(known))
    whole = bool((known == known.round()).all())
    few = different <= min(MOST_CLASSES, max(2, len(known) // 5))
    if few and (whole or numbers[1]):
        why = f"{different} different whole numbers; --task regression takes them as numbers"
        return class_target(values, name, where, why)
    why = f"{different} different numbers; --task classification takes them as classes"
    return _numbers(frame, names, where, why)


def class_target(values: pd.Series, name: str, where: str, why: str = "") -> Target:
    """A target of classes; raises KerazooError if a class is too rare or there is but one."""
    import numpy as np

    known = ~is_missing(values, but=NO_VALUE_OR_A_CLASS)
    text = values.astype(str).str.strip().to_numpy()
    counts = Counter(text[known].tolist())
    if len(counts) < 2:
        only = repr(next(iter(counts))) if counts else "nothing"
        raise KerazooError(f"{where}: the target {name!r} is {only} in every row.")
    if len(counts) > max(MOST_CLASSES, known.sum() // LEAST):
        raise KerazooError(
            f"{where}: the target {name!r} has {len(counts):,} different values in "
            f"{known.sum():,} rows; classes must occur more often. Is it the right column?"
        )
    rare = [f"{label!r} ({n})" for label, n in counts.items() if n < LEAST]
    if rare:
        raise KerazooError(
            f"{where}: the class {listed(rare)} of {name!r} occurs in fewer than {LEAST} rows, one "
            "for each split. Leave these rows out, or join classes."
        )
    labels = tuple(sorted(counts, key=_number_first))
    place = {label: i for i, label in enumerate(labels)}
    y = np.array([place.get(t, -1) for t in text], dtype=np.int64)
    each = listed([f"{label} {counts[label]:,}" for label in labels], 12)
    return Target((name,), labels, y, known, f"{len(labels)} classes{why and f' ({why})'}: {each}")


def _number_first(text: str) -> tuple[int, float, str]:
    """Sorts numbers by value, then other names."""
    try:
        return (0, float(text), text)
    except ValueError:
        return (1, 0.0, text)


def _numbers(frame: pd.DataFrame, names: list[str], where: str, why: str) -> Target:
    import numpy as np

    columns = []
    for name in names:
        read = as_numbers(frame[name], f"{where}, column {name!r}")
        if read is None:
            raise KerazooError(f"{where}: the target {name!r} does not hold numbers.")
        values, wrong = read
        if wrong:
            line = frame.index[wrong[0]]
            raise KerazooError(
                f"{where}, line {line}: {frame[name].iloc[wrong[0]]!r} in the target {name!r} is "
                "no number."
            )
        if np.nanmax(values) == np.nanmin(values):
            raise KerazooError(f"{where}: the target {name!r} is {values[0]:g} in every row.")
        columns.append(values)
    y = np.stack(columns, axis=1).astype(np.float32)
    known = np.asarray(~np.isnan(y).any(axis=1))
    return Target(tuple(names), (), y, known, f"regression ({why})")


def columns_of(
    frame: pd.DataFrame, train: np.ndarray, where: str
) -> tuple[list[Column], list[str], list[str]]:
    """How each column becomes features, judged on the training rows: (columns, left out, notes)."""
    import numpy as np

    columns, left_out, notes = [], [], []
    used = set(TAKEN)
    for name in frame.columns:
        read = as_numbers(frame[name], f"{where}, column {name!r}")
        key = name.replace("/", "_")
        while key in used:
            key += "_"
        used.add(key)
        if read is not None:
            values, wrong = read
            known = values[train][~np.isnan(values[train])]
            if len(known) == 0 or known.min() == known.max():
                left_out.append(f"{name} (constant)")
            elif _counts_rows(values):
                left_out.append(f"{name} (it only counts the rows)")
            else:
                mean = float(known.mean())
                columns.append(Column(name, key, None, mean, bool(np.isnan(values[train]).any())))
            if wrong:
                first = f"line {frame.index[wrong[0]]}: {frame[name].iloc[wrong[0]]!r}"
                notes.append(f"{name}: {len(wrong)} value(s) are no number, so missing ({first})")
            continue
        text = texts_of(frame[name])
        counts = Counter(text[train].tolist())
        if len(counts) < 2:
            left_out.append(f"{name} (constant)")
        elif len(counts) > max(FEWEST_ROWS, len(train) / 2):
            left_out.append(f"{name} (different in nearly every row)")
        else:
            kept = tuple(sorted(t for t, _ in counts.most_common(MOST_CATEGORIES)))
            if len(counts) > MOST_CATEGORIES:
                rest = len(counts) - MOST_CATEGORIES
                notes.append(f"{name}: the {rest} rarest of its values are taken as one")
            columns.append(Column(name, key, kept))
    return columns, left_out, notes


def _counts_rows(values: np.ndarray) -> bool:
    """Whether a column is 0, 1, 2, … or 1, 2, 3, … and so on."""
    import numpy as np

    return len(values) > FEWEST_ROWS and bool(
        np.array_equal(values - values[0], np.arange(len(values))) and values[0] in (0, 1)
    )


def texts_of(values: pd.Series) -> np.ndarray:
    """A column of categories as strings, empty where it is missing."""
    import numpy as np

    text = values.astype(str).str.strip().to_numpy(dtype=object)
    return np.where(is_missing(values), "", text)


def encode(frame: pd.DataFrame, columns: list[Column], where: str) -> np.ndarray:
    """Rows as features: float32 ``(n, features)``, what the trained network takes.

    Raises:
        KerazooError: a column is not there, or holds something else than numbers.
    """
    import numpy as np

    parts = []
    for c in columns:
        if c.name not in frame.columns:
            raise KerazooError(
                f"{where} has no column {c.name!r}; the model was trained with "
                f"{listed([repr(k.name) for k in columns], 10)}."
            )
        if c.categories is None:
            parts.append(_encode_numbers(frame[c.name], c, where))
        else:
            place = {category: i for i, category in enumerate(c.categories, start=1)}
            chosen = [place.get(t, 0) for t in texts_of(frame[c.name])]
            parts.append(np.eye(c.width, dtype=np.float32)[chosen])
    return np.concatenate(parts, axis=1)


def _encode_numbers(values: pd.Series, c: Column, where: str) -> np.ndarray:
    import numpy as np

    missing = is_missing(values)
    if missing.all():
        numbers = np.full(len(values), np.nan)
    else:
        read = as_numbers(values, f"{where}, column {c.name!r}")
        if read is None:
            row = first_no_number(values)
            raise KerazooError(
                f"{where}, column {c.name!r}: the model was trained with numbers here; line "
                f"{values.index[row]} holds {values.iloc[row]!r}."
            )
        numbers = read[0]
    gone = np.isnan(numbers)
    filled = np.where(gone, c.mean, numbers).astype(np.float32)
    return np.stack([filled, gone.astype(np.float32)][: c.width], axis=1)


def takes_rows(core: keras.Model, columns: list[Column]) -> keras.Model:
    """A model from raw rows, a dictionary ``{input: (n, 1)}`` of float32 or strings.

    NaN and the empty string say that a value is missing. The trained network is a layer of it.
    """
    inputs, parts = {}, []
    for c in columns:
        kind = "float32" if c.categories is None else "string"
        inputs[c.input] = value = keras.Input((1,), dtype=kind, name=c.input)
        if c.categories is None:
            gone = keras.ops.isnan(value)
            parts.append(keras.ops.where(gone, c.mean, value))
            if c.missing:
                parts.append(keras.ops.cast(gone, "float32"))
        else:
            lookup = keras.layers.StringLookup(
                vocabulary=list(c.categories), output_mode="one_hot", oov_token=OTHER
            )
            parts.append(lookup(value))
    x = keras.layers.Concatenate(name="features")(parts) if len(parts) > 1 else parts[0]
    return keras.Model(inputs, core(x), name="takes_rows")


def columns_from(treatment: dict[str, Any]) -> list[Column]:
    """The columns that a run's configuration remembers."""
    remembered: list[dict[str, Any]] = treatment["columns"]
    return [
        Column(**{**c, "categories": None if c["categories"] is None else tuple(c["categories"])})
        for c in remembered
    ]


def _columns_line(columns: list[Column]) -> str:
    numbers = [c.name for c in columns if c.categories is None]
    categories = [f"{c.name} ({len(c.categories)})" for c in columns if c.categories is not None]
    parts = []
    if numbers:
        parts.append(f"{len(numbers)} of numbers: {listed(numbers, 8)}")
    if categories:
        parts.append(f"{len(categories)} of categories: {listed(categories, 8)}")
    return "; ".join(parts)
