"""How user data was read: what ``predict`` must know to treat new inputs alike.

A run keeps it in ``config.json``, as JSON.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kerazoo.datasets._images import Invert
from kerazoo.finetuning.readers._columns import Column, columns_from
from kerazoo.finetuning.readers._csv import CsvOptions, options_from


@dataclass(frozen=True, kw_only=True)
class ImageReading:
    """How images were read.

    Attributes:
        invert: see :func:`kerazoo.from_images`.
    """

    invert: Invert = "auto"


@dataclass(frozen=True, kw_only=True)
class TableReading:
    """How the rows of a table were read.

    Attributes:
        targets: the columns to predict.
        columns: the columns to learn from, in the order of the features.
        csv: how the file was written.
    """

    targets: tuple[str, ...]
    columns: tuple[Column, ...]
    csv: CsvOptions = field(default_factory=CsvOptions)


@dataclass(frozen=True, kw_only=True)
class SeriesReading:
    """How a series was read.

    Attributes:
        targets: the columns to forecast.
        time: the column of dates; None where the rows are taken as regular steps.
        step: name of a step, such as ``"hour"``.
        lookback: past steps that the model sees.
        gaps: ``refuse`` or ``interpolate``.
        csv: how the file was written, with the order of day and month that was found.
    """

    targets: tuple[str, ...]
    time: str | None
    step: str
    lookback: int
    gaps: str = "refuse"
    csv: CsvOptions = field(default_factory=CsvOptions)


@dataclass(frozen=True, kw_only=True)
class TextReading:
    """How texts were read.

    Attributes:
        text: the column of texts.
        targets: the column of classes.
        csv: how the file was written.
    """

    text: str
    targets: tuple[str, ...]
    csv: CsvOptions = field(default_factory=CsvOptions)


Reading = ImageReading | TableReading | SeriesReading | TextReading
CLASSES: dict[str, Any] = {
    "images": ImageReading,
    "unlabeled_images": ImageReading,
    "table": TableReading,
    "series": SeriesReading,
    "texts": TextReading,
}
# Kinds as config.json names them, where that differs.
NAMES = {"images": "pictures", "unlabeled_images": "drawing", "table": "rows", "texts": "text"}


def as_json(kind: str, reading: Reading) -> dict[str, Any]:
    """The reading as ``config.json`` keeps it."""
    return {"kind": NAMES.get(kind, kind), **dataclasses.asdict(reading)}


def kind_of(config: Mapping[str, Any]) -> str | None:
    """Kind of user data that a run was trained on; None for a run of an entry."""
    kind = config.get("own", {}).get("treatment", {}).get("kind")
    return next((known for known, name in NAMES.items() if name == kind), kind)


def reading_of(config: Mapping[str, Any]) -> Reading | None:
    """How the data of a run was read; None for a run of an entry."""
    kind = kind_of(config)
    if kind is None:
        return None
    kept = config["own"]["treatment"]
    names = [f.name for f in dataclasses.fields(CLASSES[kind])]
    values: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in kept.items() if k in names
    }
    if "columns" in names:
        values["columns"] = tuple(columns_from(kept))
    if "csv" in names:
        values["csv"] = options_from(kept)
    reading: Reading = CLASSES[kind](**values)
    return reading
