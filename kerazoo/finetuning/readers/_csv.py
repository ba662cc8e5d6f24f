"""Read a CSV file, or take a pandas DataFrame, and say clearly what is wrong with it."""

from __future__ import annotations

import csv
import os
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo.errors import KerazooError, first_line, unknown
from kerazoo.finetuning.readers._number_marks import Marks, is_text, marks_of, without_marks
from kerazoo.finetuning.readers.user_data import listed

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = ",;\t|"
FIRST_LINE = 2  # of the rows of a DataFrame, as if its names were line 1
# Of these two may be names of a class too: "none" of the defects, "-" of the signs.
NO_VALUE_OR_A_CLASS = ("none", "-")
MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-")  # how people write it, any case
MOSTLY = 0.9  # a column is of numbers if this share of what it holds can be read as one


@dataclass(frozen=True)
class Table:
    """The rows of a CSV file or DataFrame.

    Attributes:
        frame: the rows; text stays text, so that each column is judged later. The index is the
            line of each row.
        marks: of the columns whose numbers have decimal commas or marks between thousands: how
            they are written. In ``frame`` they are already as Python writes them.
        where: how messages call it.
    """

    frame: pd.DataFrame
    marks: dict[str, Marks]
    where: str


def read_table(
    source: str | os.PathLike[str] | pd.DataFrame,
    least: int = 2,
    marks: Mapping[str, Marks] | None = None,
    columns: int = 2,
) -> Table:
    """Read a CSV file or DataFrame.

    The delimiter (comma, semicolon, tab or bar), a decimal comma and marks between thousands are
    found by themselves; a byte order mark, empty lines, and rows without any value at the end are
    skipped; a first column without a name that holds whole numbers, as pandas writes its index,
    is left out.

    Args:
        source: the file or DataFrame.
        least: rows that there must be.
        marks: how the columns of the training data write their numbers; others are judged anew.
        columns: that a file must have: where it takes several, one alone was told by another mark.

    Raises:
        KerazooError: no file, an empty one, no text in UTF-8, no header, two columns of one name,
            a line with too many fields, or fewer than ``least`` rows or ``columns``.
    """
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        frame, where, decimal_comma = _with_index_as_column(source), "the DataFrame", False
        frame.columns = [str(c) for c in frame.columns]
        _check_names(where, list(frame.columns))
        frame.index = pd.RangeIndex(FIRST_LINE, FIRST_LINE + len(frame))
    elif isinstance(source, (str, os.PathLike)):
        where = os.fspath(source)
        frame, decimal_comma = _read_file(Path(source), columns)
    else:
        raise KerazooError(f"a table is a CSV file or a DataFrame, not {type(source).__name__}.")
    if not len(frame.columns):
        raise KerazooError(f"{where} has no column.")
    if len(frame) < least:
        raise KerazooError(f"{where} has {len(frame)} row(s) of data; it takes more.")
    found = {c: m for c in frame.columns if (m := marks_of(frame[c], decimal_comma=decimal_comma))}
    found |= {c: m for c, m in (marks or {}).items() if c in frame.columns}
    frame = _without_index(without_marks(frame, found))
    return Table(frame, {c: m for c, m in found.items() if c in frame.columns}, where)


def read_test(test: Any, train: Table) -> Table:
    """Read rows that are only measured on; their numbers are written as in the training data."""
    more = read_table(test, least=1, marks=train.marks)
    name = "the test DataFrame" if more.where == "the DataFrame" else more.where
    return replace(more, where=name)


