"""Classify picture files or texts with the zoo's trained weights or a run's model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import registry
from kerazoo.datasets import _text as texts
from kerazoo.datasets._images import INVERT, Invert, read_image
from kerazoo.errors import KerazooError, require_choice
from kerazoo.finetuning.readers._csv import column, is_missing
from kerazoo.finetuning.readers.user_data import listed
from kerazoo.predicting.tables import (
    TablePredictions,
    TablePredictor,
    beside_the_truth,
    is_table,
    read_inputs,
)
from kerazoo.predicting.trained import open_trained
from kerazoo.spec import is_picture
from kerazoo.training import engine

if TYPE_CHECKING:
    import keras
    import numpy as np

MOST_CHARACTERS = 10_000_000  # of one text; more is a mistake, no review


@dataclass(frozen=True)
class Prediction:
    """What a model says of one input, or why it could not be read.

    Attributes:
        input: the file or text as given.
        label: name of the most probable class; None with an error.
        probability: of ``label``.
        probabilities: of every class, by name.
        note: what was done to the input that its owner should know; empty if nothing was.
        error: why there is no prediction; None if there is one.
    """

    input: str
    label: str | None = None
    probability: float | None = None
    probabilities: dict[str, float] | None = None
    note: str = ""
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """What ``kerazoo predict --json`` prints of one input."""
        return dict(vars(self))


@dataclass(frozen=True)
class Predictor:
    """A trained classifier that stays loaded; call it with inputs.

    Attributes:
        source: the entry or run folder that it comes from.
        model: the model.
        labels: the name of each class.
        light_on_dark: of pictures: it knows light strokes on a dark ground.
        vocabulary: of text: the tokens in the order of their ids; None for a model of pictures.
        invert: of pictures: what it does about dark and light unless it is told.
        text: of a run on texts: the column that held them.
        target: likewise, the one that held their classes.
        fewest_words: that any text of its training held; see :class:`kerazoo.spec.Dataset`.
    """

    source: str
    model: keras.Model
    labels: list[str]
    light_on_dark: bool
    vocabulary: tuple[str, ...] | None
    invert: Invert = "auto"
    text: str | None = None
    target: str | None = None
    fewest_words: int = 0

    def __call__(
        self, inputs: Any, *, invert: Invert | None = None, text: str | None = None
    ) -> list[Prediction] | TablePredictions:
        """Classify picture files, pictures as arrays, texts, or a table of texts.

        See :func:`predict`.
        """
        if self.vocabulary is not None and is_table(inputs):
            return _predict_table_of_texts(self, inputs, text)
        if hasattr(inputs, "columns"):
            raise KerazooError(f"{self.source} reads pictures; a DataFrame holds none.")
        inputs = _several(inputs)
        if self.vocabulary is not None and (files := [f for f in inputs if is_table(f)]):
            raise KerazooError(
                f"{os.fspath(files[0])} is a table; give one table of texts alone, or texts."
            )
        if text is not None:
            raise KerazooError("text names the column of a CSV file of texts; none is given.")
        if invert is not None and self.vocabulary is not None:
            raise KerazooError("invert goes with pictures; this model reads texts.")
        if self.vocabulary is not None:
            return self._each(inputs, lambda given: _prepare_text(self, _text_of(given)))
        asked = self.invert if invert is None else invert
        require_choice("invert", asked, INVERT)
        return self._each(inputs, lambda given: _prepare_picture(self, given, asked))

    def of_texts(self, given: Sequence[str]) -> list[Prediction]:
        """Classify texts, of which none is taken for the name of a file."""
        return self._each(given, lambda text: _prepare_text(self, text))

    def _each(self, inputs: Sequence[Any], prepare: Callable[[Any], _Prepared]) -> list[Prediction]:
        """What the model says of each input, or why it could not be prepared."""
        prepared: dict[int, _Prepared] = {}
        errors: dict[int, str] = {}
        for index, given in enumerate(inputs):
            try:
                prepared[index] = prepare(given)
            except KerazooError as error:
                errors[index] = str(error)
        rows = _probabilities(self.model, [p.x for p in prepared.values()])
        said = dict(zip(prepared, rows, strict=True))
        return [
            Prediction(_shown(given), error=errors[index])
            if index in errors
            else _prediction(_shown(given), said[index], self.labels, prepared[index].note)
            for index, given in enumerate(inputs)
        ]


@dataclass(frozen=True)
class _Prepared:
    """An input as the model takes it."""

    x: np.ndarray
    note: str = ""


def predict(
    source: str | os.PathLike[str],
    inputs: Any,
    *,
    invert: Invert | None = None,
    text: str | None = None,
    gaps: str | None = None,
) -> list[Prediction] | TablePredictions:
    """Classify picture files or texts; predict for a table, or the next steps of a series.

    Loads the model each time; :func:`predictor` gives one that stays loaded.

    Args:
        source: an entry with trained weights (``"mnist_cnn@mnist"``) or a run folder.
        inputs: for a model of pictures: files of any size and kind that Pillow reads (see
            :func:`kerazoo.datasets._images.read_image` for how they are brought to shape), or
            arrays of raw pixels in the model's shape. For a model of text: the texts themselves,
            or paths (``pathlib.Path``, or the name of a file that exists) of UTF-8 files, or a
            CSV file or DataFrame with a column of texts. For a model that was fine-tuned on a
            table or a series: one CSV file, a pandas DataFrame, or an array of rows
            ``(n, columns)``.
        invert: of picture files: ``"auto"``, ``"yes"`` or ``"no"``: exchange dark and light; None
            does as the model was trained (of the zoo's own: ``"auto"``).
        text: of a table of texts: the column that holds them; by default the one of the training.
        gaps: of a series: ``"refuse"`` missing steps and values or ``"interpolate"`` them; None
            does as the training was told to.

    Returns:
        One prediction per input, in order. An input that cannot be read has ``.error`` set; the
        others are predicted all the same. Of a table, of texts too, or a series: ``.frame``, a
        DataFrame.

    Raises:
        KerazooError: no input given, no such entry or run, it classifies neither pictures nor
            text, it has no trained weights, or an option that does not go with it. Of a table: it
            cannot be read, a column is missing, or a series is too short or irregular.
    """
    known = predictor(source)
    if isinstance(known, TablePredictor):
        for name, asked in (("invert", invert), ("text", text)):
            if asked is not None:
                raise KerazooError(f"{name} goes with pictures or texts; this model reads tables.")
        return known(inputs, gaps=gaps)
    if gaps is not None:
        raise KerazooError("gaps go with a series; this model reads pictures or texts.")
    return known(inputs, invert=invert, text=text)


def _several(inputs: Any) -> Sequence[Any]:
    """The inputs as something that has a length; raises KerazooError unless there are some."""
    one = isinstance(inputs, (str, bytes, os.PathLike))
    if one or not isinstance(inputs, Iterable) or not getattr(inputs, "shape", (1,)):
        raise KerazooError("predict needs a list of files or texts, with at least one.")
    several: Any = inputs if isinstance(inputs, Sized) else list(inputs)
    if not len(several):
        raise KerazooError("predict needs a list of files or texts, with at least one.")
    return several


def _predict_table_of_texts(known: Predictor, inputs: Any, text: str | None) -> TablePredictions:
    """The class of each text of a table; none, and a note, where a text holds no known word."""
    import pandas as pd

    table = read_inputs(inputs, known.source)
    name = column(table.frame, text or known.text, f"the column of texts in {table.where} (--text)")
    target = known.target or "label"
    values = table.frame[name]
    said = [
        Prediction("", error="there is no text.") if missing else one
        for one, missing in zip(
            known.of_texts([str(value) for value in values]), is_missing(values), strict=True
        )
    ]
    columns: dict[str, list[Any]] = {target: [p.label for p in said]}
    for label in known.labels:
        columns[f"p({label})"] = [p.probabilities and p.probabilities[label] for p in said]
    predicted = pd.DataFrame(columns)
    notes = [
        f"line {line}: {p.error}"
        for line, p in zip(table.frame.index, said, strict=True)
        if p.error
    ]
    if notes:
        notes = [f"{len(notes):,} text(s) have no prediction: {listed(notes)}"]
    if known.target:
        notes += beside_the_truth(table.frame, predicted, [known.target], known.labels)
    return TablePredictions(predicted, tuple(notes), "text")


def _shown(given: Any) -> str:
    if hasattr(given, "shape"):
        return f"array {given.shape}"
    return os.fspath(given) if isinstance(given, (str, os.PathLike)) else repr(given)


def predictor(source: str | os.PathLike[str]) -> Predictor | TablePredictor:
    """Load a trained model once, to predict with it many times.

    Args:
        source: an entry with trained weights (``"mnist_cnn@mnist"``) or a run folder.

    Returns:
        What takes inputs as :func:`predict` does. For a model of pictures or texts its options
        are ``invert`` and ``text``; for one that was fine-tuned on a table or a series ``gaps``.

    Raises:
        KerazooError: no such entry or run, it predicts none of these, or it has no trained
            weights.
    """
    trained = open_trained(source)
    if trained.treatment.get("kind") in ("rows", "series"):
        return TablePredictor(trained)
    if not trained.task.has_classes:
        raise KerazooError(
            f"{trained.source} is for {trained.task.name}; predict takes classifiers of images "
            "and texts, and models fine-tuned on a table or a series."
        )
    shape = trained.model.input_shape[1:]
    if trained.vocabulary is None and not is_picture(shape):
        raise KerazooError(
            f"{trained.source} takes examples of shape {shape}, which are neither images nor "
            "texts; predict reads those only."
        )
    treatment = trained.treatment
    return Predictor(
        trained.source,
        trained.model,
        list(trained.labels),
        trained.light_on_dark,
        trained.vocabulary,
        treatment.get("invert", "auto"),
        treatment.get("text"),
        treatment.get("targets", [None])[0],
        trained.fewest_words,
    )


def _prepare_picture(known: Predictor, given: Any, invert: Invert) -> _Prepared:
    shape = known.model.input_shape[1:]
    if hasattr(given, "shape"):
        return _Prepared(_pixels(given, shape))
    if not isinstance(given, (str, os.PathLike)):
        raise KerazooError(f"{given!r} is neither a file name nor an array.")
    if not os.fspath(given):
        raise KerazooError("an empty name; give a picture file.")
    picture = read_image(
        Path(given),
        shape,
        light_on_dark=known.light_on_dark,
        invert=invert,
    )
    notes = [f"the first of {picture.frames} frames"] if picture.frames > 1 else []
    if picture.inverted:
        notes.append("dark and light exchanged (--invert no: leave as it is)")
    return _Prepared(picture.pixels, "; ".join(notes))


def _pixels(given: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An array of raw pixels in the model's shape, which a missing channel axis may lack."""
    import numpy as np

    pixels = np.asarray(given)
    if pixels.shape == shape[:-1] and shape[-1] == 1:
        pixels = pixels[..., None]
    if pixels.shape != shape:
        raise KerazooError(f"an array of shape {pixels.shape} is given; the model takes {shape}.")
    if pixels.dtype.kind not in "iuf" or not np.isfinite(pixels).all():
        raise KerazooError("the array holds something else than finite numbers.")
    if pixels.min() < 0 or pixels.max() > 255:
        raise KerazooError("the array holds values outside 0 to 255; raw pixels are wanted.")
    return pixels


def _prepare_text(known: Predictor, raw: str) -> _Prepared:
    if "\0" in raw:
        raise KerazooError("it holds a zero byte, so it is no text.")
    if len(raw) > MOST_CHARACTERS:
        raise KerazooError(
            f"the text has {len(raw):,} characters; more than {MOST_CHARACTERS:,} is no review."
        )
    tokens = texts.tokens_of(raw)
    if not tokens:
        raise KerazooError("the text holds no word.")
    length = known.model.input_shape[1]
    assert known.vocabulary is not None
    ids = texts.encode([raw], known.vocabulary, length)[0]
    if (ids <= texts.UNKNOWN).all():
        raise KerazooError("the text holds no word that the model knows from its training texts.")
    notes = []
    if len(tokens) > length:
        notes.append(f"only {texts.KEPT} {length} of its {len(tokens):,} words are read")
    if (read := int(texts.known_words(ids))) < known.fewest_words:
        count = "one word" if read == 1 else f"{read} words"
        notes.append(f"knows only {count} of it, fewer than of any training text: unsure")
    return _Prepared(ids, "; ".join(notes))


def _text_of(given: Any) -> str:
    """The text that was given, or that of the file that was named."""
    if isinstance(given, str) and _names_a_file(given):
        given = Path(given)
    if isinstance(given, bytes):
        try:
            return given.decode("utf-8")
        except UnicodeDecodeError as error:
            raise KerazooError(f"the bytes are no UTF-8 text: {error}.") from None
    if isinstance(given, os.PathLike):
        try:
            given = Path(given).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise KerazooError(f"{os.fspath(given)} cannot be read as text: {error}.") from None
    if not isinstance(given, str):
        raise KerazooError(f"{type(given).__name__} is no text.")
    return given


def _names_a_file(given: str) -> bool:
    try:
        return "\n" not in given and "\0" not in given and Path(given).is_file()
    except OSError:  # longer than a file name can be
        return False


def _probabilities(model: keras.Model, examples: list[np.ndarray]) -> list[np.ndarray]:
    import numpy as np

    if not examples:
        return []
    raw = engine.predict(model, np.stack(examples))
    return list(registry.get_task("classification").postprocess(model, raw))


def _prediction(given: str, row: Any, labels: list[str], note: str) -> Prediction:
    best = int(row.argmax())
    return Prediction(
        input=given,
        label=labels[best],
        probability=float(row[best]),
        probabilities={name: float(p) for name, p in zip(labels, row, strict=True)},
        note=note,
    )
