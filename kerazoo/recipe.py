"""A recipe: the training settings of one model on one dataset, as plain typed data."""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_type_hints

from kerazoo.errors import KerazooError, unknown

OptimizerName = Literal["adam", "adamw", "sgd"]
ScheduleName = Literal["constant", "cosine", "warmup_cosine"]
InterpolationName = Literal["bilinear", "nearest"]
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
        schedule: ``constant``; ``cosine`` from the peak to zero over all steps; ``warmup_cosine``,
            which before that rises linearly from zero over the first ``warmup`` of the steps.
        warmup: of ``warmup_cosine`` only, a fraction of all steps.
        momentum: of ``sgd`` only (Nesterov's form with ``nesterov``).
        nesterov: of ``sgd`` only.
        beta_1: decay of the first moment, of ``adam`` and ``adamw`` only.
        weight_decay: of ``adamw`` and ``sgd``: each step takes away this fraction of every weight,
            times the learning rate (decoupled from the gradient).
        clip_norm: the gradient of all weights together is cut to this length; None leaves it.
        augment_flip: mirror left and right at random.
        augment_shift: random translation, up to this fraction of height and width.
        augment_rotate: random rotation, up to this many degrees either way.
        augment_zoom: random zoom in or out, up to this fraction.
        augment_interpolation: how pixels between pixels are made. ``bilinear`` blurs a little;
            ``nearest`` shifts by whole pixels, so that what is seen in training is as sharp as
            what is seen later.
        train_on: ``train`` alone, or ``train+validation`` once every choice is made.
        train_examples: use only the first so many training examples; None uses all.
        lookback: of series only: how many past values the model sees; None means the dataset's.
        head_epochs: the first so many of the epochs train the model's new last layers only, at
            the constant ``head_learning_rate``; then all of it, along the schedule. For
            fine-tuning.
        head_learning_rate: of those epochs.
        balance: of classification only: weigh each example so that all classes weigh the same.
    """

    epochs: int
    batch_size: int = 128
    optimizer: OptimizerName = "adam"
    learning_rate: float = 1e-3
    schedule: ScheduleName = "constant"
    warmup: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    beta_1: float = 0.9
    weight_decay: float = 0.0
    clip_norm: float | None = None
    augment_flip: bool = False
    augment_shift: float = 0.0
    augment_rotate: float = 0.0
    augment_zoom: float = 0.0
    augment_interpolation: InterpolationName = "bilinear"
    train_on: TrainingSplit = "train"
    train_examples: int | None = None
    lookback: int | None = None
    head_epochs: int = 0
    head_learning_rate: float = 1e-3
    balance: bool = False

    def __post_init__(self) -> None:
        hints = _hints()
        for f in dataclasses.fields(self):
            object.__setattr__(self, f.name, _checked(f.name, getattr(self, f.name), hints[f.name]))
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                bounds = f"between {low:g} and {high:g}" if high < math.inf else f"from {low:g} up"
                raise KerazooError(f"recipe field {name} is {value!r}; it must lie {bounds}.")
        for name, owners in _OPTIMIZER_FIELDS.items():
            changed = getattr(self, name) != Recipe.__dataclass_fields__[name].default
            if changed and self.optimizer not in owners:
                wanted = " or ".join(f"optimizer={o!r}" for o in owners)
                raise KerazooError(f"recipe field {name} is for {wanted}, not {self.optimizer!r}.")
        if (self.warmup > 0) != (self.schedule == "warmup_cosine"):
            raise KerazooError(
                "recipe fields warmup (above 0) and schedule='warmup_cosine' go together."
            )

        if self.head_epochs > self.epochs:
            raise KerazooError(
                f"recipe field head_epochs is {self.head_epochs}; of {self.epochs} epochs it can "
                "be at most all."
            )

    @property
    def augments(self) -> bool:
        """Whether training pictures are changed at random."""
        return any((self.augment_flip, self.augment_shift, self.augment_rotate, self.augment_zoom))

    def in_play(self) -> dict[str, Any]:
        """The fields that play a part in the training, in their order: for a reader.

        Left out is what is off (None, False or 0), and what belongs to something that this recipe
        does not do.
        """
        moves = self.augment_shift or self.augment_rotate or self.augment_zoom
        all_trains = self.head_epochs < self.epochs  # in some epochs at least
        belongs = {
            "learning_rate": all_trains,
            "schedule": all_trains,
            "warmup": all_trains,
            "nesterov": self.momentum,
            "beta_1": self.optimizer in _OPTIMIZER_FIELDS["beta_1"],
            "augment_interpolation": moves,
            "head_learning_rate": self.head_epochs,
        }
        return {
            name: value for name, value in vars(self).items() if value and belongs.get(name, True)
        }

    def replace(self, **changes: Any) -> Recipe:
        """This recipe with some fields changed; raises KerazooError for a field it has not."""
        names = [f.name for f in dataclasses.fields(self)]
        for name in changes:
            if name not in names:
                raise unknown("recipe field", name, names, FIXED)
        return dataclasses.replace(self, **changes)


_RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 100_000),
    "batch_size": (1, 1_000_000),
    "learning_rate": (1e-12, 1e6),
    "head_epochs": (0, 100_000),
    "head_learning_rate": (1e-12, 1e6),
    "warmup": (0.0, 0.9),
    "momentum": (0.0, 0.9999),
    "beta_1": (0.0, 0.9999),
    "clip_norm": (1e-6, 1e6),
    "weight_decay": (0.0, 100.0),
    "augment_shift": (0.0, 0.9),
    "augment_rotate": (0.0, 180.0),
    "augment_zoom": (0.0, 0.9),
    "train_examples": (1, math.inf),
    "lookback": (1, 100_000),
}
_OPTIMIZER_FIELDS: dict[str, tuple[str, ...]] = {
    "momentum": ("sgd",),
    "nesterov": ("sgd",),
    "beta_1": ("adam", "adamw"),
    "weight_decay": ("adamw", "sgd"),
}


FIXED = (
    "What belongs to the model or the dataset, such as the horizon of a series, is the entry's own "
    "(kerazoo finetune and kerazoo.build take others)."
)


def _checked(name: str, value: Any, hint: Any) -> Any:
    """The value as the type that the recipe field wants, or a KerazooError that says which."""
    wanted, optional = _kind_of(hint)
    if optional and value is None:
        return None
    if wanted is bool:
        if not isinstance(value, bool):
            raise KerazooError(f"recipe field {name} is {value!r}; it must be True or False.")
        return value
    if wanted is int:
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise KerazooError(f"recipe field {name} is {value!r}; it must be a whole number.")
        return int(value)
    if wanted is float:
        if isinstance(value, bool) or not isinstance(value, Real):
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


@functools.cache  # evaluating them took half of the time in which the registry fills
def _hints() -> dict[str, Any]:
    return get_type_hints(Recipe)


def _kind_of(hint: Any) -> tuple[Any, bool]:
    """The type that a field holds, and whether it may be None."""
    for kind in (int, float):
        if hint == (kind | None):
            return kind, True
    return hint, False


def parse_recipe_value(name: str, text: str) -> Any:
    """Read ``text`` as the type of the recipe field ``name`` (for ``--set NAME=TEXT``)."""
    hints = _hints()
    if name not in hints:
        raise unknown("recipe field", name, hints, FIXED)
    wanted, optional = _kind_of(hints[name])
    if optional and text.lower() in ("none", "null", ""):
        return None
    if wanted is bool and text.lower() in ("true", "yes", "1", "false", "no", "0"):
        return text.lower() in ("true", "yes", "1")
    try:
        if wanted in (int, float):
            return wanted(text)
    except ValueError:
        kind = "a number" if wanted is float else "a whole number"
        raise KerazooError(f"recipe field {name} is {text!r}; it must be {kind}.") from None
    return text
