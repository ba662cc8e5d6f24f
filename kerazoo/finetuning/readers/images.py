"""Images: a directory per class, perhaps in ``train/`` and ``test/``, or a table of their files."""

from __future__ import annotations

import contextlib
import glob
import math
import os
import re
from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kerazoo._files import zeros
from kerazoo._lazy import keras, np
from kerazoo.datasets._images import (
    HEIC,
    INVERT,
    WHITE,
    Invert,
    LoadedImage,
    known_suffixes,
    light_borders,
    read_image,
)
from kerazoo.errors import KerazooError, option, require_choice, require_whole, say
from kerazoo.finetuning.readers._csv import CsvOptions, column, read_table, target_columns
from kerazoo.finetuning.readers._drift import images_drift
from kerazoo.finetuning.readers._numbers import first_of
from kerazoo.finetuning.readers._target import reject_one_hot, rows_without_target, target_of
from kerazoo.finetuning.readers.reading import ImageReading
from kerazoo.finetuning.readers.user_data import (
    UserData,
    data_reader,
    listed,
    shuffled_split,
    unused_columns,
    user_data_of,
)
from kerazoo.spec import Split

SPLIT_NAMES = {
    "train": {"train", "training"},
    "validation": {"validation", "valid", "val", "dev", "eval", "evaluation"},
    "test": {"test", "testing"},
}
# With these words begin the names of files of any class.
OF_CAMERAS = {"download", "dsc", "dscf", "dscn", "file", "frame", "image", "images", "img", "photo"}
OF_CAMERAS |= {"pic", "picture", "pxl", "screenshot", "unnamed"}
OF_CAMERAS |= {"left", "right", "front", "back", "top", "bottom", "side"}
# Names of directories that seldom are classes: years, days, folds.
SESSION = re.compile(r"(19|20)\d\d|\d{4}-\d\d(-\d\d)?|(fold|day|session|batch|run)[ _-]?\d+")
DERIVED = re.compile(r"(.+)([ _.-][A-Za-z]\w*)")
SPLITS = ("auto", "yes", "no")
LEAST = {"": 3, "train": 3, "validation": 1, "test": 1}  # images of a class: one for each split
LEAST_UNLABELED = 100
LARGEST = 4096  # pixels a side
USUAL = 224  # most pixels a side, where no size is given
MAX_FILES = 0.95  # share that decides how all files of a set are taken
HOT = 0.002  # share of the pixels of an image that may be brighter than all it shows
MOST_JUDGED = 1_000  # images whose spread is looked at
LEAST_SPREAD = 16  # of 255, between the pixels of an image; less is lost where it was 16 bits
OFTEN = 1000  # images after which progress is shown


