"""Plant faults one by one in a copy of kerazoo, and see what catches them.

    python benchmarks/planted_faults.py                 all of them, about half an hour
    python benchmarks/planted_faults.py --only dropout  those whose name contains the word

``kerazoo verify --fresh-data`` is asked first, then the fast tests named with the fault. Prints a
line per fault; exit status 1 if one went unnoticed. tests/benchmarks checks that every fault can
still be planted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo._files import sha256_of_json, write_json

ROOT = Path(__file__).parent.parent
DIGITS, SERIES = "mnist_cnn_small@digits", "stacked_lstm@sine"
REFERENCES, WEIGHTS = "kerazoo/evidence/references", "kerazoo/evidence/weights"
COPIED = ("kerazoo", "tests", "benchmarks", "pyproject.toml", "README.md", "docs", "CHANGELOG.md")
FORGERY = ("--first-seed", "0")  # repeats a recorded run


Runs = list[dict[str, Any]]  # of a reference


def better_values(runs: Runs) -> None:
    """Type better accuracies into a reference."""
    for run in runs:
        run["value"] += 0.0028


def narrow_spread(runs: Runs) -> None:
    """Move every recorded value to within one image of the mean, consistently."""
    rows = 360
    for place, run in enumerate(runs):
        right = 356 + place % 2
        value = right / rows
        p = (right + 1) / (rows + 2)  # as kerazoo's standard error has it
        run["value"], run["standard_error"] = value, (p * (1 - p) / rows) ** 0.5


def other_weights(runs: Runs) -> None:
    """Say of the recorded runs that they ended with other weights."""
    for run in runs:
        run["weights_sha256"] = run["weights_sha256"][::-1]


def rewrite(path: Path, change: Callable[[Runs], None]) -> None:
    """Change the recorded runs of a reference, and seal it as kerazoo does."""
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["checksum"]
    change(content["tiers"]["full"]["runs"])
    write_json(path, {**content, "checksum": sha256_of_json(content)})


@dataclass(frozen=True)
class Fault:
    """A fault to plant.

    Attributes:
        name: what is wrong then.
        edit: file, text that stands in it once, and its replacement.
        forge: changes the recorded runs of the entry.
        change: function of the copy's root for another fault that is no edit of code.
        entry: entry to verify.
        arguments: further arguments of ``verify``.
        tests: fast tests that may catch it where ``verify`` does not.
        cached: the dataset lies in the cache, made by the code without the fault.
    """

    name: str
    edit: tuple[str, str, str] | None = None
    forge: Callable[[Runs], None] | None = None
    change: Callable[[Path], None] | None = None
    entry: str = DIGITS
    arguments: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    cached: bool = False

    def plant(self, root: Path) -> None:
        """Put the fault into a copy.

        Raises:
            ValueError: the text is not there exactly once.
        """
        if self.edit:
            name, old, new = self.edit
            path = root / name
            text = path.read_text(encoding="utf-8")
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} stands {text.count(old)} times in {name}")
            path.write_text(text.replace(old, new), encoding="utf-8")
        if self.forge:
            rewrite(root / REFERENCES / f"{self.entry}.json", self.forge)
        if self.change:
            self.change(root)


def flipped_bit(root: Path) -> None:
    """Flip one bit in the middle of the bundled weights."""
    path = root / WEIGHTS / f"{DIGITS}.weights.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)


LOOP, CACHE, WINDOWS = (
    "kerazoo/training/loop.py",
    "kerazoo/datasets/_cache.py",
    "kerazoo/datasets/_windows.py",
)
PARTS = "parts = [model.predict_on_batch(x[i : i + INFERENCE_BATCH]) for i in starts]"
TRAINING = "parts = [np.asarray(model(x[i : i + INFERENCE_BATCH], training=True)) for i in starts]"
FAULTS = (
    Fault("better values in a reference", forge=better_values, arguments=FORGERY),
    Fault("a reference with too small a spread", forge=narrow_spread, arguments=FORGERY),
    Fault("other weights in a reference", forge=other_weights, arguments=FORGERY),
    Fault(
        "test examples in the training split",
        edit=(
            "kerazoo/spec.py",
            "        return Split(split.x[: recipe.train_examples]",
            "        split = Split(*(np.concatenate(p) for p in zip(split, self.test)))\n"
            "        return Split(split.x[: recipe.train_examples]",
        ),
    ),
    Fault(
        "the metric is of examples that were trained on",
        edit=(
            CACHE,
            "return dataclasses.replace(data, judges=entry.judges)",
            "return dataclasses.replace(data, judges=entry.judges, test=data.validation)",
        ),
    ),
    Fault(
        "the window reaches into its target",
        edit=(WINDOWS, "- wanted.lead + 1 - wanted.lookback,", "+ 12 - wanted.lookback,"),
        entry=SERIES,
    ),
    Fault(
        "the loader mixes its labels",
        edit=(
            "kerazoo/datasets/digits.py",
            "three_splits(x, labels.astype(np.int64), HELD_OUT)",
            "three_splits(x, np.roll(labels, 300).astype(np.int64), HELD_OUT)",
        ),
        cached=True,
    ),
    Fault(
        "the loader darkens its images",
        edit=(
            "kerazoo/datasets/digits.py",
            "    return np.pad(pixels,",
            "    return np.pad(pixels // 2,",
        ),
        cached=True,
    ),
    Fault(
        "a wrong season in a baseline",
        edit=("kerazoo/datasets/sine.py", "season=24", "season=23"),
        entry=SERIES,
    ),
    Fault("one bit flipped in the bundled weights", change=flipped_bit),
    Fault(
        "dropout left on in evaluate",
        edit=("kerazoo/training/engine.py", PARTS, TRAINING),
        entry="mnist_cnn@digits",
    ),
    Fault(
        "a normalization by 25.5",
        edit=(
            "kerazoo/models/mnist_cnn.py",
            'Rescaling(1 / 255, name="rescaling")(inputs)\n    x = conv(x, 32, "conv")',
            'Rescaling(1 / 25.5, name="rescaling")(inputs)\n    x = conv(x, 32, "conv")',
        ),
    ),
    Fault(
        "the best epoch on test is reported",
        edit=(
            LOOP,
            "        self.state = state\n",
            "        score = task.evaluate(job.model, job.data).value\n"
            "        if score >= getattr(self, 'best', (-math.inf,))[0]:\n"
            "            self.best = score, job.model.get_weights()\n"
            "        job.model.set_weights(self.best[1])\n"
            "        self.state = state\n",
        ),
        entry="mnist_cnn@digits",
        tests=("tests/training",),
    ),
    Fault(
        "augmentation is off",
        edit=(
            "kerazoo/training/augmentation.py",
            "keras.Model(inputs, model(x),",
            "keras.Model(inputs, model(inputs),",
        ),
        entry="mlp@digits",
        tests=("tests/training", "tests/tasks"),
    ),
    Fault(
        "the schedule is ignored",
        edit=("kerazoo/training/optimizer.py", 'if recipe.schedule == "constant":', "if True:"),
        entry="mnist_cnn@digits",
        tests=("tests/training",),
    ),
    Fault(
        "images are divided by 255 at prediction",
        edit=(
            "kerazoo/predicting/predictions.py",
            "engine.predict(core, x)",
            "engine.predict(core, x / 255)",
        ),
        tests=("tests/predicting",),
    ),
    Fault(
        "the windows of validation and test are shifted by one",
        edit=(
            WINDOWS,
            "_split(series, starts[name], wanted)",
            '_split(series, starts[name] - (name != "train"), wanted)',
        ),
        entry=SERIES,
        tests=("tests/datasets",),
    ),
    Fault(
        "dropout left on in predict",
        edit=(
            "kerazoo/predicting/predictions.py",
            "engine.predict(core, x)",
            "__import__('numpy').asarray(core(x, training=True))",
        ),
        entry="mnist_cnn@digits",
        tests=("tests/predicting",),
    ),
)


def python(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the copy below ``root``."""
    environment = {**os.environ, "PYTHONPATH": str(root), "KERAZOO_HOME": str(root / "home")}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=root, env=environment
    )


