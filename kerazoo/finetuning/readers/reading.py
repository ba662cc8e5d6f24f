"""From what the user gives to what the trainer takes: which reader a model and a source need."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from kerazoo import registry
from kerazoo.building import options_of
from kerazoo.errors import KerazooError, require_whole
from kerazoo.finetuning.readers.user_data import Asked, Own
from kerazoo.spec import Dataset, Model, is_picture

Kind = Literal["pictures", "drawing", "series", "text", "rows"]
TAKES: dict[Kind, str] = {
    "pictures": "a folder of pictures with a folder per class, or arrays (x, y)",
    "drawing": "a folder of pictures",
    "series": "a CSV file of a series, or a DataFrame, with target=",
    "text": "a CSV file of texts, or a DataFrame, with text= and target=; or (texts, labels)",
    "rows": "a CSV file of a table, or a DataFrame, with target=; or arrays (x, y) of rows",
}
TABLES = ("series", "text", "rows")
IN_CODE = "given in code"  # what a run remembers of a test split that was no file
LARGEST = 4096  # pixels a side that pictures may be brought to


# What of the user's wishes a kind of data listens to; any other is a mistake that must be said.
ASKED: dict[Kind, tuple[str, ...]] = {
    "pictures": ("size", "invert"),
    "drawing": ("size",),
    "series": ("target", "time", "horizon", "lookback", "gaps", "split"),
    "text": ("text", "target"),
    "rows": ("target", "task"),
}


def kinds_of(model: Model) -> list[Kind]:
    """What kinds of data a model can learn from: those of its entries, and what its options say.

    A factory that brings its outputs to the units of a target, as that of ``mlp``, takes rows.
    """
    kinds: list[Kind] = []
    for entry in model.entries.values():
        dataset = registry.get_dataset(entry.dataset)
        if registry.task_of(entry).name == "generation":
            kinds.append("drawing")
        elif dataset.windows is not None:
            kinds.append("series")
        elif dataset.vocabulary is not None:
            kinds.append("text")
        else:
            kinds.append("pictures" if is_picture(dataset.input_shape) else "rows")
    if "natural_outputs" in options_of(model):
        kinds.append("rows")
    return list(dict.fromkeys(kinds))


def is_frame(source: Any) -> bool:
    """Whether something is a pandas DataFrame, without importing pandas to find out."""
    return type(source).__name__ == "DataFrame" and hasattr(source, "columns")


def _refuse_deaf_ears(asked: Asked, heard: set[str], what: str) -> None:
    """Raise KerazooError for a wish that the data has no use for."""
    for field in dataclasses.fields(Asked):
        if getattr(asked, field.name) != field.default and field.name not in heard:
            whose = [kind for kind in ASKED if field.name in ASKED[kind]]
            raise KerazooError(f"--{field.name} goes with {' or '.join(whose)}; this is {what}.")


def in_memory(model: Model, source: Any) -> Any:
    """Arrays as a pair of NumPy's, whatever they came as; anything else as it is.

    Raises:
        KerazooError: the model takes no arrays, or what ``pair_of`` says.
    """
    if is_frame(source) or isinstance(source, (str, os.PathLike)):
        return source
    kinds = kinds_of(model)
    if not {"pictures", "rows", "text"} & set(kinds):
        raise _wrong(model, kinds, "arrays")
    from kerazoo.finetuning.readers.arrays import pair_of

    return pair_of(source)


def is_best_learnt_anew(model: Model, source: Any) -> bool:
    """Whether trained weights are no start by themselves: what a column means is new each time.

    Args:
        model: the model.
        source: what :func:`in_memory` gives.
    """
    table = is_frame(source) or _is_file(source) or not _may_be_pictures(source)
    return table and "text" not in kinds_of(model)


def _may_be_pictures(source: Any) -> bool:
    """Whether it is no pair of arrays, or one of pictures."""
    return not isinstance(source, tuple) or source[0].ndim > 2


def read(
    model: Model,
    source: Any,
    asked: Asked,
    start: Dataset | None,
    test: Any = None,
    tell: Callable[[str], Any] = print,
) -> Own:
    """Read a user's data for a model.

    Args:
        model: the model.
        source: a path, ``(x, y)``, a ``tf.data.Dataset`` or a pandas DataFrame.
        asked: how the user wants it to be read.
        start: the dataset whose weights the training starts from, if any; its picture size and
            ground are kept.
        test: of arrays the pair, of tables the file or DataFrame to measure on.
        tell: is told how far a long reading is.

    Raises:
        KerazooError: the source is nothing that the model can learn from, or cannot be read.
    """
    kinds = kinds_of(model)
    if isinstance(source, (str, os.PathLike)) and not Path(source).exists():
        raise KerazooError(f"there is no file or folder {os.fspath(source)}.")
    table = is_frame(source) or _is_file(source)
    if not table and not isinstance(source, (str, os.PathLike)):
        return _read_arrays(model, kinds, in_memory(model, source), asked, start, test)
    kinds_here = [k for k in kinds if (k in TABLES) == table] or kinds
    heard = {name for kind in kinds_here for name in ASKED[kind]}
    _refuse_deaf_ears(asked, heard, " or ".join(kinds_here))
    if table:
        return _read_table(model, kinds, source, asked, start, test)
    if test is not None:
        raise KerazooError("test goes with tables and arrays; give a folder with train/ and test/.")
    return _read_folder(model, kinds, Path(source), asked, start, tell)


def reread(config: Mapping[str, Any], folder: Path, data: Any = None, test: Any = None) -> Own:
    """The data that the run in a folder was trained on, read again.

    Args:
        config: of the run.
        folder: of the run.
        data: as it was given to ``finetune``; by default the path that the run remembers.
        test: likewise.

    Raises:
        KerazooError: it was given in code and is not given again, or is no longer there.
    """
    about = config["own"]
    if data is None and (about["path"] is None or (about.get("test") == IN_CODE and test is None)):
        raise KerazooError(
            f"the data of the run in {folder} was given in code; give it again, as data= (and "
            "test= if there was one). The run's figures stand in metrics.json."
        )
    if data is not None and about.get("test") is not None and test is None:
        raise KerazooError(
            f"the run in {folder} was measured on test data of its own; give it too, as test=."
        )
    given: dict[str, Any] = about["asked"]
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    asked = Asked(**given)
    start = config.get("start")  # of a run from before this was written down by itself
    read_for = about.get("read_for", start["entry"] if start else None)
    entry = registry.get_entry(read_for) if read_for else None
    dataset = registry.get_dataset(entry.dataset) if entry else None
    model = registry.get_model(about["model"])
    source = about["path"] if data is None else data
    test = about.get("test") if data is None and test is None else test
    return read(model, source, asked, dataset, test, tell=lambda line: None)


def _is_file(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike)) and Path(source).is_file()


def _read_folder(
    model: Model,
    kinds: list[Kind],
    folder: Path,
    asked: Asked,
    start: Dataset | None,
    tell: Callable[[str], Any],
) -> Own:
    from kerazoo.finetuning.readers.images import classes_from_folder, pictures_from_folder

    dataset = start or registry.get_dataset(model.main.dataset)
    if not {"pictures", "drawing"} & set(kinds):
        raise _wrong(model, kinds, f"the folder {folder}")
    shape = _shape(dataset.input_shape, asked)
    if "drawing" in kinds:
        return pictures_from_folder(folder, shape, tell=tell)
    return classes_from_folder(
        folder,
        shape,
        light_on_dark=dataset.light_on_dark and start is not None,
        invert=asked.invert,  # type: ignore[arg-type]
        tell=tell,
    )


def _shape(shape: tuple[int, ...], asked: Asked) -> tuple[int, int, int]:
    height, width, channels = shape
    if asked.size is None:
        return height, width, channels
    side = require_whole("the size in pixels", asked.size, most=LARGEST)
    return side, side, channels


def _read_arrays(
    model: Model, kinds: list[Kind], source: Any, asked: Asked, start: Dataset | None, test: Any
) -> Own:
    from kerazoo.finetuning.readers import arrays

    x, y = source
    rows = x.ndim == 2 and "rows" in kinds
    _refuse_deaf_ears(asked, {"task"} if rows else set(), "arrays")
    if "pictures" in kinds and not rows:
        return arrays.pictures_from_arrays(source, test)
    frame = arrays.frame_from_arrays(x, y)
    if test is not None:
        test = arrays.frame_from_arrays(*arrays.pair_of(test))
    text = arrays.TEXT if arrays.TEXT in frame.columns else None
    asked = dataclasses.replace(asked, target=arrays.targets_of(y), text=text)
    return _read_table(model, kinds, frame, asked, start, test)


def _read_table(
    model: Model, kinds: list[Kind], source: Any, asked: Asked, start: Dataset | None, test: Any
) -> Own:
    if "series" in kinds:
        if test is not None:
            raise KerazooError("a series is split in time: its last steps are the test (--split).")
        from kerazoo.finetuning.readers.series import series_from

        options = model.entries[start.name].options if start is not None else {}
        return series_from(source, asked, options.get("segment"))
    if "text" in kinds:
        from kerazoo.finetuning.readers.texts import texts_from

        return texts_from(source, asked, start, test)
    if "rows" in kinds:
        from kerazoo.finetuning.readers.table import table_from

        return table_from(source, asked, test)
    raise _wrong(model, kinds, "a table")


def _wrong(model: Model, kinds: list[Kind], given: str) -> KerazooError:
    wanted = "; or ".join(TAKES[kind] for kind in kinds)
    return KerazooError(f"{model.name} cannot learn from {given}; it takes {wanted}.")
