"""Report on user data before anything is trained."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kerazoo._files import write_text
from kerazoo._lazy import Figure, np, pd
from kerazoo._parts import Bullets, Part, Shown, Table
from kerazoo.errors import KerazooError, printable
from kerazoo.finetuning import checks
from kerazoo.finetuning.readers._csv import FIRST_LINE
from kerazoo.finetuning.readers.choose import read_alone
from kerazoo.finetuning.readers.user_data import EXAMPLE, UserData, listed
from kerazoo.plots.figure import save
from kerazoo.plots.images import MAX_IMAGES, sheet

MAX_SHOWN = 20  # suspects in a table
MAX_GROUP = 3  # examples of a group of copies in a note
# Shares of the labels that the quick model agrees with: below the first it tells wrong labels from
# hard examples poorly, below the second not at all.
FEW, TOO_FEW = 0.85, 0.7


@dataclass(frozen=True)
class Example:
    """One example.

    Attributes:
        name: the file, from the directory of the data on; the line of the CSV file, which is the
            test file for the test split if there is one; of data in memory the index.
        split: ``train``, ``validation`` or ``test``.
        place: index in its split.
        label: class; empty without classes.
    """

    name: str
    split: str
    place: int
    label: str


@dataclass(frozen=True)
class Copies:
    """Examples that are identical, or nearly.

    Attributes:
        examples: two or more.
        identical: all are identical.
    """

    examples: tuple[Example, ...]
    identical: bool

    @property
    def splits(self) -> set[str]:
        """Splits that they are in."""
        return {e.split for e in self.examples}

    @property
    def labels(self) -> set[str]:
        """Classes that they have."""
        return {e.label for e in self.examples}


@dataclass(frozen=True)
class Suspect:
    """An example whose label is probably wrong.

    Attributes:
        example: with the label that it has.
        suggested: the most probable class.
        given_probability: of the label that it has.
        suggested_probability: likewise.
    """

    example: Example
    suggested: str
    given_probability: float
    suggested_probability: float


@dataclass(frozen=True, repr=False)
class Inspection(Shown):
    """Content of user data, and what may be wrong with it; ``print`` shows it.

    Attributes:
        data: as it was read, with the reader's report and notes.
        checked: what was looked for, a line each.
        notes: what was found, a line each.
        copies: groups of identical or nearly identical examples; those in several splits first.
        leaks: columns that give the target away, with balanced accuracy or R² of a model of that
            column alone.
        suspects: the most certain first; None if labels were not checked.
    """

    data: UserData
    checked: tuple[str, ...]
    notes: tuple[str, ...]
    copies: tuple[Copies, ...]
    leaks: Mapping[str, float]
    suspects: tuple[Suspect, ...] | None

    def _line(self) -> str:
        found = len(self.data.warnings) + len(self.notes)
        return f"{self.data._line()}; {found} notes"

    @property
    def lines(self) -> list[str]:
        """How the data was read, what was checked, and the notes."""
        noted = [f"note: {line}" for line in (*self.data.warnings, *self.notes)]
        return [printable(line) for line in (*self.data.report, *self.checked, *noted)]

    @property
    def tables(self) -> list[Table]:
        """The examples of each class in each split; suspects."""
        splits, found = checks.splits_of(self.data), []
        if self.classes:
            rows = [(label, *map("{:,}".format, n.values())) for label, n in self.classes.items()]
            found.append(Table(("class", *splits), rows, range(1, 4)))
        if self.suspects:
            n, rows = len(self.suspects), self.frame.head(MAX_SHOWN).itertuples(index=False)
            cells = [(*map(str, row[:4]), *map("{:.0%}".format, row[4:])) for row in rows]
            title = f"labels that are probably wrong: {len(cells):,} of {n:,}, most certain first"
            found.append(Table(list(self.frame.columns), cells, [4, 5], title))
        return found

    @property
    def classes(self) -> dict[str, dict[str, int]]:
        """Number of examples of each class in each split; empty without classes."""
        if not (labels := checks.classes_of(self.data)):
            return {}
        splits = checks.splits_of(self.data).items()
        counts = {name: np.bincount(s.y, minlength=len(labels)).tolist() for name, s in splits}
        return {label: {name: n[i] for name, n in counts.items()} for i, label in enumerate(labels)}

    def _parts(self) -> list[Part]:
        return [Bullets(self.lines), *self.tables]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    @property
    def frame(self) -> pd.DataFrame:
        """The suspects: name, split, label, suggested class and both probabilities."""
        columns = [_unit(self.data), "split", "label", "suggested", "p(label)", "p(suggested)"]
        rows = [
            (
                *(s.example.name, s.example.split, s.example.label, s.suggested),
                *(s.given_probability, s.suggested_probability),
            )
            for s in self.suspects or ()
        ]
        return pd.DataFrame(rows, columns=columns)

    def write(self, path: str | Path) -> list[Path]:
        """Write the suspects, if any, as CSV and the first images as PNG; returns the files."""
        if not self.suspects:
            return []
        files = [Path(path)]
        write_text(files[0], self.frame.to_csv(index=False, float_format="%.4f"))
        if self.data.kind == "images":
            files.append(files[0].with_suffix(".png"))
            save(self._contact_sheet(), files[1])
        return files

    def _contact_sheet(self) -> Figure:
        assert self.suspects
        first = self.suspects[:MAX_IMAGES]
        splits = checks.splits_of(self.data)
        pixels = [splits[s.example.split].x[s.example.place] for s in first]
        titles = [
            f"{s.example.label} ({s.given_probability:.0%})\n"
            f"→ {s.suggested} ({s.suggested_probability:.0%})"
            for s in first
        ]
        title = (
            f"{self.data.data.info.name}: {len(first)} of {len(self.suspects):,} labels in doubt"
        )
        return sheet(title, pixels, titles)

    def as_json(self) -> dict[str, Any]:
        """Output of ``kerazoo inspect --json``."""
        return {
            "kind": self.data.kind,
            "splits": {name: s.examples for name, s in checks.splits_of(self.data).items()},
            "report": [*self.data.report, *self.checked],
            "notes": [*self.data.warnings, *self.notes],
            "classes": self.classes,
            "copies": [asdict(group) for group in self.copies],
            "leaks": dict(self.leaks),
            "suspects": None if self.suspects is None else [asdict(s) for s in self.suspects],
        }


def inspect_data(
    data: Any, *, label_errors: bool = False, progress: bool = False, **reading: Any
) -> Inspection:
    """Read user data as ``finetune`` does, and say how it was read and what may be wrong with it.

    Nothing is trained but small models of scikit-learn, and nothing is written. A directory holds
    images. A CSV file or DataFrame is a table, with ``text=`` texts, with ``horizon=`` a series,
    with ``files=`` images.

    Args:
        data: what :func:`kerazoo.finetune` takes.
        label_errors: look for labels that are probably wrong.
        progress: show how far a long reading is, on standard error.
        **reading: options of the reader, such as ``target=``.

    Raises:
        KerazooError: what the reader raises; ``label_errors`` of data without classes.
    """
    user = read_alone(data, reading, progress)
    if hasattr(user.source[0], "element_spec"):
        raise KerazooError("the examples of a tf.data.Dataset have no order; give arrays (x, y).")
    if label_errors and not checks.classes_of(user):
        raise KerazooError(f"the data has no classes, so no label can be checked ({user.kind}).")
    if user.kind == "series":
        return Inspection(user, ("a series is read, but not checked",), (), (), {}, None)
    checked = []
    if user.reader.__name__ == "from_table":
        checked.append("read as a table; --text reads texts, --horizon a series, --files images")
    example, word = partial(_example, user), EXAMPLE[user.kind]
    groups, compared = checks.copies(user)
    copies = [Copies(tuple(map(example, group.tolist())), same) for group, same in groups]
    copies.sort(key=lambda c: (-len(c.splits), -len(c.labels), not c.identical))
    checked.append(f"searched for copies: {compared}")
    notes = _copy_notes(copies, word, user)
    leaks = checks.leaks(user)
    how = "balanced accuracy" if checks.classes_of(user) else "R²"
    notes += [
        f"{name} alone predicts the target: {how} {value:.3f}. Is it known before the target is?"
        for name, value in leaks.items()
    ]
    if user.kind in ("images", "unlabeled_images"):
        line, of_one_color = checks.brightness(user)
        checked.append(f"brightness: {line}")
        empty = [example(place).name for place in of_one_color.tolist()]
        notes += [f"{len(empty):,} images are of one color: {listed(empty)}"] * bool(empty)
    suspects = None
    if label_errors:
        suspects, line = _suspects(user)
        notes.append(line)
    return Inspection(user, tuple(checked), tuple(notes), tuple(copies), leaks, suspects)


def _example(user: UserData, place: int) -> Example:
    """The example at a place among all, split by split."""
    labels, shift = checks.classes_of(user), FIRST_LINE if _unit(user) == "index" else 0
    splits = checks.splits_of(user)
    split, *later = splits
    while place >= splits[split].examples:
        place -= splits[split].examples
        split = later.pop(0)
    name = user.names[split][place]
    label = labels[splits[split].y[place]] if labels else ""
    return Example(str(name if isinstance(name, str) else name - shift), split, place, label)


def _unit(user: UserData) -> str:
    """Meaning of an example's name."""
    if user.reader.__name__ == "from_images":
        return "file"
    return "line" if isinstance(user.source[0], (str, os.PathLike)) else "index"


