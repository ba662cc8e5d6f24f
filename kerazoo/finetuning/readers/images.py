"""A folder of pictures: a folder per class, or train/ and test/ folders of such folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo.datasets._images import INVERT, Invert, LoadedImage, read_image
from kerazoo.errors import KerazooError, require_choice
from kerazoo.finetuning.readers.user_data import (
    Own,
    as_data,
    listed,
    name_of,
    notes_on_classes,
    notes_on_copies,
    own_dataset,
    shuffled_split,
    sizes_line,
)
from kerazoo.spec import Data, Split

if TYPE_CHECKING:
    import numpy as np

SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
LEAST = 3  # pictures of a class: one for each split
MANY = 1000  # pictures, from which on progress is shown
SHOWN = 5  # files that cannot be read, named where there are more


@dataclass(frozen=True)
class PictureFolder:
    """The pictures of a folder, at one size.

    Attributes:
        x: uint8 ``(n, height, width, channels)``.
        y: int64 ``(n,)``, indices of ``labels``; zeros where there are no classes.
        labels: names of the classes, sorted.
        split: of each picture: the split that its folder names, or ``""``.
        sizes: width and height of each file.
        modes: how many files have each of Pillow's modes.
        inverted: of how many pictures dark and light were exchanged.
        problems: what could not be read, with its reason.
        aside: what was not looked at, by kind: ``.heic files``, ``folders in a class``.
        lost: which of that are pictures by their name, and why.
    """

    x: np.ndarray
    y: np.ndarray
    labels: tuple[str, ...]
    split: tuple[str, ...]
    sizes: list[tuple[int, int]]
    modes: dict[str, int]
    inverted: int
    problems: list[str] = field(default_factory=list)
    aside: Counter[str] = field(default_factory=Counter)
    lost: tuple[str, ...] = ()


def classes_from_folder(
    folder: Path,
    shape: tuple[int, int, int],
    *,
    light_on_dark: bool = False,
    invert: Invert = "auto",
    tell: Callable[[str], Any] = print,
) -> Own:
    """Pictures by class, split and ready to train on.

    Without folders that name the splits, a fifth of each class is test and a tenth validation, by
    a fixed seed. With ``train/`` and ``validation/`` only, ``validation/`` is what is measured at
    the end; nothing is chosen on it, and a tenth of ``train/`` takes its place. With ``train/``
    and ``test/`` only, that tenth is validation too.

    Args:
        folder: the folder; nothing in it is changed.
        shape: ``(height, width, channels)`` that every picture is brought to.
        light_on_dark: the model expects light strokes on a dark ground.
        invert: see :func:`kerazoo.datasets._images.read_image`.
        tell: is told how far a long reading is.

    Raises:
        KerazooError: no folder, fewer than two classes, classes that differ between the splits,
            a class with fewer than three readable pictures, or pictures one level too deep.
    """
    require_choice("invert", invert, INVERT)
    files, labels, aside = _files(folder)
    read = _read(files, labels, shape, light_on_dark, invert, tell)
    read = replace(read, aside=aside, lost=_lost(_in_classes(folder, labels)))
    roots = _split_folders(folder) or {"": folder}
    _refuse_small_classes(roots, read)
    splits = _splits(read)
    info = own_dataset(
        name_of(folder),
        "classification",
        f"{len(read.x):,} pictures of {len(labels)} classes from {folder}",
        input_shape=shape,
        labels=labels,
        source=str(folder),
        light_on_dark=light_on_dark,
    )
    data = as_data(info, splits)
    return Own(
        data=data,
        found=_found(read, data, folder, roots),
        warnings=_warnings(read, data),
        left_out=(*read.problems, *read.lost),
        treatment={"kind": "pictures", "invert": invert},
    )


def pictures_from_folder(
    folder: Path, shape: tuple[int, int, int], *, tell: Callable[[str], Any] = print
) -> Own:
    """All pictures of a folder and of the folders in it, without classes, to draw such pictures.

    Folders ``train/``, ``validation/`` and ``test/`` are kept apart, as those of classes are.

    Raises:
        KerazooError: no folder, or fewer than 100 readable pictures.
    """
    _require_folder(folder)
    everything = sorted(folder.rglob("*"))
    found = [p for p in everything if _is_visible(p, folder) and _exists(p) and p.is_file()]
    roots = _split_folders(folder, of_classes=False)
    of = {root: split for split, root in roots.items()}
    split_of = {p: of.get(folder / p.relative_to(folder).parts[0], "") for p in found}
    files = [(split_of[p], 0, p) for p in found if _may_be_picture(p) and (split_of[p] or not of)]
    aside = Counter(_kind(p) for p in found if not _may_be_picture(p))
    aside["pictures outside the folders of the splits"] = sum(
        _may_be_picture(p) for p in found if of and not split_of[p]
    )
    lost = _lost([p for p in everything if _is_visible(p.parent, folder)])
    aside["hidden pictures and links to nothing"] = len(lost)
    aside = +aside
    read = replace(_read(files, ("picture",), shape, False, "no", tell), aside=aside, lost=lost)
    if len(read.x) < 100:
        raise KerazooError(
            f"{folder} has {len(read.x)} readable pictures; to learn to draw them takes 100 or "
            f"more. {_problem_line(read)}".strip()
        )
    for split, root in roots.items():
        if split not in read.split:
            raise KerazooError(f"{root} has no picture that can be read. {_problem_line(read)}")
    splits = _splits(read, stratify=False)
    info = own_dataset(
        name_of(folder),
        "generation",
        f"{len(read.x):,} pictures from {folder}",
        input_shape=shape,
        source=str(folder),
        metric="fd_pixels_pca64",
    )
    data = as_data(info, splits)
    return Own(
        data=data,
        found=_found(read, data, folder, roots),
        warnings=_warnings(read, data),
        left_out=(*read.problems, *read.lost),
        treatment={"kind": "pictures", "invert": "no"},
    )


def _require_folder(folder: Path) -> None:
    if not folder.exists():
        raise KerazooError(f"there is no folder {folder}.")
    if not folder.is_dir():
        raise KerazooError(f"{folder} is a file; give the folder that holds a folder per class.")


def _is_visible(path: Path, root: Path) -> bool:
    return not any(part.startswith(".") for part in path.relative_to(root).parts)


def _may_be_picture(path: Path) -> bool:
    from PIL import Image

    return path.suffix.lower() in Image.registered_extensions()


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, sorted, without hidden names and links that lead nowhere."""
    return [p for p in sorted(folder.iterdir()) if not p.name.startswith(".") and _exists(p)]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a link that leads round in a circle
        return False