@data_reader
def from_images(
    path: Any,
    *,
    target: str | tuple[str, ...] | None = None,
    files: str | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    invert: Invert = "auto",
    light_on_dark: bool = False,
    labels: bool = True,
    splits: str = "auto",
    progress: bool = False,
    **csv: Any,
) -> UserData:
    """Read a directory of images with a directory per class, or of images without classes.

    Or a table with a row per image: its file, by a name relative to the directory of the CSV file
    (of a DataFrame, to the current directory), and its class; or labels, in columns of 0 and 1.

    ``train/``, ``validation/`` and ``test/`` may hold the directories of the classes. Where there
    are none, a fifth of each class is test and a tenth validation, by a fixed seed. With ``train/``
    and ``validation/`` only, ``validation/`` is the test split, as nothing is chosen on it, and a
    tenth of ``train/`` is validation.

    ``finetune`` reads the images again in the size, the channels and the light or dark background
    that its model takes, where these are not given.

    Args:
        path: the directory, in which nothing is changed; or a CSV file or DataFrame.
        target: the column of classes of a table, or several columns of labels.
        files: the column of file names of a table; by default the only one that names files which
            are there.
        size: height and width that images are resized to, keeping their proportions; by default
            those of the first image, up to 224.
        channels: 1 for grayscale, 3 for color; by default those of the first image.
        invert: ``"auto"`` inverts all images if they have a light background and the model expects
            a dark one, but no images without classes; or ``"yes"`` or ``"no"``.
        light_on_dark: the model expects light strokes on a dark background.
        labels: False takes all images without classes, to generate such images.
        splits: ``"yes"`` if directories named ``train`` and so on are splits, ``"no"`` if they are
            classes; ``"auto"`` decides by what they hold, or stops.
        progress: show how far a long reading is, on standard error.
        **csv: how the file is written, see :class:`kerazoo.finetuning.readers._csv.CsvOptions`.

    Raises:
        KerazooError: no directory or table, a row whose file is missing or named before, fewer than
            two classes, classes that differ between the splits, a class with fewer than three
            readable images, images one level too deep, or directories that may be splits or
            classes; fewer than 100 images without classes; light and dark backgrounds for a model
            that expects dark ones.
    """
    require_choice("invert", invert, INVERT)
    require_choice("splits", splits, SPLITS)
    is_path = isinstance(path, (str, os.PathLike))
    if labels and (not is_path or Path(path).is_file()):
        found = _in_table(path, target, files, CsvOptions(**csv))
    else:
        given = {"target": target, "files": files, **csv}
        for name in (name for name, value in given.items() if value is not None):
            raise KerazooError(f"{option(name)} is for a table of images; {path} is none.")
        found = _in_directories(Path(path), labels, splits)
    directory, chosen, names = found.directory, list(found.images), found.names
    split_of, skipped = found.split_of, found.skipped
    shape = _shape([directory / f for f in chosen], size, channels)
    x, read, problems = _read(directory, chosen, shape, progress)
    if problems:
        skipped[f"unreadable ({listed(list(problems.values()))})"] = len(problems)
    line = counted(skipped)
    kept = [f for f in chosen if f not in problems]
    y = np.array([found.images[f] for f in kept])
    of = np.array([split_of.get(f.parts[0], "") for f in kept], dtype=str)
    one_each = found.task == "classification"
    if one_each:
        _reject_few(found, y, of, line)
    counts = np.bincount(y) if one_each else y.sum(axis=0, dtype=int)
    indices, how = _indices(y, of, split_of, labels and one_each)
    white, whites = _white(read)
    if white != WHITE:
        for i in (i for i, image in enumerate(read) if image.largest is not None):
            x[i] = read_image(directory / kept[i], shape, white=white).pixels
    inverted, backgrounds = is_inverted(str(directory), x, light_on_dark and labels, invert)
    notes, n = [*found.notes, *_derived(kept), *scaled_otherwise(x)], len(x)
    parts = {name: zeros((len(i), *shape), np.uint8) for name, i in indices.items()}
    for name, part in parts.items():
        np.take(x, indices[name], axis=0, out=part, mode="clip")  # the mode that makes no copy
    del x  # all images are there twice no longer than this
    reading = image_reading(
        parts["train"],
        invert="yes" if inverted and labels else "no",
        white=white,
        sixteen_bits=labels and all(image.largest is not None for image in read),
    )
    if set(of.tolist()) - {"", "train"}:
        notes += images_drift(parts["test"], reading, f"test images of {found.where}")
    for part in parts.values() if inverted else ():
        np.subtract(255, part, out=part)
    each = [f"{name} {n:,}" for name, n in zip(names, counts, strict=True)]
    sizes = np.array([image.size for image in read])
    (wide, high), (widest, highest) = sizes.min(axis=0), sizes.max(axis=0)
    modes = ", ".join(f"{m} {n:,}" for m, n in sorted(Counter(i.mode for i in read).items()))
    report = [
        f"{found.where}: {n:,} images"
        + f" of {len(names)} {'classes' if one_each else 'labels'}: {listed(each, 200)}" * labels,
        *found.how,
        f"sizes: {wide} to {widest} wide, {high} to {highest} high; modes: {modes}",
        f"each is resized to {shape[1]} × {shape[0]} pixels, "
        f"{'grayscale' if shape[2] == 1 else 'color'}, proportions kept",
    ]
    laid = Counter(image.background for image in read if image.background)
    report += [
        f"{n:,} images with transparent parts are laid on {color}" for color, n in laid.items()
    ]
    if count := sum(image.frames > 1 for image in read):
        report.append(f"{count:,} hold several frames or pages; the first one is read")
    report += [*whites, *backgrounds]
    return user_data_of(
        "images" if labels else "unlabeled_images",
        path,
        {name: Split(parts[name], y[i]) for name, i in indices.items()},
        report=report,
        how=how,
        warnings=[*[f"skipped: {line}"] * bool(line), *notes],
        skipped=tuple(problems.values()),
        names={s: np.array([kept[k].as_posix() for k in i]) for s, i in indices.items()},
        facts={"labels": tuple(names) * labels, "light_on_dark": light_on_dark},
        task=found.task if labels else "generation",
        reading=reading,
        serving_model=lambda core: takes_images(core, reading),
    )


