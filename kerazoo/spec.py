"""The words of kerazoo as typed data: Recipe, Entry, Model, Dataset, Published, Data.

Standard library only, so that everything that merely looks (``kerazoo list``) starts at once.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from kerazoo.errors import KerazooError, unknown

if TYPE_CHECKING:
    import keras
    import numpy as np

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


Tier = Literal["full", "smoke"]
TIERS: tuple[Tier, ...] = get_args(Tier)


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
        smoke: the recipe fields that differ in tier ``smoke``, which runs in about a minute.
        published: figures from elsewhere for the same architecture and data.
        options: the factory's arguments for this dataset beside those that follow from the data.
        seeds: how many runs a reference needs: 5, fewer where they take long; what is shown of a
            reference always says how many it has.
        task: name of the task if it differs from the dataset's (a generator of labeled images).
        judge: for generators: the entry whose trained classifier gives the features of the
            Fréchet distance; without one the features come from the pixels.
        tolerance: how far below the reference's mean (or above, where less is better) a verdict may
            lie, in the metric's unit; instead of the sampling noise of the test split, where the
            right answer is known better than that.
        not_blind: what about the recipe was decided with a figure of the test split in view; empty
            where everything was decided on validation.
        unmeasured: why there is no reference; empty for an entry that has one.
        model: name of the model; filled in at registration.
    """

    dataset: str
    recipe: Recipe
    smoke: Mapping[str, Any] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    seeds: int = 5
    task: str | None = None
    judge: str = ""
    tolerance: float | None = None
    not_blind: str = ""
    unmeasured: str = ""
    model: str = ""

    def __post_init__(self) -> None:
        self.recipe_for("smoke")  # a wrong field is said at registration, not at first use
        if self.tolerance is not None and not 0 <= self.tolerance < float("inf"):
            raise KerazooError(f"entry tolerance is {self.tolerance!r}; give a number from 0 up.")

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
        summary: the first line of the docstring.
        citation: where the architecture comes from.
        entries: by dataset name, the main dataset first.
        evidence: the folder that holds ``references/`` and ``weights/`` of its entries.
    """

    name: str
    factory: Callable[..., keras.Model]
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


Loader = Callable[[], "Mapping[str, Any]"]


@dataclass(frozen=True, kw_only=True)
class Windows:
    """How a series becomes examples: what a model sees of it, and what it has to say.

    Attributes:
        lookback: how many past values it sees, unless the recipe says otherwise.
        horizon: how many values it forecasts.
        lead: steps from the last value seen to the first forecast; 1 is the very next.
        season: period of the seasonal-repeat baseline, in steps; None if there is none.
        targets: indices of the forecast columns; None means all.
        step: what one step is, for axes and tables, such as ``"hour"``.
    """

    lookback: int
    horizon: int
    lead: int = 1
    season: int | None = None
    targets: tuple[int, ...] | None = None
    step: str = "step"


@dataclass(frozen=True)
class Series:
    """The series behind the windows of a forecasting dataset.

    Attributes:
        windows: look-back, horizon and lead that were used.
        mean: of each column over the training split, in natural units, float64 ``(columns,)``.
        std: likewise.
        starts: for each split, the place in the whole series of each window's first target.
    """

    windows: Windows
    mean: np.ndarray
    std: np.ndarray
    starts: Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A registered loader, and what can be said of its data without loading it.

    Attributes:
        name: the name in the registry.
        load: returns ``{"train": …, "validation": …, "test": …}``, always the same in the same
            order: pairs ``(x, y)`` of NumPy arrays, or, of a series, its values ``(n, columns)``.
        task: what ``y`` means.
        summary: one line: what it is and how large.
        input_shape: shape of one example, channels last.
        labels: of classes: the name of each, in the order of the integer labels.
        columns: of a table or series: the name (and unit) of each input column.
        targets: of regression and forecasting: the name (and unit) of each output.
        metric: main metric, one of the task's ``metrics``. It belongs to the dataset, so that the
            results of all models on it can be compared.
        licence: of the data.
        source: where the data comes from and how to cite it.
        offline: whether it loads with no network and nothing prepared.
        sha256: fingerprint of the content; None for a dataset that is not pinned, which is
            loaded anew each time and never kept in the cache.
        measured_on: which copy the fingerprint and our figures are of, where there are others;
            another copy then loads too, with a warning. Empty: only this content is accepted.
        light_on_dark: pictures show light strokes on a dark ground (so that predictions on dark
            ink can be turned round).
        windows: of a series: how it becomes examples.
        vocabulary: of text: the file with one token per line, in the order of their ids.
        fewest_words: of text: how many words of the vocabulary any text of the training split holds
            at least; predictions on a text with fewer are noted as unsure.
    """

    name: str
    load: Loader
    task: str
    summary: str
    input_shape: tuple[int, ...]
    labels: tuple[str, ...]
    licence: str
    source: str
    offline: bool
    columns: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    metric: str = ""
    sha256: str | None = None
    measured_on: str = ""
    light_on_dark: bool = False
    windows: Windows | None = None
    vocabulary: Path | None = None
    fewest_words: int = 0

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
        series: for forecasting: what converts values back to natural units.
        judge: for generation: see :class:`Entry`.
    """

    train: Split
    validation: Split
    test: Split
    info: Dataset
    sha256: str
    series: Series | None = None
    judge: str = ""


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether examples of this shape can be shown: height, width, one or three channels."""
    return len(shape) == 3 and shape[-1] in (1, 3)


def networks_of(model: keras.Model) -> dict[str, keras.Model]:
    """The functional models that a model consists of; one named ``model`` for most."""
    return getattr(model, "networks", None) or {"model": model}
