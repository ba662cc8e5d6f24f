"""The engine: what it chooses, and how much arithmetic it takes a model to do."""

from __future__ import annotations

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo
from benchmarks.peers.multiply_adds import training_multiply_adds
from kerazoo import fingerprint
from kerazoo.training import engine
from tests.conftest import QUIET

LAYERS = keras.layers


@pytest.mark.parametrize(
    ("layers", "forward", "step"),
    [
        ([keras.Input((5,)), LAYERS.Dense(3)], 15, 2 * 15),
        ([keras.Input((7, 5)), LAYERS.Dense(3)], 7 * 15, 2 * 7 * 15),
        ([keras.Input((5,)), LAYERS.Rescaling(2.0), LAYERS.Dense(3), LAYERS.Dense(2)], 21, 48),
        ([keras.Input((8, 8, 2)), LAYERS.Conv2D(4, 3, padding="same")], 4_608, 2 * 4_608),
        ([keras.Input((8, 8, 2)), LAYERS.Conv2D(4, 3, strides=2)], 648, 2 * 648),
        ([keras.Input((4, 4, 3)), LAYERS.Conv2DTranspose(2, 5, strides=2)], 2_400, 2 * 2_400),
        ([keras.Input((6, 3)), LAYERS.LSTM(4)], 24 * 4 * (3 + 4), 24 * 4 * (2 * 3 + 3 * 4)),
        ([keras.Input((9,)), LAYERS.Embedding(10, 4), LAYERS.Conv1D(2, 3)], 168, 3 * 168),
    ],
)
def test_multiply_adds_of_a_layer(layers, forward, step):
    """A step has two products of the size of the output's, less the gradient of raw inputs."""
    model = keras.Sequential(layers)
    assert (engine.multiply_adds(model), training_multiply_adds(model)) == (forward, step)


def test_multiply_adds_of_a_gan():
    gan = kerazoo.build("dcgan")
    judge, drawer = map(engine.multiply_adds, (gan.discriminator, gan.generator))
    first = 14 * 14 * 32 * 16  # of the discriminator: 4 × 4, to 32 maps of 14 × 14
    assert training_multiply_adds(gan) == 8 * judge - 2 * first + 3 * drawer - 100 * 4 * 4 * 128


def test_multiply_adds_of_a_network_in_a_network():
    inner = keras.Sequential([keras.Input((5,)), LAYERS.Dense(3)])
    model = keras.Sequential([keras.Input((5,)), inner, LAYERS.Dense(2)])
    assert engine.multiply_adds(model) == 15 + 6


def test_the_engine_chooses_by_size_and_leaves_the_model_as_it_was():
    small = kerazoo.build("mlp", input_shape=(4,), hidden=(8,), outputs=1)
    large = kerazoo.build("resnet8")
    norms = [w for w in large.layers if isinstance(w, LAYERS.BatchNormalization)]
    for model, batch, steps, fused in (
        (small, 128, engine.MAX_STEPS, []),
        (large, 512, 1, norms),
        (large, 1, engine.MAX_STEPS, []),
    ):
        way = engine.way_to_train(model, batch, "auto")
        assert list(way.fuse) == fused
        assert batch == 1 or way.compile_options["steps_per_execution"] == steps
    assert engine.way_to_train(small, 128, "plain") == engine.Way()
    short, long = (kerazoo.build("stacked_lstm", input_shape=(n, 1), horizon=2) for n in (12, 336))
    before = short.get_config()
    way = engine.way_to_train(short, 32, "auto")
    assert [layer.name for layer in way.unroll] == ["lstm1", "lstm2"]
    assert not engine.way_to_train(long, 32, "auto").unroll
    with pytest.raises(RuntimeError), engine.traced(way):
        assert short.get_layer("lstm1").unroll
        raise RuntimeError
    assert short.get_config() == before


@pytest.mark.parametrize("batch", [1, 7])
def test_a_fused_normalization_is_the_layers_own(batch):
    """Outputs, moving averages and gradients, and nothing is left of it afterwards."""
    random = np.random.RandomState(0)
    x = random.normal(3, 2, (batch, 6, 5, 4)).astype("float32")
    weight = random.normal(size=x.shape).astype("float32")
    layers = [LAYERS.BatchNormalization(momentum=0.9) for _ in range(2)]
    results = []
    for layer, way in zip(layers, (engine.Way(), engine.Way(fuse=(layers[1],))), strict=True):
        layer.build(x.shape)
        layer.gamma.assign(np.linspace(0.5, 2, 4))
        layer.beta.assign(np.linspace(-1, 1, 4))
        inputs = tf.Variable(x)
        with engine.traced(way), tf.GradientTape() as tape:
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(outputs * weight)
        slopes = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
        assert "call" not in vars(layer)
        later = layer(x, training=False)
        results.append([layer.moving_mean, layer.moving_variance, outputs, later, *slopes])
    for plain, fused in zip(*results, strict=True):
        np.testing.assert_allclose(np.array(fused), np.array(plain), rtol=2e-5, atol=2e-5)
    assert not np.allclose(results[0][0], 0)  # the averages moved


def test_a_frozen_or_half_precision_normalization_is_left_to_keras():
    inputs = keras.Input((32, 32, 16))
    half = LAYERS.BatchNormalization(dtype="mixed_float16")
    model = keras.Model(inputs, half(LAYERS.BatchNormalization(name="full")(inputs)))
    way = engine.way_to_train(model, 64, "auto")
    (layer,) = way.fuse
    assert layer.name == "full"
    layer.trainable = False
    x = np.full((64, 32, 32, 16), 5, "float32")
    with engine.traced(way):
        np.testing.assert_allclose(layer(x, training=True), layer(x, training=False))
    assert np.all(layer.moving_mean.numpy() == 0)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("bar_net", {}),
        pytest.param("stacked_lstm@sine", {"lookback": 8}, marks=pytest.mark.slow),
        # By plain gradient descent: Adam makes a whole step of the sign of a gradient near 0.
        pytest.param(
            "resnet_block@digits",
            {"optimizer": "sgd", "learning_rate": 0.01, "epochs": 1},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_engine_changes_nothing_beyond_rounding(
    name, changed, private_zoo, in_tmp, monkeypatch
):
    traced, done = [], {}

    def step(self, data, train_step=keras.Model.train_step):
        traced.append(self.name)
        return train_step(self, data)

    monkeypatch.setattr(keras.Model, "train_step", step)
    settings = {"epochs": 2, "train_examples": 160, **changed}
    for how in ("auto", "plain"):
        done[how] = kerazoo.train(name, settings=settings, out=how, engine=how, **QUIET)
    assert len(traced) == 2, "metrics whose variables are made in the step are traced twice"
    for row, plain in zip(done["auto"].history, done["plain"].history, strict=True):
        assert row["loss"] == pytest.approx(plain["loss"], rel=1e-4)
    ours, theirs = (run.model for run in done.values())
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    assert fingerprint.of_model(ours) == fingerprint.of_model(theirs)


@pytest.mark.parametrize("value", ["3", "0", "many"])
def test_the_number_of_threads_is_the_one_that_the_backend_takes(value, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", value)
    assert engine.threads() == (3 if value == "3" else len(os.sched_getaffinity(0)))
