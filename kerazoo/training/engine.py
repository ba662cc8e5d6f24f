"""Settings with which TensorFlow runs a model fastest on a CPU. The user configures nothing.

Every choice was measured with TensorFlow on the CPU (benchmarks/SPEED.md has the tables). Other
backends and accelerators keep Keras's settings. No choice changes a result beyond rounding.
``plain`` keeps Keras's settings everywhere, for comparison.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kerazoo._lazy import keras, np
from kerazoo.spec import networks_of

ENGINES = ("auto", "plain")
INFERENCE_BATCH = 500
# Steps that TensorFlow runs without coming back to Python. Python takes about 1 ms a step, which
# is nothing against a ResNet's and half of a small LSTM's. So many steps take a fraction of a
# second, so that progress and Ctrl-C stay responsive.
MAX_STEPS = 32
# Multiply-adds of kernels; a current core does so many in 0.1 to 0.5 s.
WORK_OF_AN_EXECUTION = 10e9
# A recurrent loop is unrolled up to so many steps: the loop's bookkeeping costs more than the
# products of a small layer, but tracing a long loop takes minutes.
LONGEST_UNROLLED = 32
# Values in a batch. Below, setting up the fused batch normalization costs more than it saves.
FEWEST_FUSED = 64_000


@dataclass(frozen=True)
class Way:
    """Settings to train a network with.

    Attributes:
        compile_options: keyword arguments for ``model.compile``.
        unroll: recurrent layers whose loop is unrolled.
        fuse: batch normalizations that run as one operation.
    """

    compile_options: dict[str, Any] = field(default_factory=dict)
    unroll: tuple[keras.Layer, ...] = ()
    fuse: tuple[keras.Layer, ...] = ()


def way_to_train(model: keras.Model, batch_size: int, name: str) -> Way:
    """Settings to train a model with on this backend and machine.

    Args:
        model: the model to train, without augmentation.
        batch_size: examples in a step.
        name: ``auto``, or ``plain`` for Keras's settings.
    """
    if name == "plain" or keras.config.backend() != "tensorflow" or _has_accelerator():
        # JAX without its compiler runs operation by operation, and Keras knows best when to use
        # PyTorch's. On a GPU nothing was measured yet, and an unrolled loop would not be cuDNN's.
        return Way()
    work = 3 * batch_size * max(1, multiply_adds(model))
    steps = int(min(MAX_STEPS, max(1, WORK_OF_AN_EXECUTION // work)))
    layers = [layer for net in networks_of(model).values() for layer in net.layers]
    return Way(
        {**compile_options(), "steps_per_execution": steps},
        tuple(layer for layer in layers if _is_short_loop(layer)),
        tuple(layer for layer in layers if _can_fuse(layer, batch_size)),
    )


@contextmanager
def traced(way: Way) -> Iterator[None]:
    """Context in which a way's layers are traced with its settings; restores them at the end."""
    for layer in way.unroll:
        layer.unroll = True
    for layer in way.fuse:
        vars(layer)["call"] = _fused_call(layer)
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


def choose_compiler(model: keras.Model) -> None:
    """Let a model's ``predict_on_batch`` be compiled as :func:`compile_options` says."""
    for name, value in compile_options().items():
        setattr(model, name, value)


def threads() -> int:
    """Threads per operation of the backend, on which the rounding of sums depends."""
    backend = keras.config.backend()
    if backend == "torch":
        import torch

        return torch.get_num_threads()
    if backend == "tensorflow":
        import tensorflow as tf

        chosen = tf.config.threading.get_intra_op_parallelism_threads()
        requested = os.environ.get("TF_NUM_INTRAOP_THREADS", "")  # which TensorFlow obeys then
        if chosen or (requested.isdecimal() and int(requested)):
            return chosen or int(requested)
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def seed_backend(seed: int) -> None:
    """Seed the random numbers of a backend that are not from Keras's seed generators.

    On PyTorch a Dropout without a seed uses PyTorch's global generator.
    """
    if keras.config.backend() == "torch":
        import torch

        torch.manual_seed(seed)


