"""The optimizer and the phases of a recipe; and the last activation, which decides the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import keras
from kerazoo.errors import KerazooError
from kerazoo.spec import Recipe

if TYPE_CHECKING:
    from keras import Optimizer


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
    options = recipe.optimizer_options
    if recipe.optimizer != "adamw":  # which refuses None
        options["weight_decay"] = recipe.weight_decay or None
    if recipe.optimizer == "muon":
        from kerazoo.training.muon import Muon

        kind: Any = Muon
    else:
        made = keras.optimizers
        kind = {"adam": made.Adam, "adamw": made.AdamW, "sgd": made.SGD}[recipe.optimizer]
    return kind(_learning_rate(recipe, steps), global_clipnorm=recipe.clip_norm, **options)


def _learning_rate(recipe: Recipe, steps: int) -> Any:
    """The learning rate, or its schedule over all steps."""
    if recipe.schedule == "constant":
        return recipe.learning_rate
    if recipe.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    rising = max(1, round(recipe.warmup * steps))
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - rising), warmup_target=recipe.learning_rate, warmup_steps=rising
    )


@dataclass(frozen=True)
class Phase:
    """Epochs that share one optimizer.

    Attributes:
        start: the first epoch, from 0.
        end: the epoch after the last one.
        head_only: train the new last layers alone.
    """

    start: int
    end: int
    head_only: bool

    def optimizer(self, recipe: Recipe, steps: int) -> Optimizer:
        """A new optimizer for the phase, with ``steps`` per epoch."""
        if self.head_only:
            recipe = recipe.replace(
                learning_rate=recipe.head_learning_rate, schedule="constant", warmup=0.0
            )
        return optimizer_for(recipe, steps * (self.end - self.start))


def phases(recipe: Recipe) -> list[Phase]:
    """The phase of the head epochs and that of the others, without empty ones."""
    borders = [Phase(0, recipe.head_epochs, True), Phase(recipe.head_epochs, recipe.epochs, False)]
    return [phase for phase in borders if phase.end > phase.start]
