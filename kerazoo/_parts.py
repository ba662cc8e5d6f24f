"""Parts of what is shown: text, code, bullets, tables and images.

Cards, the terminal and notebooks render the same parts.
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from kerazoo.errors import printable
from kerazoo.metrics import logged, metric, plain

LONG_TABLE = 30  # rows; a longer table is folded away until it is asked for
MAX_BYTES = 8_000_000  # of one image; a page must stay one that a browser opens


@dataclass(frozen=True)
class Text:
    """Paragraphs; ``style`` is empty, ``note`` or ``warning``."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Code:
    """Lines to copy, under a title that says what they do."""

    text: str
    title: str = ""
    language: str = ""


@dataclass(frozen=True)
class Bullets:
    """List of sentences."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Columns and rows of text.

    Attributes:
        columns: titles, in the order of need: a narrow screen leaves out the last ones.
        rows: one cell per column.
        numbers: indices of the columns that are aligned to the right.
        title: above the table.
        note: below the table.
        strong: indices of the rows that stand out.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    numbers: Sequence[int] = ()
    title: str = ""
    note: str = ""
    strong: Sequence[int] = ()

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Table:
        """A table of facts by name, without those that are an empty text."""
        return cls(("fact", "value"), [(k, str(v)) for k, v in facts.items() if v != ""])

    @property
    def filled(self) -> list[int]:
        """Indices of the columns that are not empty."""
        return [i for i in range(len(self.columns)) if any(row[i] != "" for row in self.rows)]


@dataclass(frozen=True)
class Image:
    """A plot: its caption, its file name and, where it is embedded, its bytes."""

    caption: str
    name: str
    content: bytes = b""

    @property
    def source(self) -> str:
        """Data URI of the embedded image."""
        kind = "svg+xml" if self.name.endswith(".svg") else "png"
        return f"data:image/{kind};base64,{base64.b64encode(self.content).decode()}"


Part = Text | Code | Bullets | Table | Image


@dataclass(frozen=True)
class Section:
    """Part of a card with a heading."""

    title: str
    parts: Sequence[Part]


class Shown(ABC):
    """A result with a one-line ``repr``, which a notebook shows with its tables and plots.

    A dataclass that is one has ``repr=False`` and overrides :meth:`_line` and :meth:`_parts`.
    """

    @abstractmethod
    def _line(self) -> str:
        """Name of the result and its value, in one line."""

    def _parts(self) -> Sequence[Part]:
        """Parts that a notebook shows below the line."""
        return ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({printable(' '.join(self._line().split()))})"

    def _repr_html_(self) -> str:
        return "\n".join([f"<p><code>{escape(repr(self))}</code></p>", *map(html, self._parts())])


def metrics_table(values: Mapping[str, float]) -> Table:
    """A table of metrics by name."""
    rows = [(metric(name).title, metric(name).show(value)) for name, value in values.items()]
    return Table(("metric", "value"), rows, [1])


def group_tables(metrics: Mapping[str, Any]) -> list[Table]:
    """Metrics of each class of a classifier, and of each of several series.

    Args:
        metrics: content of ``metrics.json``, or a part of it.
    """
    kinds = {"class": ("precision", "recall", "f1"), "series": ("mae_natural", "coverage", "mse")}
    tables = []
    for kind, names in kinds.items():
        measures, rows = [metric(name) for name in names], []
        for group, found in metrics.get(f"by_{kind}", {}).items():
            values = ((m, found.get(m.name)) for m in measures)
            shown = ("–" if value is None else m.show(value) for m, value in values)
            rows.append((group, *shown, f"{found['examples']:,}"))
        columns = (kind, *(m.title for m in measures), "test examples")
        tables += [Table(columns, rows, range(1, len(columns)), f"each {kind}")] * bool(rows)
    return tables


def epochs_table(history: Sequence[Mapping[str, float]], title: str = "") -> Table:
    """A table of epochs, each with what Keras logged."""
    names = list(history[0]) if history else []
    rows = [[logged(name, row[name]) for name in names] for row in history]
    return Table([*map(plain, names)], rows, range(len(names)), title)


def images(paths: Sequence[Path]) -> list[Image]:
    """The plots in files that are still there, embedded."""
    there = [p for p in paths if p.is_file() and p.stat().st_size <= MAX_BYTES]
    return [Image(path.stem.replace("_", " "), path.name, path.read_bytes()) for path in there]


def html(part: Part) -> str:
    """A part for a notebook, which brings its own style."""
    if isinstance(part, Image):
        return f'<img alt="{escape(part.caption)}" src="{part.source}" style="max-width: 100%">'
    if isinstance(part, Bullets):
        lines = "".join(f"<li>{escape(line)}</li>" for line in part.lines)
        return f"<ul>{lines}</ul>" if lines else ""
    if not isinstance(part, Table):
        return f"<pre>{escape(part.text)}</pre>" if isinstance(part, Code) else _paragraph(part)
    head = "".join(f"<th>{escape(str(name))}</th>" for name in part.columns)
    rows = ["".join(f"<td>{escape(_cell(cell))}</td>" for cell in row) for row in part.rows]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    note = _paragraph(Text(part.note)) if part.note else ""
    if len(rows) > LONG_TABLE:
        return f"<details><summary>{escape(part.title)}</summary>{table}</details>{note}"
    title = _paragraph(Text(part.title)) if part.title else ""
    return title + table + note


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _paragraph(part: Text) -> str:
    return f"<p>{escape(part.text)}</p>"
