"""What is to be predicted of a table or of texts: classes or numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerazoo.errors import KerazooError, require_choice
from kerazoo.finetuning.readers._csv import (
    NO_VALUE_OR_A_CLASS,
    as_numbers,
    column,
    is_missing,
    target_columns,
)
from kerazoo.finetuning.readers.user_data import listed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MOST_CLASSES = 20  # different whole numbers, up to which a target is a class
LEAST = 3  # rows of a class: one for each split
_WHOLE = r"[-+]?\d+(?:\.0*)?"


@dataclass(frozen=True)
class Target:
    """What is to be predicted.

    Attributes:
        names: of the columns.
        labels: of classes; empty for numbers.
        y: classes int64 ``(n,)``, or numbers float32 ``(n, targets)``; -1 or NaN where missing.
        known: bool ``(n,)``: where it is not missing.
        why: how it was told, in words.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    y: np.ndarray
    known: np.ndarray
    why: str


def target_of(
    frame: pd.DataFrame, target: str | tuple[str, ...] | None, task: str | None, where: str
) -> Target:
    """A class or numbers, told by what the target holds unless the user says.

    Raises:
        KerazooError: no such column, another task than there is, or a target that is constant, of
            too rare classes, or no number where numbers are wanted.
    """
    import numpy as np

    names = target_columns(frame, target)
    if task is not None:
        require_choice("task", task, ("classification", "regression"))
    if task == "classification" and len(names) > 1:
        raise KerazooError(f"classes are one target; {len(names)} are given.")
    if len(names) > 1 or task == "regression":
        return _numbers(frame, names, where, "as asked" if task else "several numbers")
    name = names[0]
    values = frame[name]
    if task == "classification":
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
        return class_target(values, name, where, why, " --task regression takes them as numbers.")
    why = f"{different} different numbers; --task classification takes them as classes"
    return _numbers(frame, names, where, why)


def class_target(
    values: pd.Series, name: str, where: str, why: str = "", instead: str = ""
) -> Target:
    """A target of classes.

    Args:
        values: the column.
        name: of the column.
        where: how messages call the table.
        why: how it was told that these are classes.
        instead: what else can be done where they make no good ones.

    Raises:
        KerazooError: a class is too rare, or there is but one.
    """
    import numpy as np

    text, known = class_names(values)
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
            f"for each split. Leave these rows out, or join classes.{instead}"
        )
    labels = tuple(sorted(counts, key=_number_first))
    place = {label: i for i, label in enumerate(labels)}
    y = np.array([place.get(t, -1) for t in text], dtype=np.int64)
    each = listed([f"{label} {counts[label]:,}" for label in labels], 12)
    return Target((name,), labels, y, known, f"{len(labels)} classes{why and f' ({why})'}: {each}")


def class_names(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The name of each row's class, and where there is one: object and bool ``(n,)``.

    ``2.0`` is written ``2`` where all are whole numbers, as pandas makes of them beside a missing
    value.
    """
    known = ~is_missing(values, but=NO_VALUE_OR_A_CLASS)
    text = values.astype(str).str.strip().astype(object)
    if text[known].str.fullmatch(_WHOLE).all():
        text = text.str.replace(r"\.0*$", "", regex=True)
    return text.to_numpy(), known


def target_like(target: Target, frame: pd.DataFrame, where: str) -> Target:
    """The same target in other rows, which nothing is learnt from.

    Raises:
        KerazooError: a column is not there, or holds a new class or something else than numbers.
    """
    import numpy as np

    for name in target.names:
        column(frame, name, f"the target in {where}")
    if not target.labels:
        return _numbers(frame, list(target.names), where, target.why, may_be_constant=True)
    text, known = class_names(frame[target.names[0]])
    place = {label: i for i, label in enumerate(target.labels)}
    new = [i for i in known.nonzero()[0] if text[i] not in place]
    if new:
        raise KerazooError(
            f"{where}, line {frame.index[new[0]]}: {text[new[0]]!r} is no class of "
            f"{target.names[0]!r} in the training data: {listed(list(target.labels), 12)}."
        )
    y = np.array([place.get(t, -1) for t in text], dtype=np.int64)
    return Target(target.names, target.labels, y, known, target.why)


def rows_without_target(frame: pd.DataFrame, target: Target) -> list[str]:
    """A note on the rows that have no target; none if all have."""
    n = int((~target.known).sum())
    if not n:
        return []
    words = sorted({str(t) for t in frame[target.names[0]][~target.known]} - {"", "nan", "None"})
    held = f" (they hold {listed([repr(w) for w in words])})" if words else ""
    return [f"{n:,} rows have no {listed(list(target.names))}{held} and are left out"]


def _number_first(text: str) -> tuple[int, float, str]:
    """Sorts numbers by value, then other names."""
    try:
        return (0, float(text), text)
    except ValueError:
        return (1, 0.0, text)


def _numbers(
    frame: pd.DataFrame, names: list[str], where: str, why: str, *, may_be_constant: bool = False
) -> Target:
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
        if not may_be_constant and np.nanmax(values) == np.nanmin(values):
            raise KerazooError(
                f"{where}: the target {name!r} is {np.nanmax(values):g} in every row."
            )
        columns.append(values)
    y = np.stack(columns, axis=1).astype(np.float32)
    known = np.asarray(~np.isnan(y).any(axis=1))
    return Target(tuple(names), (), y, known, f"regression ({why})")
