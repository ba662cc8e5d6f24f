"""Training throughput: kerazoo, plain Keras and PyTorch on the same model, data and batch size.

Also, from the same runs of kerazoo, how much of the machine is used.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.job import TrainingJob
from benchmarks.timings import measuring
from kerazoo import building, registry, tasks
from kerazoo.datasets import _text as text
from kerazoo.spec import Entry
from kerazoo.training import loop
from kerazoo.training.train import data_for
from kerazoo.training.work import multiply_adds, training_multiply_adds

EPOCHS = 4  # the first, with its compilation, is told apart
# Of what takes a fifth of a second an epoch: more, or the machine's other work decides.
LONGER = {"stacked_lstm@etth1": 25, "stacked_lstm@mackey_glass": 25}
ROUNDS = 3
EXAMPLES = {  # about 1 to 4 s an epoch on two cores
    "mnist_cnn@mnist": 6_400,
    "mlp@mnist": 30_000,
    "stacked_lstm@etth1": 8_000,
    "stacked_lstm@mackey_glass": 2_600,
    "dcgan@mnist": 4_800,
    "resnet8@cifar10": 5_120,
    "resnet20@cifar10": 1_280,
    "text_cnn@imdb": 4_800,
}
PEERS = {"plain Keras": "plain_keras", "PyTorch": "pytorch"}


def measure(only: str | None = None) -> Iterator[tuple[str, Any]]:
    """Per entry, seconds of each epoch of each; and the machine's matrix-product peak."""
    for name, examples in EXAMPLES.items():
        if only is not None and only != name:
            continue
        entry = registry.get_entry(name)
        with tempfile.TemporaryDirectory() as folder:
            epochs = LONGER.get(name, EPOCHS)
            job = write_job(entry, examples, Path(folder), epochs=epochs)
            ways: dict[str, Callable[[], Any]] = {
                "kerazoo": partial(measuring.worker, "benchmarks.peers.kerazoo_train", job)
            }
            for peer, module in PEERS.items():
                if module != "pytorch" or measuring.has_torch():
                    ways[peer] = partial(measuring.worker, f"benchmarks.peers.{module}", job)
            ways["peak"] = matrix_product_peak
            yield (
                name,
                {
                    "examples": examples,
                    "multiply_adds": multiply_adds(model := building.build_for(entry)),
                    "training_multiply_adds": training_multiply_adds(model),
                    **measuring.interleaved(ways, ROUNDS, name),
                },
            )


def write_job(entry: Entry, examples: int, folder: Path, **changes: Any) -> str:
    """Write the arrays and the job of a training without augmentation; its path."""
    recipe = entry.recipe.replace(train_on="train+validation", train_examples=examples)
    data = data_for(entry, recipe)
    arrays = tasks.of(entry).fit_arguments(loop.training_split(data, recipe))
    np.savez(folder / "arrays.npz", **dict(zip("xy", arrays, strict=False)))
    options = dict(entry.options)
    if data.info.windows is not None:
        options["horizon"] = data.info.windows.horizon
    if data.info.vocabulary is not None:
        options["vocabulary"] = text.vocabulary_size(data.info.vocabulary)
    job = TrainingJob(
        entry=entry.name,
        arrays=str(folder / "arrays.npz"),
        epochs=EPOCHS,
        batch_size=recipe.batch_size,
        optimizer=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        beta_1=recipe.beta_1,
        options=options,
    )
    path = folder / "job.json"
    path.write_text(json.dumps(dataclasses.asdict(dataclasses.replace(job, **changes))))
    return str(path)


def matrix_product_peak() -> float:
    """Floating-point operations per second of NumPy's float32 matrix product, the best of five."""
    import time

    n = 3000
    a = np.random.default_rng(0).random((n, n), dtype=np.float32)
    best = 0.0
    for _ in range(5):
        began = time.perf_counter()
        a @ a
        best = max(best, 2 * n**3 / (time.perf_counter() - began))
    return best


def rate(examples: int, runs: list[dict[str, Any]]) -> list[float]:
    """Examples per second of each run after its first epoch."""
    return [examples / statistics.median(run["epochs"][1:]) for run in runs]


def ratio(row: dict[str, Any], peer: str) -> float:
    """Our examples per second over a peer's."""
    ours, theirs = (rate(row["examples"], row[who]) for who in ("kerazoo", peer))
    return statistics.median(ours) / statistics.median(theirs)


def lines(figures: dict[str, Any]) -> list[str]:
    """The section of the report."""
    table = [
        "## Training throughput",
        "",
        f"Examples per second after the first epoch, medians of {ROUNDS} interleaved processes "
        f"(smallest to largest), {EPOCHS} epochs of a part of the data each (of the LSTMs "
        f"{max(LONGER.values())}); ratio: theirs in time divided by ours. kerazoo runs with "
        "checkpoints, checks and progress; no augmentation anywhere. First epoch: seconds more "
        "than a later one, for tracing and compilation.",
        "",
        "| entry (examples an epoch) | kerazoo | plain Keras | ratio | PyTorch | ratio "
        "| first epoch: kerazoo, Keras, PyTorch |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in figures.items():
        n = row["examples"]
        ours = rate(n, row["kerazoo"])
        cells = [f"`{name}` ({n:,})", measuring.spread(ours, "{:,.0f}")]
        for peer in PEERS:
            theirs = rate(n, row.get(peer, []))
            cells += (
                [
                    measuring.spread(theirs, "{:,.0f}"),
                    f"**{ratio(row, peer):.2f}**",
                ]
                if theirs
                else ["not installed", ""]
            )
        cells.append(
            ", ".join(f"{_first(row[w]):.1f}" for w in ("kerazoo", *PEERS) if w in row) + " s"
        )
        table.append(f"| {' | '.join(cells)} |")
    return [*table, "", *_share(figures)]


def _first(runs: list[dict[str, Any]]) -> float:
    return statistics.median(r["epochs"][0] - statistics.median(r["epochs"][1:]) for r in runs)


def _share(figures: dict[str, Any]) -> list[str]:
    table = [
        "## Share of the machine",
        "",
        "Arithmetic of the layers' kernels in a training step (forward, gradients of weights, and "
        "of inputs where something learnt stands before; two operations a multiply-add), per "
        "second, beside NumPy's float32 matrix product (3,000 × 3,000) in the same rounds. More "
        "than 100 %: oneDNN's convolutions get more out of this machine than OpenBLAS's products.",
        "",
        "| entry | multiply-adds of a step, an example | GFLOP/s | peak, GFLOP/s | share |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in figures.items():
        work, peak = row["training_multiply_adds"], statistics.median(row["peak"])
        table.append(
            f"| `{name}` | {work / 1e6:.2f} M | {share(row) * peak / 1e9:.0f} | "
            f"{peak / 1e9:.0f} | {100 * share(row):.0f} % |"
        )
    return table


def share(row: dict[str, Any]) -> float:
    """Operations per second of kerazoo's training over the peak of matrix products."""
    speed = statistics.median(rate(row["examples"], row["kerazoo"]))
    return speed * 2 * row["training_multiply_adds"] / statistics.median(row["peak"])
