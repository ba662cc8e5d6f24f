"""Read a CSV file, or take a pandas DataFrame, and say clearly what is wrong with it."""

from __future__ import annotations

import csv
import os
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo.errors import KerazooError, first_line, unknown
from kerazoo.own.data import listed

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = ",;\t|"
FIRST_LINE = 2  # of the rows of a DataFrame, as if its names were line 1
_DECIMAL_COMMA = r"[-+]?\d+,\d+"  # 1234,5
_GROUPED_BY_COMMAS = r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"  # 1,234.5
_GROUPED_BY_DOTS = r"[-+]?\d{1,3}(?:\.\d{3})+(?:,\d+)?"  # 1.234,5
# Of these two may be names of a class too: "none" of the defects, "-" of the signs.
NO_VALUE_OR_A_CLASS = ("none", "-")
MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-")  # how people write it, any case
MOSTLY = 0.9  # a column is of numbers if this share of what it holds can be read as one


def read_frame(source: str | os.PathLike[str] | pd.DataFrame, least: int = 2) -> pd.DataFrame:
    """The rows of a CSV file or DataFrame; text stays text, so that each column is judged later.

    The delimiter (comma, semicolon, tab or bar), a decimal comma and marks between thousands are
    found by themselves; a byte order mark and empty lines are skipped; a first column without a
    name that only tells the rows apart is left out. The index of what is returned is the line of
    each row.

    Raises:
        KerazooError: no file, an empty one, no text in UTF-8, no header, two columns of one name,
            a line with too many fields, or fewer than ``least`` rows.
    """
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        frame = _with_dates_as_column(source)
        frame.columns = [str(c) for c in frame.columns]
        _check_names("the DataFrame", list(frame.columns))
        frame.index = pd.RangeIndex(FIRST_LINE, FIRST_LINE + len(frame))
        _write_points(frame, decimal_comma=False)
    else:
        frame = _read_file(Path(source))
    if len(frame) < least:
        where = "the DataFrame" if isinstance(source, pd.DataFrame) else os.fspath(source)
        raise KerazooError(f"{where} has {len(frame)} row(s) of data; it takes more.")
    return frame


def read_with_test(
    source: str | os.PathLike[str] | pd.DataFrame,
    test: str | os.PathLike[str] | pd.DataFrame | None,
) -> tuple[pd.DataFrame, Any]:
    """The rows of a table, those of its test split behind the others, and which they are.

    Args:
        source: a CSV file or DataFrame.
        test: likewise, the test split; None if there is none of its own.

    Returns:
        The rows, and bool ``(n,)``, True of the test split; None without ``test``.

    Raises:
        KerazooError: what :func:`read_frame` refuses, of either; a column is only in one of them.
    """
    import numpy as np
    import pandas as pd

    frame = read_frame(source)
    if test is None:
        return frame, None
    if not isinstance(test, (str, os.PathLike, pd.DataFrame)):
        raise KerazooError(f"test is {type(test).__name__}; give a CSV file or a DataFrame.")
    more = read_frame(test, least=1)
    where = "the test DataFrame" if isinstance(test, pd.DataFrame) else os.fspath(test)
    if set(frame.columns) != set(more.columns):
        odd = sorted(set(frame.columns) ^ set(more.columns))
        raise KerazooError(
            f"{where} has other columns than the training data: {listed([repr(c) for c in odd])} "
            "only in one of them."
        )
    more.index = pd.Index([f"{line} of {where}" for line in more.index])
    held_out = np.arange(len(frame) + len(more)) >= len(frame)
    return pd.concat([frame, more[frame.columns]]), held_out


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
    try:
        delimiter = _delimiter(head)
        header, before, first = _header(path, delimiter)
    except csv.Error as error:
        raise KerazooError(f"{path} cannot be read as CSV: {error}.") from None
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
        raise KerazooError(_too_many_fields(path, head, delimiter, len(header))) from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        message = first_line(error).removeprefix("Error tokenizing data. C error: ")
        raise KerazooError(f"{path} cannot be read as CSV: {message}.") from None
    frame = frame.fillna("")  # a short line: what is not there is missing
    frame.index = pd.Index(_lines(path, frame, first))
    frame = frame[(frame != "").any(axis=1)].copy()
    _write_points(frame, decimal_comma=delimiter != ",")
    return _with_index_named(frame) if indexed else frame


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


def _with_index_named(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the first column, which has no name, if it only tells the rows apart."""
    values = frame.iloc[:, 0]
    read = as_numbers(values, "the first column")
    if read is not None and not read[1] and (read[0] % 1 == 0).all() and values.is_unique:
        return frame.iloc[:, 1:]
    name = "date" if read is None else "index"
    while name in frame.columns:
        name += "_"
    return frame.set_axis([name, *frame.columns[1:]], axis=1)


def _write_points(frame: pd.DataFrame, *, decimal_comma: bool) -> None:
    """In place: numbers with a decimal comma, or marks between thousands, as Python has them.

    Where all that holds a comma can be read both ways (``1,234``), the file's delimiter tells.
    """
    for name in frame.columns:
        values = frame[name]
        if not _is_text(values):
            continue
        text = values.astype(str).str.strip()
        commas = text[text.str.contains(",", regex=False)]
        if commas.empty:
            continue
        if str(values.dtype) == "category":  # which would take no new values
            frame[name] = values.astype(object)

        def all_are(pattern: str, commas: pd.Series = commas) -> bool:
            return bool(commas.str.fullmatch(pattern).all())

        decimals, grouped = all_are(_DECIMAL_COMMA), all_are(_GROUPED_BY_COMMAS)
        if grouped and not (decimals and decimal_comma):
            frame.loc[commas.index, name] = commas.str.replace(",", "", regex=False)
        elif decimals:
            frame.loc[commas.index, name] = commas.str.replace(",", ".", regex=False)
        elif all_are(f"{_DECIMAL_COMMA}|{_GROUPED_BY_DOTS}"):
            marked = text[text.str.fullmatch(f"{_DECIMAL_COMMA}|{_GROUPED_BY_DOTS}")]
            points = marked.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
            frame.loc[marked.index, name] = points


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
        error = unknown(what, name, names)
        if any(_is_number(n) for n in names):
            raise KerazooError(
                f"{error} Some of these are numbers: does the first line hold the names?"
            )
        raise error
    return name


def _is_text(values: pd.Series) -> bool:
    return values.dtype == object or str(values.dtype) in ("str", "string", "category")


def is_missing(values: pd.Series, but: tuple[str, ...] = ()) -> Any:
    """Which values are missing, bool ``(n,)``: empty, NaN or one of the usual words for it.

    Args:
        values: a column.
        but: words that are values here.
    """
    if _is_text(values):
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
    huge = np.flatnonzero(np.abs(numbers) > np.finfo(np.float32).max)
    if len(huge):
        what = "infinite" if np.isinf(numbers[huge[0]]) else "too large for float32"
        raise KerazooError(f"{where}, line {values.index[huge[0]]}: the value is {what}.")
    wrong = np.flatnonzero(np.isnan(numbers) & ~missing)
    known = int((~missing).sum())
    if not known or len(wrong) > (1 - MOSTLY) * known:
        return None
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
