"""Verify every entry of the zoo in one go, and say in one table what came of it."""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo import registry
from kerazoo.datasets import _sources as sources
from kerazoo.datasets._cache import load_data
from kerazoo.errors import Interrupted, KerazooError, NotAvailable
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.verify import Report, verify
from kerazoo.spec import Entry
from kerazoo.training import run_directory as run


@dataclass(frozen=True)
class Verdict:
    """What came of one entry.

    Attributes:
        entry: ``model@dataset``.
        report: of the runs; None if the entry was skipped or could not be run to the end.
        skipped: why; empty if it ran.
        error: what stopped it; empty if nothing did.
        seconds: wall-clock time, loading of the data included.
    """

    entry: str
    report: Report | None
    skipped: str
    seconds: float
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether it ran and there is no PASS."""
        return bool(self.error) or (self.report is not None and not self.report.passed)

    def as_json(self) -> dict[str, Any]:
        """What ``kerazoo verify --all --json`` prints of one entry."""
        return {
            "entry": self.entry,
            "passed": None if self.skipped else not self.failed,
            "skipped": self.skipped or None,
            "error": self.error or None,
            "seconds": round(self.seconds, 1),
            "report": None if self.report is None else self.report.as_json(),
        }


def verify_all(
    pattern: str = "*",
    *,
    tier: str = "full",
    seeds: int = 1,
    offline: bool = False,
    out: str | Path | None = None,
    resume: run.Resume = False,
    progress: bool = True,
    engine: str = "auto",
) -> Iterator[Verdict]:
    """Verify every entry that matches a pattern, one after the other.

    An entry is skipped, and the reason said, if nothing is recorded of it or its data cannot be
    had. One that cannot be verified for another reason has a verdict that says so.

    Args:
        pattern: shell-style, of entries, models or datasets.
        tier: ``"full"`` or ``"smoke"``.
        seeds: runs per entry.
        offline: use the network for nothing; what is not at hand is skipped.
        out: folder for the run folders, one per entry; by default one below ``runs/``.
        resume: go on with the runs in ``out``; what is finished there is not trained again.
            ``"elsewhere"``: also if they began on another machine.
        progress: show progress on standard error.
        engine: ``"auto"``, what measured fastest with TensorFlow on a CPU (elsewhere Keras's own),
            or ``"plain"``, Keras's own.

    Yields:
        One verdict per entry, as soon as it is there.

    Raises:
        KerazooError: no entry matches, an unknown tier, or ``resume`` without ``out``.
        Interrupted: Ctrl-C; what is finished is kept.
    """
    if resume and out is None:
        raise KerazooError("resume needs the folder of the runs: give --out DIR (out=...).")
    folder = Path(out) if out is not None else Path("runs") / f"{run.stamp()}-verify-all-{tier}"
    names = registry.list_entries(pattern)
    if not names:
        raise KerazooError(f"no entry matches {pattern!r}. `kerazoo list` shows all.")
    with sources.offline() if offline else contextlib.nullcontext():
        for number, name in enumerate(names, start=1):
            if progress:
                print(f"kerazoo: {number} of {len(names)}: {name}", file=sys.stderr, flush=True)
            entry = registry.get_entry(name)
            entry.recipe_for(tier)  # an unknown tier is a mistake in what was asked
            began = time.monotonic()
            why, error, report = "", "", None
            try:
                why = _why_skipped(entry, tier)
                if not why:
                    report = verify(
                        name,
                        tier=tier,
                        seeds=seeds,
                        out=folder / name,
                        resume=resume,
                        progress=progress,
                        engine=engine,
                    )
            except KerazooError as problem:  # of one entry; the others have theirs to say
                error = str(problem)
            except Interrupted:
                raise Interrupted(
                    f"stopped at {name}, {number} of {len(names)}; what is finished is kept. Go on "
                    "with the same command, --out and --resume: "
                    f"--out {shlex.quote(str(folder))} --resume"
                ) from None
            yield Verdict(name, report, why, time.monotonic() - began, error)


def _why_skipped(entry: Entry, tier: str) -> str:
    if tier not in evidence.read(entry).tiers:
        return f"not measured yet{': ' + entry.unmeasured if entry.unmeasured else ''}"
    try:
        load_data(entry.dataset)
    except NotAvailable as error:  # data that is there, but is not what it should be, is an error
        return str(error)
    return ""
