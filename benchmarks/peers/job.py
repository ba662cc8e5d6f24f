"""What is to be trained, told alike to all who do it, and what each says of it."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """One training.

    Attributes:
        entry: ``model@dataset``, the names kerazoo has for them.
        arrays: an ``.npz`` file with the training examples: ``x``, and ``y`` where there are
            targets. Pictures are uint8, windows float32, token ids int32.
        epochs: how many are timed; the first one includes compilation.
        batch_size: examples in a step.
        optimizer: ``adam``, ``adamw`` or ``sgd``.
        learning_rate: constant.
        momentum: of ``sgd``.
        weight_decay: of ``adamw`` and ``sgd``.
        beta_1: of ``adam`` and ``adamw``.
        options: of the model, beside what follows from the data.
    """

    entry: str
    arrays: str
    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    beta_1: float = 0.9
    options: dict[str, Any] = field(default_factory=dict)

    def examples(self) -> list[np.ndarray]:
        """The arrays: examples, and targets where there are any."""
        with np.load(self.arrays) as file:
            return [file[name] for name in ("x", "y") if name in file]


def job_from_command_line() -> TrainingJob:
    """The job in the file that the command line names."""
    return TrainingJob(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))


def report(epochs: list[float], loss: float, **more: Any) -> None:
    """Print what a worker has to say.

    Args:
        epochs: seconds of each.
        loss: of the last epoch, so that one can see that it learned.
        more: what else this worker says.
    """
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"epochs": epochs, "loss": loss, "peak_mb": kilobytes / 1024, **more}))
