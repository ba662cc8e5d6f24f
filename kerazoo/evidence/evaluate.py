"""Measure trained weights, the zoo's or a run's, on the test split."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerazoo import building, registry
from kerazoo.errors import KerazooError
from kerazoo.evidence import reference as evidence
from kerazoo.finetuning.readers.reading import reread
from kerazoo.finetuning.readers.user_data import Own
from kerazoo.spec import Data, Entry
from kerazoo.tasks.base import Outcome
from kerazoo.training import run_directory as run
from kerazoo.training.train import data_for, on_validation


@dataclass(frozen=True)
class Evaluation:
    """What trained weights measure now, and what was recorded of them.

    Attributes:
        source: the entry or run folder.
        entry: ``model@dataset``.
        metric: such as ``accuracy``.
        value: measured now.
        recorded: of exactly these weights.
        standard_error: of ``value``, as an estimate over the examples of the test split.
        examples: size of the split.
        also: the other metrics, measured now.
        by_target: of a series with several targets: the metrics of each.
        split: ``test``, or ``validation`` of a run that was to leave test unread.
    """

    source: str
    entry: str
    metric: str
    value: float
    recorded: float
    standard_error: float
    examples: int
    also: dict[str, float]
    by_target: dict[str, dict[str, float]] = field(default_factory=dict)
    split: str = "test"

    @property
    def same(self) -> bool:
        """Whether the measured value is the recorded one."""
        return self.value == self.recorded

    def as_json(self) -> dict[str, Any]:
        """What ``kerazoo evaluate --json`` prints."""
        return {**vars(self), "same": self.same}


def evaluate(source: str | os.PathLike[str], *, data: Any = None, test: Any = None) -> Evaluation:
    """Measure an entry's trained weights, or a finished run, on its test split.

    Args:
        source: an entry (``"mnist_cnn@mnist"``), a model, or a run folder.
        data: of a run that was fine-tuned on data given in code (or since moved): that data, as
            it was given to ``finetune``.
        test: likewise, if there was one.

    Returns:
        The measured and the recorded value.

    Raises:
        KerazooError: no such entry or run; it is not finished or has no weights; they are missing
            or altered; the dataset cannot be loaded; or ``data`` is not what the run was trained
            on, or was given where it is known.
    """
    if is_run(source):
        return _evaluate_run(Path(source), data, test)
    refuse_data(source, data, test)
    entry = registry.get_entry(os.fspath(source))
    model = building.build_for(entry)
    evidence.load_bundled_weights(model, entry)
    recorded = evidence.read(entry)
    assert recorded.weights is not None  # else load_bundled_weights had said so
    outcome = registry.task_of(entry).evaluate(model, data_for(entry, entry.recipe))
    return _evaluation(entry.name, entry, outcome, recorded.weights.value)


def refuse_data(source: str | os.PathLike[str], data: Any, test: Any) -> None:
    """Raise KerazooError for data that is given where it is known which it is."""
    if data is not None or test is not None:
        raise KerazooError(
            f"data= and test= go with the run of a fine-tuning; {os.fspath(source)} has its own."
        )


def _evaluation(
    source: str, entry: Entry, outcome: Outcome, recorded: float, split: str = "test"
) -> Evaluation:
    return Evaluation(
        source=source,
        entry=entry.name,
        metric=outcome.metric,
        value=outcome.value,
        recorded=recorded,
        standard_error=outcome.standard_error,
        examples=outcome.examples,
        also=dict(outcome.also),
        by_target=outcome.extra.get("by_target", {}),
        split=split,
    )


def is_run(source: str | os.PathLike[str]) -> bool:
    """Whether a run folder is meant rather than the name of an entry."""
    if not isinstance(source, (str, os.PathLike)):
        raise KerazooError(f"{source!r} names nothing; give an entry or a run folder.")
    text = os.fspath(source)
    if any(separator in text for separator in (os.sep, os.altsep) if separator):
        return True
    if (Path(text) / "config.json").is_file():
        return True
    return Path(text).is_dir() and text.partition("@")[0] not in registry.list_models()


def _evaluate_run(folder: Path, data: Any, test: Any) -> Evaluation:
    if not folder.is_dir():
        raise KerazooError(f"there is no run folder {folder}.")
    finished = run.load(folder)
    if "own" in run.read_config(folder):
        entry, own = own_of_run(folder, finished, data, test)
        outcome = registry.task_of(entry).evaluate(own.trained(finished.model), own.data)
        return _evaluation(str(folder), entry, outcome, finished.metrics["value"])
    refuse_data(folder, data, test)
    entry = registry.get_entry(finished.entry)
    outcome = registry.task_of(entry).evaluate(finished.model, data_of_run(entry, finished))
    split = finished.metrics.get("split", "test")
    return _evaluation(str(folder), entry, outcome, finished.metrics["value"], split)


def data_of_run(entry: Entry, finished: run.Run) -> Data:
    """The data that a run of an entry was measured on, as its test split."""
    data = data_for(entry, finished.recipe)
    return on_validation(data) if finished.metrics.get("split") == "validation" else data


def own_of_run(
    folder: Path, finished: run.Run, data: Any = None, test: Any = None
) -> tuple[Entry, Own]:
    """What a fine-tuned model is, and the user's data, read again or given again.

    Raises:
        KerazooError: the data was given in code, is no longer there, or was changed since.
    """
    config = run.read_config(folder)
    own = reread(config, folder, data, test)
    if own.data.sha256 != config["fingerprints"]["data"]:
        about = config["own"]
        files = " and ".join(filter(None, (about["path"], about.get("test"))))
        which = "that is given" if data is not None else f"in {files}"
        order = " (or is another each time, as where a tf.data.Dataset augments at random)"
        raise KerazooError(
            f"the data {which} is not what the run in {folder} was trained on; it was changed "
            f"since{order * (data is not None)}. Fine-tune again to measure on it."
        )
    entry = Entry(
        dataset=own.data.info.name,
        recipe=finished.recipe,
        task=own.data.info.task,
        model=config["own"]["model"],
    )
    return entry, own