@dataclass(frozen=True)
class _Found:
    """Images to read, and their classes.

    Attributes:
        directory: that the files are named from.
        where: the directory or table, for messages.
        images: the class of each file, or 0 and 1 for each label.
        names: of the classes or labels.
        split_of: split of each directory that is one.
        how: how they were found, a line each.
        notes: what may be wrong, a line each.
        skipped: number of other files, by kind.
        task: ``classification`` or ``multilabel``.
    """

    directory: Path
    where: str
    images: dict[Path, Any]
    names: list[str]
    split_of: dict[str, str] = field(default_factory=dict)
    how: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: Counter[str] = field(default_factory=Counter)
    task: str = "classification"


def _in_directories(directory: Path, labels: bool, splits: str) -> _Found:
    """Images whose directories are their classes, or all images without classes."""
    files, images, skipped = files_below(directory, known_suffixes())
    split_of, layout = _layout(directory, files, images, labels, splits)
    depth = 1 if split_of else 0  # of the class in the parts of a path
    inside = [f for f in files if not split_of or f.parts[0] in split_of]
    names = sorted({f.parts[depth] for f in inside if len(f.parts) > depth + 1}) if labels else [""]
    chosen = [f for f in inside if f in images and (not labels or len(f.parts) == depth + 2)]
    skipped["images outside or below the directories of the classes"] += len(images) - len(chosen)
    if labels and len(names) < 2:
        hint = " Is the data one level deeper?" * any(skipped.values())
        found = f"{directory} has {len(names)} directories of images"
        raise KerazooError(f"{found}; give two or more, one for each class.{hint}")
    if labels and splits == "auto" and chosen and not split_of:
        _reject_classes_in_names(directory, chosen)
    of = {f: names.index(f.parts[depth]) if labels else 0 for f in chosen}
    return _Found(directory, str(directory), of, names, split_of, (layout,), skipped=skipped)


def _in_table(
    source: Any, target: str | tuple[str, ...] | None, files: str | None, options: CsvOptions
) -> _Found:
    """Images that a table names, with their classes or labels."""
    table = read_table(source, options, numbers=(str(target),))
    frame, where = table.frame, table.where
    directory = Path(source).parent if isinstance(source, (str, os.PathLike)) else Path()
    targets = target_columns(frame, target)
    if files is None:
        others = [c for c in frame.columns if c not in targets]
        fitting = [c for c in others if any((directory / _path(v)).is_file() for v in frame[c])]
        if len(fitting) != 1:
            which = f"the columns {', '.join(fitting)} name" if fitting else "no column names"
            like = [hint for c in others if (hint := _similar(directory, frame[c].iloc[0]))]
            raise KerazooError(
                f"{where}: {which} files in {directory.absolute()}{''.join(like[:1])}; say which "
                "column does with --files COLUMN (files=)."
            )
        files = fitting[0]
    name = column(frame, files, "the column of file names (--files)")
    several = len(targets) > 1
    of = target_of(frame, target, "multilabel" if several else "classification", where)
    if several:
        reject_one_hot(of, where)
    rows = frame[name][of.known].astype(str)
    at = f"{where}, column {name!r}"
    paths = rows.map(_path)
    lost = rows[[not (directory / path).is_file() for path in paths]]
    if len(lost):
        gone = f"line {lost.index[0]}: there is no file {lost.iloc[0]} in {directory.absolute()}"
        hint = _similar(directory, lost.iloc[0])
        raise KerazooError(f"{at}, {gone}{hint}; {len(lost):,} of {len(rows):,} are missing.")
    if (again := paths.duplicated()).any():
        raise KerazooError(f"{at}, {first_of(rows, again)} is named a second time.")
    return _Found(
        directory,
        where,
        dict(zip(paths, of.y[of.known], strict=True)),
        list(of.labels),
        how=(
            *table.notes,
            f"files are in {name!r}, such as {rows.iloc[0]}; "
            f"{'labels' if several else 'classes'} in {listed([*map(repr, targets)], 12)}",
        ),
        notes=(*rows_without_target(frame, of), *unused_columns(frame, (name, *targets))),
        task=of.task,
    )


def _path(value: Any) -> Path:
    """The path that a table names, perhaps written on Windows."""
    return Path(os.path.normpath(str(value).strip().replace("\\", "/")))


