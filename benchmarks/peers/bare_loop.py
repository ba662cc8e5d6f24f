"""The same engine settings as kerazoo's trainer, and a bare ``fit``: no checks, no checkpoints.

python -m benchmarks.peers.bare_loop JOB.json
"""

from __future__ import annotations

from benchmarks.peers.job import job_from_command_line
from benchmarks.peers.plain_keras import fit_and_report, optimizer
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
        fit_and_report(model, job)


if __name__ == "__main__":
    main()
