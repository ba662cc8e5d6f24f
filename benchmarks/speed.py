"""How fast kerazoo is, beside plain Keras, PyTorch and others, on this machine.

    python -m benchmarks.speed                       every section (about 40 minutes on two cores)
    python -m benchmarks.speed throughput            some sections; the others stay as they were
    python -m benchmarks.speed throughput --only mlp@mnist
    python -m benchmarks.speed --report              only SPEED.md and its pictures

Every figure is a ratio of medians from interleaved runs. Writes speed.json, SPEED.md and pictures.
PyTorch's rows are left out where it is not installed; MNIST, CIFAR-10, IMDB and ETTh1 must be had.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.timings import (
    accuracy,
    aims,
    growth,
    loading,
    measuring,
    operations,
    overhead,
    predicting,
    starting,
    throughput,
)
from kerazoo._files import write_json, write_text
from kerazoo.training.run_directory import environment

HERE = Path(__file__).parent
FIGURES = HERE / "speed.json"
REPORT = HERE / "SPEED.md"
TRIED = HERE / "timings" / "tried.md"
SECTIONS: dict[str, ModuleType] = {
    "accuracy": accuracy,
    "throughput": throughput,
    "operations": operations,
    "overhead": overhead,
    "starting": starting,
    "loading": loading,
    "predicting": predicting,
    "growth": growth,
}


def main() -> None:
    """Measure what is asked for, then write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument(
        "--only",
        metavar="ENTRY",
        help="one row of a section (but of starting, whose rows are of one hour)",
    )
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    for name in options.sections:
        if name not in SECTIONS:
            parser.error(f"no section {name!r}; there are {', '.join(SECTIONS)}")
    figures: dict[str, Any] = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    if not options.report:
        for name in options.sections or SECTIONS:
            rows = dict(figures.get(name, {}).get("figures", {}))
            for row, measured in SECTIONS[name].measure(options.only):
                rows[row] = measured
                known = figures.get(name, {}).get("measured", {})
                figures[name] = {"figures": rows, "measured": {**known, row: machine()}}
                write_json(FIGURES, figures)
    write_report(figures)


def machine() -> dict[str, Any]:
    """Versions, processor, threads, and how busy the machine was."""
    versions = environment()
    if measuring.has_torch():
        from importlib import metadata

        versions["torch"] = metadata.version("torch")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        **versions,
        "threads": str(cores),
        "day": time.strftime("%Y-%m-%d"),
        "load": round(os.getloadavg()[0], 1),
    }


def _measured_with(machines: list[dict[str, Any]]) -> str:
    """What the rows of a section were measured with; a range, or all values, where they differ."""
    said = []
    for key in dict.fromkeys(key for m in machines for key in m):
        values = sorted({m[key] for m in machines if key in m})
        if len(values) > 1 and key in ("load", "day"):
            said.append(f"{key} {values[0]} to {values[-1]}")
        else:
            said.append(f"{key} {' and '.join(map(str, values))}")
    return f"Measured with {', '.join(said)}."


def write_report(figures: dict[str, Any]) -> None:
    """SPEED.md and its pictures."""
    text = [
        "# Speed",
        "",
        "Written by `python -m benchmarks.speed`. Times on a shared machine are noise, so every "
        "comparison is interleaved (A B A B …) and told as a ratio of medians; above 1 kerazoo is "
        "faster. `load` is how many processes wanted the cores when a row was finished: where it "
        "exceeds the threads, other work ran beside it. Rows can be measured apart (`--only`), so "
        "two rows of a section may be of different hours; what stands in one row is of the same "
        "one.",
    ]
    pictures = HERE / "pictures"
    pictures.mkdir(exist_ok=True)
    if "throughput" in figures:
        draw(figures["throughput"]["figures"], pictures / "speed.png")
        text += ["", "![throughput beside plain Keras and PyTorch](pictures/speed.png)"]
    text += ["", *aims.lines({name: known["figures"] for name, known in figures.items()})]
    for name, section in SECTIONS.items():
        if name not in figures:
            continue
        text += ["", *section.lines(figures[name]["figures"])]
        text += ["", _measured_with(list(figures[name]["measured"].values()))]
    if "growth" in figures:
        growth.draw(figures["growth"]["figures"], pictures / "growth.png")
    if TRIED.exists():
        text += ["", TRIED.read_text(encoding="utf-8").strip()]
    write_text(REPORT, "\n".join(text) + "\n")


def draw(figures: dict[str, Any], path: Path) -> None:
    """Throughput of the peers' and ours as bars, kerazoo being 1."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(figures)
    figure, axes = pyplot.subplots(figsize=(8, 0.55 * len(names) + 1.2), layout="constrained")
    for offset, (who, colour) in enumerate(
        (("kerazoo", "#1f5fa8"), ("plain Keras", "#9aa5b1"), ("PyTorch", "#d9822b"))
    ):
        shares = []
        for row in figures.values():
            ours = statistics.median(throughput.rate(row["examples"], row["kerazoo"]))
            theirs = throughput.rate(row["examples"], row.get(who, []))
            shares.append(statistics.median(theirs) / ours if theirs else 0.0)
        places = [i + 0.27 * (offset - 1) for i in range(len(names))]
        axes.barh(places, shares, height=0.25, label=who, color=colour)
    axes.axvline(1, color="black", linewidth=0.6)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("examples per second of training, kerazoo = 1")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
