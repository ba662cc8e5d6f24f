"""Tables from CSV files and DataFrames; what a file leaves in doubt is an error."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import zoneinfo
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from kerazoo._lazy import np, pd
from kerazoo.errors import KerazooError, ReadingError, option, require_choice, unknown

DELIMITERS = ",;\t|"
HEAD = 65536  # characters from which the delimiter is told
SHOWN = 6  # columns whose way of writing numbers is reported with an example
FIRST_LINE = 2  # of the rows of a DataFrame, as if its names were line 1
NO_VALUE_OR_A_CLASS = ("none", "-")  # may be names of a class too: of the defects, of the signs
MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-")  # how people write it, any case
MOSTLY = 0.9  # a column is of numbers if this share of what it holds can be read as one
OTHER_MARK = {".": ",", ",": "."}
MINUS = "\u2212"
_BLANKS = " \u00a0\u2009\u202f"
_UNIT = "(?:%|[$€£¥₹]|EUR|USD|GBP|CHF)"


@dataclass(frozen=True)
class CsvOptions:
    """Format of a CSV file. Options that are None follow from the file, where it leaves no doubt.

    Attributes:
        sep: the delimiter, one character.
        decimal: the decimal mark, ``"."`` or ``","``.
        thousands: the mark between thousands: ``","``, ``"."``, ``" "`` or ``"'"``.
        encoding: a codec of Python; UTF-8 may have a byte order mark.
        na_values: texts that stand for a missing value, besides the usual ones.
        date_format: of a series: how dates are written, as ``strptime`` takes it.
        day_first: of a series: ``01/02/2024`` is the first of February.
        time_zone: of a series: where its clocks are, as ``Europe/Berlin``.

    Raises:
        KerazooError: an option is none of these.
    """

    sep: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str = "utf-8"
    na_values: tuple[str, ...] = ()
    date_format: str | None = None
    day_first: bool | None = None
    time_zone: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "na_values", tuple(map(str, self.na_values)))
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
        given = {**vars(self), "decimal": self.decimal or "."}
        shown = {option(k)[2:]: v for k, v in given.items() if v not in (None, ())}
        return ", ".join(f"{name} {value!r}" for name, value in shown.items())


@dataclass(frozen=True)
class Table:
    """The rows of a CSV file or DataFrame.

    Attributes:
        frame: the rows; text stays text, with its numbers as Python writes them. The index is the
            line of each row.
        where: name of the table in messages.
        options: those that were given, with the decimal mark that was found. They read later files
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
) -> Table:
    """Read a CSV file or DataFrame.

    Empty lines, rows without any value at the end, columns without a name, and a first column
    without a name that holds whole numbers, as pandas writes its index, are left out.

    Args:
        source: the file or DataFrame.
        options: how it is written.
        least: rows that there must be.
        columns: that a file must have: where it takes several, one alone has another delimiter.

    Raises:
        KerazooError: no file, an empty one, another encoding, no header, two columns of one name,
            a line with too many fields, numbers that can be read in two ways, or fewer than
            ``least`` rows or ``columns``.
    """
    options = options or CsvOptions()
    sep = ","
    notes: list[str] = []
    if isinstance(source, pd.DataFrame):
        frame, where = _with_index_as_column(source), "the DataFrame"
    elif isinstance(source, (str, os.PathLike)):
        where = os.fspath(source)
        text = _decoded(Path(source), options.encoding)
        sep = options.sep or _delimiter(text[:HEAD])
        frame, notes = _split(text, sep, where, columns)
        if sep not in (",", options.sep):
            notes.append(f"columns are separated by {sep!r} (--sep)")
    else:
        raise KerazooError(f"a table is a CSV file or a DataFrame, not {type(source).__name__}.")
    frame, unnamed = _with_names_only(frame, where)
    if len(frame) < least or not len(frame.columns):
        size = f"{len(frame)} rows and {len(frame.columns)} columns with names"
        raise KerazooError(f"{where} has {size}; it takes more.")
    if options.na_values:
        numbers = [float(word) for word in options.na_values if is_number(word)]
        frame = frame.mask(frame.isin([*options.na_values, *numbers]))
    frame, decimal, read = _with_plain_numbers(frame, options.decimal, sep == ",", where)
    return Table(frame, where, replace(options, decimal=decimal), (*notes, *unnamed, *read))


def read_test(test: Any, train: Table) -> Table:
    """Read rows that are only evaluated on, with the options of the training data."""
    more = read_table(test, train.options, least=1)
    name = "the test DataFrame" if more.where == "the DataFrame" else more.where
    return replace(more, where=name)


