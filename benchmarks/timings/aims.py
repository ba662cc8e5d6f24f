"""What was aimed at, what was measured, and whether it is met."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.timings import accuracy, growth, measuring, overhead, throughput

RECURRENT = 2.0  # times plain Keras, of the stacked LSTM; 1 of the others
# Why an aim is missed, where that is known.
PRODUCTS = "the products of small matrices take most of what is left"
ONE_OPERATION = (
    "PyTorch's LSTM is one operation of oneDNN forward and one backward; TensorFlow has none as "
    "fast on the CPU (see what was tried)"
)
WHY = {
    ("plain Keras", "stacked_lstm@etth1"): PRODUCTS,
    ("plain Keras", "stacked_lstm@mackey_glass"): PRODUCTS,
    ("PyTorch", "stacked_lstm@etth1"): ONE_OPERATION,
    ("PyTorch", "stacked_lstm@mackey_glass"): ONE_OPERATION,
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
        more = overhead.percent(row)
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
            rows.append((what, "≥ 50", f"{ratio:.0f}", round(ratio) >= 50, ""))
    for name, row in sections.get("predicting", {}).items():
        ratio = measuring.ratio(row["model.predict"], row["kerazoo"])
        what = f"one warm prediction, times `model.predict`, `{name}`"
        rows.append((what, "≥ 10", f"{ratio:.0f}", ratio >= 10, ""))
    if batches := sections.get("growth"):
        longer = max((growth.linearity(row) for row in batches.values()), key=lambda x: abs(x - 1))
        what = "seconds of an epoch a picture, all of MNIST over a quarter of it, worst batch size"
        rows.append((what, "0.8 to 1.25", f"{longer:.2f}", 0.8 <= longer <= 1.25, ""))
        more = max(growth.memory_growth(row) for row in batches.values())
        what = "peak memory, all of MNIST over a sixteenth of it, worst batch size"
        rows.append((what, "≤ 1.2", f"{more:.2f}", more <= 1.2, ""))
    return rows


def _accuracy(seeds: Mapping[str, Any]) -> list[Row]:
    ratio = accuracy.ratio(seeds)
    said, met = ("never reached", False) if ratio is None else (f"{ratio:.1f}", ratio >= 10)
    mean = 100 * statistics.fmean(accuracy.ends(seeds))
    faster = "time to 99.0 % on MNIST, times keras.io's convnet"
    what = "test accuracy of `mnist_cnn_fast` at its end"
    return [(faster, "≥ 10", said, met, ""), (what, "≥ 99.2 %", f"{mean:.2f} %", mean >= 99.2, "")]


def _throughput(entries: Mapping[str, Any]) -> list[Row]:
    rows = []
    for name, row in entries.items():
        for peer in throughput.PEERS:
            if peer not in row:
                continue
            ratio = throughput.ratio(row, peer)
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
