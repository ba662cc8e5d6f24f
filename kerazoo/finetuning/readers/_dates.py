"""Dates of a series: the column that holds them, how they are written, the step between them."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from typing import Any

from kerazoo._lazy import np, pd
from kerazoo.errors import KerazooError, ReadingError
from kerazoo.finetuning.readers._csv import MOSTLY, CsvOptions, as_numbers, column, is_missing

# Whole numbers that are dates, how pandas reads them, and True if they are dates in any column. The
# others are dates in a column with a name of time: years; seconds or milliseconds from September
# 2001 to 2033.
NUMERIC: dict[str, tuple[dict[str, str], bool]] = {
    r"(?:1[89]|20)\d{6}": ({"format": "%Y%m%d"}, True),  # 20240131
    r"20\d{8}": ({"format": "%Y%m%d%H"}, True),  # 2024013123
    r"(?:1[5-9]|2[01])\d\d": ({"format": "%Y"}, False),
    r"1\d{9}": ({"unit": "s"}, False),
    r"1\d{12}": ({"unit": "ms"}, False),
}
TIME_WORDS = {"date", "datetime", "day", "epoch", "t", "time", "timestamp", "ts", "unix", "year"}
PARTS = ["year", "month", "day", "hour", "minute"]
YEAR_FIRST = r"\d{4}\D.*"
DAY_MONTH = r"(?:^|\D)(\d{1,2})[./-](\d{1,2})[./-]\d{2}"
OFFSET = r"(:\d\d(?:\.\d+)?)\s?(Z|[+-]\d\d(?::?\d\d)?)$"  # behind a time of day
STEPS = {  # seconds of a step, and the period of the usual season in steps
    "minute": (60, 60),
    "10 minutes": (600, 144),
    "15 minutes": (900, 96),
    "half hour": (1800, 48),
    "hour": (3600, 24),
    "day": (86400, 7),
    "week": (604800, 52),
}
MONTHS = {"month": (1, 12), "quarter": (3, 4), "year": (12, None)}  # likewise
SEASONS = {name: season for name, (_, season) in {**STEPS, **MONTHS}.items()} | {"business day": 5}


@dataclass(frozen=True)
class Times:
    """The dates of a series, or the places of its rows where it has none.

    Attributes:
        dates: of the rows.
        grid: all dates from the first to the last, one step apart; its ``freq`` is the step.
        options: those that were given, with the order of day and month that was found.
        column: its name; None without dates.
        step: name of the step.
        notes: how the dates were read.
    """

    dates: pd.Index
    grid: pd.Index
    options: CsvOptions
    column: str | None = None
    step: str = "step"
    notes: tuple[str, ...] = ()

    @property
    def season(self) -> int | None:
        """Period of the usual season in steps."""
        return SEASONS.get(self.step)


def shown_dates(dates: pd.DatetimeIndex) -> list[str]:
    """Dates for readers, at their resolution."""
    day, minute = ((dates == dates.floor(unit)).all() for unit in ("D", "min"))
    return list(dates.strftime("%Y-%m-%d" + ("" if day else " %H:%M" if minute else " %H:%M:%S")))


def times_of(
    frame: pd.DataFrame,
    time: str | None,
    targets: list[str],
    where: str,
    options: CsvOptions,
    step: str | None = None,
) -> Times:
    """The dates in a column that is named or found, and their step.

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
    if time is not None:
        name: str | None = column(frame, time, "the time column (--time)")
    else:
        name = _find(frame, targets)
    if name is None:
        parts = {c.lower(): frame[c] for c in frame.columns if c.lower() in PARTS}
        if {"year", "month"} <= parts.keys():
            dates = pd.to_datetime(pd.DataFrame({"day": 1, **parts}), errors="coerce")
            _require_order(dates, frame, " ".join(parts), where)
        return without_dates(frame, options)
    values, at = frame[name], f"{where}, column {name!r}"
    dates, day_first = _dates(values, at, options)
    if day_first is not None:
        options = replace(options, day_first=day_first)
    if dates.isna().any():
        row = int(dates.isna().to_numpy().argmax())
        like = f" like {options.date_format}" if options.date_format else ""
        raise ReadingError(
            f"{at}, line {values.index[row]}: {values.iloc[row]!r} is no date{like}.",
            "Correct it, or give --date-format or --time.",
        )
    _require_order(dates, frame, name, where)
    index = pd.DatetimeIndex(dates)
    found = _grid(index, step)
    if found is None:
        steps = dates.diff()
        odd = 0 if len(dates) == 1 else int((steps != steps.mode()[0])[1:].to_numpy().argmax()) + 1
        raise KerazooError(
            f"{at}, line {values.index[odd]}: {index[odd]} is not one {step or steps.mode()[0]} "
            "after the date before; make the times regular."
        )
    first, read, notes = str(values.iloc[0]), str(index[0]), []
    if read[:10] not in first or re.search(OFFSET, first):
        how = "" if day_first is None else " (--day-first)" if day_first else " (month first)"
        notes.append(f"{name}: {first!r} read as {read}{how}")
    return Times(index, found[1], options, name, found[0], tuple(notes))


