"""Record the references of any or all entries again, then write RESULTS.md and the README's table.

    python benchmarks/reproduce.py                              every entry, both tiers, 5 seeds
    python benchmarks/reproduce.py mnist_cnn@digits --tier full
    python benchmarks/reproduce.py --tables-only                only the generated tables
    python benchmarks/reproduce.py --check                      exit 1 if a table is not current

Runs are kept in --work; the same command goes on where it was stopped, to the same weights.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from kerazoo import evidence, registry, tables
from kerazoo.spec import TIERS
from kerazoo.verifying import verify

ROOT = Path(__file__).parent.parent
PICTURED = ("mnist_cnn@mnist", "full")  # whose pictures the README shows
BEGIN, END = "<!-- zoo: begin (benchmarks/reproduce.py writes this table) -->", "<!-- zoo: end -->"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("entries", nargs="*", metavar="ENTRY", help="default: all")
    parser.add_argument("--tier", choices=TIERS, action="append", help="default: both")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--work", type=Path, default=Path("runs/reproduce"))
    parser.add_argument("--tables-only", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if not (options.tables_only or options.check):
        for name in options.entries or registry.list_entries():
            for tier in options.tier or TIERS:
                entry = registry.get_entry(name)
                report = verify(
                    entry.name,
                    tier=tier,
                    seeds=options.seeds,
                    record=True,
                    out=options.work / f"{entry.name}-{tier}",
                    resume=True,
                )
                print(report.table, flush=True)
                if (entry.name, tier) == PICTURED:
                    _keep_pictures(report.runs[0].path, entry.name)
    return check() if options.check else write()


def _keep_pictures(run: Path, name: str) -> None:
    """Copy the README's pictures from a run."""
    folder = ROOT / "benchmarks" / "pictures"
    folder.mkdir(exist_ok=True)
    for picture in ("learning_curves.png", "worst_mistakes.png"):
        shutil.copy(run / picture, folder / f"{name}-{picture}")


def write() -> int:
    """Write both generated texts."""
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}", file=sys.stderr)
    return 0


def check() -> int:
    """Say which generated text is not what the references give."""
    old = [p for p, text in generated().items() if not p.exists() or p.read_text("utf-8") != text]
    for path in old:
        print(f"{path} is not current: python benchmarks/reproduce.py --tables-only")
    return 1 if old else 0


def generated() -> dict[Path, str]:
    """What README.md and RESULTS.md should hold."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    before, _, rest = readme.partition(BEGIN)
    after = rest.partition(END)[2]
    return {
        ROOT / "README.md": f"{before}{BEGIN}\n{zoo_table()}\n{END}{after}",
        ROOT / "benchmarks" / "RESULTS.md": results(),
    }


def zoo_table() -> str:
    """One line per entry, as Markdown."""
    lines = [
        "| entry | test accuracy, mean ± std (n seeds) | linear model | majority class "
        "| parameters | training |",
        "|---|---|---|---|---:|---:|",
    ]
    for name in registry.list_entries():
        row = tables.entry_row(registry.get_entry(name))
        parameters = f"{row['parameters']:,}" if row["parameters"] else "–"
        lines.append(
            f"| `{name}` | {tables.figure(row['mean'], row['std'], row['n'])} "
            f"| {tables.figure(row['baselines'].get('linear'))} "
            f"| {tables.figure(row['baselines'].get('majority_class'))} "
            f"| {parameters} | {tables.duration(row['train_seconds'] or 0)} |"
        )
    return "\n".join(lines)


def results() -> str:
    """Every recorded run of every entry and tier, as Markdown."""
    lines = [
        "# Results",
        "",
        "Written by `python benchmarks/reproduce.py` from `kerazoo/references/`. Every figure is "
        "the test accuracy after the last epoch. A `smoke` tier trains for seconds, to see that "
        "all works; it has a band of its own.",
    ]
    for name in registry.list_entries():
        recorded = evidence.read(registry.get_entry(name))
        for tier, reference in recorded.tiers.items():
            where = reference.environment
            spread = tables.figure(reference.mean, reference.std, reference.n)
            lines += [
                "",
                f"## {name}, {tier}: {spread}",
                "",
                f"Keras {where['keras']} on {where['backend']} "
                f"{where.get(where['backend'], '')}, Python {where['python']}, {where['machine']}",
                "",
                "| run | test accuracy | training |",
                "|---|---:|---:|",
                *(
                    f"| seed {r.seed} | {r.value:.2%} | {tables.duration(r.seconds)} |"
                    for r in reference.runs
                ),
                *(
                    f"| baseline: {baseline.replace('_', ' ')} | {value:.2%} | |"
                    for baseline, value in reference.baselines.items()
                ),
            ]
        if recorded.weights:
            lines += [
                "",
                f"Bundled weights: seed {recorded.weights.seed}, stored as float16, measure "
                f"{recorded.weights.value:.2%}.",
            ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
