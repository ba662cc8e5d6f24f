"""Dates of a series: the column that holds them, how they are written, the step between them."""

from __future__ import annotations

import itertools
import re
import warnings
from dataclasses import dataclass, replace
from typing import Any

from kerazoo._lazy import np, pd
from kerazoo.errors import KerazooError, ReadingError, first_line
from kerazoo.finetuning.readers._csv import CsvOptions, column
from kerazoo.finetuning.readers._numbers import MOSTLY, as_numbers, is_missing
from kerazoo.finetuning.readers.user_data import listed

# Whole numbers that are dates, how pandas reads them, and True if they are dates in any column. The
# others are dates in a column with a name of time: years; seconds or milliseconds from September
# 2001 to 2033.
NUMERIC: dict[str, tuple[dict[str, str], bool]] = {
    r"(?:1[89]|20)\d{6}": ({"format": "%Y%m%d"}, True),  # 20240131
    r"20\d{8}": ({"format": "%Y%m%d%H"}, True),  # 2024013123
    r"(?:1[5-9]|2[01])\d\d": ({"format": "%Y"}, False),
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])": ({"format": "%Y%m"}, False),
    r"1\d{9}": ({"unit": "s"}, False),
    r"1\d{12}": ({"unit": "ms"}, False),
}
TIME_WORDS = {"date", "datetime", "day", "epoch", "month", "period", "t", "time", "timestamp", "ts"}
TIME_WORDS |= {"unix", "year"}
PARTS = ["year", "month", "day", "hour", "minute", "second"]
NONE = ("none",)  # in place of columns of dates: the rows are regular steps
DUPLICATES = ("refuse", "mean", "last")
YEAR_FIRST = r"\d{4}\D.*"
DAY_MONTH = r"(?:^|[^\d:])(\d{1,2})[./, -]{1,2}(\d{1,2})[./, -]{1,2}\d{2}"
CLOCK = r"\d{1,2}[:.]\d\d(?:[:.]\d\d(?:\.\d+)?)?(?: ?[AaPp][Mm])?"  # a time of day alone
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
        order: places of the rows in the order of time, int64 ``(n,)``.
        dates: of the rows in that order.
        grid: all dates from the first to the last, one step apart; its ``freq`` is the step.
        options: those that were given, with the order of day and month that was found.
        told: how the time axis was read.
        columns: names of the columns of dates; empty without dates.
        step: name of the step.
        notes: what was done to the rows.
    """

    order: np.ndarray
    dates: pd.Index
    grid: pd.Index
    options: CsvOptions
    told: str
    columns: tuple[str, ...] = ()
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
    time: tuple[str, ...],
    targets: list[str],
    where: str,
    options: CsvOptions,
    step: str | None = None,
    duplicates: str = "refuse",
    ids: tuple[str, ...] = (),
) -> dict[str, Times]:
    """The dates of each series, in columns that are named or found, and their common step.

    Args:
        frame: the rows.
        time: the columns that make up a date; empty: they are searched.
        targets: columns that are none.
        where: name of the table in messages.
        options: how dates are written.
        step: name of the step of the training data; by default it is told by the dates.
        duplicates: one of :data:`DUPLICATES`; other than ``refuse``, a date may come twice.
        ids: the columns that tell several series apart.

    Returns:
        By name of the series, which is empty without ``ids``.

    Raises:
        KerazooError: no column is certainly of dates; a date cannot be read, can be read in two
            ways, or comes twice; the dates are not regular, or not one ``step`` apart.
    """
    series = series_of(frame, ids, where)
    others = frame.drop(columns=[*targets, *ids])
    if regular := time == NONE and NONE[0] not in frame.columns:
        time = ()
    names = tuple(column(frame, name, "a time column (--time)") for name in time)
    if not names and not regular:
        names = _find(others)
    if not names:
        for rows in () if regular else series.values():
            _require_order(others.iloc[rows], where)
        return {name: without_dates(rows, options) for name, rows in series.items()}
    at = f"{where}, column {' '.join(map(repr, names))}"
    raw = frame[list(names)].astype(str).agg(" ".join, axis=1)
    local, utc, day_first = _dates_in(frame, names, at, options)
    if local.isna().any():
        row = int(local.isna().to_numpy().argmax())
        like = f" like {options.date_format}" if options.date_format else ""
        raise ReadingError(
            f"{at}, line {frame.index[row]}: {raw.iloc[row]!r} is no date{like}.",
            "Correct it, or give --date-format or --time.",
        )
    if day_first is not None:
        options = replace(options, day_first=day_first)
    found: dict[str, Times] = {}
    for name in sorted(series, key=lambda name: -len(series[name])):  # the longest tells the step
        rows = series[name]
        order, notes = _in_order((local if utc is None else utc).iloc[rows])
        order, notes = rows[order], notes if not any(t.notes for t in found.values()) else []
        instants = utc if utc is None else utc.iloc[order]
        readings = _readings(local.iloc[order], instants, options.time_zone)
        grid = None
        for dates in readings:
            if duplicates == "refuse" and dates.duplicated().any():
                continue
            if grid := _grid(pd.DatetimeIndex(dates.unique()), step):
                break
        at = f"{where}, series {name!r}" if ids else where
        at += f", column {' '.join(map(repr, names))}"
        if grid is None:
            _refuse_repeats(readings[0], duplicates, others.iloc[order], names, at)
            raise _irregular(readings[0], step, at)
        step, index, first = grid[0], pd.DatetimeIndex(dates), frame.index[rows[0]]
        clock = ", local time" if utc is not None and index.tz is None else ""
        read = f" read as {dates[first]}"
        if str(dates[first])[:10] in raw[first] and len(names) == 1 and not clock:
            read = ""
        how = "" if day_first is None else " (--day-first)" if day_first else " (month first)"
        ends = " to ".join(shown_dates(index[[0, -1]])) + (f" in {index.tz}" if index.tz else clock)
        told = f"time axis: {' '.join(names)}, {raw[first]!r}{read}{how}; one {step} a step, {ends}"
        found[name] = Times(order, index, grid[1], options, told, names, step, tuple(notes))
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
            line = frame.index[missing][0]
            raise KerazooError(f"{where}, line {line}, column {name!r}: the series has no name.")
    first, *others = (_digits(frame[name]) for name in ids)
    labels = first.str.cat(others, sep="/") if others else first
    places = labels.groupby(labels).indices
    return {str(name): places[name] for name in labels.unique()}


def without_dates(rows: np.ndarray, options: CsvOptions) -> Times:
    """Rows, by their places, that are taken as regular steps."""
    steps = pd.RangeIndex(len(rows))
    told = "time axis: no dates; the rows are taken as regular steps, the oldest first"
    return Times(rows, steps, steps, options, told)


def _require_order(others: pd.DataFrame, where: str) -> None:
    """Raise KerazooError for columns that may say that the rows are not regular steps in order.

    They may be dates that were not recognized, or tell series apart. One that counts the rows says
    that they are in order.
    """
    if len(others.columns) == 1 and (numbers := as_numbers(others.iloc[:, 0], where)):
        steps = np.diff(numbers[0])
        if len(steps) and steps[0] > 0 and (steps == steps[0]).all():
            return
    if len(others.columns):
        shown = listed([f"{name!r} ({others[name].iloc[0]!r})" for name in others], 4)
        raise KerazooError(
            f"{where} has no column that is certainly of dates, but {shown}. Give --time COLUMN, "
            f"with --date-format where needed; or --time {NONE[0]} if the rows are regular steps, "
            "the oldest first; and --series-id COLUMN if there are several series."
        )


def _in_order(dates: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Places of the rows in the order of time, and a note where that is not the file's.

    Rows of the same time stay in the order of the file, which may be newest first.
    """
    places = np.arange(len(dates))
    if dates.is_monotonic_increasing:
        return places, []
    if dates.is_monotonic_decreasing:
        return places[::-1], ["the rows are newest first; they are taken in the order of time"]
    row = int((dates.diff().dt.total_seconds() < 0).to_numpy().argmax())
    note = f"the rows are sorted by time (line {dates.index[row]} is earlier than the one before)"
    return dates.argsort(kind="stable").to_numpy(), [note]


