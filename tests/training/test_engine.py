"""The engine: what it chooses, and how much arithmetic it takes a model to do."""

from __future__ import annotations

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo
from benchmarks.peers.multiply_adds import training_multiply_adds
from kerazoo.training import engine
from kerazoo.training.engine import multiply_adds
from tests.training.conftest import QUIET


@pytest.mark.parametrize(
    ("layers", "wanted"),
    [
        ([keras.Input((5,)), keras.layers.Dense(3)], 15),
        ([keras.Input((7, 5)), keras.layers.Dense(3)], 7 * 15),
        ([keras.Input((8, 8, 2)), keras.layers.Conv2D(4, 3, padding="same")], 64 * 9 * 2 * 4),
        ([keras.Input((8, 8, 2)), keras.layers.Conv2D(4, 3, strides=2)], 9 * 9 * 2 * 4),
        (
            [keras.Input((4, 4, 3)), keras.layers.Conv2DTranspose(2, 5, strides=2)],
            16 * 25 * 3 * 2,
        ),
        ([keras.Input((6, 3)), keras.layers.LSTM(4)], 6 * 4 * 4 * (3 + 4)),
        ([keras.Input((9,)), keras.layers.Embedding(10, 4), keras.layers.Conv1D(2, 3)], 7 * 3 * 8),
    ],
)
def test_multiply_adds_of_a_layer(layers, wanted):
    assert multiply_adds(keras.Sequential(layers)) == wanted


def test_multiply_adds_of_a_step_leave_out_the_gradient_of_raw_inputs():
    layers = keras.layers
    assert training_multiply_adds(keras.Sequential([keras.Input((5,)), layers.Dense(3)])) == 2 * 15
    after = [keras.Input((5,)), layers.Rescaling(2.0), layers.Dense(3), layers.Dense(2)]
    assert training_multiply_adds(keras.Sequential(after)) == 2 * 15 + 3 * 6
    learnt = [keras.Input((9,)), layers.Embedding(10, 4), layers.Conv1D(2, 3)]
    assert training_multiply_adds(keras.Sequential(learnt)) == 3 * 7 * 3 * 8
    lstm = keras.Sequential([keras.Input((6, 3)), layers.LSTM(4)])
    assert training_multiply_adds(lstm) == 6 * 4 * 4 * (2 * 3 + 3 * 4)
    gan = kerazoo.build("dcgan")
    judge, drawer = multiply_adds(gan.discriminator), multiply_adds(gan.generator)
    first = 14 * 14 * 32 * 16  # of the discriminator: 4 × 4, to 32 maps of 14 × 14
    assert training_multiply_adds(gan) == 8 * judge - 2 * first + 3 * drawer - 100 * 4 * 4 * 128


def test_multiply_adds_of_a_residual_network():
    stem, classifier = 32 * 32 * 27 * 16, 64 * 10
    first = 6 * 32 * 32 * 9 * 16 * 16  # six convolutions of 16 maps
    others = 2 * (
        9 * 16 * 32 * 16 * 16 + 5 * 9 * 32 * 32 * 16 * 16
    )  # half the side, twice the maps
    assert multiply_adds(kerazoo.build("resnet20")) == stem + first + others + classifier


def test_large_steps_are_few_in_an_execution_and_small_ones_many():
    small = kerazoo.build("mlp", input_shape=(4,), hidden=(8,), outputs=1)
    for model, batch, steps in (
        (small, 128, engine.MOST_STEPS),
        (kerazoo.build("resnet8"), 512, 1),
    ):
        way = engine.way_to_train(model, batch, "auto")
        assert way.compile_options["steps_per_execution"] == steps
    assert engine.way_to_train(small, 128, "plain") == engine.Way()


def test_short_recurrent_loops_are_written_out_and_the_model_is_left_as_it_was():
    short = kerazoo.build("stacked_lstm", input_shape=(12, 1), horizon=2)
    long = kerazoo.build("stacked_lstm", input_shape=(336, 1), horizon=2)
    before = short.get_config()
    way = engine.way_to_train(short, 32, "auto")
    assert [layer.name for layer in way.unroll] == ["lstm1", "lstm2"]
    assert not engine.way_to_train(long, 32, "auto").unroll
    with engine.traced(way):
        assert short.get_layer("lstm1").unroll
    assert short.get_config() == before
    with pytest.raises(RuntimeError), engine.traced(way):
        raise RuntimeError
    assert short.get_config() == before


