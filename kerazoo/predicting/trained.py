"""Trained models by name: an entry with its bundled weights, or the run in a directory."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from kerazoo import building, registry
from kerazoo._files.schema import parse
from kerazoo._lazy import keras
from kerazoo.datasets import _text
from kerazoo.datasets._cache import load_for
from kerazoo.errors import DamagedFile, KerazooError, first_line
from kerazoo.finetuning.readers.choose import reread
from kerazoo.finetuning.readers.reading import (
    ImageReading,
    Reading,
    SeriesReading,
    TableReading,
    reading_of,
)
from kerazoo.finetuning.readers.user_data import UserData, inner_model
from kerazoo.spec import Data, Dataset, Entry, Threshold
from kerazoo.tasks._intervals import Intervals
from kerazoo.tasks.base import Task
from kerazoo.training import run_directory
from kerazoo.training.run_config import Config, Facts, Own
from kerazoo.training.run_directory import REMEDY, Run


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trained model. Everything that takes time is loaded when it is first asked for.

    Attributes:
        source: name of the entry, or path of the run directory.
        model: the model as saved; after fine-tuning on user data it takes them as they were read,
            such as raw rows or natural units.
        task: kind of task.
        labels: names of the classes, in the order of the outputs; else empty.
        light_on_dark: images show light strokes on a dark background.
        fewest_words: of any training text, see :class:`kerazoo.spec.Dataset`.
        run: the run; None for bundled weights.
        config: of the run; None for bundled weights.
        given: the ``data`` and ``test`` that a run on data in memory was fine-tuned on.
    """

    source: str
    model: keras.Model
    task: Task
    labels: tuple[str, ...]
    light_on_dark: bool
    fewest_words: int
    run: Run | None = None
    config: Config | None = None
    given: tuple[Any, Any] = (None, None)

    @property
    def own(self) -> Own | None:
        """Stored facts about the user's data; None for other data."""
        return self.config.own if self.config else None

    @cached_property
    def reading(self) -> Reading | None:
        """Stored reading of the user's data; None for other data."""
        if self.run is None or self.own is None:
            return None
        reading = reading_of(self.own, self.run.path / "config.json")
        if isinstance(reading, ImageReading) and reading.inside:
            if self.model.name != "takes_images":
                raise _damaged(self.run.path, "own.treatment", "the model takes images otherwise")
            return reading
        if isinstance(reading, SeriesReading):
            field, kept, taken = "lookback", reading.lookback, self.model.input_shape[1]
        elif isinstance(reading, TableReading):
            taken = inner_model(self.model).input_shape[-1]
            field, kept = "columns", sum(column.width for column in reading.columns)
        else:
            return reading
        if kept != taken:
            problem = f"it gives {kept} inputs, the model takes {taken}"
            raise _damaged(self.run.path, f"own.treatment.{field}", problem)
        return reading

    @cached_property
    def core(self) -> keras.Model:
        """The network that was trained: the model itself, or the one inside it."""
        reading = self.reading
        inside = isinstance(reading, (TableReading, SeriesReading)) or (
            isinstance(reading, ImageReading) and reading.inside
        )
        return inner_model(self.model) if inside else self.model

    @cached_property
    def entry(self) -> Entry:
        """The entry; a run on user data has one that is not registered."""
        if self.run is None:
            return registry.get_entry(self.source)
        if self.own is None:
            return registry.get_entry(self.run.entry)
        return Entry(
            model=self.own.model,
            options=self.own.factory_options,
            dataset=self.run.entry.partition("@")[2],
            recipe=self.run.recipe,
            task=self.task.name,
        )

    @cached_property
    def intervals(self) -> Intervals | None:
        """Prediction intervals of a run on user data; None for other models."""
        return self._kept("intervals", Intervals)

    @cached_property
    def threshold(self) -> Threshold | None:
        """Decision threshold of a run on two classes; None for other models."""
        return self._kept("threshold", Threshold)

    def _kept(self, name: str, kind: type[Any]) -> Any:
        """A part of the run's ``metrics.json``; None without it."""
        kept = self.run.metrics.get(name) if self.run else None
        if self.run is None or kept is None:
            return None
        return parse(kept, kind, self.run.path / "metrics.json", REMEDY, name)

    @cached_property
    def vocabulary(self) -> tuple[str, ...] | None:
        """Tokens of a text model in the order of their ids; None for other models."""
        path = None
        if self.run is None:
            path = registry.get_dataset(self.entry.dataset).vocabulary
        elif self.config and self.config.data.text:
            path = self.run.path / run_directory.VOCABULARY
        return _text.read_vocabulary(path) if path else None

    @cached_property
    def user_data(self) -> UserData | None:
        """The user's data of a fine-tuning, read again; None for other data.

        Raises:
            KerazooError: it was given in code and not again, is no longer there, or was changed.
        """
        if self.run is None or self.config is None or self.own is None:
            return None
        try:
            user_data = reread(self.config, self.run.path, *self.given)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            if isinstance(error, KerazooError) or self.given != (None, None):
                raise
            # The reader took these options before the training.
            raise _damaged(self.run.path, "own.asked", first_line(error)) from error
        if user_data.data.sha256 != self.config.fingerprints.data:
            raise KerazooError(
                f"The data was changed since the run in {self.source} was trained on it. Give the "
                "same data in the same order, or fine-tune again."
            )
        return user_data

    @cached_property
    def data(self) -> Data:
        """The data, with the split to evaluate on as its test split.

        Raises:
            KerazooError: see :attr:`user_data`, or the dataset cannot be loaded.
        """
        if self.user_data is not None:
            return replace(self.user_data.data, threshold=self.threshold)
        data = load_for(self.entry, self.run.recipe if self.run else self.entry.recipe)
        validated = self.config is not None and self.config.split == "validation"
        return data.on_validation() if validated else data