def _subfolders(folder: Path) -> list[Path]:
    return [p for p in _entries(folder) if p.is_dir()]


def _files(
    folder: Path,
) -> tuple[list[tuple[str, int, Path]], tuple[str, ...], Counter[str]]:
    """(split, class, path) of every picture file, the classes, and what lies beside them."""
    _require_folder(folder)
    named = _split_folders(folder)
    roots = named or {"": folder}
    classes = {split: [c.name for c in _subfolders(root)] for split, root in roots.items()}
    labels = tuple(sorted({name for names in classes.values() for name in names}))
    if len(labels) < 2:
        where = next(iter(roots.values()))
        raise KerazooError(
            f"{where} has {'one folder' if labels else 'no folder'} in it; a class is a folder of "
            f"pictures, and it takes two or more: {where}/cat/…, {where}/dog/…"
            + _one_deeper(where, labels)
        )
    for label in labels:
        if not label.isprintable():
            raise KerazooError(
                f"{folder}: the name of the folder {label!r} cannot be written as text; rename it."
            )
    for split, names in classes.items():
        missing = sorted(set(labels) - set(names))
        if missing:
            raise KerazooError(
                f"{roots[split]} has no folder for the class "
                f"{listed([repr(m) for m in missing])}, which another split has; each split needs "
                "the same classes."
            )
    files = [
        (split, number, path)
        for split, root in roots.items()
        for number, label in enumerate(labels)
        for path in _pictures_of_class(root / label)
    ]
    pictures = {path for *_, path in files}
    aside = Counter(
        _kind(path)
        for root in roots.values()
        for label in labels
        for path in (root / label).iterdir()
        if path not in pictures and not _is_litter(path)
    )
    loose = [p for f in {folder, *roots.values()} for p in _entries(f) if not p.is_dir()]
    aside["pictures outside the folders of the classes"] = sum(map(_may_be_picture, loose))
    hidden = [p for root in roots.values() for p in root.glob(".*") if p.is_dir()]
    aside["hidden folders of pictures"] = sum(map(_holds_pictures, hidden))
    aside = +aside
    return files, labels, aside


