"""The pictures of an entry's first recorded run, small enough to come with the package."""

from __future__ import annotations

import io
from pathlib import Path

from kerazoo import registry
from kerazoo._files import write_bytes
from kerazoo.spec import Entry

WIDEST = 1_000  # pixels
COLOURS = 48
ROUNDS = 3  # of k-means
MISTAKES = "worst_mistakes.png"  # shows test pictures, which not everybody may hand on


def folder_of(entry: Entry) -> Path:
    """Where an entry's pictures lie, whether there are any or not."""
    return registry.get_model(entry.model).evidence / "references" / "pictures" / entry.name


def keep(entry: Entry, run: Path, *, all_there: bool = True) -> None:
    """Write the pictures of a run in few colours, and remove those of an earlier one.

    With ``all_there=False`` the folder holds some of a run's pictures, and the others stay.
    """
    folder = folder_of(entry)
    found = {path.name: path for path in sorted(run.glob("*.png"))}
    if registry.get_dataset(entry.dataset).licence.startswith("not stated"):
        found.pop(MISTAKES, None)
    for name, path in found.items():
        write_bytes(folder / name, _small(path))
    for old in folder.glob("*.png") if all_there else ():
        if old.name not in found:
            old.unlink()


def kept(entry: Entry) -> list[Path]:
    """The pictures that come with an entry, by name."""
    return sorted(folder_of(entry).glob("*.png"))


def _small(path: Path) -> bytes:
    from PIL import Image

    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    if picture.width > WIDEST:
        height = round(picture.height * WIDEST / picture.width)
        picture = picture.resize((WIDEST, height), Image.Resampling.LANCZOS)
    # Median cut gives its colours to what covers much, which thin lines do not: it drew them grey.
    few = picture.quantize(
        COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=ROUNDS, dither=Image.Dither.NONE
    )
    content = io.BytesIO()
    few.save(content, "PNG", optimize=True)
    return content.getvalue()
