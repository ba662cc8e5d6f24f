"""Interleaved measurements: A B A B …, medians, and their ratios."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def interleaved(
    ways: Mapping[str, Callable[[], Any]], rounds: int, title: str
) -> dict[str, list[Any]]:
    """What each way gives in each round; all of them in a round, one after the other."""
    results: dict[str, list[Any]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            results[name].append(way())
            took = time.perf_counter() - began
            say = f"{title} · round {turn + 1}/{rounds} · {name} · {took:.1f} s"
            print(say, file=sys.stderr, flush=True)
    return results


def worker(module: str, *arguments: str) -> dict[str, Any]:
    """Run ``python -m module`` in a process of its own; the JSON object that it prints last."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        check=False, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def seconds_of(command: list[str]) -> float:
    """Wall-clock time of a whole process."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - began


def spread(values: list[float], form: str = "{:.3g}") -> str:
    """Median with the smallest and the largest: ``1.2 (1.15–1.31)``."""
    middle, low, high = (
        form.format(v) for v in (statistics.median(values), min(values), max(values))
    )
    return f"{middle} ({low}–{high})"


def ratio(theirs: list[float], ours: list[float]) -> float:
    """Their median time divided by ours: above 1 is faster than they."""
    return statistics.median(theirs) / statistics.median(ours)


def has_torch() -> bool:
    """Whether PyTorch is installed; its rows are left out where it is not."""
    import importlib.util

    return importlib.util.find_spec("torch") is not None
