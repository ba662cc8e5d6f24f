"""Certificate of an export: its runtime gives the outputs and the metric that Keras gives."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerazoo._files import finite
from kerazoo._lazy import keras, np
from kerazoo._parts import Bullets, Part, Shown, Table
from kerazoo.datasets import _text as text
from kerazoo.errors import KerazooError
from kerazoo.exporting.formats import Runner
from kerazoo.finetuning.readers.series import MAX_ROUNDING
from kerazoo.metrics import Metric, metric
from kerazoo.spec import Data
from kerazoo.tasks.base import Task
from kerazoo.training import engine

# Allowed differences. Runtimes add in another order, and float32 has seven digits. The largest
# ones of the zoo, benchmarks/EXPORT.md, are an eighth of the first and a tenth of the second.
OUTPUT_TOLERANCE = 1e-4  # times the largest output in absolute value, or 1 if that is less
METRIC_TOLERANCE = 1e-5  # times the metric; one that counts right answers must be equal
FIRST_BATCHES = (1, 3, 2, 5, 5, 5)
WARM_UP, MAX_CALLS, MIN_CALLS, MAX_SECONDS = 5, 50, 5, 2.0  # for timing


@dataclass(frozen=True, kw_only=True)
class TextCheck:
    """Raw texts of the same examples, through an export that takes them.

    Attributes:
        difference: largest absolute difference to the outputs of Keras on token ids.
        value: the metric.
    """

    difference: float
    value: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Outputs and metric of an export, and of the Keras network on the same examples.

    Attributes:
        metric: such as ``accuracy``.
        before: metric of the Keras model.
        after: metric of the export; NaN if its outputs are not finite or have another shape.
        examples: number of test examples.
        difference: largest absolute difference between two outputs, in the units of the trained
            network (for a series: standard deviations); NaN if an output is not finite, infinite
            if the outputs have another shape.
        compared: rows of outputs.
        scale: largest absolute output of Keras.
        rounding: what float32 alone may add to the difference.
        texts: for an export that takes raw texts.
        allowed: for a format that rounds, what the metric in percent may change by, as a fraction;
            the outputs are not judged then.
    """

    metric: str
    before: float
    after: float
    examples: int
    difference: float
    compared: int
    scale: float
    rounding: float = 0.0
    texts: TextCheck | None = None
    allowed: float | None = None

    @property
    def measure(self) -> Metric:
        """The metric."""
        return metric(self.metric)

    @property
    def tolerance(self) -> float:
        """Largest difference of outputs that is allowed; infinite if they are not judged."""
        if self.allowed is not None:
            return math.inf
        return OUTPUT_TOLERANCE * max(1.0, self.scale) + min(self.rounding, MAX_ROUNDING)

    @property
    def metric_tolerance(self) -> float:
        """Largest difference of the metric that is allowed; by ``allowed`` at least one example."""
        if self.allowed is not None:
            return max(self.allowed, 1 / self.examples)
        if self.measure.percent:
            return 0.0
        size = abs(self.before)
        if self.metric == "r2":  # 1 minus an error, and rounding changes the error
            size = max(size, 1 - self.before)
        return (METRIC_TOLERANCE + min(self.rounding, MAX_ROUNDING)) * size

    @property
    def problems(self) -> list[str]:
        """Reasons why the certificate says FAIL."""
        found = self._problems("", self.difference, self.after)
        if self.texts is not None:
            found += self._problems("on raw texts ", self.texts.difference, self.texts.value)
        return found

    def _problems(self, where: str, difference: float, value: float) -> list[str]:
        if math.isnan(difference):
            return [f"{where}an output is NaN or infinite"]
        found = []
        if not difference <= self.tolerance:
            found.append(
                f"{where}an output differs by {difference:.2g}; {self.tolerance:.2g} is allowed"
            )
        bound = self.metric_tolerance * (1 + 1e-9)  # the difference of two fractions is rounded
        if not abs(value - self.before) <= bound:
            found.append(
                f"{where}the {self.measure.title} is {value!r}, with Keras {self.before!r}; "
                f"{self.metric_tolerance:.2g} is allowed"
            )
        return found

    @property
    def passed(self) -> bool:
        """True if outputs and metric are those of Keras."""
        return not self.problems


