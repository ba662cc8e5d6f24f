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
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import _tools
from kerazoo import registry
from kerazoo._files import write_text
from kerazoo.evidence.audit import rounding_of_training, two_examples
from kerazoo.evidence.verify import Report, prediction_margin, verify

TABLE = _tools.HERE / "FRESH_SEEDS.md"
FIRST = 1000  # no reference goes so far
WANTED = 0.95


@dataclass(frozen=True)
class Row:
    """Fresh runs of one entry.

    Attributes:
        entry: name of the entry.
        report: its verification.
        margin: half width of the two-sided 95 % interval around the reference's mean.
        inside: number of runs inside.
    """

    entry: str
    report: Report
    margin: float
    inside: int

    @property
    def cells(self) -> list[str]:
        """Row of the table."""
        report, reference, show = self.report, self.report.reference, self.report.measure.show
        low, high = reference.mean - self.margin, reference.mean + self.margin
        if report.measure.percent:
            low, high = max(0.0, low), min(1.0, high)
        values = [run.value for run in report.runs]
        return [
            f"`{self.entry}`",
            report.measure.title,
            f"{show(low)} to {show(high)}",
            str(reference.n),
            f"{show(min(values))} to {show(max(values))}",
            f"{self.inside} of {len(values)}",
            "PASS" if report.passed else "FAIL",
        ]


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
    inside, n = sum(r.inside for r in rows), sum(len(r.report.runs) for r in rows)
    write_text(TABLE, text(rows, inside, n))
    print(f"{inside} of {n} inside")
    return int(inside < WANTED * n)


def fresh(name: str, runs: int, out: Path) -> Row:
    """Train an entry's full tier with seeds from ``FIRST`` on."""
    report = verify(name, first_seed=FIRST, seeds=runs, out=out, resume=True, plots=False)
    entry, reference = registry.get_entry(name), report.reference
    rounding = rounding_of_training(entry, "full", reference) or two_examples(entry, reference)
    margin = max(prediction_margin(reference, 1, (1 + WANTED) / 2), rounding)
    inside = sum(abs(run.value - reference.mean) <= margin for run in report.runs)
    return Row(name, report, margin, inside)


def text(rows: list[Row], inside: int, n: int) -> str:
    """Content of FRESH_SEEDS.md."""
    header = [
        "entry",
        "metric",
        "95 % interval of a run",
        "n of the reference",
        "fresh runs",
        "inside",
        "`verify`",
    ]
    lines = [
        "# Fresh seeds",
        "",
        f"Full tier, seeds from {FIRST} on, which no reference holds. The interval is the",
        "two-sided 95 % prediction interval of one further run, from the recorded runs (Student's",
        "t), or two test examples or what rounding changes, where that is wider. Written by",
        "`python benchmarks/fresh_seeds.py`.",
        "",
        _tools.markdown(header, [row.cells for row in rows], left=3),
        "",
        f"{inside} of {n} runs lie inside, {100 * inside / n:.1f} %.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
