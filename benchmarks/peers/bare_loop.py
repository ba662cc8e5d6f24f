"""kerazoo's engine settings and batches with a bare ``fit``: no checks, no checkpoints."""

from __future__ import annotations

from typing import Any

import keras

from benchmarks.peers.job import TrainingJob, main
from benchmarks.peers.plain_keras import optimizer, timed_fit
from kerazoo import building, registry
from kerazoo.training import checkpoint, engine
from kerazoo.training.batches import Batches


def train(job: TrainingJob) -> dict[str, Any]:
    """Train with a bare ``fit``."""
    entry = registry.get_entry(job.entry)
    model = building.build_for(entry)
    settings = engine.way_to_train(model, job.batch_size, "auto")
    batches = Batches(job.examples(), job.batch_size)
    shuffle = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: batches.in_order(
            checkpoint.order_of_data(batches.examples, 0, epoch)
        )
    )
    with engine.traced(settings):
        model.compile(
            optimizer=optimizer(job),
            **registry.task_of(entry).compile_arguments(model),
            **settings.compile_options,
        )
        return timed_fit(
            model, batches.dataset(), epochs=job.epochs, shuffle=False, callbacks=[shuffle]
        )


if __name__ == "__main__":
    main(train)