def _without_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the first column if it has no name and only tells the rows apart."""
    if frame.columns[0]:
        return frame
    read = as_numbers(frame.iloc[:, 0], "the first column")
    if read is not None and not read[1] and (read[0] % 1 == 0).all():
        return frame.iloc[:, 1:]
    name = "date" if read is None else "index"
    while name in frame.columns:
        name += "_"
    return frame.set_axis([name, *frame.columns[1:]], axis=1)


def _read_file(path: Path, columns: int) -> tuple[pd.DataFrame, bool]:
    """The rows of a CSV file, and whether a comma in them is more likely a decimal one."""
    import pandas as pd

    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            head = file.read(65536)
    except UnicodeDecodeError as error:
        raise _no_utf8(path, error) from None
    except OSError as error:
        raise KerazooError(f"{path} cannot be read: {error.strerror}.") from None
    if not head.strip():
        raise KerazooError(f"{path} is empty.")
    if "\0" in head:
        raise KerazooError(f"{path} holds zero bytes; it is no CSV file.")
    try:
        delimiter = _delimiter(head)
        header, before, first = _header(path, delimiter)
    except csv.Error as error:
        raise KerazooError(f"{path} cannot be read as CSV: {error}.") from None
    if len(header) < columns:
        raise KerazooError(
            f"{path} has one column only ({header[0][:40]!r}); columns are told by comma, "
            "semicolon, tab or bar."
        )
    if all(_is_number(name) for name in header if name):
        raise KerazooError(
            f"{path} has no header: its first line, {', '.join(header[:4])} …, holds numbers. Add "
            "a first line with the names of the columns."
        )
    indexed = not header[0]  # as pandas writes its index
    _check_names(str(path), header[1:] if indexed else header)
    try:
        with warnings.catch_warnings():  # of a field too many, which would be dropped
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=delimiter,
                encoding="utf-8-sig",
                dtype=str,
                keep_default_na=False,
                header=0,
                names=header,
                index_col=False,
                skiprows=before,
                skip_blank_lines=False,  # they count, so that a row's line is known
                skipinitialspace=True,
                on_bad_lines="error",
            )
    except pd.errors.ParserWarning:
        raise KerazooError(_too_many_fields(path, delimiter, len(header))) from None
    except UnicodeDecodeError as error:
        raise _no_utf8(path, error) from None
    except pd.errors.ParserError as error:
        if "Expected" in str(error) and "saw" in str(error):  # fields; it counts rows, not lines
            raise KerazooError(_too_many_fields(path, delimiter, len(header))) from None
        message = first_line(error).removeprefix("Error tokenizing data. C error: ")
        if found := re.search(r"EOF inside string starting at row (\d+)", message):
            row = int(found[1]) + 1  # more only where values before it span lines
            message = f"a quotation mark that opens in line {row} or later is never closed"
        raise KerazooError(f"{path} cannot be read as CSV: {message}.") from None
    frame = frame.fillna("")  # a short line: what is not there is missing
    frame.index = pd.Index(_lines(path, frame, first))
    return frame[_is_row(path, frame)].copy(), delimiter != ","


def _no_utf8(path: Path, error: UnicodeDecodeError) -> KerazooError:
    """Which line of a file is no text in UTF-8."""

    def is_text(content: bytes) -> bool:
        try:
            content.decode()
        except UnicodeDecodeError:
            return False
        return True

    with open(path, "rb") as file:
        line = next((n for n, content in enumerate(file, start=1) if not is_text(content)), 1)
    return KerazooError(
        f"{path}, line {line}: no text in UTF-8 ({error.reason}). Save it as CSV with the encoding "
        "UTF-8."
    )


def _is_row(path: Path, frame: pd.DataFrame) -> Any:
    """Which lines are rows, bool ``(n,)``.

    Blank ones are not. Delimiters without any value hold their place among the others, but not at
    the end, where spreadsheets leave them.
    """
    import itertools

    filled = (frame != "").any(axis=1).to_numpy()
    rows = filled.copy()
    last = frame.index[filled][-1] if filled.any() else 0
    empty = set(frame.index[~filled & (frame.index < last)])
    if empty:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = itertools.islice(enumerate(file, start=1), last)
            blank = {number for number, line in lines if number in empty and not line.strip()}
        rows |= frame.index.isin(empty - blank)
    return rows


def _lines(path: Path, frame: pd.DataFrame, first: int) -> Any:
    """The line of the file in which each row begins, int64 ``(n,)``; a row may have several.

    Args:
        path: of the file.
        frame: its rows.
        first: the line of the first one.
    """
    import numpy as np

    lines = np.arange(first, first + len(frame))
    with open(path, "rb") as file:
        if not any(b'"' in block for block in iter(lambda: file.read(2**20), b"")):
            return lines
    breaks = sum(frame[name].str.count("\n") for name in frame.columns).to_numpy(np.int64)
    return lines + np.concatenate([[0], np.cumsum(breaks)[:-1]])


def _header(path: Path, delimiter: str) -> tuple[list[str], int, int]:
    """The names in the first line that is not empty, how many lines stand before, the next line."""
    before = 0
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file, delimiter=delimiter)
        for row in rows:
            if any(name.strip() for name in row):
                return [name.strip() for name in row], before, rows.line_num + 1
            before = rows.line_num
    return [""], before, before + 1


def _with_index_as_column(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy whose rows are counted; an index of dates or of texts with a name becomes a column.

    Other indices tell the rows apart, and nobody who chose one means it to be learnt from.
    """
    import pandas as pd

    if isinstance(frame.index, pd.PeriodIndex):
        frame = frame.set_axis(frame.index.to_timestamp().rename(frame.index.name))
    dates = isinstance(frame.index, pd.DatetimeIndex)
    name = frame.index.name or ("date" if dates else None)
    texts = frame.index.nlevels == 1 and is_text(frame.index.to_series())
    if name is None or not (dates or texts):
        return frame.reset_index(drop=True)
    return frame.rename_axis(name).reset_index(drop=name in frame.columns)


