"""Dates of a series: the column that holds them, how they are written, the step between them."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from typing import Any

from kerazoo._lazy import np, pd
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._csv import MOSTLY, CsvOptions, as_numbers, column, is_missing

# Whole numbers that are dates beyond doubt, and how pandas reads them.
NUMERIC = {
    r"(?:1[89]|20)\d{6}": {"format": "%Y%m%d"},  # 20240131
    r"20\d{8}": {"format": "%Y%m%d%H"},  # 2024013123
}
# Those that are dates in a column with a name of time alone: years; seconds or milliseconds from
# September 2001 to 2033.
NUMERIC_IF_NAMED = {
    r"(?:1[5-9]|2[01])\d\d": {"format": "%Y"},
    r"1\d{9}": {"unit": "s"},
    r"1\d{12}": {"unit": "ms"},
}
TIME_WORDS = {"date", "datetime", "day", "epoch", "t", "time", "timestamp", "ts", "unix", "year"}
PARTS = ["year", "month", "day", "hour", "minute"]
YEAR_FIRST = r"\d{4}\D.*"
DAY_MONTH = r"(?:^|\D)(\d{1,2})[./-](\d{1,2})[./-]\d{2}"
OFFSET = r"(:\d\d(?:\.\d+)?)\s?(Z|[+-]\d\d(?::?\d\d)?)$"  # behind a time of day
# Seconds of a step: its name, and the period of the usual season in steps.
STEPS = {
    60: ("minute", 60),
    600: ("10 minutes", 144),
    900: ("15 minutes", 96),
    1800: ("half hour", 48),
    3600: ("hour", 24),
    86400: ("day", 7),
    604800: ("week", 52),
}
MONTHS = {1: "month", 3: "quarter", 12: "year"}
SEASONS = {**dict(STEPS.values()), "business day": 5, "month": 12, "quarter": 4}


@dataclass(frozen=True)
class Times:
    """The dates of a series.

    Attributes:
        column: its name.
        dates: of the rows.
        grid: all dates from the first to the last, one step apart; its ``freq`` is the step.
        step: name of the step.
        options: those that were given, with the order of day and month that was found.
        notes: how the dates were read.
    """

    column: str
    dates: pd.DatetimeIndex
    grid: pd.DatetimeIndex
    step: str
    options: CsvOptions
    notes: tuple[str, ...]

    @property
    def season(self) -> int | None:
        """Period of the usual season in steps."""
        return SEASONS.get(self.step)


def times_of(
    frame: pd.DataFrame,
    time: str | None,
    targets: list[str],
    where: str,
    options: CsvOptions,
    step: str | None = None,
) -> Times | None:
    """The dates in a column that is named or found, and their step; None if there is none.

    Args:
        frame: the rows.
        time: the column of dates; by default it is searched.
        targets: the columns that are none.
        where: name of the table in messages.
        options: how dates are written.
        step: name of the step of the training data; by default it is told by the dates.

    Raises:
        KerazooError: a date cannot be read, can be read in two ways, comes twice or after a later
            one; the dates are not regular, or not one ``step`` apart.
    """
    name = _find(frame, targets)
    if time is not None:
        name = column(frame, time, "the time column (--time)")
    if name is None:
        parts = {c.lower(): frame[c] for c in frame.columns if c.lower() in PARTS}
        if {"year", "month"} <= parts.keys():
            dates = pd.to_datetime(pd.DataFrame({"day": 1, **parts}), errors="coerce")
            _require_order(dates, frame, " ".join(parts), where)
        return None
    values, at = frame[name], f"{where}, column {name!r}"
    dates, day_first = _dates(values, at, options)
    if day_first is not None:
        options = replace(options, day_first=day_first)
    if dates.isna().any():
        row = int(dates.isna().to_numpy().argmax())
        at = f"{at}, line {values.index[row]}: {values.iloc[row]!r}"
        like = f" like {options.date_format}" if options.date_format else ""
        raise KerazooError(f"{at} is no date{like}. Correct it, or give --date-format or --time.")
    _require_order(dates, frame, name, where)
    index = pd.DatetimeIndex(dates)
    found = _grid(index, step)
    if found is None:
        steps = dates.diff()
        usual = step or steps.mode()[0]
        odd = 0 if len(dates) == 1 else int((steps != steps.mode()[0])[1:].to_numpy().argmax()) + 1
        at = f"{at}, line {values.index[odd]}: {index[odd]}"
        raise KerazooError(
            f"{at} is not one {usual} after the date before; make the times regular."
        )
    first, read, notes = str(values.iloc[0]), str(index[0]), []
    if read[:10] not in first or re.search(OFFSET, first):
        how = "" if day_first is None else " (--day-first)" if day_first else " (month first)"
        notes.append(f"{name}: {first!r} read as {read}{how}")
    return Times(name, index, found[1], found[0], options, tuple(notes))


def _require_order(dates: pd.Series, frame: pd.DataFrame, name: str, where: str) -> None:
    """Raise KerazooError where a date does not come after the one before."""
    late = (dates.diff().dt.total_seconds() <= 0).to_numpy()
    if not late.any():
        return
    for other in frame.columns.drop(name, errors="ignore"):
        series = dates.groupby(frame[other].astype(str).to_numpy())
        if 1 < series.ngroups <= len(dates) / 5 and all(
            rows.is_monotonic_increasing and rows.is_unique for _, rows in series
        ):
            some = f"{series.ngroups:,} series in {other!r}: {', '.join(list(series.groups)[:3])}"
            raise KerazooError(f"{where} holds {some}. Give the rows of one, or a column for each.")
    row = int(late.argmax())
    raise KerazooError(
        f"{where}, line {frame.index[row]}, column {name!r}: {dates.iloc[row]} comes after "
        f"{dates.iloc[row - 1]}. Sort the dates, one of each; add the offset where clocks change."
    )


def _find(frame: pd.DataFrame, targets: list[str]) -> str | None:
    """The first column that holds dates; one of numbers, where no other does."""
    numbers = []
    for name in frame.columns.drop(targets):
        first = frame[name][~is_missing(frame[name])].iloc[:100]
        if as_numbers(first, name) is not None:
            numbers.append(name)
        elif len(first) and _dates(first, "", CsvOptions())[0].notna().mean() >= MOSTLY:
            return name  # whatever is no date in it will be an error
    return next((name for name in numbers if _are_dates(frame[name])), None)


def _are_dates(numbers: pd.Series) -> bool:
    """True for whole numbers that are dates beyond doubt.

    Repeated years belong to a column of months, and are no dates alone.
    """
    if _numeric_format(numbers, NUMERIC):
        return _dates(numbers, "", CsvOptions())[0].notna().mean() >= MOSTLY
    named = TIME_WORDS & set(re.split(r"[^a-z]+", numbers.name.lower()))
    read = _numeric_format(numbers, NUMERIC_IF_NAMED)
    return bool(named and read) and (read.get("format") != "%Y" or numbers.is_unique)


def _numeric_format(values: pd.Series, patterns: dict[str, dict[str, str]]) -> dict[str, str]:
    """How pandas reads whole numbers as dates; empty if most of the values are no such numbers."""
    text = _digits(values[~is_missing(values)])
    found = (how for p, how in patterns.items() if text.str.fullmatch(p).mean() >= MOSTLY)
    return next(found, {})


def _digits(values: pd.Series) -> pd.Series:
    """Values as text, whole numbers without the point that pandas gives them."""
    return values.astype(str).str.strip().str.replace(r"\.0$", "", regex=True)


def _dates(values: pd.Series, at: str, options: CsvOptions) -> tuple[pd.Series, bool | None]:
    """A column as dates, NaT where it holds none; the day is first, or None if both are the same.

    Raises:
        KerazooError: ``at`` is given, and the dates can be read in two ways.
    """
    text = _digits(values)
    if options.date_format:
        try:
            return _parsed(text, format=options.date_format), None
        except ValueError as error:
            raise KerazooError(f"--date-format is {options.date_format!r}: {error}.") from None
    if as_numbers(values, at) is not None:
        how = _numeric_format(values, {**NUMERIC, **NUMERIC_IF_NAMED})
        if "unit" in how:
            return pd.to_datetime(pd.to_numeric(text, errors="coerce"), **how), None
        return _parsed(text, format=how.get("format", "no date")), None
    if text[~is_missing(values)].str.fullmatch(YEAR_FIRST).all():
        either = _parsed(text, format="ISO8601"), _parsed(text)
        return min(either, key=lambda dates: dates.isna().sum()), None
    numbers = text.str.extract(DAY_MONTH).astype(float)
    if numbers.notna().all(axis=1).mean() < MOSTLY:
        return _parsed(text), None
    a, b = (int((numbers[place] > 12).sum()) for place in (0, 1))
    first = a > b if a or b else options.day_first
    differ = numbers[0] != numbers[1]
    if first is None and at and differ.any():
        one, other = (_parsed(text[differ][:1], dayfirst=d).iloc[0] for d in (False, True))
        at = f"{at}, line {values.index[differ][0]}: {text[differ].iloc[0]!r}"
        raise KerazooError(f"{at} may be {one} or {other}. Give --day-first or --date-format.")
    dates = _parsed(text, dayfirst=bool(first))
    return dates.mask(numbers[1 if first else 0] > 12), first


def _parsed(text: pd.Series, **how: Any) -> pd.Series:
    """Texts as dates, NaT for others.

    Times with an offset are local times. They are UTC where the offset changes and a step is less
    than a day: an hour of local time would lack, and another come twice.
    """
    local = {k: v.replace("%z", "").rstrip() if k == "format" else v for k, v in how.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it guesses the format
        wall = text.str.replace(OFFSET, r"\1", regex=True)
        dates = pd.to_datetime(wall, errors="coerce", **local)
        changes = text.str.extract(OFFSET)[1].nunique() > 1
        if changes and dates.diff().median() < pd.Timedelta(days=1):
            dates = pd.to_datetime(text, errors="coerce", utc=True, **how)
    return dates


def _grid(dates: pd.DatetimeIndex, step: str | None) -> tuple[str, pd.DatetimeIndex] | None:
    """The name of the step and all dates from the first to the last, if the dates are among them.

    None if they are not, or if most are more than a step apart: half years are no quarters.
    """
    names = _names(pd.Series(dates).diff().mode()[0]) if step is None else [step]
    for name in names:
        for offset in _offsets(name):
            grid = pd.date_range(dates[0], dates[-1], freq=offset)
            places = grid.get_indexer(dates)
            if (places >= 0).all() and (len(dates) < 2 or np.median(np.diff(places)) == 1):
                return name, grid
    return None


def _names(usual: pd.Timedelta) -> list[str]:
    """Names that the usual time between two dates may have."""
    day, seconds = pd.Timedelta(days=1), usual.total_seconds()
    fixed = STEPS[seconds][0] if seconds in STEPS else f"{seconds:,.10g} s"
    if usual == day:
        return ["business day", fixed]
    months = round(usual / day / 30.44)
    return [MONTHS.get(months, f"{months} months"), fixed] if usual >= 28 * day else [fixed]


def _offsets(step: str) -> list[Any]:
    """Offsets of pandas that a step of this name may be."""
    if step == "business day":
        return ["B"]
    months = {name: n for n, name in MONTHS.items()}.get(step)
    if months is None and step.endswith(" months"):
        months = int(step.removesuffix(" months"))
    if months:
        return [pd.offsets.MonthEnd(months), pd.DateOffset(months=months)]
    named = {name: seconds for seconds, (name, _) in STEPS.items()}
    seconds = named.get(step) or float(step.removesuffix(" s").replace(",", ""))
    return [pd.Timedelta(seconds=seconds)]
