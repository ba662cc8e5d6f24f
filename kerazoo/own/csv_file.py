"""Read a CSV file, or take a pandas DataFrame, and say clearly what is wrong with it."""

from __future__ import annotations

import csv
import os
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo.errors import KerazooError, first_line, unknown
from kerazoo.own.data import listed

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = ",;\t|"
FIRST_LINE = 2  # of the rows: the header is line 1
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
# Of these two may be names of a class too: "none" of the defects, "-" of the signs.
NO_VALUE_OR_A_CLASS = ("none", "-")
MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-")  # how people write it, any case
MOSTLY = 0.9  # a column is of numbers if this share of what it holds can be read as one


def read_frame(source: str | os.PathLike[str] | pd.DataFrame, least: int = 2) -> pd.DataFrame:
    """The rows of a CSV file or DataFrame; text stays text, so that each column is judged later.

    The delimiter (comma, semicolon, tab or bar) and a decimal comma are found by themselves; a
    byte order mark is skipped; a first column without a name that only counts the rows is left
    out.

    Raises:
        KerazooError: no file, an empty one, no text in UTF-8, no header, two columns of one name,
            a line with too many fields, or fewer than ``least`` rows.
    """
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        frame = _with_dates_as_column(source)
        frame.columns = [str(c) for c in frame.columns]
        _check_names("the DataFrame", list(frame.columns))
    else:
        frame = _read_file(Path(source))
    if len(frame) < least:
        where = "the DataFrame" if isinstance(source, pd.DataFrame) else os.fspath(source)
        raise KerazooError(f"{where} has {len(frame)} row(s) of data; it takes more.")
    return frame


def _read_file(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            head = file.read(65536)
    except UnicodeDecodeError as error:
        raise KerazooError(
            f"{path} is no text in UTF-8 ({error.reason} at byte {error.start}). Save it as CSV "
            "with the encoding UTF-8."
        ) from None
    except OSError as error:
        raise KerazooError(f"{path} cannot be read: {error.strerror}.") from None
    if not head.strip():
        raise KerazooError(f"{path} is empty.")
    if "\0" in head:
        raise KerazooError(f"{path} holds zero bytes; it is no CSV file.")
    delimiter = _delimiter(head)
    header = next(csv.reader(head.splitlines(), delimiter=delimiter))
    header = [name.strip() for name in header]
    if len(header) < 2:
        raise KerazooError(
            f"{path} has one column only ({header[0][:40]!r}); columns are told by comma, "
            "semicolon, tab or bar."
        )
    if all(_is_number(name) for name in header if name):
        raise KerazooError(
            f"{path} has no header: its first line, {', '.join(header[:4])} …, holds numbers. Add "
            "a first line with the names of the columns."
        )
    counts = bool(header) and not header[0]  # as pandas writes its index
    _check_names(str(path), header[1:] if counts else header)
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
                skipinitialspace=True,
                on_bad_lines="error",
            )
    except pd.errors.ParserWarning:
        raise KerazooError(_too_many_fields(path, head, delimiter, len(header))) from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        message = first_line(error).removeprefix("Error tokenizing data. C error: ")
        raise KerazooError(f"{path} cannot be read as CSV: {message}.") from None
    if counts:
        frame = frame.iloc[:, 1:]
    return frame.fillna("")  # a short line: what is not there is missing


def _with_dates_as_column(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy whose rows are counted; an index of dates, as series have it, becomes a column."""
    import pandas as pd

    if isinstance(frame.index, pd.PeriodIndex):
        frame = frame.set_axis(frame.index.to_timestamp().rename(frame.index.name))
    if not isinstance(frame.index, pd.DatetimeIndex):
        return frame.reset_index(drop=True)
    name = frame.index.name or "date"
    return frame.rename_axis(name).reset_index(drop=name in frame.columns)


def _too_many_fields(path: Path, head: str, delimiter: str, most: int) -> str:
    """Which line has more fields than the header."""
    rows = csv.reader(head.splitlines(), delimiter=delimiter)
    line, n = next(((i, len(row)) for i, row in enumerate(rows, 1) if len(row) > most), (0, 0))
    where = f"{path}, line {line}: {n} fields" if line else f"{path}: a line has more fields"
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
    if name is None:
        raise KerazooError(f"{what} is not said; choose one of the columns {', '.join(names)}.")
    if name not in names:
        raise unknown(what, name, names)
    return name


def is_missing(values: pd.Series, but: tuple[str, ...] = ()) -> Any:
    """Which values are missing, bool ``(n,)``: empty, NaN or one of the usual words for it.

    Args:
        values: a column.
        but: words that are values here.
    """
    if values.dtype == object or str(values.dtype) in ("str", "string", "category"):
        text = values.astype(str).str.strip().str.lower()
        return (values.isna() | text.isin([m for m in MISSING if m not in but])).to_numpy()
    return values.isna().to_numpy()


def as_numbers(values: pd.Series, where: str) -> tuple[Any, list[int]] | None:
    """A column as float64 ``(n,)``, NaN where it is missing; None if it is not of numbers.

    Beside it the rows whose value is there, but no number (few, else it is not of numbers).

    Raises:
        KerazooError: a value is infinite.
    """
    import numpy as np
    import pandas as pd

    missing = is_missing(values)
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.to_numpy().astype(np.float64), []
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        text = values.astype(str).str.strip()
        there = text[~missing]
        if len(there) and there.str.fullmatch(_DECIMAL_COMMA.pattern).mean() > 0.5:
            text = text.str.replace(",", ".", regex=False)
        numbers = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64, copy=True)
        numbers[missing] = np.nan
    if np.isinf(numbers).any():
        row = int(np.flatnonzero(np.isinf(numbers))[0])
        raise KerazooError(f"{where}, line {row + FIRST_LINE}: the value is infinite.")
    wrong = np.flatnonzero(np.isnan(numbers) & ~missing)
    known = int((~missing).sum())
    if not known or len(wrong) > (1 - MOSTLY) * known:
        return None
    return numbers, wrong.tolist()
