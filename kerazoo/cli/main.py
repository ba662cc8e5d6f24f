"""The command ``kerazoo``: calls the package and prints; decides nothing.

The arguments of every command are declared in ``arguments``.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import _lazy, building, registry
from kerazoo.cli import tables
from kerazoo.cli.arguments import parser
from kerazoo.errors import Interrupted, KerazooError, option, printable, tell
from kerazoo.evidence import card, caveats
from kerazoo.metrics import duration, metric
from kerazoo.spec import parse_recipe_value

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from kerazoo.evidence.verify import Report
    from kerazoo.exporting.certify import Certificate
    from kerazoo.predicting.predictions import TablePredictions

OK, FAILED, USAGE_ERROR, INTERNAL_ERROR, INTERRUPTED = 0, 1, 2, 70, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status.

    0 fine, 1 FAIL, 2 usage error, 70 internal error, 130 Ctrl-C.
    """
    # TensorFlow logs several lines at import; whoever wants them sets this variable.
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        _lazy.silence_import_logs()  # it prints some before it reads the variable
    for stream in (sys.stdout, sys.stderr):  # redirected on Windows, or in an old locale
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    whole = parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could be written next
        import argcomplete

        argcomplete.autocomplete(whole)
    options = vars(whole.parse_args(arguments))
    command, imports = options.pop("command"), options.pop("imports")
    show = Output(options.pop("json", False))
    try:
        if imports or os.environ.get("KERAZOO_IMPORT"):
            _lazy.load("keras")  # as these modules do themselves, but without TensorFlow's logs
        for name in imports:
            registry.import_module(name)
        if "settings" in options:
            options["settings"] = dict(_setting(text) for text in options["settings"])
        if options.pop("elsewhere", False):
            options["resume"] = "elsewhere"
        # Whatever a library prints, standard output is the one JSON document.
        aside = contextlib.redirect_stdout(sys.stderr) if show.json else contextlib.nullcontext()
        with aside:
            return COMMANDS[command](show, **options)
    except (KerazooError, OSError) as error:
        if isinstance(error, BrokenPipeError):  # the reader of a pipe (head, less) had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return OK
        tell(f"error: {error}")
        return USAGE_ERROR
    except KeyboardInterrupt as stop:
        print(file=sys.stderr)
        tell(str(stop) if isinstance(stop, Interrupted) else "stopped.")
        return INTERRUPTED
    except Exception:
        for line in traceback.format_exc().splitlines():
            print(printable(line), file=sys.stderr)
        tell("internal error; please report it.")
        return INTERNAL_ERROR


class Output:
    """Prints the result of a command: one JSON document, or texts and tables."""

    def __init__(self, json: bool):
        self.json = json
        self.stream = sys.stdout  # libraries may print elsewhere, see main

    def __call__(self, content: Any, *parts: Any) -> None:
        """Print ``content`` as JSON if that was asked for, else ``parts`` as text."""
        if self.json:
            print(json.dumps(content, indent=2, allow_nan=False), file=self.stream)
            return
        console = self.console()
        for part in parts:
            if isinstance(part, str):  # a path must stay in one piece
                console.print(printable(part), soft_wrap=True)
            else:
                console.print(part)

    def console(self) -> Console:
        """A console without markup; wide where no terminal tells its width."""
        from rich.console import Console

        width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 110
        return Console(width=width, highlight=False, markup=False, emoji=False)


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise KerazooError(f"--set {text!r}: write FIELD=VALUE, such as learning_rate=0.01.")
    return name, parse_recipe_value(value)


def _list(show: Output, pattern: str = "*") -> int:
    entries = [registry.get_entry(name) for name in registry.list_entries(pattern)]
    rows = [card.entry_row(entry, survive=True) for entry in entries]
    if not rows:
        tell(f"no entry matches {pattern!r}.")
        show(rows)
        return OK
    of_rows = sorted({row["dataset"] for row in rows})
    datasets = tables.datasets_table(registry.list_datasets() if pattern == "*" else of_rows)
    show(rows, tables.entries_table(rows, show.console().width), datasets)
    return _errors(row["error"] for row in rows if row["error"])


def _errors(errors: Iterable[str]) -> int:
    """Print errors of single items, whose others were shown; returns the exit status."""
    found = list(errors)
    for error in found:
        tell(f"error: {error}")
    return USAGE_ERROR if found else OK


