"""How much arithmetic a model does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kerazoo.spec import networks_of

if TYPE_CHECKING:
    import keras


def multiply_adds(model: keras.Model) -> int:
    """Multiplications with an addition that the layers' kernels do for one example.

    Dense, convolution, transposed convolution and recurrent layers count; activations,
    normalisation, pooling and embeddings, which move data and multiply little, do not. A training
    step does three times as many: one forward, two backward.
    """
    return sum(_of_layer(layer) for net in networks_of(model).values() for layer in _layers(net))


def training_multiply_adds(model: keras.Model) -> int:
    """Those of one training step for one example: forward, gradients of weights and of inputs.

    A layer that nothing learnt stands before needs no gradient of its inputs. Of a generator and
    its discriminator, trained in one step: three passes of the discriminator forward (real, drawn,
    and drawn again for the generator), gradients of its weights for the first two, of its inputs
    for all three; one pass of the generator and its gradients.
    """
    nets = networks_of(model)
    if len(nets) == 1:
        return _training_of_net(model)
    judge, drawer = nets["discriminator"], nets["generator"]
    first = sum(_of_inputs(layer) for layer in _layers(judge) if _is_first(layer))
    return 8 * sum(map(_of_layer, _layers(judge))) - 2 * first + _training_of_net(drawer)


def _training_of_net(net: keras.Model) -> int:
    layers = _layers(net)
    first = sum(_of_inputs(layer) for layer in layers if _is_first(layer))
    return 3 * sum(map(_of_layer, layers)) - first


def _is_first(layer: keras.Layer) -> bool:
    """Whether no layer before it learns."""
    before = [node.operation for node in layer._inbound_nodes[0].parent_nodes]
    return all(not getattr(b, "trainable_weights", ()) and _is_first(b) for b in before)


def _of_inputs(layer: keras.Layer) -> int:
    """Of the kernels that a layer's inputs meet; a recurrent kernel meets its own outputs."""
    return _of_layer(layer, but="recurrent")


def _layers(net: keras.Model) -> list[keras.Layer]:
    return [layer for layer in net.layers if not hasattr(layer, "layers")]


def _of_layer(layer: keras.Layer, but: str = " ") -> int:
    """Of one layer: the size of its kernels times the places that each is applied at."""
    kernels = [w for w in layer.weights if "kernel" in w.name and but not in w.name]
    size = sum(math.prod(w.shape) for w in kernels)
    kind = type(layer).__name__
    given = layer.input.shape[1:] if kernels and not isinstance(layer.input, list) else ()
    if "Transpose" in kind:
        return size * math.prod(given[:-1])
    if "Conv" in kind:
        return size * math.prod(layer.output.shape[1:-1])
    return size * math.prod(given[:-1] or (1,))
