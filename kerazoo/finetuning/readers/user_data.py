"""What reading a user's own data gives, and how it is split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import fingerprint, registry
from kerazoo.errors import KerazooError
from kerazoo.spec import Data, Dataset, Split

if TYPE_CHECKING:
    import keras
    import numpy as np

SPLIT_SEED = 0  # one split for every training seed, so that their figures compare
IMBALANCED = 3  # times as many examples, from which on classes are said to differ in size
TEST, VALIDATION = 0.2, 0.1  # of the examples, where the data does not come split


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How the user wants the data to be read; None leaves it to kerazoo.

    Attributes:
        target: of a table, text file or series: the column, or columns, to predict.
        text: of a text file: the column that holds the texts.
        time: of a series: the column that holds the dates.
        horizon: of a series: how many steps to forecast.
        lookback: of a series: how many past steps the model sees.
        task: of a table: ``classification`` or ``regression``.
        gaps: of a series: what to do about missing steps and values: ``refuse`` or
            ``interpolate``.
        split: of a series: how many steps are train, validation and test.
        size: of pictures: the height and width that they are brought to.
        invert: of pictures: exchange dark and light; ``auto``, ``yes`` or ``no``.
    """

    target: str | tuple[str, ...] | None = None
    text: str | None = None
    time: str | None = None
    horizon: int | None = None
    lookback: int | None = None
    task: str | None = None
    gaps: str = "refuse"
    split: tuple[int, int, int] | None = None
    size: int | None = None
    invert: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Own:
    """A user's data, as the trainer takes it, and what its owner should know.

    Attributes:
        data: the three splits and a description that is not in the registry.
        found: what was found and how it is treated, a line each.
        warnings: what may be wrong with it, a line each.
        left_out: the files that cannot be read, and why.
        treatment: what ``predict`` has to know to treat new inputs alike; JSON.
        options: the factory's arguments that follow from the data beside the task's.
        delivered: makes the model that is saved from the one that is trained.
        trained: finds the one that was trained in the one that was saved.
        test_given: the test split is what the user gave as such, not a part of the whole.
        extras: writes what else belongs into the run folder, given that and the model.
    """

    data: Data
    found: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    treatment: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    delivered: Callable[[keras.Model], keras.Model] = lambda model: model
    trained: Callable[[keras.Model], keras.Model] = lambda model: model
    test_given: bool = False
    extras: Callable[[Path, keras.Model], None] = lambda folder, model: None


def name_of(path: Path) -> str:
    """What a dataset from a file or folder is called: its name, without what names cannot hold."""
    stem = path.resolve().stem
    name = "".join(c if c.isalnum() else "_" for c in stem).strip("_")
    return name or "own_data"


def own_dataset(name: str, task: str, summary: str, **facts: Any) -> Dataset:
    """The description of a dataset that is in no registry."""

    def load() -> Mapping[str, Any]:
        raise KerazooError(f"dataset {name!r} is a user's own; it is not in the registry.")

    return Dataset(
        name=name,
        load=load,
        task=task,
        summary=summary,
        **{
            "labels": (),
            "metric": registry.get_task(task).metrics[0],
            "licence": "the user's own",
            "source": "the user's own",
            "offline": True,
            **facts,
        },
    )


def as_data(info: Dataset, splits: Mapping[str, Split]) -> Data:
    """The three splits with their description and fingerprint."""
    arrays = {f"{name}_{k}": v for name, s in splits.items() for k, v in (("x", s.x), ("y", s.y))}
    whole = fingerprint.of_arrays(arrays)
    return Data(splits["train"], splits["validation"], splits["test"], info, whole)


def shuffled_split(
    y: np.ndarray, *, stratify: bool, held_out: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Indices of train, validation and test, by a fixed seed: int64 arrays, sorted.

    Args:
        y: the target of each example.
        stratify: keep the classes' shares in every split, with one of each class at least.
        held_out: bool ``(n,)``: which examples are the test split; by default a fifth.
    """
    import numpy as np

    if held_out is not None:
        rest = np.flatnonzero(~held_out)
        parts_of_rest = shuffled_split(y[rest], stratify=stratify)
        train = np.sort(np.concatenate([parts_of_rest["train"], parts_of_rest["test"]]))
        return {
            "train": rest[train],
            "validation": rest[parts_of_rest["validation"]],
            "test": np.flatnonzero(held_out),
        }
    random = np.random.RandomState(SPLIT_SEED)
    parts: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
    groups = [np.flatnonzero(y == c) for c in np.unique(y)] if stratify else [np.arange(len(y))]
    for group in groups:
        order = group[random.permutation(len(group))]
        test, validation = (max(1, round(share * len(group))) for share in (TEST, VALIDATION))
        parts["test"].append(order[:test])
        parts["validation"].append(order[test : test + validation])
        parts["train"].append(order[test + validation :])
    return {name: np.sort(np.concatenate(p)) for name, p in parts.items()}


def notes_on_classes(counts: Mapping[str, int], what: str) -> list[str]:
    """A note where the classes differ much in size.

    Args:
        counts: examples of each class.
        what: what an example is called, in the plural.
    """
    large, small = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[large] < IMBALANCED * counts[small]:
        return []
    return [
        f"the classes differ in size: {large!r} has {counts[large] / counts[small]:.1f} times as "
        f"many {what} as {small!r}; --balance weighs them alike"
    ]


def notes_on_copies(data: Data, what: str) -> list[str]:
    """A note where examples of the test split occur in the training split too.

    Args:
        data: the splits.
        what: what an example is called, in the singular.
    """
    known = {digest(example) for example in data.train.x}
    n = sum(digest(example) in known for example in data.test.x)
    if not n:
        return []
    return [
        f"{n:,} {what}{'s' * (n > 1)} of the test split occur{'s' * (n == 1)} in the training "
        "split too; where they are copies, the test figure flatters"
    ]


def digest(example: Any) -> bytes:
    """What tells an example, an array or a text, from others, in 16 bytes: pictures are large."""
    content = example.encode() if isinstance(example, str) else example.tobytes()
    return hashlib.blake2b(content, digest_size=16).digest()


def take(x: np.ndarray, y: np.ndarray, indices: Mapping[str, np.ndarray]) -> dict[str, Split]:
    """The splits that indices choose."""
    return {name: Split(x[i], y[i]) for name, i in indices.items()}


def sizes_line(data: Data) -> str:
    """How many examples each split has."""
    parts = (("train", data.train), ("validation", data.validation), ("test", data.test))
    return ", ".join(f"{len(split):,} {name}" for name, split in parts)


def split_line(data: Data, *, stratified: bool, given: bool) -> str:
    """The sizes of the splits, and where they come from."""
    seed = f"by a fixed seed{', each class alike' * stratified}"
    return f"split: {sizes_line(data)} ({'test as given, the others ' * given}{seed})"


def inner_model(model: keras.Model) -> keras.Model:
    """The network that was trained, in a model that takes raw rows or natural units around it."""
    return next(layer for layer in model.layers if hasattr(layer, "layers"))


def listed(items: list[str], most: int = 5) -> str:
    """The first items, and how many more there are."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return "; ".join(items[:most]) + more
