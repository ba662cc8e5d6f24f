"""The training examples in batches, each epoch in its order, and the weights of their classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerazoo._lazy import np

READY = 2  # batches that are made ahead
SHARED = 2**26  # bytes of an array from which on a copy is spared
ALIGNED = 64  # bytes, at a multiple of which TensorFlow wants memory to begin


class Batches:
    """Examples in batches, for one call of ``fit`` over many epochs.

    One call and one ``tf.data`` pipeline for all epochs: setting both up anew for each took twice
    as long as an epoch of a small dataset. The order is set at the start of each epoch, so that it
    follows from seed and epoch alone and a training can go on at any epoch.
    """

    def __init__(self, arrays: Sequence[np.ndarray], batch_size: int):
        """Arrays of equal length: examples, and targets where there are any."""
        import tensorflow as tf

        self.examples = len(arrays[0])
        self.batch_size = batch_size
        self.steps = -(-self.examples // batch_size)
        with tf.device("CPU:0"):  # where tf.data runs
            self._tensors = [_tensor(a) for a in arrays]
            self._order = tf.Variable(tf.range(self.examples, dtype=tf.int64), trainable=False)

    def in_order(self, order: np.ndarray) -> None:
        """Visit the examples in this order, int64 ``(n,)``, from the next iteration on."""
        self._order.assign(order)

    def dataset(self) -> Any:
        """A ``tf.data.Dataset`` whose every iteration is one epoch, as Keras's ``fit`` takes it.

        Its elements are tuples of one batch of each array, float64 as float32. The last batch is
        smaller if the batch size does not divide the number of examples.
        """
        import tensorflow as tf

        size = self.batch_size

        def batch(number: Any) -> tuple[Any, ...]:
            # Rows are gathered batch by batch: a shuffled copy of the data is never made.
            rows = self._order[number * size : (number + 1) * size]
            return tuple(tf.gather(t, rows) for t in self._tensors)

        # There is nothing to tune, and the tuner's thread is waited for where an epoch ends: 0.3 to
        # 0.8 s in most of them. Nor to rewrite: without it the first batch comes 0.2 s earlier.
        plainly = tf.data.Options()
        plainly.autotune.enabled = False
        plainly.experimental_optimization.apply_default_optimizations = False
        batches = tf.data.Dataset.range(self.steps).map(batch).prefetch(READY)
        return batches.with_options(plainly)


def _tensor(array: np.ndarray) -> Any:
    """An array as a tensor, float64 as float32; of a large one that is aligned no copy is made."""
    import tensorflow as tf

    if array.dtype == np.float64:
        array = array.astype(np.float32)
    is_large = array.nbytes >= SHARED and array.dtype.kind in "uif"
    if is_large and array.flags.carray and array.ctypes.data % ALIGNED == 0:
        return tf.experimental.dlpack.from_dlpack(np.asarray(array).__dlpack__())
    return tf.constant(array)


def class_weights(y: np.ndarray) -> dict[int, float]:
    """Inverse frequencies of the integer classes ``y`` ``(n,)``; their mean over y is 1."""
    classes, counts = np.unique(y, return_counts=True)
    return {
        int(c): float(len(y) / (len(classes) * n)) for c, n in zip(classes, counts, strict=True)
    }
