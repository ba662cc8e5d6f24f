"""Where the time of an epoch goes, by kind of operation: kerazoo's TensorFlow beside PyTorch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.timings import measuring, throughput
from kerazoo import registry

ENTRIES = ("stacked_lstm@etth1", "stacked_lstm@mackey_glass", "dcgan@mnist", "resnet8@cifar10")
SHOWN = 6  # kinds of each


def measure(only: str | None = None) -> Iterator[tuple[str, Any]]:
    """Per entry, milliseconds of an epoch by kind of operation, of both."""
    if not measuring.has_torch():
        return
    for name in ENTRIES:
        if only is not None and only != name:
            continue
        examples = throughput.EXAMPLES[name]
        with tempfile.TemporaryDirectory() as folder:
            job = throughput.write_job(registry.get_entry(name), examples, Path(folder))
            ways = {
                "kerazoo": partial(measuring.worker, "benchmarks.peers.kerazoo_operations", job),
                "PyTorch": partial(measuring.worker, "benchmarks.peers.pytorch_operations", job),
            }
            yield name, measuring.interleaved(ways, 1, f"operations, {name}")


def lines(figures: dict[str, Any]) -> list[str]:
    """The section of the report."""
    table = [
        "## Where the time goes",
        "",
        "Of the entries that PyTorch trained faster when this was first measured: seconds of "
        "operations in one epoch after the first, by kind, under each one's own profiler (which "
        "slows both down), threads added up; PyTorch's without what they call. "
        f"The {SHOWN} largest kinds of each, and how much all others take.",
        "",
        "| entry | kerazoo: TensorFlow's operations | PyTorch's operations |",
        "|---|---|---|",
    ]
    for name, row in figures.items():
        cells = [_largest(runs[0]) for runs in (row["kerazoo"], row["PyTorch"])]
        table.append(f"| `{name}` | {' | '.join(cells)} |")
    return table


def _largest(milliseconds: dict[str, float]) -> str:
    kinds = sorted(milliseconds.items(), key=lambda item: -item[1])
    total = sum(milliseconds.values())
    shown = [f"`{kind}` {100 * spent / total:.0f} %" for kind, spent in kinds[:SHOWN]]
    rest = sum(spent for _, spent in kinds[SHOWN:])
    others = f"{len(kinds) - SHOWN} more {100 * rest / total:.0f} %"
    return f"{total / 1e3:.2f} s: {', '.join(shown)}, {others}"
