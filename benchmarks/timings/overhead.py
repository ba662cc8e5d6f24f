"""What kerazoo's trainer costs over a bare ``fit`` with the same engine settings."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.timings import measuring, throughput
from kerazoo import registry

ENTRIES = {"mlp@mnist": 30_000, "mnist_cnn@mnist": 6_400}
ROUNDS = 3


def measure(only: str | None = None) -> Iterator[tuple[str, Any]]:
    """Per entry, seconds of each epoch, of the trainer and of the bare loop."""
    for name, examples in ENTRIES.items():
        if only is not None and only != name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            job = throughput.write_job(registry.get_entry(name), examples, Path(folder))
            ways = {
                "kerazoo.train": partial(measuring.worker, "benchmarks.peers.kerazoo_train", job),
                "bare loop": partial(measuring.worker, "benchmarks.peers.bare_loop", job),
            }
            yield name, measuring.interleaved(ways, ROUNDS, f"overhead, {name}")


def lines(figures: dict[str, Any]) -> list[str]:
    """The section of the report."""
    table = [
        "## Overhead of the trainer",
        "",
        "Seconds of an epoch after the first: `kerazoo.train` with progress, checks and "
        f"checkpoints, beside `fit` with the same engine settings on the same batches and nothing "
        f"else; {ROUNDS} interleaved processes each, medians of epochs 2 to 4.",
        "",
        "| entry (examples an epoch) | kerazoo.train | bare loop | overhead |",
        "|---|---:|---:|---:|",
    ]
    for name, row in figures.items():
        times = {
            who: [statistics.median(run["epochs"][1:]) for run in runs] for who, runs in row.items()
        }
        more = measuring.ratio(times["kerazoo.train"], times["bare loop"]) - 1
        cells = [measuring.spread(times[who]) for who in ("kerazoo.train", "bare loop")]
        table.append(
            f"| `{name}` ({ENTRIES[name]:,}) | {' | '.join(cells)} | {100 * more:+.1f} % |"
        )
    return table
