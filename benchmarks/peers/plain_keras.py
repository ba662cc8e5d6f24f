"""Plain Keras: the same model through ``model.compile`` and ``model.fit`` with their defaults."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

import keras

from benchmarks.peers.job import TrainingJob, main
from kerazoo import building, registry
from kerazoo.training.optimizer import optimizer_for

LOSSES = {"classification": "sparse_categorical_crossentropy", "forecasting": "mse"}


def train(job: TrainingJob) -> dict[str, Any]:
    """Train with a bare ``fit``; the DCGAN has its loss in its training step."""
    entry = registry.get_entry(job.entry)
    task = registry.task_of(entry).name
    model = building.build_for(entry)
    metrics = ["accuracy"] if task == "classification" else None
    model.compile(optimizer=optimizer(job), loss=LOSSES.get(task), metrics=metrics)
    return timed_fit(model, *job.examples(), epochs=job.epochs, batch_size=job.batch_size)


def timed_fit(
    model: keras.Model, *examples: Any, callbacks: Sequence[Any] = (), **options: Any
) -> dict[str, Any]:
    """Fit a compiled model; seconds of each epoch and the last loss."""
    times = [time.perf_counter()]
    clock = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: times.append(time.perf_counter())
    )
    history = model.fit(*examples, verbose=0, callbacks=[clock, *callbacks], **options)
    seconds = [after - before for before, after in itertools.pairwise(times)]
    return {"epochs": seconds, "loss": history.history["loss"][-1]}


def optimizer(job: TrainingJob) -> keras.Optimizer:
    """Optimizer of the entry's recipe, with a constant learning rate."""
    recipe = registry.get_entry(job.entry).recipe
    return optimizer_for(recipe.replace(schedule="constant", warmup=0.0), steps=1)


if __name__ == "__main__":
    main(train)
