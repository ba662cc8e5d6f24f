"""Predictions, and what the predictors of all kinds of input share."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from kerazoo._files import save_atomic
from kerazoo._lazy import np, pd
from kerazoo._parts import Bullets, Part, Shown, Table
from kerazoo.errors import KerazooError, ReadingError, cut
from kerazoo.finetuning.readers._csv import CsvOptions
from kerazoo.finetuning.readers.images import counted, files_below
from kerazoo.predicting.trained import Trained
from kerazoo.training import engine

MAX_ROWS = 12  # of predictions that are shown
MAX_SHOWN = 80  # characters of an input
NAMED = (str, bytes, os.PathLike)  # types of a file or a text
URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


@dataclass(frozen=True, repr=False)
class Prediction(Shown):
    """Class or labels of one input, or the reason why it could not be read.

    Attributes:
        input: the file or text as given.
        label: name of the predicted class, which is the most probable one unless the run has a
            threshold; of several labels all that are predicted, or ``none``. None with an error.
        probability: of ``label``; None if that is not one label.
        probabilities: of every class, by name.
        note: how the input was changed, or why the prediction is unsure; else empty.
        error: why there is no prediction; None if there is one.
    """

    input: str
    label: str | None = None
    probability: float | None = None
    probabilities: dict[str, float] | None = None
    note: str = ""
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Output of ``kerazoo predict --json`` for one input."""
        return dict(vars(self))

    def cells(self, top: int = 1) -> list[tuple[str, str, str, str]]:
        """Input, class, probability and remark; then the next of the ``top`` most probable ones."""
        given, chances = cut(self.input, MAX_SHOWN), self.probabilities
        if chances is None or self.label is None:
            return [(given, "–", "", self.error or self.note)]
        others = sorted(set(chances) - {self.label}, key=lambda k: -chances[k])[: top - 1]
        shown = {
            k: f"{100 * chances[k]:.1f} %" if k in chances else "" for k in (self.label, *others)
        }
        first, *more = shown.items()
        return [(given, *first, self.note), *(("", *pair, "") for pair in more)]

    def _line(self) -> str:
        given, *result = self.cells()[0]
        return f"{given}: {' '.join(filter(None, result))}"


class PredictionList(Shown, list[Prediction]):
    """One :class:`Prediction` per input, in order.

    Attributes:
        notes: what was given and is not among them, a line each.
    """

    notes: tuple[str, ...] = ()

    def _line(self) -> str:
        labels = ", ".join(p.label or "–" for p in self[:MAX_ROWS])
        return f"{len(self):,}: {labels}{', …' if len(self) > MAX_ROWS else ''}"

    def table(self, top: int = 1) -> Table:
        """The ``top`` most probable classes of each input."""
        rows = [row for p in self for row in p.cells(top)]
        title = f"{len(self):,} predictions"
        return Table(("input", "class", "probability", "note"), rows, [2], title)

    def _parts(self) -> list[Part]:
        return [self.table(), *[Bullets(self.notes)] * bool(self.notes)]


