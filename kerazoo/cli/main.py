"""The command ``kerazoo``: asks the package and prints; decides nothing.

The arguments of every command stand in ``arguments``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kerazoo import _lazy, registry
from kerazoo.cli import tables
from kerazoo.cli.arguments import parser
from kerazoo.errors import Interrupted, KerazooError
from kerazoo.evidence import card, caveats
from kerazoo.metrics import duration, metric
from kerazoo.spec import parse_recipe_value

if TYPE_CHECKING:
    from rich.console import Console

    from kerazoo.predicting.tables import TablePredictions
    from kerazoo.training.run_directory import Resume

OK, FAILED, MISTAKE, BUG, INTERRUPTED = 0, 1, 2, 70, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status.

    0 fine, 1 FAIL, 2 a mistake of the user's, 70 one of kerazoo's own, 130 Ctrl-C.
    """
    # TensorFlow logs several lines at import; whoever wants them sets this variable.
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        _lazy.silence_import_logs()  # it prints some before it reads the variable
    for stream in (sys.stdout, sys.stderr):  # redirected on Windows, or in a locale of the past
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = parser().parse_args(arguments)
    try:
        if options.imports or os.environ.get("KERAZOO_IMPORT"):
            _lazy.load("keras")  # as these modules do themselves, but without TensorFlow's logs
        for name in options.imports:
            registry.import_module(name)
        options.stdout = sys.stdout
        # Whatever a library prints, standard output is the one JSON document.
        aside = contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext()
        with aside:
            return COMMANDS[options.command](options)
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


def _resume(options: argparse.Namespace) -> Resume:
    return "elsewhere" if options.elsewhere else options.resume


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    settings = {}
    for text in options.settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise KerazooError(f"--set {text!r}: write FIELD=VALUE, such as learning_rate=0.01.")
        settings[name] = parse_recipe_value(name, value)
    return settings


def _print_json(options: argparse.Namespace, content: Any) -> None:
    plain = (options.stdout.encoding or "").lower().replace("-", "") != "utf8"
    text = json.dumps(content, indent=2, ensure_ascii=plain, allow_nan=False)
    print(text, file=options.stdout)


def _console() -> Console:
    from rich.console import Console

    # A table must stay whole where there is no terminal to tell its width.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 110
    return Console(width=width, highlight=False, markup=False, emoji=False)


def _print(*parts: Any) -> None:
    console = _console()
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str))  # a path must stay in one piece


def _list(options: argparse.Namespace) -> int:
    names = registry.list_entries(options.pattern)
    rows = [card.entry_row(registry.get_entry(name)) for name in names]
    if options.json:
        _print_json(options, rows)
        return OK
    datasets = sorted({row["dataset"] for row in rows})
    if options.pattern == "*":
        datasets = registry.list_datasets()
    if not rows:
        print(f"kerazoo: no entry matches {options.pattern!r}.", file=sys.stderr)
        return OK
    _print(tables.entries_table(rows, _console().width), tables.datasets_table(datasets))
    return OK


def _show(options: argparse.Namespace) -> int:
    if options.layers and (options.html is not None or options.json):
        raise KerazooError("--layers prints a table; --html FILE has it too, and --json has none.")
    if options.html is not None:
        return _write_card(options)
    if options.run_folder is not None:
        raise KerazooError("--run goes with --html FILE.")
    entry = registry.get_entry(options.entry)
    if options.layers:
        _print(*(t for part in card.layers(entry)[1] for t in tables.card_table(part)))
    elif options.json:
        _print_json(options, card.card(entry))
    else:
        _print(*tables.card_parts(entry))
    return OK


def _write_card(options: argparse.Namespace) -> int:
    from pathlib import Path

    entry, path = registry.get_entry(options.entry), Path(options.html)
    card.write_card(entry, path, None if options.run_folder is None else Path(options.run_folder))
    if options.json:
        _print_json(options, {"entry": entry.name, "path": str(path)})
    else:
        _print(f"the card of {entry.name}: {path}")
    return OK


def _train(options: argparse.Namespace) -> int:
    from kerazoo.training.train import train

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
        resume=_resume(options),
        engine=options.engine,
        tensorboard=options.tensorboard,
        validate=options.validate,
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
        f"{metrics['examples']:,} {metrics.get('split', 'test')} examples, "
        f"{duration(done.seconds)} of training",
        *(f"{metric(name).title}: {metric(name).show(v)}" for name, v in metrics["also"].items()),
        *_by_target(metrics.get("by_target", {})),
        *(f"note:     {said}" for said in caveats.uneven([metrics["also"]])),
        *(f"model:    {p}" for p in sorted(done.path.glob("*.keras"))),
        *(f"picture:  {p}" for p in done.pictures),
    )
    return OK


