"""One warm prediction in code: `kerazoo.predictor`, plain `model.predict`, ONNX Runtime."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import kerazoo
from benchmarks.timings import measuring

ENTRIES = ("mnist_cnn@digits", "mlp@digits", "resnet_block@digits")
WARM_UP, CALLS = 5, 200
WAYS = ("kerazoo", "model.predict", "ONNX Runtime")


def measure(only: str | None = None) -> Iterator[tuple[str, Any]]:
    """Per entry, milliseconds of each call, interleaved in one process."""
    for name in ENTRIES:
        if only in (None, name):
            yield name, _calls(name)


def _calls(name: str) -> dict[str, list[float]]:
    import onnxruntime

    model, _, dataset = name.partition("@")
    network = kerazoo.build(model, weights=dataset)
    example = kerazoo.load_data(dataset).test.x[:1]
    known = kerazoo.predictor(name)
    with tempfile.TemporaryDirectory() as folder:
        done = kerazoo.export(name, "onnx", Path(folder) / "onnx")
        session = onnxruntime.InferenceSession(done.path, providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0].name
        fed = example.astype(np.float32)
        calls: tuple[Callable[[], object], ...] = (
            lambda: known(list(example)),
            lambda: network.predict(example, verbose=0),
            lambda: session.run(None, {given: fed}),
        )
        taken: dict[str, list[float]] = {way: [] for way in WAYS}
        for turn in range(WARM_UP + CALLS):
            for way, call in zip(WAYS, calls, strict=True):
                began = time.perf_counter()
                call()
                if turn >= WARM_UP:
                    taken[way].append(1000 * (time.perf_counter() - began))
    return taken


def lines(figures: dict[str, Any]) -> list[str]:
    """The section of the report."""
    table = [
        "## One warm prediction",
        "",
        f"Milliseconds of a call with one example, medians of {CALLS} interleaved calls in one "
        "process; ratio: their time divided by ours. ONNX Runtime runs the certified export.",
        "",
        "| entry | kerazoo | `model.predict` | ratio | ONNX Runtime | ratio |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, row in figures.items():
        cells = [f"{np.median(row['kerazoo']):.2f}"]
        for way in WAYS[1:]:
            cells.append(f"{np.median(row[way]):.2f}")
            cells.append(f"**{measuring.ratio(row[way], row['kerazoo']):.2f}**")
        table.append(f"| `{name}` | {' | '.join(cells)} |")
    return table
