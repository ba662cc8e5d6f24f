"""A kind of task, such as classification: everything in which one differs from another.

A new kind of task is one file: a subclass of :class:`Task` and ``register_task(MyTask())``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from kerazoo._lazy import Figure, keras, np
from kerazoo.errors import KerazooError, unknown
from kerazoo.plots.figure import save
from kerazoo.plots.learning_curves import Curve, learning_curves
from kerazoo.spec import Data, Dataset, Entry, Recipe, Split, Threshold
from kerazoo.training import engine
from kerazoo.training.augmentation import with_augmentation

# Keras's Normalization divides by no less than its epsilon: smaller variation is lost.
MIN_SPREAD = 1e-7
SAME = 1e-6  # times the largest value: float32 resolves no smaller differences


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Scores of a trained model on a test split.

    Attributes:
        metric: name of the main metric.
        value: main metric.
        standard_error: of ``value`` as an estimate over the test examples.
        examples: size of the test split.
        also: other metrics by name.
        extra: further content of ``metrics.json`` (confusion matrix, class balance, …).
        raw: material of the plots; stays in memory.
    """

    metric: str
    value: float
    standard_error: float
    examples: int
    also: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    raw: Any = None

    def as_metrics(self) -> dict[str, Any]:
        """Content of ``metrics.json``."""
        return {
            "metric": self.metric,
            "value": self.value,
            "standard_error": self.standard_error,
            "examples": self.examples,
            "also": dict(self.also),
            **self.extra,
        }


@dataclass(frozen=True)
class Finished:
    """A finished run, as its plots need it.

    Attributes:
        directory: run directory.
        name: ``model@dataset``.
        history: one row of metrics per epoch; may be empty.
        outcome: scores on the test split.
        data: data of the run.
        head_epochs: epochs before all layers train.
        harder: what makes training harder than a test, such as ``"dropout"``; may be empty.
    """

    directory: Path
    name: str
    history: list[dict[str, float]]
    outcome: Outcome
    data: Data
    head_epochs: int = 0
    harder: str = ""


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """Metrics of simple models, by name and metric.

    Attributes:
        simple: baselines that a useful model has to beat.
        limits: the best values one can expect, such as real against real images.
    """

    simple: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def main(self, metric: str) -> tuple[dict[str, float], dict[str, float]]:
        """Values of one metric: (baselines, limits)."""
        simple = {name: values[metric] for name, values in self.simple.items()}
        return simple, {name: values[metric] for name, values in self.limits.items()}

    def others(self, metric: str) -> dict[str, dict[str, float]]:
        """Values of all metrics but one, by name."""
        rows = {**self.simple, **self.limits}
        kept = {n: {m: v for m, v in f.items() if m != metric} for n, f in rows.items()}
        return {n: f for n, f in kept.items() if f}


