"""The section with the recipe of both tiers."""

from __future__ import annotations

import dataclasses
from typing import Any

from kerazoo.card.markup import table, tag
from kerazoo.recipe import Recipe


def section(recipes: dict[str, dict[str, Any]]) -> str:
    """Both tiers; fields that are off in both are named below the table."""
    defaults = {f.name: f.default for f in dataclasses.fields(Recipe)}
    rows, unused = [], []
    for name in next(iter(recipes.values())):
        values = [recipe[name] for recipe in recipes.values()]
        if all(v == defaults[name] and not v for v in values):
            unused.append(name)
        else:
            rows.append((name, *values))
    note = tag("p", f"Off in both tiers: {', '.join(unused)}.", "note") if unused else ""
    numbers = range(1, len(recipes) + 1)
    return f"{table(('field', *recipes), rows, numbers)}\n{note}"
