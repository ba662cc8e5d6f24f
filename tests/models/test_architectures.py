"""Architectures against their papers: parameter counts, shapes, and what can be built."""

from __future__ import annotations

import json
import re

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.errors import KerazooError
from kerazoo.models import lenet5, resnet
from tests.conftest import raised


def trainable(model) -> int:
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def uniform(*shape):
    return np.random.RandomState(0).uniform(size=shape).astype("float32")


# He et al. 2015, table 6: millions of parameters.
@pytest.mark.parametrize(
    ("depth", "millions"), [(20, 0.27), (32, 0.46), pytest.param(110, 1.7, marks=pytest.mark.slow)]
)
def test_cifar_resnets_have_the_published_size(depth, millions):
    model = kerazoo.resnet(depth)
    assert round(trainable(model) / 1e6, 1 if millions > 1 else 2) == millions
    kernels = [w for w in model.trainable_weights if w.name == "kernel"]
    assert len(kernels) == depth, "layers with weights"


def test_lenet5_has_the_papers_sixty_thousand_parameters():
    """LeCun et al. 1998, section II.B, layer by layer."""
    model = kerazoo.build("lenet5")
    count = {layer.name: layer.count_params() for layer in model.layers}
    assert count["c1"] == 156 and count["s2"] == 12 and count["s4"] == 32
    assert sum(n for name, n in count.items() if name.startswith("c3_")) == 1_516
    assert count["c5"] == 48_120 and count["f6"] == 10_164
    assert trainable(model) - count["classifier"] == 60_000
    assert sum(len(maps) for maps in lenet5.C3_INPUTS) == 60
    assert model.get_layer("c5").output.shape[1:] == (1, 1, 120)


DOCS = {name: registry.get_model(name).factory.__doc__ for name in registry.list_models()}
STATED = {n: m for n, doc in DOCS.items() if (m := re.search(r"at least\s+(\d+) × (\d+)", doc))}


@pytest.mark.parametrize("name", STATED)
def test_the_smallest_image_is_the_one_that_is_stated(name):
    height, width = map(int, STATED[name].groups())
    assert kerazoo.build(name, input_shape=(height, width, 1)).output_shape == (None, 10)
    for shape in ((height - 1, width, 1), (height, width - 1, 1)):
        with pytest.raises(KerazooError):
            kerazoo.build(name, input_shape=shape)


def test_mlp_of_any_size():
    assert kerazoo.build("mlp").count_params() == 669_706
    textbook = kerazoo.build("mlp", input_shape=(2,), hidden=(3,), outputs=1, activation="tanh")
    assert trainable(textbook) == 2 * 3 + 3 + 3 + 1
    assert textbook.output_shape == (None, 1)
    assert trainable(kerazoo.build("mlp", input_shape=(5,), hidden=(), classes=3)) == 18
    one = kerazoo.build("mlp", classes=1, classifier_activation="sigmoid")
    assert one.output_shape == (None, 1), "a classifier of two"


@pytest.mark.parametrize("option", ["A", "B"])
def test_residual_block_is_the_identity_when_its_branch_is_zero(option):
    inputs = keras.Input((7, 9, 4))
    model = keras.Model(inputs, kerazoo.residual_block(inputs, 4, option=option))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    x = uniform(2, 7, 9, 4)
    np.testing.assert_allclose(model.predict_on_batch(x), x, atol=1e-6)


@pytest.mark.parametrize("name", ["MemoryError", "ResourceExhaustedError"])
def test_a_model_too_large_for_the_memory_is_named(name, private_registry):
    def colossus(width=8):
        """Takes all memory."""
        raise MemoryError if name == "MemoryError" else type(name, (Exception,), {})

    entry = kerazoo.Entry(dataset="digits", recipe=kerazoo.Recipe(epochs=1))
    kerazoo.register_model(colossus, citation="@misc{none}", entries=[entry])
    raised(["colossus(width=9)"], kerazoo.build, "colossus", width=9)


def test_numbers_of_numpy_are_numbers_too():
    model = kerazoo.build("mnist_cnn_small", classes=np.int64(7), input_shape=(np.int32(9), 9, 1))
    assert model.output_shape == (None, 7)
    keras.Model.from_config(json.loads(json.dumps(model.get_config())))
    model = kerazoo.build("stacked_lstm", units=np.array([3, 4]), per_column=np.False_)
    assert [model.get_layer(f"lstm{i}").units for i in (1, 2)] == [3, 4]
    inputs = keras.Input((8, 8, 2))
    assert kerazoo.residual_block(inputs, np.int8(6), stride=np.int64(2)).shape == (None, 4, 4, 6)


def test_channels_first_is_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        raised(["channels_first"], kerazoo.build, "resnet8")
        raised(["channels_first"], kerazoo.residual_block, keras.Input((2, 8, 8)), 6)
    finally:
        keras.config.set_image_data_format("channels_last")


def test_option_a_leaves_out_places_and_option_b_projects():
    inputs = keras.Input((5, 6, 3))
    model = keras.Model(inputs, resnet.shortcut_a(inputs, 8, 2, "s"))
    assert model.count_params() == 0 and model.output_shape == (None, 3, 3, 8)
    x = uniform(1, 5, 6, 3)
    out = model.predict_on_batch(x)
    np.testing.assert_array_equal(out[..., 2:5], x[:, ::2, ::2])
    assert not out[..., :2].any() and not out[..., 5:].any()
    a, b = (trainable(kerazoo.build("resnet8", option=option)) for option in "AB")
    assert b - a == 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64, "two projections, each normalized"
    assert f"{b:,} trainable" in resnet.resnet8.__doc__


def test_stacked_lstm_per_column_is_equivariant_and_subtracting_makes_it_shift_invariant():
    def predict(values, **options):
        keras.utils.set_random_seed(0)
        model = kerazoo.build(
            "stacked_lstm", input_shape=(12, 2), horizon=3, targets=2, per_column=True, **options
        )
        return np.asarray(model(values, training=False))

    x, level = uniform(2, 12, 2), np.array([5.0, -3.0], "float32")
    other = x + level * [0, 1]
    np.testing.assert_allclose(predict(x)[..., 0], predict(other)[..., 0], atol=1e-6)
    np.testing.assert_allclose(predict(x[..., ::-1]), predict(x)[..., ::-1], atol=1e-6)
    subtract = {"subtract_last": True, "segment": 4}
    shifted = predict(x + level, **subtract)
    np.testing.assert_allclose(shifted, predict(x, **subtract) + level, atol=1e-4)
