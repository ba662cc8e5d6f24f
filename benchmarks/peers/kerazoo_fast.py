"""kerazoo's fastest MNIST entry with its own recipe, all of it.

    python -m benchmarks.peers.kerazoo_fast SEED

Prints seconds (of the whole training, compilation included) and test accuracy as JSON, in the
shape of :mod:`benchmarks.peers.mnist_convnet`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import kerazoo


def main() -> None:
    """Train and report."""
    with tempfile.TemporaryDirectory() as folder:
        run = kerazoo.train(
            "mnist_cnn_fast@mnist",
            seed=int(sys.argv[1]),
            out=Path(folder) / "run",
            progress=False,
        )
    print(json.dumps({"seconds": [run.seconds], "accuracies": [run.metrics["value"]]}))


if __name__ == "__main__":
    main()
