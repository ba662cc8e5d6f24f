"""How the time of an epoch and the memory grow with the data and the batch size."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.timings import measuring, throughput
from kerazoo import registry

ENTRY = "mnist_cnn_fast@mnist"
WHOLE = 60_000
SHARES = (16, 4, 1)
BATCHES = (32, 128, 512)
ROUNDS = 3


def measure(only: str | None = None) -> Iterator[tuple[str, Any]]:
    """Per batch size, epoch seconds and peak memory at each number of pictures."""
    for batch in BATCHES:
        if only not in (None, str(batch)):
            continue
        ways = {}
        with tempfile.TemporaryDirectory() as folder:
            for share in SHARES:
                place = Path(folder) / str(share)
                place.mkdir()
                job = throughput.write_job(
                    registry.get_entry(ENTRY), WHOLE // share, place, batch_size=batch
                )
                ways[str(WHOLE // share)] = partial(
                    measuring.worker, "benchmarks.peers.kerazoo_train", job
                )
            yield str(batch), measuring.interleaved(ways, ROUNDS, f"growth, batch {batch}")


def seconds(runs: list[dict[str, Any]]) -> list[float]:
    """Of an epoch after the first, of each run."""
    return [statistics.median(run["epochs"][1:]) for run in runs]


def megabytes(runs: list[dict[str, Any]]) -> float:
    """Peak memory of the process, median of the runs."""
    return statistics.median(run["peak_mb"] for run in runs)


def linearity(row: dict[str, list[dict[str, Any]]]) -> float:
    """Seconds of an epoch a picture, with all pictures over with a quarter of them."""
    each = {n: statistics.median(seconds(row[str(n)])) / n for n in (WHOLE, WHOLE // 4)}
    return each[WHOLE] / each[WHOLE // 4]


def memory_growth(row: dict[str, list[dict[str, Any]]]) -> float:
    """Peak memory with all pictures over with a sixteenth of them."""
    return megabytes(row[str(WHOLE)]) / megabytes(row[str(WHOLE // 16)])


def lines(figures: dict[str, Any]) -> list[str]:
    """The section of the report."""
    sizes = [str(WHOLE // share) for share in SHARES]
    table = [
        "## Growth",
        "",
        f"`{ENTRY}` without augmentation: seconds of an epoch after the first, medians of {ROUNDS} "
        "interleaved processes (smallest to largest), and peak memory of the whole process in MB, "
        "by number of pictures and batch size. (Every process reads all of MNIST from the cache, "
        "whatever it trains on, and measures all test pictures in the end.)",
        "",
        f"| batch | {' | '.join(f'{int(s):,} pictures' for s in sizes)} |",
        "|---|" + "---:|" * len(sizes),
    ]
    for batch, row in figures.items():
        cells = [
            f"{measuring.spread(seconds(row[s]), '{:.2f}')} s, {megabytes(row[s]):.0f} MB"
            for s in sizes
        ]
        table.append(f"| {batch} | {' | '.join(cells)} |")
    return [*table, "", "![growth](pictures/growth.png)"]


def draw(figures: dict[str, Any], path: Path) -> None:
    """Seconds of an epoch over pictures, one line per batch size; memory beside it."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for batch, row in figures.items():
        sizes = sorted(int(s) for s in row)
        middle = [statistics.median(seconds(row[str(s)])) for s in sizes]
        left.plot(sizes, middle, marker="o", label=f"batch {batch}")
        right.plot(sizes, [megabytes(row[str(s)]) for s in sizes], marker="o")
    for axes, title in ((left, "seconds of an epoch"), (right, "peak memory, MB")):
        axes.set(xlabel="training pictures", title=title, ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
