"""Fingerprints: equal for what is the same training, different for what is not."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import fingerprint

# With Keras 3.12 and 3.15 alike; a Keras version that changes them makes all evidence look stale.
KNOWN = {
    "mnist_cnn": "bd9002e1bc7442c42b3086ecb26615b20e0fecc46fb5abb60c49a5eb5950a83b",
    "mnist_cnn_deep": "9c252e19b1677c4438303635ba18abeddddd568b09c154586b1c39caa742117e",
    "mnist_cnn_small": "ab4af6aed936c9acba9a6638a380d85e5a4754e32738419ca31da84746c8cfe2",
}


@pytest.mark.parametrize("name", KNOWN)
def test_structure_has_the_same_fingerprint_with_every_keras_version(name):
    assert fingerprint.of_model(kerazoo.build(name)) == KNOWN[name]


def net(units=4, rate=0.1, names=("a", "b", "c"), activation="relu"):
    inputs = keras.Input((3,), name=names[0])
    x = keras.layers.Dense(units, activation=activation, name=names[1])(inputs)
    x = keras.layers.Dropout(rate, name=names[2])(x)
    return keras.Model(inputs, x)


def test_names_and_weights_are_not_structure():
    assert fingerprint.of_model(net()) == fingerprint.of_model(net(names=("x", "y", "z")))


@pytest.mark.parametrize("change", [{"units": 5}, {"rate": 0.2}, {"activation": "tanh"}])
def test_settings_are_structure(change):
    assert fingerprint.of_model(net()) != fingerprint.of_model(net(**change))


def test_connections_are_structure():
    def two(order):
        inputs = keras.Input((3,), name="i")
        a = keras.layers.Dense(3, name="a")(inputs)
        b = keras.layers.Dense(3, name="b")(a)
        x = keras.layers.Subtract(name="s")([a, b] if order else [b, a])
        return fingerprint.of_model(keras.Model(inputs, x))

    assert two(True) != two(False)


def test_arrays_differ_by_name_type_shape_and_content():
    x = np.arange(6, dtype=np.int32)
    prints = {
        fingerprint.of_arrays(arrays)
        for arrays in (
            {"x": x},
            {"y": x},
            {"x": x.astype(np.int64)},
            {"x": x.reshape(2, 3)},
            {"x": x[::-1]},
            {"x": x, "y": x},
            {"x": np.int32(0)},
        )
    }
    assert len(prints) == 7
    big_endian = x.astype(">i4")
    assert fingerprint.of_arrays({"x": big_endian}) == fingerprint.of_arrays({"x": x})
    column_order = np.asfortranarray(np.arange(6).reshape(2, 3))
    assert fingerprint.of_arrays({"x": column_order}) == fingerprint.of_arrays(
        {"x": np.arange(6).reshape(2, 3)}
    )


def test_weights_differ_by_one_bit():
    model = net()
    before = fingerprint.of_weights(model)
    weights = model.get_weights()
    weights[0].view(np.uint32)[0, 0] ^= 1
    model.set_weights(weights)
    assert fingerprint.of_weights(model) != before
