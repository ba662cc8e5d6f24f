"""The section with the figures of others."""

from __future__ import annotations

from typing import Any

from kerazoo.evidence import caveats
from kerazoo.evidence.card.markup import table, tag
from kerazoo.metrics import metric


def section(content: dict[str, Any]) -> str:
    """Figures of others, and which of them lose to a naive baseline of ours."""
    rows = []
    for p in content["published"]:
        measure = metric(p["metric"])
        said = caveats.loses_sentence(p["metric"], p["loses_to"])
        verdict = tag("strong", said, "loses") if said else ""
        rows.append(
            (measure.title, measure.as_given(p["value"]), p["source"], p["conditions"], verdict)
        )
    if not rows:
        return ""
    note = (
        "Not ours, and not measured as ours are: read the conditions. The last column says where a "
        "figure is worse than a naive baseline that we measured, in the same metric."
    )
    head = ("metric", "figure", "source", "conditions", "beside our naive baselines")
    return f"{tag('p', note, 'note')}\n{table(head, rows, numbers=[1])}"