class Task:
    """A kind of task. Subclasses override what differs; the defaults suit arrays ``(x, y)``.

    Attributes:
        name: the task's name in the registry.
        metrics: metrics that a dataset may choose as its main one; the first is the default.
        needs: attributes of a dataset that must not be empty, with their meaning.
        has_classes: each example belongs to one of ``labels``.
        has_targets: the model's last layer predicts a target of each example.
    """

    name: str
    metrics: tuple[str, ...]
    needs: ClassVar[Mapping[str, str]] = {}
    has_classes = False
    has_targets = True

    # Datasets and models

    def check_dataset(self, dataset: Dataset) -> None:
        """Raise KerazooError if a fact is missing or the metric is not one of the task."""
        for attribute, meaning in self.needs.items():
            if not getattr(dataset, attribute):
                raise KerazooError(
                    f"dataset {dataset.name!r} needs {attribute} ({meaning}) for task "
                    f"{self.name!r}."
                )
        if dataset.metric not in self.metrics:
            raise unknown(f"metric of dataset {dataset.name!r}", dataset.metric, self.metrics)

    def metric_of(self, entry: Entry) -> str:
        """Main metric of an entry whose dataset was registered for another task."""
        return self.metrics[0]

    def factory_options(self, dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
        """Arguments of the model's factory that follow from the data."""
        return {"input_shape": dataset.input_shape}

    def check_split(self, info: Dataset, split: str, x: np.ndarray, y: np.ndarray) -> None:
        """Raise KerazooError unless the arrays of a split match the dataset's description."""
        check_inputs(info, split, x)

    # Training

    def training_network(self, model: keras.Model, recipe: Recipe) -> keras.Model:
        """Network to fit: the model behind its augmentation, which the saved model lacks."""
        return with_augmentation(model, recipe)

    def compile_arguments(self, model: keras.Model) -> dict[str, Any]:
        """Loss and metrics for ``model.compile``."""
        raise KerazooError(f"task {self.name!r} defines no compile_arguments.")

    def fit_arguments(self, split: Split) -> tuple[Any, ...]:
        """Arrays of a split for ``model.fit``: ``(x, y)`` or ``(x,)``."""
        return split.x, split.y

    def problem(self, row: Mapping[str, float]) -> str | None:
        """Reason why an epoch's metrics show that training has failed, besides NaN."""
        return None

    def after_epoch(self, directory: Path, model: keras.Model, epoch: int, epochs: int) -> None:
        """Write additional files of an epoch to the run directory."""

    # Evaluation

    def network(self, model: keras.Model) -> keras.Model:
        """Network that gives the outputs, and that an export holds."""
        return model

    def inputs(self, model: keras.Model, data: Data) -> np.ndarray:
        """Inputs of :meth:`network` for the test split."""
        return data.test.x

    def postprocess(self, model: keras.Model, raw: np.ndarray) -> np.ndarray:
        """Outputs to score, from the raw ones of :meth:`network`."""
        return raw

    def predicted(
        self, outputs: np.ndarray, labels: Sequence[str], threshold: Threshold | None
    ) -> list[str]:
        """What is predicted for each row of outputs, in words, of a task with ``labels``."""
        raise KerazooError(f"task {self.name!r} predicts no labels.")

    def outputs(self, model: keras.Model, data: Data) -> np.ndarray:
        """Outputs of a trained model on the test split, in inference mode."""
        raw = engine.predict(self.network(model), self.inputs(model, data))
        return self.postprocess(model, raw)

    def score(self, outputs: np.ndarray, data: Data) -> Outcome:
        """Metrics of outputs on the test split, whatever computed them."""
        raise KerazooError(f"task {self.name!r} defines no score.")

    def evaluate(self, model: keras.Model, data: Data) -> Outcome:
        """Metrics of a trained model on the test split."""
        return self.score(self.outputs(model, data), data)

    def calibrate(self, model: keras.Model, data: Data, recipe: Recipe) -> Outcome:
        """Calibrate the outputs of a trained model on validation; its metrics on test then."""
        return self.evaluate(model, data)

    def baselines(self, train: Split, data: Data) -> Baselines:
        """Baselines, trained on the same examples and evaluated on the test split."""
        return Baselines()

    def curves(self, run: Finished) -> tuple[str, list[Curve]]:
        """Title and panels of the learning curves."""
        return f"test {run.outcome.metric} {run.outcome.value:.4f}", [Curve("loss", "loss")]

    def plots(self, run: Finished) -> dict[str, Figure]:
        """Further plots of a finished run by the stem of their file."""
        return {}

    # Cards

    def example(self, dataset: Dataset, source: str) -> list[str]:
        """Lines of Python that use a trained ``model`` and its ``data``.

        Args:
            dataset: the data.
            source: Python expression of the entry's name or the run's directory.
        """
        return ["print(model.predict(data.test.x[:3]), data.test.y[:3])"]

    def example_command(self, dataset: Dataset, source: str) -> str:
        """Arguments of ``kerazoo`` that use a trained model; empty if there is no such command."""
        return ""

    def notes(self, entry: Entry, dataset: Dataset) -> list[str]:
        """Sentences on how to read the metrics."""
        return []

    # Export

    def limit_test_rows(self, data: Data, rows: int) -> Data:
        """The data with at most ``rows`` test examples, chosen with seed 0."""
        if data.test.examples <= rows:
            return data
        chosen = np.sort(np.random.RandomState(0).choice(data.test.examples, rows, replace=False))
        return data.with_test(chosen)

    def side_files(self, data: Data, *, natural_units: bool) -> dict[str, Any]:
        """JSON files of an export that describe its inputs and outputs, by name.

        Args:
            data: the data of the model.
            natural_units: the export takes and gives a series in its units, not standardized.
        """
        return {"labels.json": list(data.info.labels)} if self.has_classes else {}


def write_plots(task: Task, run: Finished) -> None:
    """Write the plots of a finished run to its directory; learning curves need a history."""
    title, curves = task.curves(run)
    plots = task.plots(run)
    if run.history:
        title, moment = f"{run.name}: {title}", (run.head_epochs, run.harder)
        plots["learning_curves"] = learning_curves(title, run.history, curves, *moment)
    for stem, figure in plots.items():
        save(figure, run.directory / f"{stem}.png")


def check_inputs(info: Dataset, split: str, x: np.ndarray) -> str:
    """Raise KerazooError unless ``x`` has the dataset's input shape; returns the place in words."""
    where = f"dataset {info.name!r}, split {split!r}"
    require_array(x, (None, *info.input_shape), "biuf", f"{where}: x")
    if split == "train" and x.dtype.kind == "f" and x.ndim == 2:
        reject_tiny_spread(x, info.columns, where)
    return where


def require_array(array: np.ndarray, shape: tuple[int | None, ...], kinds: str, name: str) -> None:
    """Raise KerazooError unless an array has a shape, a kind of type, and finite values.

    Args:
        array: one row for each example.
        shape: with None for any size above 0.
        kinds: NumPy's letters for kinds of types.
        name: place and name of the array, for messages.
    """
    fits = len(shape) == array.ndim and array.size > 0
    if not (fits and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))):
        wanted = str(shape).replace("None", "n")
        raise KerazooError(f"{name} has shape {array.shape}; expected {wanted} with n above 0.")
    if array.dtype.kind not in kinds:
        wanted = {"iu": "integers", "f": "floating-point numbers"}.get(kinds, "numbers")
        raise KerazooError(f"{name} has type {array.dtype}; expected {wanted}.")
    wrong = ~np.isfinite(array).reshape(len(array), -1).all(axis=1) if "f" in kinds else ()
    if any(wrong):
        raise KerazooError(f"{name} holds a NaN or infinite value in row {np.argmax(wrong)}.")


def reject_tiny_spread(values: np.ndarray, names: Sequence[str], where: str) -> None:
    """Raise KerazooError for a column of ``values`` ``(n, columns)`` that varies by too little.

    Args:
        values: finite values of the training split.
        names: names of the columns, or none.
        where: the place, for the message.
    """
    spread = values.std(axis=0, dtype=np.float64)
    varies = spread > SAME * np.abs(values).max(axis=0)
    for place in map(int, np.flatnonzero(varies & (spread < MIN_SPREAD))):
        name = repr(names[place]) if names else f"number {place + 1}"
        raise KerazooError(
            f"{where}: column {name} has a standard deviation of {spread[place]:.1g}; "
            f"normalization ignores less than {MIN_SPREAD:g}. Use other units."
        )
