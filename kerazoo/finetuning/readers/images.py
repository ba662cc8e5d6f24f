"""A directory of images: a directory per class, perhaps in ``train/`` and ``test/``."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.datasets._images import INVERT, Invert, LoadedImage, read_image
from kerazoo.errors import KerazooError, require_choice, require_whole
from kerazoo.finetuning.readers.reading import ImageReading
from kerazoo.finetuning.readers.user_data import (
    LEAST,
    UserData,
    as_data,
    data_reader,
    describe,
    listed,
    name_of,
    notes_on_classes,
    notes_on_copies,
    shuffled_split,
    sizes_line,
    take,
)

if TYPE_CHECKING:
    import numpy as np

SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
SPLITS = ("auto", "yes", "no")
LEAST_UNLABELED = 100  # images
LARGEST = 4096  # pixels a side
USUAL = 224  # most pixels a side, where no size is given
OFTEN = 1000  # images after which progress is shown


@dataclass(frozen=True)
class ImageFile:
    """An image file: the split that its directory names, or ``""``, and its class, or ``""``."""

    path: Path
    split: str = ""
    label: str = ""


@dataclass(frozen=True)
class Directory:
    """The image files of a directory, and how it was understood.

    Attributes:
        files: in the order of split, class and name.
        labels: names of the classes, sorted; empty for unlabeled images.
        roots: the directory of each split; ``""`` names all where no directories name splits.
        layout: how the directory was understood, in words.
        others: number of files that are not read, by kind.
    """

    files: tuple[ImageFile, ...]
    labels: tuple[str, ...]
    roots: Mapping[str, Path]
    layout: str
    others: Counter[str]


@dataclass(frozen=True)
class Images:
    """Images in memory, of one size.

    Attributes:
        x: uint8 ``(n, height, width, channels)``.
        files: the file of each.
        sizes: width and height of each file.
        modes: number of files with each of Pillow's modes.
        inverted: number of images that were inverted.
        problems: files that cannot be read, and why.
    """

    x: np.ndarray
    files: list[ImageFile] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    modes: Counter[str] = field(default_factory=Counter)
    inverted: int = 0
    problems: list[str] = field(default_factory=list)


@data_reader
def from_images(
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    invert: Invert = "auto",
    light_on_dark: bool = False,
    labels: bool = True,
    splits: str = "auto",
    progress: bool = False,
) -> UserData:
    """Read a directory of images with a directory per class, or of images without classes.

    ``train/``, ``validation/`` and ``test/`` may hold the directories of the classes. Where there
    are none, a fifth of each class is test and a tenth validation, by a fixed seed. With ``train/``
    and ``validation/`` only, ``validation/`` is the test split, as nothing is chosen on it, and a
    tenth of ``train/`` is validation.

    ``finetune`` reads the images again in the size, the channels and the light or dark background
    that its model takes, where these are not given.

    Args:
        path: the directory; nothing in it is changed.
        size: height and width that images are resized to, keeping their proportions; by default
            those of the first image, up to 224.
        channels: 1 for grayscale, 3 for color; by default those of the first image.
        invert: ``"auto"`` inverts images with a light background for a model that expects
            a dark one; or ``"yes"`` or ``"no"``.
        light_on_dark: the model expects light strokes on a dark background.
        labels: False takes all images without classes, to generate such images.
        splits: ``"yes"`` if directories named ``train`` and so on are splits, ``"no"`` if they are
            classes; ``"auto"`` decides by what they hold, or stops.
        progress: show how far a long reading is, on standard error.

    Raises:
        KerazooError: no directory, fewer than two classes, classes that differ between the splits,
            a class with fewer than three readable images, images one level too deep, or
            directories that may be splits or classes; fewer than 100 images without classes.
    """
    directory = Path(path)
    require_choice("invert", invert, INVERT)
    require_choice("splits", splits, SPLITS)
    found = _directory(directory, labels, splits)
    shape = _shape(found, size, channels)
    images = _read(found.files, shape, light_on_dark, invert, progress)
    skipped = _skipped_line(images, found)
    _reject_few(found, images, directory, skipped)
    of = [file.split for file in images.files]
    classes = _classes(found, images)
    data = as_data(
        describe(
            name_of(directory, "images"),
            "classification" if labels else "generation",
            f"{len(classes):,} images from {directory}",
            input_shape=shape,
            labels=found.labels,
            source=str(directory),
            light_on_dark=light_on_dark,
        ),
        take(images.x, classes, _indices(of, classes, stratify=labels)),
    )
    counts = Counter(file.label for file in images.files)
    return UserData(
        kind="images" if labels else "unlabeled_images",
        data=data,
        report=(
            f"{directory}: {_number(images.files)}{_counts(counts)}",
            found.layout,
            f"sizes: {_range(w for w, _ in images.sizes)} wide, "
            f"{_range(h for _, h in images.sizes)} high; modes: "
            + ", ".join(f"{mode} {n:,}" for mode, n in sorted(images.modes.items())),
            f"each is resized to {shape[1]} × {shape[0]} pixels, "
            f"{'grayscale' if shape[2] == 1 else 'color'}, proportions kept",
            *_inverted_line(images),
            f"split: {sizes_line(data)} ({_split_words(of, found.roots, labels)})",
        ),
        warnings=(
            *([skipped] if skipped else []),
            *(notes_on_classes(counts, "images") if labels else []),
            *notes_on_copies(data, "image"),
        ),
        skipped=tuple(images.problems),
        reading=ImageReading(invert=invert if labels else "no"),
    )


def _directory(directory: Path, labels: bool, splits: str) -> Directory:
    """The image files of a directory, from one walk through it."""
    if not directory.is_dir():
        there = "is a file" if directory.exists() else "does not exist"
        raise KerazooError(f"{directory} {there}; give the directory of the images.")
    paths, others, inner = _walk(directory)
    below = [path.relative_to(directory).parts for path in paths]
    top = sorted({parts[0] for parts in inner if parts})
    roots, layout = _roots(directory, top, below, labels, splits)
    of = {root.name: split for split, root in roots.items() if split}
    depth = 2 if of else 1  # of the images of a class
    names = sorted({parts[depth - 1] for parts in inner if len(parts) == depth and _in(parts, of)})
    if labels:
        _check_classes(directory, roots, names, inner, below)
    files = []
    for path, parts in zip(paths, below, strict=True):
        if not _in(parts, of):
            others["images outside the directories of the splits"] += 1
        elif not labels:
            files.append(ImageFile(path, of.get(parts[0], "")))
        elif len(parts) == depth + 1:
            files.append(ImageFile(path, of.get(parts[0], ""), parts[depth - 1]))
        else:
            others["images outside or below the directories of the classes"] += 1
    order = {split: place for place, split in enumerate(roots)}
    files.sort(key=lambda file: (order[file.split], file.label, file.path))
    return Directory(tuple(files), tuple(names) if labels else (), roots, layout, others)


def _walk(directory: Path) -> tuple[list[Path], Counter[str], list[tuple[str, ...]]]:
    """Image files, the numbers of other files by kind, and the parts of all directories."""
    from PIL import Image

    known = Image.registered_extensions()
    images, others, directories = [], Counter[str](), []
    for root, inner, names in os.walk(directory, followlinks=True):
        others["hidden directories"] += sum(d.startswith(".") for d in inner)
        inner[:] = sorted(d for d in inner if not d.startswith(".") and not _leads_up(root, d))
        directories.append(Path(root).relative_to(directory).parts)
        for path in (Path(root, name) for name in sorted(names)):
            suffix = path.suffix.lower()
            if path.name.startswith("."):
                others["hidden images"] += suffix in known and not path.name.startswith("._")
            elif not path.is_file():
                others["links to nothing"] += 1
            elif suffix not in known:
                others[f"{suffix} files" if suffix else "files without an ending"] += 1
            else:
                images.append(path)
    return images, +others, directories


def _leads_up(root: str, name: str) -> bool:
    """Whether a directory is a link to one that it lies in, where a walk would not end."""
    path = os.path.join(root, name)
    return os.path.islink(path) and Path(root).resolve().is_relative_to(Path(path).resolve())


def _in(parts: tuple[str, ...], of: Mapping[str, str]) -> bool:
    """Whether a path lies in the directory of a split, if there are such directories."""
    return not of or (len(parts) > 0 and parts[0] in of)


def _roots(
    directory: Path, top: list[str], images: list[tuple[str, ...]], labels: bool, splits: str
) -> tuple[dict[str, Path], str]:
    """The directory of each split, and in words how the directories were understood."""
    named = {
        name: split
        for split, names in SPLIT_NAMES.items()
        for name in top
        if name.lower() in names and splits != "no"
    }
    plain = "a directory is a class" if labels else "all images, without classes"
    if not named and splits != "yes":
        return {"": directory}, plain
    if splits != "yes" and labels:
        flat = {name for name in named if any(p[0] == name and len(p) == 2 for p in images)}
        nested = {name for name in named if any(p[0] == name and len(p) == 3 for p in images)}
        others = [n for n in top if n not in named and any(p[0] == n for p in images)]
        listing = " and ".join(f"{name}/" for name in named)
        if others and not nested:
            return {"": directory}, f"{plain}, also {listing}, which hold images directly"
        if flat or others or "train" not in named.values():
            raise KerazooError(
                f"{directory}: {listing} may be splits or classes. Give --splits yes (splits=) if "
                "they hold a directory per class, or --splits no if they are classes themselves."
            )
    elif "train" not in named.values() and splits != "yes":
        return {"": directory}, plain
    twice = [split for split, n in Counter(named.values()).items() if n > 1]
    if twice or "train" not in named.values():
        what = f"more than one directory for {twice[0]}" if twice else "no directory train/"
        raise KerazooError(f"{directory} has {what}; it has {', '.join(top) or 'none'}.")
    roots = {split: directory / name for name, split in named.items()}
    inside = "those in them the classes" if labels else "images have no classes"
    return roots, f"{', '.join(f'{root.name}/' for root in roots.values())} are splits, {inside}"


def _check_classes(
    directory: Path,
    roots: Mapping[str, Path],
    names: list[str],
    inner: list[tuple[str, ...]],
    images: list[tuple[str, ...]],
) -> None:
    """Raise KerazooError unless each split has the same two or more classes of images."""
    where = next(iter(roots.values()))
    parts = where.relative_to(directory).parts
    deeper = [p for p in inner if len(p) == len(parts) + 2 and p[: len(parts)] == parts]
    hint = f" Is the data one level deeper, in {where / deeper[0][-2]}?" if deeper else ""
    if len(names) < 2:
        raise KerazooError(
            f"{where} has {len(names)} directories in it; a class is a directory of images, and it "
            f"takes two or more: {where}/cat/…, {where}/dog/….{hint}"
        )
    for root in roots.values():
        parts = root.relative_to(directory).parts
        for name in names:
            if not name.isprintable():
                raise KerazooError(f"{root}: rename the directory {name!r}, which is no text.")
            if (*parts, name) not in inner:
                raise KerazooError(
                    f"{root} has no directory for the class {name!r}, which another split has; "
                    "each split needs the same classes."
                )
            below = [len(p) - len(parts) for p in images if p[: len(parts) + 1] == (*parts, name)]
            if below and min(below) > 2:
                raise KerazooError(
                    f"{root / name} holds no images, but directories that do; images must lie "
                    f"directly in the directory of their class.{hint}"
                )


def _shape(
    found: Directory, size: int | tuple[int, int] | None, channels: int | None
) -> tuple[int, int, int]:
    """Height, width and channels, those of the first image where they are not given."""
    from PIL import Image

    if size is None or channels is None:
        for file in found.files:
            try:
                with Image.open(file.path) as first:
                    scale = min(1.0, USUAL / max(first.size))
                    size = size or (round(first.height * scale), round(first.width * scale))
                    channels = channels or (1 if first.mode[0] in "1LI" else 3)
                    break
            except Exception:
                continue
    sides = size if isinstance(size, (tuple, list)) else [1 if size is None else size] * 2
    height, width = (require_whole("size", side, most=LARGEST) for side in sides)
    if channels not in (1, 3, None):
        raise KerazooError(f"channels is {channels!r}; give 1 or 3.")
    return height, width, channels or 1


def _read(
    files: tuple[ImageFile, ...],
    shape: tuple[int, int, int],
    light_on_dark: bool,
    invert: Invert,
    progress: bool,
) -> Images:
    import numpy as np

    def read(file: ImageFile) -> LoadedImage | str:
        try:
            return read_image(file.path, shape, light_on_dark=light_on_dark, invert=invert)
        except KerazooError as error:
            return str(error).removesuffix(".")  # they are listed
        except MemoryError:
            return f"{file.path} is too large for this machine's memory"

    x = np.empty((len(files), *shape), np.uint8)
    kept: list[ImageFile] = []
    sizes, modes, problems, inverted = [], Counter[str](), [], 0
    with ThreadPoolExecutor() as pool:
        for done, (file, image) in enumerate(zip(files, pool.map(read, files), strict=True), 1):
            if isinstance(image, str):
                problems.append(image)
            else:
                x[len(kept)] = image.pixels
                kept.append(file)
                sizes.append(image.size)
                modes[image.mode] += 1
                inverted += image.inverted
            if progress and done % OFTEN == 0:
                print(f"read {done:,} of {len(files):,} images", file=sys.stderr, flush=True)
    return Images(x[: len(kept)], kept, sizes, modes, inverted, problems)


def _reject_few(found: Directory, images: Images, directory: Path, skipped: str) -> None:
    """Raise KerazooError for a split, or a class of one, with too few readable images."""
    if not found.labels and len(images.files) < LEAST_UNLABELED:
        raise KerazooError(
            f"{directory} has {_number(images.files)} that can be read; to generate such images "
            f"takes {LEAST_UNLABELED} or more. {skipped}"
        )
    counts = Counter((file.split, file.label) for file in images.files)
    for split, root in found.roots.items():
        least = LEAST if found.labels and split in ("", "train") else 1
        for label in found.labels or ("",):
            if (count := counts[split, label]) < least:
                raise KerazooError(
                    f"{root / label} has {count} images that can be read; it needs at least "
                    f"{least}. {skipped}"
                )


def _classes(found: Directory, images: Images) -> np.ndarray:
    import numpy as np

    place = {label: i for i, label in enumerate(found.labels or ("",))}
    return np.array([place[file.label] for file in images.files], dtype=np.int64)


def _indices(of: list[str], classes: np.ndarray, stratify: bool) -> dict[str, np.ndarray]:
    """The splits that the directories name, or by the fixed seed."""
    import numpy as np

    named, there = np.array(of), set(of)
    if there == set(SPLIT_NAMES):
        return {split: np.flatnonzero(named == split) for split in SPLIT_NAMES}
    held_out = None if len(there) == 1 else named != "train"
    return shuffled_split(classes, stratify=stratify, held_out=held_out)


def _split_words(of: list[str], roots: Mapping[str, Path], labels: bool) -> str:
    there = set(of)
    if there == set(SPLIT_NAMES):
        return "as the directories say"
    if len(there) == 1:
        return "by a fixed seed" + ", each class alike" * labels
    held_out = roots[(there - {"train"}).pop()].name
    return f"test is {held_out}/, validation a tenth of {roots['train'].name}/ by a fixed seed"


def _counts(counts: Mapping[str, int]) -> str:
    each = [f"{label} {n:,}" for label, n in sorted(counts.items())]
    return f" of {len(each)} classes: {listed(each, 200)}" if len(each) > 1 else ""


def _inverted_line(images: Images) -> list[str]:
    if not images.inverted:
        return []
    return [
        f"{images.inverted:,} are inverted, as the model expects light strokes on a dark "
        "background (--invert no leaves them as they are)"
    ]


def _skipped_line(images: Images, found: Directory) -> str:
    """The numbers of files that are skipped, by kind; empty if there are none."""
    kinds = [f"{n:,} {kind}" for kind, n in found.others.most_common()]
    if images.problems:
        kinds.insert(0, f"{len(images.problems):,} unreadable: {listed(images.problems)}")
    return f"skipped: {'; '.join(kinds)}" if kinds else ""


def _number(files: list[ImageFile]) -> str:
    return "1 image" if len(files) == 1 else f"{len(files):,} images"


def _range(values: Iterable[int]) -> str:
    values = list(values)
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"
