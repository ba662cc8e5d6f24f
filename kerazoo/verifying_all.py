"""Verify every entry of the zoo in one go, and say in one table what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo import evidence, registry
from kerazoo.datasets import network
from kerazoo.datasets.cache import load_data
from kerazoo.errors import KerazooError
from kerazoo.spec import Entry
from kerazoo.verifying import Report, verify


@dataclass(frozen=True)
class Verdict:
    """What came of one entry.

    Attributes:
        entry: ``model@dataset``.
        report: of the runs; None if the entry was skipped.
        skipped: why; empty if it ran.
        seconds: wall-clock time, loading of the data included.
    """

    entry: str
    report: Report | None
    skipped: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """What ``kerazoo verify --all --json`` prints of one entry."""
        return {
            "entry": self.entry,
            "passed": None if self.report is None else self.report.passed,
            "skipped": self.skipped or None,
            "seconds": round(self.seconds, 1),
            "report": None if self.report is None else self.report.as_json(),
        }


def verify_all(
    pattern: str = "*",
    *,
    tier: str = "smoke",
    seeds: int = 1,
    offline: bool = False,
    out: str | Path | None = None,
    progress: bool = True,
) -> Iterator[Verdict]:
    """Verify every entry that matches a pattern, one after the other.

    An entry is skipped, and the reason said, if nothing is recorded of it or its data cannot be
    had.

    Args:
        pattern: shell-style, of entries, models or datasets.
        tier: ``"full"`` or ``"smoke"``.
        seeds: runs per entry.
        offline: use the network for nothing; what is not at hand is skipped.
        out: folder for the run folders, one per entry; by default below ``runs/``.
        progress: show progress on standard error.

    Yields:
        One verdict per entry, as soon as it is there.

    Raises:
        KerazooError: no entry matches.
    """
    names = registry.list_entries(pattern)
    if not names:
        raise KerazooError(f"no entry matches {pattern!r}. `kerazoo list` shows all.")
    with network.forbidden() if offline else network.allowed():
        for number, name in enumerate(names, start=1):
            if progress:
                print(f"kerazoo: {number} of {len(names)}: {name}", file=sys.stderr, flush=True)
            entry = registry.get_entry(name)
            began = time.monotonic()
            why = _why_skipped(entry, tier)
            report = None
            if not why:
                folder = None if out is None else Path(out) / name
                report = verify(name, tier=tier, seeds=seeds, out=folder, progress=progress)
            yield Verdict(name, report, why, time.monotonic() - began)


def _why_skipped(entry: Entry, tier: str) -> str:
    entry.recipe_for(tier)  # an unknown tier is a mistake, not a reason to skip
    if tier not in evidence.read(entry).tiers:
        return f"not measured yet{': ' + entry.unmeasured if entry.unmeasured else ''}"
    try:
        load_data(entry.dataset)
    except KerazooError as error:
        return str(error)
    return ""
