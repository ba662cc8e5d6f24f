"""The next steps of a series, with a fine-tuned model."""

from __future__ import annotations

from typing import Any

from kerazoo._lazy import np, pd
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._csv import index_as_columns
from kerazoo.finetuning.readers._dates import series_of, times_of, without_dates
from kerazoo.finetuning.readers.reading import SeriesReading
from kerazoo.finetuning.readers.series import filled, regular_values
from kerazoo.finetuning.readers.user_data import listed
from kerazoo.predicting._tables import read_input, unlike_training, with_bounds
from kerazoo.predicting.predictions import Predictor, TablePredictions
from kerazoo.tasks.forecasting import FLOOR
from kerazoo.training import engine


class SeriesPredictor(Predictor):
    """A forecaster of a series."""

    def predict(self, inputs: Any, gaps: str | None = None) -> TablePredictions:
        """Forecast the steps after one CSV file, DataFrame or array of rows ``(n, targets)``.

        Of several series, each by itself.
        """
        reading = self.trained.reading
        assert isinstance(reading, SeriesReading)
        table = read_input(index_as_columns(inputs), self.trained.source, reading.csv)
        frame, where, targets = table.frame, table.where, list(reading.targets)
        for name in (*targets, *reading.time, *reading.ids):
            if name not in frame.columns:
                raise KerazooError(f"{where} has no column {name!r}; the model needs it.")
        if reading.time:
            same = reading.csv, reading.step, reading.duplicates, reading.ids, reading.resample
            times = times_of(frame, reading.time, targets, where, *same)
        else:  # whatever other columns hold now
            rows = series_of(frame, reading.ids, where).items()
            times = {name: without_dates(places, reading.csv) for name, places in rows}
        notes, short, forecasts = list(table.notes), [], []
        windows: dict[str, np.ndarray] = {}
        spreads = []
        for name, axis in times.items():
            at = f"{where}, series {name!r}" if name else where
            how = gaps or reading.gaps, at, reading.duplicates
            regular, more = regular_values(frame, targets, axis, *how)
            if len(regular) < reading.lookback:
                short.append(f"{len(regular):,} steps" + f" of series {name!r}" * bool(name))
                continue
            notes += [axis.told] * (not windows)
            if name in (known := list(reading.spread) or [""]):
                steps = (regular[target].rename_axis("step") for target in targets)
                its = slice(known.index(name) * len(targets), None)
                ranges = zip(steps, reading.low[its], reading.high[its], strict=False)
                more += unlike_training(list(ranges))
            else:
                more.append("not in the training data; forecast like the others")
            notes += [f"{name}: {note}" if name else note for note in more]
            values = filled(regular, {}).to_numpy()
            windows[name] = values[-reading.lookback :]
            trained = np.array(reading.spread.get(name, values.std(axis=0)))
            spreads.append(windows[name].std(axis=0) + FLOOR * trained)
        if short and not windows:
            raise KerazooError(
                f"{where} has {short[0]}; the model needs {reading.lookback:,} or more."
            )
        if short:
            notes.append(f"too short to forecast, {reading.lookback:,} are needed: {listed(short)}")
        ahead = engine.predict(self.trained.model, np.stack([*windows.values()]).astype("float32"))
        for name, steps, spread in zip(windows, ahead, spreads, strict=True):
            axis, values = times[name], pd.DataFrame(steps, columns=targets)
            row = frame.iloc[axis.order[0]]
            before: dict[str, Any] = {column: row[column] for column in reading.ids}
            before["step"] = np.arange(1, len(steps) + 1)
            if isinstance(axis.grid, pd.DatetimeIndex):
                dates = pd.date_range(axis.grid[-1], periods=len(steps) + 1, freq=axis.grid.freq)
                del before["step"]
                before[" ".join(axis.columns)] = dates[1:]
            values = with_bounds(values, self.trained.intervals, spread)
            forecasts.append(pd.concat([pd.DataFrame(before), values], axis=1))
        return TablePredictions(pd.concat(forecasts, ignore_index=True), tuple(notes), "series")
