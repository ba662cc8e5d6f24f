"""The words of kerazoo as typed data: Model, Dataset, Recipe, Entry, Published.

Standard library only, so that everything that merely looks (``kerazoo list``) starts at once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from kerazoo.errors import KerazooError, unknown

if TYPE_CHECKING:
    import keras
    import numpy as np

Tier = Literal["full", "smoke"]
Task = Literal["classification"]
TIERS: tuple[Tier, ...] = get_args(Tier)

OptimizerName = Literal["adam", "adamw", "sgd"]
ScheduleName = Literal["constant", "cosine"]
TrainingSplit = Literal["train", "train+validation"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The training settings of one model on one dataset.

    The loss does not stand here: it follows from the model's last activation, so that it cannot
    contradict it. A default of this class never changes: recorded evidence relies on it.

    Attributes:
        epochs: passes over the training data; the last one is reported.
        batch_size: examples per optimizer step; the last, smaller batch of an epoch is kept.
        optimizer: ``adam`` (Kingma & Ba 2015), ``adamw`` (Loshchilov & Hutter 2019) or ``sgd``.
        learning_rate: the peak learning rate.
        schedule: ``constant``, or ``cosine`` from the peak to zero over all steps.
        momentum: of ``sgd`` only.
        weight_decay: of ``adamw`` only, decoupled, per step.
        augment_shift: random translation, up to this fraction of height and width.
        augment_rotate: random rotation, up to this many degrees either way.
        augment_zoom: random zoom in or out, up to this fraction.
        train_on: ``train`` alone, or ``train+validation`` once every choice is made.
        train_examples: use only the first so many training examples; None uses all.
    """

    epochs: int
    batch_size: int = 128
    optimizer: OptimizerName = "adam"
    learning_rate: float = 1e-3
    schedule: ScheduleName = "constant"
    momentum: float = 0.0
    weight_decay: float = 0.0
    augment_shift: float = 0.0
    augment_rotate: float = 0.0
    augment_zoom: float = 0.0
    train_on: TrainingSplit = "train"
    train_examples: int | None = None

    def __post_init__(self) -> None:
        hints = get_type_hints(Recipe)
        for f in dataclasses.fields(self):
            object.__setattr__(self, f.name, _checked(f.name, getattr(self, f.name), hints[f.name]))
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise KerazooError(
                    f"recipe field {name} is {value!r}; it must lie between {low:g} and {high:g}."
                )
        if self.momentum and self.optimizer != "sgd":
            raise KerazooError(
                f"recipe field momentum is for optimizer='sgd', not {self.optimizer!r}."
            )
        if self.weight_decay and self.optimizer != "adamw":
            raise KerazooError(
                f"recipe field weight_decay is for optimizer='adamw', not {self.optimizer!r}."
            )

    @property
    def augments(self) -> bool:
        """Whether training pictures are changed at random."""
        return any((self.augment_shift, self.augment_rotate, self.augment_zoom))

    def replace(self, **changes: Any) -> Recipe:
        """This recipe with some fields changed; raises KerazooError for a field it has not."""
        names = [f.name for f in dataclasses.fields(self)]
        for name in changes:
            if name not in names:
                raise unknown("recipe field", name, names)
        return dataclasses.replace(self, **changes)


_RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 100_000),
    "batch_size": (1, 1_000_000),
    "learning_rate": (1e-12, 1e6),
    "momentum": (0.0, 0.9999),
    "weight_decay": (0.0, 100.0),
    "augment_shift": (0.0, 0.9),
    "augment_rotate": (0.0, 180.0),
    "augment_zoom": (0.0, 0.9),
    "train_examples": (1, math.inf),
}


def _checked(name: str, value: Any, hint: Any) -> Any:
    """The value as the type that the recipe field wants, or a KerazooError that says which."""
    if hint is int or hint == (int | None):
        if hint is not int and value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise KerazooError(f"recipe field {name} is {value!r}; it must be a whole number.")
        return value
    if hint is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise KerazooError(f"recipe field {name} is {value!r}; it must be a number.")
        if not math.isfinite(value):
            raise KerazooError(f"recipe field {name} is {value!r}; it must be finite.")
        return float(value)
    choices = get_args(hint)
    if value not in choices:
        raise KerazooError(
            f"recipe field {name} is {value!r}; choose one of {', '.join(map(repr, choices))}."
        )
    return value


