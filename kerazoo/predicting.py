"""Classify picture files with the zoo's trained weights or a run's model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import building, evidence, registry
from kerazoo.datasets.pictures import Invert, read_picture
from kerazoo.errors import KerazooError
from kerazoo.evaluating import is_run
from kerazoo.evaluation.figures import is_picture
from kerazoo.training import run
from kerazoo.training.inference import probabilities

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Prediction:
    """What a model says of one file, or why the file could not be read.

    Attributes:
        file: as given.
        label: name of the most probable class; None with an error.
        probability: of ``label``.
        probabilities: of every class, by name.
        inverted: whether dark and light were exchanged before.
        error: why there is no prediction; None if there is one.
    """

    file: str
    label: str | None = None
    probability: float | None = None
    probabilities: dict[str, float] | None = None
    inverted: bool = False
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """What ``kerazoo predict --json`` prints of one file."""
        return dict(vars(self))


def predict(
    source: str | os.PathLike[str],
    files: Sequence[str | os.PathLike[str]],
    *,
    invert: Invert = "auto",
) -> list[Prediction]:
    """Classify picture files.

    Args:
        source: an entry with trained weights (``"mnist_cnn@mnist"``) or a run folder.
        files: pictures of any size and kind that Pillow reads; see
            :func:`kerazoo.datasets.pictures.read_picture` for how they are brought to shape.
        invert: ``"auto"``, ``"yes"`` or ``"no"``: exchange dark and light.

    Returns:
        One prediction per file, in order. A file that cannot be read has ``.error`` set; the
        others are predicted all the same.

    Raises:
        KerazooError: no file given, no such entry or run, or it has no trained weights.
    """
    if not files:
        raise KerazooError("no file given to predict.")
    model, labels, light_on_dark = _classifier(source)
    shape = model.input_shape[1:]
    if not is_picture(shape):
        raise KerazooError(
            f"{os.fspath(source)} takes examples of shape {shape}, which are no pictures; predict "
            "reads picture files only."
        )
    pictures: dict[int, Any] = {}
    errors: dict[int, str] = {}
    for index, file in enumerate(files):
        try:
            pictures[index] = read_picture(
                Path(file), shape, light_on_dark=light_on_dark, invert=invert
            )
        except KerazooError as error:
            errors[index] = str(error)
    rows = _probabilities(model, [p.pixels for p in pictures.values()])
    said = dict(zip(pictures, rows, strict=True))
    return [
        Prediction(os.fspath(file), error=errors[index])
        if index in errors
        else _prediction(os.fspath(file), said[index], labels, pictures[index].inverted)
        for index, file in enumerate(files)
    ]


def _classifier(source: str | os.PathLike[str]) -> tuple[keras.Model, list[str], bool]:
    """The model, its class names, and whether it expects light strokes on a dark ground."""
    if is_run(source):
        folder = Path(source)
        if not folder.is_dir():
            raise KerazooError(f"there is no run folder {folder}.")
        config = run.read_config(folder)
        return (
            run.load_model(folder, config),
            config["data"]["labels"],
            config["data"]["light_on_dark"],
        )
    entry = registry.get_entry(os.fspath(source))
    model = building.build_for(entry)
    evidence.load_bundled_weights(model, entry)
    dataset = registry.get_dataset(entry.dataset)
    return model, list(dataset.labels), dataset.light_on_dark


def _probabilities(model: keras.Model, pixels: list[Any]) -> list[Any]:
    import numpy as np

    if not pixels:
        return []
    return list(probabilities(model, np.stack(pixels)))


def _prediction(file: str, row: Any, labels: list[str], inverted: bool) -> Prediction:
    best = int(row.argmax())
    return Prediction(
        file=file,
        label=labels[best],
        probability=float(row[best]),
        probabilities={name: float(p) for name, p in zip(labels, row, strict=True)},
        inverted=inverted,
    )
