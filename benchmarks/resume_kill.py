"""Kill a short training run at random moments, resume it, compare it with an uninterrupted run.

    python benchmarks/resume_kill.py            20 times, with SIGKILL

Prints a line per time and a summary. Exit status 1 unless weights, history and metrics are
bit-identical every time.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--entry", default="mnist_cnn@digits")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    # A checkpoint after every epoch: a short run would end before the first one.
    train = ["train", options.entry, "--epochs", str(options.epochs), "--checkpoint-seconds", "0"]
    same = midway = 0
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "uninterrupted"
        begin = time.monotonic()
        process = start(*train, "--out", str(out))
        while not (out / "config.json").exists() and process.poll() is None:
            time.sleep(0.01)
        created = time.monotonic() - begin
        if process.wait():
            raise SystemExit("the uninterrupted run failed")
        length = time.monotonic() - begin
        wanted = outcome(out)
        print(f"uninterrupted: {length:.1f} s; its run directory exists after {created:.1f} s")
        for number in range(1, options.times + 1):
            out = Path(folder) / f"killed-{number}"
            moment = moments.uniform(0.95 * created, length)
            process = start(*train, "--out", str(out))
            time.sleep(moment)
            process.kill()
            process.wait()
            state = progress(out)
            if start(*train, "--out", str(out), "--resume").wait():
                raise SystemExit(f"the run killed after {moment:.1f} s ({state}) does not resume")
            equal = outcome(out) == wanted
            same += equal
            midway += "epochs" in state
            verdict = "bit-identical" if equal else "DIFFERENT"
            print(f"{number:2}: killed after {moment:5.1f} s ({state}): {verdict}", flush=True)
    print(
        f"{same} of {options.times} bit-identical to the uninterrupted run "
        f"({midway} were killed between the first written epoch and the end)"
    )
    return 0 if same == options.times else 1


def start(*arguments: str) -> subprocess.Popen[bytes]:
    """Start ``kerazoo`` without output."""
    command = [sys.executable, "-m", "kerazoo", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def progress(out: Path) -> str:
    """Progress of a killed run."""
    history = out / "history.csv"
    if (out / "metrics.json").exists():
        return "finished"
    if history.exists():
        return f"{len(history.read_text().splitlines()) - 1} epochs written"
    return "before the first epoch was written"


def outcome(out: Path) -> list[str]:
    """History and metrics; the metrics hold the fingerprint of the weights."""
    return [(out / name).read_text() for name in ("history.csv", "metrics.json")]


if __name__ == "__main__":
    sys.exit(main())
