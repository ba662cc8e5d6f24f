"""The dates of a series: which column they are in, how they are written, what a step is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._csv import MOSTLY, as_numbers, column, is_missing

if TYPE_CHECKING:
    import pandas as pd

_SINCE_1970 = r"1\d{9}|1\d{12}"  # seconds or milliseconds, September 2001 to 2033
_DAY = r"(?:1[89]|20)\d{6}"  # 20240131
_HOUR = r"20\d{8}"  # 2024013123
_TIME_WORDS = {"date", "datetime", "day", "epoch", "t", "time", "timestamp", "ts", "unix", "year"}
_YEAR_FIRST = r"\s*\d{4}\D"
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
FEW = 6  # dates tell their step; fewer may be two months, or a week from Monday to Friday
CALENDAR = {"M": ("month", 12), "Q": ("quarter", 4), "Y": ("year", None), "A": ("year", None)}


@dataclass(frozen=True)
class Times:
    """The dates of a series.

    Attributes:
        column: its name; None if there is none.
        step: what one step is.
        season: period of the usual season in steps; None if there is none.
        first: the first date, ISO 8601.
        last: likewise.
        day_first: whether its dates have the day before the month; None if that changes nothing.
    """

    column: str | None
    step: str = "step"
    season: int | None = None
    first: str = ""
    last: str = ""
    day_first: bool | None = None


def times_of(
    frame: pd.DataFrame,
    asked: str | None,
    targets: list[str],
    where: str,
    day_first: bool | None = None,
) -> tuple[Times, pd.DatetimeIndex | None]:
    """The column of dates, named or found, and what a step is.

    Args:
        frame: the rows.
        asked: the column of dates, if it is named.
        targets: the columns that are none.
        where: how messages call the table.
        day_first: how the training data wrote dates that can be read in two ways.

    Raises:
        KerazooError: a date cannot be read, comes twice or comes after a later one.
    """
    if asked is None:
        name = _find(frame, targets)
    else:
        name = column(frame, asked, "the time column (--time)")
    if name is None:
        return Times(None), None
    dates, day_first = _dates(frame[name], f"{where}, column {name!r}", day_first)
    wrong = dates.isna().to_numpy().nonzero()[0]
    if len(wrong):
        raise KerazooError(
            f"{where}, line {frame.index[wrong[0]]}: {frame[name].iloc[wrong[0]]!r} in column "
            f"{name!r} is no date."
        )
    steps = dates.diff().iloc[1:]
    for bad, what in ((steps.dt.total_seconds() == 0, "again"), (steps.dt.days < 0, "after")):
        rows = bad.to_numpy().nonzero()[0]
        if len(rows):
            row = int(rows[0]) + 1
            late = dates.iloc[row - 1]
            said = f"{dates.iloc[row]} comes again" if what == "again" else (
                f"{dates.iloc[row]} comes after {late}"
            )  # fmt: skip
            raise KerazooError(
                f"{where}, line {frame.index[row]}: {said}; dates must rise. Sort the rows by time "
                "and keep one of each."
            )
    import pandas as pd

    index = pd.DatetimeIndex(dates)
    step, season = _step(index)
    first, last = index[0].isoformat(), index[-1].isoformat()
    return Times(name, step, season, first, last, day_first), index


def _find(frame: pd.DataFrame, targets: list[str]) -> str | None:
    """The first column that holds dates: no numbers, but those that are dates beyond doubt."""
    numbers = []
    for name in (c for c in frame.columns if c not in targets):
        values = frame[name]
        if str(values.dtype).startswith("datetime"):
            return name
        first = values[~is_missing(values)].iloc[:100]
        if as_numbers(first, name) is not None:
            numbers.append(name)
        elif _dates(first)[0].notna().mean() >= MOSTLY:
            return name  # whatever is no date in it will be said
    return next((name for name in numbers if _are_dates(frame[name], name)), None)


def _are_dates(numbers: pd.Series, name: str) -> bool:
    """Whether whole numbers are dates: 20240131; or years or seconds, if the name says so.

    Years that come again stand beside months, and are no dates by themselves.
    """
    text = _digits(numbers)[~is_missing(numbers)]
    if _mostly(text, _DAY) or _mostly(text, _HOUR):
        return _parsed(numbers, False).notna().mean() >= MOSTLY
    if not any(word in _TIME_WORDS for word in re.split(r"[^a-z]+", name.lower())):
        return False
    years = _mostly(text, r"(1[5-9]|2[01])\d\d") and text.is_unique
    return years or _mostly(text, _SINCE_1970)


def _mostly(text: pd.Series, pattern: str) -> bool:
    return len(text) > 0 and bool(text.str.fullmatch(pattern).mean() >= MOSTLY)


def _digits(values: pd.Series) -> pd.Series:
    """Numbers as text, whole ones without the point that pandas gives them."""
    return values.astype(str).str.strip().str.replace(r"\.0$", "", regex=True)


def _dates(
    values: pd.Series, where: str = "", day_first: bool | None = None
) -> tuple[pd.Series, bool | None]:
    """A column as dates, NaT where it holds none, and whether the day comes before the month.

    None: they are the same dates either way. ``day_first`` decides where nothing else does.

    Raises:
        KerazooError: ``where`` is given, and the dates can be read in two ways.
    """
    either = [_parsed(values, False)]
    if values[~is_missing(values)].astype(str).str.match(_YEAR_FIRST).all():
        return either[0], None
    either.append(_parsed(values, True))
    if either[0].equals(either[1]):
        return either[0], None
    unread = [int(dates.isna().sum()) for dates in either]
    if unread[0] != unread[1]:
        chosen = unread[1] < unread[0]
        return either[chosen], chosen
    if day_first is not None:
        return either[day_first], day_first
    regular = [_is_regular(dates) for dates in either]
    if where and not unread[0] and regular[0] == regular[1]:
        row = int((either[0] != either[1]).to_numpy().nonzero()[0][0])
        one, other = (f"{dates.iloc[row]:%Y-%m-%d}" for dates in either)
        raise KerazooError(
            f"{where}, line {values.index[row]}: {values.iloc[row]!r} may be {one} or {other}; "
            "write the year first."
        )
    return either[not regular[0]], not regular[0]


def _is_regular(dates: pd.Series) -> bool:
    import pandas as pd

    return bool(dates.notna().all()) and frequency_of(pd.DatetimeIndex(dates)) is not None


def _parsed(values: pd.Series, day_first: bool) -> pd.Series:
    import warnings

    import pandas as pd

    text = _digits(values)
    known = text[~is_missing(values)]
    if _mostly(known, _SINCE_1970):
        seconds = pd.to_numeric(text.where(text.str.fullmatch(_SINCE_1970)), errors="coerce")
        unit = "ms" if seconds.max() >= 10**11 else "s"
        return pd.Series(pd.to_datetime(seconds, unit=unit, errors="coerce"))
    for pattern, written in ((_DAY, "%Y%m%d"), (_HOUR, "%Y%m%d%H")):
        if _mostly(known, pattern):
            return pd.Series(pd.to_datetime(text, format=written, errors="coerce"))
    if pd.api.types.is_numeric_dtype(values.dtype):  # years, or nothing that a date is
        values = text.where(text.str.fullmatch(r"\d{4}"), "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it guesses the format
        try:
            dates = pd.to_datetime(values, errors="coerce", utc=False, dayfirst=day_first)
        except ValueError:  # more than one time zone, as around a change of the clock
            dates = pd.to_datetime(values, errors="coerce", utc=True, dayfirst=day_first)
    return pd.Series(dates) if str(dates.dtype).startswith("datetime") else pd.to_datetime(
        values, errors="coerce", utc=True, dayfirst=day_first
    )  # fmt: skip


def _step(index: pd.DatetimeIndex) -> tuple[str, int | None]:
    """The name of a step, and the period of the usual season in steps."""
    import pandas as pd

    if len(index) < 2:
        return "step", None
    seconds = round(pd.Series(index).diff().median().total_seconds())
    frequency = frequency_of(index)
    if frequency is None and (grid := calendar_grid(index)) is not None:
        frequency = frequency_of(grid)
    if frequency == "B":
        return "business day", 5
    if seconds in STEPS:
        return STEPS[seconds]
    for letter, named in CALENDAR.items():
        if frequency and frequency.startswith(letter):
            return named
    return f"{seconds:,} s", None


def frequency_of(index: pd.DatetimeIndex) -> str | None:
    """What pandas calls the steps of regular dates, months and years included; None for others."""
    import warnings

    import pandas as pd

    if len(index) < 3:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas 4 will give an object, whose text is the same
        frequency = pd.infer_freq(index)
    return None if frequency is None else getattr(frequency, "freqstr", str(frequency))


def calendar_grid(dates: pd.DatetimeIndex) -> pd.DatetimeIndex | None:
    """All months, quarters, years or business days of the span, if that is what the dates are.

    The widest step that fits, so that months are not taken as business days. None where most of
    the grid's dates would lack: every second month is no monthly series.
    """
    import pandas as pd

    step = pd.Series(dates).diff().median()
    if pd.isna(step) or step < pd.Timedelta(days=1):
        return None
    named = ("business day",) if step < pd.Timedelta(days=3) else ("year", "quarter", "month")
    for frequency in (f for name in named for f in _offsets(name, dates[0])):
        grid = pd.date_range(dates[0], dates[-1], freq=frequency)
        if len(grid) < 2 * len(dates) and dates.isin(grid).all():
            return grid
    return None


def _offsets(step: str, date: pd.Timestamp) -> list[Any]:
    """What may lead from a date to the next, as pandas takes it, where a step is called so."""
    import pandas as pd

    month = date.month_name()[:3].upper()
    calendar = {
        "business day": ["B"],
        "month": ["MS", "ME"],
        "quarter": [f"QS-{month}", f"QE-{month}"],
        "year": [f"YS-{month}", f"YE-{month}"],
    }
    if step in calendar:
        return calendar[step]
    named = {name: seconds for seconds, (name, _) in STEPS.items()}
    seconds = named.get(step) or int(step.removesuffix(" s").replace(",", ""))
    return [pd.Timedelta(seconds=seconds)]


def offset_of(dates: pd.DatetimeIndex, step: str) -> Any:
    """What leads from each of the dates, one step apart, to the next; None if that is no ``step``.

    Args:
        dates: regular ones; they may be too few to tell the step by themselves: five days from
            Monday on are days, or business days.
        step: what a step is called, see :class:`Times`.
    """
    import pandas as pd

    if len(dates) > 1 and _step(dates)[0] == step:
        return frequency_of(dates[-50:]) or pd.Series(dates).diff().median()
    if len(dates) >= FEW:
        return None
    for offset in _offsets(step, dates[0]):
        if dates.equals(pd.date_range(dates[0], periods=len(dates), freq=offset)):
            return offset
    return None
