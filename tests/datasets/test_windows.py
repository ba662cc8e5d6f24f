"""Windows of a series: where they lie, and how they are scaled."""

from __future__ import annotations

import numpy as np
import pytest

from kerazoo.datasets import _windows as windows
from kerazoo.spec import Dataset, Windows


def counting(lead=1, targets=None, columns=2) -> Dataset:
    """A dataset whose values tell their own place: row i of column c holds 1000 c + i."""
    return Dataset(
        name="counting",
        load=dict,
        task="forecasting",
        summary="",
        input_shape=(4, columns),
        labels=(),
        columns=tuple("ab"[:columns]),
        targets=("a",) if targets else tuple("ab"[:columns]),
        metric="mse",
        license="",
        source="",
        offline=True,
        windows=Windows(lookback=4, horizon=3, lead=lead, season=2, targets=targets),
    )


def values(train=20, validation=8, test=9, columns=2):
    whole = np.arange(train + validation + test)[:, None] + 1000.0 * np.arange(columns)
    cuts = np.split(whole, [train, train + validation])
    return dict(zip(("train", "validation", "test"), cuts, strict=True))


def natural(split, series):
    """Windows back in natural units, as whole numbers."""
    return tuple(np.rint(part * series.std + series.mean).astype(int) for part in split)


def test_windows_follow_each_other_and_none_is_dropped():
    splits, series = windows.windows_of(counting(), values(), None, None)
    x, y = natural(splits["test"], series)
    assert len(x) == 9 - 3 + 1
    assert x[0, :, 0].tolist() == [24, 25, 26, 27], "the look-back reaches before the split"
    assert y[0, :, 1].tolist() == [1028, 1029, 1030]
    assert y[-1, -1, 0] == 36, "the last value is forecast"
    x, y = natural(splits["train"], series)
    assert x[0, 0, 0] == 0 and y[-1, -1, 0] == 19, "training sees nothing of validation"
    assert len(x) == 20 - 4 - 3 + 1


@pytest.mark.parametrize("lookback", [1, 7, 12])
def test_number_of_test_windows_does_not_depend_on_the_lookback(lookback):
    splits, _ = windows.windows_of(counting(), values(), lookback, None)
    assert splits["test"].examples == 7 and splits["test"].x.shape[1] == lookback


def test_lead_and_targets_pick_what_is_forecast():
    splits, series = windows.windows_of(counting(lead=5, targets=(1,)), values(), None, 1)
    x, y = splits["test"]
    assert y.shape == (9, 1, 1)
    forecast, latest = (np.rint(v[0, -1, -1] * series.std[1] + series.mean[1]) for v in (y, x))
    assert forecast == 1028 and latest == 1028 - 5


def test_standardized_with_the_training_split_alone():
    data = values()
    data["train"][:, 1] = 7  # a constant column stays finite
    _, series = windows.windows_of(counting(), data, None, None)
    np.testing.assert_allclose(series.mean, data["train"].mean(axis=0))
    np.testing.assert_allclose(series.std[0], data["train"][:, 0].std())
    data["test"] = data["test"] * 100
    splits, again = windows.windows_of(counting(), data, None, None)
    np.testing.assert_array_equal(series.mean, again.mean)
    assert np.isfinite(splits["test"].x).all()
