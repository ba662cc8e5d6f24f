"""The layers of a network as rows, for a card and a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from kerazoo.plots.architecture import shape_text

if TYPE_CHECKING:
    import keras

COLUMNS = ("layer", "type", "output shape", "parameters")


def rows(network: keras.Model) -> list[tuple[str, ...]]:
    """One row per layer, in the order of the network, with the cells of ``COLUMNS``."""
    return [
        (layer.name, type(layer).__name__, _output_shape(layer), f"{layer.count_params():,}")
        for layer in network.layers
    ]


def title(network: keras.Model) -> str:
    """How many layers and parameters there are, and how many of these are trained if not all."""
    trained = sum(math.prod(w.shape) for w in network.trainable_weights)
    total = network.count_params()
    said = f"{len(network.layers)} layers, {total:,} parameters"
    return said if trained == total else f"{said}, {trained:,} of them trainable"


def _output_shape(layer: Any) -> str:
    """As for the picture; a layer that is called twice has no single shape."""
    try:
        output = layer.output
    except (AttributeError, ValueError):
        return "–"
    tensors = output if isinstance(output, (list, tuple)) else [output]
    return ", ".join(shape_text(t.shape) for t in tensors if hasattr(t, "shape"))