def _readings(local: pd.Series, utc: pd.Series | None, zone: str | None) -> list[pd.Series]:
    """The dates as local times and as instants: what is more likely regular comes first.

    Steps of a day or more are regular in local time, as a rule, shorter ones are not where clocks
    change.
    """
    if zone is not None:
        if utc is None:
            try:
                utc = local.dt.tz_localize(zone, ambiguous="infer")
            except ValueError as error:  # an hour that comes once where it has to come twice
                raise KerazooError(f"--time-zone {zone}: {first_line(error)}.") from None
        utc = utc.dt.tz_convert(zone)
        local = utc.dt.tz_localize(None)
    elif utc is None or (local - utc.dt.tz_localize(None)).nunique() < 2:
        return [local]
    return [utc, local] if utc.diff().median() < pd.Timedelta(hours=23) else [local, utc]


def _refuse_repeats(
    dates: pd.Series, duplicates: str, others: pd.DataFrame, names: tuple[str, ...], at: str
) -> None:
    """Raise KerazooError for a date that comes twice, with what decides which row is meant.

    Args:
        dates: of the rows, in the order of time.
        duplicates: as in :func:`times_of`.
        others: columns of these rows that are not targets.
        names: the columns of dates.
        at: their place in messages.
    """
    twice = dates.duplicated().to_numpy()
    if duplicates != "refuse" or not twice.any():
        return
    texts = others.drop(columns=list(names), errors="ignore").apply(_digits)
    few = [name for name in texts if texts[name].nunique() <= len(texts) / 2]
    texts = texts[[k for k in few if not texts[k].str.fullmatch(r"-?\d*\.\d+").any()]]
    pairs = itertools.chain.from_iterable(itertools.combinations(texts, n) for n in (1, 2))
    apart = (p for p in pairs if not texts[list(p)].assign(**{"": dates}).duplicated().any())
    advice, clock = [], ""
    if (found := next(apart, ())) and len(found) == 1:
        hours, is_clock = _hours(others[found[0]]), texts[found[0]].str.fullmatch(CLOCK).all()
        if is_clock or (hours is not None and hours.max() >= pd.Timedelta(hours=12)):
            clock = " ".join(f"--time {name!r}" for name in (*names, *found))
            advice.append(f"{clock} if {found[0]!r} belongs to the date")
        found = () if is_clock else found
    if found:
        some = texts[list(found)].drop_duplicates().agg("/".join, axis=1)
        ids = " ".join(f"--series-id {name!r}" for name in found)
        advice.append(f"{ids} for {len(some):,} series ({', '.join(some[:3])})")
    elif not clock:
        advice += ["--series-id COLUMN, several if needed"] * bool(len(texts.columns))
        advice.append("--duplicates mean or last if the rows are of one series")
        zone = (dates != dates.dt.floor("D")).any()
        advice += ["--time-zone NAME if clocks change there"] * bool(zone)
    raise ReadingError(
        f"{at}, line {dates.index[twice][0]}: {dates[twice].iloc[0]} comes again.",
        f"Give {'; or '.join(advice)}.",
    )


