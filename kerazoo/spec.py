"""Recipe, Entry, Model, Dataset, Published, Data: the zoo as typed data.

Standard library only, so that ``kerazoo list`` starts at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from kerazoo._files import schema
from kerazoo._files.schema import limited
from kerazoo._lazy import keras, np
from kerazoo._parts import Part, Shown, Table, Text
from kerazoo.errors import KerazooError, unknown

OptimizerName = Literal["adam", "adamw", "muon", "sgd"]
ScheduleName = Literal["constant", "cosine", "warmup_cosine"]
InterpolationName = Literal["bilinear", "nearest"]
TrainingSplit = Literal["train", "train+validation"]
FIXED = (
    "Settings of the model or the dataset, such as the horizon of a series, belong to the entry "
    "(kerazoo finetune and kerazoo.build take others)."
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Training settings of one model on one dataset.

    The loss is no setting: it follows from the model's last activation, so that it cannot
    contradict it. A default of this class never changes: recorded evidence relies on it.

    Attributes:
        epochs: passes over the training data; the last one is reported.
        batch_size: examples per optimizer step; the last, smaller batch of an epoch is kept.
        optimizer: ``adam`` (Kingma & Ba 2015), ``adamw`` (Loshchilov & Hutter 2019), ``muon``
            (Jordan et al. 2024; for kernels of convolutions, else AdamW; Keras 3.13) or ``sgd``.
        learning_rate: peak learning rate.
        schedule: ``constant``; ``cosine`` from the peak to zero over all steps; or
            ``warmup_cosine``, which first rises linearly from zero over ``warmup`` of the steps.
        warmup: fraction of all steps; for ``warmup_cosine``.
        momentum: for ``muon`` and ``sgd``.
        nesterov: Nesterov's form of momentum; for ``sgd``.
        beta_1: decay of the first moment; for ``adam`` and ``adamw``.
        weight_decay: fraction of every weight that each step subtracts, times the learning rate
            (decoupled from the gradient); for ``adamw``, ``muon`` and ``sgd``.
        clip_norm: largest global norm of the gradient; None leaves it.
        augment_flip: mirror left and right at random.
        augment_shift: random translation, up to this fraction of height and width.
        augment_rotate: random rotation, up to this many degrees in either direction.
        augment_zoom: random zoom in or out, up to this fraction.
        augment_erase: probability that a rectangle of an image, whose sides are 14 to 50 % of the
            image's, is set to zero (random erasing, Zhong et al. 2020, arXiv:1708.04896).
        augment_interpolation: ``bilinear`` blurs a little; ``nearest`` keeps training images as
            sharp as test images.
        train_on: ``train`` alone, or ``train+validation`` once every choice is made.
        train_examples: number of training examples to use, the first ones; None uses all.
        lookback: past values that the model sees; for series. None means the dataset's.
        head_epochs: number of the first epochs that train the new last layers only, at the
            constant ``head_learning_rate``; then all layers train. For fine-tuning.
        head_learning_rate: learning rate of those epochs.
        balance: weight the examples so that all classes count the same; for classification.
    """

    epochs: int = limited(1, 100_000)
    batch_size: int = limited(1, 1_000_000, 128)
    optimizer: OptimizerName = "adam"
    learning_rate: float = limited(1e-12, 1e6, 1e-3)
    schedule: ScheduleName = "constant"
    warmup: float = limited(0.0, 0.9, 0.0)
    momentum: float = limited(0.0, 0.9999, 0.0, optimizers=("muon", "sgd"))
    nesterov: bool = field(default=False, metadata={"optimizers": ("sgd",)})
    beta_1: float = limited(0.0, 0.9999, 0.9, optimizers=("adam", "adamw"))
    weight_decay: float = limited(0.0, 100.0, 0.0, optimizers=("adamw", "muon", "sgd"))
    clip_norm: float | None = limited(1e-6, 1e6, None)
    augment_flip: bool = False
    augment_shift: float = limited(0.0, 0.9, 0.0)
    augment_rotate: float = limited(0.0, 180.0, 0.0)
    augment_zoom: float = limited(0.0, 0.9, 0.0)
    augment_erase: float = limited(0.0, 1.0, 0.0)
    augment_interpolation: InterpolationName = "bilinear"
    train_on: TrainingSplit = "train"
    train_examples: int | None = limited(1, math.inf, None)
    lookback: int | None = limited(1, 100_000, None)
    head_epochs: int = limited(0, 100_000, 0)
    head_learning_rate: float = limited(1e-12, 1e6, 1e-3)
    balance: bool = False

    def __post_init__(self) -> None:
        for f, hint in schema.fields_of(Recipe):
            value = getattr(self, f.name)
            if value is f.default:
                continue
            if isinstance(value, Real) and not isinstance(value, bool):  # NumPy's numbers too
                value = int(value) if isinstance(value, Integral) else float(value)
            try:
                value = schema.checked(value, hint, f.name, f.metadata)
            except schema.Unfit as error:
                raise KerazooError(f"recipe field {f.name}: {error.problem}.") from None
            object.__setattr__(self, f.name, value)
            owners = f.metadata.get("optimizers")
            if owners and value != f.default and self.optimizer not in owners:
                raise KerazooError(
                    f"recipe field {f.name} is for optimizer {' or '.join(owners)}, not "
                    f"{self.optimizer!r}."
                )
        if (self.warmup > 0) != (self.schedule == "warmup_cosine"):
            raise KerazooError(
                "recipe fields warmup (above 0) and schedule='warmup_cosine' go together."
            )
        if self.head_epochs > self.epochs:
            raise KerazooError(
                f"recipe field head_epochs is {self.head_epochs}; it must be at most epochs, "
                f"{self.epochs}."
            )

    @property
    def augments(self) -> bool:
        """Random changes of the training images are on."""
        return self != self.without_augmentation()

    def without_augmentation(self) -> Recipe:
        """This recipe, leaving training images as they are."""
        fields = [f for f in dataclasses.fields(self) if f.name.startswith("augment_")]
        off = {f.name: f.default for f in fields if f.name != "augment_interpolation"}
        return self.replace(**off)

    @property
    def optimizer_options(self) -> dict[str, Any]:
        """The fields that are declared for the optimizer, which have Keras's names."""
        fields = (f for f in dataclasses.fields(self) if "optimizers" in f.metadata)
        return {
            f.name: vars(self)[f.name] for f in fields if self.optimizer in f.metadata["optimizers"]
        }

    def in_use(self) -> dict[str, Any]:
        """The fields that affect the training run, in their order; for readers.

        Fields that are off (None, False or 0) or belong to something that is off are left out.
        """
        moves = self.augment_shift or self.augment_rotate or self.augment_zoom
        all_layers_train = self.head_epochs < self.epochs
        relevant = {
            "learning_rate": all_layers_train,
            "schedule": all_layers_train,
            "warmup": all_layers_train,
            "nesterov": self.momentum,
            "augment_interpolation": moves,
            "head_learning_rate": self.head_epochs,
        }
        for f in dataclasses.fields(self):
            if "optimizers" in f.metadata and f.name not in self.optimizer_options:
                relevant[f.name] = False
        return {
            name: value for name, value in vars(self).items() if value and relevant.get(name, True)
        }

    def replace(self, **changes: Any) -> Recipe:
        """This recipe with some fields changed; raises KerazooError for an unknown field."""
        for name in changes:
            if name not in vars(self):
                raise unknown("recipe field", name, vars(self), FIXED)
        return dataclasses.replace(self, **changes)


