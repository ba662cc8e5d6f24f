"""The next steps of a series, with a fine-tuned model."""

from __future__ import annotations

from typing import Any

from kerazoo._lazy import np, pd
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._dates import times_of, without_dates
from kerazoo.finetuning.readers.reading import SeriesReading
from kerazoo.finetuning.readers.series import filled, regular_values
from kerazoo.predicting._tables import read_input, unlike_training, with_bounds
from kerazoo.predicting.predictions import Predictor, TablePredictions
from kerazoo.training import engine


class SeriesPredictor(Predictor):
    """A forecaster of a series."""

    def predict(self, inputs: Any, gaps: str | None = None) -> TablePredictions:
        """Forecast the steps after one CSV file, DataFrame or array of rows ``(n, targets)``."""
        reading = self.trained.reading
        assert isinstance(reading, SeriesReading)
        table = read_input(inputs, self.trained.source, reading.csv)
        frame, where, targets = table.frame, table.where, list(reading.targets)
        for name in (*targets, *reading.time):
            if name not in frame.columns:
                raise KerazooError(f"{where} has no column {name!r}; the model needs it.")
        if not reading.time:  # whatever other columns hold now
            times = without_dates(frame, reading.csv)
        else:
            same = reading.csv, reading.step, reading.duplicates
            times = times_of(frame, reading.time, targets, where, *same)
        gaps = gaps or reading.gaps
        regular, notes = regular_values(frame, targets, times, gaps, where, reading.duplicates)
        notes += [*table.notes, *times.notes, times.told]
        steps = (regular[name].rename_axis("step") for name in targets)
        notes += unlike_training(list(zip(steps, reading.low, reading.high, strict=False)))
        if len(regular) < reading.lookback:
            raise KerazooError(
                f"{where} has {len(regular):,} steps; the model needs {reading.lookback:,} or more."
            )
        window = filled(regular, {}).to_numpy()[None, -reading.lookback :]
        steps = engine.predict(self.trained.model, window.astype(np.float32))[0]
        ahead: dict[str, Any] = {"step": np.arange(1, len(steps) + 1)}
        if isinstance(times.grid, pd.DatetimeIndex):
            dates = pd.date_range(times.grid[-1], periods=len(steps) + 1, freq=times.grid.freq)
            ahead = {" ".join(times.columns): dates[1:]}
        spread = window.std(axis=1, keepdims=True)
        forecast = with_bounds(pd.DataFrame(steps, columns=targets), self.trained.intervals, spread)
        forecast = pd.concat([pd.DataFrame(ahead), forecast], axis=1)
        return TablePredictions(forecast, tuple(notes), "series")
