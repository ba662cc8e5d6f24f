"""The command ``kerazoo``: reads arguments, prints; decides nothing."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kerazoo import __version__, _lazy, registry, tables
from kerazoo.errors import Interrupted, KerazooError
from kerazoo.metrics import metric
from kerazoo.recipe import parse_recipe_value

if TYPE_CHECKING:
    from kerazoo.predicting_tables import TablePredictions

OK, FAILED, MISTAKE, BUG, INTERRUPTED = 0, 1, 2, 70, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status.

    0 fine, 1 FAIL, 2 a mistake of the user's, 70 one of kerazoo's own, 130 Ctrl-C.
    """
    # TensorFlow logs several lines at import; whoever wants them sets this variable.
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        _lazy.silence_import_logs()  # it prints some before it reads the variable
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # advice on traces, for its users
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        for name in options.imports:
            registry.import_module(name)
        options.stdout = sys.stdout
        # Whatever a library prints, standard output is the one JSON document.
        aside = contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext()
        with aside:
            return options.run(options)
    except KerazooError as error:
        print(f"kerazoo: error: {error}", file=sys.stderr)
        return MISTAKE
    except Interrupted as stop:
        print(f"\nkerazoo: {stop}", file=sys.stderr)
        return INTERRUPTED
    except KeyboardInterrupt:
        print("\nkerazoo: stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe (head, less) had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        print(f"kerazoo: error: {error}", file=sys.stderr)
        return MISTAKE
    except Exception:
        traceback.print_exc()
        print("kerazoo: this is a mistake of kerazoo's own; please report it.", file=sys.stderr)
        return BUG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kerazoo",
        description="A small zoo of Keras models in which every number can be re-run.",
    )
    parser.add_argument("--version", action="version", version=f"kerazoo {__version__}")
    parser.add_argument(
        "--import",
        dest="imports",
        metavar="MODULE",
        action="append",
        default=[],
        help="a module or .py file of yours that registers models or datasets",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    command = commands.add_parser("list", help="entries with their recorded figures; datasets")
    command.add_argument("pattern", nargs="?", default="*", metavar="PATTERN")
    _finish(command, _list)

    command = commands.add_parser("show", help="the model card of an entry")
    command.add_argument("entry", metavar="ENTRY")
    command.add_argument("--html", metavar="FILE", help="write the card as one HTML file")
    command.add_argument(
        "--run",
        dest="run_folder",
        metavar="DIR",
        help="with --html: show the pictures of this finished run",
    )
    _finish(command, _show)

    command = commands.add_parser("train", help="train an entry with its recipe")
    command.add_argument("entry", metavar="ENTRY")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--epochs", type=int, help="instead of the recipe's")
    command.add_argument("--tensorboard", action="store_true", help="write TensorBoard events")
    command.add_argument(
        "--checkpoint-seconds",
        type=float,
        metavar="T",
        help="least time between two checkpoints; 0 writes one after every epoch",
    )
    _training_options(command)
    _finish(command, _train)

    _finetune_options(commands)

    command = commands.add_parser("evaluate", help="trained weights, or a run, on the test split")
    command.add_argument("source", metavar="ENTRY|RUN")
    _finish(command, _evaluate)

    command = commands.add_parser("verify", help="train afresh, judge against the reference")
    command.add_argument("entry", nargs="?", metavar="ENTRY", help="with --all: a PATTERN")
    command.add_argument("--all", action="store_true", help="every entry, then one table")
    command.add_argument("--offline", action="store_true", help="with --all: use no network")
    command.add_argument("--seeds", type=int, default=1, metavar="N", help="number of runs")
    command.add_argument(
        "--first-seed", type=int, metavar="S", help="0 repeats the recorded runs (default: fresh)"
    )
    command.add_argument(
        "--record", action="store_true", help="write the reference from these runs"
    )
    _training_options(command)
    _finish(command, _verify)

    _using_commands(commands)
    return parser


def _using_commands(commands: Any) -> None:
    command = commands.add_parser("sample", help="pictures drawn by a trained generator")
    command.add_argument("source", metavar="ENTRY|RUN")
    command.add_argument("--n", type=int, default=64, help="how many pictures (default: 64)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", metavar="FILE", default="samples.png", help="a PNG, one grid")
    _finish(command, _sample)

    command = commands.add_parser("export", help="trained weights in another format, certified")
    command.add_argument("source", metavar="ENTRY|RUN")
    command.add_argument(
        "--format", required=True, metavar="FORMAT", help="keras, saved_model, onnx or litert"
    )
    command.add_argument(
        "--out", metavar="DIR", help="folder of the export (default: exports/… or in the RUN)"
    )
    command.add_argument("--rows", type=int, metavar="N", help="most test examples to measure")
    command.add_argument("--force", action="store_true", help="replace an earlier export")
    _finish(command, _export)

    command = commands.add_parser(
        "predict", help="class of picture files or texts; a table or series with a model of yours"
    )
    command.add_argument("source", metavar="ENTRY|RUN")
    command.add_argument("inputs", nargs="+", metavar="FILE|TEXT|CSV")
    command.add_argument(
        "--invert",
        choices=("auto", "yes", "no"),
        help="exchange dark and light (auto: where the model expects a dark ground)",
    )
    command.add_argument("--out", metavar="FILE", help="of a table or series: the CSV to write")
    _finish(command, _predict)


def _finetune_options(commands: Any) -> None:
    command = commands.add_parser("finetune", help="train a model on data of your own")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("data", metavar="DATA", help="a folder of pictures, or a CSV file")
    command.add_argument(
        "--target",
        metavar="COLUMN",
        action="append",
        help="of a CSV file: what to predict; may be repeated",
    )
    command.add_argument("--text", metavar="COLUMN", help="of texts: the column that holds them")
    command.add_argument(
        "--task", choices=("classification", "regression"), help="of a table (default: told)"
    )
    command.add_argument("--time", metavar="COLUMN", help="of a series: the column of dates")
    command.add_argument("--horizon", type=int, metavar="N", help="of a series: steps to forecast")
    command.add_argument("--lookback", type=int, metavar="N", help="of a series: past steps seen")
    command.add_argument(
        "--gaps",
        choices=("refuse", "interpolate"),
        default="refuse",
        help="of a series: what to do about missing steps and values (default: refuse)",
    )
    command.add_argument(
        "--split", metavar="N,N,N", help="of a series: steps of train, validation and test"
    )
    command.add_argument("--size", type=int, metavar="PIXELS", help="bring pictures to this size")
    command.add_argument(
        "--invert", choices=("auto", "yes", "no"), default="auto", help="exchange dark and light"
    )
    command.add_argument(
        "--weights",
        default="auto",
        metavar="DATASET|none",
        help="the trained weights to start from",
    )
    command.add_argument("--freeze", action="store_true", help="train the last layer only")
    command.add_argument("--balance", action="store_true", help="weigh all classes alike")
    command.add_argument("--no-augment", action="store_true", help="leave the pictures as they are")
    command.add_argument("--no-scratch", action="store_true", help="leave out the comparison")
    command.add_argument("--epochs", type=int, metavar="N", help="default: by the size of the data")
    command.add_argument("--learning-rate", type=float, metavar="R", help="of the whole network")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="FIELD=VALUE",
        help="change a field of the recipe",
    )  # fmt: skip
    command.add_argument("--out", metavar="DIR", help="where the run goes (default: runs/…)")
    command.add_argument("--resume", action="store_true", help="go on with the run in --out")
    _finish(command, _finetune)


