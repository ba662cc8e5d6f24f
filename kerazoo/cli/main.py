"""The command ``kerazoo``: calls the package and prints; decides nothing.

The arguments of every command are declared in ``arguments``.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shlex
import sys
import traceback
import webbrowser
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import _lazy, registry
from kerazoo._parts import Table, group_tables
from kerazoo.cli import tables
from kerazoo.cli.arguments import parser
from kerazoo.errors import (
    Interrupted,
    KerazooError,
    option,
    printable,
    require_whole,
    tell,
    unknown,
    wrapped,
)
from kerazoo.evidence import card, caveats
from kerazoo.metrics import metric, result_of, with_rmse
from kerazoo.spec import parse_recipe_value
from kerazoo.training import run_directory

if TYPE_CHECKING:
    from rich.console import Console

    from kerazoo.evidence.verify import Report
    from kerazoo.exporting.certify import Certificate

MAX_ROWS = 12  # of predictions on the terminal
TRAINING = ("train", "finetune", "verify")  # commands
OK, FAILED, USAGE_ERROR, INTERNAL_ERROR, INTERRUPTED = 0, 1, 2, 70, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status.

    0 fine, 1 FAIL, 2 usage error, 70 internal error, 130 Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):  # redirected on Windows, or in an old locale
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    whole = parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could be written next
        import argcomplete

        argcomplete.autocomplete(whole)
    given = sys.argv[1:] if arguments is None else arguments
    options = vars(whole.parse_args(given))
    command, imports = options.pop("command"), options.pop("imports")
    if command is None:
        whole.print_help()
        return OK
    imports, verbose = imports + options.pop("more_imports", []), options.pop("verbose", False)
    if verbose:
        os.environ.setdefault(_lazy.LOG_LEVEL, "0")
    if _lazy.LOG_LEVEL not in os.environ:
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    show, opens = Output(options.pop("json", False)), options.pop("open", False)
    try:
        loud, importing = options.get("progress", True), imports or os.environ.get("KERAZOO_IMPORT")
        if loud:
            _lazy.announce_import(now=bool(importing))
        if importing:
            _lazy.load("keras")  # as these modules do themselves, but without TensorFlow's logs
        for name in imports:
            registry.import_module(name)
        model = str(options.get("model", options.get("entry"))).partition("@")[0]
        if loud and command in TRAINING and model in registry.list_models():
            _lazy.announce_import(now=True)  # before data is read
        if "settings" in options:
            options["settings"] = dict(_setting(text) for text in options["settings"])
        if options.pop("elsewhere", False):
            options["resume"] = "elsewhere"
        # Whatever a library prints, standard output is the one JSON document.
        aside = contextlib.redirect_stdout(sys.stderr) if show.json else contextlib.nullcontext()
        with aside:
            status = COMMANDS[command](show, **options)
        if opens and (pages := [p for p in show.written if p.suffix in (".html", ".htm", ".png")]):
            webbrowser.open(pages[0].resolve().as_uri())
        return status
    except (KerazooError, OSError) as error:
        if isinstance(error, BrokenPipeError):  # the reader of a pipe (head, less) had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return OK
        if verbose:
            _print_traceback()
        tell(f"error: {error}")
        return USAGE_ERROR
    except KeyboardInterrupt as stop:
        _say_how_to_resume(stop, given)
        return INTERRUPTED
    except Exception:
        _print_traceback()
        tell("internal error; please report it.")
        return INTERNAL_ERROR


def _print_traceback() -> None:
    for line in traceback.format_exc().splitlines():
        print(printable(line), file=sys.stderr)


def _say_how_to_resume(stop: KeyboardInterrupt, arguments: Sequence[str]) -> None:
    """Print what was stopped and, for a training, the whole command that continues it."""
    print(file=sys.stderr)
    if not isinstance(stop, Interrupted):
        return tell("stopped.")
    words = [word for word in arguments if word != "--resume"]
    out = [i for i, word in enumerate(words) if word.split("=")[0] == "--out"]
    for i in reversed(out):
        del words[i : i + 1 + ("=" not in words[i])]
    command = shlex.join(["kerazoo", *words, "--out", str(stop.directory), "--resume"])
    tell(f"{stop.what}; what is finished is kept. Continue with")
    print(f"  {printable(command)}", file=sys.stderr)


class Output:
    """Prints the result of a command: one JSON document, or texts and tables."""

    def __init__(self, json: bool):
        self.json = json
        self.stream = sys.stdout  # libraries may print elsewhere, see main
        self.written: list[Path] = []

    def __call__(self, content: Any, *parts: Any) -> None:
        """Print ``content`` as JSON if that was asked for, else ``parts`` as text."""
        if self.json:
            print(json.dumps(content, indent=2, allow_nan=False), file=self.stream)
            return
        console = self.console()
        for i, part in enumerate(parts):
            if isinstance(part, Table):
                table, note = tables.render(part, console.width)
                if part.title:
                    console.print(end="\n" if i else "")
                    self._print(console, part.title, style="bold")
                console.print(table)
                self._print(console, note, end="\n" if note else "")
            elif isinstance(part, str):
                self._print(console, part)
            else:
                console.print(part)

    def _print(self, console: Console, text: str, **options: Any) -> None:
        lines = printable(text)
        if not isinstance(text, tables.Whole) and self.is_narrow:
            lines = wrapped(lines, console.width)
        console.print(lines, soft_wrap=True, **options)

    @property
    def is_narrow(self) -> bool:
        """True if the output has a width, that of a terminal or of ``COLUMNS``."""
        return sys.stdout.isatty() or "COLUMNS" in os.environ

    def console(self) -> Console:
        """A console without markup; wide where no terminal tells its width."""
        from rich.console import Console

        width = None if self.is_narrow else 110
        return Console(width=width, highlight=False, markup=False, emoji=False)

    def files(self, kind: str, paths: Iterable[Path]) -> list[str]:
        """A line for each file; ``open`` opens the first page or plot of all."""
        paths = list(paths)
        self.written += paths
        return [tables.Whole(f"{kind + ':':6} {path}") for path in paths]


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise KerazooError(f"--set {text!r}: write FIELD=VALUE, such as learning_rate=0.01.")
    return name, parse_recipe_value(value)


# From a row of the list to what it is sorted by; None goes last.
SORTS: dict[str, Callable[[dict[str, Any]], float | None]] = {
    "result": lambda row: row["mean"] and row["mean"] * (-1 if row["higher_is_better"] else 1),
    "parameters": lambda row: row["parameters"],
    "time": lambda row: row["train_seconds"],
}


def _list(
    show: Output,
    pattern: str = "*",
    task: str | None = None,
    dataset: str | None = None,
    offline: bool = False,
    sort: str | None = None,
    datasets: bool = False,
) -> int:
    wanted = pattern if any(c in pattern for c in "*?[") else f"*{pattern}*"
    if task is not None:
        registry.get_task(task)
    if dataset is not None:
        registry.get_dataset(dataset)
    if datasets:
        found = [registry.get_dataset(d) for d in registry.list_datasets()]
        facts = ("name", "summary", "license", "offline")
        rows = [{k: getattr(d, k) for k in facts} for d in found]
        rows = [r for r in rows if fnmatchcase(r["name"], wanted) and r["offline"] >= offline]
    else:
        entries = [registry.get_entry(name) for name in registry.list_entries(wanted)]
        rows = [card.entry_row(entry, survive=True) for entry in entries]
        given = {"task": task, "dataset": dataset, "offline": offline or None}
        rows = [r for r in rows if all(v is None or r[k] == v for k, v in given.items())]
        if sort is not None:
            value = SORTS[sort]
            rows.sort(key=lambda r: (sort == "result" and r["metric"], value(r) is None, value(r)))
    if not rows:
        show(rows)
        names = [*registry.list_models(), *registry.list_datasets()]
        kind = "dataset" if datasets else "entry"
        tell(f"error: {unknown(kind, pattern, names)}" if pattern != "*" else f"no {kind} fits.")
        return FAILED
    show(rows, (tables.datasets_table if datasets else tables.entries_table)(rows))
    return _errors(row["error"] for row in rows if row.get("error"))


def _errors(errors: Iterable[str]) -> int:
    """Print errors of single items, whose others were shown; returns the exit status."""
    found = list(errors)
    for error in found:
        tell(f"error: {error}")
    return USAGE_ERROR if found else OK


def _show(
    show: Output,
    entry: str = "",
    all: bool = False,
    full: bool = False,
    html: str | None = None,
) -> int:
    if bool(entry) is all:
        raise KerazooError("show needs an ENTRY, a RUN, or --all.")
    if all:
        if html is None:
            raise KerazooError("show --all goes with --html DIR.")
        count = card.write_all(Path(html))
        index = Path(html) / card.INDEX
        show({"cards": count, "path": str(index)}, *show.files(f"{count} cards", [index]))
        return OK
    from kerazoo.cli import runs
    from kerazoo.predicting.trained import is_run

    if is_run(entry):
        if html is not None:
            raise KerazooError("--html goes with an entry; a run has its card.")
        its = runs.read(Path(entry))
        show(its.as_json(), *tables.card_parts(entry, runs.headline(its), runs.sections(its), full))
        return OK
    found = registry.get_entry(entry)
    if html is not None:
        card.write_card(found, Path(html))
        show({"entry": found.name, "path": html}, *show.files("card", [Path(html)]))
    else:
        lines = (*card.headline(found), registry.get_model(found.model).summary)
        parts = tables.card_parts(found.name, lines, card.sections(found), full)
        hint = "With plots and layers, as a page: --html card.html"
        show(card.card(found) if show.json else None, *parts, hint)
    return OK


def _runs(show: Output, action: str, paths: Sequence[str] = ()) -> int:
    from kerazoo.cli import runs

    if action == "list":
        parent = Path(paths[0] if paths else run_directory.RUNS)
        directories = list(runs.find(parent))
    else:
        directories = [Path(path) for path in paths]
        if not directories:
            raise KerazooError(f"runs {action} needs run directories; `kerazoo runs list` does so.")
    found, errors = [], []
    for directory in directories:
        try:
            found.append(runs.read(directory))
        except KerazooError as error:
            if action != "list":
                raise
            errors.append(str(error))
    if action == "remove":
        for run in found:
            runs.remove(run)
        show([str(run.path) for run in found], *(f"removed {run.path}" for run in found))
        return OK
    none = [f"no run in {parent}"] if action == "list" and not found else [runs.table(found)]
    show([run.as_json() for run in found], *none)
    return _errors(errors)


def _train(show: Output, entry: str, **options: Any) -> int:
    from kerazoo.training.train import train

    done = train(entry, **options)
    names = ("entry", "tier", "seed", "seconds", "peak_memory", "metrics")
    content = {name: getattr(done, name) for name in names}
    show(
        {**content, "path": str(done.path), "plots": [str(path) for path in done.plots]},
        f"{done.entry} seed {done.seed}: {result_of(done.metrics)}, {done.cost}",
        *_details(done.metrics),
        *show.files("model", sorted(done.path.glob("*.keras"))),
        *show.files("plot", done.plots),
    )
    return OK


def _details(metrics: Mapping[str, Any]) -> list[str | Table]:
    """Each other metric and forecast column, tables of classes or series, and each warning."""
    by_target = metrics.get("by_target", {})

    def shown(name: str, value: float) -> str:
        return f"{metric(name).title} {metric(name).show(value)}"

    return [
        *(shown(name, value) for name, value in with_rmse(metrics["also"]).items()),
        *(f"{t}: " + ", ".join(shown(*pair) for pair in m.items()) for t, m in by_target.items()),
        *group_tables(metrics),
        *(f"note: {line}" for line in caveats.of_result(metrics)),
    ]


def _inspect(show: Output, data: str, out: str | None = None, **options: Any) -> int:
    from kerazoo.finetuning.inspection import inspect_data

    if out is not None and not (out.lower().endswith(".csv") and "label_errors" in options):
        raise KerazooError(f"--out {out} goes with --labels, and its name must end in .csv.")
    found = inspect_data(data, **_with_one_target(options))
    files = [] if out is None else found.write(out)
    show(
        {**found.as_json(), "paths": [str(file) for file in files]},
        *found.lines,
        *found.tables,
        *show.files("file", files),
    )
    return OK


def _with_one_target(options: dict[str, Any]) -> dict[str, Any]:
    """The options with a target that is given once as a text."""
    if len(options.get("target", [])) == 1:
        (options["target"],) = options["target"]
    return options


def _finetune(show: Output, model: str, data: str, **options: Any) -> int:
    from kerazoo.finetuning.finetune import finetune

    done = finetune(model, data, **_with_one_target(options))
    show(
        done.as_json(),
        *done.result(),
        *([f"note:  {done.verdict}"] if done.verdict else []),
        *(f"note:  {line}" for line in done.caveats),
        f"cost:  {done.cost}",
        *show.files("model", sorted(done.path.glob("*.keras"))),
        *show.files("card", sorted(done.path.glob("card.*"))),
        *show.files("plot", done.plots),
        tables.Whole(f"try:   {done.use}"),
    )
    return OK


def _evaluate(show: Output, source: str) -> int:
    from kerazoo.evidence.evaluate import evaluate

    result = evaluate(source)
    measure = metric(result.metric)
    same = "as recorded" if result.same else f"recorded: {result.recorded!r}"
    value = measure.with_error(result.value, result.standard_error, result.examples)
    show(
        result.as_json(),
        f"{result.source}: {measure.title} {value} on {result.examples:,} {result.split} examples "
        f"of {result.entry.split('@')[1]} ({same}; "
        f"{'in parentheses: 95 % interval' if measure.percent else '± standard error'})",
        *_details(vars(result)),
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
    return _judge(show, report, "plot", report.plots)


def _judge(show: Output, result: Report | Certificate, kind: str, paths: Iterable[Path]) -> int:
    """Show a table with remarks, paths and the verdict, which is the exit status."""
    files, verdict = show.files(kind, paths), tables.verdict(result.passed)
    show(result.as_json(), result.table, *result.remarks, *files, verdict)
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
    show(found.as_json(), *found.tables())
    return OK


def _explain(
    show: Output, source: str, inputs: list[str], label: str | None = None, out: str | None = None
) -> int:
    from kerazoo.plots import figure
    from kerazoo.predicting.explain import explain, plot, table

    path = _png(out, "explained.png")
    found = explain(source, inputs, label=label)
    figure.save(plot(source, found), path)
    content = {"path": str(path), "images": [e.as_json() for e in found]}
    shown = f"{len(found)} images; hiding what is red lowers the log-odds of the class"
    show(content, table(found), *show.files(shown, [path]))
    return OK


def _sample(show: Output, source: str, n: int, seed: int, out: str | None = None) -> int:
    from kerazoo.plots.images import write_grid
    from kerazoo.predicting.sample import sample

    path = _png(out, "samples.png")
    images = sample(source, n, seed=seed)
    write_grid(images, path)
    content = {"path": str(path), "n": len(images), "seed": seed}
    show(content, *show.files(f"{len(images)} images from {source}, seed {seed}", [path]))
    return OK


def _png(out: str | None, default: str) -> Path:
    """The PNG file to write; one that nobody named must not exist."""
    if out is not None and not out.lower().endswith(".png"):
        raise KerazooError(f"--out {out}: give a file name that ends in .png.")
    if out is None and Path(default).exists():
        raise KerazooError(f"{default} exists; name the file to write with --out FILE.")
    return Path(out or default)


def _export(show: Output, source: str, format: str, **options: Any) -> int:
    from kerazoo.exporting.export import export

    done = export(source, format, **options)
    return _judge(show, done, "export", [done.path])


def _predict(
    show: Output,
    source: str,
    inputs: list[str],
    top: int,
    out: str | None = None,
    **options: Any,
) -> int:
    from kerazoo.predicting._tables import is_table
    from kerazoo.predicting.predict import predict
    from kerazoo.predicting.predictions import TablePredictions

    require_whole("top", top)
    if out is not None and not is_table(inputs):
        raise KerazooError("--out goes with one CSV file; other predictions are printed.")
    if out is not None and Path(out).exists() and Path(out).samefile(inputs[0]):
        raise KerazooError(f"{out} is the file that is read; name another with --out FILE.")
    predictions = predict(source, inputs, **options)
    for note in predictions.notes:
        tell(f"note: {note}")
    if not isinstance(predictions, TablePredictions):
        show([p.as_json() for p in predictions], predictions.table(top))
        return _errors(p.error for p in predictions if p.error is not None)
    head = predictions.frame.head(MAX_ROWS)
    lines = head.set_axis(head.index + 1).to_string(line_width=show.console().width).splitlines()
    if out is None:
        lines.append(f"{len(predictions.frame):,} rows; --out FILE writes all of them")
    else:
        predictions.write_csv(Path(out))
        lines.append(f"{len(predictions.frame):,} rows: {out}")
    content = {**predictions.as_json(), "path": out} if show.json else None  # of many rows large
    show(content, *map(tables.Whole, lines))
    return OK


def _completion(show: Output, shell: str) -> int:
    import argcomplete

    print(argcomplete.shellcode(["kerazoo"], shell=shell))
    return OK


FUNCTIONS = (
    *(_list, _show, _runs, _doctor, _train, _inspect, _finetune, _verify, _evaluate, _predict),
    *(_explain, _sample, _export, _completion),
)
COMMANDS: dict[str, Callable[..., int]] = {f.__name__[1:]: f for f in FUNCTIONS}
