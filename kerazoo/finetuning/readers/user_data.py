"""User data as the trainer takes it, and what all readers share."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

from kerazoo import fingerprint, registry
from kerazoo._lazy import np, pd
from kerazoo._parts import Bullets, Part, Shown
from kerazoo.building import of_python
from kerazoo.errors import KerazooError, option, printable
from kerazoo.finetuning.readers._csv import NOT_GIVEN, CsvOptions, release_memory
from kerazoo.spec import Data, Dataset, Split

if TYPE_CHECKING:
    import keras

    from kerazoo.finetuning.readers.reading import Reading

Kind = Literal["images", "unlabeled_images", "table", "series", "texts"]
P = ParamSpec("P")

SPLIT_SEED = 0  # one split for every training seed, so that their results compare
IMBALANCED = 3  # ratio of class sizes from which on a warning is given
TEST, VALIDATION = 0.2, 0.1  # shares of the examples, where the data is not split already
# An example in the singular.
EXAMPLE = {"images": "image", "unlabeled_images": "image", "table": "row", "texts": "text"}
NOT_KEPT = ("test", "progress")  # arguments of readers that say nothing about how to read


@dataclass(frozen=True, kw_only=True, repr=False)
class UserData(Shown):
    """A user's data, read, split and ready to train on; ``print`` shows how it was read.

    Attributes:
        kind: kind of data.
        data: the three splits and a description that is not in the registry.
        report: what was found and how it was read, a line each.
        warnings: what may be wrong with the data, a line each.
        skipped: files that cannot be read, and why.
        names: of the examples of each split: the file below the directory, or the line (of data in
            memory the row plus 2, as if the names of the columns were line 1).
        identifiers: columns that may be such: rows that differ in nothing else are copies.
        reading: what ``predict`` must know to treat new inputs alike.
        factory_options: the model's options that follow from the data besides the task's.
        serving_model: makes the model that is saved from the network that is trained.
        extras: writes further files to a run directory, given that and the trained network.
        reader: the function that read the data.
        source: its positional arguments.
        test: the test data that was given, if any.
        options: its other arguments, as JSON has them.
    """

    kind: Kind
    data: Data
    report: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    names: Mapping[str, np.ndarray] = field(default_factory=dict)
    identifiers: tuple[str, ...] = ()
    reading: Reading
    factory_options: Mapping[str, Any] = field(default_factory=dict)
    serving_model: Callable[[keras.Model], keras.Model] = lambda model: model
    extras: Callable[[Path, keras.Model], None] = lambda directory, model: None
    reader: Callable[..., UserData] = lambda *_, **__: NotImplemented
    source: tuple[Any, ...] = ()
    test: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def _line(self) -> str:
        return f"{self.data.info.name}, {self.kind}: {self.data.sizes}"

    def _parts(self) -> list[Part]:
        return [Bullets(str(self).splitlines())]

    def __str__(self) -> str:
        lines = [*self.report, *(f"note: {line}" for line in self.warnings)]
        return "\n".join(map(printable, lines))

    def read_for(self, options: Mapping[str, Any]) -> UserData:
        """The same data with the options that follow from a model, where none were given."""
        known = options_of(self.reader)
        more = {k: v for k, v in options.items() if k in known and k not in self.options}
        if not more.keys() - NOT_KEPT:
            return self
        if self.test is not None:
            more["test"] = self.test
        return self.reader(*self.source, **self.options, **more)


READERS: dict[str, Callable[..., UserData]] = {}


def data_reader(function: Callable[P, UserData]) -> Callable[P, UserData]:
    """A reader whose result keeps its arguments, and whose unknown options are a KerazooError."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def read(*args: P.args, **options: P.kwargs) -> UserData:
        for name in options.keys() - {*options_of(function), *signature.parameters}:
            others = [k.removeprefix("from_") for k, r in READERS.items() if name in options_of(r)]
            belongs = f"; it is one for {', '.join(others)}" if others else ""
            kind = function.__name__.removeprefix("from_")
            raise KerazooError(f"{option(name)} is no option for {kind}{belongs}.")
        try:
            given = signature.bind(*args, **options)
        except TypeError as error:
            raise KerazooError(f"{function.__name__}: {error}.") from None
        more = {k: v for k, v in given.kwargs.items() if k in NOT_KEPT and v is not None}
        kept = {k: of_python(v) for k, v in given.kwargs.items() if k not in NOT_KEPT}
        kept = {k: tuple(v) if isinstance(v, list) else v for k, v in kept.items()}
        data = function(*given.args, **kept, **more)
        release_memory()
        return replace(data, reader=read, source=given.args, test=more.get("test"), options=kept)

    READERS[function.__name__] = read
    return read


def options_of(read: Callable[..., Any]) -> list[str]:
    """Names of the options that a reader has, those of CSV files included."""
    parameters = inspect.signature(read).parameters.values()
    names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        names += [f.name for f in dataclasses.fields(CsvOptions) if f.name != NOT_GIVEN]
    return names


def describe(source: Any, kind: Kind, task: str, **facts: Any) -> Dataset:
    """The description of a dataset that is in no registry.

    Its name is that of the file or directory, or the kind of data in memory.
    """
    path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
    stem = kind if path is None else Path(path).resolve().stem
    name = "".join(c if c.isalnum() else "_" for c in stem).strip("_") or kind

    def load() -> Mapping[str, Any]:
        raise KerazooError(f"dataset {name!r} is user data; it is not in the registry.")

    facts |= {"summary": "user data", "license": "of the user", "source": path or "user data"}
    facts |= {"metric": registry.get_task(task).metrics[0], "offline": True}
    facts["by_class"] = registry.get_task(task).has_classes
    return Dataset(name=name, load=load, task=task, **facts)


