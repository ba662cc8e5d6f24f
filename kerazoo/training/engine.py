"""How TensorFlow on a CPU runs a model fastest. The user sets nothing.

Every choice below was measured, on TensorFlow and the CPU (benchmarks/SPEED.md has the tables);
other backends, and accelerators, are left as Keras has them. None changes a result beyond rounding.
``plain`` is Keras's own judgement in everything, to compare with and to fall back on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from kerazoo._lazy import keras
from kerazoo.errors import require_choice
from kerazoo.spec import networks_of
from kerazoo.training import fused_norm
from kerazoo.training.work import multiply_adds

EngineName = Literal["auto", "plain"]

INFERENCE_BATCH = 500
# Steps that TensorFlow runs without coming back to Python. Python takes about 1 ms a step, which
# is nothing beside a ResNet's and half of a small LSTM's. So many steps take a fraction of a
# second, so that progress and Ctrl-C stay lively.
MOST_STEPS = 32
WORK_OF_AN_EXECUTION = (
    10e9  # multiply-adds of kernels; a core of today does so many in 0.1 to 0.5 s
)
# A recurrent loop is written out up to so many steps: the loop's bookkeeping costs more than the
# products of a small layer, but tracing a long loop takes minutes.
LONGEST_UNROLLED = 32


@dataclass(frozen=True)
class Way:
    """How to train a network.

    Attributes:
        compile_options: keyword arguments for ``model.compile``.
        unroll: the recurrent layers whose loop is written out.
        fuse: the batch normalisations that are one operation.
    """

    compile_options: dict[str, Any] = field(default_factory=dict)
    unroll: tuple[keras.Layer, ...] = ()
    fuse: tuple[keras.Layer, ...] = ()


def require_engine(name: str) -> None:
    """Raise KerazooError unless there is an engine of this name."""
    require_choice("engine", name, get_args(EngineName))


def way_to_train(model: keras.Model, batch_size: int, name: str) -> Way:
    """How to train a model on this backend and machine.

    Args:
        model: what is trained, without augmentation.
        batch_size: examples in a step.
        name: ``auto``, or ``plain`` for Keras's own judgement in everything.
    """
    if name == "plain" or keras.config.backend() != "tensorflow" or _has_accelerator():
        # JAX without its compiler runs operation by operation, and PyTorch's compiler is better
        # left to Keras's judgement. On a GPU nothing was measured yet, and a loop that is written
        # out would not be cuDNN's.
        return Way()
    work = 3 * batch_size * max(1, multiply_adds(model))
    steps = int(min(MOST_STEPS, max(1, WORK_OF_AN_EXECUTION // work)))
    layers = [layer for net in networks_of(model).values() for layer in net.layers]
    return Way(
        {**compile_options(), "steps_per_execution": steps},
        tuple(layer for layer in layers if _is_short_loop(layer)),
        tuple(layer for layer in layers if fused_norm.gains(layer, batch_size)),
    )


def _is_short_loop(layer: keras.Layer) -> bool:
    if getattr(layer, "unroll", None) is not False:
        return False
    steps = layer.input.shape[1]
    return steps is not None and steps <= LONGEST_UNROLLED


@contextmanager
def traced(way: Way) -> Iterator[None]:
    """Within, a way's layers are traced as it says; afterwards they are as they were."""
    for layer in way.unroll:
        layer.unroll = True
    for layer in way.fuse:
        vars(layer)["call"] = fused_norm.fused_call(layer)
    try:
        yield
    finally:
        for layer in way.unroll:
            layer.unroll = False
        for layer in way.fuse:
            del vars(layer)["call"]


def compile_options() -> dict[str, Any]:
    """Keyword arguments for ``model.compile`` on this backend and machine.

    XLA makes TensorFlow's convolutions on the CPU four to six times slower, and an LSTM over 400
    tokens 1.2 to 2.5 times, so it stays off there.
    """
    if keras.config.backend() == "tensorflow" and not _has_accelerator():
        return {"jit_compile": False}
    return {}


def threads() -> int:
    """How many threads the backend computes one operation with; sums depend on it by rounding."""
    backend = keras.config.backend()
    if backend == "torch":
        import torch

        return torch.get_num_threads()
    if backend == "tensorflow":
        import tensorflow as tf

        chosen = tf.config.threading.get_intra_op_parallelism_threads()
        asked = os.environ.get("TF_NUM_INTRAOP_THREADS", "")  # which TensorFlow obeys then
        if chosen or (asked.isdecimal() and int(asked)):
            return chosen or int(asked)
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def seed_backend(seed: int) -> None:
    """Seed the random numbers that a backend draws past Keras's seed generators.

    On PyTorch a Dropout without a seed of its own draws from PyTorch's global generator.
    """
    if keras.config.backend() == "torch":
        import torch

        torch.manual_seed(seed)


def predict(model: keras.Model, x: Any) -> Any:
    """The model's outputs for all of ``x`` as one float32 array, or one each, in inference mode.

    Batch by batch through the compiled function: ``model.predict`` builds a dataset each time,
    which costs one picture 60 to 100 ms in place of 2 to 4, and 10,000 small ones twice the time.
    """
    import numpy as np

    options = compile_options()
    if "jit_compile" in options:
        model.jit_compile = options["jit_compile"]
    starts = range(0, len(x), INFERENCE_BATCH)
    parts = [model.predict_on_batch(x[i : i + INFERENCE_BATCH]) for i in starts]
    return keras.tree.map_structure(lambda *outputs: np.concatenate(outputs), *parts)


def _has_accelerator() -> bool:
    """Whether TensorFlow sees a GPU or TPU."""
    import tensorflow as tf

    return any(d.device_type != "CPU" for d in tf.config.list_physical_devices())
