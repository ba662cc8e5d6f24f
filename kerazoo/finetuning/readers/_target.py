"""Targets of tables, images and texts: classes, several labels, or numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kerazoo._lazy import np, pd
from kerazoo.errors import KerazooError, require_choice
from kerazoo.finetuning.readers._csv import column, target_columns
from kerazoo.finetuning.readers._numbers import (
    NO_VALUE_OR_A_CLASS,
    as_numbers,
    first_of,
    is_missing,
    is_number,
    numbers_of,
)
from kerazoo.finetuning.readers.user_data import listed

MAX_CLASSES = 20  # different whole numbers, up to which a target is a class
LEAST = 3  # rows of a class: one for each split
ZERO_OR_ONE = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "no": 0, "yes": 1}
_WHOLE = r"[-+]?\d+(?:\.0*)?"


@dataclass(frozen=True)
class Target:
    """A column of classes, columns of labels, or columns of numbers, to predict.

    Attributes:
        task: ``classification``, ``multilabel`` or ``regression``.
        names: of the columns.
        labels: of classes, or the names of labels; empty for numbers.
        y: classes int64 ``(n,)``; or numbers, for labels 0 and 1, float32 ``(n, targets)``; -1 or
            NaN where missing.
        known: bool ``(n,)``: where it is not missing.
        why: reason for reading it so.
    """

    task: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    y: np.ndarray
    known: np.ndarray
    why: str


def target_of(
    frame: pd.DataFrame, target: str | tuple[str, ...] | None, task: str | None, where: str
) -> Target:
    """Classes, labels or numbers, as the user says or as the target holds them.

    Raises:
        KerazooError: no such column, another task than there is, or a target that is constant, of
            too rare classes, or no number where numbers are wanted.
    """
    names = target_columns(frame, target)
    if task is not None:
        require_choice("task", task, ("classification", "regression", "multilabel"))
    if task == "classification":
        if len(names) > 1:
            raise KerazooError(f"classes are one target; {len(names)} are given.")
        return class_target(frame[names[0]], where, "as --task says")
    several = len(names) > 1 and not any(_wrong(frame[name]).any() for name in names)
    if task == "multilabel" or (task is None and several):
        why = "as --task says" if task else "0 and 1; --task regression takes them as numbers"
        labels = _labels(frame, names, where, why)
        if not task:
            reject_one_hot(labels, where)
        return labels
    if len(names) > 1 or task == "regression":
        return _numbers(frame, names, where, "as --task says" if task else "several numbers")
    values = frame[names[0]]
    numbers = as_numbers(values, f"{where}, column {names[0]!r}")
    if numbers is None or str(values.dtype) == "bool":
        return class_target(values, where, "its values are not numbers")
    known = numbers[0][~np.isnan(numbers[0])]
    different = len(np.unique(known))
    few = different <= min(MAX_CLASSES, max(2, len(known) // 5))
    if few and (numbers[1].any() or (known == known.round()).all()):
        why = f"{different} different whole numbers; --task regression takes them as numbers"
        return class_target(values, where, why)
    why = f"{different} different numbers; --task classification takes them as classes"
    return _numbers(frame, names, where, why)


def reject_one_hot(labels: Target, where: str) -> None:
    """Raise KerazooError for labels of which each row has exactly one: they are classes."""
    if (labels.y[labels.known].sum(axis=1) == 1).all():
        what = f"each row has exactly one of the labels {listed(list(labels.names))}"
        remedy = "Make one column of their names; --task multilabel keeps the labels of a table."
        raise KerazooError(f"{where}: {what}, so they are classes. {remedy}")


def class_target(values: pd.Series, where: str, why: str = "") -> Target:
    """A target of classes.

    Args:
        values: the column.
        where: name of the table in messages.
        why: reason for reading the column as classes.

    Raises:
        KerazooError: a class is too rare, or there is but one.
    """
    text, known = class_names(values)
    counts = Counter(text[known].tolist())
    at, because = f"{where}, column {values.name!r}", f" ({why})" if why else ""
    if len(counts) < 2:
        only = repr(next(iter(counts))) if counts else "missing"
        raise KerazooError(f"{at}: the target is {only} in every row.")
    if len(counts) > max(MAX_CLASSES, known.sum() // LEAST):
        rows = f"{len(counts):,} different values in {known.sum():,} rows"
        raise KerazooError(f"{at}: {rows} are no classes. Is it the right column?")
    rare = [f"{label!r} ({n})" for label, n in counts.items() if n < LEAST]
    if rare:
        few = f"fewer than {LEAST} rows. Leave these rows out, or join classes{because}."
        raise KerazooError(f"{at}: the class {listed(rare)} occurs in {few}")
    # Numbers by value, then other names.
    labels = tuple(sorted(counts, key=lambda t: (not is_number(t), is_number(t) and float(t), t)))
    each = listed([f"{label} {counts[label]:,}" for label in labels], 12)
    reading = f"{len(labels)} classes{because}: {each}"
    return Target(
        "classification", (str(values.name),), labels, _codes(text, labels), known, reading
    )


def _codes(text: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    """Numbers of classes, int64 ``(n,)``; -1 for what is none."""
    return pd.Index(labels).get_indexer(text).astype("int64")


def class_names(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The name of each row's class, and where there is one: object and bool ``(n,)``.

    ``2.0`` is written ``2`` where all are integers, which pandas turns into floats where a value is
    missing.
    """
    known = ~is_missing(values, but=NO_VALUE_OR_A_CLASS)
    # One string for all rows of a class.
    codes, names = pd.factorize(values.astype(str).str.strip(), use_na_sentinel=False)
    names = pd.Series(names, dtype=object)
    if names[np.unique(codes[known])].str.fullmatch(_WHOLE).all():
        names = names.str.replace(r"\.0*$", "", regex=True)
    return names.to_numpy()[codes], known


