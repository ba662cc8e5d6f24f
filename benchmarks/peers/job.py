"""The training job that every worker runs, and the report that it prints."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """One training run.

    Attributes:
        entry: ``model@dataset``.
        arrays: ``.npz`` file with the training examples: ``x``, and ``y`` where there are
            targets. Images are uint8, windows float32, token ids int32.
        epochs: Number of timed epochs; the first one includes compilation.
        batch_size: Examples per step.
        optimizer: ``adam``, ``adamw`` or ``sgd``.
        learning_rate: Constant learning rate.
        momentum: Momentum of ``sgd``.
        weight_decay: Weight decay of ``adamw`` and ``sgd``.
        beta_1: First decay rate of ``adam`` and ``adamw``.
        options: Options of the model.
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
        """Examples, then targets where there are any."""
        with np.load(self.arrays) as file:
            return [file[name] for name in ("x", "y") if name in file]


def main(train: Callable[[TrainingJob], dict[str, Any]]) -> None:
    """Run the job file of the command line and print the report as one line of JSON.

    Args:
        train: Trains and returns ``epochs`` (seconds each) and ``loss`` (of the last epoch).
    """
    job = TrainingJob(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    report = train(job)
    report["examples"] = len(job.examples()[0])
    report["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(report))
