"""kerazoo's engine settings and batches, and a bare ``fit``: no checks, no checkpoints.

python -m benchmarks.peers.bare_loop JOB.json
"""

from __future__ import annotations

import keras

from benchmarks.peers.job import job_from_command_line
from benchmarks.peers.plain_keras import fit_and_report, optimizer
from kerazoo import building, registry, tasks
from kerazoo.training import checkpoint, engine
from kerazoo.training.batches import Batches


def main() -> None:
    """Train and report."""
    job = job_from_command_line()
    entry = registry.get_entry(job.entry)
    model = building.build_for(entry)
    way = engine.way_to_train(model, job.batch_size, "auto")
    with engine.traced(way):
        model.compile(
            optimizer=optimizer(job),
            **tasks.of(entry).compile_arguments(model),
            **way.compile_options,
        )
        batches = Batches(job.examples(), job.batch_size)
        shuffle = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: batches.in_order(
                checkpoint.order_of_data(batches.examples, 0, epoch)
            )
        )
        fit_and_report(model, job, batches.dataset(), shuffle=False, callbacks=[shuffle])


if __name__ == "__main__":
    main()
