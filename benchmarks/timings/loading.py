"""The second load of a dataset: kerazoo's cache beside the source that it came from."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.timings import measuring

ROUNDS = 3
DATASETS = ("mnist", "cifar10", "imdb", "etth1")
# Each loads twice in a fresh process: the first time imports what loading needs, on either side.
OURS = """
import json, sys, time
from kerazoo import load_data
for _ in range(2):
    began = time.perf_counter()
    data = load_data({0!r})
    seconds = time.perf_counter() - began
    del data
assert "tensorflow" not in sys.modules
print(json.dumps(seconds))
"""
TFDS = """
import json, time
import tensorflow_datasets as tfds
for _ in range(2):
    began = time.perf_counter()
    splits = tfds.load({0!r}, data_dir={1!r}, split=["train", "test"], batch_size=-1)
    arrays = tfds.as_numpy(splits)
    seconds = time.perf_counter() - began
    del splits, arrays
print(json.dumps(seconds))
"""


def measure(only: str | None = None) -> Iterator[tuple[str, Any]]:
    """Per dataset, seconds of the second load in a process, after one that fills the cache."""
    for name in DATASETS:
        if only is not None and only != name:
            continue
        said = partial(_printed, OURS.format(name))
        said()
        ways = {"kerazoo": said}
        if name != "etth1":
            source = {"imdb": "imdb_reviews"}.get(name, name)
            ways["tfds.load"] = partial(_printed, TFDS.format(source, _prepared(source)))
        yield name, measuring.interleaved(ways, ROUNDS, f"loading {name}")


def _prepared(source: str) -> str | None:
    """The folder in which tensorflow-datasets has prepared a dataset; None: its default."""
    names = ("TFDS_DATA_DIR", "KERAZOO_DATA_DIR")
    folders = [f for name in names for f in os.environ.get(name, "").split(os.pathsep) if f]
    return next((f for f in folders if os.path.isdir(os.path.join(f, source))), None)


def _printed(code: str) -> float:
    import json
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def lines(figures: dict[str, Any]) -> list[str]:
    """The section of the report."""
    table = [
        "## The second load of a dataset",
        "",
        "Seconds of the second load in a process, so that no imports count: kerazoo's cached "
        "arrays, checked against their checksum, beside `tfds.load` to arrays; "
        f"{ROUNDS} interleaved rounds. (`etth1` is no dataset of tensorflow-datasets; of `imdb` "
        "kerazoo keeps token ids; `cifar10` is the copy that went through JPEG, on both sides.)",
        "",
        "| dataset | kerazoo | tfds.load | ratio |",
        "|---|---:|---:|---:|",
    ]
    for name, row in figures.items():
        theirs = row.get("tfds.load")
        cells = [measuring.spread(row["kerazoo"])]
        cells += (
            [measuring.spread(theirs), f"**{measuring.ratio(theirs, row['kerazoo']):.0f}**"]
            if theirs
            else ["–", ""]
        )
        table.append(f"| `{name}` | {' | '.join(cells)} |")
    return table
