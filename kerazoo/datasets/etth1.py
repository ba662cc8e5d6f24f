"""ETTh1, an electricity transformer's load and oil temperature, hour by hour: one column or all."""

from __future__ import annotations

import csv
import datetime
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo._files import sha256_of_file
from kerazoo._lazy import keras
from kerazoo.datasets import _copies as brought
from kerazoo.datasets._network import require_host
from kerazoo.datasets._splits import in_order
from kerazoo.errors import KerazooError, NotAtHand, first_line
from kerazoo.registry import register_dataset
from kerazoo.spec import Windows

if TYPE_CHECKING:
    import numpy as np

FILE = "ETTh1.csv"
HOST = "raw.githubusercontent.com"
URL = f"https://{HOST}/zhouhaoyi/ETDataset/main/ETT-small/{FILE}"
SHA256 = "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"
COLUMNS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
MONTH = 30 * 24  # hours, as the papers count
MONTHS = {"train": 12, "validation": 4, "test": 4}
LICENCE = "CC BY-ND 4.0"
SOURCE = (
    "Zhou et al. 2021, Informer: beyond efficient transformer for long sequence time-series "
    "forecasting, AAAI; github.com/zhouhaoyi/ETDataset, ETT-small/ETTh1.csv"
)


@register_dataset(
    task="forecasting",
    columns=("oil temperature (°C)",),
    targets=("oil temperature (°C)",),
    windows=Windows(lookback=96, horizon=24, season=24, step="hour"),
    licence=LICENCE,
    source=SOURCE,
    offline=False,
    sha256="1839a066e9aa87bf0604073e4b95b7b6a15f459acca10cdf7628dd20fa14094a",
)
def etth1() -> dict[str, np.ndarray]:
    """Oil temperature of a transformer, hourly over 20 months; the univariate ETTh1 task.

    Values are float64 ``(n, 1)`` in degrees Celsius: 8,640 hours of train, 2,880 of validation and
    2,880 of test, in order of time (12, 4 and 4 months of 30 days, the papers' split; the rest of
    the file is not used). A window shows the last 96 hours, unless a recipe or ``lookback=`` says
    otherwise, and asks for the next 24; the test split has 2,857 windows whatever the look-back,
    of which none is left out.
    """
    return {name: values[:, -1:] for name, values in _splits().items()}


@register_dataset(
    task="forecasting",
    columns=(*(f"{name} (load)" for name in COLUMNS[:-1]), "oil temperature (°C)"),
    targets=(*(f"{name} (load)" for name in COLUMNS[:-1]), "oil temperature (°C)"),
    windows=Windows(lookback=96, horizon=24, season=24, step="hour"),
    licence=LICENCE,
    source=SOURCE,
    offline=False,
    sha256="74853f5d956f3739dcb1b257294309ef32381008b5b8c5ab6c6c28507fece591",
)
def etth1_multivariate() -> dict[str, np.ndarray]:
    """Six loads and the oil temperature of a transformer, hourly; the multivariate ETTh1 task.

    Values are float64 ``(n, 7)``: the loads HUFL, HULL, MUFL, MULL, LUFL, LULL (high, middle, low;
    useful and useless) and the oil temperature in degrees Celsius; all seven are forecast. Splits
    and windows as in ``etth1``.
    """
    return _splits()


def _splits() -> dict[str, np.ndarray]:
    sizes = {name: months * MONTH for name, months in MONTHS.items()}
    return in_order(read_csv(_path()), sizes)


def _path() -> Path:
    """The file that the user has brought, else Keras's own copy, downloaded at need.

    Raises:
        NotAtHand: it is neither there nor to be downloaded.
    """
    own = brought.find(FILE)
    if own is not None:
        return own
    remedy = (
        f"Put {FILE} into a folder and name that in {brought.VARIABLE}, connect to the network "
        "once, or use stacked_lstm@sine, whose data is generated."
    )
    home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()  # as Keras has it
    kept = home / "datasets" / FILE
    if not kept.exists() or sha256_of_file(kept) != SHA256:
        require_host(HOST, FILE, remedy)
    try:
        return Path(keras.utils.get_file(FILE, URL, file_hash=SHA256))
    except Exception as error:  # urllib raises many kinds
        raise NotAtHand(f"{FILE} cannot be had: {first_line(error)} {remedy}") from error


def read_csv(path: Path) -> np.ndarray:
    """The seven columns of the first 20 months: float64 ``(14400, 7)``.

    Raises:
        KerazooError: the file has other columns, a value that is no number, an hour that is
            missing, double or out of order, or too few rows.
    """
    import numpy as np

    needed = sum(MONTHS.values()) * MONTH
    rows: list[list[float]] = []
    before: datetime.datetime | None = None
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if header != ["date", *COLUMNS]:
                raise KerazooError(
                    f"{path} has the columns {', '.join(header) or '(none)'}; ETTh1 has date, "
                    f"{', '.join(COLUMNS)}."
                )
            for line, row in enumerate(reader, start=2):
                when, values = _row(path, line, row)
                if before is not None and when - before != datetime.timedelta(hours=1):
                    raise KerazooError(
                        f"{path}, line {line}: {when} follows {before}; the hours must follow each "
                        "other without a gap."
                    )
                before = when
                rows.append(values)
                if len(rows) == needed:
                    return np.array(rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise KerazooError(f"{path} cannot be read as CSV: {error}") from error
    raise KerazooError(f"{path} has {len(rows):,} rows; the task needs the first {needed:,}.")


def _row(path: Path, line: int, row: list[str]) -> tuple[datetime.datetime, list[float]]:
    try:
        if len(row) != len(COLUMNS) + 1:
            raise ValueError(f"{len(row)} columns instead of {len(COLUMNS) + 1}")
        when = datetime.datetime.fromisoformat(row[0])
        if when.tzinfo is not None:
            raise ValueError(f"{row[0]!r} has a time zone; ETTh1's hours have none")
        for name, value in zip(COLUMNS, row[1:], strict=True):
            if not value.strip():
                raise ValueError(f"{name} is missing")
        values = [float(value) for value in row[1:]]
        if not all(map(math.isfinite, values)):
            raise ValueError("a value is NaN or infinite")
    except (ValueError, IndexError) as error:
        raise KerazooError(f"{path}, line {line}: {error}.") from None
    return when, values
