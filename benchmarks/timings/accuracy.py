"""Time to 99.0 % on MNIST: `mnist_cnn_fast` beside the settings of keras.io's example."""

from __future__ import annotations

import itertools
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timings import measuring
from kerazoo.datasets._cache import load_data

ENTRY = "mnist_cnn_fast@mnist"
WANTED = 0.99
SEEDS = 5


def measure(only: str | None = None) -> Iterator[tuple[str, Any]]:
    """Per seed, seconds and test accuracy after each epoch, of both."""
    data = load_data("mnist")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mnist.npz"
        np.savez(
            path,
            x=np.concatenate([data.train.x, data.validation.x]),
            y=np.concatenate([data.train.y, data.validation.y]),
            x_test=data.test.x,
            y_test=data.test.y,
        )
        for seed in range(SEEDS):
            if only not in (None, f"seed {seed}"):
                continue
            told = [str(path), str(seed), str(WANTED)]
            ways = {
                "kerazoo": partial(measuring.worker, "benchmarks.peers.kerazoo_fast", *told[1:2]),
                "keras.io": partial(measuring.worker, "benchmarks.peers.mnist_convnet", *told),
            }
            results = measuring.interleaved(ways, 1, f"to 99 %, seed {seed}")
            yield f"seed {seed}", {who: runs[0] for who, runs in results.items()}


def reached(run: dict[str, Any]) -> float | None:
    """Seconds at the end of the first epoch with the wanted accuracy; None: it never had it."""
    for seconds, accuracy in zip(run["seconds"], run["accuracies"], strict=True):
        if accuracy >= WANTED:
            return seconds
    return None


def ratio(seeds: Mapping[str, Any]) -> float | None:
    """The median time of keras.io's settings over ours; None: a training never had the accuracy."""
    times = {who: [reached(row[who]) for row in seeds.values()] for who in ("kerazoo", "keras.io")}
    known = {who: [v for v in values if v is not None] for who, values in times.items()}
    if known != times:
        return None
    return measuring.ratio(known["keras.io"], known["kerazoo"])


def ends(seeds: Mapping[str, Any]) -> list[float]:
    """The test accuracy of each of our trainings at its end."""
    return [row["kerazoo"]["accuracies"][-1] for row in seeds.values()]


def _epochs(run: dict[str, Any]) -> list[float]:
    """Seconds of each epoch after the first."""
    return [b - a for a, b in itertools.pairwise(run["seconds"])]


def lines(figures: dict[str, Any]) -> list[str]:
    """The section of the report."""
    times = {who: [reached(f[who]) for f in figures.values()] for who in ("kerazoo", "keras.io")}
    text = [
        "## Time to 99.0 % on MNIST",
        "",
        f"Seconds of training until the test accuracy is 99.0 % at the end of an epoch, "
        f"compilation included, {len(figures)} seeds, processes in turn. kerazoo: `{ENTRY}`, "
        "measured after its last epoch only, as its protocol wants. keras.io: the settings of its "
        "Simple MNIST convnet, measured after every epoch (the measuring is not timed), on all "
        "60,000 pictures.",
        "",
        f"| | {' | '.join(figures)} | median |",
        "|---|" + "---:|" * (len(figures) + 1),
    ]
    for who, values in times.items():
        cells = ["never" if v is None else f"{v:.1f} s" for v in values]
        known = [v for v in values if v is not None]
        cells.append(f"{statistics.median(known):.1f} s" if len(known) == len(values) else "–")
        text.append(f"| {who} | {' | '.join(cells)} |")
    text.append("")
    if (faster := ratio(figures)) is not None:
        text.append(f"Ratio of the medians: **{faster:.1f}**.")
        epochs = sorted(s for f in figures.values() for s in _epochs(f["keras.io"]))
        text.append(
            f"An epoch of keras.io's took {statistics.median(epochs):.1f} s ({epochs[0]:.1f} to "
            f"{epochs[-1]:.1f} s): where these lie far apart, other work ran on the machine."
        )
    last = ends(figures)
    text.append(
        f"Test accuracy of kerazoo's runs at their end: {100 * statistics.fmean(last):.2f} % "
        f"({100 * min(last):.2f} to {100 * max(last):.2f} %)."
    )
    return text
