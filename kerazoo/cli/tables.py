"""Tables and cards of the command line, by rich."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kerazoo import _parts as parts
from kerazoo._lazy import pd
from kerazoo.errors import printable
from kerazoo.metrics import best_baseline, duration, metric

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from kerazoo.evidence.verify import Report, Verdict
    from kerazoo.predicting.predictions import Prediction

MAX_INPUT = 200  # characters of a text in the table of predictions
MAX_ROWS = 12  # of a table of predictions on the screen
LEAST = 14  # characters that a column of sentences needs
LONGEST = 36  # characters of a word that is not broken


class Whole(str):
    """Text that is not wrapped: a path, or lines to copy."""


def render(part: parts.Table, width: int) -> tuple[Table, str]:
    """A table for rich that is no wider than ``width``, and the note below it.

    Numbers are not broken. Where there is no room, the less needed columns are left out, and the
    note below says so; columns of sentences share the rest and wrap at words.
    """
    from rich import box
    from rich.table import Table

    titles = [_text(name) for name in part.columns]
    cells = [[_text(cell) for cell in row] for row in part.rows]
    kept = list(range(len(titles)))
    natural, least = zip(*(_widths(part, titles, cells, i) for i in kept), strict=True)
    shed = [list(part.columns).index(name) for name in part.less_needed] or kept[:1:-1]
    out = []
    while sum(least[i] + 2 for i in kept) > width + 2 and shed:
        out.append(shed.pop(0))
        kept.remove(out[-1])
    note = part.note + f" (too narrow for: {', '.join(titles[i] for i in out)})" * bool(out)
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    spare = max(0, width + 2 - sum(least[i] + 2 for i in kept))
    wanted = sum(natural[i] - least[i] for i in kept)
    for i in kept:
        size = least[i] + min(
            natural[i] - least[i], spare * (natural[i] - least[i]) // (wanted or 1)
        )
        side: Literal["left", "right"] = "right" if i in part.numbers else "left"
        made.add_column(titles[i], justify=side, width=size, overflow="fold")
        for texts in cells:
            texts[i] = _broken(texts[i], size)
    for row, texts in zip(part.rows, cells, strict=True):
        made.add_row(*(texts[i] if isinstance(row[i], str) else row[i] for i in kept))
    return made, note.strip()


def _text(cell: Any) -> str:
    """A cell as text, without the markup of docstrings."""
    return printable(str(cell).replace("``", "`"))


def _broken(text: str, width: int) -> str:
    """A text whose longer words, such as paths, are broken behind a mark where they have one."""
    pieces = re.compile(rf".{{1,{width}}}(?:(?<=[/@_-])|$)|.{{1,{width}}}")
    return re.sub(rf"\S{{{width + 1},}}", lambda word: "\n".join(pieces.findall(word[0])), text)


def _widths(
    part: parts.Table, titles: Sequence[str], cells: Sequence[Sequence[str]], i: int
) -> tuple[int, int]:
    """Width of a column on one line, and the least that it needs."""
    from rich.cells import cell_len

    column = [row[i] for row in cells]
    widest = max(map(cell_len, column), default=0)
    words = [*titles[i].split(), *(() if i in part.numbers else " ".join(column).split())]
    longest = max(map(cell_len, words), default=0)
    natural = max(widest, cell_len(titles[i]))
    if i in part.numbers:
        return natural, max(widest, longest)
    return natural, min(natural, max(LEAST, min(longest, LONGEST)))


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
        less_needed=("parameters", "offline", "time", "baseline", "metric"),
    )


def _entry_cells(row: dict[str, Any]) -> dict[str, str]:
    measure, measured = metric(row["metric"]), row["mean"] is not None
    best, none = best_baseline(row["baselines"], measure), "damaged" if row["error"] else "–"
    return {
        "entry": row["entry"],
        "metric": f"{measure.short or measure.title}{measure.arrow}",
        "test": measure.with_spread(row["mean"], row["std"]) if measured else none,
        "n": str(row["n"]) if measured else "",
        "baseline": "" if best is None else measure.show(best[1]),
        "parameters": f"{row['parameters']:,}" if row["parameters"] else "",
        "time": duration(row["train_seconds"]) if measured else "",
        "offline": "yes" if row["offline"] else "",
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


def report_table(report: Report) -> parts.Table:
    """Verdict of ``verify`` with the numbers behind it."""
    title = f"{report.entry}, tier {report.tier}: {report.measure.title} on the test split"
    return parts.Table(("", "value", ""), report.rows, [1], title)


def verdicts_table(verdicts: Sequence[Verdict]) -> parts.Table:
    """One row per entry of ``verify --all``."""
    values = ("these runs", "allowed", "reference (n)")
    columns = ("entry", "metric", *values, "data from", "time", "verdict")
    rows: list[Sequence[str | Text]] = []
    for v in verdicts:
        if v.report is None:
            rows.append((v.entry, *[""] * 6, "ERROR" if v.error else "skipped"))
            continue
        r, show = v.report, v.report.measure.show
        edge = "≥" if r.measure.higher_is_better else "≤"
        rows.append(
            (
                v.entry,
                r.measure.short or r.measure.title,
                "diverged" if math.isnan(r.mean) else show(r.mean),
                f"{edge} {show(r.bound.value)}",
                f"{show(r.reference.mean)} ({r.reference.n})",
                r.data,
                duration(v.seconds),
                verdict(r.passed),
            )
        )
    less = ("time", "data from", "metric", *values[::-1])
    return parts.Table(columns, rows, (2, 3, 4, 6), "verify --all", less_needed=less)


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


def predictions_table(predictions: Sequence[Prediction], top: int = 1) -> parts.Table:
    """One row per file or text."""
    rows = []
    for p in predictions:
        given = p.input if len(p.input) <= MAX_INPUT else f"{p.input[:MAX_INPUT]} …"
        if p.error is not None:
            rows.append((given, "–", "–", p.error))
        else:
            chances = p.probabilities or {}
            best = sorted(chances.items(), key=lambda pair: (pair[0] != p.label, -pair[1]))[:top]
            for i, (label, probability) in enumerate(best):
                rows.append(
                    ("" if i else given, label, f"{100 * probability:.1f} %", "" if i else p.note)
                )
    return parts.Table(("input", "class", "probability", "note"), rows, [2], less_needed=("note",))


def frame_table(frame: pd.DataFrame, inputs: int) -> parts.Table:
    """The first rows of predictions; every column with decimals of its own.

    Args:
        frame: number or date of each row, columns of the input, predictions.
        inputs: number of the columns of the input, which are less needed than predictions.
    """
    columns = [_column(frame[name]) for name in frame.columns]
    rows: list[Sequence[str]] = [list(row) for row in zip(*columns, strict=True)]
    rows += [["…"] * len(columns)] * (len(frame) > MAX_ROWS)
    right = [i for i, dtype in enumerate(frame.dtypes) if dtype.kind in "iuf"]
    names = [str(name) for name in frame.columns]
    less = [*names[inputs:0:-1], *names[: inputs + 1 : -1]]
    return parts.Table(names, rows, right, less_needed=less)


def _column(values: pd.Series) -> list[str]:
    """The first values: numbers with four significant digits of the largest."""
    head = values.head(MAX_ROWS)
    if values.dtype.kind == "f":
        largest = values.abs().max()
        digits = 3 - math.floor(math.log10(largest)) if 0 < largest < math.inf else 0
        return ["" if math.isnan(v) else f"{v:,.{max(0, min(digits, 9))}f}" for v in head]
    return [f"{v:,}" if values.dtype.kind in "iu" else str(v) for v in head]
