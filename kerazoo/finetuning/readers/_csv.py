"""Tables from CSV files and DataFrames; what a file leaves in doubt is an error."""

from __future__ import annotations

import codecs
import contextlib
import csv
import ctypes
import itertools
import os
import re
import sys
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kerazoo._lazy import np, pd
from kerazoo.errors import KerazooError, ReadingError, option, require_choice, unknown
from kerazoo.finetuning.readers._numbers import (
    OTHER_MARK,
    as_numbers,
    is_number,
    is_text,
    parsed,
    with_plain_numbers,
)

DELIMITERS = ",;\t|"
HEAD = 65536  # characters from which the delimiter is told
ROWS = 20_000  # of a file that are held as strings of Python at a time
FIRST_LINE = 2  # of the rows of a DataFrame, as if its names were line 1
TOTAL = re.compile(
    r"\W*(grand |sub)?(totals?|sums?|summe|gesamt|somme|suma|итого|всего|合計|总计)\W*", re.I
)
NOT_GIVEN = "notations"  # field of CsvOptions that is found and no option
# First bytes that say how a file is written, where no --encoding does.
MARKED = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# First bytes of workbooks and archives: zip and xlsx, gzip, xls, Parquet, Feather.
NO_TEXT = b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0", b"PAR1", b"ARROW1"


@dataclass(frozen=True)
class CsvOptions:
    """Format of a CSV file. Options that are None follow from the file, where it leaves no doubt.

    Attributes:
        sep: the delimiter, one character.
        quotes: quotation marks enclose values; False: they are ordinary characters.
        decimal: the decimal mark, ``"."`` or ``","``.
        thousands: the mark between thousands: ``","``, ``"."``, ``" "`` or ``"'"``.
        encoding: a codec of Python; UTF-8 may have a byte order mark.
        na_values: texts that stand for a missing value, besides the usual ones.
        category: columns of names or codes, which are read as they are written.
        date_format: of a series: how dates are written, as ``strptime`` takes it; ``s`` or ``ms``
            for seconds or milliseconds since 1970.
        day_first: of a series: ``01/02/2024`` is the first of February.
        time_zone: of a series: where its clocks are, as ``Europe/Berlin``.
        notations: decimal mark and unit of each column of numbers, as found in the training data;
            either may be empty.

    Raises:
        KerazooError: an option is none of these.
    """

    sep: str | None = None
    quotes: bool | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str = "utf-8"
    na_values: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    date_format: str | None = None
    day_first: bool | None = None
    time_zone: str | None = None
    notations: dict[str, tuple[str, ...]] | None = None

    def __post_init__(self) -> None:
        for name in ("na_values", "category"):
            given = getattr(self, name)
            given = (given,) if isinstance(given, str) else given
            object.__setattr__(self, name, tuple(map(str, given)))
        if self.sep is not None and (len(self.sep) != 1 or self.sep in '"\r\n'):
            raise KerazooError(f"--sep is {self.sep!r}; give one character, as between columns.")
        require_choice("--decimal", self.decimal or ".", (".", ","))
        require_choice("--thousands", self.thousands or ",", (",", ".", " ", "'"))
        if self.decimal is not None and self.decimal == self.thousands:
            raise KerazooError(f"--decimal and --thousands are both {self.decimal!r}.")
        if self.decimal is None and self.thousands in OTHER_MARK:
            object.__setattr__(self, "decimal", OTHER_MARK[self.thousands])
        try:
            "".encode(self.encoding)
        except LookupError:
            known = ("utf-8", "latin-1", "cp1252", "utf-16")
            raise unknown("--encoding", self.encoding, known) from None
        if self.time_zone is not None and self.time_zone not in zoneinfo.available_timezones():
            raise unknown("--time-zone", self.time_zone, zoneinfo.available_timezones())

    def __str__(self) -> str:
        """Notation of files that these options read."""
        given = {**vars(self), "decimal": self.decimal or ".", NOT_GIVEN: None}
        shown = [f"{option(k)[2:]} {v!r}" for k, v in given.items() if v not in (None, ())]
        for name, (mark, unit) in (self.notations or {}).items():
            if unit or mark not in ("", given["decimal"]):
                shown.append(f"{name} with {' and '.join(map(repr, filter(None, (mark, unit))))}")
        return ", ".join(shown)


