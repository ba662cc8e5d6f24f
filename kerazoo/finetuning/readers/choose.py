"""The reader that fits a model and a source, and the options that follow from the model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kerazoo import registry
from kerazoo.building import options_of as model_options
from kerazoo.datasets._images import known_suffixes
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers.arrays import from_arrays
from kerazoo.finetuning.readers.images import files_below, from_images
from kerazoo.finetuning.readers.series import from_series
from kerazoo.finetuning.readers.table import from_table
from kerazoo.finetuning.readers.texts import from_texts
from kerazoo.finetuning.readers.user_data import READERS, Kind, UserData, options_of
from kerazoo.spec import Entry, Model, is_image
from kerazoo.training.run_config import Config

TAKES: dict[Kind, str] = {
    "images": "a directory of images with a directory per class, a CSV file of their names with "
    "target=, or arrays (x, y)",
    "unlabeled_images": "a directory of images",
    "series": "a CSV file of a series, or a DataFrame, with target=",
    "texts": "a CSV file of texts, or a DataFrame, with text= and target=; or (texts, labels)",
    "table": "a CSV file of a table, or a DataFrame, with target=; or arrays (x, y) of rows",
}
IN_CODE = "given in code"  # what a run keeps of test data that was no file


def kinds_of(model: Model) -> list[Kind]:
    """Kinds of data that a model can learn from: those of its entries, and what its options say.

    A factory with the option ``natural_outputs``, as that of ``mlp``, takes tables.
    """
    kinds: list[Kind] = []
    for entry in model.entries.values():
        dataset = registry.get_dataset(entry.dataset)
        if not registry.task_of(entry).has_targets:
            kinds.append("unlabeled_images")
        elif dataset.windows is not None:
            kinds.append("series")
        elif dataset.vocabulary is not None:
            kinds.append("texts")
        else:
            kinds.append("images" if is_image(dataset.input_shape) else "table")
    if "natural_outputs" in model_options(model):
        kinds.append("table")
    return list(dict.fromkeys(kinds))


def is_frame(source: Any) -> bool:
    """True for a pandas DataFrame, without importing pandas to find out."""
    return type(source).__name__ == "DataFrame" and hasattr(source, "columns")


def read(
    model: Model,
    source: Any,
    options: Mapping[str, Any],
    start: Entry | None = None,
    progress: bool = False,
    suiting: Mapping[str, Any] | None = None,
) -> UserData:
    """Read a user's data with the reader that fits a model.

    Args:
        model: the model.
        source: a path, a DataFrame, arrays ``(x, y)``, a ``tf.data.Dataset``, or what a reader
            gave.
        options: of the reader; what follows from the model is filled in.
        start: the entry whose weights the training starts from, if any.
        progress: show how far a long reading is.
        suiting: options with which the data suits a run's weights.

    Raises:
        KerazooError: the model cannot learn from the source, or what the reader raises.
    """
    follows = {**_options_for(model, start), "progress": progress, **(suiting or {})}
    if not isinstance(source, UserData):
        reader = reader_for(model, source, options)
        follows = {k: v for k, v in follows.items() if k in options_of(reader)}
        data = reader(*_arguments(source), **(follows | dict(options)))
    elif options:
        raise _option_too_late(source, options)
    else:
        data = source.read_for(follows)
    if data.kind not in kinds_of(model):
        raise _wrong(model, data.kind.replace("_", " "))
    lacks = {"divide_by_spread"} & set(data.factory_options) - set(model_options(model))
    if lacks:
        raise KerazooError(f"{model.name} cannot learn several series; stacked_lstm can.")
    return data


def read_alone(source: Any, options: Mapping[str, Any], progress: bool = False) -> UserData:
    """Read a user's data without a model, as :func:`read` takes it.

    A directory holds images, of classes if it has directories of images. A CSV file or DataFrame is
    a table, unless an option is one that only texts, a series or images have.

    Raises:
        KerazooError: what the reader raises.
    """
    if isinstance(source, UserData):
        if options:
            raise _option_too_late(source, options)
        return source
    path, given = _existing(source), dict(options)
    reader: Callable[..., UserData]
    if path is not None and path.is_dir():
        _, files, _ = files_below(path, known_suffixes())
        given.setdefault("labels", not files or any(len(file.parts) > 1 for file in files))
        reader, given["progress"] = from_images, progress
    elif path is not None or is_frame(source):
        readers = (from_table, from_texts, from_series, from_images)
        reader = next((r for r in readers if given.keys() <= {*options_of(r)}), from_table)
    else:
        reader = from_arrays
    return reader(*_arguments(source), **given)


def _option_too_late(source: UserData, options: Mapping[str, Any]) -> KerazooError:
    """The error for options of a reader that has read already."""
    return KerazooError(
        f"{next(iter(options))} is an option of {source.reader.__name__}; give it there."
    )


def _existing(source: Any) -> Path | None:
    """The path of a source, None for data in memory; raises KerazooError if nothing is there."""
    if not isinstance(source, (str, os.PathLike)):
        return None
    if not (path := Path(source)).exists():
        raise KerazooError(f"there is no file or directory {path}.")
    return path


def reader_for(model: Model, source: Any, options: Mapping[str, Any]) -> Callable[..., UserData]:
    """The reader of a source that fits a model."""
    if isinstance(source, UserData):
        return source.reader
    path = _existing(source)
    readers: dict[str, Callable[..., UserData]]
    if path is not None and path.is_dir():
        what, readers = "the directory", {"images": from_images, "unlabeled_images": from_images}
    elif path is not None or is_frame(source):
        what = "a DataFrame" if path is None else "the file"
        readers = {"series": from_series, "texts": from_texts, "table": from_table}
        if options.get("files") is not None:
            readers = {"images": from_images}
        elif "target" in options:
            readers["images"] = from_images
    else:
        what, readers = "arrays", {kind: from_arrays for kind in ("images", "table", "texts")}
    fitting = [reader for kind, reader in readers.items() if kind in kinds_of(model)]
    if not fitting:
        raise _wrong(model, what if path is None else f"{what} {path}")
    return fitting[0]


def _arguments(source: Any) -> tuple[Any, ...]:
    """The positional arguments of a reader: ``(x, y)`` of a pair."""
    pair = isinstance(source, (tuple, list)) and len(source) == 2
    return tuple(source) if pair else (source,)


def _options_for(model: Model, start: Entry | None) -> dict[str, Any]:
    """Options of readers that follow from a model and the weights that it starts from."""
    dataset = registry.get_dataset((start or model.main).dataset)
    options: dict[str, Any] = {
        "labels": "unlabeled_images" not in kinds_of(model),
        "light_on_dark": start is not None and dataset.light_on_dark,
        "segment": start.options.get("segment") if start else None,
        "vocabulary": dataset.name if start and dataset.vocabulary else None,
    }
    if is_image(dataset.input_shape):
        *size, options["channels"] = dataset.input_shape
        options["size"] = tuple(size)
    return options


def reread(config: Config, directory: Path, data: Any = None, test: Any = None) -> UserData:
    """The data that the run in a directory was trained on, read again.

    Args:
        config: of the run.
        directory: of the run.
        data: as it was given to ``finetune``; by default the path that the run keeps.
        test: likewise.

    Raises:
        KerazooError: it was given in code and is not given again, or is no longer there.
    """
    own = config.own
    assert own is not None
    if data is None and (own.path is None or (own.test == IN_CODE and test is None)):
        what = "the data of the run in"
        raise KerazooError(f"{what} {directory} was given in code; give data= (and test=) again.")
    if data is not None and own.test is not None and test is None:
        raise KerazooError(f"the run in {directory} had separate test data; give it as test=.")
    if isinstance(data, UserData):
        return data
    options = dict(own.asked)
    if own.reader == from_texts.__name__:  # earlier runs do not tell
        options["standardization"] = own.treatment.get("standardization", "latin")
    if (test := own.test if test is None else test) is not None:
        options["test"] = test
    return READERS[own.reader](*_arguments(own.path if data is None else data), **options)


def _wrong(model: Model, given: str) -> KerazooError:
    """The error for data that a model cannot learn from."""
    wanted = "; or ".join(TAKES[kind] for kind in kinds_of(model))
    return KerazooError(
        f"{model.name} cannot learn from {given}; it takes {wanted}. Others: mnist_cnn for images, "
        "dcgan to generate some, mlp for a table, stacked_lstm for a series, text_cnn for texts."
    )
