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


def measure(only: str | None = None) -> Iterator[tuple[str, Any]]:
    """Per batch size, epoch seconds and peak memory at each number of pictures."""
    for batch in BATCHES:
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
            yield str(batch), measuring.interleaved(ways, 1, f"growth, batch {batch}")


def seconds(run: dict[str, Any]) -> float:
    """Of an epoch after the first."""
    return statistics.median(run["epochs"][1:])


def lines(figures: dict[str, Any]) -> list[str]:
    """The section of the report."""
    sizes = [str(WHOLE // share) for share in SHARES]
    table = [
        "## Growth",
        "",
        f"`{ENTRY}` without augmentation: seconds of an epoch after the first, and peak memory of "
        "the whole process in MB, by number of pictures and batch size. (Every process reads all "
        "of MNIST from the cache, whatever it trains on.)",
        "",
        f"| batch | {' | '.join(f'{int(s):,} pictures' for s in sizes)} |",
        "|---|" + "---:|" * len(sizes),
    ]
    for batch, row in figures.items():
        cells = [f"{seconds(row[s][0]):.2f} s, {row[s][0]['peak_mb']:.0f} MB" for s in sizes]
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
        left.plot(
            sizes, [seconds(row[str(s)][0]) for s in sizes], marker="o", label=f"batch {batch}"
        )
        right.plot(sizes, [row[str(s)][0]["peak_mb"] for s in sizes], marker="o")
    for axes, title in ((left, "seconds of an epoch"), (right, "peak memory, MB")):
        axes.set(xlabel="training pictures", title=title, ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