def _decoded(path: Path, encoding: str) -> str:
    """The text of a file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KerazooError(f"{path} cannot be read: {error.strerror}.") from None
    utf8 = codecs.lookup(encoding).name == "utf-8"
    try:
        text = content.decode("utf-8-sig" if utf8 else encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ReadingError(
            f"{path}, line {line}: {content[error.start : error.end]!r} is no text in {encoding}.",
            "Give --encoding, such as cp1252 (Western Windows), latin-1 or utf-16.",
        ) from None
    if "\0" in text:
        raise ReadingError(f"{path} holds zero bytes.", "Is it a CSV file? Give --encoding utf-16.")
    if not text.strip():
        raise KerazooError(f"{path} is empty.")
    return text


def _split(text: str, sep: str, where: str, columns: int) -> tuple[pd.DataFrame, list[str]]:
    """The rows of a CSV file as text, by their lines, names may be empty; and notes."""
    rows: dict[int, list[str]] = {}
    line, file = 1, io.StringIO(text, newline="")
    reader = csv.reader(file, delimiter=sep, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            if (len(row) > 1 and rows) or any(row):
                rows[line] = row
            line = reader.line_num + 1
    except csv.Error as error:
        raise KerazooError(f"{where}, line {line}: {error}; look at quotation marks.") from None
    while rows and not any(rows[next(reversed(rows))]):
        rows.popitem()
    header = [name.strip() for name in rows.pop(min(rows))] if rows else [""]
    if len(header) < columns:
        raise ReadingError(f"{where} has one column, {header[0][:30]!r}.", "Give another --sep.")
    if all(is_number(name) for name in header if name):
        first = ", ".join(header[:4])
        raise KerazooError(f"{where}: the first line must name the columns; it is {first} …")
    width, short = len(header), []
    for line, row in rows.items():
        if any(row[width:]):
            raise ReadingError(
                f"{where}, line {line}: {len(row)} fields, but the header names {width}.",
                f"Quote values that hold {sep!r}, or give another --sep.",
            )
        if len(row) < width:
            short.append(line)
        row[width:] = [""] * (width - len(row))
    notes = [f"{len(short):,} lines end early (line {short[0]})"] if short else []
    return pd.DataFrame([*rows.values()], [*rows], header, dtype=object), notes


def _delimiter(head: str) -> str:
    """The delimiter that splits the first lines into most fields, the same number in each."""
    lines = [line for line in head.splitlines()[:50] if line.strip()]
    lines = lines[:-1] if len(lines) > 2 and len(head) >= HEAD else lines

    def fields(delimiter: str) -> tuple[int, int]:
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter))
        n, agree = counts.most_common(1)[0]
        return (agree, n) if n > 1 else (0, 0)

    return max(DELIMITERS, key=lambda d: (fields(d), -DELIMITERS.index(d)))


def _with_index_as_column(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy whose rows are counted; an index of dates becomes a column.

    Other indices tell the rows apart, and nobody who chose one means it to be learnt from.
    """
    index = frame.index
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    frame = frame.set_axis([str(c) for c in frame.columns], axis=1)
    if isinstance(index, pd.DatetimeIndex) and (name := index.name or "date") not in frame.columns:
        frame.insert(0, name, index)
    return frame.set_axis(pd.RangeIndex(FIRST_LINE, FIRST_LINE + len(frame)))


def _with_names_only(frame: pd.DataFrame, where: str) -> tuple[pd.DataFrame, list[str]]:
    """Without the columns that have no name; but a first one that holds no numbers is of dates."""
    names, notes = list(frame.columns), []
    if names and not names[0] and as_numbers(frame.iloc[:, 0], where) is None:
        names[0] = "date"
    for place in (i for i, name in enumerate(names) if i and not name):
        held = frame.iloc[:, place].replace("", None).dropna()
        if len(held):
            first = f"line {held.index[0]}: {held.iloc[0]!r}"
            notes.append(f"column {place + 1} has no name and is left out ({first})")
    twice = [name for name, n in Counter(filter(None, names)).items() if n > 1]
    if twice:
        raise KerazooError(f"{where} has more than one column named {twice[0]!r}; rename one.")
    return frame.set_axis(names, axis=1).loc[:, [bool(name) for name in names]], notes


