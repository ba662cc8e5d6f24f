"""Loss and optimizer of a training, derived so that they cannot contradict the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo._lazy import keras
from kerazoo.errors import KerazooError
from kerazoo.spec import Recipe

if TYPE_CHECKING:
    from keras import Loss, Optimizer


def loss_for(model: keras.Model) -> Loss:
    """The loss that belongs to the model's last activation.

    ``softmax`` takes probabilities, no activation takes logits: the well-known mistake of
    ``softmax`` with ``from_logits=True`` cannot be written.

    Raises:
        KerazooError: the last layer has another activation.
    """
    name = last_activation(model)
    if name == "softmax":
        return keras.losses.SparseCategoricalCrossentropy()
    if name == "linear":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    raise KerazooError(
        f"model {model.name!r} ends in activation {name!r}; a classifier ends in 'softmax' "
        "(probabilities) or 'linear' (logits)."
    )


def last_activation(model: keras.Model) -> str:
    """Name of the activation that a model's last layer applies.

    Raises:
        KerazooError: the last layer is of a kind that has none, such as Reshape, so what the
            model ends in cannot be told.
    """
    layer = model.layers[-1]
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    if not hasattr(layer, "activation"):
        raise KerazooError(
            f"model {model.name!r} ends in a {type(layer).__name__} layer; let it end in the layer "
            "that has the activation (Dense, Activation or Softmax)."
        )
    return keras.activations.serialize(layer.activation)


def optimizer_for(recipe: Recipe, steps: int) -> Optimizer:
    """The optimizer of a recipe for a training of ``steps`` steps in all."""
    rate = (
        keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
        if recipe.schedule == "cosine"
        else recipe.learning_rate
    )
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=recipe.momentum)
    if recipe.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
    return keras.optimizers.Adam(rate)
