"""A series from a CSV file: values at regular times, to forecast the next ones."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from kerazoo import fingerprint
from kerazoo._lazy import keras, np, pd
from kerazoo.datasets._splits import in_order
from kerazoo.datasets._windows import windows_of
from kerazoo.errors import KerazooError, require_choice, require_whole
from kerazoo.finetuning.readers._csv import CsvOptions, read_table, target_columns
from kerazoo.finetuning.readers._dates import DUPLICATES, Times, times_of
from kerazoo.finetuning.readers._numbers import numbers_of
from kerazoo.finetuning.readers.reading import SeriesReading
from kerazoo.finetuning.readers.user_data import (
    UserData,
    data_reader,
    describe,
    listed,
)
from kerazoo.spec import Data, Dataset, Windows

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
LOOKBACKS = (336, 168, 96, 48, 24, 12, 8, 4)  # the longest that the series can afford is taken
MAX_SEGMENTS = 4  # at least so many steps of the LSTM, where the lookback can be divided
LONGEST_SEGMENT = 48
MAX_ROUNDING = 1e-2  # standard deviations; a series that float32 rounds more is not held by it
GAPS = ("refuse", "interpolate")
FILL = "--gaps interpolate fills them by straight lines"


@data_reader
def from_series(
    source: Any,
    *,
    target: str | tuple[str, ...] | None = None,
    horizon: int | None = None,
    lookback: int | None = None,
    time: str | tuple[str, ...] = (),
    duplicates: str = "refuse",
    gaps: str = "refuse",
    split: tuple[int, int, int] | None = None,
    segment: int | None = None,
    **csv: Any,
) -> UserData:
    """Read a series of values at regular times, to forecast the next ones.

    Every target is forecast from its own past. Of the steps, in order, 70 % are train, 10 %
    validation and 20 % test, unless ``split`` says otherwise.

    Args:
        source: a CSV file or a DataFrame.
        target: the column, or columns, to forecast; needed.
        horizon: steps to forecast; needed.
        lookback: past steps that the model sees; by default as many as the series can afford.
        time: the column of dates, or those that make up a date (``("Date", "Time")``); by default
            the only one there is. ``"none"``: the rows are regular steps, the oldest first.
        duplicates: ``"refuse"`` rows of the same time, or take their ``"mean"``, or the ``"last"``.
        gaps: ``"refuse"`` or ``"interpolate"`` missing steps and values.
        split: steps of train, validation and test, from the first on.
        segment: steps that the LSTM takes at once; by default, or where it does not divide the
            lookback, as follows from that. ``finetune`` takes that of the trained weights.
        **csv: how the file is written, see :class:`kerazoo.finetuning.readers._csv.CsvOptions`.

    Raises:
        KerazooError: what ``read_table`` and ``times_of`` refuse; no target or horizon; a value
            that is missing (unless ``gaps`` is ``interpolate``) or no number; a constant target;
            too short a series.
    """
    names = (target,) if isinstance(target, str) else target
    table = read_table(source, CsvOptions(**csv), columns=1, numbers=names)
    targets = target_columns(table.frame, target)
    if horizon is None:
        raise KerazooError("the horizon is missing: how many steps to forecast? (--horizon N)")
    horizon = require_whole("the horizon", horizon)
    time = (time,) if isinstance(time, str) else time
    times = times_of(table.frame, time, targets, table.where, table.options, duplicates=duplicates)
    regular, notes = regular_values(table.frame, targets, times, gaps, table.where, duplicates)
    sizes = _sizes(len(regular), split, horizon, table.where)
    if lookback is None:
        lookback = _lookback(sizes["train"], horizon)
    lookback = require_whole("the lookback", lookback)
    info = describe(
        source,
        "series",
        "forecasting",
        input_shape=(lookback, len(targets)),
        columns=tuple(targets),
        targets=tuple(targets),
        windows=Windows(
            lookback=lookback,
            horizon=horizon,
            season=times.season if times.season and times.season <= lookback else None,
            step=times.step,
            **({"first": str(times.grid[0]), "freq": times.grid.freqstr} if times.columns else {}),
        ),
    )
    data = _data(info, in_order(filled(regular, sizes).to_numpy(), sizes), table.where)
    assert data.series is not None
    mean, std = data.series.mean.tolist(), data.series.std.tolist()
    return UserData(
        kind="series",
        data=data,
        report=(*_found(times, data, sizes, table.where), *table.notes),
        warnings=(
            *times.notes,
            *_unused(table.frame, times, targets),
            *notes,
            *_warnings(data, regular, sizes),
        ),
        reading=SeriesReading(
            targets=tuple(targets),
            time=times.columns,
            step=times.step,
            lookback=lookback,
            gaps=gaps,
            duplicates=duplicates,
            low=tuple(regular.min().tolist()),
            high=tuple(regular.max().tolist()),
            csv=times.options,
        ),
        factory_options={
            "input_shape": (lookback, len(targets)),
            "segment": segment if segment and lookback % segment == 0 else _segment(lookback),
            "per_column": len(targets) > 1,
            "subtract_last": True,
        },
        serving_model=lambda core: in_natural_units(core, mean, std),
    )


def regular_values(
    frame: pd.DataFrame,
    targets: list[str],
    times: Times,
    gaps: str,
    where: str,
    duplicates: str = "refuse",
) -> tuple[pd.DataFrame, list[str]]:
    """The targets in natural units at regular times, float64 ``(n, targets)``, and notes.

    What is missing is NaN; :func:`filled` fills it.

    Raises:
        KerazooError: a value is no number; steps or values are missing and gaps are refused.
    """
    require_choice("gaps", gaps, GAPS)
    require_choice("duplicates", duplicates, DUPLICATES)
    frame = frame.iloc[times.order]
    columns = {name: numbers_of(frame[name], f"{where}, column {name!r}") for name in targets}
    table, notes = pd.DataFrame(columns, index=frame.index), []
    for name, values in table.items():
        if values.isna().all():
            raise KerazooError(f"{where}: the target {name!r} has no value at all.")
        if values.isna().any():
            line = values.index[values.isna()][0]
            notes.append(f"{values.isna().sum():,} values of {name!r} are missing (line {line})")
    late = times.grid.difference(times.dates)
    if len(late):
        line = frame.index[times.dates.searchsorted(late[0])]
        first = f"line {line}: {late[0]} is not there; a step is one {times.step}"
        notes.append(f"{len(late):,} steps are missing ({first})")
    if notes and gaps == "refuse":
        hours = len(late) and times.grid.tz is None and (times.grid != times.grid.floor("D")).any()
        zone = "; give --time-zone NAME if clocks change there" if hours else ""
        raise KerazooError(f"{where}: {notes[0]}. {FILL}{zone}.")
    notes = [f"{note} and are filled by straight lines within each split" for note in notes]
    table = table.set_axis(times.dates)
    if n := int(times.dates.duplicated().sum()):
        notes.append(f"{n:,} rows are of the same time as another; the {duplicates} is taken")
        same = table.groupby(level=0)
        table = same.mean() if duplicates == "mean" else same.last()
    return table.reindex(times.grid), notes


def filled(table: pd.DataFrame, sizes: Mapping[str, int]) -> pd.DataFrame:
    """Values without gaps: straight lines within each split, else the last value that was known.

    No line crosses from a split into the next one, which must not be seen.

    Args:
        table: the values in order.
        sizes: steps of each split.
    """
    borders = [0, *np.cumsum(list(sizes.values())), len(table)]
    parts = [table.iloc[a:b] for a, b in itertools.pairwise(borders)]
    return pd.concat([part.interpolate(limit_area="inside") for part in parts]).ffill().bfill()


def _sizes(n: int, split: tuple[int, int, int] | None, horizon: int, where: str) -> dict[str, int]:
    """Steps of each split: at least a horizon, where that leaves enough to train."""
    if split is None:
        test, validation = (max(round(SHARES[s] * n), horizon) for s in ("test", "validation"))
        if 2 * (test + validation) > n:
            few = f"{n:,} steps, too few to train and test forecasts of {horizon:,}"
            raise KerazooError(f"{where} has {few}; give a smaller --horizon, or --split N,N,N.")
        return {"train": n - validation - test, "validation": validation, "test": test}
    if not isinstance(split, tuple) or len(split) != len(SHARES):
        raise KerazooError(f"split is {split}; give three sizes: {', '.join(SHARES)}.")
    sizes = {s: require_whole(f"the {s} split", n) for s, n in zip(SHARES, split, strict=True)}
    if (needed := sum(sizes.values())) > n:
        raise KerazooError(f"split {split} needs {needed:,} steps, but {where} has {n:,}.")
    return sizes


def _lookback(train: int, horizon: int) -> int:
    """The longest usual lookback that leaves three quarters of the training split to learn from.

    The shortest, where none does.
    """
    return next((n for n in LOOKBACKS if 4 * (n + horizon) <= train), LOOKBACKS[-1])


def _segment(lookback: int) -> int:
    """The longest divisor of the lookback that leaves the LSTM a few steps."""
    most = max(1, min(LONGEST_SEGMENT, lookback // MAX_SEGMENTS))
    return next(s for s in range(most, 0, -1) if lookback % s == 0)


def _data(info: Dataset, stretches: Mapping[str, np.ndarray], where: str) -> Data:
    """Windows of each split; raises KerazooError for a target that is constant in training."""
    for name, values in zip(info.targets, stretches["train"].T, strict=True):
        if values.min() == values.max():
            only = f"{values[0]:g} in the whole training split"
            raise KerazooError(f"{where}: the target {name!r} is {only}.")
    splits, series = windows_of(info, stretches, None, None)
    sha256 = fingerprint.of_arrays(stretches)
    return Data(splits["train"], splits["validation"], splits["test"], info, sha256, series)


def _unused(frame: pd.DataFrame, times: Times, targets: list[str]) -> list[str]:
    """A note on the columns that nothing is learnt from, with an example of each."""
    others = frame.columns.drop([*times.columns, *targets])
    shown = listed([f"{name!r} ({frame[name].iloc[0]})" for name in others])
    return [f"columns that are not used: {shown}"] * bool(len(others))


def _warnings(data: Data, regular: pd.DataFrame, sizes: Mapping[str, int]) -> list[str]:
    """Notes on facts that weaken the results."""
    assert data.series is not None
    notes = []
    end = sum(sizes.values())
    if unused := len(regular) - end:
        notes.append(f"the last {unused:,} steps are not used, as --split says")
    test = regular.iloc[end - sizes["test"] : end]
    if n := int(test.isna().sum().sum()):
        notes.append(f"{n:,} of the {test.size:,} values of the test split are filled ones")
    notes += [
        f"{name!r} never changes in the test split; its results say little"
        for name in regular.columns[test.nunique() < 2]
    ]
    lost = in_deviations(data.series.mean, data.series.std)
    if lost > MAX_ROUNDING:
        size = f"{lost:.1g} standard deviations; subtract a constant first"
        notes.append(f"float32 rounds the values by up to {size}")
    return notes


def in_natural_units(core: keras.Model, mean: list[float], std: list[float]) -> keras.Model:
    """A model of windows and forecasts in natural units around one of standardized ones.

    The mean is taken off before anything is scaled, since float32 has seven digits. Keras's
    Normalization would take 1e-7 for a standard deviation that is smaller.
    """
    inputs = keras.Input(core.input_shape[1:], name="window_in_natural_units")
    x = keras.layers.Rescaling(1.0, [-m for m in mean], name="less_mean")(inputs)
    x = core(keras.layers.Rescaling([1 / s for s in std], name="standardised")(x))
    x = keras.layers.Rescaling(std, mean, name="natural")(x)
    return keras.Model(inputs, x, name="in_natural_units")


def in_deviations(mean: np.ndarray, std: np.ndarray) -> float:
    """Largest rounding of the values of a series in float32, in standard deviations."""
    largest = np.abs(mean) + 4 * std
    return float((np.finfo(np.float32).eps * largest / std).max())


def _found(times: Times, data: Data, sizes: Mapping[str, int], where: str) -> list[str]:
    assert data.series is not None
    windows, targets = data.series.windows, list(data.info.targets)
    return [
        f"{where}: {sum(sizes.values()):,} steps of {listed(targets, 8)}",
        times.told,
        "split in time order: " + ", ".join(f"{n:,} {name}" for name, n in sizes.items()),
        f"the model sees {windows.lookback} steps and forecasts {windows.horizon}; "
        f"{data.train.examples:,} windows to train on, {data.test.examples:,} to test",
        "scaled with mean and standard deviation of the training split",
        *["each target is forecast from its own past, through the same weights"]
        * (len(targets) > 1),
    ]