@dataclass(frozen=True)
class Table:
    """The rows of a CSV file or DataFrame.

    Attributes:
        frame: the rows; text stays text, with its numbers as Python writes them. The index is the
            line of each row.
        where: name of the table in messages.
        options: those that were given, with the notations that were found. They read later files
            of the same kind alike.
        notes: how it was read, a line each, with an example.
    """

    frame: pd.DataFrame
    where: str
    options: CsvOptions
    notes: tuple[str, ...]


def read_table(
    source: str | os.PathLike[str] | pd.DataFrame,
    options: CsvOptions | None = None,
    least: int = 2,
    columns: int = 2,
    numbers: tuple[str, ...] | None = None,
) -> Table:
    """Read a CSV file or DataFrame.

    Empty lines, rows without any value at the end, columns without a name, and a first column
    without a name that counts the rows, as pandas writes its index, are left out.

    Args:
        source: the file or DataFrame.
        options: how it is written.
        least: rows that there must be.
        columns: that a file must have: where it takes several, one alone has another delimiter.
        numbers: the columns that may be of numbers; by default all. Others stay as written.

    Raises:
        KerazooError: no file, an empty one, another encoding, no header, two columns of one name,
            a line with too many fields, numbers that can be read in two ways or not as those of
            the training data, or fewer than ``least`` rows or ``columns``.
    """
    options = options or CsvOptions()
    sep = ","
    notes: list[str] = []
    if isinstance(source, pd.DataFrame):
        (frame, notes), where = _with_index_as_column(source), "the DataFrame"
    elif isinstance(source, (str, os.PathLike)):
        where = os.fspath(source)
        encoding, head = _first_look(Path(source), options.encoding)
        told = re.match("sep=(.)\r?\n", head)  # as Excel writes it
        sep = options.sep or (told[1] if told else _delimiter(head))
        with Path(source).open(encoding=encoding, newline="") as lines:
            first = ["\n"] if told and lines.readline() else []
            rows = _rows(itertools.chain(first, lines), sep, where, options.quotes, notes)
            frame = _split(rows, sep, where, columns, notes)
        release_memory()
        if sep not in (",", options.sep):
            notes.append(f"columns are separated by {sep!r} (--sep)")
    else:
        raise KerazooError(f"a table is a CSV file or a DataFrame, not {type(source).__name__}.")
    frame, unnamed = _with_names_only(frame, where)
    if len(frame) < least or not len(frame.columns):
        size = f"{len(frame)} rows and {len(frame.columns)} columns with names"
        raise KerazooError(f"{where} has {size}; it takes more.")
    if options.notations is None and numbers is None:
        _reject_totals(frame, options.category, where)
    values = [float(word) for word in options.na_values if is_number(word)]
    if options.na_values:
        gone = frame.isin([*options.na_values, *values])
        frame = frame.mask(gone)
    chosen = [name for name in frame.columns if numbers is None or name in numbers]
    decimal, notations, read = with_plain_numbers(
        frame,
        [name for name in chosen if name not in options.category],
        options.decimal,
        options.notations,
        sep == ",",
        where,
    )
    for name in notations if values else ():  # -999 may be -999,0
        if is_text(frame[name]):
            gone[name] |= np.isin(parsed(frame[name], "coerce"), values)
            frame[name] = frame[name].mask(gone[name])
    if options.na_values and options.notations is None and not gone.any(axis=None):
        notes.append(f"no value is {' or '.join(options.na_values)} (--na)")
    options = replace(options, decimal=decimal, notations=options.notations or notations)
    return Table(frame, where, options, (*notes, *unnamed, *read))


def _reject_totals(frame: pd.DataFrame, category: tuple[str, ...], where: str) -> None:
    """Raise ReadingError for a last row that is called a total, unlike any other."""
    for name, value in frame.iloc[-1].items():
        is_total = isinstance(value, str) and TOTAL.fullmatch(value) and name not in category
        if is_total and not (frame[name].iloc[:-1] == value).any():
            raise ReadingError(
                f"{where}, line {frame.index[-1]}, column {name!r}: {value!r} may be the sum of "
                "the rows above.",
                f"Remove the line, or give --category {name} if it is a row like the others.",
            )


def read_test(test: Any, train: Table) -> Table:
    """Read rows that are only evaluated on, with the options of the training data."""
    more = read_table(test, train.options, least=1)
    name = "the test DataFrame" if more.where == "the DataFrame" else more.where
    return replace(more, where=name)


def release_memory() -> None:
    """Give back the memory of texts that are gone, which Arrow and glibc keep for later ones."""
    if arrow := sys.modules.get("pyarrow"):
        arrow.default_memory_pool().release_unused()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # where there is no glibc
        ctypes.CDLL(None).malloc_trim(0)


