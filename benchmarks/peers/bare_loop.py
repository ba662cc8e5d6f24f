"""kerazoo's engine settings and batches, and a bare ``fit``: no checks, no checkpoints.

python -m benchmarks.peers.bare_loop JOB.json
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras

from benchmarks.peers.job import TrainingJob, job_from_command_line, report
from benchmarks.peers.plain_keras import optimizer, timed_fit
from kerazoo import building, registry, tasks
from kerazoo.training import checkpoint, engine
from kerazoo.training.batches import Batches


def main() -> None:
    """Train and report."""
    job = job_from_command_line()
    with ready(job) as fit:
        report(*fit(job.epochs))


@contextmanager
def ready(job: TrainingJob) -> Iterator[Callable[[int], tuple[list[float], float]]]:
    """A compiled model's ``fit`` of some epochs: seconds of each, and the last one's loss."""
    entry = registry.get_entry(job.entry)
    model = building.build_for(entry)
    way = engine.way_to_train(model, job.batch_size, "auto")
    batches = Batches(job.examples(), job.batch_size)
    examples = batches.dataset()
    shuffle = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: batches.in_order(
            checkpoint.order_of_data(batches.examples, 0, epoch)
        )
    )
    with engine.traced(way):
        model.compile(
            optimizer=optimizer(job),
            **tasks.of(entry).compile_arguments(model),
            **way.compile_options,
        )
        yield lambda epochs: timed_fit(
            model, examples, epochs=epochs, shuffle=False, callbacks=[shuffle]
        )


if __name__ == "__main__":
    main()