def without_dates(frame: pd.DataFrame, options: CsvOptions) -> Times:
    """Rows that are taken as regular steps."""
    places = pd.RangeIndex(len(frame))
    return Times(places, places, options)


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
    """True for whole numbers that are dates; repeated years are not: they go with months."""
    how, certain = _numeric_format(numbers)
    if not certain and not TIME_WORDS & set(re.split(r"[^a-z]+", numbers.name.lower())):
        return False
    dates = _dates(numbers, "", CsvOptions())[0]
    return dates.notna().mean() >= MOSTLY and (how.get("format") != "%Y" or numbers.is_unique)


def _numeric_format(values: pd.Series) -> tuple[dict[str, str], bool]:
    """Format of whole numbers as dates for pandas, and True if they are certainly dates."""
    text = _digits(values[~is_missing(values)])
    found = (how for p, how in NUMERIC.items() if text.str.fullmatch(p).mean() >= MOSTLY)
    return next(found, ({"format": "no date"}, False))


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
        how, _ = _numeric_format(values)
        if "unit" in how:
            return pd.to_datetime(pd.to_numeric(text, errors="coerce"), **how), None
        return _parsed(text, **how), None
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
        raise ReadingError(f"{at} may be {one} or {other}.", "Give --day-first or --date-format.")
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
    for name in _names(pd.Series(dates).diff().mode()[0]) if step is None else [step]:
        for offset in _offsets(name):
            grid = pd.date_range(dates[0], dates[-1], freq=offset)
            places = grid.get_indexer(dates)
            if (places >= 0).all() and (len(dates) < 2 or np.median(np.diff(places)) == 1):
                return name, grid
    return None


def _names(usual: pd.Timedelta) -> list[str]:
    """Names that the usual time between two dates may have."""
    days, seconds = usual / pd.Timedelta(days=1), usual.total_seconds()
    months = round(days / 30.44)
    names = [f"{months} months"] * (days >= 28) + ["business day"] * (days == 1)
    named = {f"{n} months": name for name, (n, _) in MONTHS.items()}
    named |= {f"{n} s": name for name, (n, _) in STEPS.items()}
    return [named.get(name, name) for name in (*names, f"{seconds:.10g} s")]


def _offsets(step: str) -> list[Any]:
    """Offsets of pandas that a step of this name may be."""
    if step == "business day":
        return ["B"]
    number, _, unit = step.partition(" ")
    if step in MONTHS or unit == "months":
        months = MONTHS[step][0] if step in MONTHS else int(number)
        return [pd.offsets.MonthEnd(months), pd.DateOffset(months=months)]
    return [pd.Timedelta(seconds=STEPS[step][0] if step in STEPS else float(number))]
