"""kerazoo's engine settings and batches with a bare ``fit``: no checks, no checkpoints."""

from __future__ import annotations

import collections
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from benchmarks.peers.job import TrainingJob, main
from benchmarks.peers.plain_keras import optimizer, timed_fit
from kerazoo import building, registry
from kerazoo.training import checkpoint, engine
from kerazoo.training.batches import Batches


def train(job: TrainingJob) -> dict[str, Any]:
    """Train with a bare ``fit``."""
    with compiled(job) as fit:
        return fit(job.epochs)


def operations(job: TrainingJob) -> dict[str, float]:
    """Milliseconds of the second epoch by kind of TensorFlow operation, summed over threads."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    with tempfile.TemporaryDirectory() as folder:
        with compiled(job) as fit:
            fit(1)
            tf.profiler.experimental.start(folder)
            fit(1)
            tf.profiler.experimental.stop()
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = XSpace()
        space.ParseFromString(path.read_bytes())
    total: collections.Counter[str] = collections.Counter()
    for plane in space.planes:
        for thread in plane.lines:
            if not thread.name.startswith("tf_Compute"):
                continue  # Eigen's threads hold parts of operations that are counted here
            for event in thread.events:
                name, _, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                if name and not name.endswith(":"):  # ``name:Kind``, not ``Executor::Process``
                    total[kind] += event.duration_ps / 1e9
    return dict(total.most_common())


@contextmanager
def compiled(job: TrainingJob) -> Iterator[Callable[[int], dict[str, Any]]]:
    """A function that fits the compiled model for a number of epochs."""
    entry = registry.get_entry(job.entry)
    model = building.build_for(entry)
    settings = engine.way_to_train(model, job.batch_size, "auto")
    batches = Batches(job.examples(), job.batch_size)
    examples = batches.dataset()
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
        yield lambda epochs: timed_fit(
            model, examples, epochs=epochs, shuffle=False, callbacks=[shuffle]
        )


if __name__ == "__main__":
    main(train, operations)
