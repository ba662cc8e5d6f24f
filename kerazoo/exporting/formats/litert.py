"""LiteRT (TensorFlow Lite), of its builtin operations only, read back by its interpreter."""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import keras
from kerazoo.exporting.formats._copies import (
    copy_for_conversion,
    layers_of,
    recurrent_layers,
    steps_of,
    unroll,
)

if TYPE_CHECKING:
    import numpy as np

    from kerazoo.exporting.formats import Runner

TITLE = "LiteRT"
SUFFIX = ".tflite"
PACKAGES: tuple[str, ...] = ("ai_edge_litert",)
ANY_BACKEND = False
ROWS = False
MOST_STEPS = 512  # of an unrolled layer; 400 in two directions take a minute to convert, and 6 MB


def refusal(network: keras.Model) -> str | None:
    """A loop over more steps than can be written out one by one."""
    for layer in recurrent_layers(network):
        steps = steps_of(layer)
        if steps is None or steps > MOST_STEPS:
            many = "a number of steps that is not fixed" if steps is None else f"{steps:,} steps"
            return (
                f"layer {layer.name!r} loops over {many}; LiteRT's builtin operations have no such "
                f"loop, and written out step by step it may have {MOST_STEPS} at most"
            )
    return None


def write(network: keras.Model, path: Path, vocabulary: Sequence[str] | None) -> tuple[str, ...]:
    """Write the network; recurrent layers are written out step by step.

    Keras turns their loop into operations on lists, which LiteRT knows only with the help of
    TensorFlow's own (Flex), and those are in no LiteRT package.
    """
    import tensorflow as tf

    copy = copy_for_conversion(network)
    loops = bool(recurrent_layers(copy))
    if loops:
        unroll(copy)
    rows = 1 if any(isinstance(layer, _transposed()) for layer in layers_of(copy)) else None
    tensor = copy.inputs[0]
    signature = [tf.TensorSpec((rows, *tensor.shape[1:]), tensor.dtype, name=tensor.name)]
    # As Keras's own export(format="litert") does, which Keras 3.12 does not have yet.
    with tempfile.TemporaryDirectory() as folder:
        copy.export(folder, format="tf_saved_model", verbose=False, input_signature=signature)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.experimental_enable_resource_variables = True
        path.write_bytes(converter.convert())
    notes = []
    if loops:
        notes.append("recurrent layers are written out step by step")
    if rows is not None:
        notes.append(
            "takes one example at a time: where the number of examples changes, LiteRT "
            f"{importlib.metadata.version('ai-edge-litert')} computes transposed convolutions wrong"
        )
    return tuple(notes)


def _transposed() -> tuple[type, ...]:
    layers = keras.layers
    return layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose


def load(path: Path) -> Runner:
    """Open it; the interpreter raises ValueError or RuntimeError where it cannot."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    (asked,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    fixed = int(asked["shape_signature"][0])
    if fixed != -1:
        return _row_by_row(interpreter, asked["index"], output["index"])
    rows = None

    def run(x: np.ndarray) -> np.ndarray:
        nonlocal rows
        if len(x) != rows:
            interpreter.resize_tensor_input(asked["index"], x.shape)
            interpreter.allocate_tensors()
            rows = len(x)
        interpreter.set_tensor(asked["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(output["index"])

    return run


def _row_by_row(interpreter: Any, asked: int, output: int) -> Runner:
    """A runner of a network that takes one example at a time."""
    import numpy as np

    interpreter.allocate_tensors()

    def one(row: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(asked, row[None])
        interpreter.invoke()
        return interpreter.get_tensor(output)

    return lambda x: np.concatenate([one(row) for row in x])