def _first_look(path: Path, encoding: str) -> tuple[str, str]:
    """The codec of a file, which is text to its end, and its first characters."""
    try:
        with path.open("rb") as file:
            first = file.read(max(map(len, NO_TEXT)))
        if first.startswith(NO_TEXT):
            raise KerazooError(f"{path} is a workbook or an archive; save its table as a CSV file.")
        if codecs.lookup(encoding).name == "utf-8":
            encoding = MARKED.get(first[:2], "utf-8-sig")
        head, is_empty = "", True
        with path.open(encoding=encoding, newline="") as text:
            while part := text.read(HEAD):
                head, is_empty = head or part, is_empty and not part.strip()
                if "\0" in part:
                    what = f"{path} holds zero bytes."
                    raise ReadingError(what, "Is it a CSV file? Give --encoding utf-16.")
    except OSError as error:
        raise KerazooError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise _no_text(path, encoding) from None
    if is_empty:
        raise KerazooError(f"{path} is empty.")
    return encoding, head


def _no_text(path: Path, encoding: str) -> ReadingError:
    """The error for a file in another encoding."""
    content = path.read_bytes()
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return ReadingError(
            f"{path}, line {line}: {content[error.start : error.end]!r} is no text in {encoding}.",
            "Give --encoding, such as cp1252 (Western Windows), latin-1 or utf-16.",
        )
    raise AssertionError


def _split(
    rows: Iterator[tuple[int, list[str]]], sep: str, where: str, columns: int, notes: list[str]
) -> pd.DataFrame:
    """The rows of a CSV file as text, by their lines; names may be empty. Notes are added."""
    header = [name.strip() for name in next(rows, (0, [""]))[1]]
    if len(header) < columns:
        raise ReadingError(f"{where} has one column, {header[0][:30]!r}.", "Give another --sep.")
    if all(is_number(name) for name in header if name):
        first = ", ".join(header[:4])
        raise KerazooError(f"{where}: the first line must name the columns; it is {first} …")
    width, short = len(header), []
    parts = [pd.DataFrame([], [], header, dtype="str")]
    while some := [*itertools.islice(rows, ROWS)]:
        for line, row in some:
            if len(row) == width:
                continue
            if any(row[width:]):
                raise ReadingError(
                    f"{where}, line {line}: {len(row)} fields, but the header names {width}.",
                    f"Quote values that hold {sep!r}, or give another --sep.",
                )
            if len(row) < width:
                short.append(line)
            row[width:] = [""] * (width - len(row))
        at, values = zip(*some, strict=True)
        # As text of pandas, which since its version 3 is far smaller than strings of Python.
        parts.append(pd.DataFrame([*values], [*at], header, dtype="str"))
    notes += [f"{len(short):,} lines end early (line {line})" for line in short[:1]]
    return pd.concat(parts[1:] or parts)


