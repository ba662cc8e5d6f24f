"""A table: rows to learn a class or a number from; numbers, categories, missing values.

The network is trained on encoded columns; the model that is saved takes raw rows, through layers
of Keras that do the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kerazoo._lazy import np, pd
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._columns import Column, encode, takes_rows, texts_of
from kerazoo.finetuning.readers._csv import (
    FIRST_LINE,
    CsvOptions,
    column,
    counts_rows,
    read_table,
    read_test,
    release_memory,
)
from kerazoo.finetuning.readers._drift import differences, note_on, range_drift
from kerazoo.finetuning.readers._numbers import (
    as_numbers,
    like_numbers,
    may_be_missing,
    words_for_missing,
)
from kerazoo.finetuning.readers._target import rows_without_target, target_like, target_of
from kerazoo.finetuning.readers.reading import TableReading
from kerazoo.finetuning.readers.user_data import (
    UserData,
    data_reader,
    listed,
    shuffled_split,
    user_data_of,
)
from kerazoo.spec import Split
from kerazoo.tasks import regression
from kerazoo.tasks.base import reject_tiny_spread

MAX_CATEGORIES = 50  # of a column; the rarer ones share one
HIDDEN = (64, 64)  # units of the dense stack
FEWEST_ROWS = 10
MANY_ROWS = 100  # whole numbers of fewer rows differ by chance
UNIQUE = 0.99  # share of different ones, from which on whole numbers may be an identifier
SAME = 1e-12  # of the largest number: what varies less is a constant that was rounded
# Names of the other layers and operations, numbered by Keras, which an input must not have.
TAKEN = re.compile(
    r"(features|mlp|linear_regression|where|isnan|cast|string_lookup|subtract|true_divide)(_\d+)?",
    re.I,
)


@data_reader
def from_table(
    source: Any,
    *,
    target: str | tuple[str, ...] | None = None,
    task: str | None = None,
    test: Any = None,
    **csv: Any,
) -> UserData:
    """Read the rows of a table to learn a class or numbers from.

    Args:
        source: a CSV file or a DataFrame.
        target: the column to predict; numbers, or labels of 0 and 1, may be several columns.
        task: ``"classification"``, ``"regression"``, or ``"multilabel"`` for several columns of 0
            and 1; by default decided by the target.
        test: likewise, the rows to evaluate on; by default a fifth of ``source``.
        **csv: how the file is written, see :class:`kerazoo.finetuning.readers._csv.CsvOptions`.

    Raises:
        KerazooError: what ``read_table`` refuses; no target, or one that
            is constant or missing everywhere; no column to learn from; too few rows; test rows
            with other columns or classes.
    """
    table = read_table(source, options := CsvOptions(**csv))
    frame, where = table.frame, table.where
    for name in options.category:
        column(frame, name, "a column of categories (--category)")
    learnt = target_of(frame, target, task, where)
    numbers = learnt.task == "regression"
    rows = frame if learnt.known.all() else frame[learnt.known]  # which is a copy
    y = learnt.y[learnt.known]
    if len(rows) < FEWEST_ROWS:
        raise KerazooError(f"{where} has {len(rows)} rows with a target; give {FEWEST_ROWS}.")
    classes, names = learnt.task == "classification", list(learnt.names)
    indices, how = shuffled_split(y, stratify=classes, test_given=test is not None)
    inputs = rows.drop(columns=names)
    columns, left_out, identifiers, warnings = columns_of(
        inputs, indices["train"], where, options.category
    )
    if not columns:
        but = f" but {listed(left_out)}" if left_out else ": it has the target only"
        raise KerazooError(f"{where} has no column to learn from{but}.")
    lines = {name: rows.index.to_numpy()[i] for name, i in indices.items()}
    warnings = [*rows_without_target(frame, learnt), *warnings]
    table = replace(table, frame=pd.DataFrame())
    del frame, rows  # so that each text goes where its features come
    release_memory()
    # In the order of the splits, which then are parts of one array and no copies.
    x = encode(inputs, columns, where, np.concatenate([*indices.values()]))
    each = np.split(x, np.cumsum([len(i) for i in indices.values()])[:-1])
    splits = {s: Split(part, y[indices[s]]) for s, part in zip(indices, each, strict=True)}
    for name, values in zip(names, y.T if numbers else (), strict=False):
        warnings += may_be_missing(name, values)
    if identifiers:
        own = "a whole number of its own in nearly every row"
        warnings.append(f"{listed(identifiers)}: {own}; leave it out if it is an identifier")
    found = [f"{where}: {len(y):,} rows; {_columns_line(columns)}", *table.notes]
    if test is not None:
        more = read_test(test, table)
        theirs = target_like(learnt, more.frame, more.where)
        x = encode(more.frame[theirs.known], columns, more.where)
        splits["test"] = Split(x, theirs.y[theirs.known])
        lines["test"] = more.frame.index.to_numpy()[theirs.known]
        found.append(f"{more.where}: {splits['test'].examples:,} rows to test on")
        drift = differences(more.frame[[c.name for c in columns]], columns, ())
        ranges = zip(learnt.names, splits["train"].y.T, theirs.y.T, strict=True) if numbers else ()
        drift += range_drift(
            [(pd.Series(new, more.frame.index, name=n), y.min(), y.max()) for n, y, new in ranges]
        )
        warnings += rows_without_target(more.frame, theirs)
        warnings += [f"{more.where}: {note}" for note in drift]
    if left_out:
        warnings.append(f"left out: {listed(left_out)}")
    if numbers:
        reject_tiny_spread(splits["train"].y, learnt.names, where)
        regression.reject_constant(splits["test"].y, learnt.names, where)
    return user_data_of(
        "table",
        source,
        splits,
        report=(*found, f"target {listed(names)}: {learnt.why}"),
        how=how,
        warnings=warnings,
        names=lines,
        identifiers=tuple(identifiers),
        facts={"labels": learnt.labels} if learnt.labels else {"targets": learnt.names},
        task=learnt.task,
        reading=TableReading(targets=learnt.names, columns=tuple(columns), csv=table.options),
        factory_options={"hidden": HIDDEN, "dropout": 0.1, "natural_outputs": numbers},
        serving_model=lambda core: takes_rows(core, columns),
    )


def columns_of(
    frame: pd.DataFrame, train: np.ndarray, where: str, category: Sequence[str] = ()
) -> tuple[list[Column], list[str], list[str], list[str]]:
    """Conversion of each column, decided on the training rows.

    Returns the columns, those left out, those that may be identifiers, and notes.

    Args:
        frame: the rows, by their lines.
        train: places of the rows of the training split.
        where: name of the table in messages.
        category: names of those that hold no numbers, whatever they look like.
    """
    columns: list[Column] = []
    left_out, identifiers, notes = [], [], []
    for name in frame.columns:
        key = name.replace("/", "_")
        while key in (c.input for c in columns) or TAKEN.fullmatch(key):
            key += "_"
        read = None if name in category else as_numbers(frame[name], f"{where}, column {name!r}")
        if read is None:
            counts = Counter(texts_of(frame[name]).iloc[train].value_counts(sort=False).to_dict())
            if name not in category and (like := like_numbers(frame[name])):
                notes.append(f"{name}: {like!r} is not read as a number")
            if words := words_for_missing(frame[name]):
                notes.append(f"{name}: {', '.join(words)}")
            if len(counts) < 2:
                left_out.append(f"{name} (constant)")
            elif len(counts) > max(FEWEST_ROWS, len(train) / 2):
                left_out.append(f"{name} (different in nearly every row)")
            else:
                kept = sorted(t for t, _ in counts.most_common(MAX_CATEGORIES))
                columns.append(Column(name, key, tuple(kept)))
                if rest := len(counts) - len(kept):
                    notes.append(f"{name}: the {rest} rarest of its values are taken as one")
            continue
        values, wrong = read
        known = values[train][~np.isnan(values[train])]
        if len(known) == 0 or known.std() <= SAME * np.abs(known).max():
            left_out.append(f"{name} (constant)")
        elif counts_rows(values, frame.index.to_numpy() - FIRST_LINE):
            left_out.append(f"{name} (it only counts the rows)")
        else:
            # Rounded, so that the saved model takes off the same.
            mean, std = float(np.float32(known.mean())), float(known.std())
            low, high = float(known.min()), float(known.max())
            columns.append(Column(name, key, None, mean, len(known) < len(train), std, low, high))
            identifiers += [name] * _may_identify(known)
            notes += may_be_missing(name, values)
        notes += note_on(frame[name], wrong, "not numbers and count as missing")
    return columns, left_out, identifiers, notes


def _may_identify(values: np.ndarray) -> bool:
    """True for whole numbers of which nearly each is another, and that are many."""
    if len(values) < MANY_ROWS or (values != values.round()).any():
        return False
    return len(np.unique(values)) >= UNIQUE * len(values)


def _columns_line(columns: list[Column]) -> str:
    numbers = [c.name for c in columns if c.categories is None]
    categories = [f"{c.name} ({len(c.categories)})" for c in columns if c.categories is not None]
    kinds = {"numeric": numbers, "categorical": categories}
    return "; ".join(
        f"{len(n)} {kind} column{'s' * (len(n) > 1)}: {listed(n, 8)}"
        for kind, n in kinds.items()
        if n
    )
