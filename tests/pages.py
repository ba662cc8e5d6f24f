"""Reads a page of HTML strictly, and opens it in a real browser."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

VOID = {"wbr", "meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """A page that loads nothing from outside, closes every tag, and has no empty column.

    Attributes:
        tags: every opening tag.
        links: addresses of other pages.
        text: all words of the body.
    """

    def __init__(self, source: str):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(source)
        self.close()
        assert not self.open, f"never closed: {self.open}"
        assert self.tags.count("script") == 1, "that of the copy buttons"
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


class Browser:
    """Chromium without a window, by its DevTools protocol; skips the test where there is none."""

    def __init__(self):
        program = shutil.which("chromium") or shutil.which("google-chrome")
        if program is None:
            pytest.skip("chromium is not installed")
        its_input, self.pipe = os.pipe()
        output, its_output = os.pipe()
        self.process = subprocess.Popen(
            [
                *("bash", "-c", f'exec "$@" 3<&{its_input} 4>&{its_output}', "bash", program),
                *("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"),
            ],
            pass_fds=(its_input, its_output),
            stderr=subprocess.DEVNULL,
        )
        os.close(its_input)
        os.close(its_output)
        self.output, self.numbers = os.fdopen(output, "rb"), itertools.count()
        self.session: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []

    def __enter__(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        self.output.close()
        os.close(self.pipe)

    def message(self) -> dict[str, Any]:
        """The next message, which is also kept if it is an event."""
        characters = bytearray()
        while (character := self.output.read(1)) != b"\0":
            assert character, "the browser has ended"
            characters += character
        message = json.loads(characters)
        self.events += [message] * ("method" in message)
        return message

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Result of a command."""
        command = {"id": next(self.numbers), "method": method, "params": parameters}
        os.write(self.pipe, json.dumps(command | self.session).encode() + b"\0")
        while (answer := self.message()).get("id") != command["id"]:
            pass
        return answer["result"]

    def open(self, path: Path, width: int, dark: bool = False) -> tuple[int, list[Any]]:
        """Width that a page needs on a screen of a width, and its errors on the console."""
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.message()
        shown = "document.querySelectorAll('pre.copy').length ="
        shown += "= document.querySelectorAll('pre.copy + button').length"
        assert self.call("Runtime.evaluate", expression=shown)["result"]["value"], "copy buttons"
        needed = self.call("Runtime.evaluate", expression="document.documentElement.scrollWidth")
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return needed["result"]["value"], [e for e in self.events if e["method"] in kinds]