def _show(
    show: Output, entry: str, layers: bool = False, html: str | None = None, run: str | None = None
) -> int:
    if layers and (html is not None or show.json):
        raise KerazooError("--layers prints a table; --html FILE has it too, and --json has none.")
    if run is not None and html is None:
        raise KerazooError("--run goes with --html FILE.")
    found = registry.get_entry(entry)
    if html is not None:
        card.write_card(found, Path(html), None if run is None else Path(run))
        show({"entry": found.name, "path": html}, f"card of {found.name}: {html}")
    elif layers:
        show(None, *map(tables.table, card.layers(building.build_for(found))))
    elif show.json:
        show(card.card(found))
    else:
        show(None, *tables.card_parts(found))
    return OK


def _train(show: Output, entry: str, **options: Any) -> int:
    from kerazoo.training.train import train

    done = train(entry, **options)
    metrics, measure = done.metrics, metric(done.metrics["metric"])
    content = {k: getattr(done, k) for k in ("entry", "tier", "seed", "seconds", "metrics")}
    show(
        {**content, "path": str(done.path), "plots": [str(path) for path in done.plots]},
        f"{done.entry} seed {done.seed}: {measure.title} {measure.show(metrics['value'])} on "
        f"{metrics['examples']:,} {metrics.get('split', 'test')} examples, "
        f"{duration(done.seconds)} of training",
        *_other_metrics(metrics["also"], metrics.get("by_target", {})),
        *(f"model: {path}" for path in sorted(done.path.glob("*.keras"))),
        *(f"plot:  {path}" for path in done.plots),
    )
    return OK