def _irregular(dates: pd.Series, step: str | None, at: str) -> KerazooError:
    """The error for the first date that is off the regular times."""
    steps = dates.diff()
    odd = 0 if len(dates) == 1 else int((steps != steps.mode()[0])[1:].to_numpy().argmax()) + 1
    zone = ", or give --time-zone NAME if clocks change there"
    hour = abs(steps.iloc[odd] - steps.mode()[0]) == pd.Timedelta(hours=1) if odd else False
    return ReadingError(
        f"{at}, line {dates.index[odd]}: {dates.iloc[odd]} is not one {step or steps.mode()[0]} "
        "after the date before.",
        f"Make the times regular{zone * bool(hour)}.",
    )


def _find(frame: pd.DataFrame) -> tuple[str, ...]:
    """The first column that holds dates; one of numbers, or year and month, where no other does."""
    numbers = []
    for name in frame.columns:
        first = frame[name][~is_missing(frame[name])].iloc[:100]
        if as_numbers(first, name) is not None:
            numbers.append(name)
        elif len(first) and _dates(first, "", CsvOptions())[0].notna().mean() >= MOSTLY:
            return (name,)  # whatever is no date in it will be an error
    for name in numbers:
        if _are_dates(frame[name]):
            return (name,)
    parts = tuple(name for name in frame.columns if name.lower() in PARTS)
    return parts if {"year", "month"} <= {name.lower() for name in parts} else ()


