"""Arithmetic of one training step, from which its speed in operations per second follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.spec import networks_of
from kerazoo.training.engine import layers_of, of_layer

if TYPE_CHECKING:
    import keras


def training_multiply_adds(model: keras.Model) -> int:
    """Those of one training step for one example: forward, gradients of weights and of inputs.

    A layer without trained layers before it needs no gradient of its inputs. Of a generator and
    its discriminator, trained in one step: three passes of the discriminator forward (real,
    generated, and generated again for the generator), gradients of its weights for the first two,
    of its inputs for all three; one pass of the generator and its gradients.
    """
    nets = networks_of(model)
    if len(nets) == 1:
        return _training_of_net(model)
    layers = layers_of(nets["discriminator"])
    first = sum(_of_inputs(layer) for layer in layers if _is_first(layer))
    return 8 * sum(map(of_layer, layers)) - 2 * first + _training_of_net(nets["generator"])


def _training_of_net(net: keras.Model) -> int:
    layers = layers_of(net)
    first = sum(_of_inputs(layer) for layer in layers if _is_first(layer))
    return 3 * sum(map(of_layer, layers)) - first


def _is_first(layer: keras.Layer) -> bool:
    """True if no layer before it is trained."""
    before = [node.operation for node in layer._inbound_nodes[0].parent_nodes]
    return all(not getattr(b, "trainable_weights", ()) and _is_first(b) for b in before)


def _of_inputs(layer: keras.Layer) -> int:
    """Of the kernels that a layer's inputs meet; a recurrent kernel meets its own outputs."""
    return of_layer(layer, leaving_out="recurrent")
