"""What the command line shows of entries, reports and predictions, as rich tables."""

from __future__ import annotations

import dataclasses
import inspect
import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kerazoo import registry
from kerazoo.errors import KerazooError
from kerazoo.evidence import caveats, reference_table, usage
from kerazoo.evidence import reference as evidence
from kerazoo.finetuning.compare import shown_name
from kerazoo.metrics import Metric, best_naive, duration, metric
from kerazoo.spec import TIERS, Entry

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from kerazoo.evidence.reference import Reference
    from kerazoo.evidence.verify import Report
    from kerazoo.evidence.verify_all import Verdict
    from kerazoo.exporting.certify import Certificate
    from kerazoo.finetuning.finetune import FineTuned
    from kerazoo.predicting.predict import Prediction


def entry_row(entry: Entry) -> dict[str, Any]:
    """What ``kerazoo list --json`` says of one entry."""
    try:
        dataset = registry.get_dataset(entry.dataset)
    except KerazooError as error:
        raise KerazooError(f"entry {entry.name}: {error}") from None
    recorded = evidence.read(entry)
    full = recorded.tiers.get("full")
    return {
        "entry": entry.name,
        "model": entry.model,
        "dataset": entry.dataset,
        "task": registry.task_of(entry),
        "metric": recorded.metric,
        "higher_is_better": recorded.measure.higher_is_better,
        "mean": full.mean if full else None,
        "std": full.std if full else None,
        "n": full.n if full else 0,
        "parameters": recorded.parameters,
        "baselines": full.baselines if full else {},
        "limits": full.limits if full else {},
        "unmeasured": entry.unmeasured,
        "measured_on": dataset.measured_on,
        "bundled_weights": recorded.weights is not None,
        "train_seconds": _median_seconds(full),
        "offline": dataset.offline,
        "summary": registry.get_model(entry.model).summary,
    }


def _median_seconds(reference: Reference | None) -> float | None:
    return statistics.median(r.seconds for r in reference.runs) if reference else None


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)


# Of the table of entries: what each column needs said, and which go first where there is no room.
_COLUMNS = {
    "entry": "",
    "metric": "↑ more is better, ↓ less",
    "test": "– not measured yet",
    "n": "n: seeds",
    "naive": "naive: the best naive model",
    "weights": "weights: parameters, statistics of normalisation among them",
    "time": "time: of a training",
    "offline": "",
}
_LESS_NEEDED = ("offline", "weights", "time", "naive", "metric")


def entries_table(rows: Sequence[dict[str, Any]], width: int) -> Table:
    """The zoo: one row per entry, with as many columns as are whole within so many characters."""
    from rich import box
    from rich.table import Table

    cells = [_entry_cells(row) for row in rows]
    # Two more each: what stands between it and the next one.
    shown = {name: max(len(name), *(len(row[name]) for row in cells)) + 2 for name in _COLUMNS}
    for name in _LESS_NEEDED:
        if sum(shown.values()) > width:
            del shown[name]
    table = Table(
        title="entries (kerazoo show ENTRY for the card)",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption="; ".join(_COLUMNS[name] for name in shown if _COLUMNS[name]),
        caption_justify="left",
    )
    for name in shown:
        left = name in ("entry", "metric", "offline")
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    for row in cells:
        table.add_row(*(row[name] for name in shown))
    return table


def _entry_cells(row: dict[str, Any]) -> dict[str, str]:
    measure = metric(row["metric"])
    naive = best_naive(row["baselines"], measure)
    measured = row["mean"] is not None
    return {
        "entry": row["entry"],
        "metric": f"{measure.short or measure.title} {measure.arrow}",
        "test": measure.with_spread(row["mean"], row["std"]) if measured else "–",
        "n": str(row["n"]) if measured else "",
        "naive": "" if naive is None else measure.show(naive[1]),
        "weights": f"{row['parameters']:,}" if row["parameters"] else "",
        "time": _time(row["train_seconds"]) if measured else "",
        "offline": "yes" if row["offline"] else "",
    }


def datasets_table(names: Sequence[str]) -> Table:
    """The datasets: one row each."""
    from rich.table import Table

    table = Table(title="datasets", title_justify="left")
    for column in ("dataset", "what", "licence"):
        table.add_column(column)
    for name in names:
        info = registry.get_dataset(name)
        table.add_row(name, info.summary, info.licence)
    return table


