"""A series from a CSV file: values at regular times, to forecast the next ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import fingerprint
from kerazoo._lazy import keras
from kerazoo.datasets.splitting import in_order
from kerazoo.datasets.windows import windows_of
from kerazoo.errors import KerazooError
from kerazoo.own.csv_file import (
    MOSTLY,
    as_numbers,
    column,
    first_no_number,
    is_missing,
    read_table,
    target_columns,
)
from kerazoo.own.data import Asked, Own, inner_model, listed, name_of, own_dataset
from kerazoo.spec import Data, Windows

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_YEAR_FIRST = r"\s*\d{4}\D"
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
LOOKBACKS = (336, 168, 96, 48, 24, 12, 8, 4)  # the longest that the series can afford is taken
MOST_SEGMENTS = 4  # at least so many steps of the LSTM, where the look-back can be divided
LONGEST_SEGMENT = 48
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
    """

    column: str | None
    step: str = "step"
    season: int | None = None
    first: str = ""
    last: str = ""
    day_first: bool | None = None


def series_from(source: Any, asked: Asked, segment: int | None = None) -> Own:
    """The columns to forecast, checked, split in time order, scaled on the training split.

    Every target is forecast from its own past. Of the steps, in order, 70 % are train, 10 %
    validation and 20 % test, unless ``asked.split`` says otherwise.

    Args:
        source: a CSV file or a DataFrame.
        asked: how the user wants it to be read.
        segment: the rows that the trained LSTM, which is to be the start, takes in one step; kept
            where it divides the look-back, or that LSTM would not fit.

    Raises:
        KerazooError: what :func:`kerazoo.own.csv_file.read_table` refuses; no target or horizon;
            dates that are out of order, double or irregular; a value that is missing (unless
            ``asked.gaps`` is ``interpolate``) or no number; a constant target; too short a series.
    """
    import numpy as np

    table = read_table(source)
    frame, where = table.frame, table.where
    targets = target_columns(frame, asked.target)
    if asked.horizon is None:
        raise KerazooError("the horizon is not said: how many steps to forecast? (--horizon N)")
    if asked.gaps not in ("refuse", "interpolate"):
        raise KerazooError(f"gaps is {asked.gaps!r}; choose 'refuse' or 'interpolate'.")
    times, dates = times_of(frame, asked.time, targets, where)
    values, notes = values_of(frame, targets, dates, asked.gaps == "interpolate", where)
    for name, n in (("horizon", asked.horizon), ("look-back", asked.lookback)):
        if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
            raise KerazooError(f"the {name} is {n!r}; give a whole number from 1 up.")
    sizes = _sizes(len(values), asked.split, asked.horizon, where)
    unused = len(values) - sum(sizes.values())
    if unused:
        notes.append(f"the last {unused:,} steps are not used, as --split says")
    lookback = asked.lookback or _lookback(sizes["train"], asked.horizon)
    windows = Windows(
        lookback=lookback,
        horizon=asked.horizon,
        season=times.season if times.season and times.season <= lookback else None,
        step=times.step,
    )
    info = own_dataset(
        "series" if isinstance(source, type(frame)) else name_of(Path(source)),
        "forecasting",
        f"{len(values):,} steps of {listed(targets)} from {where}",
        input_shape=(lookback, len(targets)),
        columns=tuple(targets),
        targets=tuple(targets),
        windows=windows,
        source=where,
    )
    stretches = in_order(values, sizes)
    for place, name in enumerate(targets):
        if np.ptp(stretches["test"][:, place]) == 0:
            notes.append(f"{name!r} never changes in the test split; its figures say little")
    _refuse_constant(stretches["train"], targets, where)
    splits, series = windows_of(info, stretches, None, None)
    sha256 = fingerprint.of_arrays(stretches)
    data = Data(splits["train"], splits["validation"], splits["test"], info, sha256, series)
    mean, std = series.mean.tolist(), series.std.tolist()
    if segment is None or lookback % segment:
        segment = _segment(lookback)
    return Own(
        data=data,
        found=_found(times, data, sizes, targets, where),
        warnings=tuple(notes),
        treatment={
            "kind": "series",
            "targets": targets,
            "time": times.column,
            "step": times.step,
            "day_first": times.day_first,
            "lookback": lookback,
            "horizon": asked.horizon,
            "gaps": asked.gaps,
            "marks": {name: table.marks[name] for name in targets if name in table.marks},
        },
        options={
            "input_shape": (lookback, len(targets)),
            "segment": segment,
            "per_column": len(targets) > 1,
            "subtract_last": True,
        },
        delivered=lambda core: in_natural_units(core, mean, std),
        trained=inner_model,
    )


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
    name = column(frame, asked, "the time column (--time)") if asked else _find(frame, targets)
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
    """The first column that holds dates and no numbers."""
    for name in frame.columns:
        if name in targets:
            continue
        values = frame[name]
        if str(values.dtype).startswith("datetime"):
            return name
        first = values[~is_missing(values)].iloc[:100]
        if as_numbers(values, name) is None and _dates(first)[0].notna().mean() >= MOSTLY:
            return name  # whatever is no date in it will be said
    return None


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

    if pd.api.types.is_numeric_dtype(values.dtype):  # years, or nothing that a date is
        values = values.astype(str).str.replace(r"\.0$", "", regex=True)
        values = values.where(values.str.fullmatch(r"\d{4}"), "")
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
    if frequency is None and (grid := _calendar_grid(index)) is not None:
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


