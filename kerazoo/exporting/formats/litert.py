"""LiteRT (TensorFlow Lite), of its builtin operations only, read back by its interpreter."""

from __future__ import annotations

import importlib.metadata
import tempfile
from pathlib import Path
from typing import Any

from kerazoo._lazy import keras, np
from kerazoo.exporting.formats import Format, Notes, Runner, Vocabulary, register_format
from kerazoo.exporting.formats._copies import (
    copy_for_conversion,
    layers_of,
    recurrent_layers,
    steps_of,
    unroll,
)

MAX_STEPS = 512  # of an unrolled layer; 400 in two directions take a minute to convert, and 6 MB


class LiteRT(Format):
    """A ``.tflite`` file."""

    name = "litert"
    title = "LiteRT"
    suffix = ".tflite"
    packages = ("ai_edge_litert",)

    def refusal(self, network: keras.Model, has_classes: bool) -> str | None:
        """A loop over more steps than can be unrolled."""
        for layer in recurrent_layers(network):
            steps = steps_of(layer)
            if steps is None or steps > MAX_STEPS:
                many = "a variable number of steps" if steps is None else f"{steps:,} steps"
                return (
                    f"layer {layer.name!r} loops over {many}; LiteRT's builtin operations have no "
                    f"such loop, and unrolled it may have {MAX_STEPS} at most"
                )
        return None

    def write(self, network: keras.Model, path: Path, vocabulary: Vocabulary = None) -> Notes:
        """Write the network with its recurrent layers unrolled.

        Keras turns their loop into operations on lists, which LiteRT knows only with the help of
        TensorFlow's operations (Flex), and those are in no LiteRT package.
        """
        import tensorflow as tf

        copy = copy_for_conversion(network)
        notes, rows = [], None
        if recurrent_layers(copy):
            unroll(copy)
            notes.append("recurrent layers are written out step by step")
        if any("Transpose" in type(layer).__name__ for layer in layers_of(copy)):
            rows = 1
            version = importlib.metadata.version("ai-edge-litert")
            notes.append(
                "takes one example at a time: where the number of examples changes, LiteRT "
                f"{version} computes transposed convolutions wrong"
            )
        tensor = copy.inputs[0]
        signature = [tf.TensorSpec((rows, *tensor.shape[1:]), tensor.dtype, name=tensor.name)]
        # As Keras's export(format="litert") does, which Keras 3.12 does not have yet.
        with tempfile.TemporaryDirectory() as directory:
            copy.export(
                directory, format="tf_saved_model", verbose=False, input_signature=signature
            )
            converter = tf.lite.TFLiteConverter.from_saved_model(directory)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            converter.experimental_enable_resource_variables = True
            path.write_bytes(self.converted(converter))
        return tuple(notes)

    def converted(self, converter: Any) -> bytes:
        """Content of the file."""
        return converter.convert()

    def load(self, path: Path) -> Runner:
        """Open the interpreter; examples go one by one into a model of one example."""
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path))
        (given,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
        fixed = given["shape_signature"][0] != -1
        rows = None

        def run(x: np.ndarray) -> np.ndarray:
            nonlocal rows
            if fixed and len(x) > 1:
                return np.concatenate([run(row[None]) for row in x])
            if len(x) != rows:
                interpreter.resize_tensor_input(given["index"], x.shape)
                interpreter.allocate_tensors()
                rows = len(x)
            interpreter.set_tensor(given["index"], x)
            interpreter.invoke()
            return interpreter.get_tensor(output["index"])

        return run


register_format(LiteRT())