def _other_metrics(
    values: Mapping[str, float], by_target: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """A line for each other metric, each column that is forecast, and each warning."""

    def shown(name: str, value: float) -> str:
        return f"{metric(name).title} {metric(name).show(value)}"

    return [
        *(shown(name, value) for name, value in values.items()),
        *(f"{t}: " + ", ".join(shown(*pair) for pair in m.items()) for t, m in by_target.items()),
        *(f"note: {line}" for line in caveats.uneven([values])),
    ]


def _finetune(show: Output, model: str, data: str, **options: Any) -> int:
    from kerazoo.finetuning import run_card
    from kerazoo.finetuning.finetune import finetune

    if len(options.get("target", [])) == 1:
        (options["target"],) = options["target"]
    done = finetune(model, data, **options)
    show(
        done.as_json(),
        tables.table(run_card.comparison(done)),
        *([f"note:  {done.verdict}"] if done.verdict else []),
        *(f"note:  {line}" for line in caveats.uneven([done.metrics["also"]])),
        *(f"model: {path}" for path in sorted(done.path.glob("*.keras"))),
        f"card:  {done.path / 'card.md'}",
        *(f"plot:  {path}" for path in done.plots),
        f"try:   {done.use}",
    )
    return OK


def _evaluate(show: Output, source: str) -> int:
    from kerazoo.evidence.evaluate import evaluate

    result = evaluate(source)
    measure = metric(result.metric)
    same = "as recorded" if result.same else f"recorded: {result.recorded!r}"
    show(
        result.as_json(),
        f"{result.source}: {measure.title} {measure.show(result.value)} (standard error "
        f"{measure.number(result.standard_error)}) on {result.examples:,} {result.split} examples "
        f"of {result.entry.split('@')[1]} ({same})",
        *_other_metrics(result.also, result.by_target),
    )
    return OK


def _verify(show: Output, all: bool, **options: Any) -> int:
    if all:
        return _verify_all(show, **options)
    if "entry" not in options:
        raise KerazooError("verify needs an ENTRY, or --all.")
    if "offline" in options:
        raise KerazooError("--offline goes with --all.")
    from kerazoo.evidence.verify import verify

    report = verify(options.pop("entry"), **options)
    table = tables.report_table(report)
    return _judge(show, report, table, "plot", report.plots, report.warnings)


def _judge(
    show: Output,
    result: Report | Certificate,
    table: Table,
    kind: str,
    paths: Iterable[Path],
    warnings: Iterable[str] = (),
) -> int:
    """Show a table with remarks, paths and the verdict, which is the exit status."""
    show(
        result.as_json(),
        table,
        *(f"warning: {warning}" for warning in warnings),
        *(f"note: {note}" for note in result.notes),
        *(f"problem: {problem}" for problem in result.problems),
        *(f"{kind}: {path}" for path in paths),
        tables.verdict(result.passed),
    )
    return OK if result.passed else FAILED


def _verify_all(show: Output, entry: str = "*", **options: Any) -> int:
    from kerazoo.evidence.verify import verify_all

    for name in ("record", "settings", "first_seed"):
        if name in options:
            raise KerazooError(f"{option(name)} does not go with --all; name one ENTRY.")
    options.pop("fresh_data", None)  # it does so, once for each dataset
    verdicts = []
    try:
        for verdict in verify_all(entry, **options):
            verdicts.append(verdict)
    finally:  # Ctrl-C at the last entry must not lose what the others took hours for
        if verdicts:
            lines = tables.verdicts_lines(verdicts)
            show([v.as_json() for v in verdicts], tables.verdicts_table(verdicts), *lines)
    if all(v.skipped for v in verdicts):
        raise KerazooError("nothing could be verified; the table says why.")
    return FAILED if any(v.failed for v in verdicts) else OK


def _doctor(show: Output) -> int:
    from kerazoo.evidence.doctor import diagnose

    found = diagnose()
    show(found.as_json(), *(tables.table(t, plain=True, whole=()) for t in found.tables()))
    return OK


def _sample(show: Output, source: str, n: int, seed: int, out: str | None = None) -> int:
    from kerazoo.plots.images import write_grid
    from kerazoo.predicting.sample import sample

    path = _new_file(out, "samples.png")
    if path.suffix.lower() != ".png":
        raise KerazooError(f"--out {out}: give a file name that ends in .png.")
    images = sample(source, n, seed=seed)
    write_grid(images, path)
    content = {"path": str(path), "n": len(images), "seed": seed}
    show(content, f"{len(images)} images from {source}, seed {seed}: {path}")
    return OK


def _new_file(out: str | None, default: str) -> Path:
    """The file to write; one that nobody named must not exist."""
    if out is None and Path(default).exists():
        raise KerazooError(f"{default} exists; name the file to write with --out FILE.")
    return Path(out or default)


def _export(show: Output, source: str, format: str, **options: Any) -> int:
    from kerazoo.exporting.export import export

    done = export(source, format, **options)
    return _judge(show, done, tables.certificate_table(done), "export", [done.path])


def _predict(
    show: Output, source: str, inputs: list[str], out: str | None = None, **options: Any
) -> int:
    from kerazoo.predicting.predict import predict
    from kerazoo.predicting.predictions import TablePredictions

    predictions = predict(source, inputs, **options)
    if isinstance(predictions, TablePredictions):
        return _write_predictions(show, predictions, inputs[0], out)
    if out is not None:
        raise KerazooError("--out goes with a CSV file; other predictions are printed.")
    show([p.as_json() for p in predictions], tables.predictions_table(predictions))
    return _errors(p.error for p in predictions if p.error is not None)


def _write_predictions(
    show: Output, predictions: TablePredictions, source: str, out: str | None
) -> int:
    for note in predictions.notes:
        tell(f"note: {note}")
    if show.json and out is None:
        show(predictions.as_json())
        return OK
    path = _new_file(out, f"{Path(source).stem}-{predictions.name}.csv")
    if path.exists() and path.samefile(source):
        raise KerazooError(f"{path} is the file that is read; name another with --out FILE.")
    predictions.write_csv(path)
    count = len(predictions.frame)
    content = {**predictions.as_json(), "path": str(path)}
    show(content, tables.frame_table(predictions.frame), f"{count:,} rows: {path}")
    return OK


def _completion(show: Output, shell: str) -> int:
    import argcomplete

    print(argcomplete.shellcode(["kerazoo"], shell=shell))
    return OK


COMMANDS: dict[str, Callable[..., int]] = {
    "list": _list,
    "show": _show,
    "train": _train,
    "finetune": _finetune,
    "evaluate": _evaluate,
    "verify": _verify,
    "doctor": _doctor,
    "sample": _sample,
    "export": _export,
    "predict": _predict,
    "completion": _completion,
}
