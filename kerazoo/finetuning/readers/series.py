"""A series from a CSV file: values at regular times, to forecast the next ones."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kerazoo import fingerprint
from kerazoo._lazy import keras, np, pd
from kerazoo.datasets._splits import in_order
from kerazoo.datasets._windows import windows_of
from kerazoo.errors import KerazooError, require_choice, require_whole
from kerazoo.finetuning.readers._csv import (
    CsvOptions,
    column,
    index_as_columns,
    read_table,
    target_columns,
)
from kerazoo.finetuning.readers._dates import DUPLICATES, RESAMPLE, Times, times_of
from kerazoo.finetuning.readers._numbers import may_be_missing, numbers_of
from kerazoo.finetuning.readers.reading import SeriesReading
from kerazoo.finetuning.readers.user_data import (
    UserData,
    data_reader,
    describe,
    listed,
    unused_columns,
)
from kerazoo.spec import Data, Dataset, Series, Split, Windows

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
LOOKBACKS = (336, 168, 96, 48, 24, 12, 8, 4)  # the longest that the series can afford is taken
MAX_SEGMENTS = 4  # at least so many steps of the LSTM, where the lookback can be divided
LONGEST_SEGMENT = 48
MAX_ROUNDING = 1e-2  # standard deviations; a series that float32 rounds more is not held by it
MAX_NOTES = 8  # on several series
GAPS = ("refuse", "interpolate")
FILL = (
    "--gaps interpolate fills them by straight lines; --time-zone NAME says where clocks change; "
    "rows to forecast at the end go with --future-covariate COLUMN."
)


@data_reader
def from_series(
    source: Any,
    *,
    target: str | tuple[str, ...] | None = None,
    horizon: int | None = None,
    lookback: int | None = None,
    past_covariates: str | tuple[str, ...] = (),
    future_covariates: str | tuple[str, ...] = (),
    time: str | tuple[str, ...] = (),
    series_id: str | tuple[str, ...] = (),
    duplicates: str = "refuse",
    resample: str = "",
    gaps: str = "refuse",
    split: tuple[int, int, int] | None = None,
    segment: int | None = None,
    **csv: Any,
) -> UserData:
    """Read a series of values at regular times, to forecast the next ones.

    Every target is forecast from its own past, or with covariates from the past of all columns. Of
    the steps, in order, 70 % are train, 10 % validation and 20 % test, unless ``split`` says
    otherwise.

    Args:
        source: a CSV file or a DataFrame.
        target: the column, or columns, to forecast; needed.
        horizon: steps to forecast; needed.
        lookback: past steps that the model sees; by default as many as the series can afford.
        past_covariates: columns of numbers that the model sees too, such as a temperature.
        future_covariates: columns of numbers that are known for the steps to forecast, such as a
            price or a holiday (0 or 1). Rows after the last target hold their future values.
        time: the column of dates, or those that make up a date (``("Date", "Time")``); by default
            the only one that is certainly of dates. ``"none"``: the rows are regular steps, the
            oldest first.
        series_id: the column, or columns, that tell several series apart. One model learns from all
            of them; each is scaled and split by itself, and no window crosses into another.
        duplicates: ``"refuse"`` rows of the same time, or take their ``"mean"``, ``"sum"`` or the
            ``"last"``.
        resample: join the rows of an ``"hour"``, ``"day"``, ``"week"`` or ``"month"`` as
            ``duplicates`` says.
        gaps: ``"refuse"`` or ``"interpolate"`` missing steps and values.
        split: steps of train, validation and test, from the first on.
        segment: steps that the LSTM takes at once; by default, or where it does not divide the
            lookback, as follows from that. ``finetune`` takes that of the trained weights.
        **csv: how the file is written, see :class:`kerazoo.finetuning.readers._csv.CsvOptions`.

    Raises:
        KerazooError: what ``read_table`` and ``times_of`` refuse; no target or horizon; a column
            that is named twice; a value that is missing (unless ``gaps`` is ``interpolate``) or no
            number; a constant target; too short a series, or a lookback shorter than the horizon
            with ``future_covariates``.
    """
    given = target or (), past_covariates, future_covariates
    names, past, future = ((k,) if isinstance(k, str) else tuple(k) for k in given)
    numbers = (*names, *past, *future)
    table = read_table(index_as_columns(source), CsvOptions(**csv), columns=1, numbers=numbers)
    frame, where = table.frame, table.where
    targets = target_columns(frame, target)
    target_columns(frame, (*targets, *past, *future), "a target or covariate")
    if horizon is None:
        raise KerazooError("the horizon is missing: how many steps to forecast? (--horizon N)")
    horizon = require_whole("the horizon", horizon)
    time, ids = ((k,) if isinstance(k, str) else k for k in (time, series_id))
    ids = tuple(column(frame, name, "a column of names (--series-id)") for name in ids)
    require_choice("duplicates", duplicates, DUPLICATES)
    if resample:
        require_choice("resample", resample, tuple(RESAMPLE))
        if duplicates == "refuse":
            raise KerazooError(f"--resample {resample} needs --duplicates mean, sum or last.")
    reading = SeriesReading(
        targets=tuple(targets),
        past_covariates=past,
        future_covariates=future,
        time=time,
        step="",  # the dates tell it
        lookback=lookback or 0,  # 0: as many as the series can afford
        gaps=gaps,
        duplicates=duplicates,
        resample=resample,
        csv=table.options,
        ids=ids,
    )
    times = times_of(frame, reading, where)
    found, notes = _each_series(frame, reading, times, where, split, horizon)
    if lookback is None:
        trained = [series.sizes["train"] for series in found.values()]
        lookback = _lookback(int(np.median(trained)), horizon)
    lookback = require_whole("the lookback", lookback)
    if future and lookback < horizon:
        raise KerazooError(f"future covariates need a --lookback of the horizon, {horizon}.")
    if ids:
        found = _long_enough(found, lookback + horizon, targets, where)
        if out := [name for name in times if name not in found]:
            steps = f"fewer than {lookback + horizon:,} training steps, or constant in training"
            notes.append(f"{len(out):,} series are left out ({steps}): {listed(out)}")
    first = times[next(iter(found))]
    grids = [times[name].grid for name in found]
    info = describe(
        source,
        "series",
        "forecasting",
        columns=reading.numbers,
        targets=reading.targets,
        windows=Windows(
            lookback=lookback,
            horizon=horizon,
            season=first.season if first.season and first.season <= lookback else None,
            step=first.step,
            targets=tuple(range(len(targets))) if reading.covariates else None,
            **_dates(first, grids),
        ),
    )
    data = _data(info, {name: series.parts for name, series in found.items()}, where)
    assert data.series is not None
    mean, std = (values.tolist() for values in data.series.overall)
    if (lost := in_deviations(*data.series.overall)) > MAX_ROUNDING:
        size = f"{lost:.1g} standard deviations; subtract a constant first"
        notes.append(f"float32 rounds the values by up to {size}")
    if any(grid[[0, -1]].tolist() != grids[0][[0, -1]].tolist() for grid in grids):
        notes.append(
            "the series cover different times and each is split by itself: training values of one "
            "may be later than test values of another"
        )
    unused = unused_columns(frame, (*first.columns, *reading.numbers, *ids))
    if unused and not ids:
        unused[0] += (
            "; --past-covariate or --future-covariate uses one, --series-id tells series apart"
        )
    each = zip(found, np.atleast_2d(data.series.std)[:, : len(targets)].tolist(), strict=True)
    reading = replace(
        reading,
        time=first.columns,
        step=first.step,
        lookback=lookback,
        low=tuple(v for series in found.values() for v in series.values.min().tolist()),
        high=tuple(v for series in found.values() for v in series.values.max().tolist()),
        csv=first.options,
        spread={name: tuple(std) for name, std in each},
    )
    return UserData(
        kind="series",
        data=data,
        report=(*_report(found, first, data, reading, where), *table.notes),
        warnings=(*unused, *notes),
        reading=reading,
        factory_options={
            "input_shape": (lookback, len(reading.numbers)),
            "segment": segment if segment and lookback % segment == 0 else _segment(lookback),
            "per_column": len(targets) > 1 and not reading.covariates,
            "linear_path": bool(reading.covariates),
            "subtract_last": True,
            **({"divide_by_spread": True} if ids else {}),
        },
        serving_model=lambda core: in_natural_units(core, mean, std),
    )


def _dates(first: Times, grids: list[pd.Index]) -> dict[str, Any]:
    """The first date and the frequency, where one date and a frequency that has a name tell all."""
    named = first.columns and type(first.grid.freq) is not pd.DateOffset
    if named and all(grid[0] == first.grid[0] for grid in grids):
        return {"first": str(first.grid[0]), "freq": first.grid.freqstr}
    return {}


@dataclass(frozen=True)
class _Found:
    """One series: its values in natural units at regular times, NaN where missing, and its splits.

    Attributes:
        values: float64 ``(n, columns)``, as :func:`regular_values` gives them.
        sizes: steps of each split.
    """

    values: pd.DataFrame
    sizes: Mapping[str, int]

    @property
    def parts(self) -> dict[str, np.ndarray]:
        """Values of each split, without gaps."""
        return in_order(filled(self.values, self.sizes).to_numpy(), self.sizes)


def _each_series(
    frame: pd.DataFrame,
    reading: SeriesReading,
    times: Mapping[str, Times],
    where: str,
    split: tuple[int, int, int] | None,
    horizon: int,
) -> tuple[dict[str, _Found], list[str]]:
    """The series of a table by name, of several without those too short to split; and notes."""
    found, notes = {}, list[str]()
    for name, axis in times.items():
        at = f"{where}, series {name!r}" if name else where
        values, more = regular_values(frame, reading, axis, at, horizon)
        try:
            sizes = _sizes(len(values), split, horizon, at)
        except KerazooError:
            if len(times) == 1 or split is not None:
                raise
            continue
        found[name] = _Found(values, sizes)
        more += _warnings(values[list(reading.targets)], sizes)
        notes += [f"{name}: {note}" if name else note for note in more]
    if len(notes) > MAX_NOTES and len(times) > 1:
        notes = [*notes[:MAX_NOTES], f"{len(notes) - MAX_NOTES:,} more notes on other series"]
    if not found:
        raise KerazooError(f"{where}: every series is too short; give a smaller --horizon.")
    return found, notes


def _long_enough(
    found: Mapping[str, _Found], steps: int, targets: list[str], where: str
) -> dict[str, _Found]:
    """The series that have enough steps in training, and whose targets vary there."""
    left = {}
    for name, series in found.items():
        varies = (np.ptp(series.parts["train"][:, : len(targets)], axis=0) > 0).all()
        if series.sizes["train"] >= steps and varies:
            left[name] = series
    if not left:
        raise KerazooError(f"{where}: no series has {steps:,} training steps that vary.")
    return left


def regular_values(
    frame: pd.DataFrame, reading: SeriesReading, times: Times, where: str, horizon: int
) -> tuple[pd.DataFrame, list[str]]:
    """The columns in natural units at regular times, float64 ``(n, columns)``, and notes.

    What is missing is NaN; :func:`filled` fills it. A future covariate stands ``horizon`` steps
    before its time, so that a window that ends where the forecast begins holds all of its values.
    The last step is the last one with a value of another column.

    Raises:
        KerazooError: a value is no number; steps or values are missing and gaps are refused.
    """
    require_choice("gaps", reading.gaps, GAPS)
    names, future = reading.numbers, list(reading.future_covariates)
    frame = frame.iloc[times.order]
    columns = {name: numbers_of(frame[name], f"{where}, column {name!r}") for name in names}
    table, notes = pd.DataFrame(columns, index=frame.index), []
    past = len(table) if not future else _past(table, future)
    for name in names:
        values = table[name] if name in future else table[name].iloc[:past]
        if values.isna().all():
            raise KerazooError(f"{where}: column {name!r} has no value at all.")
        if values.isna().any():
            line = values.index[values.isna()][0]
            notes.append(f"{values.isna().sum():,} values of {name!r} are missing (line {line})")
    unlikely = [note for name, values in columns.items() for note in may_be_missing(name, values)]
    late = times.grid.difference(times.dates)
    if len(late):
        line = frame.index[times.dates.searchsorted(late[0])]
        first = f"line {line}: {late[0]} is not there; a step is one {times.step}"
        notes.append(f"{len(late):,} steps are missing ({first})")
    if notes and reading.gaps == "refuse":
        raise KerazooError(f"{where}: {notes[0]}. {FILL}")
    repeated = int(times.dates.duplicated().sum())
    notes = [f"{note} and are filled by straight lines within each split" for note in notes]
    table = table.set_axis(times.dates)
    if repeated:
        how = reading.duplicates
        notes.append(f"{repeated:,} rows are of the same time as another; the {how} is taken")
        same = table.groupby(level=0)
        rows = table.notna().all(axis=1).groupby(level=0).sum()
        few = rows[rows < rows.median() / 2]
        if len(few) and (rows == rows.median()).mean() > 0.5:  # sales are never so regular
            least = f"{few.iloc[0]:,} instead of {rows.median():g} at {few.index[0]}"
            notes.append(
                f"{len(few):,} steps have fewer than half the usual number of rows ({least})"
            )
        table = same.sum(min_count=1) if how == "sum" else same.agg(how)
    table = table.reindex(times.grid)
    if future:
        past = _past(table, future)
        table[future] = table[future].shift(-horizon)
        table = table.iloc[:past]
    return table, notes + unlikely


def _past(table: pd.DataFrame, future: list[str]) -> int:
    """Number of rows up to the last one with a value of a column that is not in ``future``."""
    known = table.drop(columns=future).notna().any(axis=1).to_numpy()
    return int(np.flatnonzero(known)[-1]) + 1 if known.any() else 0


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


def _data(info: Dataset, parts: Mapping[str, Mapping[str, np.ndarray]], where: str) -> Data:
    """Windows of each split, of one series or several, none of which crosses into another.

    Each is standardized by itself. Raises KerazooError for a target that is constant in training.
    """
    several = len(parts) > 1 or "" not in parts
    each = []
    for stretches in parts.values():
        for name, values in zip(info.targets, stretches["train"].T, strict=False):
            if values.min() == values.max():
                only = f"{values[0]:g} in the whole training split"
                raise KerazooError(f"{where}: the target {name!r} is {only}.")
        each.append(windows_of(info, stretches, None, None))
    splits, series = each[0]
    arrays = parts[next(iter(parts))]
    if several:
        arrays = {f"{n} {split}": v for n, s in parts.items() for split, v in s.items()}
        joined = {s: list(zip(*(found[s] for found, _ in each), strict=True)) for s in splits}
        splits = {s: Split(*map(np.concatenate, pairs)) for s, pairs in joined.items()}
        counts = {s: [found[s].examples for found, _ in each] for s in splits}
        series = Series(
            series.windows,
            np.stack([s.mean for _, s in each]),
            np.stack([s.std for _, s in each]),
            {s: np.concatenate([known.starts[s] for _, known in each]) for s in splits},
            tuple(parts),
            {s: np.repeat(np.arange(len(each)), n) for s, n in counts.items()},
        )
    sha256 = fingerprint.of_arrays(arrays)
    return Data(splits["train"], splits["validation"], splits["test"], info, sha256, series)


def _warnings(values: pd.DataFrame, sizes: Mapping[str, int]) -> list[str]:
    """Notes on facts that weaken the results of one series."""
    notes = []
    end = sum(sizes.values())
    if unused := len(values) - end:
        notes.append(f"the last {unused:,} steps are not used, as --split says")
    test = values.iloc[end - sizes["test"] : end]
    if n := int(test.isna().sum().sum()):
        notes.append(f"{n:,} of the {test.size:,} values of the test split are filled ones")
    return notes + [
        f"{name!r} never changes in the test split; its results say little"
        for name in values.columns[test.nunique() < 2]
    ]


def in_natural_units(core: keras.Model, mean: list[float], std: list[float]) -> keras.Model:
    """A model of windows and forecasts in natural units around one of standardized ones.

    The targets are the first columns of the windows.

    The mean is taken off before anything is scaled, since float32 has seven digits. Keras's
    Normalization would take 1e-7 for a standard deviation that is smaller.
    """
    exact = {"dtype": "float32"}  # float16 ends at 65,504
    inputs = keras.Input(core.input_shape[1:], name="window_in_natural_units")
    x = keras.layers.Rescaling(1.0, [-m for m in mean], name="less_mean", **exact)(inputs)
    x = core(keras.layers.Rescaling([1 / s for s in std], name="standardised", **exact)(x))
    n = x.shape[-1]
    x = keras.layers.Rescaling(std[:n], mean[:n], name="natural", **exact)(x)
    return keras.Model(inputs, x, name="in_natural_units")


def in_deviations(mean: np.ndarray, std: np.ndarray) -> float:
    """Largest rounding of the values of a series in float32, in standard deviations."""
    largest = np.abs(mean) + 4 * std
    return float((np.finfo(np.float32).eps * largest / std).max())


def _report(
    found: Mapping[str, _Found], first: Times, data: Data, reading: SeriesReading, where: str
) -> list[str]:
    """Lines on how one series or several were read."""
    assert data.series is not None
    windows, targets, ids = data.series.windows, list(reading.targets), reading.ids
    past, future = list(reading.past_covariates), list(reading.future_covariates)
    sizes = {s: sum(series.sizes[s] for series in found.values()) for s in SHARES}
    several = f" in {len(found):,} series ({' '.join(ids)}: {listed(list(found))})" if ids else ""
    return [
        f"{where}: {sum(sizes.values()):,} steps of {listed(targets, 8)}{several}",
        first.told + f" (series {next(iter(found))!r})" * bool(ids),
        "split in time order: " + ", ".join(f"{n:,} {name}" for name, n in sizes.items()),
        f"the model sees {windows.lookback} steps and forecasts {windows.horizon}; "
        f"{data.train.examples:,} windows to train on, {data.test.examples:,} to test",
        "scaled with mean and standard deviation of the training split"
        + " of each series" * bool(ids),
        *[f"past covariates: {listed(past)}"] * bool(past),
        *[f"future covariates: {listed(future)}"] * bool(future),
        *["each target is forecast from its own past, through the same weights"]
        * (len(targets) > 1 and not past + future),
    ]