def _dates_in(
    frame: pd.DataFrame, names: tuple[str, ...], at: str, options: CsvOptions
) -> tuple[pd.Series, pd.Series | None, bool | None]:
    """Dates that one or more columns make up; as :func:`_dates`."""
    if len(names) == 1:
        return _dates(frame[names[0]], at, options)
    parts = frame[list(names)].rename(columns=str.lower)
    if {"year", "month"} <= set(parts) <= set(PARTS) and options.date_format is None:
        numbers = parts.apply(pd.to_numeric, errors="coerce").assign(day=parts.get("day", 1))
        return pd.to_datetime(numbers, errors="coerce"), None, None
    if options.date_format is None and (hours := _hours(frame[names[-1]])) is not None:
        local, utc, day_first = _dates_in(frame, names[:-1], at, options)
        return local + hours, utc if utc is None else utc + hours, day_first
    texts = [_digits(frame[name]) for name in names]
    if texts[-1].str.fullmatch(CLOCK).all():
        texts[-1] = texts[-1].str.replace(".", ":", regex=False)
    return _dates(texts[0].str.cat(texts[1:], sep=" "), at, options)


def _hours(values: pd.Series) -> pd.Series | None:
    """Whole hours of a day, 0 to 23 or 1 to 24, as what they add to a date; None for others."""
    read = as_numbers(values, "")
    if read is None or not set(read[0]) <= set(range(25)):
        return None
    return pd.Series(pd.to_timedelta(read[0], unit="h"), values.index)


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


def _dates(
    values: pd.Series, at: str, options: CsvOptions
) -> tuple[pd.Series, pd.Series | None, bool | None]:
    """A column as dates, NaT where it holds none.

    The dates as local times; as instants in UTC, or None where the column does not tell; and True
    if the day is first, None if both are the same.

    Raises:
        KerazooError: ``at`` is given, and the dates can be read in two ways.
    """
    text = _digits(values)
    if options.date_format:
        try:
            return *_parsed(text, format=options.date_format), None
        except ValueError as error:
            raise KerazooError(f"--date-format is {options.date_format!r}: {error}.") from None
    if as_numbers(values, at) is not None:
        how, _ = _numeric_format(values)
        if "unit" in how:
            dates = pd.to_datetime(pd.to_numeric(text, errors="coerce"), **how)
            return dates, dates.dt.tz_localize("UTC"), None
        return *_parsed(text, **how), None
    if text[~is_missing(values)].str.fullmatch(YEAR_FIRST).all():
        either = _parsed(text, format="ISO8601"), _parsed(text)
        return *min(either, key=lambda dates: dates[0].isna().sum()), None
    text = text.mask(text.str.fullmatch(CLOCK), "")  # else pandas adds the day of today
    numbers = text.str.extract(DAY_MONTH).astype(float)
    if numbers.notna().all(axis=1).mean() < MOSTLY:
        return *_parsed(text), None
    a, b = (int((numbers[place] > 12).sum()) for place in (0, 1))
    first = a > b if a or b else options.day_first
    differ = numbers[0] != numbers[1]
    if first is None and at and differ.any():
        one, other = (_parsed(text[differ][:1], dayfirst=d)[0].iloc[0] for d in (False, True))
        at = f"{at}, line {values.index[differ][0]}: {text[differ].iloc[0]!r}"
        raise ReadingError(f"{at} may be {one} or {other}.", "Give --day-first or --date-format.")
    local, utc = _parsed(text, dayfirst=bool(first))
    return local.mask(numbers[1 if first else 0] > 12), utc, first


def _parsed(text: pd.Series, **how: Any) -> tuple[pd.Series, pd.Series | None]:
    """Texts as local times, NaT for others, and as instants in UTC where all have an offset."""
    local = {k: v.replace("%z", "").rstrip() if k == "format" else v for k, v in how.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it guesses the format
        wall = text.str.replace(OFFSET, r"\1", regex=True)
        dates = pd.to_datetime(wall, errors="coerce", **local)
        if (wall == text).any():
            return dates, None
        return dates, pd.to_datetime(text, errors="coerce", utc=True, **how)


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
        ends = [pd.offsets.MonthEnd(months), pd.offsets.MonthBegin(months)]
        return [*ends, pd.DateOffset(months=months)]
    return [pd.Timedelta(seconds=STEPS[step][0] if step in STEPS else float(number))]
