"""How much arithmetic a model does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kerazoo.composite import networks_of

if TYPE_CHECKING:
    import keras


def multiply_adds(model: keras.Model) -> int:
    """Multiplications with an addition that the layers' kernels do for one example.

    Dense, convolution, transposed convolution and recurrent layers count; activations,
    normalisation, pooling and embeddings, which move data and multiply little, do not. A training
    step does three times as many: one forward, two backward.
    """
    return sum(_of_layer(layer) for net in networks_of(model).values() for layer in _layers(net))


def _layers(net: keras.Model) -> list[keras.Layer]:
    return [layer for layer in net.layers if not hasattr(layer, "layers")]


def _of_layer(layer: keras.Layer) -> int:
    """Of one layer: the size of its kernels times the places that each is applied at."""
    kernels = [w for w in layer.weights if "kernel" in w.name]
    size = sum(math.prod(w.shape) for w in kernels)
    kind = type(layer).__name__
    given = layer.input.shape[1:] if kernels and not isinstance(layer.input, list) else ()
    if "Transpose" in kind:
        return size * math.prod(given[:-1])
    if "Conv" in kind:
        return size * math.prod(layer.output.shape[1:-1])
    return size * math.prod(given[:-1] or (1,))
