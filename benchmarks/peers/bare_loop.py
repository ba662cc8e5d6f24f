"""The same engine settings as kerazoo's trainer, and a bare ``fit``: no checks, no checkpoints.

python -m benchmarks.peers.bare_loop JOB.json
"""

from __future__ import annotations

from benchmarks.peers.job import job_from_command_line, report
from benchmarks.peers.plain_keras import Clock, optimizer
from kerazoo import building, registry, tasks
from kerazoo.training import engine


def main() -> None:
    """Train and report."""
    job = job_from_command_line()
    entry = registry.get_entry(job.entry)
    model = building.build_for(entry)
    way = engine.way_to_train(model, job.batch_size, "auto")
    with engine.unrolled(model, way):
        model.compile(
            optimizer=optimizer(job),
            **tasks.of(entry).compile_arguments(model),
            **way.compile_options,
        )
        clock = Clock()
        history = model.fit(
            *job.examples(),
            batch_size=job.batch_size,
            epochs=job.epochs,
            verbose=0,
            callbacks=[clock],
        )
    report(clock.epochs, history.history["loss"][-1])


if __name__ == "__main__":
    main()