def card(entry: Entry) -> dict[str, Any]:
    """The model card of an entry as data (``kerazoo show --json``)."""
    model = registry.get_model(entry.model)
    dataset = registry.get_dataset(entry.dataset)
    recorded = evidence.read(entry)
    return {
        **entry_row(entry),
        "description": inspect.getdoc(model.factory),
        "seeds": entry.seeds,
        "data": {
            "name": dataset.name,
            "description": inspect.getdoc(dataset.load),
            "input_shape": list(dataset.input_shape),
            "labels": list(dataset.labels),
            "columns": list(dataset.columns),
            "targets": list(dataset.targets),
            "windows": dataclasses.asdict(dataset.windows) if dataset.windows else None,
            "measured_on": dataset.measured_on,
            "licence": dataset.licence,
            "source": dataset.source,
        },
        "options": dict(entry.options),
        "recipes": {tier: dataclasses.asdict(entry.recipe_for(tier)) for tier in TIERS},
        "reference": {
            tier: {
                "mean": r.mean,
                "std": r.std,
                "n": r.n,
                "runs": [dataclasses.asdict(run) for run in r.runs],
                "also": {name: list(figures) for name, figures in r.also.items()},
                "baselines": r.baselines,
                "limits": r.limits,
                "beside": r.beside,
                "environment": r.environment,
            }
            for tier, r in recorded.tiers.items()
        },
        "weights": dataclasses.asdict(recorded.weights) if recorded.weights else None,
        "published": [
            {**dataclasses.asdict(p), "loses_to": caveats.loses_to(p, recorded)}
            for p in entry.published
        ],
        "usage": [dataclasses.asdict(s) for s in usage.snippets(entry, recorded)],
        "caveats": caveats.caveats(entry, recorded),
        "citation": model.citation,
    }


def card_parts(entry: Entry) -> list[Any]:
    """The model card as things that rich prints one after the other."""
    from rich.panel import Panel
    from rich.text import Text

    content, recorded = card(entry), evidence.read(entry)
    parts: list[Any] = [Panel(Text(content["description"]), title=content["entry"])]
    data = content["data"]
    about = f"{data['description']}\n\nLicence: {data['licence']}\nSource: {data['source']}"
    if data["measured_on"]:
        about += f"\nMeasured on: {data['measured_on']}"
    parts.append(Panel(Text(about), title=f"data: {data['name']}"))
    parts.append(_recipes_table(entry))
    measure = recorded.measure
    for tier, reference in recorded.tiers.items():
        parts.append(_reference_table(tier, reference, measure, data["measured_on"]))
    if not recorded.tiers:
        why = f" ({content['unmeasured']})" if content["unmeasured"] else ""
        parts.append(Text(f"reference: not measured yet{why}"))
    if content["weights"]:
        weights = content["weights"]
        parts.append(
            Text(
                f'trained weights: build("{content["model"]}", weights="{content["dataset"]}"), '
                f"from seed {weights['seed']}, test {measure.title} "
                f"{measure.show(weights['value'])}\n"
            )
        )
    if content["published"]:
        parts.append(_published_table(content["published"]))
    for snippet in content["usage"]:
        parts.append(Panel(Text(snippet["code"]), title=snippet["title"]))
    parts.append(Panel(Text("\n".join(f"– {c}" for c in content["caveats"])), title="limits"))
    parts.append(Panel(Text(content["citation"]), title="citation"))
    name = content["entry"]
    parts.append(f"Layers: kerazoo show {name} --layers. As HTML: kerazoo show {name} --html FILE")
    return parts


def layers_tables(entry: Entry) -> list[Table]:
    """The layers of each network of an entry's model."""
    from rich.table import Table

    from kerazoo import building
    from kerazoo.plots import layer_table
    from kerazoo.spec import networks_of

    tables = []
    for network in networks_of(building.build_for(entry)).values():
        title = f"{network.name}: {layer_table.title(network)}"
        table = Table(*layer_table.COLUMNS, title=title, title_justify="left")
        table.columns[-1].justify = "right"
        for row in layer_table.rows(network):
            table.add_row(*row)
        tables.append(table)
    return tables


