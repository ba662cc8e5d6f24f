"""The words of kerazoo as typed data: Model, Dataset, Entry, Published, Data (Recipe: recipe.py).

Standard library only, so that everything that merely looks (``kerazoo list``) starts at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from kerazoo.errors import KerazooError, unknown
from kerazoo.recipe import Recipe

if TYPE_CHECKING:
    import keras
    import numpy as np

Tier = Literal["full", "smoke"]
Task = Literal["classification", "regression", "forecasting", "generation"]
TIERS: tuple[Tier, ...] = get_args(Tier)
MAIN_METRIC: dict[Task, str] = {
    "classification": "accuracy",
    "regression": "r2",
    "forecasting": "mse",
    "generation": "fd_pixels_pca64",
}
FORECAST_ERRORS = ("mse", "mae", "mse_natural", "mae_natural", "nrmse")
# By dataset: what is measured of generated pictures, and the entry whose bundled weights are the
# judge in whose features it is measured. mnist_cnn@mnist reads only five of six real pictures of
# `digits` right, so those have a judge of their own.
JUDGES: dict[str, tuple[str, str]] = {
    "mnist": ("fd_mnist_cnn_10k", "mnist_cnn@mnist"),
    "digits": ("fd_mnist_cnn_digits_10k", "mnist_cnn@digits"),
}


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
        task: where it is not the dataset's own (a generator trained on labelled pictures).
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
    task: Task | None = None
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
        metric: what references of its entries hold: of a series one of ``FORECAST_ERRORS``, of
            other tasks what their ``measure`` gives. It belongs to the dataset, so that the
            figures of all models on it can be compared.
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
    task: Task
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
        series: of a forecasting dataset, what it takes to go back to natural units.
    """

    train: Split
    validation: Split
    test: Split
    info: Dataset
    sha256: str
    series: Series | None = None


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether examples of this shape can be shown: height, width, one or three channels."""
    return len(shape) == 3 and shape[-1] in (1, 3)
