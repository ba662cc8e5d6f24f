"""Train fresh seeds of entries, and count those inside the references' two-sided 95 % intervals.

    python benchmarks/fresh_seeds.py --work DIR              20 seeds of every embedded entry
    python benchmarks/fresh_seeds.py --work DIR mlp@mnist --runs 5

The interval is the prediction interval of one further run (Student's t), or two test examples or
what rounding changes, where that is wider. Runs are kept in --work, and the same command
continues where it was stopped. Writes benchmarks/FRESH_SEEDS.md; exit status 1 if fewer than 95 %
lie inside.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import _tools
from kerazoo import registry
from kerazoo._files import write_text
from kerazoo.evidence.audit import rounding_of_training, two_examples
from kerazoo.evidence.verify import prediction_margin, verify

TABLE = _tools.HERE / "FRESH_SEEDS.md"
FIRST = 1000  # no reference goes so far
WANTED = 0.95
HEADER = (
    *("entry", "metric", "95 % interval of a run", "n of the reference", "fresh runs"),
    *("inside", "`verify`"),
)


class Row(NamedTuple):
    """Fresh runs of one entry: cells of the table, number of runs, and of those inside."""

    cells: list[str]
    runs: int
    inside: int


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("entries", nargs="*", metavar="ENTRY", help="default: embedded ones")
    parser.add_argument("--runs", type=int, default=20, help="of each entry")
    parser.add_argument("--work", type=Path, required=True, help="directory for the runs")
    options = parser.parse_args()
    rows = []
    for name in options.entries or _tools.embedded():
        rows.append(row := fresh(name, options.runs, options.work / name))
        print(" | ".join(row.cells), flush=True)
    write_text(TABLE, text(rows))
    print(TABLE.read_text(encoding="utf-8"))
    return int(sum(row.inside for row in rows) < WANTED * sum(row.runs for row in rows))


def fresh(name: str, runs: int, out: Path) -> Row:
    """Train an entry's full tier with seeds from ``FIRST`` on."""
    report = verify(name, first_seed=FIRST, seeds=runs, out=out, resume=True, plots=False)
    entry, reference, measure = registry.get_entry(name), report.reference, report.measure
    rounding = rounding_of_training(entry, "full", reference) or two_examples(entry, reference)
    margin = max(prediction_margin(reference, 1, (1 + WANTED) / 2), rounding)
    low = max(measure.low, reference.mean - margin)
    high = min(measure.high, reference.mean + margin)
    values = [run.value for run in report.runs]
    inside = sum(abs(value - reference.mean) <= margin for value in values)
    cells = [
        f"`{name}`",
        measure.title,
        f"{measure.show(low)} to {measure.show(high)}",
        str(reference.n),
        f"{measure.show(min(values))} to {measure.show(max(values))}",
        f"{inside} of {len(values)}",
        "PASS" if report.passed else "FAIL",
    ]
    return Row(cells, len(values), inside)


def text(rows: list[Row]) -> str:
    """Content of FRESH_SEEDS.md."""
    inside, n = sum(row.inside for row in rows), sum(row.runs for row in rows)
    table = _tools.markdown(HEADER, [row.cells for row in rows], left=3)
    share = f"{100 * inside / n:.1f}"
    return _tools.render(
        "FRESH_SEEDS.md", first=FIRST, table=table, inside=inside, n=n, share=share
    )


if __name__ == "__main__":
    sys.exit(main())
