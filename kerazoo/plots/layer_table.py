"""The layers of a network as rows, for a card and a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

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
    """Output shape without the batch; ``–`` where a layer is called twice and has no single one."""
    try:
        output = layer.output
    except (AttributeError, ValueError):
        return "–"
    tensors = output if isinstance(output, (list, tuple)) else [output]
    return ", ".join(
        " × ".join("?" if n is None else str(n) for n in t.shape[1:]) or "scalar"
        for t in tensors
        if hasattr(t, "shape")
    )