@dataclass(frozen=True, repr=False)
class TablePredictions(Shown):
    """Predictions for a table.

    Attributes:
        frame: for each row of a table, in order, the predicted target and the probabilities of
            its classes; for a series, the next steps with their dates.
        notes: how the input was changed, or what differs from the training data, a line each.
        kind: ``table``, ``texts`` or ``series``.
        inputs: the table that was given; None for a series, whose next steps it does not hold.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]
    kind: str
    inputs: pd.DataFrame | None = None

    def _line(self) -> str:
        return f"{self.kind}: {len(self.frame):,} rows of {', '.join(map(str, self.frame.columns))}"

    def _parts(self) -> list[Part]:
        head = self.frame.head(MAX_ROWS)
        rows = head.astype(object).to_numpy().tolist()
        title = f"{len(head):,} of {len(self.frame):,} rows"
        return [Table(list(head.columns), rows, title=title), Bullets(self.notes)]

    def as_json(self) -> dict[str, Any]:
        """Output of ``kerazoo predict --json``."""
        rows = json.loads(self.frame.to_json(orient="records", date_format="iso"))
        return {"kind": self.kind, "rows": rows, "notes": list(self.notes)}

    @property
    def rows(self) -> pd.DataFrame:
        """``frame`` after the number of each row and its columns of the input.

        A predicted column that the input has too is called ``predicted …``.
        """
        if self.inputs is None:
            return self.frame
        whole = self.inputs.reset_index(drop=True)
        for name in self.frame.columns:
            free = str(name)
            while free in whole.columns:
                free = f"predicted {free}"
            whole[free] = self.frame[name]
        whole.insert(0, "row" if "row" not in whole.columns else "row number", whole.index + 1)
        return whole

    def write_csv(self, path: Path) -> None:
        """Write ``rows`` as UTF-8, atomically."""
        save_atomic(path, lambda new: self.rows.to_csv(new, index=False, compression=None))


# What to do with a table and a model that takes none.
OWN_TABLE = (
    "For rows of your own train a model first, `kerazoo finetune mlp FILE.csv --target COLUMN`."
)

Predictions = PredictionList | TablePredictions


@dataclass(frozen=True, repr=False)
class Predictor(Shown):
    """A trained model that stays loaded; call it with inputs.

    A subclass has ``predict(inputs)`` with the options of :func:`kerazoo.predict` that it takes.
    """

    trained: Trained
    predict: ClassVar[Callable[..., Predictions]]

    def _line(self) -> str:
        return self.trained.source

    def __call__(self, inputs: Any, **options: str | None) -> Predictions:
        """Predict for inputs as :func:`kerazoo.predict` takes them, with its options."""
        given = {name: value for name, value in options.items() if value is not None}
        for name in given:
            _, *known = inspect.signature(self.predict).parameters
            if name not in known:
                raise KerazooError(
                    f"{name} is no option of {self.trained.source}, which has "
                    f"{' and '.join(known) or 'none'}."
                )
        try:
            several, skipped = self._several(inputs)
            found = self.predict(several, **given)
            if skipped and isinstance(found, PredictionList):
                found.notes = (f"skipped: {skipped}",)
            return found
        except ReadingError as error:  # the options that it names are those of the training
            csv = getattr(self.trained.reading, "csv", CsvOptions())
            raise KerazooError(
                f"{error.what} Write the file as the training file was written: {csv}."
            ) from None

    def suffixes(self) -> Collection[str]:
        """Suffixes of the files of a directory that the model can read; none if it takes none."""
        return ()

    def is_one(self, array: np.ndarray) -> bool:
        """True for an array that is one input and not several."""
        return False

    def _several(self, inputs: Any) -> tuple[Any, str]:
        """Inputs as a table or a list: one becomes a list, rows a table, directories their files.

        And which files of these are skipped.

        Raises:
            KerazooError: a URL, or a directory without files that the model can read.
        """
        if isinstance(inputs, Mapping):
            of_columns = all(np.ndim(value) for value in inputs.values())
            inputs = pd.DataFrame(dict(inputs) if of_columns else [inputs])
        if hasattr(inputs, "columns"):
            return inputs, ""
        if isinstance(inputs, NAMED) or (hasattr(inputs, "shape") and self.is_one(inputs)):
            inputs = [inputs]
        if not isinstance(inputs, (list, tuple)):
            return inputs, ""
        if inputs and all(isinstance(row, Mapping) for row in inputs):
            return pd.DataFrame(list(inputs)), ""
        several, skipped, source = list[Any](), Counter[str](), self.trained.source
        for given in inputs:
            if isinstance(given, str) and URL.fullmatch(given):
                raise KerazooError(f"{given} is a URL, and predict opens none: download it first.")
            # os.path's, as it takes a text that no file can be named for no directory.
            if isinstance(given, (str, os.PathLike)) and os.path.isdir(given):
                if not (known := self.suffixes()):
                    raise KerazooError(f"{source} takes one file, and {given} is a directory.")
                files, chosen, others = files_below(Path(given), known)
                if not chosen:
                    raise KerazooError(f"{given} holds no file that {source} reads.")
                several += [Path(given, file) for file in files if file in chosen]
                skipped += others
            else:
                several.append(given)
        return several, counted(skipped)

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Outputs of the network that was trained; of a classifier the probabilities."""
        core = self.trained.core
        return self.trained.task.postprocess(core, engine.predict(core, x))

    def classify(
        self, inputs: Any, prepare: Callable[[Any], tuple[np.ndarray, str]]
    ) -> PredictionList:
        """Predict for each input that can be prepared.

        Args:
            inputs: the inputs.
            prepare: gives one input as the model takes it, and a note; a KerazooError that it
                raises becomes the error of that input.
        """
        predictions, examples = [], []
        for given in _listed(inputs):
            try:
                x, note = prepare(given)
                examples.append(x)
                predictions.append(Prediction(_shown(given), note=note))
            except KerazooError as error:
                predictions.append(Prediction(_shown(given), error=str(error)))
        rows = iter(self.outputs(np.stack(examples)) if examples else ())
        return PredictionList(
            p if p.error else self._with_class(p, next(rows)) for p in predictions
        )

    def _with_class(self, p: Prediction, row: np.ndarray) -> Prediction:
        labels = self.trained.labels
        probabilities = dict(zip(labels, row.tolist(), strict=True))
        label = self.trained.task.predicted(row[None], labels, self.trained.threshold)[0]
        return Prediction(p.input, label, probabilities.get(label), probabilities, p.note)


def _listed(inputs: Any) -> Sequence[Any]:
    """The inputs with a length; raises KerazooError unless there are some."""
    one = isinstance(inputs, NAMED) or getattr(inputs, "shape", None) == ()
    several: Any = [] if one or not isinstance(inputs, Iterable) else inputs
    several = several if isinstance(several, Sized) else list(several)
    if not len(several):
        raise KerazooError("predict needs a list of files, arrays or texts, with at least one.")
    return several


def _shown(given: Any) -> str:
    if isinstance(given, (str, os.PathLike)):
        return os.fspath(given)
    return f"array {given.shape}" if hasattr(given, "shape") else repr(given)
