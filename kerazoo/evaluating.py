"""Measure trained weights, the zoo's or a run's, on the test split."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo import building, evidence, registry
from kerazoo.datasets.cache import load_data
from kerazoo.errors import KerazooError
from kerazoo.training import run
from kerazoo.training.inference import scores_on


@dataclass(frozen=True)
class Evaluation:
    """What trained weights measure now, and what was recorded of them.

    Attributes:
        source: the entry or run folder.
        entry: ``model@dataset``.
        metric: such as ``accuracy``.
        value: measured now.
        recorded: of exactly these weights.
        examples: size of the test split.
    """

    source: str
    entry: str
    metric: str
    value: float
    recorded: float
    examples: int

    @property
    def same(self) -> bool:
        """Whether the measured value is the recorded one."""
        return self.value == self.recorded

    def as_json(self) -> dict[str, Any]:
        """What ``kerazoo evaluate --json`` prints."""
        return {**vars(self), "same": self.same}


def evaluate(source: str | os.PathLike[str]) -> Evaluation:
    """Measure an entry's trained weights, or a finished run, on its test split.

    Args:
        source: an entry (``"mnist_cnn@mnist"``), a model, or a run folder.

    Returns:
        The measured and the recorded value.

    Raises:
        KerazooError: no such entry or run; it has no weights; they are missing or altered; or
            the dataset cannot be loaded.
    """
    if is_run(source):
        return _evaluate_run(Path(source))
    entry = registry.get_entry(os.fspath(source))
    model = building.build_for(entry)
    evidence.load_bundled_weights(model, entry)
    recorded = evidence.read(entry)
    assert recorded.weights is not None  # else load_bundled_weights had said so
    scores = scores_on(model, load_data(entry.dataset).test)
    return Evaluation(
        entry.name,
        entry.name,
        recorded.metric,
        scores.accuracy,
        recorded.weights.value,
        len(scores.labels),
    )


def is_run(source: str | os.PathLike[str]) -> bool:
    """Whether a run folder is meant rather than the name of an entry."""
    text = os.fspath(source)
    if any(separator in text for separator in (os.sep, os.altsep) if separator):
        return True
    if (Path(text) / "config.json").is_file():
        return True
    return Path(text).is_dir() and text.partition("@")[0] not in registry.list_models()


def _evaluate_run(folder: Path) -> Evaluation:
    if not folder.is_dir():
        raise KerazooError(f"there is no run folder {folder}.")
    finished = run.load(folder)
    entry = registry.get_entry(finished.entry)
    scores = scores_on(finished.model, load_data(entry.dataset).test)
    return Evaluation(
        str(folder),
        entry.name,
        finished.metrics["metric"],
        scores.accuracy,
        finished.metrics["value"],
        len(scores.labels),
    )
