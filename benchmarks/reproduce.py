"""Record the references of any or all entries again, then write RESULTS.md and the README's table.

    python benchmarks/reproduce.py                              every measured entry, both tiers
    python benchmarks/reproduce.py mnist_cnn@digits --tier full
    python benchmarks/reproduce.py --missing                    only the seeds that are not recorded
    python benchmarks/reproduce.py --tables-only                only the generated tables
    python benchmarks/reproduce.py --pictures                   only pictures, from bundled weights
    python benchmarks/reproduce.py --check                      exit 1 if a table is not current

Runs are kept in --work; the same command goes on where it was stopped, to the same weights; with
--elsewhere also on another machine that --work was carried to, which the reference then says.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from kerazoo import registry
from kerazoo._files import write_text
from kerazoo.errors import KerazooError
from kerazoo.evidence import card
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.record import missing_seeds, redraw
from kerazoo.evidence.reference import Reference
from kerazoo.evidence.verify import verify
from kerazoo.metrics import Metric, best_naive, duration, metric, plain
from kerazoo.spec import TIERS, Entry
from kerazoo.training.run_directory import Resume

ROOT = Path(__file__).parent.parent
PICTURED = {  # what the README shows of the first recorded run of an entry
    "mnist_cnn@mnist": ("learning_curves.png", "worst_mistakes.png"),
    "stacked_lstm@etth1": ("forecasts.png",),
    "dcgan@mnist": ("samples_over_training.png",),
}
BEGIN, END = "<!-- zoo: begin (benchmarks/reproduce.py writes this table) -->", "<!-- zoo: end -->"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("entries", nargs="*", metavar="ENTRY", help="default: all")
    parser.add_argument("--tier", choices=TIERS, action="append", help="default: both")
    parser.add_argument("--seeds", type=int, help="default: what each entry asks for")
    parser.add_argument("--work", type=Path, default=Path("runs/reproduce"))
    parser.add_argument("--missing", action="store_true", help="leave what is recorded")
    parser.add_argument(
        "--elsewhere", action="store_true", help="go on with another machine's runs"
    )
    parser.add_argument("--tables-only", action="store_true")
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.pictures:
        draw(options.entries)
        return 0
    if not (options.tables_only or options.check):
        failed = record(
            options.entries,
            options.tier or list(TIERS),
            options.seeds,
            options.work,
            missing=options.missing,
            resume="elsewhere" if options.elsewhere else True,
        )
        for line in failed:
            print(f"not recorded: {line}", file=sys.stderr)
        return 1 if failed else 0
    return check() if options.check else write()


def record(
    asked: list[str],
    tiers: list[str],
    seeds: int | None,
    work: Path,
    *,
    missing: bool = False,
    resume: Resume = True,
) -> list[str]:
    """Train and record; what could not be recorded, with the reason. Judges come first."""
    judges = {registry.get_entry(name).judge for name in registry.list_entries()} - {""}
    chosen = [registry.get_entry(name).name for name in asked] or registry.list_entries()
    names = sorted(chosen, key=lambda name: name not in judges)
    failed = []
    for name in names:
        entry = registry.get_entry(name)
        if entry.unmeasured and not asked:
            continue
        for tier in tiers:
            try:
                for start, n in _turns(entry, tier, seeds or entry.seeds, missing):
                    report = verify(
                        entry.name,
                        tier=tier,
                        first_seed=start,
                        seeds=n,
                        record=True,
                        out=work / f"{entry.name}-{tier}",
                        resume=resume,
                        engine=_engine(entry, tier) if missing else "auto",
                    )
                    print(report.table, flush=True)
                    write()  # each time: what is recorded and what is shown are never apart
                    if tier == "full" and start == 0:
                        _keep_pictures(report.runs[0].path, entry.name)
            except KerazooError as error:  # the others can be recorded all the same
                failed.append(f"{entry.name}, {tier}: {error}")
    return failed


def _turns(entry: Entry, tier: str, seeds: int, missing: bool) -> list[tuple[int, int]]:
    """First seed and number of seeds of what is recorded together: all, or each that lacks."""
    return [(seed, 1) for seed in missing_seeds(entry, tier, seeds)] if missing else [(0, seeds)]


def _engine(entry: Entry, tier: str) -> str:
    """That of the recorded runs, which only runs of the same one join."""
    recorded = evidence.read(entry).tiers.get(tier)
    return recorded.engine if recorded is not None else "auto"


def draw(asked: list[str]) -> None:
    """Draw what can be drawn of bundled weights anew, as after a change of how it is drawn."""
    for name in asked or registry.list_entries():
        entry = registry.get_entry(name)
        if evidence.read(entry).weights is not None:
            with tempfile.TemporaryDirectory() as folder:
                drawn = redraw(entry, Path(folder))
                _keep_pictures(Path(folder), entry.name)
            print(f"{entry.name}: {', '.join(p.name for p in drawn) or 'nothing'}", flush=True)


def _keep_pictures(run: Path, name: str) -> None:
    """Copy the README's pictures from a run, as far as they are there."""
    folder = ROOT / "benchmarks" / "plots"
    folder.mkdir(exist_ok=True)
    for picture in PICTURED.get(name, ()):
        if (run / picture).exists():
            shutil.copy(run / picture, folder / f"{name}-{picture}")