def recipe_rows(entry: Entry) -> tuple[list[tuple[str, ...]], list[str]]:
    """The recipes of all tiers side by side, after the options that the model is built with.

    Returns:
        One row per field that plays a part in some tier, its name and its value in each, ``–``
        where it plays none; and the names of the other fields.
    """
    recipes = [entry.recipe_for(tier) for tier in TIERS]
    in_play = [recipe.in_play() for recipe in recipes]
    rows: list[tuple[str, ...]] = [
        (f"model: {name}", *(str(value) for _ in TIERS)) for name, value in entry.options.items()
    ]
    others = []
    for name in vars(recipes[0]):
        if any(name in fields for fields in in_play):
            rows.append((name, *(str(fields.get(name, "–")) for fields in in_play)))
        else:
            others.append(name)
    return rows, others


def _recipes_table(entry: Entry) -> Table:
    from rich.table import Table

    rows, others = recipe_rows(entry)
    table = Table("field", *TIERS, title="recipe", title_justify="left")
    for row in rows:
        table.add_row(*row)
    if others:
        table.caption = f"fields that play no part: {', '.join(others)}"
        table.caption_justify = "left"
    return table


def _reference_table(tier: str, reference: Reference, measure: Metric, measured_on: str) -> Table:
    """Every seed, then the baselines and limits; the mean stands in the title."""
    from rich.table import Table

    heading = measure.with_spread(reference.mean, reference.std, reference.n)
    table = Table(
        title=f"reference, tier {tier}: {measure.title} {heading}",
        title_justify="left",
        caption=f"measured with {reference_table.measured_with(reference)}"
        + (f"; data: {measured_on}" if measured_on else ""),
    )
    for i, name in enumerate(reference_table.columns(reference, measure)):
        table.add_column(name, justify="right" if i else "left")
    for row in reference_table.rows(reference, measure):
        if row.kind == "mean":
            table.add_section()
        else:
            table.add_row(*row.cells)
    return table


