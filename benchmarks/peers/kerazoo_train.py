"""``kerazoo.train`` with progress, checkpoints, checks and a run directory.

What follows the last epoch (test split, plots) is not timed, as in the other workers.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import kerazoo
from benchmarks.peers.job import TrainingJob, main
from benchmarks.peers.multiply_adds import training_multiply_adds
from kerazoo import registry
from kerazoo.training import loop


def train(job: TrainingJob) -> dict[str, Any]:
    """Train without augmentation, and without validation after each epoch.

    ``seconds`` is the time of the training loop with its last checkpoint.
    """
    recipe = registry.get_entry(job.entry).recipe.without_augmentation()
    recipe = recipe.replace(schedule="constant", warmup=0.0, train_on="train+validation")
    fit, seconds = loop.fit, 0.0

    def timed(*arguments: Any, **options: Any) -> Any:
        nonlocal seconds
        start = time.perf_counter()
        state = fit(*arguments, **options)
        seconds = time.perf_counter() - start
        return state

    loop.fit = timed
    sizes = {"train_examples": len(job.examples()[0]), "batch_size": job.batch_size}
    with tempfile.TemporaryDirectory() as folder:
        run = kerazoo.train(
            job.entry,
            epochs=job.epochs,
            settings={**vars(recipe), **sizes},
            out=Path(folder) / "run",
        )
        timing = json.loads((run.path / "timing.json").read_text(encoding="utf-8"))
    return {
        "epochs": timing["epochs"],
        "loss": run.history[-1]["loss"],
        "seconds": seconds,
        "multiply_adds": training_multiply_adds(run.model),
    }


if __name__ == "__main__":
    main(train)
