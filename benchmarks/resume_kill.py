"""Kill a short training at random moments, resume it, compare the end with an untouched one.

    python benchmarks/resume_kill.py            20 times, SIGKILL to the process

Prints one line per time and a summary; exit status 1 unless every end is bit-identical: weights,
history and metrics.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SILENT: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
COMPARED = ("history.csv", "metrics.json")  # metrics.json holds the fingerprint of the weights


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--entry", default="mnist_cnn@digits")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        straight = Path(folder) / "straight"
        began = time.monotonic()
        process = subprocess.Popen(_command(options, straight), **SILENT)
        while not (straight / "config.json").exists() and process.poll() is None:
            time.sleep(0.01)
        start = time.monotonic() - began
        if process.wait() != 0:
            raise SystemExit("the untouched run failed")
        length = time.monotonic() - began
        want = _outcome(straight)
        print(f"untouched: {length:.1f} s, of which the run folder exists from {start:.1f} s on")
        good = midway = 0
        for number in range(1, options.times + 1):
            out = Path(folder) / f"killed-{number}"
            moment = moments.uniform(0.95 * start, length)
            where = _kill_after(_command(options, out), moment, out)
            _run([*_command(options, out), "--resume"])
            same = _outcome(out) == want
            good += same
            midway += "epochs written" in where
            print(
                f"{number:2}: killed after {moment:5.1f} s ({where}): "
                f"{'bit-identical' if same else 'DIFFERENT'}",
                flush=True,
            )
    print(
        f"{good} of {options.times} bit-identical to the uninterrupted run "
        f"({midway} were killed with some epochs written and some to come)"
    )
    return 0 if good == options.times else 1


def _command(options: argparse.Namespace, out: Path) -> list[str]:
    # A short training has to write every epoch, or a resume would have nothing to go on from.
    return [
        *(sys.executable, "-m", "kerazoo", "train", options.entry, "--out", str(out)),
        *("--epochs", str(options.epochs), "--checkpoint-seconds", "0"),
    ]


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, **SILENT)


def _kill_after(command: list[str], seconds: float, out: Path) -> str:
    """Start the command, kill it, say how far it was."""
    process = subprocess.Popen(command, **SILENT)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    history = out / "history.csv"
    if (out / "metrics.json").exists():
        return "finished"
    if history.exists():
        return f"{len(history.read_text().splitlines()) - 1} epochs written"
    return "before the first epoch was written"


def _outcome(out: Path) -> list[str]:
    return [(out / name).read_text() for name in COMPARED]


if __name__ == "__main__":
    sys.exit(main())