def _damaged(directory: Path, field: str, problem: str) -> DamagedFile:
    return DamagedFile(directory / "config.json", problem, REMEDY, field)


def is_run(source: str | os.PathLike[str]) -> bool:
    """True if a run directory is meant and not an entry, which goes first if both exist."""
    if not isinstance(source, (str, os.PathLike)):
        raise KerazooError(f"{source!r} is neither an entry nor a run directory.")
    text = os.fspath(source)
    if Path(text).name != text or (Path(text) / "config.json").is_file():
        return True
    return Path(text).is_dir() and text.partition("@")[0] not in registry.list_models()


def open_trained(source: str | os.PathLike[str], *, data: Any = None, test: Any = None) -> Trained:
    """Open an entry's bundled weights or a finished run.

    Args:
        source: an entry (``"mnist_cnn@mnist"``), a model, or a run directory.
        data: for a run that was fine-tuned on data in memory, or on files that were moved since:
            that data, as it was given to ``finetune``.
        test: likewise, if there was one.

    Raises:
        KerazooError: no such entry or run; the run is not finished; weights are missing or were
            altered; ``data`` or ``test`` is given where the data is known.
    """
    directory = Path(source) if is_run(source) else None
    config = run_directory.read_config(directory) if directory is not None else None
    if (config is None or config.own is None) and (data is not None or test is not None):
        raise KerazooError(
            f"data= and test= are for fine-tuned runs; {os.fspath(source)} has its dataset."
        )
    if directory is None or config is None:
        entry, run = registry.get_entry(os.fspath(source)), None
        facts: Dataset | Facts = registry.get_dataset(entry.dataset)
        name, task, model = entry.name, registry.task_of(entry), building.build_for(entry)
        building.load_bundled_weights(model, entry)
    else:
        run, facts = run_directory.load(directory), config.data
        name, task, model = str(directory), registry.get_task(facts.task), run.model
        if task.has_classes and model.output_shape[-1] != len(facts.labels):
            problem = f"the model has {model.output_shape[-1]} classes"
            raise _damaged(directory, "data.labels", problem)
    return Trained(
        source=name,
        model=model,
        task=task,
        labels=facts.labels,
        light_on_dark=facts.light_on_dark,
        fewest_words=facts.fewest_words,
        run=run,
        config=config,
        given=(data, test),
    )
