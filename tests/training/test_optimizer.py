"""Optimizer, learning rate, phases and augmentation are those of the recipe."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import KerazooError
from kerazoo.finetuning import finetune as finetuning
from kerazoo.spec import Recipe
from kerazoo.training.augmentation import with_augmentation
from kerazoo.training.optimizer import Phase, optimizer_for


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-3, "global_clipnorm": None}),
        ("Adam", {"beta_1": 0.5, "beta_2": 0.999, "global_clipnorm": 2.0, "weight_decay": None}),
        ("AdamW", {"beta_1": 0.8, "weight_decay": 0.05, "global_clipnorm": 1.0}),
        ("Muon", {"momentum": 0.9, "weight_decay": 0.05, "global_clipnorm": 1.0}),
    ],
)
def test_the_optimizer_is_the_recipes(kind, wanted):
    names = {"global_clipnorm": "clip_norm"}
    fields = {names.get(k, k): v for k, v in wanted.items() if v is not None and k != "beta_2"}
    made = optimizer_for(Recipe(epochs=1, optimizer=kind.lower(), **fields), 100)
    config = made.get_config()
    assert type(made).__name__ == kind
    assert {name: config[name] for name in wanted} == pytest.approx(wanted)


def test_muon_stops_with_a_keras_whose_own_does_not_work(monkeypatch):
    monkeypatch.setattr(keras, "__version__", "3.12.0")
    with pytest.raises(KerazooError, match=r"3\.13"):
        optimizer_for(Recipe(epochs=1, optimizer="muon"), 100)


@pytest.mark.parametrize("shape", [(3, 3, 2, 4), (2, 1, 3, 24)])
def test_muon_makes_the_update_of_convolutions_orthogonal_and_leaves_the_rest_to_adamw(shape):
    recipe = Recipe(epochs=1, optimizer="muon", learning_rate=0.1, momentum=0.9, weight_decay=0.5)
    made = optimizer_for(recipe, 100)
    start = np.full(shape, 2.0, "float32")
    kernel, bias = keras.Variable(start), keras.Variable(np.full(3, 2.0, "float32"))
    dense = keras.Variable(np.full((1, 3), 2.0, "float32"))
    few = keras.ops.array([1e-3, 5.0, -2.0])
    gradient = np.random.default_rng(0).normal(size=shape).astype("float32")
    made.apply([keras.ops.array(gradient), few, few[None]], [kernel, bias, dense])
    # AdamW's first step is the learning rate in every direction; weight decay takes 5 % of all.
    for variable in (bias, dense):
        np.testing.assert_allclose(variable.numpy().ravel(), [1.8, 1.8, 2.0], atol=1e-3)
    update = ((0.95 * start - kernel.numpy()) / 0.1).reshape(-1, shape[-1])
    singular = np.linalg.svd(update, compute_uv=False) / (0.2 * np.sqrt(max(update.shape)))
    assert np.all((singular > 0.6) & (singular < 1.3))  # as three steps leave them
    raw = np.linalg.svd(gradient.reshape(-1, shape[-1]), compute_uv=False)
    assert raw.max() / raw.min() > singular.max() / singular.min()


@pytest.mark.parametrize(
    ("schedule", "warmup", "rates"),
    [
        ("constant", 0.0, {0: 0.1, 50: 0.1, 100: 0.1}),
        ("cosine", 0.0, {0: 0.1, 50: 0.05, 100: 0.0}),
        ("warmup_cosine", 0.2, {0: 0.0, 10: 0.05, 20: 0.1, 60: 0.05, 100: 0.0}),
    ],
)
def test_the_learning_rate_follows_its_schedule(schedule, warmup, rates):
    recipe = Recipe(epochs=1, learning_rate=0.1, schedule=schedule, warmup=warmup)
    made = optimizer_for(recipe, 100)
    for step, rate in rates.items():
        made.iterations.assign(step)
        assert float(made.learning_rate) == pytest.approx(rate, abs=1e-6)


def test_the_new_head_has_a_rate_of_its_own_then_all_layers_the_recipes():
    recipe = Recipe(
        epochs=5, learning_rate=0.1, schedule="cosine", head_epochs=2, head_learning_rate=0.03
    )
    head, rest = Phase(0, 2, True).optimizer(recipe, 10), Phase(2, 5, False).optimizer(recipe, 10)
    for step in (0, 19):
        head.iterations.assign(step)
        assert float(head.learning_rate) == pytest.approx(0.03)
    for step, rate in ((0, 0.1), (15, 0.05), (30, 0.0)):  # of the three epochs that it has
        rest.iterations.assign(step)
        assert float(rest.learning_rate) == pytest.approx(rate, abs=1e-6)


def test_trained_weights_are_changed_slowly_and_a_frozen_start_not_at_all():
    def rates(freeze, epochs=10, **changes):
        plain = Recipe(epochs=epochs, learning_rate=0.01)
        recipe = finetuning.finetuning_recipe(plain, changes, freeze=freeze, head=True)
        return recipe.learning_rate, recipe.head_learning_rate, recipe.head_epochs

    assert rates(False) == pytest.approx((0.3 * 0.01, 0.01, 2))
    for epochs, alone in ((1, 0), (2, 1), (11, 2)):  # of the last layer
        assert rates(False, epochs)[2] == alone
    assert rates(False, learning_rate=0.5)[0] == 0.5
    assert rates(True)[1:] == (0.01, 10)
    assert rates(True, learning_rate=0.5)[1] == 0.5


def test_every_augmentation_is_a_layer_that_moves_images_in_training_only():
    model, turn = kerazoo.build("mnist_cnn_small"), pytest.approx((-0.1, 0.1))
    recipe = Recipe(
        epochs=1, augment_flip=True, augment_rotate=36.0, augment_zoom=0.2, augment_shift=0.1,
        augment_interpolation="nearest", augment_erase=0.5,
    )  # fmt: skip
    assert recipe.without_augmentation() == Recipe(epochs=1, augment_interpolation="nearest")
    net = with_augmentation(model, recipe)
    tenth, fill = pytest.approx(0.1), {"fill_mode": "constant", "interpolation": "nearest"}
    for name, wanted in (
        ("flip", {"mode": "horizontal"}),
        ("rotate", {"factor": turn, **fill}),
        ("zoom", {"height_factor": pytest.approx(0.2), "width_factor": None, **fill}),
        ("shift", {"height_factor": tenth, "width_factor": tenth, **fill}),
        ("erase", {"factor": (0.5, 0.5), "fill_value": 0.0}),
    ):
        config = net.get_layer(name).get_config()
        assert {option: config[option] for option in wanted} == wanted
    x = kerazoo.load_data("digits").train.x[:8].astype("float32")
    plain = model(x, training=False)
    np.testing.assert_array_equal(net(x, training=False), plain)
    assert np.abs(np.asarray(net(x, training=True)) - np.asarray(plain)).max() > 1e-4
    same = with_augmentation(model, Recipe(epochs=1))
    assert same is not model and same.trainable_variables[0] is model.trainable_variables[0]