def test_large_batch_normalisations_are_fused_and_small_ones_are_not():
    model = kerazoo.build("resnet8")
    norms = [w for w in model.layers if isinstance(w, keras.layers.BatchNormalization)]
    assert list(engine.way_to_train(model, 64, "auto").fuse) == norms
    assert not engine.way_to_train(model, 1, "auto").fuse


@pytest.mark.parametrize("batch", [1, 7])
def test_a_fused_normalisation_is_the_layers_own(batch):
    """Outputs, moving averages and gradients, and nothing is left of it afterwards."""
    random = np.random.RandomState(0)
    x = random.normal(3, 2, (batch, 6, 5, 4)).astype("float32")
    weight = random.normal(size=x.shape).astype("float32")
    layers = [keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3) for _ in range(2)]
    told = []
    for layer, way in zip(layers, (engine.Way(), engine.Way(fuse=(layers[1],))), strict=True):
        layer.build(x.shape)
        layer.gamma.assign(np.linspace(0.5, 2, 4))
        layer.beta.assign(np.linspace(-1, 1, 4))
        inputs = tf.Variable(x)
        with engine.traced(way), tf.GradientTape() as tape:
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(outputs * weight)
        slopes = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
        averages = layer.moving_mean.numpy(), layer.moving_variance.numpy()
        told.append([outputs.numpy(), *averages, *(s.numpy() for s in slopes)])
        assert "call" not in vars(layer)
        told[-1].append(layer(x, training=False).numpy())
    for plain, fused in zip(*told, strict=True):
        np.testing.assert_allclose(fused, plain, rtol=2e-5, atol=2e-5)
    assert not np.allclose(told[0][1], 0)  # the averages moved


def test_a_frozen_or_half_precision_normalisation_is_left_to_keras():
    inputs = keras.Input((32, 32, 16))
    half = keras.layers.BatchNormalization(dtype="mixed_float16")
    model = keras.Model(inputs, half(keras.layers.BatchNormalization(name="full")(inputs)))
    way = engine.way_to_train(model, 64, "auto")
    assert [layer.name for layer in way.fuse] == ["full"]
    layer = way.fuse[0]
    layer.trainable = False
    x = np.full((64, 32, 32, 16), 5, "float32")
    with engine.traced(way):
        np.testing.assert_allclose(layer(x, training=True), layer(x, training=False))
    assert np.all(layer.moving_mean.numpy() == 0)


@pytest.mark.parametrize(
    "name", ["bar_net", pytest.param("stacked_lstm@sine", marks=pytest.mark.slow)]
)
def test_the_engine_changes_nothing_beyond_rounding(private_zoo, in_tmp, monkeypatch, name):
    traced, done = [], {}

    def step(self, data, train_step=keras.Model.train_step):
        traced.append(self.name)
        return train_step(self, data)

    monkeypatch.setattr(keras.Model, "train_step", step)
    for how in ("auto", "plain"):
        done[how] = kerazoo.train(name, epochs=2, out=how, engine=how, **QUIET)
    assert len(traced) == 2, "metrics whose variables are made in the step are traced twice"
    assert done["auto"].metrics["value"] == pytest.approx(done["plain"].metrics["value"], rel=1e-4)
    for row, plain in zip(done["auto"].history, done["plain"].history, strict=True):
        assert row == pytest.approx(plain, rel=1e-4)
    assert done["auto"].model.get_config() == done["plain"].model.get_config()


@pytest.mark.slow
def test_fused_normalisation_changes_nothing_beyond_rounding(in_tmp):
    """A whole network, few steps: what is rounded otherwise grows from step to step.

    By plain gradient descent: Adam makes a whole step of the sign of a gradient that is nearly 0.
    """
    if keras.config.backend() != "tensorflow":
        pytest.skip("the operation is TensorFlow's")
    name = "resnet_block@digits"
    few = {"train_examples": 160, "optimizer": "sgd", "learning_rate": 0.01}
    way = engine.way_to_train(kerazoo.build("resnet_block"), 32, "auto")
    assert len(way.fuse) > 1, "else nothing is tested"
    auto, plain = (
        kerazoo.train(name, epochs=1, settings=few, out=e, engine=e, **QUIET)
        for e in ("auto", "plain")
    )
    assert auto.history[0]["loss"] == pytest.approx(plain.history[0]["loss"], rel=1e-4)
    for ours, theirs in zip(auto.model.get_weights(), plain.model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def test_the_number_of_threads_is_the_one_that_the_backend_takes(monkeypatch):
    if keras.config.backend() != "tensorflow":
        pytest.skip("TensorFlow's own variable")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    assert engine.threads() == 3
    for unset in ("0", "many"):
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", unset)
        assert engine.threads() == len(os.sched_getaffinity(0))
