"""What was aimed at, what was measured, and whether it is met."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.timings import accuracy, measuring, overhead, throughput

RECURRENT = 2.0  # times plain Keras, of the stacked LSTM; 1 of the others
# Why an aim is missed, where that is known.
PRODUCTS = "the products of small matrices take most of what is left"
ONE_OPERATION = (
    "PyTorch's LSTM is one operation of oneDNN forward and one backward; TensorFlow has none as "
    "fast on the CPU (see what was tried)"
)
CHECKSUM = "most of our time is the checksum (SHA-256)"
WHY = {
    ("plain Keras", "stacked_lstm@etth1"): PRODUCTS,
    ("plain Keras", "stacked_lstm@mackey_glass"): PRODUCTS,
    ("PyTorch", "stacked_lstm@etth1"): ONE_OPERATION,
    ("PyTorch", "stacked_lstm@mackey_glass"): ONE_OPERATION,
    ("tfds.load", "mnist"): CHECKSUM,
    ("tfds.load", "cifar10"): CHECKSUM,
    ("tfds.load", "imdb"): CHECKSUM,
}


def lines(sections: Mapping[str, Any]) -> list[str]:
    """The table, of the sections that were measured.

    Args:
        sections: the figures of each section, by name.
    """
    table = [
        "## What was aimed at",
        "",
        "| what | aim | measured | |",
        "|---|---:|---:|---|",
    ]
    for what, aim, value, met, why in _aims(sections):
        verdict = "met" if met else f"**missed**{': ' + why if why else ''}"
        table.append(f"| {what} | {aim} | {value} | {verdict} |")
    return table


Row = tuple[str, str, str, bool, str]


def _aims(sections: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = []
    if seeds := sections.get("accuracy"):
        rows += _accuracy(seeds)
    if entries := sections.get("throughput"):
        rows += _throughput(entries)
    for name, row in sections.get("overhead", {}).items():
        times = {who: [overhead.after_first(run) for run in runs] for who, runs in row.items()}
        more = 100 * (measuring.ratio(times["kerazoo.train"], times["bare loop"]) - 1)
        what = f"overhead of the trainer, `{name}`"
        rows.append((what, "≤ 3 %", f"{more:+.1f} %", more <= 3, ""))
    if processes := sections.get("starting"):
        for name, most in (("import kerazoo", 0.1), ("kerazoo list", 0.3)):
            seconds = statistics.median(processes[name])
            rows.append((f"`{name}`", f"≤ {most} s", f"{seconds:.3f} s", seconds <= most, ""))
    for name, row in sections.get("loading", {}).items():
        if "tfds.load" in row:
            ratio = measuring.ratio(row["tfds.load"], row["kerazoo"])
            what = f"second load of `{name}`, times tfds"
            rows.append(
                (what, "≥ 50", f"{ratio:.0f}", round(ratio) >= 50, WHY.get(("tfds.load", name), ""))
            )
    for name, row in sections.get("predicting", {}).items():
        ratio = measuring.ratio(row["model.predict"], row["kerazoo"])
        what = f"one warm prediction, times `model.predict`, `{name}`"
        rows.append((what, "≥ 10", f"{ratio:.0f}", ratio >= 10, ""))
    return rows


def _accuracy(seeds: Mapping[str, Any]) -> list[Row]:
    times = {
        who: [accuracy.reached(row[who]) for row in seeds.values()]
        for who in ("kerazoo", "keras.io")
    }
    ends = [row["kerazoo"]["accuracies"][-1] for row in seeds.values()]
    rows = []
    if all(v is not None for values in times.values() for v in values):
        known = {who: [v for v in values if v is not None] for who, values in times.items()}
        ratio = measuring.ratio(known["keras.io"], known["kerazoo"])
        what = "time to 99.0 % on MNIST, times keras.io's convnet"
        rows.append((what, "≥ 10", f"{ratio:.1f}", ratio >= 10, ""))
    mean = 100 * statistics.fmean(ends)
    what = "test accuracy of `mnist_cnn_fast` at its end"
    return [*rows, (what, "≥ 99.2 %", f"{mean:.2f} %", mean >= 99.2, "")]


def _throughput(entries: Mapping[str, Any]) -> list[Row]:
    rows = []
    for name, row in entries.items():
        ours = statistics.median(throughput.rate(row["examples"], row["kerazoo"]))
        for peer in throughput.PEERS:
            if peer not in row:
                continue
            ratio = ours / statistics.median(throughput.rate(row["examples"], row[peer]))
            recurrent = peer == "plain Keras" and name.startswith("stacked_lstm")
            aim = RECURRENT if recurrent else 1.0
            what = f"training throughput, times {peer}, `{name}`"
            rows.append(
                (what, f"≥ {aim:g}", f"{ratio:.2f}", ratio >= aim, WHY.get((peer, name), ""))
            )
    for name in ("mnist_cnn@mnist", "resnet20@cifar10"):
        if name in entries:
            share = 100 * throughput.share(entries[name])
            what = f"share of the machine's peak, `{name}`"
            rows.append((what, "≥ 50 %", f"{share:.0f} %", share >= 50, ""))
    return rows
