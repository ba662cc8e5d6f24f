"""What kerazoo's trainer costs over a bare ``fit`` with the same engine settings."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.timings import measuring, throughput
from kerazoo import registry

# Examples an epoch, and epochs: together some 20 s, so that checkpoints are written as they are in
# trainings of minutes. The GAN draws its pictures on the way.
ENTRIES = {"mlp@mnist": (30_000, 25), "mnist_cnn@mnist": (6_400, 9), "dcgan@mnist": (4_800, 10)}
ROUNDS = 5  # the difference is of the size of the noise
WHO = ("kerazoo.train", "bare loop")


def measure(only: str | None = None) -> Iterator[tuple[str, Any]]:
    """Per entry, seconds from the end of the first epoch to the end of the training."""
    for name, (examples, epochs) in ENTRIES.items():
        if only is not None and only != name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            entry = registry.get_entry(name)
            job = throughput.write_job(entry, examples, Path(folder), epochs=epochs)
            ways = {
                "kerazoo.train": partial(measuring.worker, "benchmarks.peers.kerazoo_train", job),
                "bare loop": partial(measuring.worker, "benchmarks.peers.bare_loop", job),
            }
            yield name, measuring.interleaved(ways, ROUNDS, f"overhead, {name}")


def percent(row: dict[str, Any]) -> float:
    """How much longer ``kerazoo.train`` takes than the bare loop, in percent."""
    trained, bare = ([_after_first(run) for run in row[who]] for who in WHO)
    return 100 * (measuring.ratio(trained, bare) - 1)


def _after_first(run: dict[str, Any]) -> float:
    """Seconds of a training without its first epoch, which compiles."""
    return run.get("seconds", sum(run["epochs"])) - run["epochs"][0]


def lines(figures: dict[str, Any]) -> list[str]:
    """The section of the report."""
    table = [
        "## Overhead of the trainer",
        "",
        "Seconds from the end of the first epoch to the end of the training: `kerazoo.train` with "
        "progress, checks, checkpoints (the last one too) and a GAN's pictures, beside `fit` with "
        "the same engine settings on the same batches and nothing else; medians of n interleaved "
        "processes each (smallest to largest).",
        "",
        "| entry (examples an epoch, epochs) | n | kerazoo.train | bare loop | overhead |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in figures.items():
        cells = [measuring.spread([_after_first(run) for run in row[who]]) for who in WHO]
        examples, epochs = ENTRIES[name]
        table.append(
            f"| `{name}` ({examples:,}, {epochs}) | {len(row[WHO[0]])} | {' | '.join(cells)} "
            f"| {percent(row):+.1f} % |"
        )
    return table