def _similar(directory: Path, value: Any) -> str:
    """The file of nearly this name, in a directory or one below, for a message."""
    like = f"{glob.escape(_path(value).stem)}.*"
    found = (f for at in (like, f"*/{like}") for f in sorted(directory.glob(at)) if f.is_file())
    return next((f", but {f.relative_to(directory)} is there" for f in found), "")


def image_reading(train: np.ndarray, **decided: Any) -> ImageReading:
    """Reading of images; ``train`` are the training images before any inversion."""
    means, maxima = train.mean(axis=(1, 2, 3)), train.max(axis=(1, 2, 3))
    return ImageReading(
        least_mean=round(float(means.min()), 3),
        most_mean=round(float(means.max()), 3),
        least_maximum=float(maxima.min()),
        **decided,
    )


def takes_images(core: keras.Model, reading: ImageReading) -> keras.Model:
    """A model of images as they were read around one of what became of them."""
    if not reading.inside:
        return core
    x = inputs = keras.Input(core.input_shape[1:], name="images")
    exact = {"dtype": "float32"}
    if reading.sixteen_bits:  # as `eight_bits` does, of which no value is near to another
        x = keras.layers.ReLU(max_value=reading.white, name="up_to_white", **exact)(x)
        step = 255 / reading.white
        x = keras.layers.Rescaling(step, step / 2, name="eight_bits", **exact)(x)
        x = keras.ops.floor(x)
    if reading.invert == "yes":
        x = keras.layers.Rescaling(-1.0, 255.0, name="inverted", **exact)(x)
    return keras.Model(inputs, core(x), name="takes_images")


def as_read(x: np.ndarray, reading: ImageReading) -> np.ndarray:
    """Images that :func:`takes_images` makes these of, what the trained network takes."""
    x = 255 - x if reading.invert == "yes" else x
    return np.round(x.astype(np.float64) * reading.white / 255) if reading.sixteen_bits else x


def _white(read: list[LoadedImage]) -> tuple[int, list[str]]:
    """White of grayscale of 16 bits, one for all files, and a line that says so.

    It is the largest value of as many bits as most files need: a hot pixel here and there must not
    make all images dark.
    """
    largest = sorted(image.largest for image in read if image.largest is not None)
    if not largest:
        return WHITE, []
    needed = largest[math.ceil(MAX_FILES * len(largest)) - 1]
    bits = next(bits for bits in (8, 10, 12, 14, 16) if needed < 2**bits)
    white = 2**bits - 1
    line = f"{len(largest):,} hold 16 bits of gray; white is {white:,} ({bits} bits), as "
    over = sum(value > white for value in largest)
    line += (
        f"{len(largest) - over:,} hold no larger value, {over:,} do" if over else "none is larger"
    )
    if len(largest) < len(read):
        line += "; the model takes 8 bits, as the others have"
    return white, [line]


def is_inverted(
    where: str, x: np.ndarray, light_on_dark: bool, invert: Invert
) -> tuple[bool, list[str]]:
    """True if all images are inverted, and a line that says why.

    Raises:
        KerazooError: ``auto``, where some images have a light background and others a dark one.
    """
    if invert == "no" or (invert == "auto" and not light_on_dark):
        return False, []
    light = int(light_borders(x).sum())
    found = f"{light:,} of {len(x):,} images have a light background"
    if invert == "yes":
        return True, [f"{found}; inverted, as --invert yes says"]
    if light <= (1 - MAX_FILES) * len(x):
        return False, [f"{found}; none is inverted"] * bool(light)
    if light < MAX_FILES * len(x):
        problem = f"{where}: {found}, and the weights expect dark ones"
        raise KerazooError(
            f"{problem}. Say if all are inverted with --invert yes or no, or move them apart."
        )
    return True, [f"{found}; the model inverts all, as its weights expect dark ones (--invert)"]


def files_below(
    directory: Path, known: Collection[str]
) -> tuple[list[Path], set[Path], Counter[str]]:
    """Files below a directory, sorted; those with known suffixes; what else there is, by kind."""
    if not directory.is_dir():
        there = "is a file" if directory.exists() else "does not exist"
        raise KerazooError(f"{directory} {there}; give a directory of files.")
    files, skipped = [], Counter[str]()
    for root, inner, names in os.walk(directory, followlinks=True):
        inner[:] = [d for d in inner if not d.startswith(".") and not _leads_up(root, d)]
        for path in (Path(root, name) for name in names):
            if path.name.startswith("."):
                skipped["hidden files"] += path.suffix in known and not path.name.startswith("._")
            elif path.is_file():
                files.append(path.relative_to(directory))
            else:
                skipped["links to nothing"] += 1
    chosen = {f for f in files if f.suffix.lower() in known}
    for suffix in (f.suffix.lower() for f in files if f not in chosen):
        skipped[f"{suffix or 'other'} files{' (install pillow-heif)' * (suffix in HEIC)}"] += 1
    return sorted(files), chosen, skipped