def write() -> int:
    """Write both generated texts."""
    for path, text in generated().items():
        write_text(path, text)
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
        "| entry | metric | test, mean ± std (n seeds) | best naive model | limit | parameters "
        "| training |",
        "|---|---|---|---|---|---:|---:|",
    ]
    for name in registry.list_entries():
        row = card.entry_row(registry.get_entry(name))
        measure = metric(row["metric"])
        naive = best_naive(row["baselines"], measure)
        cells = [
            f"`{name}`",
            f"{measure.short or measure.title} {measure.arrow}",
            measure.with_spread(row["mean"], row["std"], row["n"]),
            "–" if naive is None else f"{measure.show(naive[1])} ({plain(naive[0])})",
            ", ".join(
                f"{measure.show(v)} ({k.replace('_', ' ')})" for k, v in row["limits"].items()
            ),
            f"{row['parameters']:,}" if row["parameters"] else "–",
            duration(row["train_seconds"]) if row["train_seconds"] else "–",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def results() -> str:
    """Every recorded run of every entry and tier, as Markdown."""
    lines = [
        "# Results",
        "",
        "Written by `python benchmarks/reproduce.py` from `kerazoo/evidence/references/`. Every "
        "figure is of the test split after the last epoch. A `smoke` tier trains for seconds, to "
        "see that all works; it has a band of its own.",
    ]
    for name in registry.list_entries():
        entry = registry.get_entry(name)
        recorded = evidence.read(entry)
        for tier, reference in recorded.tiers.items():
            lines += _tier(entry, tier, reference, recorded.measure)
            if recorded.weights and tier == "full":
                lines += [
                    "",
                    f"Bundled weights: seed {recorded.weights.seed}, stored as float16, measure "
                    f"{recorded.measure.show(recorded.weights.value)}.",
                ]
        if not recorded.tiers:
            lines += ["", f"## {name}: not measured yet", "", entry.unmeasured]
    return "\n".join(lines) + "\n"


def _tier(entry: Entry, tier: str, reference: Reference, measure: Metric) -> list[str]:
    """One tier of one entry: every run, their mean, then baselines and limits."""
    columns, rows = card.reference_table(reference, measure)
    copy = registry.get_dataset(entry.dataset).measured_on
    options = ", ".join(f"{name}={value!r}" for name, value in entry.options.items())
    lines = [
        "",
        f"## {entry.name}, {tier}: "
        f"{measure.with_spread(reference.mean, reference.std, reference.n)}",
        "",
        card.measured_with(reference) + (f". Data: {copy}" if copy else ""),
        *([f"Model: `{entry.model}({options})`"] if options else []),
        "",
        f"| {' | '.join(columns)} |",
        "|---|" + "---:|" * (len(columns) - 1),
    ]
    for row in rows:
        *cells, training = row.cells
        lines.append(f"| {' | '.join(cells)} | {training}".rstrip() + " |")
    return lines


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KerazooError as error:
        print(f"reproduce.py: error: {error}", file=sys.stderr)
        sys.exit(2)
