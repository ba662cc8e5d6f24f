"""Tables and cards of the command line, by rich."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kerazoo import _parts as parts
from kerazoo.errors import printable
from kerazoo.metrics import best_baseline, duration, metric

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from kerazoo.evidence.verify import Verdict

LONGEST = 36  # characters of a word that is not broken


class Whole(str):
    """Text that is not wrapped: a path, or lines to copy."""


def render(part: parts.Table, width: int) -> tuple[Table, str]:
    """A table for rich that is no wider than ``width``, and the note below it.

    Columns stand in the order of need: those that do not fit are left out from the right, and the
    note names them. Numbers are not broken, sentences at words; they share the room that is left.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table

    rows = [[_text(cell) for cell in row] for row in (part.columns, *part.rows)]
    columns, least = list(zip(*rows, strict=True)), list[int]()
    longest = [max(map(cell_len, column)) for column in columns]
    fits = sum(longest) + 2 * (len(columns) - 1) <= width
    for i, (title, *cells) in enumerate(columns):
        is_number = i in part.numbers
        words = [*title.split(), *(cells if is_number else " ".join(cells).split())]
        shortest = max(map(cell_len, words), default=0)
        least.append(shortest if is_number else min(shortest, LONGEST, 2 * width // 3))
        if is_number and not fits:  # its title is broken first
            longest[i] = shortest
    n = min(2, len(columns))
    while n < len(columns) and sum(least[: n + 1]) + 2 * n <= width:
        n += 1
    spare = max(0, width - sum(least[:n]) - 2 * (n - 1))
    wanted = sum(longest[:n]) - sum(least[:n])
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for i in range(n):
        more = longest[i] - least[i]
        size = least[i] + min(more, spare * more // (wanted or 1))
        side: Literal["left", "right"] = "right" if i in part.numbers else "left"
        made.add_column(rows[0][i], justify=side, width=size, overflow="fold")
    for row in rows[1:]:
        made.add_row(*row[:n])
    out = f" (too narrow for: {', '.join(rows[0][n:])})" if n < len(columns) else ""
    return made, (part.note + out).strip()


def _text(cell: Any) -> str:
    """A cell as text, without the markup of docstrings."""
    return printable(str(cell).replace("``", "`"))


def verdict(passed: bool) -> Text:
    """PASS or FAIL in its color."""
    from rich.text import Text

    return Text("PASS", "bold green") if passed else Text("FAIL", "bold red")


def entries_table(rows: Sequence[dict[str, Any]]) -> parts.Table:
    """The zoo: one row per entry."""
    cells = [_entry_cells(row) for row in rows]
    columns = list(cells[0])
    return parts.Table(
        columns,
        [list(row.values()) for row in cells],
        [i for i, name in enumerate(columns) if name not in ("entry", "metric", "offline")],
        title="entries (more: kerazoo show ENTRY, kerazoo list --datasets)",
        note="↑ more is better, ↓ less; – not measured yet; n: seeds; baseline: the best one",
    )


def _entry_cells(row: dict[str, Any]) -> dict[str, str]:
    measure, measured = metric(row["metric"]), row["mean"] is not None
    best, none = best_baseline(row["baselines"], measure), "damaged" if row["error"] else "–"
    return {
        "entry": row["entry"],
        "test": measure.with_spread(row["mean"], row["std"]) if measured else none,
        "n": str(row["n"]) if measured else "",
        "metric": f"{measure.short or measure.title}{measure.arrow}",
        "baseline": "" if best is None else measure.show(best[1]),
        "time": duration(row["train_seconds"]) if measured else "",
        "offline": "yes" if row["offline"] else "",
        "parameters": f"{row['parameters']:,}" if row["parameters"] else "",
    }


def datasets_table(rows: Sequence[dict[str, Any]]) -> parts.Table:
    """One row per dataset."""
    cells = [(row["name"], row["summary"], row["license"]) for row in rows]
    return parts.Table(("dataset", "content", "license"), cells, title="datasets")


def card_parts(
    name: str, headline: Sequence[str], sections: Sequence[parts.Section], full: bool
) -> Iterable[Any]:
    """Card of an entry or a run, or its first section, as parts for the terminal."""
    from rich.rule import Rule

    yield f"{name}: {headline[0]}"
    yield from headline[1:]
    for section in sections if full else sections[:1]:
        yield ""
        yield Rule(section.title, align="left", style="dim")
        for part in section.parts:
            match part:
                case parts.Bullets():
                    yield from (_text(f"– {line}") for line in part.lines)
                case parts.Code():
                    yield from (["", f"# {part.title}"] if part.title else [])
                    yield from map(Whole, part.text.split("\n"))
                case parts.Text():
                    joined = re.sub(r"(?<=\S)\n(?=\S)|\n {8,}(?=\S)", " ", part.text)
                    yield from map(_text, joined.split("\n"))
                case _:
                    yield part
    if not full:
        yield ""
        rest = ", ".join(s.title.lower() for s in sections[1:])
        yield f"More: kerazoo show {name} --full ({rest})"


def verdicts_table(verdicts: Sequence[Verdict]) -> parts.Table:
    """One row per entry of ``verify --all``."""
    values = ("these runs", "allowed", "reference (n)")
    columns = ("entry", "verdict", *values, "metric", "data from", "time")
    rows: list[Sequence[str]] = []
    for v in verdicts:
        if v.report is None:
            rows.append((v.entry, "ERROR" if v.error else "skipped", *[""] * 6))
            continue
        r, show = v.report, v.report.measure.show
        edge = "≥" if r.measure.higher_is_better else "≤"
        rows.append(
            (
                v.entry,
                "PASS" if r.passed else "FAIL",
                "diverged" if math.isnan(r.mean) else show(r.mean),
                f"{edge} {show(r.bound.value)}",
                f"{show(r.reference.mean)} ({r.reference.n})",
                r.measure.short or r.measure.title,
                r.data,
                duration(v.seconds),
            )
        )
    return parts.Table(columns, rows, (2, 3, 4, 7), "verify --all")


def verdicts_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Lines below the table: each reason in full, how many passed, the time of all."""
    reasons = [f"{v.entry}: error: {v.error}" for v in verdicts if v.error]
    reasons += [f"{v.entry}: skipped: {v.skipped}" for v in verdicts if v.skipped]
    reports = [v.report for v in verdicts if v.report]
    reasons += [f"{r.entry}: {t}" for r in reports for t in r.remarks if not t.startswith("note")]
    failed, skipped = sum(v.failed for v in verdicts), sum(bool(v.skipped) for v in verdicts)
    return [
        *reasons,
        f"{len(verdicts) - failed - skipped} passed, {failed} failed, {skipped} skipped, in "
        f"{duration(sum(v.seconds for v in verdicts))}",
    ]
