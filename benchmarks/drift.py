"""Smoke tiers of the entries with embedded data, on several releases of Keras.

    python benchmarks/drift.py --work DIR     installs each release below DIR; docs/drift.md

Each entry is verified with seed 0. A cell says how it compares with the newest release on the same
machine: ``same bits`` of the weights, ``rounding`` (the same result to six digits), ``interval``
(another result that the reference allows) or ``worse``. The same command continues where it was
stopped. About ten minutes per release on two cores.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import _tools
from kerazoo._files import write_text

TABLE = _tools.ROOT / "docs" / "drift.md"
LOWEST = "lowest"  # of all declared versions, not only of Keras
RELEASES = (LOWEST, "3.13.2", "3.14.1", "3.15.1")
INSTALL = {LOWEST: ["-c", str(_tools.ROOT / "tests" / "lower-bounds.txt")]}


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="environments and runs")
    parser.add_argument("--keras", nargs="*", default=RELEASES, help="the newest last")
    parser.add_argument("--entries", nargs="*", default=_tools.embedded(), metavar="ENTRY")
    options = parser.parse_args()
    columns, work = {}, options.work.resolve()
    for release in options.keras:
        python = installed(release, work)
        results = {entry: verified(python, entry, work) for entry in options.entries}
        columns[f"Keras {version_of(python)}"] = results
    write_text(TABLE, report(columns))
    print(TABLE.read_text(encoding="utf-8"))
    return int(any(not r["passed"] for results in columns.values() for r in results.values()))


def installed(release: str, work: Path) -> Path:
    """Python of an environment with this kerazoo and a release of Keras."""
    place = work / f"keras-{release}"
    python = place / "bin" / "python"
    if not (place / "installed").exists():
        print(f"installing Keras {release}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        wanted = INSTALL.get(release, [f"keras=={release}"])
        command = [python, "-m", "pip", "install", "--quiet", "-e", str(_tools.ROOT), *wanted]
        subprocess.run(list(map(str, command)), check=True)
        (place / "installed").touch()
    return python


def version_of(python: Path) -> str:
    """Version of Keras in an environment."""
    code = "import importlib.metadata as m; print(m.version('keras'))"
    return _tools.python("-c", code, executable=python).strip()


def verified(python: Path, entry: str, work: Path) -> dict[str, Any]:
    """Result of ``kerazoo verify ENTRY --tier smoke --first-seed 0`` in an environment."""
    out = work / f"{python.parent.parent.name}-runs" / entry
    kept = out / "report.json"
    if not kept.exists():
        print(f"{entry} in {python.parent.parent.name}", file=sys.stderr, flush=True)
        command = ["-m", "kerazoo", "verify", entry, "--tier", "smoke", "--first-seed", "0"]
        command += ["--json", "--resume", "--out", str(out)]
        write_text(kept, _tools.python(*command, executable=python, fine=(0, 1)))
    metrics = _tools.read_json(out / "seed-0" / "metrics.json")
    return {
        "passed": _tools.read_json(kept)["passed"],
        "value": metrics.get("value", math.nan),
        "weights": metrics.get("weights_sha256"),
    }


def compared(result: dict[str, Any], newest: dict[str, Any]) -> str:
    """Comparison of a result with that of the newest release."""
    if not result["passed"]:
        return "worse"
    if result["weights"] == newest["weights"]:
        return "same bits"
    same = math.isclose(result["value"], newest["value"], rel_tol=1e-6)
    return "rounding" if same else "interval"


def report(columns: dict[str, dict[str, Any]]) -> str:
    """Text of docs/drift.md."""
    *_, newest = columns.values()
    rows = [
        [f"`{entry}`", *(compared(results[entry], newest[entry]) for results in columns.values())]
        for entry in newest
    ]
    table = _tools.markdown(["entry", *columns], rows, left=1 + len(columns))
    return _tools.render("drift.md", day=time.strftime("%Y-%m-%d"), table=table)


if __name__ == "__main__":
    sys.exit(main())
