"""Classify picture files or texts with the zoo's trained weights or a run's model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import building, evidence, registry
from kerazoo.datasets import text as texts
from kerazoo.datasets.pictures import Invert, read_picture
from kerazoo.errors import KerazooError
from kerazoo.evaluating import is_run
from kerazoo.evaluation.figures import is_picture
from kerazoo.own.csv_file import column
from kerazoo.own.data import listed
from kerazoo.predicting_tables import (
    TablePredictions,
    beside_the_truth,
    is_table,
    predict_table,
    read_inputs,
    table_kind,
)
from kerazoo.training import run
from kerazoo.training.inference import probabilities

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
    """A trained classifier that stays loaded; call it with a list of inputs.

    Attributes:
        model: the model.
        labels: the name of each class.
        light_on_dark: of pictures: it knows light strokes on a dark ground.
        vocabulary: of text: the tokens in the order of their ids; None for a model of pictures.
        invert: of pictures: what it does about dark and light unless it is told.
        text: of a run on texts: the column that held them.
        target: likewise, the one that held their classes.
    """

    model: keras.Model
    labels: list[str]
    light_on_dark: bool
    vocabulary: tuple[str, ...] | None
    invert: Invert = "auto"
    text: str | None = None
    target: str | None = None

    def __call__(self, inputs: Sequence[Any], *, invert: Invert | None = None) -> list[Prediction]:
        """Classify picture files, pictures as arrays, or texts; see :func:`predict`."""
        if isinstance(inputs, (str, bytes, os.PathLike)) or not len(inputs):
            raise KerazooError("predict needs a list of files or texts, with at least one.")
        if invert is not None and self.vocabulary is not None:
            raise KerazooError("invert goes with pictures; this model reads texts.")
        prepared: dict[int, _Prepared] = {}
        errors: dict[int, str] = {}
        for index, given in enumerate(inputs):
            try:
                if self.vocabulary is not None:
                    prepared[index] = _prepare_text(self, given)
                else:
                    prepared[index] = _prepare_picture(self, given, invert or self.invert)
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
) -> list[Prediction] | TablePredictions:
    """Classify picture files or texts; predict for a table, or the next steps of a series.

    Loads the model each time; :func:`predictor` gives one that stays loaded.

    Args:
        source: an entry with trained weights (``"mnist_cnn@mnist"``) or a run folder.
        inputs: for a model of pictures: files of any size and kind that Pillow reads (see
            :func:`kerazoo.datasets.pictures.read_picture` for how they are brought to shape), or
            arrays of raw pixels in the model's shape. For a model of text: the texts themselves,
            or paths (``pathlib.Path``, or the name of a file that exists) of UTF-8 files, or a
            CSV file or DataFrame with a column of texts. For a model that was fine-tuned on a
            table or a series: one CSV file, a pandas DataFrame, or an array of rows
            ``(n, columns)``.
        invert: of picture files: ``"auto"``, ``"yes"`` or ``"no"``: exchange dark and light; None
            does as the model was trained (of the zoo's own: ``"auto"``).
        text: of a table of texts: the column that holds them; by default the one of the training.

    Returns:
        One prediction per input, in order. An input that cannot be read has ``.error`` set; the
        others are predicted all the same. Of a table, of texts too, or a series: ``.frame``, a
        DataFrame.

    Raises:
        KerazooError: no input given, no such entry or run, it classifies neither pictures nor
            text, or it has no trained weights.
    """
    if is_run(source) and (config := _run_config(source)) and table_kind(config):
        for name, asked in (("invert", invert), ("text", text)):
            if asked is not None:
                raise KerazooError(f"{name} goes with pictures or texts; this model reads tables.")
        return predict_table(Path(source), config, inputs)
    if is_table(inputs) and (known := predictor(source)).vocabulary is not None:
        return _predict_table_of_texts(known, inputs, text, os.fspath(source))
    if text is not None:
        raise KerazooError("text names the column of a CSV file of texts; none is given.")
    if hasattr(inputs, "columns"):
        raise KerazooError(f"{os.fspath(source)} reads pictures; a DataFrame holds none.")
    if isinstance(inputs, (str, bytes, os.PathLike)) or not len(inputs):
        raise KerazooError("predict needs a list of files or texts, with at least one.")
    return predictor(source)(inputs, invert=invert)


def _predict_table_of_texts(
    known: Predictor, inputs: Any, text: str | None, source: str
) -> TablePredictions:
    """The class of each text of a table; none, and a note, where a text holds no known word."""
    import pandas as pd

    table = read_inputs(inputs, source)
    name = column(table.frame, text or known.text, f"the column of texts in {table.where} (--text)")
    target = known.target or "label"
    said = known([_AsText(str(t)) for t in table.frame[name]])
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


class _AsText(str):
    """A text that is not looked up as the name of a file."""


def _shown(given: Any) -> str:
    if hasattr(given, "shape"):
        return f"array {given.shape}"
    return os.fspath(given) if isinstance(given, (str, os.PathLike)) else repr(given)


def _run_config(source: str | os.PathLike[str]) -> dict[str, Any]:
    folder = Path(source)
    if not folder.is_dir():
        raise KerazooError(f"there is no run folder {folder}.")
    return run.read_config(folder)


def predictor(source: str | os.PathLike[str]) -> Predictor:
    """Load a trained classifier once, to predict with it many times.

    Args:
        source: an entry with trained weights (``"mnist_cnn@mnist"``) or a run folder.

    Raises:
        KerazooError: no such entry or run, it classifies neither pictures nor text, or it has no
            trained weights.
    """
    if is_run(source):
        folder = Path(source)
        config = _run_config(folder)
        if not config["data"]["labels"] or config.get("networks", ["model"]) != ["model"]:
            raise KerazooError(f"the model in {folder} classifies nothing.")
        model = run.load_model(folder, config)
        own = folder / run.VOCABULARY
        treatment = config.get("own", {}).get("treatment", {})
        found = Predictor(
            model,
            config["data"]["labels"],
            config["data"]["light_on_dark"],
            texts.read_vocabulary(own) if config["data"].get("text") else None,
            treatment.get("invert", "auto"),
            treatment.get("text"),
            treatment.get("targets", [None])[0],
        )
    else:
        entry = registry.get_entry(os.fspath(source))
        if registry.task_of(entry) != "classification":
            raise KerazooError(
                f"{entry.name} is for {registry.task_of(entry)}; predict classifies picture files "
                "and texts only."
            )
        model = building.build_for(entry)
        evidence.load_bundled_weights(model, entry)
        dataset = registry.get_dataset(entry.dataset)
        tokens = texts.read_vocabulary(dataset.vocabulary) if dataset.vocabulary else None
        found = Predictor(model, list(dataset.labels), dataset.light_on_dark, tokens)
    shape = found.model.input_shape[1:]
    if found.vocabulary is None and not is_picture(shape):
        raise KerazooError(
            f"{os.fspath(source)} takes examples of shape {shape}, which are neither pictures nor "
            "text; predict reads those only."
        )
    return found


def _prepare_picture(known: Predictor, given: Any, invert: Invert) -> _Prepared:
    shape = known.model.input_shape[1:]
    if hasattr(given, "shape"):
        return _Prepared(_pixels(given, shape))
    if not isinstance(given, (str, os.PathLike)):
        raise KerazooError(f"{given!r} is neither a file name nor an array.")
    picture = read_picture(
        Path(given),
        shape,
        light_on_dark=known.light_on_dark,
        invert=invert,
    )
    note = "dark and light exchanged (--invert no: leave as it is)" if picture.inverted else ""
    return _Prepared(picture.pixels, note)


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


def _prepare_text(known: Predictor, given: Any) -> _Prepared:
    raw = _text_of(given)
    tokens = texts.tokens_of(raw)
    if not tokens:
        raise KerazooError("the text holds no word.")
    length = known.model.input_shape[1]
    assert known.vocabulary is not None
    ids = texts.encode([raw], known.vocabulary, length)[0]
    if (ids <= texts.UNKNOWN).all():
        raise KerazooError("the text holds no word that the model knows from its training texts.")
    note = ""
    if len(tokens) > length:
        note = f"only {texts.KEPT} {length} of its {len(tokens):,} words are read"
    return _Prepared(ids, note)


def _text_of(given: Any) -> str:
    """The text that was given, or that of the file that was named."""
    if isinstance(given, str) and not isinstance(given, _AsText) and _names_a_file(given):
        given = Path(given)
    if isinstance(given, os.PathLike):
        try:
            given = Path(given).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise KerazooError(f"{os.fspath(given)} cannot be read as text: {error}.") from None
    if not isinstance(given, str) or "\0" in given:
        raise KerazooError(f"{type(given).__name__} with these contents is no text.")
    if len(given) > MOST_CHARACTERS:
        raise KerazooError(
            f"the text has {len(given):,} characters; more than {MOST_CHARACTERS:,} is no review."
        )
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
    return list(probabilities(model, np.stack(examples)))


def _prediction(given: str, row: Any, labels: list[str], note: str) -> Prediction:
    best = int(row.argmax())
    return Prediction(
        input=given,
        label=labels[best],
        probability=float(row[best]),
        probabilities={name: float(p) for name, p in zip(labels, row, strict=True)},
        note=note,
    )
