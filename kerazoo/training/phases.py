"""The phases of a training: the new head alone, then the whole network."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerazoo.composite import networks_of
from kerazoo.recipe import Recipe
from kerazoo.training.objective import optimizer_for

if TYPE_CHECKING:
    import keras
    from keras import Optimizer


@dataclass(frozen=True)
class Phase:
    """Epochs that share one optimizer.

    Attributes:
        start: the first epoch, from 0.
        end: the epoch after the last one.
        head_only: whether only the new last layers train.
    """

    start: int
    end: int
    head_only: bool

    def optimizer(self, recipe: Recipe, steps: int) -> Optimizer:
        """A fresh optimizer for the phase, ``steps`` being those of one epoch."""
        if self.head_only:
            recipe = recipe.replace(
                learning_rate=recipe.head_learning_rate, schedule="constant", warmup=0.0
            )
        return optimizer_for(recipe, steps * (self.end - self.start))


def phases(recipe: Recipe) -> list[Phase]:
    """One phase, or two where the recipe has head epochs; one of head epochs alone is frozen."""
    borders = [Phase(0, recipe.head_epochs, True), Phase(recipe.head_epochs, recipe.epochs, False)]
    return [phase for phase in borders if phase.end > phase.start]


def set_trainable(model: keras.Model, trainable: bool, but: Collection[str] = ()) -> None:
    """Freeze or free every layer; those named in ``but`` are always free."""
    for network in networks_of(model).values():
        network.trainable = True
        for layer in network.layers:
            layer.trainable = trainable or layer.name in but
