"""A series from a CSV file: values at regular times, to forecast the next ones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import fingerprint
from kerazoo._lazy import keras
from kerazoo.datasets._splits import in_order
from kerazoo.datasets._windows import windows_of
from kerazoo.errors import KerazooError, require_choice, require_whole
from kerazoo.finetuning.readers._csv import (
    CsvOptions,
    numbers_of,
    read_table,
    target_columns,
)
from kerazoo.finetuning.readers._dates import Times, calendar_grid, frequency_of, times_of
from kerazoo.finetuning.readers.user_data import (
    Asked,
    Own,
    inner_model,
    listed,
    name_of,
    own_dataset,
)
from kerazoo.spec import Data, Windows

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
LOOKBACKS = (336, 168, 96, 48, 24, 12, 8, 4)  # the longest that the series can afford is taken
MOST_SEGMENTS = 4  # at least so many steps of the LSTM, where the look-back can be divided
LONGEST_SEGMENT = 48
MOST_ROUNDING = 1e-2  # standard deviations; a series that float32 rounds more is not held by it
GAPS = ("refuse", "interpolate")
FILL = "--gaps interpolate fills them by straight lines"


def series_from(
    source: Any, asked: Asked, segment: int | None = None, options: CsvOptions | None = None
) -> Own:
    """The columns to forecast, checked, split in time order, scaled on the training split.

    Every target is forecast from its own past. Of the steps, in order, 70 % are train, 10 %
    validation and 20 % test, unless ``asked.split`` says otherwise.

    Args:
        source: a CSV file or a DataFrame.
        asked: how the user wants it to be read.
        segment: the rows that the trained LSTM, which is to be the start, takes in one step; kept
            where it divides the look-back, or that LSTM would not fit.
        options: how the file is written.

    Raises:
        KerazooError: what ``read_table`` refuses; no target or horizon;
            dates that are out of order, double or irregular; a value that is missing (unless
            ``asked.gaps`` is ``interpolate``) or no number; a constant target; too short a series.
    """
    import numpy as np

    table = read_table(source, options, columns=1)
    frame, where = table.frame, table.where
    targets = target_columns(frame, asked.target)
    if asked.horizon is None:
        raise KerazooError("the horizon is not said: how many steps to forecast? (--horizon N)")
    require_choice("gaps", asked.gaps, GAPS)
    times, dates = times_of(frame, asked.time, targets, where)
    regular, filled, notes = values_of(frame, targets, dates, asked.gaps == "interpolate", where)
    values = regular.to_numpy(dtype=np.float64)
    horizon = require_whole("the horizon", asked.horizon)
    lookback = None if asked.lookback is None else require_whole("the look-back", asked.lookback)
    sizes = _sizes(len(values), asked.split, horizon, where)
    unused = len(values) - sum(sizes.values())
    if unused:
        notes.append(f"the last {unused:,} steps are not used, as --split says")
    measured = in_order(filled, sizes)["test"]
    if measured.any():
        notes.append(
            f"{measured.sum():,} of the {measured.size:,} values of the test split are such lines, "
            "which its figures take for true"
        )
    lookback = lookback or _lookback(sizes["train"], horizon)
    windows = Windows(
        lookback=lookback,
        horizon=horizon,
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
    lost = in_deviations(series.mean, series.std)
    if lost > MOST_ROUNDING:
        notes.append(
            f"the values are so large beside their changes that float32 rounds them by up to "
            f"{lost:.1g} standard deviations; take a constant off them first"
        )
    if segment is None or lookback % segment:
        segment = _segment(lookback)
    return Own(
        data=data,
        found=(*_found(times, data, sizes, targets, where), *table.notes),
        warnings=tuple(notes),
        treatment={
            "kind": "series",
            "targets": targets,
            "time": times.column,
            "step": times.step,
            "day_first": times.day_first,
            "lookback": lookback,
            "horizon": horizon,
            "gaps": asked.gaps,
            "csv": asdict(table.options),
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


def values_of(
    frame: pd.DataFrame,
    targets: list[str],
    dates: pd.DatetimeIndex | None,
    interpolate: bool,
    where: str,
) -> tuple[pd.DataFrame, np.ndarray, list[str]]:
    """The targets in natural units, float64 ``(n, targets)``, by their regular times.

    Returns:
        The values; which of them were filled, of the same shape; notes.

    Raises:
        KerazooError: a value is no number; steps or values are missing and are not to be
            interpolated.
    """
    import numpy as np
    import pandas as pd

    table = pd.DataFrame(
        {name: numbers_of(frame[name], f"{where}, column {name!r}") for name in targets},
        index=dates if dates is not None else pd.RangeIndex(len(frame)),
    )
    notes = []
    missing = np.isnan(table.to_numpy())
    if missing.any() and not interpolate:
        row, place = (int(i) for i in np.argwhere(missing)[0])
        raise KerazooError(
            f"{where}, line {frame.index[row]}: {targets[place]!r} has no value ({missing.sum():,} "
            f"are missing in all); {FILL}."
        )
    if dates is not None:
        table, added, off = _regular(table, dates, interpolate, where, frame.index)
        if off:
            notes.append(f"{off:,} rows between the regular times were left out")
        if added:
            notes.append(f"{added:,} missing steps were filled by straight lines")
    if missing.any():
        notes.append(f"{missing.sum():,} missing values were filled by straight lines")
    filled = table.isna().to_numpy()
    if interpolate:
        notes += [
            f"{name!r} has no value in the last {len(table) - 1 - known:,} steps; the last known "
            "one stands for them"
            for name in targets
            if (known := int(np.flatnonzero(table[name].notna())[-1])) < len(table) - 1
        ]
        table = table.interpolate(limit_direction="both")
    return table, filled, notes


def _regular(
    table: pd.DataFrame,
    dates: pd.DatetimeIndex,
    interpolate: bool,
    where: str,
    lines: pd.Index,
) -> tuple[pd.DataFrame, int, int]:
    """The rows at regular times; how many had to be added, how many lay between those times."""
    import pandas as pd

    if len(dates) < 2 or frequency_of(dates) is not None:
        return table, 0, 0
    steps = pd.Series(dates).diff().iloc[1:]
    usual = steps.mode().iloc[0]
    if interpolate and (grid := calendar_grid(dates)) is not None:
        return table.reindex(grid), len(grid) - len(dates), 0
    odd = (steps != usual).to_numpy().nonzero()[0]
    if not len(odd):
        return table, 0, 0
    row = int(odd[0]) + 1
    if not interpolate:
        raise KerazooError(
            f"{where}, line {lines[row]}: {dates[row]} follows {dates[row - 1]}, but a step "
            f"is {usual} ({len(odd):,} such places); {FILL}."
        )
    whole = pd.date_range(dates[0], dates[-1], freq=usual)
    off = ~dates.isin(whole)
    if off.mean() > 0.05:
        raise KerazooError(
            f"{where}: {off.sum():,} of {len(dates):,} dates do not lie on a grid of {usual}; "
            "bring the series to regular times first."
        )
    return table[~off].reindex(whole), len(whole) - int((~off).sum()), int(off.sum())


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
    if not isinstance(asked, tuple) or len(asked) != 3:
        raise KerazooError(f"split is {asked}; give three sizes: train, validation, test.")
    sizes = {
        name: require_whole(f"the {name} split", size)
        for name, size in zip(("train", "validation", "test"), asked, strict=True)
    }
    if (needed := sum(sizes.values())) > n:
        raise KerazooError(f"split {asked} needs {needed:,} steps, but {where} has {n:,}.")
    return sizes


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
    """A model of windows and forecasts in natural units around one of standardised ones.

    The mean is taken off before anything is scaled, since float32 has seven digits. Keras's
    Normalization would take 1e-7 for a standard deviation that is smaller.
    """
    less, more = [-m for m in mean], mean
    inputs = keras.Input(core.input_shape[1:], name="window_in_natural_units")
    x = keras.layers.Rescaling(1.0, less, name="less_mean")(inputs)
    x = core(keras.layers.Rescaling([1 / s for s in std], name="standardised")(x))
    x = keras.layers.Rescaling(std, more, name="natural")(x)
    return keras.Model(inputs, x, name="in_natural_units")


def in_deviations(mean: np.ndarray, std: np.ndarray) -> float:
    """By how many standard deviations float32 may round the values of a series, at its worst."""
    import numpy as np

    largest = np.abs(mean) + 4 * std
    return float((np.finfo(np.float32).eps * largest / std).max())


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
