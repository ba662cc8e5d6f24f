"""The JSON files of a run directory as dataclasses."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from kerazoo._files.schema import SHA256, limited
from kerazoo.spec import Recipe

SplitName = Literal["test", "validation"]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Facts about a run's data, for predictions without the data.

    Attributes:
        labels: names of the classes, in the order of the outputs; else empty.
        light_on_dark: images show light strokes on a dark background.
        task: kind of task.
        text: the model takes token ids, and a vocabulary lies in the directory.
        fewest_words: of any training text, see :class:`kerazoo.spec.Dataset`.
    """

    labels: tuple[str, ...]
    light_on_dark: bool
    task: str
    text: bool
    fewest_words: int = limited(0, 2**31)


@dataclass(frozen=True, kw_only=True)
class Own:
    """User data of a run: where it lies, how it was read, and the model for it.

    Attributes:
        path: of the data; None if it was given in code.
        test: path of separate test data; None without any.
        reader: name of the reader.
        asked: the reader's options.
        treatment: how the data was read, see :mod:`kerazoo.finetuning.readers.reading`.
        model: the registered model.
        options: of its factory.
    """

    path: str | None
    test: str | None = None
    reader: str = limited(pattern=r"from_\w+")
    asked: dict[str, Any]
    treatment: dict[str, Any]
    model: str
    options: dict[str, Any]

    @property
    def factory_options(self) -> dict[str, Any]:
        """The options as the factory takes them; JSON has lists for tuples."""
        return {k: tuple(v) if isinstance(v, list) else v for k, v in self.options.items()}


@dataclass(frozen=True, kw_only=True)
class Start:
    """Start of a training run, other than fresh weights.

    Attributes:
        entry: ``model@dataset`` of the weights.
        head: layers that a fine-tuning trains first; those that were fresh among them.
        run: directory of the run with the weights; None for those that come with kerazoo.
        weights_sha256: fingerprint of that run's weights.
    """

    entry: str
    head: tuple[str, ...] = ()
    run: str | None = None
    weights_sha256: str | None = limited(default=None, pattern=SHA256)


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """Fingerprints of the model's structure and of the data."""

    model: str = limited(pattern=SHA256)
    data: str = limited(pattern=SHA256)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Content of ``config.json``; two runs with the same one end with the same weights.

    Attributes:
        format: version of the file.
        entry: ``model@dataset``.
        tier: ``full`` or ``smoke``.
        seed: seed of the run.
        engine: see :mod:`kerazoo.training.engine`.
        recipe: training settings.
        networks: names of the saved networks.
        fingerprints: of model and data.
        environment: versions, backend and machine.
        data: what predictions must know of the data.
        own: user data; None for a run of an entry.
        start: what a fine-tuning started from; None for fresh weights.
        split: the split that was evaluated.
        callbacks: classes of the user's callbacks.
        early_stopping: epochs without a better validation loss that end the training; None if
            all epochs are trained.
        threshold: positive class and rule of the decision threshold; None without one.
    """

    format: Literal[1] = 1
    entry: str = limited(pattern=r"[^\x00-\x1f]+@[^\x00-\x1f]+")
    tier: str = limited(pattern="full|smoke")
    seed: int = limited(0, 2**32 - 1)
    engine: str = limited(pattern="auto|plain")
    recipe: Recipe
    networks: tuple[str, ...] = limited(filled=True, pattern=r"\w+")
    fingerprints: Fingerprints
    environment: dict[str, str]
    data: Facts
    own: Own | None = None
    start: Start | None = None
    split: SplitName = "test"
    callbacks: tuple[str, ...] = ()
    early_stopping: int | None = limited(1, 2**31, None)
    threshold: tuple[str, ...] | None = limited(default=None, filled=True)


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Content of ``metrics.json``.

    Attributes:
        metric: name of the main metric.
        value: main metric on the split.
        standard_error: of ``value`` as an estimate over the examples.
        examples: size of the split.
        also: other metrics by name.
        by_target: metrics of each target of a series with several.
        weights_sha256: fingerprint of the trained weights.
        split: the split that was evaluated.
        extra: what else the task adds.
    """

    metric: str = limited(pattern=r"\w+")
    value: float
    standard_error: float = limited(0)
    examples: int = limited(1, 2**63)
    also: dict[str, float]
    by_target: dict[str, dict[str, float]] = field(default_factory=dict)
    weights_sha256: str = limited(pattern=SHA256)
    split: SplitName = "test"
    extra: dict[str, Any] = field(metadata={"rest": True})

    def as_dict(self) -> dict[str, Any]:
        """The metrics as ``Run.metrics`` has them; without the targets where there is one."""
        content = asdict(self)
        extra, by_target = content.pop("extra"), content.pop("by_target")
        return {**content, **({"by_target": by_target} if by_target else {}), **extra}


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Content of ``timing.json``.

    Attributes:
        seconds: of training.
        epochs: seconds of each epoch.
        peak_memory: largest resident memory of the process, in bytes, reading and baselines
            included; None where it is not known.
    """

    seconds: float = limited(0)
    epochs: tuple[float, ...] = limited(0, default=())
    peak_memory: int | None = limited(0, 2**63, None)
