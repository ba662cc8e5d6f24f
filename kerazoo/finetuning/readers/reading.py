"""How user data was read: what ``predict`` must know to treat new inputs alike.

A run keeps it in ``config.json``, as JSON.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kerazoo.datasets._images import Invert
from kerazoo.finetuning.readers._columns import Column
from kerazoo.finetuning.readers._csv import CsvOptions


@dataclass(frozen=True, kw_only=True)
class ImageReading:
    """How images were read.

    Attributes:
        invert: see :func:`kerazoo.from_images`.
    """

    invert: Invert = "auto"


@dataclass(frozen=True, kw_only=True)
class RowsReading:
    """How a CSV file or DataFrame was read.

    Attributes:
        targets: the columns to predict.
        csv: how the file was written, with the decimal mark and the order of day and month that
            were found.
    """

    targets: tuple[str, ...]
    csv: CsvOptions = field(default_factory=CsvOptions)


@dataclass(frozen=True, kw_only=True)
class TableReading(RowsReading):
    """How the rows of a table were read.

    Attributes:
        columns: the columns to learn from, in the order of the features.
    """

    columns: tuple[Column, ...]


@dataclass(frozen=True, kw_only=True)
class SeriesReading(RowsReading):
    """How a series was read.

    Attributes:
        time: the column of dates; None where the rows are taken as regular steps.
        step: name of a step, such as ``"hour"``.
        lookback: past steps that the model sees.
        gaps: ``refuse`` or ``interpolate``.
    """

    time: str | None
    step: str
    lookback: int
    gaps: str = "refuse"


@dataclass(frozen=True, kw_only=True)
class TextReading(RowsReading):
    """How texts were read.

    Attributes:
        text: the column of texts.
    """

    text: str


Reading = ImageReading | TableReading | SeriesReading | TextReading
CLASSES: dict[str, Any] = {
    "images": ImageReading,
    "unlabeled_images": ImageReading,
    "table": TableReading,
    "series": SeriesReading,
    "texts": TextReading,
}


def as_json(kind: str, reading: Reading) -> dict[str, Any]:
    """The reading as ``config.json`` keeps it."""
    return {"kind": kind, **dataclasses.asdict(reading)}


def reading_of(config: Mapping[str, Any]) -> Reading | None:
    """How the data of a run was read; None for a run of an entry."""
    if "own" not in config:
        return None
    kept = _with_tuples(config["own"]["treatment"])
    if "columns" in kept:
        kept["columns"] = tuple(Column(**_with_tuples(c)) for c in kept["columns"])
    if "csv" in kept:
        kept["csv"] = CsvOptions(**kept["csv"])
    reading: Reading = CLASSES[kept.pop("kind")](**kept)
    return reading


def _with_tuples(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in kept.items()}
