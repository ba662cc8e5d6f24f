"""The learning rate that is best on validation, for those who ask for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kerazoo.errors import Diverged, KerazooError, require_whole
from kerazoo.metrics import metric
from kerazoo.spec import Recipe
from kerazoo.training.train import Job, train_job

MOST_RATES = 9
STEP = 3.0  # between two learning rates


def tuned_job(
    prepare: Callable[[float], Job], recipe: Recipe, n: int, directory: Path, progress: bool
) -> tuple[Job, str]:
    """The training with the learning rate that is best on validation, and a line on all of them.

    The test split stays unread. Finished runs in ``directory`` are not repeated.

    Args:
        prepare: gives the training with a learning rate.
        recipe: its usual one is in the middle of those that are tried.
        n: number of learning rates, each three times the one before.
        directory: of the runs, one directory for each.
        progress: show the progress.

    Raises:
        KerazooError: a number out of range, or every training diverged.
    """
    n = require_whole("tune", n, least=2, most=MOST_RATES)
    only_head = recipe.head_epochs == recipe.epochs
    usual = recipe.head_learning_rate if only_head else recipe.learning_rate
    results: dict[float, float] = {}
    for rate in (usual * STEP ** (i - (n - 1) / 2) for i in range(n)):
        job = prepare(rate)
        about = {**job.about, "split": "validation"}
        data = job.data.on_validation()
        job = replace(job, data=data, about=about, plots=False, calibrate=False)
        title, name = f"with learning rate {rate:.3g}", f"{rate:.3g}"
        try:
            done = train_job(job, directory / name, resume=True, show=progress, title=title)
        except Diverged:
            continue
        balanced = done.metrics["also"].get("balanced_accuracy") if recipe.balance else None
        results[rate] = done.metrics["value"] if balanced is None else balanced
        measure = metric(done.metrics["metric"])
    if not results:
        raise KerazooError("the training diverged with every learning rate of --tune.")
    best = (max if measure.higher_is_better else min)(results, key=results.__getitem__)
    shown = ", ".join(f"{rate:.3g}: {value:.4g}" for rate, value in results.items())
    line = f"learning rate {best:.3g} was the best of {n} on validation ({shown})"
    return prepare(best), line
