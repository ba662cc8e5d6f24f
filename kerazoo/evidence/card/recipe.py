"""The section with the recipe of both tiers."""

from __future__ import annotations

from kerazoo.cli import tables
from kerazoo.evidence.card.markup import table, tag
from kerazoo.spec import TIERS, Entry


def section(entry: Entry) -> str:
    """Both tiers side by side; fields that play no part in either are named below the table."""
    rows, others = tables.recipe_rows(entry)
    note = tag("p", f"Fields that play no part: {', '.join(others)}.", "note") if others else ""
    return f"{table(('field', *TIERS), rows, range(1, len(TIERS) + 1))}\n{note}"
