"""What a recipe says of itself to a reader."""

from __future__ import annotations

import dataclasses

import keras
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.evidence import card
from kerazoo.spec import TIERS, Recipe

ALWAYS = ["epochs", "batch_size", "optimizer", "learning_rate", "schedule"]


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({}, ["beta_1"]),
        ({"optimizer": "sgd", "nesterov": True}, []),
        ({"optimizer": "sgd", "nesterov": True, "momentum": 0.9}, ["momentum", "nesterov"]),
        ({"schedule": "warmup_cosine", "warmup": 0.1}, ["warmup", "beta_1"]),
        ({"augment_interpolation": "nearest"}, ["beta_1"]),
        ({"optimizer": "muon", "momentum": 0.9}, ["momentum"]),
        ({"augment_zoom": 0.1}, ["beta_1", "augment_zoom", "augment_interpolation"]),
        ({"augment_erase": 0.1}, ["beta_1", "augment_erase"]),
        ({"clip_norm": 1.0, "balance": True}, ["beta_1", "clip_norm", "balance"]),
    ],
)
def test_fields_in_play(changes, more):
    recipe = Recipe(epochs=3, **changes)
    in_play = recipe.in_use()
    assert set(in_play) == {*ALWAYS, *more, "train_on"}
    assert in_play == {name: getattr(recipe, name) for name in in_play}
    order = [f.name for f in dataclasses.fields(Recipe)]
    assert list(in_play) == sorted(in_play, key=order.index)


def test_fields_of_head_epochs_in_play():
    first = Recipe(epochs=3, head_epochs=1).in_use()
    assert {"head_epochs", "head_learning_rate", "learning_rate", "schedule"} <= set(first)
    only = Recipe(epochs=3, head_epochs=3, schedule="warmup_cosine", warmup=0.1).in_use()
    assert only["head_learning_rate"] == 1e-3
    assert not {"learning_rate", "schedule", "warmup"} & set(only), "the whole network never trains"


@pytest.mark.parametrize("name", registry.list_entries())
def test_rows_of_both_tiers_are_the_fields_that_one_uses(name):
    entry = registry.get_entry(name)
    rows = list(card.recipe_table(entry).rows)
    built = [(f"model: {option}", str(v), str(v)) for option, v in entry.options.items()]
    assert rows[: len(built)] == built
    in_play = [entry.recipe_for(tier).in_use() for tier in TIERS]
    fields = [row[0] for row in rows[len(built) :]]
    assert fields == [f for f in vars(entry.recipe) if any(f in used for used in in_play)]
    for field, *values in rows[len(built) :]:
        assert values == [str(used.get(field, "–")) for used in in_play]
        assert set(values) != {"–"}


def test_splits_are_what_keras_fits():
    data = kerazoo.load_data("digits")
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = data.train
    few = type(data.train)(x[:64], y[:64])
    done = model.fit(*few, validation_data=data.validation, verbose=0)
    assert set(done.history) == {"loss", "val_loss"} and few.examples == 64
    assert len(repr(data.train).splitlines()) == 1 and str(x.shape) in repr(data.train)


def test_splits_are_arrays_for_a_reader():
    x, y = split = kerazoo.load_data("digits").validation
    assert kerazoo.from_arrays(split).data.sha256 == kerazoo.from_arrays((x, y)).data.sha256