def counted(skipped: Counter[str]) -> str:
    """The kinds of files that are skipped, with their number."""
    return "; ".join(f"{n:,} {kind}" for kind, n in (+skipped).items())


def _leads_up(root: str, name: str) -> bool:
    """True for a link to a directory that it lies in, where a walk would not end."""
    path = Path(root, name)
    return path.is_symlink() and Path(root).resolve().is_relative_to(path.resolve())


def _layout(
    directory: Path, files: list[Path], images: set[Path], labels: bool, splits: str
) -> tuple[dict[str, str], str]:
    """The splits that directories name, and in words how the directories were understood."""
    top = sorted({f.parts[0] for f in files if len(f.parts) > 1})
    of = {
        name: split
        for split, words in SPLIT_NAMES.items()
        for name in top
        # also test_set, val2017, trainA
        if words.intersection(map(str.lower, re.findall("[A-Z]?[a-z]+|[A-Z]+", name)))
    }
    listing = ", ".join(f"{name}/" for name in of)
    if splits == "auto":
        flat = {f.parts[0] for f in images if len(f.parts) == 2}
        nested = {f.parts[0] for f in files if len(f.parts) > 2}
        others = {f.parts[0] for f in images if len(f.parts) > 1} - set(of)
        trains = "train" in of.values()
        # A train may be a class among others; a test next to classes is one by mistake.
        if (
            not of
            or not labels
            or (others and not nested & set(of) and {*of.values()} == {"train"})
        ):
            splits = "yes" if trains and not labels else "no"
        elif trains and not others and set(of) <= nested - flat:
            splits = "yes"
        else:
            what = f"{directory}: {listing} may be splits or classes"
            raise KerazooError(f"{what}; say which with --splits yes or no (splits=).")
    if splits == "no":
        also = f", also {listing}" * bool(of)
        return {}, f"each directory is a class{also}" if labels else "all images, without classes"
    twice = [split for split, n in Counter(of.values()).items() if n > 1]
    if twice or "train" not in of.values():
        what = f"several directories for {twice[0]}" if twice else "no directory train/"
        raise KerazooError(f"{directory} has {what}; it has {', '.join(top) or 'none'}.")
    return of, f"{listing} are splits{', the directories in them classes' * labels}"


def _shape(
    paths: list[Path], size: int | tuple[int, int] | None, channels: int | None
) -> tuple[int, int, int]:
    """Height, width and channels, those of the first image where they are not given."""
    from PIL import Image, ImageOps

    height, width, usual_channels = 1, 1, 1
    for path in paths if size is None or channels is None else ():
        with contextlib.suppress(Exception), Image.open(path) as first:  # another may be read
            viewed = ImageOps.exif_transpose(first).size
            scale = min(1.0, USUAL / max(viewed))
            width, height = (round(side * scale) for side in viewed)
            usual_channels = 1 if first.mode[0] in "1LI" else 3
            break
    if size is not None:
        height, width = size if isinstance(size, (tuple, list)) else (size, size)
    height, width = (require_whole("size", side, most=LARGEST) for side in (height, width))
    if channels not in (1, 3, None):
        raise KerazooError(f"channels is {channels!r}; give 1 or 3.")
    return height, width, channels or usual_channels


def _read(
    directory: Path, files: list[Path], shape: tuple[int, int, int], progress: bool
) -> tuple[np.ndarray, list[LoadedImage], dict[Path, str]]:
    """The images uint8 ``(n, *shape)``, how each was read, and the files that cannot be read."""

    def read(file: Path) -> LoadedImage | str:
        path = directory / file
        try:
            return read_image(path, shape)
        except KerazooError as error:
            return str(error).removesuffix(".")  # they are listed

    x = zeros((len(files), *shape), np.uint8)
    images: list[LoadedImage] = []
    problems = {}
    none = x[:0]
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(files), OFTEN):  # what waits to be read takes memory too
            some = files[start : start + OFTEN]
            for file, image in zip(some, pool.map(read, some), strict=True):
                if isinstance(image, str):
                    problems[file] = image
                else:
                    x[len(images)] = image.pixels
                    images.append(replace(image, pixels=none))  # not kept twice
            if progress and len(some) == OFTEN:
                say(f"read {start + OFTEN:,} of {len(files):,} images")
    return x[: len(images)], images, problems