def parse_recipe_value(text: str) -> Any:
    """A value of a recipe as text (for ``--set NAME=TEXT``): None, a bool, a number or the text."""
    words: dict[str, bool | None] = {"none": None, "null": None, "": None}
    words |= {"true": True, "yes": True, "false": False, "no": False}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


Tier = Literal["full", "smoke"]
TIERS: tuple[Tier, ...] = get_args(Tier)


@dataclass(frozen=True, kw_only=True)
class Published:
    """A result published by others, shown apart from ours.

    Attributes:
        value: the result, in the unit of ``metric``.
        metric: name of the metric, for example ``accuracy``.
        source: paper and table, or project and file.
        conditions: epochs, number of runs and how the epoch was chosen, as far as they matter.
    """

    value: float
    metric: str
    source: str
    conditions: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model on a dataset, such as ``mnist_cnn@mnist``.

    Attributes:
        dataset: name of a registered dataset.
        recipe: the reference recipe (tier ``full``).
        smoke: recipe fields that differ in tier ``smoke``, which runs in about a minute.
        published: results of others for the same architecture and data.
        options: further arguments of the factory; the others follow from the data.
        seeds: number of runs that a reference needs; fewer for runs that take hours.
        task: name of the task if it differs from the dataset's (a generator of labeled images).
        judges: for generators: the entry whose trained classifier gives the features of the
            Fréchet distance, and perhaps another one for a second distance; without any the
            features come from the pixels.
        tolerance: distance from the reference's mean that a verdict allows, in the metric's unit;
            replaces the sampling noise of the test split if the right answer is known better.
        bundled: the weights come with the package; False where that would make it too large.
        test_exposure: choices that were made with a result on the test split in view; empty if
            all were made on validation.
        model: name of the model; filled in at registration.
    """

    dataset: str
    recipe: Recipe
    smoke: Mapping[str, Any] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    seeds: int = 5
    task: str | None = None
    judges: tuple[str, ...] = ()
    tolerance: float | None = None
    bundled: bool = True
    test_exposure: str = ""
    model: str = ""

    def __post_init__(self) -> None:
        self.recipe_for("smoke")  # a wrong field fails at registration, not at first use
        if self.tolerance is not None and not 0 <= self.tolerance < float("inf"):
            raise KerazooError(
                f"entry tolerance is {self.tolerance!r}; it must be a number of at least 0."
            )

    @property
    def name(self) -> str:
        """``model@dataset``."""
        return f"{self.model}@{self.dataset}"

    def recipe_for(self, tier: str) -> Recipe:
        """Recipe of a tier; raises KerazooError for an unknown tier."""
        if tier not in TIERS:
            raise unknown("tier", tier, TIERS)
        return self.recipe if tier == "full" else self.recipe.replace(**self.smoke)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A registered factory function and its entries.

    Attributes:
        name: the name in the registry, that of the factory function.
        factory: returns a fresh ``keras.Model``; its docstring is the documentation.
        summary: the first line of the docstring.
        citation: source of the architecture.
        entries: by dataset name, the main dataset first.
        evidence: directory of ``references/`` and ``weights/`` of its entries.
        prepare: computes weights from the training split before the first step; None: nothing.
    """

    name: str
    factory: Callable[..., keras.Model]
    summary: str
    citation: str
    entries: Mapping[str, Entry]
    evidence: Path
    prepare: Prepare | None = None

    @property
    def main(self) -> Entry:
        """Entry that the bare model name stands for."""
        return next(iter(self.entries.values()))