def target_like(target: Target, frame: pd.DataFrame, where: str) -> Target:
    """The same target in other rows, which nothing is learnt from.

    Raises:
        KerazooError: a column is not there, or holds a new class or something else than numbers,
            or nothing at all.
    """
    for name in target.names:
        column(frame, name, f"the target in {where}")
    if target.task == "classification":
        text, known = class_names(frame[target.names[0]])
        y = _codes(text, target.labels)
        if (new := known & (y < 0)).any():
            at = f"{where}, column {target.names[0]!r}, {first_of(frame[target.names[0]], new)}"
            among = f"no class of training: {listed(list(target.labels), 12)}"
            raise KerazooError(f"{at} is {among}.")
    else:
        y, known = _values(frame, target.names, target.task, where)
    if not known.any():
        raise KerazooError(f"{where}: no example of the test data has a target.")
    return replace(target, y=y.astype(target.y.dtype), known=known)


def _values(
    frame: pd.DataFrame, names: Sequence[str], task: str, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Labels as 0 and 1, or numbers, ``(n, targets)``; and the rows that have all of them."""
    read = zeros_and_ones if task == "multilabel" else numbers_of
    y = np.stack([read(frame[name], f"{where}, column {name!r}") for name in names], axis=1)
    return y, ~np.isnan(y).any(axis=1)


def _labels(frame: pd.DataFrame, names: list[str], where: str, why: str) -> Target:
    y, known = _values(frame, names, "multilabel", where)
    counts = dict(zip(names, y[known].sum(axis=0, dtype=int).tolist(), strict=True))
    for name, n in counts.items():
        if min(n, known.sum() - n) < LEAST:
            few = f"{n} of {known.sum()} rows have the label"
            raise KerazooError(f"{where}, column {name!r}: {few}; {LEAST} must have or lack it.")
    each = listed([f"{name} {n:,}" for name, n in counts.items()], 12)
    reading = f"{len(names)} labels, of which a row may have any number ({why}): {each}"
    return Target("multilabel", tuple(names), tuple(names), y, known, reading)


def zeros_and_ones(values: pd.Series, where: str) -> np.ndarray:
    """A column of 0 and 1, of true and false or yes and no, float32 ``(n,)``; NaN where missing.

    Raises:
        KerazooError: it holds something else.
    """
    wrong = _wrong(values)
    if wrong.any():
        raise KerazooError(f"{where}, {first_of(values.astype(str), wrong)} is neither 0 nor 1.")
    return _lower(values).map(ZERO_OR_ONE).to_numpy(np.float32)


def _wrong(values: pd.Series) -> pd.Series:
    """Which values are neither 0 nor 1 nor missing, bool."""
    return ~is_missing(values) & ~_lower(values).isin(ZERO_OR_ONE)


def _lower(values: pd.Series) -> pd.Series:
    return values.astype(str).str.strip().str.lower()


def rows_without_target(frame: pd.DataFrame, target: Target) -> list[str]:
    """A note on the rows that have no target; none if all have."""
    names, n = listed(list(target.names)), int((~target.known).sum())
    values = frame[list(target.names)][~target.known].to_numpy(dtype=object).ravel()
    missing = values[is_missing(pd.Series(values), but=NO_VALUE_OR_A_CLASS)]
    held = listed([repr(value) for value in dict.fromkeys(missing)])
    return [f"{n:,} rows have no {names} ({held}) and are left out"] if n else []


def _numbers(frame: pd.DataFrame, names: list[str], where: str, why: str) -> Target:
    y, known = _values(frame, names, "regression", where)
    for name, values in zip(names, y.T, strict=True):
        different = np.unique(values[~np.isnan(values)])
        if len(different) < 2:
            only = f"{different[0]:g}" if len(different) else "missing"
            raise KerazooError(f"{where}, column {name!r}: the target is {only} in every row.")
    reading = f"regression ({why})"
    return Target("regression", tuple(names), (), y.astype(np.float32), known, reading)
