"""ONNX with 8-bit integers: ONNX Runtime's static quantization, in its format QDQ."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from kerazoo._lazy import keras, np
from kerazoo.exporting.formats import Notes, Vocabulary, register_format
from kerazoo.exporting.formats._int8 import BATCH, Int8
from kerazoo.exporting.formats.onnx import Onnx

# The rest, such as the sums of residual blocks and the softmax, stays in float32: it has no weights
# and would lose precision.
IN_INTEGERS = ["Conv", "Gemm", "MatMul", "MaxPool", "Relu"]


class OnnxInt8(Int8, Onnx):
    """An ``.onnx`` file."""

    name = "onnx_int8"

    def write(self, network: keras.Model, path: Path, vocabulary: Vocabulary = None) -> Notes:
        """Write the network, quantize it, and shorten the names inside."""
        import onnx
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process

        class Examples(quantization.CalibrationDataReader):
            def __init__(self, examples: np.ndarray):
                self.batches = iter(np.array_split(examples, -(-len(examples) // BATCH)))

            def get_next(self) -> Any:
                batch = next(self.batches, None)
                return None if batch is None else {name: batch}

        with tempfile.TemporaryDirectory() as directory:
            plain, fused = Path(directory, "plain.onnx"), Path(directory, "fused.onnx")
            notes = super().write(network, plain, vocabulary)
            name = onnx.load(plain).graph.input[0].name
            quant_pre_process(plain, fused, skip_symbolic_shape=True)
            # Unsigned: products of signed ones overflow 16 bits on processors without VNNI.
            quantization.quantize_static(
                fused,
                path,
                Examples(self.examples),
                op_types_to_quantize=IN_INTEGERS,
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QUInt8,
                extra_options={"WeightSymmetric": True, "CalibMovingAverage": True},
            )
        model = onnx.load(path)
        _shorten_names(model.graph)
        onnx.save(model, path)
        return (*notes, *self.note)


def _shorten_names(graph: Any) -> None:
    """Number the inner tensors; names of layers in each of hundreds of nodes fill a small file."""
    short = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}

    def shorten(name: str) -> str:
        return short.setdefault(name, f"/{len(short):x}")

    for node in graph.node:
        node.name = ""
        node.input[:] = [shorten(name) for name in node.input]
        node.output[:] = [shorten(name) for name in node.output]
    for constant in graph.initializer:
        constant.name = shorten(constant.name)
    del graph.value_info[:]


register_format(OnnxInt8())
