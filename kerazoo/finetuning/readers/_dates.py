"""Dates of a series: the column that holds them, how they are written, the step between them."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

from kerazoo._lazy import np, pd
from kerazoo.errors import KerazooError, ReadingError, first_line
from kerazoo.finetuning.readers._csv import CsvOptions, column
from kerazoo.finetuning.readers._numbers import MOSTLY, as_numbers, first_of, is_missing
from kerazoo.finetuning.readers.reading import SeriesReading
from kerazoo.finetuning.readers.user_data import listed

# Whole numbers that are dates where --time names their column, and their format; "s" and "ms" are
# seconds and milliseconds since 1970.
NUMBERS = {
    r"(?:1[5-9]|2[01])\d\d": "%Y",
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])": "%Y%m",
    r"(?:1[89]|20)\d{6}": "%Y%m%d",
    r"20\d{8}": "%Y%m%d%H",
    r"1\d{9}": "s",
    r"1\d{12}": "ms",
}
SINCE_1970 = ("s", "ms")
ISO = "ISO8601"  # the year first, with a time of day or not
PARTS = ["year", "month", "day", "hour", "minute", "second"]
NONE = ("none",)  # in place of columns of dates: the rows are regular steps
DUPLICATES = ("refuse", "mean", "sum", "last")
RESAMPLE = {"hour": "h", "day": "D", "week": "W", "month": "M"}  # and their names in pandas
OFFSET = r"(:\d\d(?:\.\d+)?)\s?(Z|[+-]\d\d(?::?\d\d)?)$"  # behind a time of day
PERIOD = re.compile(r"(?P<year>\d{4})[ -]?(?P<unit>Q(?=[1-4]$)|W(?=\d\d$))(?P<number>\d+)")
# By name: the step in months or seconds, or a frequency of pandas; and the steps of a usual season.
STEPS: dict[str, tuple[str, int | None]] = {
    "minute": ("60 s", 60),
    "10 minutes": ("600 s", 144),
    "15 minutes": ("900 s", 96),
    "half hour": ("1800 s", 48),
    "hour": ("3600 s", 24),
    "day": ("86400 s", 7),
    "business day": ("B", 5),
    "week": ("604800 s", 52),
    "month": ("1 months", 12),
    "quarter": ("3 months", 4),
    "year": ("12 months", None),
}
REPEATED = (
    "Give --series-id COLUMN for several series, a second --time COLUMN for the time of day, "
    "--duplicates mean, sum or last for rows of one series, or --time-zone NAME where clocks "
    "change."
)
REGULAR = "Make the times regular, or give --time-zone NAME where clocks change."


@dataclass(frozen=True)
class Times:
    """The dates of a series, or the places of its rows where it has none.

    Attributes:
        order: places of the rows in the order of time, int64 ``(n,)``.
        dates: of the rows in that order.
        grid: all dates from the first to the last, one step apart; its ``freq`` is the step.
        options: those that were given, with the format of the dates that was found.
        told: how the time axis was read.
        columns: names of the columns of dates; empty without dates.
        step: name of the step.
    """

    order: np.ndarray
    dates: pd.Index
    grid: pd.Index
    options: CsvOptions
    told: str
    columns: tuple[str, ...] = ()
    step: str = "step"

    @property
    def season(self) -> int | None:
        """Period of the usual season in steps."""
        return STEPS.get(self.step, ("", None))[1]


class Read(NamedTuple):
    """A column of dates.

    Attributes:
        local: as local times, NaT where there is none.
        utc: as instants; None where no offset tells them.
        written: their format; None if it is not known.
    """

    local: pd.Series
    utc: pd.Series | None = None
    written: str | None = None


def times_of(frame: pd.DataFrame, reading: SeriesReading, where: str) -> dict[str, Times]:
    """The dates of each series, in columns that are named or found, and their common step.

    Args:
        frame: the rows.
        reading: how to read them. Without columns of ``time`` the only one that is of dates is
            found, without a ``step`` the dates tell it. With ``duplicates`` other than ``refuse``
            a date may come twice. With ``resample`` rows have the start of the hour, or the like,
            as their time; the first and the last one are left out if they have fewer rows than
            most.
        where: name of the table in messages.

    Returns:
        By name of the series, which is empty without ``ids``.

    Raises:
        KerazooError: not one column is of dates for certain; a date cannot be read, can be read in
            two ways, or comes twice; the dates are not regular, or not one ``step`` apart.
    """
    options, time, step = reading.csv, reading.time, reading.step or None
    ids, resample = reading.ids, reading.resample
    series = series_of(frame, ids, where)
    others = frame.drop(columns=[*reading.numbers, *ids])
    if (time == NONE and NONE[0] not in frame) or not (time or len(others.columns)):
        return {name: without_dates(rows, options) for name, rows in series.items()}
    names = tuple(column(frame, name, "a time column (--time)") for name in time)
    names = names or (_find(others, where),)
    at = f"{where}, column {' '.join(map(repr, names))}"
    raw, (local, utc, written) = _dates_in(frame, names, at, options)
    if (odd := local.isna()).any():
        what = f"no date in the format {written}" if written else "not certainly a date"
        raise ReadingError(
            f"{at}, {first_of(raw, odd)} is {what}.",
            "Correct it, or give --date-format, such as %d.%m.%y, or another --time.",
        )
    how = ""
    if written not in (None, ISO):
        options, how = replace(options, date_format=written), f" (--date-format {written})"
    found: dict[str, Times] = {}
    for name in sorted(series, key=lambda name: -len(series[name])):  # the longest tells the step
        of = f"{at}, series {name!r}" if ids else at
        wall, instants = local.iloc[series[name]], None if utc is None else utc.iloc[series[name]]
        if instants is None and options.time_zone:
            instants = _in_zone(wall, options.time_zone)
        order = _in_order(wall if instants is None else instants)
        rows, instants = series[name][order], None if instants is None else instants.iloc[order]
        dates, left_out = _one_clock(wall.iloc[order], instants, options.time_zone), 0
        if resample:
            if resample != "hour" and dates.dt.tz is not None and not options.time_zone:
                what = f"times have several offsets, so it is open when a {resample} begins."
                raise ReadingError(f"{of}: {what}", "Give --time-zone NAME.")
            dates = _start_of(dates, resample)
            complete = _complete(dates)
            rows, dates, left_out = rows[complete], dates[complete], int((~complete).sum())
        twice = dates.duplicated()
        if reading.duplicates == "refuse" and twice.any():
            again = first_of(dates.astype(str), twice)
            raise ReadingError(f"{of}, {again} comes again.", REPEATED)
        step, grid = _grid(dates[~twice], step, of)
        line = dates.index[0]
        each = (dates[line], dates.iloc[0], dates.iloc[-1])
        read, first, last = (str(date).removesuffix(" 00:00:00") for date in each)
        told = f"time axis: {' '.join(names)}, {raw[line]!r} read as {read}{how}; "
        told += f"one {step} a step, {first} to {last}"
        told += "; the rows are sorted by time" * bool((np.diff(rows) < 0).any())
        told += f"; the rows of one {resample} are joined" * bool(resample)
        less = f" ({left_out:,} rows of an incomplete first or last {resample} are left out)"
        told += less * bool(left_out)
        found[name] = Times(rows, pd.DatetimeIndex(dates), grid, options, told, names, step)
    return {name: found[name] for name in series}


def series_of(frame: pd.DataFrame, ids: tuple[str, ...], where: str) -> dict[str, np.ndarray]:
    """Places of the rows of each series, by its name, which several columns make up with ``/``.

    Raises:
        KerazooError: a row has no name.
    """
    if not ids:
        return {"": np.arange(len(frame))}
    for name in ids:
        if (missing := is_missing(frame[name])).any():
            first = first_of(frame[name], missing)
            raise KerazooError(f"{where}, column {name!r}, {first} is no name of a series.")
    first, *others = (_digits(frame[name]) for name in ids)
    labels = first.str.cat(others, sep="/") if others else first
    places = labels.groupby(labels).indices
    return {str(name): places[name] for name in labels.unique()}


def without_dates(rows: np.ndarray, options: CsvOptions) -> Times:
    """Rows, by their places, that are taken as regular steps."""
    steps = pd.RangeIndex(len(rows))
    told = "time axis: no dates; the rows are taken as regular steps, the oldest first"
    return Times(rows, steps, steps, options, told)


def _find(frame: pd.DataFrame, where: str) -> str:
    """The only column of dates; whatever is no date in it will be an error.

    Raises:
        KerazooError: there is none, or more than one. Rows in an order that nothing tells may be
            newest first, irregular, or of several series.
    """
    dates = [name for name in frame if _is_of_dates(frame[name])]
    if len(dates) == 1:
        return dates[0]
    shown = listed([f"{name!r} ({frame[name].iloc[0]})" for name in dates or frame], 4)
    raise KerazooError(
        f"{where} has {len(dates) or 'no'} columns that are certainly of dates: {shown}. Give "
        f"--time COLUMN, with --date-format where needed; or --time {NONE[0]} if the rows are "
        "regular steps, the oldest first; and --series-id COLUMN if there are several series."
    )


def _is_of_dates(values: pd.Series) -> bool:
    """True for a column of which most of the first values are dates, and not numbers."""
    first = values[~is_missing(values)].iloc[:100]
    if not len(first) or as_numbers(first, str(values.name)) is not None:
        return False
    orders = (CsvOptions(day_first=day_first) for day_first in (False, True))
    return any(_dates(first, "", o).local.notna().mean() >= MOSTLY for o in orders)


def _in_order(dates: pd.Series) -> np.ndarray:
    """Places of the rows in the order of time; rows of the same time stay in that of the file.

    A file may be newest first.
    """
    places = np.arange(len(dates))
    if dates.is_monotonic_increasing:
        return places
    newest_first = dates.is_monotonic_decreasing
    return places[::-1] if newest_first else dates.argsort(kind="stable").to_numpy()


def _in_zone(local: pd.Series, zone: str) -> pd.Series:
    """The instants of local times; an hour that comes twice is told by the order of the rows.

    That is the order of the file, from its older end; else that of the times.

    Raises:
        KerazooError: an hour comes once where it has to come twice.
    """
    newest_first = local.iloc[0] > local.iloc[-1]
    problem = ""
    for rows in (local[::-1] if newest_first else local, local.sort_values(kind="stable")):
        try:
            return rows.dt.tz_localize(zone, ambiguous="infer").loc[local.index]
        except ValueError as error:
            problem = first_line(error)
    raise KerazooError(f"--time-zone {zone}: {problem.rstrip('.')}.")


def _one_clock(local: pd.Series, utc: pd.Series | None, zone: str | None) -> pd.Series:
    """Local times if all are of the same time of day, as of days and months, else instants.

    Shorter steps are not regular in local time where clocks change.
    """
    if utc is not None and zone is not None:
        utc = utc.dt.tz_convert(zone)
        local = utc.dt.tz_localize(None)
    elif utc is None or (local - utc.dt.tz_localize(None)).nunique() < 2:
        return local
    return local if local.dt.time.nunique() == 1 else utc


def _start_of(dates: pd.Series, resample: str) -> pd.Series:
    """The start of the hour, day, week (Monday) or month that each date lies in."""
    if resample == "hour":
        return dates.dt.floor("h")
    return dates.dt.tz_localize(None).dt.to_period(RESAMPLE[resample]).dt.start_time


def _complete(dates: pd.Series) -> np.ndarray:
    """Rows, bool ``(n,)``, whose time is not the first or last one with fewer rows than usual."""
    counts = dates.value_counts().sort_index()
    ends = counts.iloc[[0, -1]]
    return ~dates.isin(ends.index[ends < counts.median()]).to_numpy()


def _dates_in(
    frame: pd.DataFrame, names: tuple[str, ...], at: str, options: CsvOptions
) -> tuple[pd.Series, Read]:
    """The text of one or more columns that make up dates, and these."""
    if len(names) == 1:
        return frame[names[0]].astype(str), _dates(frame[names[0]], at, options)
    texts = [_digits(frame[name]) for name in names]
    text = texts[0].str.cat(texts[1:], sep=" ")
    parts = frame[list(names)].rename(columns=str.lower)
    if {"year", "month"} <= set(parts) <= set(PARTS) and options.date_format is None:
        numbers = parts.apply(pd.to_numeric, errors="coerce").assign(day=parts.get("day", 1))
        return text, Read(pd.to_datetime(numbers, errors="coerce"))
    return text, _dates(text, at, options)


def _digits(values: pd.Series) -> pd.Series:
    """Values as text, whole numbers without the point that pandas gives them."""
    return values.astype(str).str.strip().str.replace(r"\.0$", "", regex=True)


def _first_days(text: pd.Series) -> pd.Series:
    """Quarters, ``2021Q3`` or ``2021-Q3``, and weeks, ``2021-W07``, by their first days."""
    if not text.iloc[:1].str.match(PERIOD).any():
        return text

    def day(found: re.Match[str]) -> str:
        year, number = int(found["year"]), int(found["number"])
        if found["unit"] == "Q":
            return f"{year}-{3 * number - 2:02}-01"
        try:
            return date.fromisocalendar(year, number, 1).isoformat()
        except ValueError:  # no such week
            return found[0]

    return text.str.replace(PERIOD, day, regex=True)


def _dates(values: pd.Series, at: str, options: CsvOptions) -> Read:
    """A column as dates, in the one format that reads most of it.

    Raises:
        KerazooError: two orders of day and month do, or the format that was given is none.
    """
    text = _first_days(_digits(values))
    read = {form: _parsed(text, form) for form in _formats(values, text, options)}
    if not read:
        return Read(pd.Series(pd.NaT, values.index))
    missing = {form: int(found.local.isna().sum()) for form, found in read.items()}
    first, *others = (form for form, n in missing.items() if n == min(missing.values()))
    for other in others:
        differ = read[first].local.notna() & (read[first].local != read[other].local)
        if differ.any():
            one, two = (read[form].local[differ].iloc[0] for form in (first, other))
            what = f"{at}, {first_of(text, differ)} may be {one} or {two}."
            raise ReadingError(what, "Give --day-first or --date-format.")
    return read[first]


def _formats(values: pd.Series, text: pd.Series, options: CsvOptions) -> list[str]:
    """Formats that a column of dates may have."""
    known = text[~is_missing(values)]
    if values.dtype.kind == "M" or not len(known):
        return [ISO]
    if options.date_format:
        return [options.date_format]
    if as_numbers(values, "dates") is not None:
        return [f for p, f in NUMBERS.items() if known.str.fullmatch(p).mean() >= MOSTLY][:1]
    formats: list[str | None] = []
    orders = (False, True) if options.day_first is None else (options.day_first,)
    if known.str.match(r"\d{4}\D").all():
        formats, orders = [ISO], (False,)
    # That 13/01/2024 can be read in one way only is no news.
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        guess = pd.tseries.api.guess_datetime_format
        formats += [guess(known.iloc[0], dayfirst=order) for order in orders]
    return [form for form in dict.fromkeys(formats) if form]


def _parsed(text: pd.Series, form: str) -> Read:
    """Texts as local times, NaT for others, and as instants in UTC where all have an offset."""
    if form in SINCE_1970:
        dates = pd.to_datetime(pd.to_numeric(text, errors="coerce"), unit=form)
        return Read(dates, dates.dt.tz_localize("UTC"), form)
    wall = text.str.replace(OFFSET, r"\1", regex=True)
    try:
        dates = pd.to_datetime(wall, errors="coerce", format=form.replace("%z", "").rstrip())
        if (wall == text).any():
            return Read(dates, None, form)
        return Read(dates, pd.to_datetime(text, errors="coerce", utc=True, format=form), form)
    except ValueError as error:
        raise KerazooError(f"--date-format is {form!r}: {error}.") from None


def _grid(dates: pd.Series, step: str | None, at: str) -> tuple[str, pd.DatetimeIndex]:
    """The name of the step and all dates from the first to the last.

    Raises:
        ReadingError: the dates are not among them, or most are more than a step apart: half years
            are no quarters.
    """
    steps = dates.diff().iloc[1:]
    usual = next(iter(steps.mode()), None)
    for name in [step] if step is not None else _names(usual):
        for offset in _offsets(name):
            grid = pd.date_range(dates.iloc[0], dates.iloc[-1], freq=offset)
            places = grid.get_indexer(pd.DatetimeIndex(dates))
            if (places >= 0).all() and (len(dates) < 2 or np.median(np.diff(places)) == 1):
                return name, grid
    line = next(iter(steps.index[steps != usual]), dates.index[0])
    what = f"{dates[line]} is not one {step or usual or 'step'} after the date before."
    raise ReadingError(f"{at}, line {line}: {what}", REGULAR)


def _names(usual: pd.Timedelta | None) -> list[str]:
    """Names that the usual time between two dates may have."""
    if usual is None:
        return []
    days, seconds = usual / pd.Timedelta(days=1), usual.total_seconds()
    steps = [f"{round(days / 30.44)} months"] * (days >= 28) + ["B"] * (days == 1)
    names = {step: name for name, (step, _) in STEPS.items()}
    return [names.get(step, step) for step in (*steps, f"{seconds:.10g} s")]


def _offsets(step: str) -> list[Any]:
    """Offsets of pandas that a step of this name may be."""
    number, _, unit = STEPS.get(step, (step, None))[0].partition(" ")
    if unit == "months":
        n = int(number)
        return [pd.offsets.MonthEnd(n), pd.offsets.MonthBegin(n), pd.DateOffset(months=n)]
    return [pd.Timedelta(seconds=float(number)) if unit == "s" else number]
