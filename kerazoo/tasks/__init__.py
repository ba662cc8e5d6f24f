"""What differs between kinds of task, one module each; the rest of kerazoo asks here.

Each module that has the name of a task has the functions of :class:`TaskModule`: a new kind of task
is one such file, and its name and main metric in ``spec.py``. The others serve them: ``inputs.py``,
``judging.py`` of samples, ``outcome.py``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from kerazoo import registry
from kerazoo.spec import Data, Dataset, Entry, Recipe, Split, Task
from kerazoo.tasks.base import Baselines, Outcome

if TYPE_CHECKING:
    import keras
    import numpy as np


class TaskModule(Protocol):
    """What kerazoo has to know of a kind of task."""

    def factory_options(self, dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
        """The factory's arguments that follow from the data."""

    def check_split(self, info: Dataset, split: str, x: np.ndarray, y: np.ndarray) -> None:
        """Raise KerazooError unless the arrays of a split are what the dataset says."""

    def network_in_training(self, model: keras.Model, recipe: Recipe) -> keras.Model:
        """What is fitted: the model itself or the model behind its augmentation."""

    def compile_arguments(self, model: keras.Model) -> dict[str, Any]:
        """Loss and metrics that belong to the model."""

    def fit_arguments(self, split: Split) -> tuple[Any, ...]:
        """What ``fit`` takes of a split: ``(x, y)`` or ``(x,)``."""

    def trouble(self, row: dict[str, float]) -> str | None:
        """What is wrong with an epoch's figures, beyond NaN; None if nothing is."""

    def at_epoch(self, folder: Path, model: keras.Model, epoch: int, epochs: int) -> None:
        """Whatever belongs into the run folder after an epoch, besides the checkpoint."""

    def measure(self, model: keras.Model, data: Data) -> Outcome:
        """Measure a trained model on the test split."""

    def baselines(self, train: Split, data: Data) -> Baselines:
        """The naive models' figures on the test split."""

    def write_pictures(
        self,
        folder: Path,
        title: str,
        history: list[dict[str, float]],
        outcome: Outcome,
        data: Data,
    ) -> None:
        """Write the pictures of a finished run."""


def module_of(task: Task) -> TaskModule:
    """The module of a kind of task."""
    return cast(TaskModule, importlib.import_module(f"kerazoo.tasks.{task}"))


def of(entry: Entry) -> TaskModule:
    """The module of an entry's task."""
    return module_of(registry.task_of(entry))