def user_data_of(
    kind: Kind,
    source: Any,
    splits: Mapping[str, Split],
    *,
    report: Iterable[str],
    how: str,
    warnings: Iterable[str] = (),
    facts: Mapping[str, Any],
    task: str = "classification",
    **more: Any,
) -> UserData:
    """Data of separate examples in three splits, with its fingerprint.

    Args:
        kind: kind of data.
        source: where it comes from.
        splits: by name.
        report: how it was read; a line on the splits is added.
        how: the way the splits were made.
        warnings: notes; those on the classes and on copies in the test split are added.
        facts: what the description of the data tells besides the shape of an example.
        task: the kind of task.
        **more: other fields of the result.
    """
    info = describe(source, kind, task, input_shape=splits["train"].x.shape[1:], **facts)
    arrays = {f"{name}_{k}": v for name, s in splits.items() for k, v in (("x", s.x), ("y", s.y))}
    whole = fingerprint.of_arrays(arrays)
    data = Data(splits["train"], splits["validation"], splits["test"], info, whole)
    return UserData(
        kind=kind,
        data=data,
        report=(*report, f"split: {data.sizes} ({how})"),
        warnings=(*warnings, *_warnings(data, EXAMPLE[kind])),
        **more,
    )


def shuffled_split(
    y: np.ndarray, *, stratify: bool, test_given: bool = False
) -> tuple[dict[str, np.ndarray], str]:
    """Indices of train, validation and test, by a fixed seed: int64, sorted; and in words how.

    Args:
        y: the target of each example.
        stratify: keep the classes' shares in every split, with one of each class at least.
        test_given: the test split is given apart, so its share is for training.
    """
    random = np.random.RandomState(SPLIT_SEED)
    parts: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
    groups = [np.flatnonzero(y == c) for c in np.unique(y)] if stratify else [np.arange(len(y))]
    for group in groups:
        order = group[random.permutation(len(group))]
        test, validation = (max(1, round(share * len(group))) for share in (TEST, VALIDATION))
        parts["train" if test_given else "test"].append(order[:test])
        parts["validation"].append(order[test : test + validation])
        parts["train"].append(order[test + validation :])
    how = "test as given, the others " * test_given + "by a fixed seed"
    how += ", each class alike" * stratify
    return {name: np.sort(np.concatenate(p)) for name, p in parts.items() if p}, how


def _warnings(data: Data, what: str) -> list[str]:
    """Notes where the classes differ much in size, or test examples occur in training too.

    Args:
        data: the splits.
        what: the name of an example, in the singular.
    """
    notes = _odd_labels(data.info.labels)
    if data.info.by_class:
        counts = Counter(data.info.labels[i] for i in data.train.y.tolist()).most_common()
        (large, most), (small, least) = counts[0], counts[-1]
        if most >= IMBALANCED * least:
            notes.append(
                f"the classes differ in size: {large!r} has {most / least:.1f} times as many "
                f"{what}s as {small!r}; --balance gives all classes the same weight"
            )
    # Eight bytes of each are enough, and in arrays they are a tenth as large as in a set.
    known, tested = (
        np.fromiter((int.from_bytes(digest(x)[:8]) for x in split.x), "u8", split.examples)
        for split in (data.train, data.test)
    )
    if n := int(np.isin(tested, known).sum()):
        notes.append(
            f"{n:,} {what}{'s' * (n > 1)} of the test split occur{'s' * (n == 1)} in the training "
            "split too; where they are copies, the test result is too good"
        )
    return notes


def _odd_labels(labels: tuple[str, ...]) -> list[str]:
    """Notes on labels that may be written in two ways, or hold several ones."""
    joined = [n for n in labels if len(parts := re.split("[|;,]", n)) > 1 and {*parts} <= {*labels}]
    folded = Counter(map(str.casefold, labels))
    alike = [name for name in labels if folded[name.casefold()] > 1]
    notes = [f"labels that differ in case only: {listed(alike)}; are they the same?"] * bool(alike)
    several = f"labels that combine other labels: {listed(joined)}; give each a column of 0 and 1"
    return notes + [several] * bool(joined)


def digest(example: Any) -> bytes:
    """16 bytes that tell an example, an array or a text, from others."""
    content = example.encode() if isinstance(example, str) else example.tobytes()
    return hashlib.blake2b(content, digest_size=16).digest()


def inner_model(model: keras.Model) -> keras.Model:
    """The network that was trained, in a model that takes raw rows or natural units around it."""
    return next(layer for layer in model.layers if hasattr(layer, "layers"))


def listed(items: list[str], most: int = 5, between: str = "; ") -> str:
    """The first items, and how many more there are."""
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return between.join(items[:most]) + more


def unused_columns(frame: pd.DataFrame, used: tuple[str, ...]) -> list[str]:
    """A note on columns that nothing is learnt from, such as one of splits, if there are any."""
    others = frame.columns.drop([*used])
    shown = listed([f"{name!r} ({frame[name].iloc[0]})" for name in others])
    return [f"columns that are not used: {shown}"] * bool(shown)
