"""ONNX, read back by ONNX Runtime on the processor."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from kerazoo._lazy import keras, np
from kerazoo.exporting.formats import Format, Notes, Runner, Vocabulary, register_format
from kerazoo.exporting.formats._copies import copy_for_conversion, layers_of


class Onnx(Format):
    """An ``.onnx`` file."""

    name = "onnx"
    title = "ONNX Runtime"
    suffix = ".onnx"
    packages = ("onnx", "tf2onnx", "onnxruntime")
    takes_rows = True  # of numbers

    def refusal(self, network: keras.Model, has_classes: bool) -> str | None:
        """A layer that does not compute in float32."""
        for layer in layers_of(network):
            if layer.compute_dtype in ("float16", "bfloat16", "float64"):
                return (
                    f"layer {layer.name!r} computes in {layer.compute_dtype}; Keras's ONNX "
                    "exporter takes float32 only"
                )
        return None

    def write(self, network: keras.Model, path: Path, vocabulary: Vocabulary = None) -> Notes:
        """Write the network in the converter's default operator set."""
        copy = copy_for_conversion(network)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # Keras uses old names of NumPy
            copy.export(path, format="onnx", verbose=False)
        return ()

    def load(self, path: Path) -> Runner:
        """Open a session."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
        first, *others = [given.name for given in session.get_inputs()]

        def run(x: Any) -> np.ndarray:
            inputs = x if isinstance(x, dict) else {first: x}
            if more := set(others) - set(inputs):
                raise ValueError(f"the converter made inputs of constants: {', '.join(more)}")
            return session.run(None, inputs)[0]

        return run


register_format(Onnx())
