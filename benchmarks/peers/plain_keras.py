"""Plain Keras: the same model through ``model.compile`` and ``model.fit``, defaults elsewhere.

    python -m benchmarks.peers.plain_keras JOB.json

The model is built by kerazoo's factory, so that it is the same one; nothing else is kerazoo's.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import keras

from benchmarks.peers.job import TrainingJob, job_from_command_line, report
from kerazoo import building, registry


def main() -> None:
    """Train and report."""
    job = job_from_command_line()
    model = building.build_for(registry.get_entry(job.entry))
    loss = {
        "classification": "sparse_categorical_crossentropy",
        "forecasting": "mse",
        "generation": None,  # the model's own
    }[registry.task_of(registry.get_entry(job.entry))]
    model.compile(
        optimizer=optimizer(job),
        loss=loss,
        metrics=["accuracy"] if loss == "sparse_categorical_crossentropy" else None,
    )
    report(*timed_fit(model, *job.examples(), epochs=job.epochs, batch_size=job.batch_size))


def timed_fit(
    model: keras.Model, *examples: Any, callbacks: Sequence[Any] = (), **options: Any
) -> tuple[list[float], float]:
    """One bare ``fit`` of a compiled model: seconds of each epoch, and the last one's loss."""
    clock = Clock()
    history = model.fit(*examples, verbose=0, callbacks=[clock, *callbacks], **options)
    return clock.epochs, history.history["loss"][-1]


def optimizer(job: TrainingJob) -> keras.Optimizer:
    """The job's optimizer."""
    if job.optimizer == "sgd":
        return keras.optimizers.SGD(
            job.learning_rate, momentum=job.momentum, weight_decay=job.weight_decay or None
        )
    if job.optimizer == "adamw":
        return keras.optimizers.AdamW(
            job.learning_rate, weight_decay=job.weight_decay, beta_1=job.beta_1
        )
    return keras.optimizers.Adam(job.learning_rate, beta_1=job.beta_1)


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch; the first from the start of the training, compilation included."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[float] = []

    def on_train_begin(self, logs: object = None) -> None:
        """Start the clock."""
        self.last = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Note the time."""
        now = time.perf_counter()
        self.epochs.append(now - self.last)
        self.last = now


if __name__ == "__main__":
    main()
