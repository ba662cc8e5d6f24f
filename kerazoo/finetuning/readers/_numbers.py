"""Numbers as people write them: one notation for each column, certain from its values or asked for.

A notation is the decimal mark and the unit. What looks like a number and is none is reported.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from kerazoo._lazy import np, pd
from kerazoo.building import of_python
from kerazoo.errors import KerazooError, ReadingError

SHOWN = 6  # columns of the same notation that are reported, each with an example
NO_VALUE_OR_A_CLASS = ("none", "-")  # may be names of a class too: of the defects, of the signs
# How people write that there is no value, any case; then what spreadsheets do.
MISSING: tuple[str, ...] = ("", "na", "n/a", "n.a.", "nan", "<na>", "null", "none", "?", "-", "--")
MISSING += ("–", "—", ".", "..", "…", "#n/a", "#na", "#nv", "#value!", "#div/0!", "#ref!")
MISSING += ("#num!", "#null!")
MOSTLY = 0.9  # a column is of numbers if this share of what it holds can be read as one
FEW = 20  # different values of a column that may be categories, though numbers are among them
SOME = 0.5  # a column with this share of numbers is looked at twice
FAR = 3  # times the range of all others: the distance of a value that may stand for a missing one
PART = 100_000  # values that are read at a time
MAX_UNITS = 5  # different units, or words between numbers; more are codes
OTHER_MARK = {".": ",", ",": "."}
_PLAIN = str.maketrans(
    dict.fromkeys("\u00a0\u2007\u2008\u2009\u200a\u202f\u3000", " ")
    | dict.fromkeys("’‘ʼ´`", "'")
    | dict.fromkeys("−–‐‑‒﹣－", "-")
    | dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u202a\u202c\u2060\ufeff")
    | {"٫": ".", "٬": ",", "．": ".", "，": ",", "％": "%"}
)
_MONEY = r"[A-Z]{0,3}[$€£¥₹₩₽₺]|EUR|USD|GBP|CHF|JPY|CNY|INR"
_SYMBOL = re.compile(rf"[%‰]|{_MONEY}")
_FORM = re.compile(  # ($1,234.50)  12,5-  50,-  1'234  5 %  3 km/h  1,5E-04  10,000+  ="5"
    rf"""(?P<cell>=")?(?P<open>\()?(?P<first>[-+]?)(?:(?P<before>{_MONEY})\ ?)?(?P<second>[-+]?)
    (?P<body>[.,]?\d(?:[\d.,'\ ]*\d)?(?:[.,](?:--?|—)?)?)(?P<power>[eE][-+]?\d+|[dD][-+]\d+)?
    (?:\ ?(?P<behind>(?:[%‰°+]|{_MONEY}|[^\W\d_¹²³⁰-⁹¼-¾⅐-⅞])[^\s\d()+-]{{0,11}}[²³23]?))?
    (?P<last>-?)(?(open)\))(?(cell)")""",
    re.VERBOSE,
)
# As people write thousands: three digits behind every mark, at most three in front.
_THOUSANDS = r"[^\d.,]*(?:0|[1-9]\d{0,2}(?:[.,]\d{3})*)[^\d.,]*"
# Digits and signs, such as 1/2 or <5; but no date, time, telephone or version.
_LIKE = r"(?!.*\d[-:]\d)(?!.*\d([./])\d+\1\d)\W*\d[\d\W_]*"
# As of places, 01.02 for a day, 1E1 for a unit of a house; and 1.10 where others are like 1.9.
_CODE = r'(?:=")?0\d+(?:[.,]\d+)?"?|\d+[eE]\d+'
_BODY = {
    mark: re.compile(
        rf"(?P<whole>[1-9]\d{{0,2}}(?P<by>[{other}' ])\d{{3}}(?:(?P=by)\d{{3}})*"
        rf"|[1-9]\d?(?P<lakh>\{other})\d\d(?:\{other}\d\d)*\{other}\d{{3}}|\d+|(?=\{mark}\d))(?:\{mark}(?P<part>\d*))?"
    )
    for mark, other in OTHER_MARK.items()
}


class Form(NamedTuple):
    """A text that is a number with some decimal mark.

    Attributes:
        read: the number as Python writes it with each decimal mark, None where it is none.
        unit: in front of or behind it; None of zero, which needs none.
    """

    read: dict[str, str | None]
    unit: str | None


def form_of(text: str) -> Form | None:
    """A text as a number, None if it is none with any decimal mark."""
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(c, c)) for c in text.translate(_PLAIN)).strip()
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    first, second, last, bracket, body, power, before, behind = found.group(
        "first", "second", "last", "open", "body", "power", "before", "behind"
    )
    signs = first + second + last + (bracket or "")
    if len(signs) > 1:
        return None
    sign = "-" if signs not in ("", "+") else ""
    power = (power or "").upper().replace("D", "E")
    read: dict[str, str | None] = {}
    for mark, pattern in _BODY.items():
        parts = pattern.fullmatch(body.rstrip("-—"))
        read[mark] = None
        by = parts and (parts["by"] or parts["lakh"])
        if parts is not None and not (by and power):  # nobody writes 1,234E+05 for 123,400,000
            whole = parts["whole"].replace(by, "") if by else parts["whole"]
            part = f".{parts['part']}" if parts["part"] is not None else ""
            read[mark] = f"{sign}{whole}{part}{power}"
    if not any(read.values()):
        return None
    unit = (before or "") + (behind or "")
    return Form(read, unit if unit or body.strip("0.,") else None)


class Texts:
    """A column of text, read as numbers as far as it can be.

    Attributes:
        where: name of the table in messages.
        known: the values that are not missing, by their lines.
        mark: decimal mark with which pandas reads all of them, so that each need not be looked
            at; empty where there is none.
    """

    def __init__(self, values: pd.Series, where: str):
        self.where, self.known = where, values.astype(str)
        self.mark = "." if plain_numbers(values) is not None else ""  # so none is missing
        if not self.mark:
            self.known = self.known[~is_missing(values)].str.strip()
            if plain_numbers(self.known) is not None:
                self.mark = "."
            elif self.known.str.fullmatch("-?[0-9]+(,[0-9]+)?").all():
                self.mark = ","

    @functools.cached_property
    def forms(self) -> dict[str, Form]:
        """The parts of each different value that looks like a number."""
        forms = {text: form_of(text.strip()) for text in self.known.unique()}
        return {text: form for text, form in forms.items() if form is not None}

    @functools.cached_property
    def units(self) -> dict[str, str]:
        """The units, each with the first value that has it; zero needs none."""
        if self.mark:
            some = self.known[self.known.str.contains("[1-9]")]
            return {"": some.iloc[0]} if len(some) else {}
        units: dict[str, str] = {}
        for text, form in self.forms.items():
            if form.unit is not None:
                units.setdefault(form.unit, text)
        return units

    @functools.cached_property
    def words(self) -> pd.Series:
        """The values that do not look like numbers."""
        return self.known[:0] if self.mark else self.known[~self.known.isin([*self.forms])]

    @property
    def thousands(self) -> str:
        """The first value with a mark between thousands, if all may be such and not all have one.

        Numbers with three decimals would rarely have none.
        """
        marked = self.known.str.contains("[.,]")
        is_mixed = marked.any() and not marked.all()
        may_be = is_mixed and self.known.str.fullmatch(_THOUSANDS).all()
        return str(self.known[marked].iloc[0]) if may_be else ""

    def at(self, raw: str) -> str:
        """The place and text of the first value that is ``raw``."""
        line, name = self.known.index[self.known == raw][0], self.known.name
        return f"{self.where}, line {line}, column {name!r}: {raw!r}"

    def marks(self, point_is_decimal: bool) -> tuple[set[str], str]:
        """Decimal marks with which alone some value can be read; the first value in doubt."""
        forms: Iterable[tuple[str, Form | None]]
        if self.mark:  # most of which are told by the first one that has it
            forms = ((text, form_of(text.strip())) for text in self.known if self.mark in text)
        else:
            forms = self.forms.items()
        marks, doubt = set[str](), ""
        for text, form in forms:
            read = form.read if form else {".": text, ",": None}
            if None in read.values():
                marks |= {mark for mark, number in read.items() if number is not None}
                if self.mark:
                    break
            elif read["."] != read[","] and ("," in text or not point_is_decimal):
                doubt = doubt or text
        return marks, doubt


def with_plain_numbers(
    frame: pd.DataFrame,
    columns: Collection[str],
    decimal: str | None,
    known: Mapping[str, tuple[str, ...]] | None,
    point_is_decimal: bool,
    where: str,
) -> tuple[str | None, dict[str, tuple[str, ...]], list[str]]:
    """Write the numbers of a frame as Python does.

    Args:
        frame: the rows, which are changed.
        columns: names of those that may be of numbers.
        decimal: the decimal mark; by default the one with which alone some number can be read.
        known: decimal mark and unit of each column of numbers in the training data, to which the
            rows must keep; None for the training data itself.
        point_is_decimal: a point before three digits is a decimal one, where nothing says more.
        where: name of the table in messages.

    Returns:
        The decimal mark of the columns that leave it open, the notation of each column
        of numbers as in ``known``, and how they were read.

    Raises:
        KerazooError: numbers can be read in two ways, need another decimal mark than others, or
            have different units; or a few words stand between them.
    """
    found: dict[str, tuple[str, ...]] = {}
    texts: dict[str, Texts] = {}
    notes = []
    for name in columns if known is None else [n for n in columns if n in known]:
        if not is_text(frame[name]):
            found[name] = ("", "")
            if known is not None and known[name][1]:
                notes.append(f"{name}: taken in the unit of the training data, {known[name][1]!r}")
            continue
        text = Texts(frame[name], where)
        if len(text.known) and _is_of_numbers(text, known[name][1] if known else None):
            texts[name] = text
    found_in = {name: text.marks(point_is_decimal) for name, text in texts.items()}
    certain = {mark for marks, _ in found_in.values() for mark in marks}
    rest = decimal or (certain.pop() if len(certain) == 1 else None)
    for name in [*texts]:
        text = texts.pop(name)  # which may be large
        marks, doubt = found_in[name]
        given = (known[name][0] if known else "") or decimal
        mark = given or max(marks, default=rest)
        if not given and not marks and (mark or ".") in (large := text.thousands):
            doubt, mark = large, None  # whatever other columns or the delimiter say
        if doubt and not mark:
            form, own = text.forms[doubt], "," if "," in doubt else "."
            raise ReadingError(
                f"{text.at(doubt)} may be {form.read[OTHER_MARK[own]]} or {form.read[own]}.",
                f"Give --thousands {own} or --decimal {own}.",
            )
        notes += _with_plain_column(frame, text, mark or ".", known is not None)
        found[name] = (mark or "" if marks or doubt else "", next(iter(text.units), ""))
    return rest, found, _without_repeats(notes)


def _without_repeats(notes: list[str]) -> list[str]:
    """The first notes on columns of each notation, and how many more there are."""
    kinds = pd.Series([re.sub(r"\d+", "0", note.split(": ", 1)[1]) for note in notes], dtype=str)
    kept = [n for n, i in zip(notes, kinds.groupby(kinds).cumcount(), strict=True) if i < SHOWN]
    more = len(notes) - len(kept)
    return [*kept, *[f"{more:,} more columns of numbers likewise"] * bool(more)]


def _is_of_numbers(text: Texts, unit: str | None) -> bool:
    """True for a column of which most are numbers, with one unit.

    Raises:
        ReadingError: the numbers have several units, or another one than ``unit``; or a few words
            stand between them.
    """
    units, words, name = text.units, text.words, text.known.name
    share, few = 1 - len(words) / len(text.known), text.known.nunique() <= FEW
    what = f"Give --category {name} if it holds names or codes."
    if share >= MOSTLY:
        odd = [u for u in units if u != (unit if unit is not None else next(iter(units)))]
        if not odd:
            return True
        usual = repr(units[next(iter(units))]) if unit is None else f"in training, {unit!r}"
        certain = unit is not None or not few or any(map(_SYMBOL.fullmatch, units))
        if certain and len(units) <= MAX_UNITS:
            problem = f"{text.at(units[odd[0]])} has another unit than {usual}."
            raise ReadingError(problem, f"Write all alike. {what}")
    if few or unit is not None or not len(words):
        return False
    word = words.mode()[0]
    problem = f"{text.at(word)} is not read as a number"
    if share >= SOME and words.nunique() <= MAX_UNITS:
        n = f"{len(words):,} of {len(text.known):,} values are not"
        raise ReadingError(f"{problem}; {n}.", f"Give --na {word!r} if it is missing. {what}")
    if words.str.fullmatch(_LIKE).sum() > len(words) - (1 - MOSTLY) * len(text.known):
        raise ReadingError(f"{problem}.", f"Write it as a decimal number. {what}")
    return False


def _with_plain_column(frame: pd.DataFrame, text: Texts, mark: str, is_known: bool) -> list[str]:
    """Write the numbers of a column as Python does; a note if they change."""
    name, known = str(text.known.name), text.known
    parts = words_for_missing(frame[name])
    codes = known[:0] if is_known else known[known.str.fullmatch(_CODE)]
    if not is_known and known.str.fullmatch(rf"\d+\{mark}[1-9]").any():
        codes = pd.concat([codes, known[known.str.fullmatch(rf"\d+\{mark}\d+0")]])
    for code in codes[:1]:
        value = float(code.strip('="').replace(",", "."))
        parts.insert(0, f"{code!r} read as {value:.15g} (--category {name}: as a name)")
    if text.mark == mark == ".":
        return [f"{name}: {', '.join(parts)}"] * bool(parts)
    is_simple = text.mark == mark
    read = {} if is_simple else {raw: form.read[mark] for raw, form in text.forms.items()}
    for raw, number in read.items():
        if number is None:
            raise ReadingError(
                f"{text.at(raw)} is not a number with the decimal mark {mark!r}.",
                "Write all with one mark, and give it as --decimal.",
            )
    plain = known.str.replace(",", ".") if is_simple else known.map(read)
    changed = plain[plain.notna() & (plain != known)]
    if len(changed):
        frame.isetitem(frame.columns.get_loc(name), changed.combine_first(frame[name]))
        raw = known[changed.index[0]]
        how = f" (--decimal {mark})" if re.search("[.,]", raw) else ""
        parts.insert(0, f"{raw!r} read as {changed.iloc[0]}{how}")
    return [f"{name}: {', '.join(parts)}"] * bool(parts)


def words_for_missing(values: pd.Series) -> list[str]:
    """Parts of a note on the words of a column that say that a value is missing."""
    gone = values[is_missing(values)].dropna().astype(str).str.strip()
    return [f"{raw!r} is missing" for raw in gone.unique() if raw]


def is_text(values: pd.Series) -> bool:
    """True for a column of text, rather than of numbers or dates."""
    return values.dtype == object or str(values.dtype) in ("str", "string", "category")


def like_numbers(values: pd.Series) -> str:
    """The first value that begins with a number, as ``ca. 5`` and ``kr 5`` do, if most do."""
    known = values[~is_missing(values)].astype(str).str.strip()
    like = known[known.str.match(rf"\W*(?:(?i:ca|kr|rs)\b|{_MONEY})?\W*\d")]
    return like.iloc[0] if len(like) > SOME * len(known) else ""


def is_number(text: str) -> bool:
    """True for a number as Python writes it."""
    try:
        float(text)
    except ValueError:
        return False
    return True


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


def plain_numbers(values: pd.Series) -> np.ndarray | None:
    """A column as float64 ``(n,)`` if pandas reads all of it as numbers: the fast path."""
    numeric = pd.api.types.is_numeric_dtype(values.dtype)
    if values.dtype.kind == "c":
        parts = "give the real and the imaginary part as two columns"
        raise KerazooError(f"column {values.name!r} holds complex numbers; {parts}.")
    if not numeric and not is_text(values):
        return None
    try:
        numbers = parsed(values, "raise")
    except (ValueError, TypeError):
        return None
    return numbers if numeric or not np.isnan(numbers).any() else None


def parsed(values: pd.Series, errors: Any) -> np.ndarray:
    """A column as float64 ``(n,)``, part by part, as pandas makes a string of each text."""
    parts = (values.iloc[i : i + PART] for i in range(0, len(values) or 1, PART))
    numbers = (pd.to_numeric(part, errors=errors) for part in parts)
    return np.concatenate([n.to_numpy(dtype=np.float64, na_value=np.nan) for n in numbers])


def as_numbers(
    values: pd.Series, where: str, strict: bool = False
) -> tuple[np.ndarray, np.ndarray] | None:
    """A column as float64 ``(n,)``, NaN where it is missing; None if it is not of numbers.

    The second part, bool ``(n,)``, is True where a value is there, but no number (in few rows, else
    the column is not of numbers). ``true`` and ``false`` are 1 and 0.

    Raises:
        KerazooError: a value is infinite, or too large for float32; or no number, if ``strict``.
    """
    numbers = plain_numbers(values)
    missing = np.isnan(numbers) if numbers is not None else is_missing(values)
    if numbers is None:
        text = values.astype(str).str.strip()
        if text[~missing].str.lower().isin(["true", "false"]).all():
            text = text.str.lower().replace({"true": "1", "false": "0"})
        numbers = parsed(text.mask(missing), "coerce")
    wrong = np.isnan(numbers) & ~missing
    if strict and wrong.any():
        what = f"{where}, {first_of(values, wrong)} is not a number."
        raise ReadingError(what, "Correct it, or give --na if it is a missing value.")
    if not strict and (missing.all() or wrong.sum() > (1 - MOSTLY) * (~missing).sum()):
        return None
    huge = np.abs(numbers) > np.finfo(np.float32).max
    if huge.any():  # only now: "inf" may be a word among others
        at = f"{where}, {first_of(values, huge)}"
        raise KerazooError(f"{at} is infinite or too large for float32.")
    return numbers, wrong


def first_of(values: pd.Series, where: Any) -> str:
    """The line and the value of the first row that is chosen by ``where``, bool ``(n,)``."""
    line, value = values.index[where][0], of_python(values[where].iloc[0])
    return f"{values.index.name or 'line'} {line}: {value!r}"


def may_be_missing(name: str, values: np.ndarray) -> list[str]:
    """A note on a repeated value far from all others, such as -999, if there is one.

    Args:
        name: of the column.
        values: float64 ``(n,)``; NaN where missing.
    """
    known = values[~np.isnan(values)]
    for end in (known.min(), known.max()) if len(known) else ():
        others, n = known[known != end], int((known == end).sum())
        if n < 2 or not len(others) or not np.ptp(others):
            continue
        gap = np.abs(others - end).min()
        nines = not f"{abs(end):g}".strip("9")
        is_odd = gap > others.std() or end < 0 <= others.min()
        if gap > FAR * np.ptp(others) or (nines and is_odd):
            what = f"{end:g} occurs {n:,} times, far from all other values"
            return [f"{name}: {what}; --na {end:g} if it stands for a missing one"]
    return []


def numbers_of(values: pd.Series, where: str) -> np.ndarray:
    """A column as float64 ``(n,)``, NaN where it is missing.

    Raises:
        KerazooError: a value is no number, infinite, or too large for float32.
    """
    read = as_numbers(values, where, strict=True)
    assert read is not None
    return read[0]
