"""One warm prediction in code: `kerazoo.predictor`, plain `model.predict`, ONNX Runtime.

    python benchmarks/latency.py            writes LATENCY.md

Interleaved (A B C A B C …) in one process, so that a busy machine slows all alike; medians, and
their ratios to ours. Data and weights come with kerazoo. ONNX Runtime runs the certified export.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

import kerazoo
from kerazoo.files import write_text
from kerazoo.training import engine
from kerazoo.training.run import environment

ENTRIES = ("mnist_cnn@digits", "mlp@digits", "resnet_block@digits", "stacked_lstm@sine")
REPORT = Path(__file__).parent / "LATENCY.md"
WARM_UP, ROUNDS = 5, 200


def main() -> None:
    """Measure every entry, then write the report."""
    lines = [
        "# One warm prediction",
        "",
        f"Written by `python benchmarks/latency.py`: medians of {ROUNDS} interleaved calls with",
        "one example, in ms (in brackets the time divided by ours).",
        "",
        ", ".join(f"{k} {v}" for k, v in environment().items()),
        "",
        "| entry | kerazoo | `model.predict` | ONNX Runtime |",
        "|---|---:|---:|---:|",
    ]
    for name in ENTRIES:
        ours, *others = (1000 * t for t in medians(name))
        cells = [f"{ours:.2f}", *(f"{t:.2f} (× {t / ours:.2f})" for t in others)]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    write_text(REPORT, "\n".join(lines) + "\n")


def medians(name: str) -> list[float]:
    """Seconds of a call: kerazoo, Keras, ONNX Runtime."""
    model, _, dataset = name.partition("@")
    network = kerazoo.build(model, weights=dataset)
    example = kerazoo.load_data(dataset, **_lookback(network, dataset)).test.x[:1]
    with tempfile.TemporaryDirectory() as folder:
        done = kerazoo.export(name, "onnx", Path(folder) / "onnx")
        session = onnxruntime.InferenceSession(done.path, providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0]
        fed = example.astype(np.float32)
        ways: list[Callable[[], object]] = [
            _ours(name, network, example),
            lambda: network.predict(example, verbose=0),
            lambda: session.run(None, {given.name: fed}),
        ]
        taken: list[list[float]] = [[] for _ in ways]
        for turn in range(WARM_UP + ROUNDS):
            for way, times in zip(ways, taken, strict=True):
                start = time.perf_counter()
                way()
                if turn >= WARM_UP:
                    times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken]


def _lookback(network: object, dataset: str) -> dict[str, int]:
    return {"lookback": network.input_shape[1]} if dataset == "sine" else {}  # type: ignore[attr-defined]


def _ours(name: str, network: object, example: np.ndarray) -> Callable[[], object]:
    """The predictor of a classifier, with class and probability; of a forecaster the engine."""
    if name.startswith("stacked_lstm"):
        return lambda: engine.predict(network, example)
    known = kerazoo.predictor(name)
    return lambda: known(list(example))


if __name__ == "__main__":
    main()