def values_of(
    frame: pd.DataFrame,
    targets: list[str],
    dates: pd.DatetimeIndex | None,
    interpolate: bool,
    where: str,
) -> tuple[np.ndarray, list[str]]:
    """The targets in natural units at regular times, float64 ``(n, targets)``, and notes.

    Raises:
        KerazooError: a value is no number; steps or values are missing and are not to be
            interpolated.
    """
    import numpy as np
    import pandas as pd

    table = pd.DataFrame(
        {name: _numbers(frame, name, where) for name in targets},
        index=dates if dates is not None else pd.RangeIndex(len(frame)),
    )
    notes = []
    missing = np.isnan(table.to_numpy())
    if missing.any() and not interpolate:
        row, place = (int(i) for i in np.argwhere(missing)[0])
        raise KerazooError(
            f"{where}, line {frame.index[row]}: {targets[place]!r} has no value ({missing.sum():,} "
            "are missing in all); --gaps interpolate draws a straight line across."
        )
    if dates is not None:
        table, added = _regular(table, dates, interpolate, where, frame.index)
        if added:
            notes.append(f"{added:,} missing steps were filled by straight lines")
    if missing.any():
        notes.append(f"{missing.sum():,} missing values were filled by straight lines")
    if interpolate:
        table = table.interpolate(limit_direction="both")
    return table.to_numpy(dtype=np.float64), notes


def _numbers(frame: pd.DataFrame, name: str, where: str) -> np.ndarray:
    read = as_numbers(frame[name], f"{where}, column {name!r}")
    if read is None or read[1]:
        if is_missing(frame[name]).all():
            raise KerazooError(f"{where}: the target {name!r} has no value at all.")
        row = read[1][0] if read else first_no_number(frame[name])
        raise KerazooError(
            f"{where}, line {frame.index[row]}: {frame[name].iloc[row]!r} in the target {name!r} "
            "is no number."
        )
    return read[0]


def _regular(
    table: pd.DataFrame, dates: pd.DatetimeIndex, interpolate: bool, where: str, lines: pd.Index
) -> tuple[pd.DataFrame, int]:
    """The rows at regular times, and how many had to be added."""
    import pandas as pd

    if frequency_of(dates) is not None:
        return table, 0
    steps = pd.Series(dates).diff().iloc[1:]
    usual = steps.mode().iloc[0]
    if interpolate and (grid := _calendar_grid(dates)) is not None:
        return table.reindex(grid), len(grid) - len(dates)
    odd = (steps != usual).to_numpy().nonzero()[0]
    if not len(odd):
        return table, 0
    row = int(odd[0]) + 1
    if not interpolate:
        raise KerazooError(
            f"{where}, line {lines[row]}: {dates[row]} follows {dates[row - 1]}, but a step "
            f"is {usual} ({len(odd):,} such places). --gaps interpolate fills missing steps by "
            "straight lines."
        )
    whole = pd.date_range(dates[0], dates[-1], freq=usual)
    off = ~dates.isin(whole)
    if off.mean() > 0.05:
        raise KerazooError(
            f"{where}: {off.sum():,} of {len(dates):,} dates do not lie on a grid of {usual}; "
            "bring the series to regular times first."
        )
    return table[~off].reindex(whole), len(whole) - int((~off).sum())


