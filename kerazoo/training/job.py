"""A job: everything that decides one training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kerazoo.spec import Data, Entry, Recipe

if TYPE_CHECKING:
    import keras


def as_trained(model: keras.Model) -> keras.Model:
    """The model itself."""
    return model


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training: of what, on what, how.

    Attributes:
        entry: names the training and says its task; need not be registered.
        recipe: the settings.
        data: the three splits.
        model: with the weights to start from.
        seed: of order, dropout and augmentation.
        tier: ``full`` or ``smoke``.
        head: names of the layers that train in the recipe's ``head_epochs``.
        delivered: makes the model that is saved from the one that was trained, such as one that
            takes natural units; both share their weights.
        engine: ``auto`` or ``plain``, see :mod:`kerazoo.training.engine`.
        about: what else ``config.json`` says of the run.
        left_out: the files that the data lacks because they cannot be read, and why.
    """

    entry: Entry
    recipe: Recipe
    data: Data
    model: keras.Model
    seed: int
    tier: str = "full"
    head: tuple[str, ...] = ()
    delivered: Callable[[keras.Model], keras.Model] = as_trained
    engine: str = "auto"
    about: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
