"""Record the references of all or some entries again; write RESULTS.md and the README's table.

    python benchmarks/reproduce.py                              all recorded entries, both tiers
    python benchmarks/reproduce.py mnist_cnn@digits --tier full
    python benchmarks/reproduce.py --missing                    only seeds that are not recorded
    python benchmarks/reproduce.py --tables-only                only the generated tables
    python benchmarks/reproduce.py --plots                      only plots, from bundled weights
    python benchmarks/reproduce.py --check                      exit 1 if a table is not current

Runs are kept in --work, and the same command continues where it was stopped, to the same weights.
With --elsewhere it also continues runs of another machine; the reference then names both.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import _tools
from kerazoo import registry
from kerazoo._files import write_text
from kerazoo.errors import KerazooError
from kerazoo.evidence import card, record
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.verify import Report, verify
from kerazoo.metrics import Metric, best_baseline, duration, metric, plain
from kerazoo.predicting.trained import open_trained
from kerazoo.spec import TIERS, Entry
from kerazoo.tasks.base import Finished, write_plots
from kerazoo.training.run_directory import Resume

README_PLOTS = {  # of the first recorded run
    "mnist_cnn@mnist": ("learning_curves.png",),
    "stacked_lstm@etth1": ("forecasts.png",),
    "dcgan@mnist": ("samples_over_training.png",),
}
BEGIN, END = "<!-- zoo: begin (benchmarks/reproduce.py writes this table) -->", "<!-- zoo: end -->"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("entries", nargs="*", metavar="ENTRY", help="default: all")
    parser.add_argument("--tier", choices=TIERS, action="append", help="default: both")
    parser.add_argument("--seeds", type=int, help="default: the number that an entry asks for")
    parser.add_argument("--work", type=Path, default=Path("runs/reproduce"))
    parser.add_argument("--missing", action="store_true", help="leave what is recorded")
    parser.add_argument("--elsewhere", action="store_true", help="continue another machine's runs")
    for name in ("--tables-only", "--plots", "--check"):
        parser.add_argument(name, action="store_true")
    options = parser.parse_args()
    entries = [registry.get_entry(name) for name in options.entries or registry.list_entries()]
    failed = 0
    if options.plots:
        plot_again(entries)
    elif not (options.tables_only or options.check):
        resume: Resume = "elsewhere" if options.elsewhere else True
        for entry, tier in recording_order(entries, options.tier or TIERS):
            seeds, work = options.seeds or entry.seeds, options.work / f"{entry.name}-{tier}"
            try:
                for report in recorded(entry, tier, seeds, work, options.missing, resume):
                    print(report, *report.remarks, sep="\n", flush=True)
                    write_tables()  # tables show what is recorded at any moment
            except KerazooError as error:  # the others can be recorded all the same
                print(f"not recorded: {entry.name}, {tier}: {error}", file=sys.stderr)
                failed = 1
    elif options.check:
        return check_tables()
    else:
        write_tables()
    return failed


def recording_order(entries: Iterable[Entry], tiers: Iterable[str]) -> Iterator[tuple[Entry, str]]:
    """Entries and tiers; classifiers that judge a generator come first."""
    judges = {j for name in registry.list_entries() for j in registry.get_entry(name).judges}
    for entry in sorted(entries, key=lambda entry: entry.name not in judges):
        for tier in tiers:
            yield entry, tier


def recorded(
    entry: Entry, tier: str, seeds: int, work: Path, missing: bool = False, resume: Resume = True
) -> Iterator[Report]:
    """Train and record all seeds together, or each missing seed with the engine of the others."""
    before = evidence.read(entry).tiers.get(tier)
    engine = before.engine if missing and before else "auto"
    turns = [(0, seeds)]
    if missing:
        turns = [(seed, 1) for seed in record.missing_seeds(entry, tier, seeds)]
    for first, n in turns:
        report = verify(
            entry.name,
            tier=tier,
            first_seed=first,
            seeds=n,
            record=True,
            out=work,
            resume=resume,
            engine=engine,
        )
        if tier == "full" and first == 0:
            copy_plots(report.runs[0].path, entry.name)
        yield report


def plot_again(entries: Iterable[Entry]) -> None:
    """Plot what bundled weights suffice for: not the learning curves and early samples."""
    for entry in entries:
        if evidence.read(entry).weights is None:
            continue
        trained = open_trained(entry.name)
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder)
            outcome = trained.task.evaluate(trained.model, trained.data)
            write_plots(trained.task, Finished(run, entry.name, [], outcome, trained.data))
            card.keep_plots(entry, run, all_there=False)
            copy_plots(run, entry.name)


def copy_plots(run: Path, name: str) -> None:
    """Copy the README's plots from a run directory as far as it has them."""
    for plot in README_PLOTS.get(name, ()):
        if (run / plot).exists():
            shutil.copy(run / plot, _tools.PLOTS / f"{name}-{plot}")


def write_tables() -> None:
    """Write README.md and RESULTS.md."""
    for path, text in generated().items():
        write_text(path, text)


def check_tables() -> int:
    """Name the files that are not current; their number is the exit status."""
    old = [p for p, text in generated().items() if not p.exists() or p.read_text("utf-8") != text]
    for path in old:
        print(f"{path} is not current: python benchmarks/reproduce.py --tables-only")
    return min(len(old), 1)


def generated() -> dict[Path, str]:
    """Current content of README.md and RESULTS.md."""
    readme, results_md = _tools.ROOT / "README.md", _tools.HERE / "RESULTS.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return {readme: f"{before}{BEGIN}\n{zoo_table()}\n{END}{after}", results_md: results()}


def zoo_table() -> str:
    """Markdown tables of the recorded entries, one per task."""
    by_task: dict[str, list[list[str]]] = {}
    for name in registry.list_entries():
        entry = card.entry_row(registry.get_entry(name))
        if not entry["n"]:
            continue
        measure = metric(entry["metric"])
        baseline = best_baseline(entry["baselines"], measure)
        limits = (f"{measure.show(v)} ({plain(k)})" for k, v in entry["limits"].items())
        by_task.setdefault(entry["task"], []).append(
            [
                f"`{name}`",
                f"{measure.short or measure.title} {measure.arrow}",
                measure.with_spread(entry["mean"], entry["std"], entry["n"]),
                f"{measure.show(baseline[1])} ({plain(baseline[0])})" if baseline else "–",
                ", ".join(limits) or "–",
                f"{entry['parameters']:,}",
                duration(entry["train_seconds"]),
            ]
        )
    test = "test, mean ± std (n seeds)"
    header = ["metric", test, "best baseline", "limit", "parameters", "training"]
    largest_first = sorted(by_task.items(), key=lambda item: -len(item[1]))
    return "\n\n".join(
        _tools.markdown([plain(task), *header], rows, left=5) for task, rows in largest_first
    )


def results() -> str:
    """Every recorded run of every entry and tier, as Markdown."""
    entries = map(registry.get_entry, registry.list_entries())

    def table(reference: evidence.Reference, measure: Metric) -> str:
        runs = card.reference_table(reference, measure)
        return _tools.markdown(runs.columns, runs.rows)

    return _tools.render(
        "RESULTS.md",
        recorded=[(entry, evidence.read(entry)) for entry in entries],
        dataset=registry.get_dataset,
        measured_with=card.measured_with,
        table=table,
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KerazooError as error:
        print(f"reproduce.py: error: {error}", file=sys.stderr)
        sys.exit(2)
