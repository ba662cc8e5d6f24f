"""The engine: what it chooses, and how much arithmetic it takes a model to do."""

from __future__ import annotations

import keras
import pytest

import kerazoo
from kerazoo.training import engine
from kerazoo.training.work import multiply_adds


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


def test_multiply_adds_of_a_residual_network():
    stem, classifier = 32 * 32 * 27 * 16, 64 * 10
    first = 6 * 32 * 32 * 9 * 16 * 16  # six convolutions of 16 maps
    others = 2 * (
        9 * 16 * 32 * 16 * 16 + 5 * 9 * 32 * 32 * 16 * 16
    )  # half the side, twice the maps
    assert multiply_adds(kerazoo.build("resnet20")) == stem + first + others + classifier


def test_large_steps_are_few_in_an_execution_and_small_ones_many():
    small = kerazoo.build("mlp", input_shape=(4,), hidden=(8,), outputs=1)
    large = kerazoo.build("resnet110")
    steps = {
        name: engine.way_to_train(model, 128, "auto").compile_options["steps_per_execution"]
        for name, model in (("small", small), ("large", large))
    }
    assert steps == {"small": engine.MOST_STEPS, "large": 1}
    assert engine.way_to_train(small, 128, "plain") == engine.Way()


def test_short_recurrent_loops_are_written_out_and_the_model_is_left_as_it_was():
    short = kerazoo.build("stacked_lstm", input_shape=(12, 1), horizon=2)
    long = kerazoo.build("stacked_lstm", input_shape=(336, 1), horizon=2)
    before = short.get_config()
    way = engine.way_to_train(short, 32, "auto")
    assert way.unroll == {"lstm1", "lstm2"}
    assert not engine.way_to_train(long, 32, "auto").unroll
    with engine.unrolled(short, way):
        assert short.get_layer("lstm1").unroll
    assert short.get_config() == before
    with pytest.raises(RuntimeError), engine.unrolled(short, way):
        raise RuntimeError
    assert short.get_config() == before