def _pattern(decimal: str) -> re.Pattern[str]:
    """Pattern of numbers with this decimal mark.

    ``-1,234.5``, ``1 234,5``, ``1'234``, ``(12)``, ``12-``, ``−3``, ``5 %``, ``$5``, ``1,5E-04``.
    """
    mark = rf"[{OTHER_MARK[decimal]}{_BLANKS}'’]"
    sign, blank = "[-+\u2212]", rf"[{_BLANKS}]?"
    return re.compile(
        rf"(?P<open>\()?(?P<first>{sign}?)(?:{_UNIT}{blank})?(?P<second>{sign}?)"
        rf"(?P<whole>[1-9]\d{{0,2}}(?P<mark>{mark})\d{{3}}(?:(?P=mark)\d{{3}})*|\d+|(?=\{decimal}\d))"
        rf"(?:\{decimal}(?P<part>\d*))?(?P<power>[eE]{sign}?\d+)?"
        rf"(?:{blank}{_UNIT})?(?P<last>-?)(?(open)\))"
    )


def _plain(text: str, pattern: re.Pattern[str]) -> str | None:
    """A number as Python writes it; None for what is none in this pattern."""
    found = pattern.fullmatch(text)
    if found is None:
        return None
    signs = [s for s in found.group("first", "second", "last", "open") if s]
    if len(signs) > 1:
        return None
    minus = "-" if signs and signs[0] != "+" else ""
    whole = re.sub(r"\D", "", found["whole"])
    part = f".{found['part']}" if found["part"] is not None else ""
    return f"{minus}{whole}{part}{(found['power'] or '').replace(MINUS, '-')}"


# A text as a number, with each decimal mark.
READ = {decimal: partial(_plain, pattern=_pattern(decimal)) for decimal in OTHER_MARK}


def _with_plain_numbers(
    frame: pd.DataFrame, decimal: str | None, point_is_decimal: bool, where: str
) -> tuple[pd.DataFrame, str | None, list[str]]:
    """The frame with its numbers as Python writes them, the decimal mark, and how they were read.

    Args:
        frame: the rows.
        decimal: the decimal mark; by default the one with which alone some number can be read.
        point_is_decimal: a point before three digits is a decimal one, where nothing says more.
        where: name of the table in messages.

    Raises:
        KerazooError: numbers can be read in two ways, need another decimal mark than others, or
            have different units.
    """
    texts = {name: frame[name] for name in frame.columns if is_text(frame[name])}
    told = decimal or _decimal_mark(texts.values(), point_is_decimal, where)
    mark, notes = told or ".", []
    for name, values in texts.items():
        if mark == "." and _plain_numbers(values) is not None:
            continue
        text = _known(values)
        plain = text.str.replace(",", ".", regex=False) if mark == "," else text
        odd = pd.to_numeric(plain, errors="coerce").isna()  # few, as a rule
        odd |= (mark == ",") & text.str.contains(".", regex=False)
        plain = plain.mask(odd, _read(text[odd], mark))
        unread = text[plain.isna()]
        other = unread[_read(unread, OTHER_MARK[mark]).notna()]
        if len(unread) - len(other) > (1 - MOSTLY) * len(text):
            continue  # words
        if len(other):
            raise ReadingError(
                f"{_at(where, other)} is not a number with the decimal mark {mark!r}"
                f"{'.' if decimal else ', which other numbers have.'}",
                f"{'Give the other --decimal. ' * bool(decimal)}A file with both marks has to be "
                "rewritten with one, or read with pandas and given as a DataFrame.",
            )
        units = text[odd].str.extract(f"({_UNIT})")[0].reindex(text.index)[plain.notna()].fillna("")
        if units.nunique() > 1:
            at = _at(where, text[units.index][units != units.iloc[0]])
            raise KerazooError(
                f"{at} has another unit than {text[units.index[0]]!r}; write all numbers alike."
            )
        changed = plain[plain.notna() & (plain != text)]
        if len(changed):
            frame = frame.assign(**{name: changed.combine_first(values)})
            raw = text[changed.index[0]]
            how = f" (--decimal {mark})" if re.search("[.,]", raw) else ""
            notes.append(f"{name}: {raw!r} read as {changed.iloc[0]}{how}")
    more = [f"{len(notes) - SHOWN:,} more columns of numbers likewise"] * (len(notes) > SHOWN)
    return frame, told, [*notes[:SHOWN], *more]


def _decimal_mark(columns: Collection[pd.Series], point_is_decimal: bool, where: str) -> str | None:
    """The decimal mark with which alone some number can be read; None where it does not matter."""
    doubt = []
    for values in (*(values[:1000] for values in columns), *columns):  # the first ones often tell
        text = _known(values)
        read = pd.DataFrame({mark: _read(text, mark) for mark in OTHER_MARK})
        known = read.notna()
        if not known.any(axis=1).mean() >= MOSTLY:
            continue
        for mark, other in OTHER_MARK.items():
            if (known[mark] & ~known[other]).any():
                return mark
        two = known.all(axis=1) & (read["."] != read[","])
        if point_is_decimal:
            two &= text.str.contains(",", regex=False)
        doubt += [text[two]] * bool(two.any())
    if doubt:
        raw = doubt[0].iloc[0]
        mark = "," if "," in raw else "."
        raise ReadingError(
            f"{_at(where, doubt[0])} may be {READ[OTHER_MARK[mark]](raw)} or {READ[mark](raw)}.",
            f"Give --thousands {mark} or --decimal {mark}.",
        )
    return None