@dataclass(frozen=True, kw_only=True, repr=False)
class Certificate(Shown, Comparison):
    """An export, compared with Keras through the format's runtime.

    Attributes:
        source: the entry or run directory.
        entry: ``model@dataset``.
        network: the exported network of the model: ``model``, or ``generator``.
        format: such as ``onnx``.
        runtime: name of the runtime that read the export back.
        path: the exported file or directory.
        test_examples: size of the test split.
        bytes: size of the export.
        milliseconds: for one example, median of ``calls`` warm calls; informational.
        keras_milliseconds: likewise for Keras's ``predict_on_batch``.
        calls: number of timed calls.
        notes: for the users of the export.
        files: SHA-256 of every file next to the certificate, by name.
        environment: versions and machine.
    """

    source: str
    entry: str
    network: str
    format: str
    runtime: str
    path: Path
    test_examples: int
    bytes: int
    milliseconds: float
    keras_milliseconds: float
    calls: int
    notes: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def _line(self) -> str:
        verdict = "PASS" if self.passed else "FAIL"
        result = f"{self.measure.title} {self.measure.show(self.after)} by {self.runtime}"
        return f"{verdict}: {self.source} as {self.format}, {result}; {self.path}"

    @property
    def table(self) -> Table:
        """Outputs, metric, time and size in the format's runtime, and in Keras."""
        show, bound = self.measure.show, self.metric_tolerance
        allowed = "not judged" if self.allowed is not None else f"{self.tolerance:.2g}"

        def metric_row(name: str, value: float) -> tuple[str, ...]:
            difference = f"{abs(value - self.before):.2g}"
            return name, show(self.before), show(value), difference, f"{bound:.2g}"

        def outputs_row(name: str, difference: float) -> tuple[str, ...]:
            return f"{self.compared:,} {name}", "", "", f"{difference:.2g}", allowed

        rows = [
            outputs_row("outputs", self.difference),
            metric_row(self.measure.short or self.measure.title, self.after),
        ]
        if self.texts is not None:
            rows.append(outputs_row("outputs of raw texts", self.texts.difference))
            rows.append(metric_row("accuracy on raw texts", self.texts.value))
        times = (f"{t:.3f} ms" for t in (self.keras_milliseconds, self.milliseconds))
        rows += [("time", *times, "", ""), ("size", "", f"{self.bytes / 1000:,.1f} kB", "", "")]
        some = "" if self.examples == self.test_examples else f"{self.examples:,} of "
        return Table(
            ("", "Keras", "export", "largest difference", "allowed"),
            rows,
            range(1, 5),
            title=f"{self.entry} as {self.format}, read back by {self.runtime}",
            note=f"{self.measure.title} on {some}{self.test_examples:,} test examples; time: one "
            f"example, median of {self.calls} warm calls",
        )

    @property
    def remarks(self) -> list[str]:
        """Notes and problems, each with its kind."""
        return [*(f"note: {t}" for t in self.notes), *(f"problem: {t}" for t in self.problems)]

    def _parts(self) -> list[Part]:
        return [self.table, Bullets(self.remarks)]

    def as_json(self) -> dict[str, Any]:
        """The certificate as JSON; null for a number that is not finite."""
        derived = ("tolerance", "metric_tolerance", "passed", "problems")
        content = {**dataclasses.asdict(self), "path": str(self.path)}
        return finite(content | {name: getattr(self, name) for name in derived})


def compare(
    task: Task,
    model: keras.Model,
    data: Data,
    runner: Runner,
    on_texts: Runner | None = None,
    rounding: float = 0.0,
    allowed: float | None = None,
) -> Comparison:
    """Compare all outputs of a Keras model and of its export on the test split, and their metric.

    Args:
        task: gives the network's inputs and scores its outputs.
        model: the trained Keras model.
        data: its data.
        runner: from inputs of the network to its outputs, through the export.
        on_texts: likewise through raw texts, for a text model.
        rounding: what float32 alone may add to the difference.
        allowed: see :class:`Comparison`.

    Raises:
        KerazooError: the Keras model itself gives outputs that are not finite.
    """
    inputs = task.inputs(model, data)
    expected = engine.predict(task.network(model), inputs)
    if not np.isfinite(expected).all():
        raise KerazooError(
            "The Keras model gives outputs that are NaN or infinite, so an export cannot be "
            "compared with it. Train it again with a smaller learning rate."
        )
    before = task.score(task.postprocess(model, expected), data)

    def check(run: Runner) -> TextCheck:
        raw = in_batches(run, inputs)
        if raw.shape != expected.shape:
            return TextCheck(difference=math.inf, value=math.nan)
        if not np.isfinite(raw).all():
            return TextCheck(difference=math.nan, value=math.nan)
        difference = float(np.abs(raw.astype(np.float64) - expected).max())
        value = task.score(task.postprocess(model, raw), data).value
        return TextCheck(difference=difference, value=value)

    found = check(runner)
    return Comparison(
        metric=before.metric,
        before=before.value,
        after=found.value,
        examples=before.examples,
        difference=found.difference,
        compared=len(expected),
        scale=float(np.abs(expected).max()),
        rounding=rounding,
        texts=None if on_texts is None else check(on_texts),
        allowed=allowed,
    )


def in_batches(runner: Runner, x: np.ndarray) -> np.ndarray:
    """Outputs for all examples, in batches whose size changes at first.

    A runtime can be right at every size and yet wrong after a change from one to another.
    """
    sizes = [*FIRST_BATCHES, *[engine.INFERENCE_BATCH] * (len(x) // engine.INFERENCE_BATCH)]
    borders = np.cumsum(sizes)
    return np.concatenate([runner(part) for part in np.split(x, borders[borders < len(x)])])


def milliseconds(runner: Runner, example: Any) -> tuple[float, int]:
    """Median time of a warm call with one example, and the number of calls."""
    for _ in range(WARM_UP):
        runner(example)
    taken: list[float] = []
    while len(taken) < MIN_CALLS or (len(taken) < MAX_CALLS and sum(taken) < MAX_SECONDS):
        start = time.perf_counter()
        runner(example)
        taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken), len(taken)


def typed_texts(ids: np.ndarray, vocabulary: Sequence[str]) -> list[bytes]:
    """Texts, as people type them, with given token ids ``(n, length)``.

    The words are those of the examples; capitals, punctuation, line breaks and ``<br />`` are
    random with seed 0. A word outside the vocabulary stands for an unknown one, and a word too
    many precedes those of an example that fills the whole length.
    """
    random = np.random.RandomState(0)
    known = [token.encode() for token in vocabulary]
    unknown = b"x" * (1 + max(map(len, known)))
    cases = (bytes, bytes, bytes.upper, bytes.capitalize)
    blanks = (b" ", b" ", b"  ", b"\n", b", ", b". ", b' "', b"<br /><br />", b" -- ")
    texts = []
    for row in ids:
        tokens = [unknown if i == text.UNKNOWN else known[i - text.FIRST] for i in row if i]
        if len(tokens) == len(row):
            tokens.insert(0, b"before")
        pieces = [
            cases[random.randint(len(cases))](token) + blanks[random.randint(len(blanks))]
            for token in tokens
        ]
        texts.append(b"".join(pieces))
    return texts