def _holds_pictures(folder: Path) -> bool:
    try:
        return any(map(_may_be_picture, folder.iterdir()))
    except OSError:  # it is the system's own
        return False


def _in_classes(folder: Path, labels: tuple[str, ...]) -> list[Path]:
    roots = _split_folders(folder).values() or [folder]
    return [p for root in roots for label in labels for p in sorted((root / label).iterdir())]


def _lost(there: list[Path]) -> tuple[str, ...]:
    """Which files are pictures by their name and cannot even be opened, and why."""
    why = {True: "hidden: its name begins with a dot", False: "a link to nothing"}
    return tuple(
        f"{path} is {why[_exists(path)]}"
        for path in there
        if _may_be_picture(path) and not _is_litter(path)
        if path.name.startswith(".") or not _exists(path)
    )


def _is_litter(path: Path) -> bool:
    """Whether a system left a file there: of what is hidden only pictures may have been meant."""
    return path.name.startswith(".") and (
        path.name.startswith("._") or not _may_be_picture(path)  # ._x: macOS, about the file x
    )


def _one_deeper(folder: Path, labels: tuple[str, ...]) -> str:
    """A hint where the classes seem to lie in the one folder that there is."""
    inner = folder / labels[0] if labels else None
    if inner is None or len(_subfolders(inner)) < 2:
        return ""
    return f" Do the classes lie in {inner}? Then give that folder."


def _kind(path: Path) -> str:
    if path.name.startswith("."):
        return "hidden pictures"
    if not _exists(path):
        return "links that lead nowhere"
    if path.is_dir():
        return "folders in a class"
    return f"{path.suffix.lower()} files" if path.suffix else "files without an ending"


def _split_folders(folder: Path, *, of_classes: bool = True) -> dict[str, Path]:
    """The folders that name splits, if there is one for training.

    Args:
        folder: that they lie in.
        of_classes: they must hold folders. ``{train, truck}`` may be two classes: splits hold
            folders, classes hold pictures.
    """
    found: dict[str, Path] = {}
    for path in _subfolders(folder):
        for split, names in SPLIT_NAMES.items():
            if path.name.lower() in names:
                if split in found:
                    raise KerazooError(
                        f"{folder} has both {found[split].name}/ and {path.name}/; keep one."
                    )
                found[split] = path
    if "train" not in found:
        return {}
    if of_classes and not all(_subfolders(path) for path in found.values()):
        return {}
    return {split: found[split] for split in SPLIT_NAMES if split in found}


def _pictures_of_class(folder: Path) -> Iterator[Path]:
    entries = _entries(folder)
    pictures = [p for p in entries if p.is_file() and _may_be_picture(p)]
    if not pictures and any(p.is_dir() for p in entries):
        raise KerazooError(
            f"{folder} holds folders, but no pictures; pictures must lie directly in the folder of "
            "their class. Is the data one level deeper? Then give that folder."
        )
    yield from pictures


def _read(
    files: list[tuple[str, int, Path]],
    labels: tuple[str, ...],
    shape: tuple[int, int, int],
    light_on_dark: bool,
    invert: Invert,
    tell: Callable[[str], Any],
) -> PictureFolder:
    import numpy as np

    def read(path: Path) -> LoadedImage | str:
        try:
            return read_image(path, shape, light_on_dark=light_on_dark, invert=invert)
        except KerazooError as error:
            return str(error).removesuffix(".")  # they are listed
        except MemoryError:
            return f"{path} is too large for this machine's memory"

    x = np.empty((len(files), *shape), np.uint8)
    kept: list[int] = []
    sizes, modes, problems, inverted = [], Counter[str](), [], 0
    with ThreadPoolExecutor() as pool:
        for done, said in enumerate(pool.map(read, (path for *_, path in files)), start=1):
            if isinstance(said, str):
                problems.append(said)
            else:
                x[len(kept)] = said.pixels
                kept.append(done - 1)
                sizes.append(said.size)
                modes[said.mode] += 1
                inverted += said.inverted
            if done % MANY == 0:
                tell(f"read {done:,} of {len(files):,} pictures")
    y = np.array([files[i][1] for i in kept], dtype=np.int64)
    split = tuple(files[i][0] for i in kept)
    return PictureFolder(x[: len(kept)], y, labels, split, sizes, dict(modes), inverted, problems)


