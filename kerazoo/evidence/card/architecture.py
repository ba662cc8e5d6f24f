"""The section that draws a model and lists its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.evidence.card.markup import Markup, folded, table, tag
from kerazoo.plots import layer_table, network_drawing
from kerazoo.plots.architecture import graph_of, operations_beside_layers, overview
from kerazoo.spec import networks_of

if TYPE_CHECKING:
    import keras

LONG_TABLE = 30  # rows; a longer table is folded away until it is asked for


def section(model: keras.Model) -> str:
    """Picture and layer table of each network of a model."""
    networks = networks_of(model)
    parts: list[str] = []
    for name, network in networks.items():
        if len(networks) > 1:
            parts.append(tag("h3", name))
        parts += [_picture(name, network), _layers(network)]
    return "\n".join(parts)


def _picture(name: str, network: keras.Model) -> str:
    """The drawing of a network, and of the inside of its blocks where it was folded."""
    graph = graph_of(network)
    if graph is None:
        return tag("p", "No picture: the network is not made of Keras's functional layers.")
    drawn = overview(graph)
    parts: list[str] = [_drawing(network_drawing.svg(drawn.graph, f"architecture of {name}"))]
    if drawn.inside:
        inside = "\n".join(
            f"<figure>{_drawing(network_drawing.svg(part, title))}"
            f"{tag('figcaption', title)}</figure>"
            for title, part in drawn.inside
        )
        parts.append(tag("div", Markup(inside), "beside"))
    operations = operations_beside_layers(graph)
    if operations:
        note = (
            f"Operations of keras.ops or slices, without parameters, between layers: {operations}."
        )
        parts.append(tag("p", note, "note"))
    return "\n".join(parts)


def _drawing(svg: str) -> Markup:
    return Markup(f'<div class="scroll">{svg}</div>')


def _layers(network: keras.Model) -> str:
    """The table of a network's layers, below their number and that of the parameters."""
    rows = layer_table.rows(network)
    return folded(
        layer_table.title(network),
        table(layer_table.COLUMNS, rows, numbers=[3]),
        shut=len(rows) > LONG_TABLE,
    )
