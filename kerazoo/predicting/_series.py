"""The next steps of a series, with a fine-tuned model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kerazoo._lazy import np, pd
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._csv import index_as_columns
from kerazoo.finetuning.readers._dates import Times, series_of, times_of, without_dates
from kerazoo.finetuning.readers._drift import range_drift
from kerazoo.finetuning.readers.reading import SeriesReading
from kerazoo.finetuning.readers.series import filled, regular_values
from kerazoo.finetuning.readers.user_data import listed
from kerazoo.predicting._tables import read_input, with_bounds
from kerazoo.predicting.predictions import Predictor, TablePredictions
from kerazoo.tasks.forecasting import FLOOR
from kerazoo.training import engine


class SeriesPredictor(Predictor):
    """A forecaster of a series."""

    def predict(self, inputs: Any, gaps: str | None = None) -> TablePredictions:
        """Forecast the steps after one CSV file, DataFrame or array of rows ``(n, columns)``.

        Of several series, each by itself.
        """
        reading = self.trained.reading
        assert isinstance(reading, SeriesReading)
        table = read_input(index_as_columns(inputs), self.trained.source, reading.csv)
        reading = replace(reading, gaps=gaps or reading.gaps)
        frame, where = table.frame, table.where
        targets, future = list(reading.targets), list(reading.future_covariates)
        horizon, times = self.trained.model.output_shape[1], _times(reading, frame, where)
        notes, short, forecasts = list(table.notes), [], []
        windows: dict[str, np.ndarray] = {}
        spreads, ends = [], []
        for name, axis in times.items():
            at = f"{where}, series {name!r}" if name else where
            regular, more = regular_values(frame, reading, axis, at, horizon)
            if len(regular) < reading.lookback:
                short.append(f"{len(regular):,} steps" + f" of series {name!r}" * bool(name))
                continue
            if regular[future].iloc[-1].isna().any():
                ahead = f"{horizon} rows after the last target, with {listed(future)}"
                raise KerazooError(f"{at}: a forecast needs {ahead}.")
            ends.append(regular.index[-1])
            notes += [axis.told] * (not windows)
            more += _drift_of(reading, name, regular)
            notes += [f"{name}: {note}" if name else note for note in more]
            values = filled(regular, {}).to_numpy()
            windows[name] = values[-reading.lookback :]
            own = values[:, : len(targets)]
            trained = np.array(reading.spread.get(name, own.std(axis=0)))
            spreads.append(own[-reading.lookback :].std(axis=0) + FLOOR * trained)
        if short and not windows:
            raise KerazooError(
                f"{where} has {short[0]}; the model needs {reading.lookback:,} or more."
            )
        if short:
            notes.append(f"too short to forecast, {reading.lookback:,} are needed: {listed(short)}")
        forecast = engine.predict(
            self.trained.model, np.stack([*windows.values()]).astype("float32")
        )
        for name, steps, spread, end in zip(windows, forecast, spreads, ends, strict=True):
            axis, values = times[name], pd.DataFrame(steps, columns=targets)
            row = frame.iloc[axis.order[0]]
            before: dict[str, Any] = {column: row[column] for column in reading.ids}
            before["step"] = np.arange(1, len(steps) + 1)
            if isinstance(axis.grid, pd.DatetimeIndex):
                dates = pd.date_range(end, periods=len(steps) + 1, freq=axis.grid.freq)
                del before["step"]
                before[" ".join(axis.columns)] = dates[1:]
            values = with_bounds(values, self.trained.intervals, spread)
            forecasts.append(pd.concat([pd.DataFrame(before), values], axis=1))
        return TablePredictions(pd.concat(forecasts, ignore_index=True), tuple(notes), "series")


def _times(reading: SeriesReading, frame: pd.DataFrame, where: str) -> dict[str, Times]:
    """Times of each series, in the columns that the training data had them in."""
    for name in (*reading.numbers, *reading.time, *reading.ids):
        if name not in frame.columns:
            raise KerazooError(f"{where} has no column {name!r}; the model needs it.")
    if reading.time:
        return times_of(frame, reading, where)
    rows = series_of(frame, reading.ids, where).items()  # whatever other columns hold now
    return {name: without_dates(places, reading.csv) for name, places in rows}


def _drift_of(reading: SeriesReading, name: str, regular: pd.DataFrame) -> list[str]:
    """Notes on what in a series differs from the training data."""
    known = list(reading.spread) or [""]
    if name not in known:
        return ["not in the training data; forecast like the others"]
    steps = (regular[column].rename_axis("step") for column in regular)
    its = slice(known.index(name) * len(regular.columns), None)
    ranges = zip(steps, reading.low[its], reading.high[its], strict=False)
    return range_drift(list(ranges))