def _training_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--tier", default="full", metavar="full|smoke")
    command.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="change a field of the recipe",
    )
    command.add_argument("--out", metavar="DIR", help="where the run goes (default: runs/…)")
    command.add_argument("--resume", action="store_true", help="go on with the run in --out")


def _finish(command: argparse.ArgumentParser, run: Any) -> None:
    command.add_argument("--json", action="store_true", help="one JSON document on stdout")
    command.set_defaults(run=run)


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    settings = {}
    for text in options.settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise KerazooError(f"--set {text!r}: write FIELD=VALUE, such as learning_rate=0.01.")
        settings[name] = parse_recipe_value(name, value)
    return settings


def _print_json(options: argparse.Namespace, content: Any) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    print(text, file=options.stdout)


def _print(*parts: Any) -> None:
    from rich.console import Console

    # A table must stay whole where there is no terminal to tell its width.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 110
    console = Console(width=width, highlight=False, markup=False)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str))  # a path must stay in one piece


def _list(options: argparse.Namespace) -> int:
    names = registry.list_entries(options.pattern)
    rows = [tables.entry_row(registry.get_entry(name)) for name in names]
    if options.json:
        _print_json(options, rows)
        return OK
    datasets = sorted({row["dataset"] for row in rows})
    if options.pattern == "*":
        datasets = registry.list_datasets()
    if not rows:
        print(f"kerazoo: no entry matches {options.pattern!r}.", file=sys.stderr)
        return OK
    _print(tables.entries_table(rows), tables.datasets_table(datasets))
    return OK