def predict(model: keras.Model, x: Any) -> Any:
    """Outputs for all of ``x`` in inference mode: one float32 array, or one per output.

    Batch by batch through the compiled function: ``model.predict`` builds a dataset each time,
    which costs one image 60 to 100 ms instead of 2 to 4, and 10,000 small ones twice the time.
    """
    choose_compiler(model)
    starts = range(0, len(x), INFERENCE_BATCH)
    parts = [model.predict_on_batch(x[i : i + INFERENCE_BATCH]) for i in starts]
    if len(parts) == 1:
        return parts[0]
    return keras.tree.map_structure(lambda *outputs: np.concatenate(outputs), *parts)


@functools.cache  # asking takes a tenth of the time of a small prediction
def _has_accelerator() -> bool:
    import tensorflow as tf

    return any(d.device_type != "CPU" for d in tf.config.list_physical_devices())


def multiply_adds(model: keras.Model) -> int:
    """Multiply-adds of the layers' kernels for one example, forward.

    Dense, convolution, transposed convolution and recurrent layers count; activations,
    normalization, pooling and embeddings, which multiply little, do not.
    """
    return sum(of_layer(layer) for net in networks_of(model).values() for layer in layers_of(net))


def layers_of(net: keras.Model) -> list[keras.Layer]:
    """Layers of a network, and of networks within it, that hold no other layers."""
    return [
        inner
        for layer in net.layers
        for inner in (layers_of(layer) if hasattr(layer, "layers") else [layer])
    ]


def of_layer(layer: keras.Layer, leaving_out: str = " ") -> int:
    """Multiply-adds of one layer: size of its kernels times the positions they are applied at."""
    kernels = [w for w in layer.weights if "kernel" in w.name and leaving_out not in w.name]
    size = sum(math.prod(w.shape) for w in kernels)
    kind = type(layer).__name__
    shape = layer.input.shape[1:] if kernels and not isinstance(layer.input, list) else ()
    if "Transpose" in kind:
        return size * math.prod(shape[:-1])
    if "Conv" in kind:
        return size * math.prod(layer.output.shape[1:-1])
    return size * math.prod(shape[:-1] or (1,))


def _is_short_loop(layer: keras.Layer) -> bool:
    if getattr(layer, "unroll", None) is not False:
        return False
    steps = layer.input.shape[1]
    return steps is not None and steps <= LONGEST_UNROLLED


def _can_fuse(layer: keras.Layer, batch_size: int) -> bool:
    return (
        type(layer) is keras.layers.BatchNormalization
        and len(layer.input.shape) == 4
        and layer.axis in (-1, 3)
        and layer.scale
        and layer.center
        and layer.compute_dtype == "float32"
        and not layer.synchronized
        and not getattr(layer, "renorm", False)  # Keras 3.14 and later have it
        and None not in layer.input.shape[1:]
        and batch_size * math.prod(layer.input.shape[1:]) >= FEWEST_FUSED
    )


def _fused_call(layer: keras.Layer) -> Callable[..., Any]:
    """Replacement of a batch normalization's ``call`` by TensorFlow's one fused operation.

    Keras 3 writes it as a dozen operations, each of which reads the whole tensor once; forward and
    backward took 1.8 to 2.9 times as long on two cores (docs/speed.md). Outputs, gradients and
    moving averages are those of Keras's layer, but for rounding.
    """
    import tensorflow as tf

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not (training and layer.trainable) or mask is not None:
            return type(layer).call(layer, inputs, training=training, mask=mask)
        no_average = tf.zeros((0,))
        result = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(layer.gamma),
            offset=tf.convert_to_tensor(layer.beta),
            mean=no_average,
            variance=no_average,
            epsilon=layer.epsilon,
            is_training=True,
        )
        # TensorFlow gives the sample's variance (n - 1), Keras averages the population's (n).
        n = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        variance = result.batch_variance * (n - 1) / n
        averages = (layer.moving_mean, result.batch_mean), (layer.moving_variance, variance)
        for average, value in averages:
            average.assign(average * layer.momentum + value * (1 - layer.momentum))
        return result.y

    return call
