"""ONNX, read back by ONNX Runtime on the processor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo._lazy import keras
from kerazoo.exporting.formats._copies import copy_for_conversion, layers_of, quietly

if TYPE_CHECKING:
    import numpy as np

    from kerazoo.exporting.formats import Runner

TITLE = "ONNX Runtime"
SUFFIX = ".onnx"
PACKAGES: tuple[str, ...] = ("onnx", "tf2onnx", "onnxruntime")
ANY_BACKEND = False
ROWS = False


def refusal(network: keras.Model) -> str | None:
    """ONNX wants float32 throughout."""
    for layer in layers_of(network):
        if layer.compute_dtype in ("float16", "bfloat16", "float64"):
            return (
                f"layer {layer.name!r} computes in {layer.compute_dtype}; Keras's ONNX exporter "
                "takes float32 only"
            )
    return None


def write(network: keras.Model, path: Path, vocabulary: Sequence[str] | None) -> tuple[str, ...]:
    """Write the network in the converter's default operator set."""
    import warnings

    copy = copy_for_conversion(network)
    with warnings.catch_warnings(), quietly():
        warnings.simplefilter("ignore", FutureWarning)  # Keras asks NumPy for names of old
        copy.export(path, format="onnx", verbose=False)
    return ()


def load(path: Path) -> Runner:
    """Open it; ONNX Runtime raises errors of its own where it cannot."""
    import onnxruntime

    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(path), sess_options=quiet, providers=["CPUExecutionProvider"]
    )
    asked = [given.name for given in session.get_inputs()]
    if len(asked) != 1:
        raise ValueError(f"the converter made inputs of constants: {', '.join(asked[1:])}")

    def run(x: np.ndarray) -> np.ndarray:
        return session.run(None, {asked[0]: x})[0]

    return run