def _calendar_grid(dates: pd.DatetimeIndex) -> pd.DatetimeIndex | None:
    """All months, quarters, years or business days of the span, if all dates are of them.

    The widest step that fits, so that months are not taken as business days; a business day only
    where there are several in a week.
    """
    import pandas as pd

    step = pd.Series(dates).diff().median()
    if step < pd.Timedelta(days=1):
        return None
    of_months = ("YS", "YE", "QS", "QE", "MS", "ME")
    for frequency in ("B",) if step < pd.Timedelta(days=3) else of_months:
        offset = pd.tseries.frequencies.to_offset(frequency)
        if all(offset.is_on_offset(date) for date in dates):
            grid = pd.date_range(dates[0], dates[-1], freq=frequency)
            return grid if dates.isin(grid).all() else None
    return None


def _sizes(n: int, asked: tuple[int, int, int] | None, horizon: int, where: str) -> dict[str, int]:
    """How many steps each split has; a horizon fits into each, where it leaves enough to train."""
    if asked is None:
        shares = [max(round(SHARES[s] * n), horizon) for s in ("test", "validation")]
        if 2 * sum(shares) > n:
            raise KerazooError(
                f"{where} has {n:,} steps, too few to learn and measure forecasts of {horizon:,}; "
                "choose a smaller horizon, or the sizes of the splits (--split N,N,N)."
            )
        test, validation = shares
        return {"train": n - validation - test, "validation": validation, "test": test}
    if any(isinstance(s, bool) or not isinstance(s, int) or s < 1 for s in asked):
        raise KerazooError(f"split is {asked}; give three whole numbers from 1 up.")
    if sum(asked) > n:
        raise KerazooError(f"split {asked} needs {sum(asked):,} steps, but {where} has {n:,}.")
    return dict(zip(("train", "validation", "test"), asked, strict=True))


def _lookback(train: int, horizon: int) -> int:
    """The longest usual look-back that leaves three quarters of the training split to learn from.

    The shortest, where none does.
    """
    fitting = [n for n in LOOKBACKS if 4 * (n + horizon) <= train]
    return fitting[0] if fitting else LOOKBACKS[-1]


def _segment(lookback: int) -> int:
    """The longest divisor of the look-back that leaves the LSTM a few steps."""
    most = max(1, min(LONGEST_SEGMENT, lookback // MOST_SEGMENTS))
    return next(s for s in range(most, 0, -1) if lookback % s == 0)


def _refuse_constant(train: np.ndarray, targets: list[str], where: str) -> None:
    for place, name in enumerate(targets):
        if train[:, place].min() == train[:, place].max():
            raise KerazooError(
                f"{where}: the target {name!r} is {train[0, place]:g} in the whole training split; "
                "there is nothing to learn."
            )


def in_natural_units(core: keras.Model, mean: list[float], std: list[float]) -> keras.Model:
    """A model of windows and forecasts in natural units around one of standardised ones."""
    variance = [s * s for s in std]
    inputs = keras.Input(core.input_shape[1:], name="window_in_natural_units")
    x = keras.layers.Normalization(mean=mean, variance=variance, name="standardised")(inputs)
    x = keras.layers.Normalization(mean=mean, variance=variance, invert=True, name="natural")(
        core(x)
    )
    return keras.Model(inputs, x, name="in_natural_units")


def _found(
    times: Times, data: Data, sizes: dict[str, int], targets: list[str], where: str
) -> tuple[str, ...]:
    assert data.series is not None
    windows = data.series.windows
    total = sum(sizes.values())
    if times.column is None:
        when = "no column of dates; the rows are taken as regular steps"
    else:
        when = f"a step is one {times.step}; the file goes from {times.first} to {times.last}"
        when += f" (column {times.column!r})"
    lines = [
        f"{where}: {total:,} steps of {listed(targets, 8)}; {when}",
        "split in time order: " + ", ".join(f"{n:,} {name}" for name, n in sizes.items()),
        f"the model sees {windows.lookback} steps and forecasts {windows.horizon}; "
        f"{len(data.train):,} windows to train on, {len(data.test):,} to test",
        "scaled with mean and standard deviation of the training split",
    ]
    if len(targets) > 1:
        lines.append("each target is forecast from its own past, through the same weights")
    return tuple(lines)
