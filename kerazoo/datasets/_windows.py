"""From the values of a series to windows: the lookback that a model sees, and its targets.

Values are normalized by the mean and standard deviation of the training split. The windows of
validation and test take their lookback from the values before the split, so that their number
does not depend on it and no forecast step is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from kerazoo._lazy import np
from kerazoo.errors import KerazooError, require_whole
from kerazoo.spec import Dataset, Series, Split, Windows


def windows_of(
    info: Dataset, values: Mapping[str, np.ndarray], lookback: int | None, horizon: int | None
) -> tuple[dict[str, Split], Series]:
    """The windows of each split of a series.

    Args:
        info: the dataset.
        values: by split, in order of time: natural units, ``(n, columns)``.
        lookback: replaces the dataset's.
        horizon: replaces the dataset's.

    Returns:
        By split ``x`` float32 ``(windows, lookback, columns)`` and ``y`` float32 ``(windows,
        horizon, targets)``, both views of one normalized series; and the Series that converts
        them back to natural units.

    Raises:
        KerazooError: lookback or horizon is no positive whole number, or longer than a split.
    """
    assert info.windows is not None
    wanted = dataclasses.replace(
        info.windows,
        lookback=info.windows.lookback if lookback is None else require_whole("lookback", lookback),
        horizon=info.windows.horizon if horizon is None else require_whole("horizon", horizon),
    )
    past = wanted.lookback + wanted.lead - 1  # values before the first target
    for name, split in values.items():
        if len(split) < wanted.horizon + (past if name == "train" else 0):
            raise KerazooError(
                f"dataset {info.name!r}: split {name!r} has {len(split)} values, too few for a "
                f"lookback of {wanted.lookback}, a lead of {wanted.lead} and a horizon of "
                f"{wanted.horizon}. Choose a smaller lookback or horizon."
            )
    train = np.asarray(values["train"], np.float64)
    mean, std = train.mean(axis=0), train.std(axis=0)
    std = np.where(std > 0, std, 1.0)  # a constant column stays constant
    series = np.concatenate([values[s] for s in ("train", "validation", "test")])
    series = ((series - mean) / std).astype(np.float32)
    splits, starts, begin = {}, {}, 0
    for name in ("train", "validation", "test"):
        end = begin + len(values[name])
        # The first target of the split's first window: the training split has no past before it.
        first = past if name == "train" else begin
        starts[name] = np.arange(first, end - wanted.horizon + 1)
        splits[name] = _split(series, starts[name], wanted)
        begin = end
    return splits, Series(wanted, mean, std, starts)


def _split(series: np.ndarray, starts: np.ndarray, wanted: Windows) -> Split:
    """Windows whose first target is at ``starts`` (consecutive), as views."""
    from numpy.lib.stride_tricks import sliding_window_view

    def windows(first: int, length: int) -> np.ndarray:
        part = series[first : first + length + len(starts) - 1]
        return sliding_window_view(part, length, axis=0).swapaxes(1, 2)

    x = windows(starts[0] - wanted.lead + 1 - wanted.lookback, wanted.lookback)
    y = windows(starts[0], wanted.horizon)
    return Split(x, y if wanted.targets is None else y[:, :, list(wanted.targets)])