def copy_of(root: Path, to: Path, *, cache: bool) -> Path:
    """Copy what kerazoo and its tests consist of; with ``cache`` the cached datasets too."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in (*COPIED, "home") if cache else COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, to / name, ignore=ignored)
        else:
            to.mkdir(exist_ok=True, parents=True)
            shutil.copy(root / name, to / name)
    return to


def record(root: Path, entry: str) -> None:
    """Record an entry on this machine, so that its bits can be compared.

    Raises:
        RuntimeError: kerazoo does not record or verify it without a fault.
    """
    for more in (("--record", "--seeds", "5"), ("--fresh-data",)):
        done = python(root, "-m", "kerazoo", "verify", entry, *more)
        if done.returncode:
            raise RuntimeError(f"verify {entry} {more} failed:\n{done.stdout}{done.stderr}")


def catch(fault: Fault, root: Path) -> str:
    """Name of what notices the fault, with its reason; empty if nothing does."""
    arguments = ("verify", fault.entry, "--fresh-data", "--json", *fault.arguments)
    done = python(root, "-m", "kerazoo", *arguments)
    try:
        report = json.loads(done.stdout)
        said = [*report.get("problems", []), *report.get("warnings", [])]
    except ValueError:
        said = done.stderr.strip().splitlines()[-1:]
    if done.returncode or said:
        return f"verify (status {done.returncode}): {' '.join(said)[:200]}"
    tests = python(root, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *fault.tests)
    failed = [line for line in tests.stdout.splitlines() if line.startswith("FAILED")]
    if fault.tests and failed:
        return f"a fast test: {' '.join(failed)[:200]}"
    return ""


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="part of the names of the faults to plant")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if options.only in fault.name]
    missed = 0
    with tempfile.TemporaryDirectory() as place:
        clean = copy_of(ROOT, Path(place) / "clean", cache=False)
        for entry in sorted({fault.entry for fault in chosen}):
            record(clean, entry)
            print(f"recorded {entry} on this machine", flush=True)
        for number, fault in enumerate(chosen, start=1):
            copy = copy_of(clean, Path(place) / f"{number}", cache=fault.cached)
            fault.plant(copy)
            caught = catch(fault, copy)
            missed += not caught
            print(f"{number:2} {fault.name}: {caught or 'MISSED'}", flush=True)
            shutil.rmtree(copy)
    print(f"{len(chosen) - missed} of {len(chosen)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
