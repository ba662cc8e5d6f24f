"""HTML from texts: whatever is not markup already is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence


class Markup(str):
    """Text that is HTML already; any other text is escaped."""


def escape(text: object) -> str:
    """Text as HTML: markup is kept, everything else is escaped."""
    return text if isinstance(text, Markup) else html.escape(str(text))


def tag(name: str, content: object, kind: str = "") -> Markup:
    """``<name class="kind">content</name>``."""
    attribute = f' class="{kind}"' if kind else ""
    return Markup(f"<{name}{attribute}>{escape(content)}</{name}>")


def inline(text: str) -> Markup:
    """One paragraph of a docstring: ``code`` between double backticks."""
    parts = re.split(r"``(.+?)``", text)
    return Markup("".join(tag("code", p) if i % 2 else html.escape(p) for i, p in enumerate(parts)))


def prose(docstring: str) -> str:
    """A docstring: its paragraphs flow, its indented sections stay as they are."""
    parts = re.split(r"\n\s*\n", docstring.strip())
    return "\n".join(
        tag("pre", part, "doc") if re.search(r"\n\s", part) else tag("p", inline(part))
        for part in parts
    )


def table(
    head: Sequence[object], rows: Iterable[Sequence[object]], numbers: Iterable[int] = ()
) -> Markup:
    """A table; ``numbers`` are the columns that are set to the right, counted from 0."""
    right = set(numbers)

    def cells(kind: str, row: Sequence[object]) -> str:
        return "".join(tag(kind, c, "number" if i in right else "") for i, c in enumerate(row))

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return Markup(
        f'<div class="scroll"><table><thead><tr>{cells("th", head)}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def bullets(lines: Sequence[str]) -> str:
    """A list; empty if there are no lines."""
    return "<ul>\n" + "\n".join(tag("li", line) for line in lines) + "\n</ul>" if lines else ""


def folded(title: str, body: str, *, shut: bool) -> Markup:
    """What a click on its title opens and shuts; ``body`` is HTML."""
    opened = "" if shut else " open"
    return Markup(f"<details{opened}><summary>{escape(title)}</summary>\n{body}\n</details>")
