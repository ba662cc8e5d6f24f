"""Batch normalisation as TensorFlow's one fused operation, in training.

Keras 3 writes it as a dozen operations, each of which reads the whole tensor once; forward and
backward took 1.8 to 2.9 times as long on two cores (docs/speed.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kerazoo._lazy import keras

# Of a batch. Below, setting up the fused operation costs more than it saves.
FEWEST_VALUES = 64_000


def gains(layer: keras.Layer, batch_size: int) -> bool:
    """Whether a layer of a built model can be fused, and is large enough to be worth it."""
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
        and batch_size * math.prod(layer.input.shape[1:]) >= FEWEST_VALUES
    )


def fused_call(layer: keras.Layer) -> Callable[..., Any]:
    """What stands for ``layer.call`` while a training step is traced on TensorFlow.

    Outputs, gradients and moving averages are those of Keras's layer, but for rounding.
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