def _by_target(figures: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A line for each column that is forecast, where there are several."""
    return [
        f"{name}: "
        + ", ".join(f"{metric(m).title} {metric(m).show(value)}" for m, value in row.items())
        for name, row in figures.items()
    ]


def _finetune(options: argparse.Namespace) -> int:
    from kerazoo.finetuning.finetune import finetune

    done = finetune(
        options.model,
        options.data,
        target=options.target if options.target is None else _one_or_all(options.target),
        test=options.test,
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
        resume=_resume(options),
        engine=options.engine,
    )
    if options.json:
        _print_json(options, done.as_json())
    else:
        _print(
            tables.comparison_table(done),
            *([f"note:     {done.verdict}"] if done.verdict else []),
            *(f"note:     {said}" for said in caveats.uneven([done.metrics["also"]])),
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
    from kerazoo.evidence.evaluate import evaluate

    result = evaluate(options.source)
    if options.json:
        _print_json(options, result.as_json())
    else:
        measure = metric(result.metric)
        said = "as recorded" if result.same else f"recorded: {result.recorded!r}"
        where = f"{result.split} examples of {result.entry.split('@')[1]}"
        _print(
            f"{result.source}: {measure.title} {measure.show(result.value)} (standard error "
            f"{measure.number(result.standard_error)}) on {result.examples:,} {where} ({said})",
            *(f"{metric(m).title}: {metric(m).show(v)}" for m, v in result.also.items()),
            *_by_target(result.by_target),
            *(f"note: {said}" for said in caveats.uneven([result.also])),
        )
    return OK


def _verify(options: argparse.Namespace) -> int:
    if options.all:
        return _verify_all(options)
    if options.entry is None:
        raise KerazooError("verify needs an ENTRY, or --all.")
    if options.offline:
        raise KerazooError("--offline goes with --all.")
    from kerazoo.evidence.verify import verify

    report = verify(
        options.entry,
        seeds=options.seeds,
        tier=options.tier,
        first_seed=options.first_seed,
        settings=_settings(options),
        record=options.record,
        out=options.out,
        resume=_resume(options),
        engine=options.engine,
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
    from kerazoo.evidence.verify_all import verify_all

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
            resume=_resume(options),
            engine=options.engine,
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

    from kerazoo.plots.samples import write_grid
    from kerazoo.predicting.sample import sample

    path = Path(options.out or "samples.png")
    if path.suffix.lower() != ".png":
        raise KerazooError(f"--out {options.out}: give a file name that ends in .png.")
    if options.out is None and path.exists():
        raise KerazooError(f"{path} exists; name the file to write with --out FILE.")
    pictures = sample(options.source, options.n, seed=options.seed)
    write_grid(pictures, path)
    if options.json:
        _print_json(options, {"path": str(path), "n": len(pictures), "seed": options.seed})
    else:
        _print(f"{len(pictures)} pictures of {options.source}, seed {options.seed}: {path}")
    return OK


def _export(options: argparse.Namespace) -> int:
    from kerazoo.exporting.export import export

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
    from kerazoo.predicting.predict import predict
    from kerazoo.predicting.tables import TablePredictions

    asked = {"invert": options.invert, "text": options.text, "gaps": options.gaps}
    predictions = predict(options.source, options.inputs, **asked)
    if isinstance(predictions, TablePredictions):
        return _write_table(options, predictions)
    if options.out is not None:
        raise KerazooError("--out goes with a CSV file; other predictions are printed.")
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

    from kerazoo.predicting.tables import KINDS, write_csv

    for note in predictions.notes:
        print(f"note: {note}", file=sys.stderr)
    if options.json and options.out is None:
        _print_json(options, predictions.as_json())
        return OK
    path = Path(options.out or f"{Path(options.inputs[0]).stem}-{KINDS[predictions.kind]}.csv")
    if options.out is None and path.exists():
        raise KerazooError(f"{path} exists; name the file to write with --out FILE.")
    if path.exists() and path.samefile(options.inputs[0]):
        raise KerazooError(f"{path} is the file that is read; name another with --out FILE.")
    write_csv(predictions, path)
    if options.json:
        _print_json(options, {**predictions.as_json(), "path": str(path)})
    else:
        _print(tables.frame_table(predictions.frame), f"{len(predictions.frame):,} rows: {path}")
    return OK


COMMANDS = {
    "list": _list,
    "show": _show,
    "train": _train,
    "finetune": _finetune,
    "evaluate": _evaluate,
    "verify": _verify,
    "sample": _sample,
    "export": _export,
    "predict": _predict,
}
