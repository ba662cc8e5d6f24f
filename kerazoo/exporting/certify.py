"""Certify an export: its own runtime reads it back and answers as Keras does, on real examples."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from kerazoo import registry
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers.series import MOST_ROUNDING
from kerazoo.metrics import Metric, metric
from kerazoo.spec import Data, Entry, Split
from kerazoo.training import engine

if TYPE_CHECKING:
    import keras
    import numpy as np

    from kerazoo.exporting.formats import Runner

# Allowed differences. Runtimes add in another order, and float32 has seven digits. What was
# measured, benchmarks/EXPORT.md, lies below an eighth of the first and a tenth of the second.
OUTPUT_TOLERANCE = 1e-4  # times the largest output in absolute value, or 1 if that is less
METRIC_TOLERANCE = 1e-5  # times the metric; one that counts right answers must be equal
FIRST_BATCHES = (1, 3, 2, 5, 5, 5)
WARM_UP, MOST_CALLS, LEAST_CALLS, MOST_SECONDS = 5, 50, 5, 2.0  # of timing


@dataclass(frozen=True, kw_only=True)
class TextCheck:
    """An export that takes raw texts, on the texts of the same examples.

    Attributes:
        difference: largest absolute one between its outputs and those of Keras on token ids.
        value: the metric.
    """

    difference: float
    value: float


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """An export and what its own runtime makes of it, beside Keras.

    Attributes:
        source: the entry or run folder.
        entry: ``model@dataset``.
        network: which network of the model: ``model``, or ``generator`` of a GAN.
        format: such as ``onnx``.
        runtime: that read the export back.
        path: the exported file, or folder.
        metric: such as ``accuracy``.
        before: the metric of the Keras model.
        after: the metric of the export on the same examples; NaN if an output was not finite.
        examples: test examples that were measured.
        test_examples: size of the test split.
        difference: largest absolute one between an output of the export and of the network that
            was trained, in the network's units (of a series: standard deviations); NaN if an
            output was not finite.
        compared: rows of outputs that were compared.
        scale: largest absolute output of Keras.
        rounding: how far float32 alone may round outputs in natural units, in standard deviations.
        texts: of an export that takes raw texts too.
        bytes: size of the export.
        milliseconds: for one example, median of ``calls`` warm calls; informational.
        keras_milliseconds: likewise of Keras's ``predict_on_batch``.
        calls: number of timed calls.
        notes: what a user of the export should know.
        files: SHA-256 of every file beside the certificate, by name.
        environment: versions and machine.
    """

    source: str
    entry: str
    network: str
    format: str
    runtime: str
    path: Path
    metric: str
    before: float
    after: float
    examples: int
    test_examples: int
    difference: float
    compared: int
    scale: float
    rounding: float = 0.0
    texts: TextCheck | None
    bytes: int
    milliseconds: float
    keras_milliseconds: float
    calls: int
    notes: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def measure(self) -> Metric:
        """The metric."""
        return metric(self.metric)

    @property
    def tolerance(self) -> float:
        """The largest difference of outputs that is allowed."""
        return OUTPUT_TOLERANCE * max(1.0, self.scale) + self._rounding

    @property
    def metric_tolerance(self) -> float:
        """The largest difference of the metric that is allowed."""
        if self.measure.percent:
            return 0.0
        size = abs(self.before)
        if self.metric == "r2":  # it is 1 less an error, which rounding changes by a share of it
            size = max(size, 1 - self.before)
        return (METRIC_TOLERANCE + self._rounding) * size

    @property
    def _rounding(self) -> float:
        return min(self.rounding, MOST_ROUNDING)

    @property
    def problems(self) -> list[str]:
        """Why the certificate says FAIL; empty if it says PASS."""
        found = self._problems_of("", self.difference, self.after)
        if self.texts is not None:
            found += self._problems_of("on raw texts ", self.texts.difference, self.texts.value)
        return found

    def _problems_of(self, where: str, difference: float, value: float) -> list[str]:
        if math.isnan(difference):
            return [f"{where}an output is NaN or infinite"]
        found = []
        if not difference <= self.tolerance:
            found.append(
                f"{where}an output differs by {difference:.2g}; {self.tolerance:.2g} is allowed"
            )
        if not abs(value - self.before) <= self.metric_tolerance:
            found.append(
                f"{where}the {self.measure.title} is {value!r}, with Keras {self.before!r}"
            )
        return found

    @property
    def passed(self) -> bool:
        """Whether outputs and metric are what they were."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """The certificate as JSON; a figure that is not finite is null."""
        content = {
            **dataclasses.asdict(self),
            "path": str(self.path),
            "tolerance": self.tolerance,
            "metric_tolerance": self.metric_tolerance,
            "passed": self.passed,
            "problems": self.problems,
        }
        return _finite(content)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(v) for name, v in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True)
class Figures:
    """What measuring an export beside its network gives; as in :class:`Certificate`."""

    metric: str
    before: float
    after: float
    examples: int
    difference: float
    compared: int
    scale: float
    texts: TextCheck | None


class _NotFiniteError(Exception):
    """An output is NaN or infinite, so there is nothing to measure."""


class _Answering:
    """A network as far as measuring asks, whose outputs come from elsewhere and are kept."""

    def __init__(self, network: keras.Model, answer: Callable[[np.ndarray], np.ndarray]):
        self._network = network
        self._answer = answer
        self._parts: list[np.ndarray] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
        """Outputs, float32 ``(n, …)``, as of ``keras.Model.predict_on_batch``."""
        import numpy as np

        said = self._answer(x)
        self._parts.append(said)
        if not np.isfinite(said).all():
            raise _NotFiniteError
        return said

    @property
    def said(self) -> np.ndarray:
        """All outputs that were asked for."""
        import numpy as np

        return np.concatenate(self._parts)


def measure(
    entry: Entry,
    part: str,
    network: keras.Model,
    data: Data,
    runner: Runner,
    on_texts: Runner | None = None,
) -> Figures:
    """Measure a network and its export on the same examples and compare all their outputs.

    Args:
        entry: says what is measured.
        part: the network's name within its model.
        network: the Keras model.
        data: whose test split serves.
        runner: from examples of that split to outputs, through the export in its own runtime.
        on_texts: of a text model: from token ids to outputs through raw texts.

    Raises:
        KerazooError: the Keras model itself gives outputs that are not finite.
    """
    import numpy as np

    def by(answer: Callable[[np.ndarray], np.ndarray]) -> tuple[Any, np.ndarray]:
        network_like = _Answering(network, answer)
        whole = network_like if part == "model" else SimpleNamespace(networks={part: network_like})
        try:
            outcome = registry.task_of(entry).evaluate(whole, data)
        except _NotFiniteError:
            outcome = None
        return outcome, network_like.said

    def against(said: np.ndarray, outcome: Any) -> tuple[float, float]:
        """The largest difference to what Keras said, and the metric."""
        if outcome is None:
            return math.nan, math.nan
        if said.shape != expected.shape:
            return math.inf, outcome.value
        difference = np.abs(said.astype(np.float64) - expected)
        return float(difference.max()), outcome.value

    before, expected = by(lambda x: engine.predict(network, x))
    if before is None:
        raise KerazooError(
            "the model itself gives outputs that are NaN or infinite; there is nothing to compare "
            "an export with. Train it again with a smaller learning rate."
        )
    after, said = by(lambda x: in_batches(runner, x))
    difference, value = against(said, after)
    texts = None
    if on_texts is not None:
        through = on_texts
        other, said = by(lambda x: in_batches(through, x))
        far, figure = against(said, other)
        texts = TextCheck(difference=far, value=figure)
    return Figures(
        metric=before.metric,
        before=before.value,
        after=value,
        examples=before.examples,
        difference=difference,
        compared=len(expected),
        scale=float(np.abs(expected).max()),
        texts=texts,
    )


def in_batches(runner: Runner, x: np.ndarray) -> np.ndarray:
    """The outputs of all examples, in batches whose size changes at first.

    A runtime can be right at every size and yet wrong after a change from one to another.
    """
    import numpy as np

    parts, start = [], 0
    sizes = iter(FIRST_BATCHES)
    while start < len(x):
        stop = start + next(sizes, engine.INFERENCE_BATCH)
        parts.append(runner(x[start:stop]))
        start = stop
    return np.concatenate(parts)


def some_of(data: Data, rows: int) -> Data:
    """The data with at most ``rows`` test examples, drawn with seed 0 where there are more."""
    import numpy as np

    if len(data.test) <= rows:
        return data
    chosen = np.sort(np.random.RandomState(0).choice(len(data.test), rows, replace=False))
    return dataclasses.replace(data, test=Split(data.test.x[chosen], data.test.y[chosen]))


def milliseconds(runner: Runner, example: Any) -> tuple[float, int]:
    """Median time of a warm call with one example, ready for the runner, and of how many calls."""
    for _ in range(WARM_UP):
        runner(example)
    taken: list[float] = []
    while len(taken) < LEAST_CALLS or (len(taken) < MOST_CALLS and sum(taken) < MOST_SECONDS):
        start = time.perf_counter()
        runner(example)
        taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken), len(taken)


def texts_of(ids: np.ndarray, vocabulary: Sequence[str]) -> list[bytes]:
    """Texts, as people type them, that have given token ids ``(n, length)``.

    The words are those of the examples; capitals, punctuation, line breaks and ``<br />`` are
    drawn with seed 0. A word that the vocabulary lacks stands for an unknown one, and words that
    the model does not read stand before those of an example that fills its whole length.
    """
    import numpy as np

    from kerazoo.datasets import _text as text

    random = np.random.RandomState(0)
    known = [token.encode() for token in vocabulary]
    lacking = b"xyzzy"
    while lacking in known:
        lacking += b"x"
    cases = (bytes, bytes, bytes.upper, bytes.capitalize)
    blanks = (b" ", b" ", b"  ", b"\n", b", ", b". ", b' "', b"<br /><br />", b" -- ")
    texts = []
    for row in ids:
        tokens = [lacking if i == text.UNKNOWN else known[i - text.FIRST] for i in row if i]
        if len(tokens) == len(row):
            tokens = [b"before", *tokens]
        words = [cases[random.randint(len(cases))](token) for token in tokens]
        gaps = [blanks[random.randint(len(blanks))] for _ in words]
        texts.append(b"".join(part for pair in zip(words, gaps, strict=True) for part in pair))
    return texts
