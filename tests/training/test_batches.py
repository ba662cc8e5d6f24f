"""Batches: each epoch visits every example once, in its order."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo._files import zeros
from kerazoo.training import batches as batches_module
from kerazoo.training import checkpoint
from kerazoo.training.batches import Batches


def test_each_epoch_visits_every_example_once_in_its_order():
    n, size = 45, 8
    batches = Batches([np.arange(n), np.arange(n, dtype="float64") / 7], size)
    data = batches.dataset()
    for epoch in range(3):
        order = checkpoint.order_of_data(n, seed=1, epoch=epoch)
        batches.in_order(order)
        seen = list(data.as_numpy_iterator())
        assert [len(x) for x, _ in seen] == [8, 8, 8, 8, 8, 5]
        assert (np.concatenate([x for x, _ in seen]) == order).all()
        assert seen[0][1].dtype == np.float32  # Keras would cast it in arrays, not in a dataset


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32", "float64"])
def test_a_large_array_is_batched_where_it_lies(monkeypatch, dtype):
    monkeypatch.setattr(batches_module, "SHARED", 0)
    x = zeros((40, 3), dtype)
    batches = Batches([x], 8)
    batches.in_order(np.arange(40))
    x[:] = np.arange(120).reshape(40, 3) % 100
    seen = np.concatenate([part[0] for part in batches.dataset().as_numpy_iterator()])
    assert (seen == (0 if dtype == "float64" else x)).all(), "float64 is copied as float32"
    odd = np.zeros(121, "uint8")[1:].reshape(40, 3)  # no place where TensorFlow takes it
    assert len(list(Batches([odd], 8).dataset().as_numpy_iterator())) == 5


def test_fit_gets_the_order_of_its_epoch():
    """A dataset prefetches; were it a step ahead, an epoch would see the order of the last one."""
    seen = []

    class Peeks(keras.layers.Layer):
        def call(self, x):
            tf.py_function(lambda v: seen.append(v.numpy()[:, 0].astype(int)), [x], [])
            return x

    x = np.arange(40.0, dtype="float32")[:, None]
    batches = Batches([x, x], 8)
    net = keras.Sequential([keras.Input((1,)), Peeks(), keras.layers.Dense(1)])
    net.compile("sgd", "mse", jit_compile=False, steps_per_execution=3)
    orders = [np.random.RandomState(epoch).permutation(40) for epoch in range(4)]
    begins = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: batches.in_order(orders[epoch])
    )
    seen.clear()
    net.fit(batches.dataset(), epochs=4, shuffle=False, verbose=0, callbacks=[begins])
    assert (np.concatenate(seen) == np.concatenate(orders)).all()