def _show(options: argparse.Namespace) -> int:
    if options.html is not None:
        return _write_card(options)
    if options.run_folder is not None:
        raise KerazooError("--run goes with --html FILE.")
    entry = registry.get_entry(options.entry)
    if options.json:
        _print_json(options, tables.card(entry))
    else:
        _print(*tables.card_parts(entry))
    return OK


def _write_card(options: argparse.Namespace) -> int:
    from pathlib import Path

    from kerazoo.card import write_card

    entry, path = registry.get_entry(options.entry), Path(options.html)
    write_card(entry, path, None if options.run_folder is None else Path(options.run_folder))
    if options.json:
        _print_json(options, {"entry": entry.name, "path": str(path)})
    else:
        _print(f"the card of {entry.name}: {path}")
    return OK


def _train(options: argparse.Namespace) -> int:
    from kerazoo.training.trainer import train

    chosen = {}  # else the default of train() holds
    if options.checkpoint_seconds is not None:
        chosen["checkpoint_seconds"] = options.checkpoint_seconds
    done = train(
        options.entry,
        seed=options.seed,
        tier=options.tier,
        epochs=options.epochs,
        settings=_settings(options),
        out=options.out,
        resume=options.resume,
        tensorboard=options.tensorboard,
        **chosen,
    )
    if options.json:
        _print_json(
            options,
            {
                "entry": done.entry,
                "tier": done.tier,
                "seed": done.seed,
                "path": str(done.path),
                "seconds": done.seconds,
                "metrics": done.metrics,
                "pictures": [str(p) for p in done.pictures],
            },
        )
        return OK
    metrics = done.metrics
    measure = metric(metrics["metric"])
    _print(
        f"{done.entry} seed {done.seed}: {measure.title} {measure.show(metrics['value'])} on "
        f"{metrics['examples']:,} test examples, {tables.duration(done.seconds)} of training",
        *(f"{metric(name).title}: {metric(name).show(v)}" for name, v in metrics["also"].items()),
        *(f"model:    {p}" for p in sorted(done.path.glob("*.keras"))),
        *(f"picture:  {p}" for p in done.pictures),
    )
    return OK


def _finetune(options: argparse.Namespace) -> int:
    from kerazoo.finetuning import finetune

    done = finetune(
        options.model,
        options.data,
        target=options.target if options.target is None else _one_or_all(options.target),
        text=options.text,
        task=options.task,
        time=options.time,
        horizon=options.horizon,
        lookback=options.lookback,
        gaps=options.gaps,
        split=_three(options.split),
        size=options.size,
        invert=options.invert,
        weights=None if options.weights.lower() == "none" else options.weights,
        freeze=options.freeze,
        balance=options.balance,
        augment=not options.no_augment,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        settings=_settings(options),
        seed=options.seed,
        scratch=not options.no_scratch,
        out=options.out,
        resume=options.resume,
    )
    if options.json:
        _print_json(options, done.as_json())
    else:
        _print(
            tables.comparison_table(done),
            *(f"model:    {p}" for p in sorted(done.path.glob("*.keras"))),
            f"card:     {done.path / 'card.md'}",
            *(f"picture:  {p}" for p in done.pictures),
            f"try:      {done.use}",
        )
    return OK


def _one_or_all(names: list[str]) -> str | list[str]:
    return names[0] if len(names) == 1 else names