def _refuse_small_classes(roots: Mapping[str, Path], read: PictureFolder) -> None:
    """Raise KerazooError for a class of a split, or of all, with too few readable pictures."""
    import numpy as np

    of = np.array(read.split, dtype=str)
    for split, where in roots.items():
        counts = np.bincount(read.y[of == split], minlength=len(read.labels))
        least = 1 if split in ("validation", "test") else LEAST
        for label, count in zip(read.labels, counts, strict=True):
            if count < least:
                wanted = "one" if least == 1 else f"{least}, better 20 or more"
                raise KerazooError(
                    f"class {label!r} in {where} has {_pictures(int(count))} that can be read; it "
                    f"needs at least {wanted}. {_problem_line(read)}".strip()
                )


def _splits(read: PictureFolder, *, stratify: bool = True) -> dict[str, Split]:
    """The splits that the folders name, or by the fixed seed."""
    import numpy as np

    of = np.array(read.split)
    there = set(read.split)
    if there in ({""}, {"train"}):
        indices = shuffled_split(read.y, stratify=stratify)
    elif there == {"train", "validation", "test"}:
        indices = {name: np.flatnonzero(of == name) for name in there}
    else:
        indices = shuffled_split(read.y, stratify=stratify, held_out=of != "train")
    return {name: Split(read.x[i], read.y[i]) for name, i in indices.items()}


def _found(
    read: PictureFolder, data: Data, folder: Path, roots: Mapping[str, Path]
) -> tuple[str, ...]:
    import numpy as np

    height, width, channels = data.info.input_shape
    counts = np.bincount(read.y, minlength=len(read.labels))
    each = [f"{label} {count:,}" for label, count in zip(read.labels, counts, strict=True)]
    widths, heights = zip(*read.sizes, strict=True)
    classes = f" of {len(each)} classes: {listed(each, 200)}" if len(each) > 1 else ""
    lines = [
        f"{folder}: {_pictures(len(read.x))}{classes}",
        f"sizes: {_range(widths)} wide, {_range(heights)} high; kinds: "
        + ", ".join(f"{mode} {n:,}" for mode, n in sorted(read.modes.items())),
        f"each is brought to {width} × {height}, {'grey' if channels == 1 else 'colour'}, "
        "proportions kept",
    ]
    if read.inverted:
        lines.append(
            f"dark and light exchanged in {read.inverted:,}, since the model knows light strokes "
            "on a dark ground (--invert no: leave as it is)"
        )
    there = set(read.split)
    if there == {""}:
        how = "by a fixed seed" + ", each class alike" * (len(read.labels) > 1)
    elif there == {"train", "validation", "test"}:
        how = "as the folders say"
    elif there == {"train"}:
        how = f"of {roots['train'].name}/ by a fixed seed" + ", each class alike" * (
            len(read.labels) > 1
        )
    else:
        held_out = (there - {"train"}).pop()
        test, train = roots[held_out].name, roots["train"].name
        how = f"test is {test}/, validation a tenth of {train}/ by a fixed seed"
    lines.append(f"split: {sizes_line(data)} ({how})")
    return tuple(lines)


def _warnings(read: PictureFolder, data: Data) -> tuple[str, ...]:
    import numpy as np

    lines = []
    if read.problems or read.aside:
        unnamed = len(read.problems) > SHOWN or read.lost
        more = " (all of them: left_out.txt in the run folder)" if unnamed else ""
        lines.append(_problem_line(read) + more)
    counts = np.bincount(read.y, minlength=len(read.labels)).tolist()
    lines += notes_on_classes(dict(zip(read.labels, counts, strict=True)), "pictures")
    return (*lines, *notes_on_copies(data, "picture"))


def _problem_line(read: PictureFolder) -> str:
    """What was left out and why; empty if nothing was."""
    said = []
    if read.problems:
        n = len(read.problems)
        files = "1 file cannot be read and is" if n == 1 else f"{n:,} files cannot be read and are"
        said.append(f"{files} left out: {listed(read.problems, SHOWN)}")
    if read.aside:
        kinds = [f"{n:,} {kind}" for kind, n in read.aside.most_common()]
        said.append(f"not looked at: {listed(kinds)}")
    return "; ".join(said)


def _pictures(n: int) -> str:
    return "1 picture" if n == 1 else f"{n:,} pictures"


def _range(values: tuple[int, ...]) -> str:
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"