def _reject_few(found: _Found, y: np.ndarray, of: np.ndarray, skipped: str) -> None:
    """Raise KerazooError for a split, or a class of one, with too few readable images."""
    for root, split in (found.split_of or {"": ""}).items():
        for place, name in enumerate(found.names):
            count = int(((of == split) & (y == place)).sum())
            least = LEAST[split] if name else 1 if found.split_of else LEAST_UNLABELED
            if count < least:
                raise KerazooError(
                    f"{Path(found.where, root, name)} has {count} images that can be read; it "
                    f"needs at least {least}.{f' Skipped: {skipped}.' * bool(skipped)}"
                )


def _reject_classes_in_names(directory: Path, files: list[Path]) -> None:
    """Raise KerazooError for directories that may be sessions or folds, and no classes.

    They are called so, or the same words tell the files of each apart.
    """
    words: dict[str, Counter[str]] = {}
    for file in files:
        held = {w for w in re.split(r"[\W\d_]+", file.stem.lower()) if len(w) > 1} - OF_CAMERAS
        words.setdefault(file.parts[0], Counter()).update(held)
    common = set.intersection(*map(set, words.values()))
    common = {w for w in common if any(counts[w] < counts.total() for counts in words.values())}
    n = sum(counts[word] for counts in words.values() for word in common)
    doubt = ""
    if len(common) > 1 and MAX_FILES * len(files) <= n <= len(files):
        doubt = f"names of files in each directory hold {listed(sorted(common))}"
    elif all(SESSION.fullmatch(name.lower()) for name in words):
        doubt = f"{listed(sorted(words))} may be sessions or folds"
    if doubt:
        raise KerazooError(
            f"{directory}: {doubt}. If the classes are not the directories, make a directory for "
            "each class, or a CSV file with --target; if they are, give --splits no."
        )


def _derived(files: list[Path]) -> list[str]:
    """A note on files that are named like another file plus a word, if they are many."""
    stems = {file.with_suffix("") for file in files}
    ends = Counter[str]()
    for file in files:
        name = DERIVED.fullmatch(file.stem)
        if name is not None and file.with_name(name[1]) in stems:
            ends[name[2]] += 1
    often = [repr(end) for end, n in ends.items() if n > (1 - MAX_FILES) * len(files)]
    like = f"{listed(often)}, such as masks or copies; each is read as an example of its class"
    return [f"many files are named like another file plus {like}"] * bool(often)


def scaled_otherwise(x: np.ndarray) -> list[str]:
    """A note on images of which no pixel is near to white, or most have one gray at full scale."""
    flat = x[:: 1 + len(x) // MOST_JUDGED].reshape(-1, x[0].size)
    bright = np.quantile(flat, 1 - HOT, axis=1, method="lower")  # one hot pixel is not the image
    largest, spread = x.max(), float(np.median(bright - flat.min(axis=1)))
    if largest >= ImageReading.least_maximum and spread >= LEAST_SPREAD:
        return []
    found = f"the pixels of half of the images differ by {spread:g} or less"
    if largest < ImageReading.least_maximum:
        found = f"the largest pixel is {largest:g}"
    return [
        f"{found}, and white is 255; are the images scaled otherwise? Pretrained weights expect 0 "
        "to 255"
    ]


def _indices(
    y: np.ndarray, of: np.ndarray, split_of: Mapping[str, str], labels: bool
) -> tuple[dict[str, np.ndarray], str]:
    """The splits that the directories name, or by the fixed seed; and in words which."""
    there = set(of.tolist())
    if there == set(SPLIT_NAMES):
        return {split: np.flatnonzero(of == split) for split in SPLIT_NAMES}, "as named"
    held_out = there - {"", "train"}  # one of them, or none
    rest = np.flatnonzero(~np.isin(of, list(held_out)))
    parts, how = shuffled_split(y[rest], stratify=labels, test_given=bool(held_out))
    indices = {split: rest[part] for split, part in parts.items()}
    for split in held_out:
        indices["test"] = np.flatnonzero(of == split)
        name = next(name for name, known in split_of.items() if known == split)
        how = how.replace("test as given", f"test is {name}/")
    return indices, how