def parse_recipe_value(name: str, text: str) -> Any:
    """Read ``text`` as the type of the recipe field ``name`` (for ``--set NAME=TEXT``)."""
    hints = get_type_hints(Recipe)
    if name not in hints:
        raise unknown("recipe field", name, hints)
    hint = hints[name]
    if hint == (int | None) and text.lower() in ("none", "null", ""):
        return None
    try:
        if hint is int or hint == (int | None):
            return int(text)
        if hint is float:
            return float(text)
    except ValueError:
        kind = "a number" if hint is float else "a whole number"
        raise KerazooError(f"recipe field {name} is {text!r}; it must be {kind}.") from None
    return text


@dataclass(frozen=True, kw_only=True)
class Published:
    """A figure of somebody else's, never mixed with ours.

    Attributes:
        value: the figure, in the unit of ``metric``.
        metric: what was measured, for example ``accuracy``.
        source: paper and table, or project and file.
        conditions: what matters for a comparison: epochs, number of runs, how the epoch was chosen.
    """

    value: float
    metric: str
    source: str
    conditions: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model on a dataset: what ``mnist_cnn@mnist`` names.

    Attributes:
        dataset: name of a registered dataset.
        recipe: the reference recipe (tier ``full``).
        smoke: the recipe fields that differ in tier ``smoke``, which runs in under a minute.
        published: figures from elsewhere for the same architecture and data.
        model: name of the model; filled in at registration.
    """

    dataset: str
    recipe: Recipe
    smoke: Mapping[str, Any] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    model: str = ""

    def __post_init__(self) -> None:
        self.recipe_for("smoke")  # a wrong field is said at registration, not at first use

    @property
    def name(self) -> str:
        """``model@dataset``."""
        return f"{self.model}@{self.dataset}"

    def recipe_for(self, tier: str) -> Recipe:
        """The recipe of a tier; raises KerazooError for a tier that there is not."""
        if tier not in TIERS:
            raise unknown("tier", tier, TIERS)
        return self.recipe if tier == "full" else self.recipe.replace(**self.smoke)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A registered factory function, what it is, and the entries that it trains on.

    Attributes:
        name: the name in the registry, that of the factory function.
        factory: returns a fresh ``keras.Model``; its docstring is the documentation.
        task: what the outputs mean.
        summary: the first line of the docstring.
        citation: where the architecture comes from.
        entries: by dataset name, the main dataset first.
        evidence: the folder that holds ``references/`` and ``weights/`` of its entries.
    """

    name: str
    factory: Callable[..., keras.Model]
    task: Task
    summary: str
    citation: str
    entries: Mapping[str, Entry]
    evidence: Path

    @property
    def main(self) -> Entry:
        """The entry that the bare model name stands for."""
        return next(iter(self.entries.values()))


@dataclass(frozen=True)
class Split:
    """One split of a dataset: ``x`` and ``y`` have the same length, in a fixed order."""

    x: np.ndarray
    y: np.ndarray

    def __iter__(self):
        return iter((self.x, self.y))

    def __len__(self) -> int:
        return len(self.x)


Loader = Callable[[], "Mapping[str, tuple[np.ndarray, np.ndarray]]"]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A registered loader, and what can be said of its data without loading it.

    Attributes:
        name: the name in the registry.
        load: returns ``{"train": (x, y), "validation": (x, y), "test": (x, y)}`` as NumPy arrays,
            always the same ones in the same order.
        task: what ``y`` means.
        summary: one line: what it is and how large.
        input_shape: shape of one example, channels last.
        labels: the name of each class, in the order of the integer labels.
        licence: of the data.
        source: where the data comes from and how to cite it.
        offline: whether it loads with no network and nothing prepared.
        sha256: fingerprint of the content; None for a dataset that is not pinned, which is
            loaded anew each time and never kept in the cache.
        light_on_dark: pictures show light strokes on a dark ground (so that predictions on dark
            ink can be turned round).
    """

    name: str
    load: Loader
    task: Task
    summary: str
    input_shape: tuple[int, ...]
    labels: tuple[str, ...]
    licence: str
    source: str
    offline: bool
    sha256: str | None = None
    light_on_dark: bool = False

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.labels)


@dataclass(frozen=True)
class Data:
    """A loaded dataset: three splits of NumPy arrays and the dataset's description.

    Attributes:
        train: training split.
        validation: carved from the original training data by a fixed seed; serves every choice.
        test: read once, at the end.
        info: the registered Dataset.
        sha256: fingerprint of the content.
    """

    train: Split
    validation: Split
    test: Split
    info: Dataset
    sha256: str