def _rows(
    lines: Iterable[str], sep: str, where: str, quotes: bool | None, notes: list[str]
) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file by their first lines, up to the last one with a value.

    Raises:
        ReadingError: quotation marks join lines that are complete rows, and ``quotes`` is not
            given. In a file that also encloses delimiters, or most of whose rows take several
            lines, they are values.
    """
    line, width, rows, blank = 1, 0, 0, list[tuple[int, list[str]]]()
    several, first, doubts, doubt, encloses = 0, "", 0, "", quotes is True
    held: list[str] = []  # lines of a row

    def kept() -> Iterator[str]:
        for text in lines:
            held.append(text)
            yield text

    plain: dict[str, Any] = {"quoting": csv.QUOTE_NONE} if quotes is False else {}
    try:
        reader = csv.reader(kept(), delimiter=sep, skipinitialspace=True, strict=True, **plain)
        for row in reader:
            if len(held) > 1:
                at = f"lines {line} to {reader.line_num}"
                several, first = several + 1, first or at
                if any(text.count(sep) != width - 1 for text in held):
                    encloses = True
                else:
                    doubts, doubt = doubts + 1, doubt or at
            elif not encloses and '"' in held[0]:
                encloses = any(sep in value for value in row)
            held.clear()
            if any(row):
                yield from blank
                yield line, row
                blank, width, rows = [], width or len(row), rows + 1
            elif len(row) > 1 and width:
                blank.append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        problem = f"{where}, line {line}: {error}; look at quotation marks."
        remedy = "Give --quotes no if quotation marks do not enclose values."
        raise ReadingError(problem, remedy) from None
    if doubt and not encloses and 2 * doubts < rows:  # the header is one
        raise ReadingError(
            f"{where}: quotation marks join {doubt}, each of which is a complete row.",
            "Give --quotes no if quotation marks are ordinary characters, or --quotes yes to join "
            "the lines.",
        )
    notes += [f"{several:,} rows take several lines ({first})"] * (several > 0)


def _delimiter(head: str) -> str:
    """The delimiter that splits the first lines into most fields, the same number in each."""
    lines = [line for line in head.splitlines()[:50] if line.strip()]
    lines = lines[:-1] if len(lines) > 2 and len(head) >= HEAD else lines

    def fields(delimiter: str) -> tuple[int, int]:
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter))
        n, agree = counts.most_common(1)[0]
        return (agree, n) if n > 1 else (0, 0)

    return max(DELIMITERS, key=lambda d: (fields(d), -DELIMITERS.index(d)))


def _with_index_as_column(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """A copy whose rows are counted, an index of dates as a column; and a note on another index.

    Other indices are identifiers and are not learned from.
    """
    names, notes = [str(name) for name in frame.index.names if name is not None], []
    if isinstance(frame.index, (pd.DatetimeIndex, pd.PeriodIndex)):
        frame = index_as_columns(frame)
    elif names:
        notes = [f"the index {' '.join(names)} is not used; .reset_index() makes it a column"]
    frame = frame.set_axis([str(c) for c in frame.columns], axis=1)
    return frame.set_axis(pd.RangeIndex(FIRST_LINE, FIRST_LINE + len(frame))), notes


def index_as_columns(source: Any) -> Any:
    """A DataFrame with the times or names of series that its index holds in columns.

    Anything else as it is; so are row numbers, an index of numbers without a name.
    """
    if not isinstance(source, pd.DataFrame):
        return source
    frame, levels = source.copy(deep=False), range(source.index.nlevels)
    for level in reversed(levels):
        values = source.index.get_level_values(level)
        if values.name is None and pd.api.types.is_numeric_dtype(values.dtype):
            continue
        if isinstance(values, pd.PeriodIndex):
            values = values.to_timestamp()
        name = str(values.name or ("date" if len(levels) == 1 else f"index {level + 1}"))
        if name not in frame.columns:
            frame.insert(0, name, values)
    return frame.reset_index(drop=True)


def counts_rows(values: np.ndarray, places: np.ndarray) -> bool:
    """True for numbers that only count the rows, at ``places``, from 0 or 1 on."""
    less = values - places
    return len(less) > 0 and less[0] in (0, 1) and bool((less == less[0]).all())


def _with_names_only(frame: pd.DataFrame, where: str) -> tuple[pd.DataFrame, list[str]]:
    """Without the columns that have no name; but a first one that holds no numbers is of dates."""
    names, notes, counts = list(frame.columns), [], False
    if names and not names[0] and len(frame):
        numbers = as_numbers(frame.iloc[:, 0], where)
        counts = numbers is not None and counts_rows(numbers[0], np.arange(len(frame)))
        names[0] = "date" if numbers is None else ""
    for place in (i for i, name in enumerate(names) if not name and not (counts and i == 0)):
        held = frame.iloc[:, place].replace("", None).dropna()
        if len(held):
            first = f"line {held.index[0]}: {held.iloc[0]!r}"
            notes.append(f"column {place + 1} has no name and is left out ({first})")
    twice = [name for name, n in Counter(filter(None, names)).items() if n > 1]
    if twice:
        raise KerazooError(f"{where} has more than one column named {twice[0]!r}; rename one.")
    return frame.set_axis(names, axis=1).loc[:, [bool(name) for name in names]], notes


def column(frame: pd.DataFrame, name: str | None, what: str) -> str:
    """The name of a column that the user has to choose; raises KerazooError if there is none."""
    names = list(frame.columns)
    if name is None:
        raise KerazooError(f"{what} is missing; choose one of the columns {', '.join(names)}.")
    name = str(name)  # a DataFrame's may be numbers
    if name not in names:
        raise unknown("column", name, names, f"It was given as {what}.")
    return name


def target_columns(
    frame: pd.DataFrame, target: str | tuple[str, ...] | None, what: str = "the target (--target)"
) -> list[str]:
    """The columns that the user names; raises KerazooError for one not there, or there twice."""
    names = target if isinstance(target, tuple) else (target,)
    targets = [column(frame, name, what) for name in names]
    twice = [name for name, n in Counter(targets).items() if n > 1]
    if twice:
        raise KerazooError(f"column {twice[0]!r} is given twice, as {what}.")
    return targets
