"""How this backend runs a model fastest. The user sets nothing.

Measured on two CPU cores with Keras 3.15.1: XLA makes TensorFlow's convolutions on the CPU four to
six times slower, and an LSTM over 400 tokens 1.2 to 2.5 times, so it stays off there. JAX without
its compiler runs operation by operation, so it stays on there. PyTorch's compiler is left to
Keras's own judgement, as is any accelerator.
"""

from __future__ import annotations

from typing import Any

from kerazoo._lazy import keras

INFERENCE_BATCH = 500
# Up to so many examples go through the compiled function directly: one picture took 1 ms that way
# and 150 ms through ``model.predict``, which builds a dataset each time.
FEW = 32


def compile_options(model: keras.Model) -> dict[str, Any]:
    """Keyword arguments for ``model.compile`` on this backend and machine."""
    if keras.config.backend() == "tensorflow" and not _has_accelerator():
        return {"jit_compile": False}
    return {}


def predict(model: keras.Model, x: Any) -> Any:
    """The model's outputs for all of ``x`` as one float32 array, in inference mode."""
    options = compile_options(model)
    if "jit_compile" in options:
        model.jit_compile = options["jit_compile"]
    if len(x) <= FEW:
        return model.predict_on_batch(x)
    return model.predict(x, batch_size=INFERENCE_BATCH, verbose=0)


def _has_accelerator() -> bool:
    """Whether TensorFlow sees a GPU or TPU."""
    import tensorflow as tf

    return any(d.device_type != "CPU" for d in tf.config.list_physical_devices())