def _copy_notes(copies: list[Copies], word: str, user: UserData) -> list[str]:
    """A line for the groups of identical examples, and for those of nearly identical ones."""
    notes = []
    for identical, how in ((True, "identical"), (False, "nearly identical")):
        if not (groups := [c for c in copies if c.identical is identical]):
            continue
        members = sum(len(c.examples) for c in groups)
        across = sum(len(c.splits) > 1 for c in groups)
        torn = sum(len(c.labels) > 1 for c in groups)
        shown = listed([_shown(c, _unit(user)) for c in groups], 3)
        line = f"{members:,} {word}s are {how} to others, as a model reads them"
        line += f"; {len(groups):,} group{'s' * (len(groups) > 1)}"
        line += f", {across:,} in several splits, where results are too good" * (across > 0)
        line += f", {torn:,} of several classes" * (torn > 0)
        notes.append(f"{line}: {shown}")
    return notes


def _shown(group: Copies, unit: str) -> str:
    names = [f"{e.name} ({e.split})" for e in group.examples]
    word = {"line": "lines ", "index": "indices "}.get(unit, "")
    return word + listed(names, MAX_GROUP, " = ")


def _suspects(user: UserData) -> tuple[tuple[Suspect, ...], str]:
    """Suspects, and a line that says how far they can be relied on."""
    labels = checks.classes_of(user)
    y = np.concatenate([s.y for s in checks.splits_of(user).values()])
    p = checks.probabilities(user)
    best = p.argmax(axis=1)
    agree = float((best == y).mean())
    with_it = f"the quick model behind this agrees with {agree:.0%} of all labels"
    if agree < TOO_FEW:
        return (), f"wrong labels are not told from hard examples: {with_it}"
    found = checks.label_errors(p, y)
    suspects = tuple(
        Suspect(_example(user, i), labels[best[i]], float(p[i, y[i]]), float(p[i, best[i]]))
        for i in found.tolist()
    )
    line = f"{len(suspects):,} labels are probably wrong; {with_it}"
    return suspects, line + ", so that many of these may be right" * (agree < FEW)
