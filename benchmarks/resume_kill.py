"""Kill commands with SIGKILL at random moments, run them again, and compare with undisturbed runs.

    python benchmarks/resume_kill.py                     100 kills, spread over all cases
    python benchmarks/resume_kill.py --case gan --times 5

A training that was killed must resume to the same bits. Whatever replaces something (an export, a
reference) must leave the old state or the new one. Prints a line per kill and a summary; exit
status 1 if one differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo._files import sha256_of_file

HERE = Path(__file__).parent
KERAZOO = ("-m", "kerazoo")
# A checkpoint after every epoch: a short run would end before the first one.
TRAIN = (*KERAZOO, "train", "--checkpoint-seconds", "0", "--out", "{out}")
FINETUNE = (*KERAZOO, "finetune", "--no-scratch", "--epochs", "3", "--out", "{out}")
EXPORT = (*KERAZOO, "export", "mnist_cnn_small@digits", "--format=onnx", "--out={out}", "--force")
RECORD = (*KERAZOO, "verify", "mlp@digits", "--tier", "smoke", "--first-seed", "0", "--record")
CACHE = "import kerazoo; print(kerazoo.load_data('digits').sha256)"


def run_results(out: Path) -> Any:
    """History and metrics of a run; the metrics hold the fingerprint of the weights."""
    return [(out / name).read_text() for name in ("history.csv", "metrics.json")]


def export_results(out: Path) -> Any:
    """Files of an export and the result that its certificate states for exactly these files."""
    certificate = json.loads(next(out.glob("*.certificate.json")).read_text())
    matching = [sha256_of_file(out / name) == value for name, value in certificate["files"].items()]
    return sorted(p.name for p in out.iterdir()), certificate["after"], all(matching)


def reference_results(out: Path) -> Any:
    """Recorded runs, without what their time of day decides."""
    path = out / "kerazoo" / "evidence" / "references" / "mlp@digits.json"
    runs = json.loads(path.read_text())["tiers"]["smoke"]["runs"]
    return [(run["seed"], run["value"], run["weights_sha256"]) for run in runs]


def cache_results(out: Path) -> Any:
    """Cached arrays."""
    return sorted((p.name, sha256_of_file(p)) for p in out.rglob("*.npy"))


@dataclass(frozen=True)
class Case:
    """A command to kill.

    Attributes:
        command: arguments of Python; ``{out}`` and ``{data}`` are replaced.
        again: further arguments of the command that follows a kill.
        results: function that reads what must be equal in the end.
        replaces: the command replaces an earlier result, which the kill must leave usable.
    """

    command: tuple[str, ...]
    results: Callable[[Path], Any] = run_results
    again: tuple[str, ...] = ("--resume",)
    replaces: bool = False


CASES = {
    "cnn": Case((*TRAIN, "mnist_cnn@digits", "--epochs", "8")),
    "lstm": Case((*TRAIN, "stacked_lstm@sine", "--epochs", "4")),
    "gan": Case((*TRAIN, "dcgan@digits", "--tier", "smoke")),
    "images": Case((*FINETUNE, "mnist_cnn_small", "{data}/images")),
    "table": Case((*FINETUNE, "mlp", "{data}/table.csv", "--target", "kind")),
    "export": Case(EXPORT, export_results, again=(), replaces=True),
    "cache": Case(("-c", CACHE), cache_results, again=()),
    "record": Case(RECORD, reference_results, again=(), replaces=True),
}


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--case", choices=CASES, action="append", help="default: all")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    options = parser.parse_args()
    moments, failed = random.Random(options.seed), 0
    names = options.case or list(CASES)
    with tempfile.TemporaryDirectory() as place:
        make_data(Path(place) / "data")
        for position, name in enumerate(names):
            times = len(range(position, options.times, len(names)))
            failed += kill_often(name, Path(place), times, moments)
    print(f"{options.times - failed} of {options.times} as they should be")
    return 1 if failed else 0


def kill_often(name: str, place: Path, times: int, moments: random.Random) -> int:
    """Kill a case ``times`` times; returns how often the end was not as it should be."""
    case, failed = CASES[name], 0
    undisturbed = prepared(name, place / f"{name}-undisturbed")
    begin = time.monotonic()
    process = start(case, place, undisturbed)
    before = snapshot(undisturbed)
    while snapshot(undisturbed) == before and process.poll() is None:
        time.sleep(0.01)
    first_write = time.monotonic() - begin
    if process.wait():
        raise SystemExit(f"{name}: the undisturbed command failed")
    length, wanted = time.monotonic() - begin, case.results(undisturbed)
    print(f"{name}: undisturbed {length:.1f} s, its first file after {first_write:.1f} s")
    for number in range(1, times + 1):
        out = prepared(name, place / f"{name}-{number}")
        if case.replaces:  # an earlier result lies there
            shutil.copytree(undisturbed, out, dirs_exist_ok=True)
        moment = moments.uniform(0.95 * first_write, length)
        process = start(case, place, out)
        time.sleep(moment)
        process.kill()
        process.wait()
        intact = not case.replaces or case.results(out) == wanted
        ended = start(case, place, out, case.again).wait() == 0
        leftovers = [p.name for p in out.rglob("*") if ".part" in p.name and p.is_file()]
        equal = ended and case.results(out) == wanted
        good = intact and equal
        failed += not good
        verdict = "same" if good else f"DIFFERENT (intact {intact}, ended {ended}, equal {equal})"
        print(
            f"{name} {number}: killed after {moment:.1f} s: {verdict} {leftovers or ''}", flush=True
        )
        shutil.rmtree(out)
    return failed


def prepared(name: str, out: Path) -> Path:
    """The place of a case's output; recording writes into a copy of the package."""
    if name == "record":
        shutil.copytree(HERE.parent / "kerazoo", out / "kerazoo")
    elif name == "cache":
        out.mkdir()
    return out


def start(
    case: Case, place: Path, out: Path, more: tuple[str, ...] = ()
) -> subprocess.Popen[bytes]:
    """Start the command of a case without output."""
    arguments = [a.format(out=out, data=place / "data") for a in (*case.command, *more)]
    environment = dict(os.environ)
    cwd = place
    if case.results is cache_results:
        environment["KERAZOO_HOME"] = str(out)
    if case.results is reference_results:
        environment["PYTHONPATH"], cwd = str(out), out
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd=cwd,
    )


def snapshot(directory: Path) -> list[tuple[str, int]]:
    """Names and times of the files below a directory, next to it too: temporary ones lie there."""
    files = [*directory.rglob("*"), *directory.parent.glob(f"*{directory.name}*")]
    found = []
    for path in files:
        try:
            found.append((str(path), path.stat().st_mtime_ns))
        except FileNotFoundError:  # was temporary
            continue
    return sorted(f for f in found if "__pycache__" not in f[0])


def make_data(directory: Path) -> None:
    """Write a small directory of images in classes and a table."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for label, level in {"bright": 160, "dark": 60}.items():
        folder = directory / "images" / label
        folder.mkdir(parents=True)
        for index in range(60):
            pixels = rng.integers(0, level, (28, 28)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")
    rows = [f"{a:.3f},{b:.3f},{'up' if a > b else 'down'}" for a, b in rng.normal(size=(200, 2))]
    (directory / "table.csv").write_text("\n".join(["a,b,kind", *rows]) + "\n")


if __name__ == "__main__":
    sys.exit(main())