def _too_many_fields(path: Path, delimiter: str, most: int) -> str:
    """Which line has more fields than the header."""
    line, n = 1, 0
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
        for row in rows:
            n = len(row)
            if n > most:
                break
            line = rows.line_num + 1
    where = f"{path}, line {line}: {n} fields" if n > most else f"{path}: a line has more fields"
    return (
        f"{where}, but the header names {most} columns. A value that holds the delimiter "
        f"({delimiter!r}), such as a decimal comma, must stand in quotation marks."
    )


def _delimiter(head: str) -> str:
    """The delimiter that splits the first lines into most fields, the same number in each."""
    lines = [line for line in head.splitlines()[:50] if line.strip()]
    lines = lines[:-1] if len(lines) > 2 and len(head) >= 65536 else lines

    def fields(delimiter: str) -> tuple[int, int]:
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter))
        n, agree = counts.most_common(1)[0]
        return (agree, n) if n > 1 else (0, 0)

    return max(DELIMITERS, key=lambda d: (fields(d), -DELIMITERS.index(d)))


def _check_names(where: str, names: list[str]) -> None:
    empty = [str(i) for i, name in enumerate(names, start=1) if not name]
    if empty:
        raise KerazooError(f"{where}: column {listed(empty)} has no name in the header.")
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise KerazooError(
            f"{where} has more than one column named {listed([repr(t) for t in twice])}; names "
            "must differ."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def column(frame: pd.DataFrame, name: str | None, what: str) -> str:
    """The name of a column that the user has to choose; raises KerazooError if there is none."""
    names = list(frame.columns)
    name = None if name is None else str(name)  # a DataFrame's may be numbers
    if name is None:
        raise KerazooError(f"{what} is not said; choose one of the columns {', '.join(names)}.")
    if name not in names:
        error = unknown(what, name, names)
        if any(_is_number(n) for n in names):
            raise KerazooError(
                f"{error} Some of these are numbers: does the first line hold the names?"
            )
        raise error
    return name


def is_missing(values: pd.Series, but: tuple[str, ...] = ()) -> Any:
    """Which values are missing, bool ``(n,)``: empty, NaN or one of the usual words for it.

    Args:
        values: a column.
        but: words that are values here.
    """
    if is_text(values):
        text = values.astype(str).str.strip().str.lower()
        return (values.isna() | text.isin([m for m in MISSING if m not in but])).to_numpy()
    return values.isna().to_numpy()


def as_numbers(values: pd.Series, where: str) -> tuple[Any, list[int]] | None:
    """A column as float64 ``(n,)``, NaN where it is missing; None if it is not of numbers.

    Beside it the places of the rows whose value is there, but no number (few, else it is not of
    numbers). ``true`` and ``false`` are 1 and 0.

    Raises:
        KerazooError: a value is infinite, or too large for float32.
    """
    import numpy as np
    import pandas as pd

    missing = is_missing(values)
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan), []
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        text = values.astype(str).str.strip()
        truth = text.str.lower()
        if truth[~missing].isin(["true", "false"]).all():
            text = truth.replace({"true": "1", "false": "0"})
        numbers = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64, copy=True)
        numbers[missing] = np.nan
    wrong = np.flatnonzero(np.isnan(numbers) & ~missing)
    known = int((~missing).sum())
    if not known or len(wrong) > (1 - MOSTLY) * known:
        return None
    # Only now: "inf" may be a word among others.
    huge = np.flatnonzero(np.abs(numbers) > np.finfo(np.float32).max)
    if len(huge):
        what = "infinite" if np.isinf(numbers[huge[0]]) else "too large for float32"
        raise KerazooError(f"{where}, line {values.index[huge[0]]}: the value is {what}.")
    return numbers, wrong.tolist()


def first_no_number(values: pd.Series) -> int:
    """The place of the first value that is there, but no number."""
    import numpy as np
    import pandas as pd

    numbers = pd.to_numeric(values.astype(str).str.strip(), errors="coerce").isna().to_numpy()
    return int(np.flatnonzero(numbers & ~is_missing(values))[0])


def target_columns(frame: pd.DataFrame, asked: str | tuple[str, ...] | None) -> list[str]:
    """The targets that the user names; raises KerazooError for one not there, or there twice."""
    names = asked if isinstance(asked, tuple) else (asked,)
    targets = [column(frame, name, "the target (--target)") for name in names]
    twice = [name for name, n in Counter(targets).items() if n > 1]
    if twice:
        raise KerazooError(f"the target {twice[0]!r} is given twice.")
    return targets
