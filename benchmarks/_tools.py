"""Helpers of the benchmark programs: workers, interleaved rounds, JSON and Markdown."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
import timeit
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import jinja2

from kerazoo import registry

HERE = Path(__file__).parent
ROOT = HERE.parent
PLOTS = HERE / "plots"


def embedded() -> list[str]:
    """Recorded entries whose data needs no download."""
    entries = [registry.get_entry(name) for name in registry.list_entries()]
    return [e.name for e in entries if registry.get_dataset(e.dataset).offline]


def read_json(path: Path) -> dict[str, Any]:
    """Content of a JSON file; empty if there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A Markdown table; columns after the first ``left`` ones are right-aligned."""
    align = "---|" * left + "---:|" * (len(header) - left)
    lines = [f"| {' | '.join(header)} |", f"|{align}", *(f"| {' | '.join(r)} |" for r in rows)]
    return "\n".join(lines)


def spread(values: Iterable[float], form: str = "{:.3g}") -> str:
    """Median, smallest and largest value, or the only one: ``1.2 (1.15–1.31)``."""
    known = list(values)
    middle, low, high = (form.format(f(known)) for f in (median, min, max))
    return middle if len(known) == 1 else f"{middle} ({low}–{high})"


def ratio(theirs: Iterable[float], ours: Iterable[float]) -> float:
    """Ratio of medians."""
    return median(theirs) / median(ours)


def render(name: str, **content: Any) -> str:
    """A report: its template with the content filled in."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(content)


def measured_with(environments: Iterable[Mapping[str, Any]]) -> str:
    """Sentence that names environments; a range of days and loads, all values of the rest."""
    known = collections.defaultdict(set)
    for environment in environments:
        for key, value in environment.items():
            known[key].add(value)
    shown = []
    for key, values in known.items():
        ordered = [str(value) for value in sorted(values)]
        if key in ("day", "load"):
            ordered = [" to ".join(dict.fromkeys((ordered[0], ordered[-1])))]
        shown.append(f"{key} {' and '.join(ordered)}")
    return f"Measured with {', '.join(shown)}."


def python(
    *arguments: str,
    executable: str | Path = sys.executable,
    fine: Sequence[int] = (0,),
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run Python in a process of its own and return its standard output.

    Args:
        *arguments: of Python.
        executable: Python of another environment.
        fine: exit statuses that are no failure.
        variables: further environment variables.

    Raises:
        RuntimeError: The process failed; the message ends with its standard error.
    """
    done = subprocess.run(
        [str(executable), *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **(variables or {})},
    )
    if done.returncode not in fine:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def seconds_of(*arguments: str) -> Callable[[], float]:
    """A function that runs Python and returns the seconds of the whole process."""
    return lambda: timeit.timeit(lambda: python(*arguments), number=1)


def json_of(*arguments: str) -> Callable[[], Any]:
    """A function that runs Python and returns the JSON value in its last line."""
    return lambda: json.loads(python(*arguments).splitlines()[-1])


def worker(module: str, *arguments: str) -> Callable[[], Any]:
    """A function that runs a module of ``benchmarks/peers`` and returns its report."""
    return json_of("-m", f"benchmarks.peers.{module}", *arguments)


def interleaved(
    calls: Mapping[str, Callable[[], Any]], rounds: int, title: str
) -> dict[str, list[Any]]:
    """Results of every call in every round, A B A B …."""
    results: dict[str, list[Any]] = {name: [] for name in calls}
    for turn in range(rounds):
        for name, call in calls.items():
            results[name].append(call())
            if rounds < 10:
                print(f"{title} · round {turn + 1}/{rounds} · {name}", file=sys.stderr, flush=True)
    return results
