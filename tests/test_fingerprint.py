"""Fingerprints: equal for what is the same training, different for what is not."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kerazoo import fingerprint


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


LAYERS = keras.layers


def of_layer(layer):
    recurrent = isinstance(layer, LAYERS.LSTM | LAYERS.Bidirectional)
    inputs = keras.Input((8, 3) if recurrent else (8, 8, 1), name="i")
    return fingerprint.of_model(keras.Model(inputs, layer(inputs)))


def conv(**options):
    return LAYERS.Conv2D(2, 3, **options)


def lstm(**options):
    return LAYERS.LSTM(4, name="l", **options)


def both(**options):
    return LAYERS.Bidirectional(lstm(**options), name="b")


@pytest.mark.parametrize(
    ("make", "option", "value"),
    [
        *((conv, option, False) for option in ("use_bias", "trainable")),
        (conv, "kernel_initializer", "zeros"),
        *((LAYERS.BatchNormalization, option, False) for option in ("center", "scale")),
        (lstm, "return_sequences", True),
        (lstm, "unit_forget_bias", False),
        *((both, option, False) for option in ("use_bias", "trainable")),
        (both, "return_sequences", True),
        (both, "activation", "relu"),
    ],
)
def test_a_setting_is_not_taken_for_the_default(make, option, value):
    changed = {option: value}
    assert of_layer(make(**changed)) != of_layer(make())
    assert of_layer(make(**changed)) == of_layer(make(**changed))


def test_a_default_that_is_written_out_is_none():
    for make in (conv, both):
        assert of_layer(make(use_bias=True, trainable=True)) == of_layer(make())


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
    reshaped = x.reshape(2, 3)
    different = (
        *({"x": v} for v in (x, x.astype(np.int64), reshaped, x[::-1], np.int32(0))),
        {"y": x},
        {"x": x, "y": x},
    )
    assert len({fingerprint.of_arrays(arrays) for arrays in different}) == len(different)
    for one, same in ((x, x.astype(">i4")), (reshaped, np.asfortranarray(reshaped))):
        assert fingerprint.of_arrays({"x": one}) == fingerprint.of_arrays({"x": same})


def test_weights_differ_by_one_bit():
    model = net()
    before = fingerprint.of_weights(model)
    weights = model.get_weights()
    weights[0].view(np.uint32)[0, 0] ^= 1
    model.set_weights(weights)
    assert fingerprint.of_weights(model) != before


def test_a_counter_may_have_fewer_bits_on_another_backend():
    """TensorFlow's int64 is int32 on PyTorch and JAX; bundled weights and runs are of all."""
    counts = [SimpleNamespace(get_weights=lambda k=k: [np.array(7, k)]) for k in ("i4", "i8")]
    assert fingerprint.of_weights(counts[0]) == fingerprint.of_weights(counts[1])
    other = SimpleNamespace(get_weights=lambda: [np.array(8, "i4")])
    assert fingerprint.of_weights(other) != fingerprint.of_weights(counts[0])
