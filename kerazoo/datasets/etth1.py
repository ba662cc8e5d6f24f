"""ETTh1, an electricity transformer's load and oil temperature, hour by hour: one column or all."""

from __future__ import annotations

import io

from kerazoo._lazy import np
from kerazoo.datasets import _sources as sources
from kerazoo.datasets._splits import in_order
from kerazoo.registry import register_dataset
from kerazoo.spec import Splits, Windows

FILE = "ETTh1.csv"
URL = f"https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/{FILE}"
COLUMNS = (
    *(f"{name} (load)" for name in ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL")),
    "oil temperature (°C)",
)
MONTH = 30 * 24  # hours, as the papers count
SIZES = {"train": 12 * MONTH, "validation": 4 * MONTH, "test": 4 * MONTH}
FACTS = {
    "task": "forecasting",
    "license": "CC BY-ND 4.0",
    "source": "Zhou et al. 2021, Informer: beyond efficient transformer for long sequence "
    "time-series forecasting, AAAI; github.com/zhouhaoyi/ETDataset, ETT-small/ETTh1.csv",
    "offline": False,
}
ONE = {
    **FACTS,
    "columns": COLUMNS[-1:],
    "targets": COLUMNS[-1:],
    "sha256": "1839a066e9aa87bf0604073e4b95b7b6a15f459acca10cdf7628dd20fa14094a",
}
ALL = {
    **FACTS,
    "columns": COLUMNS,
    "targets": COLUMNS,
    "sha256": "74853f5d956f3739dcb1b257294309ef32381008b5b8c5ab6c6c28507fece591",
}


def hours(horizon: int) -> Windows:
    """Windows that forecast so many hours."""
    return Windows(
        lookback=96, horizon=horizon, season=24, step="hour", first="2016-07-01", freq="h"
    )


@register_dataset(**ONE, windows=hours(24))
def etth1() -> Splits:
    """Oil temperature of a transformer, hourly over 20 months; the univariate ETTh1 task.

    Values are float64 ``(n, 1)`` in degrees Celsius: 8,640 hours of train, 2,880 of validation and
    2,880 of test, in order of time (12, 4 and 4 months of 30 days, the papers' split; the rest of
    the file is not used). A window shows the last 96 hours, unless a recipe or ``lookback=`` says
    otherwise, and asks for the next 24; the test split has 2,857 windows whatever the lookback,
    of which none is left out.
    """
    return in_order(values()[:, -1:], SIZES)


@register_dataset(**ONE, windows=hours(96))
def etth1_96() -> Splits:
    """Oil temperature of a transformer, 96 hours ahead; a horizon that papers compare.

    Values float64 ``(n, 1)`` as in ``etth1``. The test split has 2,785
    windows, of which none is left out.
    """
    return etth1()


@register_dataset(**ALL, windows=hours(24))
def etth1_multivariate() -> Splits:
    """Six loads and the oil temperature of a transformer, hourly; the multivariate ETTh1 task.

    Values are float64 ``(n, 7)``: the loads HUFL, HULL, MUFL, MULL, LUFL, LULL (high, middle, low;
    useful and useless) and the oil temperature in degrees Celsius; all seven are forecast. Splits
    and windows as in ``etth1``.
    """
    return in_order(values(), SIZES)


@register_dataset(**ALL, windows=hours(96))
def etth1_multivariate_96() -> Splits:
    """Six loads and the oil temperature of a transformer, 96 hours ahead.

    Values float64 ``(n, 7)`` as in ``etth1_multivariate``, windows as in ``etth1_96``.
    """
    return etth1_multivariate()


def values() -> np.ndarray:
    """The seven columns of the first 20 months: float64 ``(14400, 7)``.

    From a copy in ``KERAZOO_DATA_DIR``, else downloaded.
    """
    remedy = (
        f"Put {FILE} into a directory and name that in {sources.VARIABLE}, connect to the "
        "network once, or use stacked_lstm@sine, whose data is generated."
    )
    path = sources.find(FILE)
    content = path.read_bytes() if path else sources.download(URL, FILE, remedy)
    rows, columns = sum(SIZES.values()), range(1, 1 + len(COLUMNS))
    return np.loadtxt(
        io.BytesIO(content), delimiter=",", skiprows=1, usecols=columns, max_rows=rows
    )
