"""The protocol's promises about a training: what it sees, when it ends, what its recipe does."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.evidence import reference as evidence
from kerazoo.finetuning import finetune as finetuning
from kerazoo.spec import Recipe, Split
from kerazoo.tasks._scores import Scores
from kerazoo.training import loop
from kerazoo.training import train as trainer
from kerazoo.training.augmentation import with_augmentation
from kerazoo.training.optimizer import Phase, optimizer_for
from kerazoo.training.train import Job

FEW = {"epochs": 2, "progress": False}


def nonsense(split: Split) -> Split:
    """As many examples, of noise, with another's targets."""
    random = np.random.RandomState(0)
    x = random.uniform(0, 255, split.x.shape).astype(split.x.dtype)
    return Split(x, random.permutation(split.y))


@pytest.mark.parametrize(
    ("name", "settings"),
    [("bar_net@bars", {"balance": True}), ("linear_regression@diabetes", {})],
)
def test_the_test_split_has_no_say_in_the_training(
    name, settings, private_zoo, in_tmp, monkeypatch
):
    honest = kerazoo.train(name, settings=settings, out="honest", **FEW)
    load_for = trainer.load_for

    def replaced(*asked):
        data = load_for(*asked)
        return dataclasses.replace(data, test=nonsense(data.test))

    monkeypatch.setattr(trainer, "load_for", replaced)
    other = kerazoo.train(name, settings=settings, out="other", **FEW)
    assert other.history == honest.history
    assert other.metrics["weights_sha256"] == honest.metrics["weights_sha256"]
    assert other.metrics["value"] != honest.metrics["value"], "it is what is measured on"


def test_to_validate_nothing_of_the_test_split_is_needed(private_zoo, in_tmp, monkeypatch):
    class Unread:
        def __getattr__(self, name):
            raise AssertionError(f"the test split was read: {name}")

    load_for = trainer.load_for
    monkeypatch.setattr(
        trainer, "load_for", lambda *asked: dataclasses.replace(load_for(*asked), test=Unread())
    )
    assert kerazoo.train("bar_net", validate=True, out="run", **FEW).metrics["value"] > 0
    with pytest.raises(AssertionError, match="was read"):
        kerazoo.train("bar_net", out="other", **FEW)


def test_the_last_epoch_is_reported_also_where_it_is_the_worst(private_zoo, in_tmp, monkeypatch):
    end = loop.Epochs.on_epoch_end

    def spoils(self, epoch, logs):
        if epoch == 1:
            for weight in self.job.model.layers[-1].trainable_variables:
                weight.assign(0 * weight)
        end(self, epoch, logs)

    monkeypatch.setattr(loop.Epochs, "on_epoch_end", spoils)
    done = kerazoo.train("bar_net", out="run", **FEW)
    assert done.history[0]["val_accuracy"] > 0.5
    y = kerazoo.load_data("bars").test.y
    assert done.metrics["value"] == (y == 0).mean(), (
        "all outputs are alike, and argmax is the first"
    )
    saved = keras.saving.load_model("run/model.keras")
    assert not any(np.any(w) for w in saved.layers[-1].get_weights())


@pytest.mark.parametrize(
    ("recipe", "kind", "wanted"),
    [
        (
            Recipe(epochs=1, optimizer="sgd", momentum=0.9, nesterov=True, weight_decay=1e-3),
            "SGD",
            {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-3, "global_clipnorm": None},
        ),
        (
            Recipe(epochs=1, optimizer="adam", beta_1=0.5, clip_norm=2.0),
            "Adam",
            {"beta_1": 0.5, "beta_2": 0.999, "global_clipnorm": 2.0, "weight_decay": None},
        ),
        (
            Recipe(epochs=1, optimizer="adamw", beta_1=0.8, weight_decay=0.05, clip_norm=1.0),
            "AdamW",
            {"beta_1": 0.8, "weight_decay": 0.05, "global_clipnorm": 1.0},
        ),
    ],
)
def test_the_optimizer_is_the_recipes(recipe, kind, wanted):
    made = optimizer_for(recipe, 100)
    assert type(made).__name__ == kind
    config = made.get_config()
    assert {name: config[name] for name in wanted} == pytest.approx(wanted)


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
    plain = Recipe(epochs=10, learning_rate=0.01)

    def recipe(freeze=False, **changes):
        return finetuning.finetuning_recipe(plain, changes, freeze=freeze, generation=False)

    both = recipe()
    assert both.learning_rate == pytest.approx(0.3 * 0.01) and both.head_learning_rate == 0.01
    assert both.head_epochs == 2
    assert recipe(learning_rate=0.5).learning_rate == 0.5
    frozen = recipe(freeze=True)
    assert frozen.head_epochs == frozen.epochs == 10 and frozen.head_learning_rate == 0.01
    assert recipe(freeze=True, learning_rate=0.5).head_learning_rate == 0.5


