"""Reads HTML strictly, and opens pages in a real browser."""

from __future__ import annotations

import html
import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

import pytest

VOID = {"wbr", "meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """HTML that loads nothing from outside, closes every tag, and has no empty column.

    Attributes:
        tags: every opening tag.
        links: addresses of other pages.
        text: all words of the body.
    """

    def __init__(self, source: str, scripts: int = 0):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(source)
        self.close()
        assert not self.open, f"never closed: {self.open}"
        assert self.tags.count("script") == scripts
        assert "url(" not in source and "@import" not in source
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "data"):
                if tag == "a" and value.endswith(".html") and "/" not in value:
                    self.links.append(value.replace("%40", "@"))
                else:
                    assert value.startswith(("#", "data:image/")), value
        if tag == "table":
            self.rows = []
        elif tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"
        if tag == "table":
            assert all(map(any, zip(*filter(None, self.rows), strict=True))), "an empty column"

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)
        if "td" in self.open:
            self.rows[-1][-1] += data.strip()


# Fills the body with the width that the page in each frame needs, and its code without a button.
LOOK = """<script>onload = () => document.body.textContent = JSON.stringify(
    [...document.querySelectorAll("iframe")].map(({contentDocument: page}) => [
        page.documentElement.scrollWidth,
        page.querySelectorAll("pre.copy").length
            - page.querySelectorAll("pre.copy + button").length,
    ])
)</script>"""


def look_in_a_browser(pages: Iterable[Path], folder: Path) -> None:
    """Assert that pages fit a wide and a narrow screen, dark and light, in Chromium.

    Each is a frame of one page. Their scripts have made the copy buttons, and no error is logged.
    """
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("chromium is not installed")
    shown = list(itertools.product(pages, (1280, 390), ("light", "dark")))
    frames = (
        f'<iframe width="{width}" frameborder="0" style="color-scheme: {scheme}"'
        f' srcdoc="{html.escape(page.read_text(encoding="utf-8"))}"></iframe>'
        for page, width, scheme in shown
    )
    (folder / "frames.html").write_text(f'<meta charset="utf-8">{"".join(frames)}{LOOK}')
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr")
    call = [program, *options, "--dump-dom", (folder / "frames.html").as_uri()]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    found = json.loads(re.search("<body>(.*)</body>", done.stdout)[1])
    for (page, width, scheme), (needed, missing) in zip(shown, found, strict=True):
        assert needed <= width and not missing, (page.name, width, scheme, needed)
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