class Split(NamedTuple):
    """One split of a dataset: ``model.fit(*data.train, validation_data=data.validation)``.

    Attributes:
        x: inputs, in a fixed order.
        y: their targets.
    """

    x: np.ndarray
    y: np.ndarray

    @property
    def examples(self) -> int:
        """Number of examples; ``len`` gives 2, as of every pair."""
        return len(self.x)

    def __repr__(self) -> str:
        return f"Split(x: {_kind(self.x)}, y: {_kind(self.y)})"


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype} {array.shape}"


# By split: a pair ``(x, y)`` of arrays, or the values of a series.
Splits = Mapping[str, Any]
Loader = Callable[[], Splits]
Prepare = Callable[[Any, Split], None]  # of a fresh keras.Model


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Windows of a series: lookback, horizon and the step between them.

    Attributes:
        lookback: past values that the model sees, unless the recipe says otherwise.
        horizon: number of values to forecast.
        lead: steps from the last value of the lookback to the first forecast.
        season: period of the seasonal-repeat baseline, in steps; None if there is none.
        targets: indices of the forecast columns; None means all.
        step: unit of one step for axes and tables, such as ``"hour"``.
        first: date of the whole series' first step; empty without dates.
        freq: distance of the steps for pandas, such as ``"h"``; empty without dates.
    """

    lookback: int
    horizon: int
    lead: int = 1
    season: int | None = None
    targets: tuple[int, ...] | None = None
    step: str = "step"
    first: str = ""
    freq: str = ""


@dataclass(frozen=True)
class Series:
    """The series behind the windows of a forecasting dataset.

    Attributes:
        windows: lookback, horizon and lead that were used.
        mean: of each column over the training split, in natural units, float64 ``(columns,)``.
        std: standard deviation of each column, likewise.
        starts: index in the whole series of each window's first target, for each split.
        names: of several series in one dataset, in the order of the windows; empty for one. Then
            ``mean`` and ``std`` are ``(series, columns)``.
        of: of several series: index of each window's, for each split.
    """

    windows: Windows
    mean: np.ndarray
    std: np.ndarray
    starts: Mapping[str, np.ndarray]
    names: tuple[str, ...] = ()
    of: Mapping[str, np.ndarray] = field(default_factory=dict)

    def scale(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, to broadcast with test windows ``(n, steps, columns)``."""
        if not self.names:
            return self.mean, self.std
        of = self.of["test"]
        return self.mean[of][:, None], self.std[of][:, None]

    @property
    def overall(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation ``(columns,)``, of several series their means."""
        if not self.names:
            return self.mean, self.std
        return self.mean.mean(axis=0), self.std.mean(axis=0)

    def with_test(self, rows: Any, split: str = "test") -> Series:
        """The same with some windows of a split as the test split."""
        of = {**self.of, "test": self.of[split][rows]} if self.names else self.of
        starts = {**self.starts, "test": self.starts[split][rows]}
        return dataclasses.replace(self, starts=starts, of=of)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A registered loader, and the description of its data.

    Attributes:
        name: the name in the registry.
        load: returns ``{"train": …, "validation": …, "test": …}``, always the same in the same
            order: pairs ``(x, y)`` of NumPy arrays, or the values ``(n, columns)`` of a series.
        task: name of the task.
        summary: one line: what it is and how large.
        input_shape: shape of one example, channels last; for a series it follows from ``windows``.
        labels: name of each class, in the order of the integer labels.
        columns: name (and unit) of each input column of a table or series.
        targets: name (and unit) of each output of regression or forecasting.
        metric: main metric, one of the task's ``metrics``. It belongs to the dataset, so that the
            results of all models on it can be compared.
        license: terms of use of the data.
        source: origin of the data and its citation.
        offline: it loads without network or preparation.
        sha256: fingerprint of the content; None for a dataset that is not pinned, which is
            loaded from its source each time and never cached.
        measured_on: the copy that the fingerprint and our results belong to, if there are others;
            another copy then loads with a warning. Empty: only this content is accepted.
        light_on_dark: images show light strokes on a dark background, so that images of dark ink
            are inverted.
        windows: lookback and horizon of a series.
        vocabulary: file with one token of a text per line, in the order of their ids.
        fewest_words: smallest number of known words in a training text; a prediction on a text with
            fewer gets a note.
        by_class: evaluate each class too. The references of registered datasets lack that.
    """

    name: str
    load: Loader
    summary: str
    license: str
    source: str
    offline: bool
    task: str = "classification"
    input_shape: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    metric: str = ""
    sha256: str | None = None
    measured_on: str = ""
    light_on_dark: bool = False
    windows: Windows | None = None
    vocabulary: Path | None = None
    fewest_words: int = 0
    by_class: bool = False

    def __post_init__(self) -> None:
        for name in ("input_shape", "labels", "columns", "targets"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.windows and not self.input_shape:
            shape = (self.windows.lookback, len(self.columns))
            object.__setattr__(self, "input_shape", shape)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.labels)


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Decision threshold of a classifier for two classes, as ``metrics.json`` has it.

    Attributes:
        positive: name of the positive class.
        column: index of the positive class.
        rule: as the user gave it: ``f1``, ``recall=0.9`` or a probability.
        value: probability from which on the positive class is predicted; None until it is chosen.
        validation_examples: that it was chosen on; 0 for a given probability.
        validation_positives: examples of the positive class among them.
    """

    positive: str
    column: int = limited(0, 1)
    rule: str
    value: float | None = limited(0, 1, None)
    validation_examples: int = limited(0, 2**63, 0)
    validation_positives: int = limited(0, 2**63, 0)

    def __str__(self) -> str:
        how = "as given"
        if self.validation_examples:
            how = (
                f"{self.rule} on {self.validation_examples:,} validation examples, "
                f"{self.validation_positives:,} of them {self.positive!r}"
            )
        return f"{self.positive!r} is predicted from a probability of {self.value:.3g} on ({how})"


@dataclass(frozen=True, repr=False)
class Data(Shown):
    """A loaded dataset: three splits of NumPy arrays and the dataset's description.

    Attributes:
        train: training split.
        validation: carved from the original training data by a fixed seed; serves every choice.
        test: read once, at the end.
        info: the description.
        sha256: fingerprint of the content.
        series: for forecasting: what converts values back to natural units.
        judges: for generators: see :class:`Entry`.
        threshold: for a classifier for two classes that has one.
    """

    train: Split
    validation: Split
    test: Split
    info: Dataset
    sha256: str
    series: Series | None = None
    judges: tuple[str, ...] = ()
    threshold: Threshold | None = None

    @property
    def sizes(self) -> str:
        """Number of examples of each split, for readers."""
        return ", ".join(f"{split.examples:,} {name}" for name, split in self._splits().items())

    def _splits(self) -> dict[str, Split]:
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def _line(self) -> str:
        return f"{self.info.name}: {self.sizes}"

    def _parts(self) -> list[Part]:
        rows = [(n, f"{s.examples:,}", *map(_kind, s)) for n, s in self._splits().items()]
        return [Table(("split", "examples", "x", "y"), rows, [1]), Text(self.info.summary)]

    def training_split(self, recipe: Recipe) -> Split:
        """The examples that a recipe trains on."""
        split = self.train
        if recipe.train_on == "train+validation":
            pairs = zip(self.train, self.validation, strict=True)
            split = Split(*(np.concatenate(pair) for pair in pairs))
        return Split(split.x[: recipe.train_examples], split.y[: recipe.train_examples])

    def on_validation(self) -> Data:
        """The same data with the validation split in place of the test split."""
        series = self.series and self.series.with_test(slice(None), "validation")
        return dataclasses.replace(self, test=self.validation, series=series)

    def with_test(self, rows: Any) -> Data:
        """The same data with some rows of the test split."""
        test = Split(self.test.x[rows], self.test.y[rows])
        series = self.series and self.series.with_test(rows)
        return dataclasses.replace(self, test=test, series=series)


def is_image(shape: tuple[int, ...]) -> bool:
    """True for height, width and one or three channels."""
    return len(shape) == 3 and shape[-1] in (1, 3)


def networks_of(model: keras.Model) -> dict[str, keras.Model]:
    """The functional models that a model consists of: one named ``model`` for most.

    A model of several networks, such as a GAN, has a property ``networks``. Each network is saved,
    described and fingerprinted by itself, so that plain Keras opens it without kerazoo.
    """
    return getattr(model, "networks", None) or {"model": model}