def test_every_augmentation_of_a_recipe_is_a_layer_of_its_own():
    recipe = Recipe(
        epochs=1, augment_flip=True, augment_rotate=36.0, augment_zoom=0.2, augment_shift=0.1,
        augment_interpolation="nearest",
    )  # fmt: skip
    net = with_augmentation(kerazoo.build("mnist_cnn_small"), recipe)
    layers = {layer.name: layer for layer in net.layers}
    assert layers["flip"].get_config()["mode"] == "horizontal"
    turned, zoomed, moved = (layers[name].get_config() for name in ("rotate", "zoom", "shift"))
    assert turned["factor"] == pytest.approx((-0.1, 0.1))
    assert zoomed["height_factor"] == pytest.approx(0.2) and zoomed["width_factor"] is None
    assert moved["height_factor"] == moved["width_factor"] == pytest.approx(0.1)
    for config in (turned, zoomed, moved):
        assert (config["fill_mode"], config["interpolation"]) == ("constant", "nearest")


def test_classes_are_weighed_alike_where_the_recipe_says_so(private_zoo):
    entry = registry.get_entry("bar_net")
    y = np.array([0] * 10 + [1] * 30 + [2] * 60)
    split = Split(np.zeros((100, 8, 8, 1), np.uint8), y)
    for balance in (True, False):
        recipe = entry.recipe.replace(balance=balance)
        data, model = kerazoo.load_data("bars"), kerazoo.build("bar_net")
        job = Job(entry=entry, recipe=recipe, data=data, model=model, seed=0)
        weights = loop.fit_options(job, split).get("class_weight")
        if balance:
            assert [weights[c] * n for c, n in ((0, 10), (1, 30), (2, 60))] == pytest.approx(
                [100 / 3] * 3
            )
        else:
            assert weights is None


def test_logits_become_probabilities():
    model = kerazoo.build("mlp", hidden=(), classifier_activation=None)
    x = np.random.RandomState(0).randint(0, 256, (5, 28, 28, 1)).astype("uint8")
    said = registry.get_task("classification").postprocess(model, model.predict_on_batch(x))
    logits = np.asarray(model(x), np.float64)
    wanted = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(said, wanted, rtol=1e-4)


def test_a_row_of_the_confusion_matrix_is_the_truth():
    said = np.eye(3, dtype="float32")[[1, 1, 2]]
    counts = Scores(said, np.array([0, 1, 1])).confusion
    assert counts.tolist() == [[0, 1, 0], [0, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize("name", registry.list_entries())
def test_the_bundled_weights_are_those_of_the_first_seed(name):
    recorded = evidence.read(registry.get_entry(name))
    if recorded.weights is None:
        assert not recorded.tiers.get("full")
        return
    assert recorded.weights.seed == min(r.seed for r in recorded.tiers["full"].runs)


def test_a_classifier_is_measured_on_the_test_split_alone():
    entry = registry.get_entry("mlp@digits")
    data = kerazoo.load_data("digits")
    few = Split(data.test.x[:7], data.test.y[:7])
    data = dataclasses.replace(data, train=None, validation=None, test=few)
    outcome = registry.task_of(entry).evaluate(kerazoo.build("mlp", weights="digits"), data)
    assert outcome.examples == 7
