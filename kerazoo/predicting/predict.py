"""Predict with an entry's bundled weights or a run's model."""

from __future__ import annotations

import os
from typing import Any

from kerazoo.errors import KerazooError, checked
from kerazoo.finetuning.readers.reading import SeriesReading, TableReading
from kerazoo.predicting._images import ImagePredictor
from kerazoo.predicting._series import SeriesPredictor
from kerazoo.predicting._tables import TablePredictor
from kerazoo.predicting._texts import TextPredictor
from kerazoo.predicting.predictions import OWN_TABLE, Predictions, Predictor
from kerazoo.predicting.trained import open_trained
from kerazoo.spec import is_image


@checked
def predict(
    source: str | os.PathLike[str],
    inputs: Any,
    *,
    invert: str | None = None,
    text: str | None = None,
    gaps: str | None = None,
) -> Predictions:
    """Classify images or texts, predict for the rows of a table, or forecast a series.

    Loads the model each time; :func:`predictor` gives one that stays loaded.

    Args:
        source: an entry with trained weights (``"mnist_cnn@mnist"``), or a run or its directory.
        inputs: one input or a list. For a model of images: files of any size and kind that Pillow
            reads (see :func:`kerazoo.datasets._images.read_image`), directories of them, or
            arrays of raw pixels from 0 to 255 in the model's shape. For a model of texts: the
            texts, or UTF-8 files (a ``pathlib.Path``, or the name of a file that exists),
            directories of ``.txt`` files, or a table with a column of texts. For a model
            fine-tuned on a table or a series: a table, which is one CSV file, a pandas DataFrame,
            a dictionary or a list of them, or an array of rows ``(n, columns)``. No URL.
        invert: for image files: ``"auto"``, ``"yes"`` or ``"no"``: invert dark and light; by
            default as in training (``"auto"`` for bundled weights).
        text: for a table of texts: the column of texts; by default as in training.
        gaps: for a series: ``"refuse"`` missing steps and values or ``"interpolate"`` them; by
            default as in training.

    Returns:
        One :class:`Prediction` per input, in order; an input that cannot be read has ``.error``
        set, and the others are predicted all the same. For a table, also of texts, or a series:
        :class:`TablePredictions`, with a DataFrame as ``.frame``.

    Raises:
        KerazooError: no input; no such entry or run, no trained weights, or a model of another
            kind; an option that is not for this model; a table that cannot be read, lacks a
            column, or is a series too short or irregular.
    """
    return predictor(source)(inputs, invert=invert, text=text, gaps=gaps)


@checked
def predictor(source: str | os.PathLike[str]) -> Predictor:
    """Load a trained model once, to predict with it many times.

    Args:
        source: an entry with trained weights (``"mnist_cnn@mnist"``) or a run directory.

    Returns:
        A callable that takes inputs and options as :func:`predict` does.

    Raises:
        KerazooError: no such entry or run, no trained weights, or a model of another kind.
    """
    trained = open_trained(source)
    if isinstance(trained.reading, TableReading):
        return TablePredictor(trained)
    if isinstance(trained.reading, SeriesReading):
        return SeriesPredictor(trained)
    shape = trained.model.input_shape[1:] if trained.labels and trained.task.has_targets else ()
    if shape and trained.vocabulary is not None:
        return TextPredictor(trained)
    if is_image(shape):
        return ImagePredictor(trained)
    raise KerazooError(
        f"{trained.source} cannot predict for new inputs: predict takes classifiers of images "
        f"or texts, and models fine-tuned on a table or a series; this is one for "
        f"{trained.task.name}{f' with inputs of shape {shape}' if shape else ''}. {OWN_TABLE}"
    )
