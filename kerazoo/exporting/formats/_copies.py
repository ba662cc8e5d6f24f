"""Copies of a network for converters: the same weights and outputs, computed in another way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kerazoo._lazy import keras, np


def copy_for_conversion(network: keras.Model) -> keras.Model:
    """A copy that converters take: no cuDNN, constants that are plain arrays, called once.

    A network traced where there is a GPU would hold an operation that only GPUs have. Tensors that
    a layer keeps next to its weights (Normalization's mean and variance) would become inputs of an
    ONNX graph. And Keras exports no network that was never called.
    """
    copy = type(network).from_config(network.get_config())
    copy.set_weights(network.get_weights())
    for layer in layers_of(copy):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
        if hasattr(layer, "use_cudnn"):
            layer.use_cudnn = False
    copy(keras.tree.map_structure(_blank, copy.input), training=False)
    return copy


def _blank(tensor: Any) -> Any:
    """One example of zeros, or of empty strings."""
    shape = (1, *tensor.shape[1:])
    if tensor.dtype == "string":
        return keras.ops.convert_to_tensor(np.full(shape, "", dtype=object))
    return keras.ops.zeros(shape, dtype=tensor.dtype)


def layers_of(network: Any) -> Iterator[Any]:
    """All layers of a network, including those inside other layers."""
    wrapped = [getattr(network, n, None) for n in ("forward_layer", "backward_layer", "layer")]
    inner = [layer for layer in wrapped if isinstance(layer, keras.layers.Layer)]
    for layer in [*getattr(network, "layers", []), *inner]:
        yield layer
        yield from layers_of(layer)


def recurrent_layers(network: keras.Model) -> list[Any]:
    """Layers that read a sequence step by step."""
    return [layer for layer in layers_of(network) if isinstance(layer, keras.layers.RNN)]


def steps_of(layer: Any) -> int | None:
    """Number of steps that a built recurrent layer reads; None if it is not fixed."""
    known = layer.get_build_config()
    shape = known.get("input_shape") or next(iter(known["shapes_dict"].values()))
    return shape[1]


def unroll(copy: keras.Model) -> None:
    """Make a copy's recurrent layers compute one step after the other instead of in a loop."""
    for layer in layers_of(copy):
        if isinstance(layer, keras.layers.RNN):
            layer.unroll = True
        if isinstance(layer, keras.layers.Bidirectional):
            # Keras 3.15, unrolled, puts the wrong steps of the backward layer to zero where a mask
            # is given. Without, steps of padding repeat the last output instead of being zero.
            layer.backward_layer.zero_output_for_mask = False
