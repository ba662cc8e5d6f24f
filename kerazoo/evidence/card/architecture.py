"""The section that lists a model's layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.evidence.card.markup import folded, table, tag
from kerazoo.plots import layer_table
from kerazoo.spec import networks_of

if TYPE_CHECKING:
    import keras

LONG_TABLE = 30  # rows; a longer table is folded away until it is asked for


def section(model: keras.Model) -> str:
    """Layer table of each network of a model."""
    networks = networks_of(model)
    parts: list[str] = []
    for name, network in networks.items():
        if len(networks) > 1:
            parts.append(tag("h3", name))
        rows = layer_table.rows(network)
        body = table(layer_table.COLUMNS, rows, numbers=[3])
        parts.append(folded(layer_table.title(network), body, shut=len(rows) > LONG_TABLE))
    return "\n".join(parts)
