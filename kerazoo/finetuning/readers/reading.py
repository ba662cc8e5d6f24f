"""Stored reading of user data, with which ``predict`` treats new inputs alike.

A run keeps it in ``config.json``, as JSON.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerazoo._files.schema import limited, parse
from kerazoo.datasets._images import WHITE, Invert
from kerazoo.datasets._text import Standardization
from kerazoo.errors import DamagedFile
from kerazoo.finetuning.readers._columns import Column
from kerazoo.finetuning.readers._csv import CsvOptions
from kerazoo.training.run_config import Own
from kerazoo.training.run_directory import REMEDY


@dataclass(frozen=True, kw_only=True)
class ImageReading:
    """Reading of images. The saved model takes pixels as they were before that.

    Attributes:
        invert: ``"yes"`` if dark and light are inverted in front of the network.
        white: of grayscale of 16 bits, the value that became 255.
        sixteen_bits: all images are such, and the saved model takes their values.
        least_mean: of the pixels of a training image, with 255 as white.
        most_mean: likewise.
        least_maximum: likewise of the largest pixel; by default that of the zoo's datasets.
    """

    invert: Invert = "no"
    white: int = limited(255, WHITE, default=WHITE)
    sixteen_bits: bool = False
    least_mean: float = limited(0, 255, default=0.0)
    most_mean: float = limited(0, 255, default=255.0)
    least_maximum: float = limited(0, 255, default=60.0)

    @property
    def inside(self) -> bool:
        """True if the saved model has steps in front of the network that was trained."""
        return self.sixteen_bits or self.invert == "yes"


@dataclass(frozen=True, kw_only=True)
class RowsReading:
    """Reading of a CSV file or DataFrame.

    Attributes:
        targets: the columns to predict.
        csv: how the file was written, with the decimal mark and the order of day and month that
            were found.
    """

    targets: tuple[str, ...] = limited(filled=True)
    csv: CsvOptions = field(default_factory=CsvOptions)


@dataclass(frozen=True, kw_only=True)
class TableReading(RowsReading):
    """Reading of the rows of a table.

    Attributes:
        columns: the columns to learn from, in the order of the features.
    """

    columns: tuple[Column, ...] = limited(filled=True)


@dataclass(frozen=True, kw_only=True)
class SeriesReading(RowsReading):
    """Reading of a series.

    Attributes:
        past_covariates: columns that the model sees besides the targets.
        future_covariates: likewise, those that are known for the steps to forecast.
        time: the columns that make up a date; empty where the rows are taken as regular steps.
        step: name of a step, such as ``"hour"``.
        lookback: past steps that the model sees.
        gaps: ``refuse`` or ``interpolate``.
        duplicates: ``refuse``, ``mean``, ``sum`` or ``last``.
        resample: ``hour``, ``day``, ``week`` or ``month``, of which the rows are joined; or empty.
        low: the least value of each column; of several series, in the order of ``spread``.
        high: likewise the largest.
        ids: the columns that tell several series apart.
        spread: standard deviation of each target in training, by name of the series; that of a
            single one is empty.
    """

    time: tuple[str, ...]
    step: str
    lookback: int = limited(1, 100_000)
    gaps: str = "refuse"
    duplicates: str = "refuse"
    resample: str = ""
    low: tuple[float, ...] = limited(default=())
    high: tuple[float, ...] = limited(default=())
    ids: tuple[str, ...] = ()
    spread: dict[str, tuple[float, ...]] = field(default_factory=dict)
    past_covariates: tuple[str, ...] = ()
    future_covariates: tuple[str, ...] = ()

    @property
    def covariates(self) -> tuple[str, ...]:
        """The covariates, in the order of the model's input."""
        return self.past_covariates + self.future_covariates

    @property
    def numbers(self) -> tuple[str, ...]:
        """All columns of numbers, in the order of the model's input: the targets come first."""
        return self.targets + self.covariates


@dataclass(frozen=True, kw_only=True)
class TextReading(RowsReading):
    """Reading of texts.

    Attributes:
        text: the column of texts.
        standardization: see :func:`kerazoo.datasets._text.standardize`.
        known: share of the words of the training texts that the model knows.
    """

    text: str
    standardization: Standardization = "latin"
    known: float = limited(0, 1, default=1.0)


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


def reading_of(own: Own, path: Path) -> Reading:
    """Stored reading of a run's data; ``path`` is its ``config.json``.

    Raises:
        DamagedFile: what the run keeps is of no kind of data.
    """
    at, kept = "own.treatment", dict(own.treatment)
    kind = CLASSES.get(str(kept.pop("kind", None)))
    if kind is None:
        known = " or ".join(CLASSES)
        raise DamagedFile(path, f"it is not {known}", REMEDY, f"{at}.kind")
    if kind is SeriesReading and not isinstance(kept.get("time"), list):  # before 2026-11-27
        kept["time"] = [kept["time"]] if kept.get("time") else []
    reading: Reading = parse(kept, kind, path, REMEDY, at)
    return reading
