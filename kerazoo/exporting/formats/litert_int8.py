"""LiteRT with 8-bit integers: TensorFlow's post-training quantization."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from kerazoo._lazy import keras, standard_error_aside
from kerazoo.exporting.formats import Notes, Vocabulary, register_format
from kerazoo.exporting.formats._int8 import Int8
from kerazoo.exporting.formats.litert import LiteRT

# The probabilities would be multiples of 1/256. And TensorFlow 2.21 gives slices of one tensor
# scales of their own, which it then rejects.
IN_FLOAT = ["SOFTMAX", "STRIDED_SLICE"]


class LiteRTInt8(Int8, LiteRT):
    """A ``.tflite`` file."""

    name = "litert_int8"

    def write(self, network: keras.Model, path: Path, vocabulary: Vocabulary = None) -> Notes:
        """Write the network without names of its inner tensors, a tenth of a small file."""
        from tensorflow.lite.tools import flatbuffer_utils

        notes = super().write(network, path, vocabulary)
        content = flatbuffer_utils.read_model(str(path))
        signatures = content.signatureDefs
        flatbuffer_utils.strip_strings(content)
        content.signatureDefs = signatures
        flatbuffer_utils.write_model(content, str(path))
        return (*notes, *self.note)

    def converted(self, converter: Any) -> bytes:
        """Content of the file; what has no operation on integers stays in float32."""
        import tensorflow as tf

        def examples() -> Any:
            return ([row[None]] for row in self.examples)

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = examples
        operations = tf.lite.OpsSet
        converter.target_spec.supported_ops = [
            operations.TFLITE_BUILTINS_INT8,
            operations.TFLITE_BUILTINS,
        ]
        lite = tf.lite.experimental
        with standard_error_aside(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # TensorFlow uses its own old interpreter
            debugger = lite.QuantizationDebugger(
                converter=converter,
                debug_dataset=examples,
                debug_options=lite.QuantizationDebugOptions(denylisted_ops=IN_FLOAT),
            )
            return debugger.get_nondebug_quantized_model()


register_format(LiteRTInt8())