def _three(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    try:
        train, validation, test = (int(part) for part in text.split(","))
    except ValueError:
        raise KerazooError(f"--split {text!r}: write three whole numbers, N,N,N.") from None
    return train, validation, test


def _evaluate(options: argparse.Namespace) -> int:
    from kerazoo.evaluating import evaluate

    result = evaluate(options.source)
    if options.json:
        _print_json(options, result.as_json())
    else:
        measure = metric(result.metric)
        said = "as recorded" if result.same else f"recorded: {result.recorded!r}"
        _print(
            f"{result.source}: {measure.title} {measure.show(result.value)} on "
            f"{result.examples:,} test examples of {result.entry.split('@')[1]} ({said})",
            *(f"{metric(m).title}: {metric(m).show(v)}" for m, v in result.also.items()),
        )
    return OK


def _verify(options: argparse.Namespace) -> int:
    if options.all:
        return _verify_all(options)
    if options.entry is None:
        raise KerazooError("verify needs an ENTRY, or --all.")
    if options.offline:
        raise KerazooError("--offline goes with --all.")
    from kerazoo.verifying import verify

    report = verify(
        options.entry,
        seeds=options.seeds,
        tier=options.tier,
        first_seed=options.first_seed,
        settings=_settings(options),
        record=options.record,
        out=options.out,
        resume=options.resume,
    )
    if options.json:
        _print_json(options, report.as_json())
    else:
        from rich.text import Text

        verdict = Text("PASS", "bold green") if report.passed else Text("FAIL", "bold red")
        _print(
            tables.report_table(report),
            *(f"note: {note}" for note in report.notes),
            *(f"problem: {problem}" for problem in report.problems),
            *(f"picture: {p}" for p in report.pictures),
            verdict,
        )
    return OK if report.passed else FAILED


def _verify_all(options: argparse.Namespace) -> int:
    from kerazoo.verifying_all import verify_all

    given = {"--record": options.record, "--set": options.settings}
    for name, value in (*given.items(), ("--first-seed", options.first_seed is not None)):
        if value:
            raise KerazooError(f"{name} does not go with --all; name one ENTRY.")
    verdicts = []
    try:
        for verdict in verify_all(
            options.entry or "*",
            tier=options.tier,
            seeds=options.seeds,
            offline=options.offline,
            out=options.out,
            resume=options.resume,
        ):
            verdicts.append(verdict)
    finally:  # Ctrl-C at the last entry must not lose what the others took hours for
        if verdicts and options.json:
            _print_json(options, [v.as_json() for v in verdicts])
        elif verdicts:
            _print(tables.verdicts_table(verdicts), *tables.verdicts_lines(verdicts))
    if all(v.skipped for v in verdicts):
        raise KerazooError("nothing could be verified; the table says why.")
    return FAILED if any(v.failed for v in verdicts) else OK


def _sample(options: argparse.Namespace) -> int:
    from pathlib import Path

    from kerazoo.evaluation.sample_figures import write_grid
    from kerazoo.sampling import sample

    path = Path(options.out)
    if path.suffix.lower() != ".png":
        raise KerazooError(f"--out {options.out}: give a file name that ends in .png.")
    pictures = sample(options.source, options.n, seed=options.seed)
    write_grid(pictures, path)
    if options.json:
        _print_json(options, {"path": str(path), "n": len(pictures), "seed": options.seed})
    else:
        _print(f"{len(pictures)} pictures of {options.source}, seed {options.seed}: {path}")
    return OK


def _export(options: argparse.Namespace) -> int:
    from kerazoo.exporting import export

    chosen = {} if options.rows is None else {"rows": options.rows}
    done = export(options.source, options.format, options.out, force=options.force, **chosen)
    if options.json:
        _print_json(options, done.as_json())
    else:
        from rich.text import Text

        verdict = Text("PASS", "bold green") if done.passed else Text("FAIL", "bold red")
        _print(
            tables.certificate_table(done),
            *(f"note: {note}" for note in done.notes),
            *(f"problem: {problem}" for problem in done.problems),
            f"export: {done.path}",
            verdict,
        )
    return OK if done.passed else FAILED


def _predict(options: argparse.Namespace) -> int:
    from kerazoo.predicting import predict
    from kerazoo.predicting_tables import TablePredictions

    predictions = predict(options.source, options.inputs, invert=options.invert)
    if isinstance(predictions, TablePredictions):
        return _write_table(options, predictions)
    if options.out is not None:
        raise KerazooError("--out goes with a model of tables or series; this one prints.")
    if options.json:
        _print_json(options, [p.as_json() for p in predictions])
    else:
        _print(tables.predictions_table(predictions))
    errors = [p.error for p in predictions if p.error is not None]
    for error in errors:
        print(f"kerazoo: error: {error}", file=sys.stderr)
    return MISTAKE if errors else OK


def _write_table(options: argparse.Namespace, predictions: TablePredictions) -> int:
    from pathlib import Path

    from kerazoo.predicting_tables import KINDS, write_csv

    for note in predictions.notes:
        print(f"note: {note}", file=sys.stderr)
    if options.json and options.out is None:
        _print_json(options, predictions.as_json())
        return OK
    path = Path(options.out or f"{Path(options.inputs[0]).stem}-{KINDS[predictions.kind]}.csv")
    if options.out is None and path.exists():
        raise KerazooError(f"{path} exists; name the file to write with --out FILE.")
    write_csv(predictions, path)
    if options.json:
        _print_json(options, {**predictions.as_json(), "path": str(path)})
    else:
        _print(tables.frame_table(predictions.frame), f"{len(predictions.frame):,} rows: {path}")
    return OK
