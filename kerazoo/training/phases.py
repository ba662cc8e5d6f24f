"""The phases of a training: the new head alone, then the whole network."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerazoo.spec import Recipe, networks_of
from kerazoo.training.optimizer import optimizer_for

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


@contextmanager
def frozen_but(model: keras.Model, head: Collection[str], *, head_only: bool) -> Iterator[None]:
    """Within, no layer trains but those named in ``head``; does nothing unless ``head_only``."""
    if not head_only:
        yield
        return
    layers = [layer for net in networks_of(model).values() for layer in net.layers]
    before = [layer.trainable for layer in layers]
    for layer in layers:
        layer.trainable = layer.trainable and layer.name in head
    try:
        yield
    finally:
        for layer, trainable in zip(layers, before, strict=True):
            layer.trainable = trainable
