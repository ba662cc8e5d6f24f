"""kerazoo's own trainer on the same job, with all that comes with it.

    python -m benchmarks.peers.kerazoo_train JOB.json

``kerazoo.train`` with progress, checkpoints, checks and the run folder; what it does after the last
epoch (the test split, pictures) is not timed, as it is not elsewhere. ``"engine"`` in the job's
options goes to ``kerazoo.train``.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kerazoo
from benchmarks.peers.job import job_from_command_line, report
from kerazoo.training import loop


def main() -> None:
    """Train and report."""
    job = job_from_command_line()
    seconds = []

    def timed(*arguments: Any, fit: Callable[..., Any] = loop.fit, **options: Any) -> Any:
        began = time.perf_counter()
        state = fit(*arguments, **options)
        seconds.append(time.perf_counter() - began)
        return state

    loop.fit = timed
    with tempfile.TemporaryDirectory() as folder:
        run = kerazoo.train(
            job.entry,
            epochs=job.epochs,
            settings={
                "train_examples": len(job.examples()[0]),
                "batch_size": job.batch_size,
                "learning_rate": job.learning_rate,
                "schedule": "constant",
                "warmup": 0.0,
                "augment_flip": False,
                "augment_shift": 0.0,
                "augment_rotate": 0.0,
                "train_on": "train+validation",  # no validation after each epoch
            },
            out=Path(folder) / "run",
            progress=True,
            engine=job.options.get("engine", "auto"),
        )
        timing = json.loads((run.path / "timing.json").read_text(encoding="utf-8"))
    report(timing["epochs"], run.history[-1]["loss"], seconds=seconds[0])


if __name__ == "__main__":
    main()
