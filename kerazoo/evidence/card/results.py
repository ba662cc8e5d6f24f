"""What was measured: the headline's figure, and the section with every seed."""

from __future__ import annotations

from typing import Any

from kerazoo.evidence import reference_table
from kerazoo.evidence.card.markup import Markup, escape, table, tag
from kerazoo.evidence.reference import Evidence, Reference
from kerazoo.metrics import Metric, best_naive, plain
from kerazoo.plots import dot_plot


def headline(content: dict[str, Any], measure: Metric) -> str:
    """The main figure, or that there is none yet, and the best naive model beside it."""
    parameters = content["parameters"]
    facts = [f"{content['task']} on {content['dataset']}"]
    if parameters:
        facts.append(f"{parameters:,} parameters")
    if content["mean"] is None:
        why = f": {content['unmeasured']}" if content["unmeasured"] else ""
        figure = tag("p", f"not measured yet{why}", "figure none")
    else:
        shown = measure.with_spread(content["mean"], content["std"], content["n"])
        figure = tag("p", Markup(f"{tag('strong', shown)} test {escape(measure.title)}"), "figure")
        naive = best_naive(content["baselines"], measure)
        if naive:
            beats = measure.is_better(content["mean"], naive[1])
            facts.append(
                f"{'beats' if beats else 'does NOT beat'} its best naive baseline, "
                f"{plain(naive[0])} "
                f"({measure.show(naive[1])})"
            )
    return f"{figure}\n{tag('p', ' · '.join(facts), 'facts')}"


def section(content: dict[str, Any], recorded: Evidence) -> str:
    """Each tier: its seeds as dots, then as a table, and what they were measured in."""
    if not recorded.tiers:
        why = content["unmeasured"] or "no reference has been recorded"
        command = f"kerazoo verify {content['entry']} --seeds {content['seeds']} --record"
        ask = Markup(f"Not measured yet: {escape(why)}. {tag('code', command)} records one.")
        return tag("p", ask, "warning")
    parts = []
    measure = recorded.measure
    for tier, reference in recorded.tiers.items():
        heading = measure.with_spread(reference.mean, reference.std, reference.n)
        parts.append(tag("h3", f"tier {tier}: {measure.title} {heading}"))
        if tier == "smoke":
            parts.append(tag("p", "A short recipe, to see that all works.", "note"))
        parts.append(_dots(content, tier, reference, measure))
        parts.append(_seeds(reference, measure))
        parts.append(_environment(reference, content["data"]["measured_on"]))
    return "\n".join(parts)


def _dots(content: dict[str, Any], tier: str, reference: Reference, measure: Metric) -> Markup:
    marks = [
        dot_plot.Mark(kind, plain(name), value)
        for kind, figures in (("baseline", reference.baselines), ("limit", reference.limits))
        for name, value in figures.items()
    ]
    if tier == "full":  # nobody else publishes what the short recipe should give
        marks += [
            dot_plot.Mark("published", p["source"], p["value"])
            for p in content["published"]
            if p["metric"] == measure.name
        ]
    seeds = {run.seed: run.value for run in reference.runs}
    title = f"{measure.title} of {content['entry']}, tier {tier}, by seed"
    key = "● a seed of ours   ■ naive baseline or limit   ◆ published elsewhere"
    return Markup(
        f"<figure>{dot_plot.svg(measure, seeds, marks, title)}"
        f"{tag('figcaption', f'{measure.title}: {key}')}</figure>"
    )


def _seeds(reference: Reference, measure: Metric) -> Markup:
    """Every seed, their mean, then baselines and limits, in the main metric and the others."""
    rows = [
        [tag("strong", cell) for cell in row.cells] if row.kind == "mean" else row.cells
        for row in reference_table.rows(reference, measure)
    ]
    head = reference_table.columns(reference, measure)
    return table(head, rows, numbers=range(1, len(head)))


def _environment(reference: Reference, measured_on: str) -> Markup:
    named = {
        **reference.environment,
        "machine": " and ".join(reference.machines),
        "engine": reference.engine,
    }
    facts = [f"{name.replace('_', ' ')}: {value}" for name, value in named.items()]
    data = f"; data: {measured_on}" if measured_on else ""
    return tag("p", f"Measured in: {', '.join(facts)}{data}.", "note")
