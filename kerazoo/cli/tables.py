"""Tables and cards of the command line, by rich."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kerazoo import registry
from kerazoo._lazy import pd
from kerazoo.errors import printable
from kerazoo.evidence import card
from kerazoo.metrics import best_baseline, duration, metric
from kerazoo.spec import Entry

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from kerazoo.evidence.verify import Report, Verdict
    from kerazoo.exporting.certify import Certificate
    from kerazoo.predicting.predictions import Prediction

MAX_INPUT = 200  # characters of a text in the table of predictions
MAX_ROWS = 12  # of a table of predictions on the screen
# Columns of the list of entries with what the caption says about them; and which are left out
# first where there is no room.
CAPTIONS = {
    "entry": "",
    "metric": "↑ more is better, ↓ less",
    "test": "– not measured yet",
    "n": "n: seeds",
    "baseline": "baseline: the best one",
    "parameters": "parameters: with statistics of normalization",
    "time": "time: of a training run",
    "offline": "",
}
LESS_NEEDED = ("offline", "parameters", "time", "baseline", "metric")


def table(part: card.Table, *, plain: bool = False, whole: Sequence[int] = (0,)) -> Table:
    """A table for rich, without a frame if ``plain``; columns in ``whole`` do not wrap."""
    from rich import box
    from rich.table import Table

    made = Table(
        title=part.title and printable(part.title),
        title_justify="left",
        caption=part.note and printable(part.note),
        caption_justify="left",
        box=box.SIMPLE_HEAD if plain else box.HEAVY_HEAD,
    )
    for i, name in enumerate(part.columns):
        side: Literal["left", "right"] = "right" if i in part.numbers else "left"
        made.add_column(printable(name), justify=side, no_wrap=i in whole, overflow="fold")
    for row in part.rows:
        made.add_row(*(printable(cell) if isinstance(cell, str) else cell for cell in row))
    return made


def verdict(passed: bool) -> Text:
    """PASS or FAIL in its color."""
    from rich.text import Text

    return Text("PASS", "bold green") if passed else Text("FAIL", "bold red")


def entries_table(rows: Sequence[dict[str, Any]], width: int) -> Table:
    """The zoo: one row per entry, with as many whole columns as fit into ``width`` characters."""
    cells = [_entry_cells(row) for row in rows]
    # Two more each, for what separates a column from the next.
    widths = {name: max(len(name), *(len(row[name]) for row in cells)) + 2 for name in CAPTIONS}
    for name in LESS_NEEDED:
        if sum(widths.values()) > width:
            del widths[name]
    part = card.Table(
        list(widths),
        [[row[name] for name in widths] for row in cells],
        [i for i, name in enumerate(widths) if name not in ("entry", "metric", "offline")],
        title="entries (kerazoo show ENTRY for the card)",
        note="; ".join(CAPTIONS[name] for name in widths if CAPTIONS[name]),
    )
    made = table(part, plain=True, whole=range(len(widths)))
    made.padding = (0, 1, 0, 0)
    return made


def _entry_cells(row: dict[str, Any]) -> dict[str, str]:
    measure, measured = metric(row["metric"]), row["mean"] is not None
    best, none = best_baseline(row["baselines"], measure), "damaged" if row["error"] else "–"
    return {
        "entry": row["entry"],
        "metric": f"{measure.short or measure.title} {measure.arrow}",
        "test": measure.with_spread(row["mean"], row["std"]) if measured else none,
        "n": str(row["n"]) if measured else "",
        "baseline": "" if best is None else measure.show(best[1]),
        "parameters": f"{row['parameters']:,}" if row["parameters"] else "",
        "time": duration(row["train_seconds"]) if measured else "",
        "offline": "yes" if row["offline"] else "",
    }


def datasets_table(names: Sequence[str]) -> Table:
    """One row per dataset."""
    found = [registry.get_dataset(name) for name in names]
    rows = [(d.name, d.summary, d.license) for d in found]
    return table(card.Table(("dataset", "content", "license"), rows, title="datasets"), whole=())


def card_parts(entry: Entry) -> Iterable[Any]:
    """Card of an entry as things that rich prints one after the other."""
    from rich.rule import Rule
    from rich.text import Text

    result, facts = card.headline(entry)
    yield f"{entry.name}: {result}"
    yield facts
    for section in card.sections(entry):
        yield ""
        yield Rule(section.title, align="left", style="dim")
        for part in section.parts:
            match part:
                case card.Table():
                    yield table(part)
                case card.Bullets():
                    yield from (Text(printable(f"– {line}")) for line in part.lines)
                case card.Code():
                    yield from (["", f"# {part.title}"] if part.title else [])
                    yield from part.text.split("\n")
                case card.Text():
                    yield from part.text.replace("``", "`").split("\n")
    yield ""
    yield f"Layers: kerazoo show {entry.name} --layers. As a page: --html card.html"


def report_table(report: Report) -> Table:
    """Verdict of ``verify`` with the numbers behind it."""
    title = f"{report.entry}, tier {report.tier}: {report.measure.title} on the test split"
    return table(card.Table(("", "value", ""), report.rows, [1], title), whole=())


def verdicts_table(verdicts: Sequence[Verdict]) -> Table:
    """One row per entry of ``verify --all``."""
    columns = ("entry", "metric", "these runs", "allowed", "reference (n)", "time", "verdict")
    rows: list[Sequence[str | Text]] = []
    for v in verdicts:
        if v.report is None:
            rows.append((v.entry, *[""] * 5, "ERROR" if v.error else "skipped"))
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
                duration(v.seconds),
                verdict(r.passed),
            )
        )
    return table(card.Table(columns, rows, range(2, 6), "verify --all"), whole=range(7))


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


def predictions_table(predictions: Sequence[Prediction]) -> Table:
    """One row per file or text."""
    rows = []
    for p in predictions:
        given = p.input if len(p.input) <= MAX_INPUT else f"{p.input[:MAX_INPUT]} …"
        if p.error is not None:
            rows.append((given, "–", "–", p.error))
        else:
            rows.append((given, p.label or "", f"{p.probability:.1%}", p.note))
    return table(card.Table(("input", "class", "probability", "note"), rows, [2]), whole=())


def certificate_table(c: Certificate) -> Table:
    """Outputs, metric, time and size of an export in its runtime, and in Keras."""
    from rich.filesize import decimal

    show, allowed = c.measure.show, f"{c.tolerance:.2g}"
    bound = f"{c.metric_tolerance:.2g}"

    def metric_row(name: str, value: float) -> tuple[str, ...]:
        return name, show(c.before), show(value), f"{abs(value - c.before):.2g}", bound

    rows: list[tuple[str, ...]] = [
        (f"{c.compared:,} outputs", "", "", f"{c.difference:.2g}", allowed),
        metric_row(c.measure.short or c.measure.title, c.after),
    ]
    if c.texts is not None:
        difference = f"{c.texts.difference:.2g}"
        rows.append((f"{c.compared:,} outputs of raw texts", "", "", difference, allowed))
        rows.append(metric_row("accuracy on raw texts", c.texts.value))
    rows.append(("time", f"{c.keras_milliseconds:.3f} ms", f"{c.milliseconds:.3f} ms", "", ""))
    rows.append(("size", "", decimal(c.bytes), "", ""))
    title = f"{c.entry} as {c.format}, read back by {c.runtime}"
    some = "" if c.examples == c.test_examples else f"{c.examples:,} of "
    note = (
        f"{c.measure.title} on {some}{c.test_examples:,} test examples; time: one example, median "
        f"of {c.calls} warm calls"
    )
    columns = ("", "Keras", "export", "largest difference", "allowed")
    return table(card.Table(columns, rows, range(1, 5), title, note), whole=())


def frame_table(frame: pd.DataFrame) -> Table:
    """The first rows of a DataFrame."""
    from pandas.api.types import is_numeric_dtype

    right = [i for i, dtype in enumerate(frame.dtypes) if is_numeric_dtype(dtype)]
    rows = [
        [f"{v:.4g}" if isinstance(v, float) else str(v) for v in row]
        for row in frame.head(MAX_ROWS).itertuples(index=False)
    ]
    rows += [["…"]] * (len(frame) > MAX_ROWS)
    part = card.Table([str(name) for name in frame.columns], rows, right)
    return table(part, plain=True, whole=())
