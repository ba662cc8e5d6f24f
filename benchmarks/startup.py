"""Time what should feel immediate, each beside something to compare it with, interleaved.

    python benchmarks/startup.py            prints medians and ratios of 9 rounds

MNIST's second load is timed inside its process, after the imports; it needs MNIST in the cache
(``kerazoo train mnist_cnn --tier smoke`` brings it there).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

LOAD = (
    "import time, numpy, kerazoo; t = time.perf_counter(); kerazoo.load_data('mnist'); "
    "print(time.perf_counter() - t); import sys; assert 'tensorflow' not in sys.modules"
)
PROCESSES = {
    "python -c 'import keras'": [sys.executable, "-c", "import keras"],
    "kerazoo list": [sys.executable, "-m", "kerazoo", "list"],
    "import kerazoo; list_models()": [
        *(sys.executable, "-c", "import kerazoo; kerazoo.list_models()"),
    ],
    "python -c 'pass'": [sys.executable, "-c", "pass"],
}


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in [*PROCESSES, "second load of MNIST"]}
    for _ in range(options.rounds):
        for name, command in PROCESSES.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - began)
        said = subprocess.run([sys.executable, "-c", LOAD], check=True, capture_output=True)
        seconds["second load of MNIST"].append(float(said.stdout))
    keras = statistics.median(seconds["python -c 'import keras'"])
    print(f"{'what':32} {'median':>8} {'min':>8} {'max':>8}   of 'import keras'")
    for name, values in seconds.items():
        middle = statistics.median(values)
        print(
            f"{name:32} {middle:6.3f} s {min(values):6.3f} s {max(values):6.3f} s "
            f"  {middle / keras:.3f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
