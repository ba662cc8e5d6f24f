"""What should feel immediate: importing kerazoo and listing the zoo, as whole processes."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.timings import measuring

ROUNDS = 9
PROCESSES = {
    "python -c 'import keras'": ["-c", "import keras"],
    "import kerazoo": ["-c", "import kerazoo"],
    "import kerazoo; list_models()": ["-c", "import kerazoo; kerazoo.list_models()"],
    "kerazoo list": ["-m", "kerazoo", "list"],
    "python -c 'pass'": ["-c", "pass"],
}


def measure(only: str | None = None) -> Iterator[tuple[str, Any]]:
    """Per process, its seconds."""
    ways = {
        name: partial(measuring.seconds_of, [sys.executable, *rest])
        for name, rest in PROCESSES.items()
    }
    yield from measuring.interleaved(ways, ROUNDS, "starting").items()


def lines(figures: dict[str, Any]) -> list[str]:
    """The section of the report."""
    keras = statistics.median(figures["python -c 'import keras'"])
    table = [
        "## Starting",
        "",
        f"Whole processes, seconds, medians of {ROUNDS} interleaved rounds (smallest to largest).",
        "",
        "| process | seconds | of `import keras` |",
        "|---|---:|---:|",
    ]
    for name, values in figures.items():
        share = statistics.median(values) / keras
        table.append(f"| `{name}` | {measuring.spread(values)} | {share:.3f} |")
    return table