def _published_table(published: list[dict[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="published elsewhere (not ours)", title_justify="left")
    loses = any(row["loses_to"] for row in published)
    for column in ("metric", "figure", "source", "conditions", *(("beside ours",) * loses)):
        table.add_column(column)
    for row in published:
        measure = metric(row["metric"])
        said = caveats.loses_sentence(row["metric"], row["loses_to"])
        table.add_row(
            measure.title,
            measure.as_given(row["value"]),
            Text(row["source"]),
            Text(row["conditions"]),
            *((said,) * loses),
        )
    return table


def report_table(report: Report) -> Table:
    """The verdict of ``verify`` with the numbers behind it."""
    from rich.table import Table

    table = Table(
        title=f"{report.entry}, tier {report.tier}: {report.measure.title} on the test split",
        title_justify="left",
    )
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_column("")
    for row in report.rows:
        table.add_row(*row)
    return table


def verdicts_table(verdicts: Sequence[Verdict]) -> Table:
    """One row per entry of ``verify --all``."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="verify --all", title_justify="left")
    for name in ("entry", "metric", "these runs", "allowed", "reference (n)", "time", "verdict"):
        right = name in ("these runs", "allowed", "reference (n)", "time")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "verdict")
    for v in verdicts:
        if v.report is None:
            what = Text("ERROR", "bold red") if v.error else Text("skipped")
            table.add_row(v.entry, "", "", "", "", "", what)
            continue
        r, show = v.report, v.report.measure.show
        verdict = Text("PASS", "bold green") if r.passed else Text("FAIL", "bold red")
        edge = "≥" if r.measure.higher_is_better else "≤"
        measured = r.measure.short or r.measure.title
        said = "diverged" if math.isnan(r.mean) else show(r.mean)
        bound, seconds = f"{edge} {show(r.bound.value)}", duration(v.seconds)
        recorded = f"{show(r.reference.mean)} ({r.reference.n})"
        table.add_row(v.entry, measured, said, bound, recorded, seconds, verdict)
    return table


def verdicts_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """What stands below the table: each reason in full, how many passed, the time of all."""
    reasons = [f"{v.entry}: error: {v.error}" for v in verdicts if v.error]
    reasons += [f"{v.entry}: skipped: {v.skipped}" for v in verdicts if v.skipped]
    failed, skipped = sum(v.failed for v in verdicts), sum(bool(v.skipped) for v in verdicts)
    return [
        *reasons,
        f"{len(verdicts) - failed - skipped} passed, {failed} failed, {skipped} skipped, in "
        f"{duration(sum(v.seconds for v in verdicts))}",
    ]


def predictions_table(predictions: Sequence[Prediction]) -> Table:
    """One row per file or text."""
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column("input", overflow="fold")
    table.add_column("class")
    table.add_column("probability", justify="right")
    table.add_column("note", overflow="fold")
    for p in predictions:
        if p.error is not None:
            table.add_row(Text(_short(p.input)), "–", "–", Text(p.error))
        else:
            table.add_row(Text(_short(p.input)), p.label, f"{p.probability:.1%}", p.note)
    return table


def certificate_table(certificate: Certificate) -> Table:
    """What an export's own runtime makes of it, beside Keras."""
    from rich.table import Table

    c = certificate
    table = Table(
        title=f"{c.entry} as {c.format}, read back by {c.runtime}",
        title_justify="left",
        caption=f"{c.measure.title} {measured_on(c)}; time: of one example, median of {c.calls} "
        "warm calls",
        caption_justify="left",
    )
    table.add_column("what")
    for name in ("Keras", "export", "largest difference", "allowed"):
        table.add_column(name, justify="right")
    shown, allowed = f"{c.difference:.2g}", f"{c.tolerance:.2g}"
    table.add_row(f"{c.compared:,} outputs", "", "", shown, allowed)
    show = c.measure.show
    far, bound = f"{abs(c.after - c.before):.2g}", f"{c.metric_tolerance:.2g}"
    table.add_row(c.measure.short or c.measure.title, show(c.before), show(c.after), far, bound)
    if c.texts is not None:
        shown = f"{c.texts.difference:.2g}"
        table.add_row(f"{c.compared:,} outputs of raw texts", "", "", shown, allowed)
        far = f"{abs(c.texts.value - c.before):.2g}"
        table.add_row("accuracy on raw texts", show(c.before), show(c.texts.value), far, bound)
    time = f"{c.keras_milliseconds:.3f} ms", f"{c.milliseconds:.3f} ms"
    table.add_row("time", *time, "", "")
    table.add_row("size", "", size(c.bytes), "", "")
    return table


def size(count: int) -> str:
    """A number of bytes as ``12 kB`` or ``3.4 MB``."""
    return f"{count / 1e3:,.0f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def measured_on(certificate: Certificate) -> str:
    """``on 10,000 of 25,000 test examples``."""
    c = certificate
    some = "" if c.examples == c.test_examples else f"{c.examples:,} of "
    return f"on {some}{c.test_examples:,} test examples"


def _short(given: str, most: int = 200) -> str:
    """The beginning of a long text."""
    return given if len(given) <= most else f"{given[:most]} …"


def comparison_table(done: FineTuned) -> Table:
    """A fine-tuned model beside the naive ones and the same model from scratch."""
    from rich import box
    from rich.table import Table

    measure = metric(done.metrics["metric"])
    others = list(done.metrics["also"])
    table = Table(
        title=f"{done.run.entry}: {done.metrics['examples']:,} test examples, read once at the end",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        min_width=64,
    )
    table.add_column("")
    for name in (measure.name, *others):
        table.add_column(f"{metric(name).short or metric(name).title}", justify="right")
    for row in done.comparison:
        error = "" if row.standard_error is None else f" ± {measure.number(row.standard_error)}"
        figures = [measure.show(row.value) + error]
        figures += [metric(n).show(row.also[n]) if n in row.also else "" for n in others]
        table.add_row(shown_name(row, done.comparison), *figures)
    return table


def frame_table(frame: pd.DataFrame, most: int = 12) -> Table:
    """The first rows of a DataFrame."""
    from pandas.api.types import is_numeric_dtype
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in frame.columns:
        table.add_column(
            str(name), justify="right" if is_numeric_dtype(frame[name].dtype) else "left"
        )
    for row in frame.head(most).itertuples(index=False):
        table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row))
    if len(frame) > most:
        table.add_row("…")
    return table