def _read(text: pd.Series, mark: str) -> pd.Series:
    """Numbers as Python writes them, None for other texts; each different text is read once."""
    different = text.unique()
    return text.map(dict(zip(different, map(READ[mark], different), strict=True))).astype(object)


def _known(values: pd.Series) -> pd.Series:
    """The values that are not missing, as texts."""
    return values[~is_missing(values)].astype(str).str.strip()


def _plain_numbers(values: pd.Series) -> np.ndarray | None:
    """A column as float64 ``(n,)`` if pandas reads all of it as numbers: the fast path."""
    numeric = pd.api.types.is_numeric_dtype(values.dtype)
    if not numeric and not is_text(values):
        return None
    try:
        numbers = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        return None
    return numbers if numeric or not np.isnan(numbers).any() else None


def _at(where: str, values: pd.Series) -> str:
    """The place and text of the first value."""
    return f"{where}, line {values.index[0]}, column {values.name!r}: {values.iloc[0]!r}"


def is_number(text: str) -> bool:
    """True for a number as Python writes it."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_text(values: pd.Series) -> bool:
    """True for a column of text, rather than of numbers or dates."""
    return values.dtype == object or str(values.dtype) in ("str", "string", "category")


def column(frame: pd.DataFrame, name: str | None, what: str) -> str:
    """The name of a column that the user has to choose; raises KerazooError if there is none."""
    names = list(frame.columns)
    if name is None:
        raise KerazooError(f"{what} is missing; choose one of the columns {', '.join(names)}.")
    name = str(name)  # a DataFrame's may be numbers
    if name not in names:
        raise unknown("column", name, names, f"It was given as {what}.")
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


def as_numbers(
    values: pd.Series, where: str, strict: bool = False
) -> tuple[np.ndarray, list[int]] | None:
    """A column as float64 ``(n,)``, NaN where it is missing; None if it is not of numbers.

    The second part are the places of the rows whose value is there, but no number (few, else the
    column is not of numbers). ``true`` and ``false`` are 1 and 0.

    Raises:
        KerazooError: a value is infinite, or too large for float32; or no number, if ``strict``.
    """
    numbers = _plain_numbers(values)
    missing = np.isnan(numbers) if numbers is not None else is_missing(values)
    if numbers is None:
        text = values.astype(str).str.strip()
        if text[~missing].str.lower().isin(["true", "false"]).all():
            text = text.str.lower().replace({"true": "1", "false": "0"})
        numbers = pd.to_numeric(text.mask(missing), errors="coerce").to_numpy(np.float64)
    wrong = np.flatnonzero(np.isnan(numbers) & ~missing)
    if strict and len(wrong):
        at = f"{where}, line {values.index[wrong[0]]}: {values.iloc[wrong[0]]!r} is not a number."
        raise ReadingError(at, "Correct it, or give --na if it is a missing value.")
    if not strict and (missing.all() or len(wrong) > (1 - MOSTLY) * (~missing).sum()):
        return None
    huge = np.flatnonzero(np.abs(numbers) > np.finfo(np.float32).max)
    if len(huge):  # only now: "inf" may be a word among others
        at = f"{where}, line {values.index[huge[0]]}: {numbers[huge[0]]:g}"
        raise KerazooError(f"{at} is infinite or too large for float32.")
    return numbers, wrong.tolist()


def numbers_of(values: pd.Series, where: str) -> np.ndarray:
    """A column as float64 ``(n,)``, NaN where it is missing.

    Raises:
        KerazooError: a value is no number, infinite, or too large for float32.
    """
    read = as_numbers(values, where, strict=True)
    assert read is not None
    return read[0]


def target_columns(frame: pd.DataFrame, target: str | tuple[str, ...] | None) -> list[str]:
    """The targets that the user names; raises KerazooError for one not there, or there twice."""
    names = target if isinstance(target, tuple) else (target,)
    targets = [column(frame, name, "the target (--target)") for name in names]
    twice = [name for name, n in Counter(targets).items() if n > 1]
    if twice:
        raise KerazooError(f"the target {twice[0]!r} is given twice.")
    return targets
