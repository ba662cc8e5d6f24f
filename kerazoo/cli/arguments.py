"""The arguments of the command line: one function per command, in the order of ``kerazoo --help``.

What a command does with them stands in ``cli``, under the same name.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kerazoo import __version__

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

ENTRY = "a model on a dataset, mnist_cnn@digits; a bare mnist_cnn means its main dataset"
SOURCE = "an entry, for its bundled weights, or the folder of a run of yours"
GAPS = ("refuse", "interpolate")
SEED = "of the initial weights, the order of the data, dropout and augmentation (default: 0)"


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; ``command`` of what it gives is the one that was asked for."""
    whole = argparse.ArgumentParser(
        prog="kerazoo",
        description="A small zoo of Keras models in which every number can be re-run.",
    )
    whole.add_argument("--version", action="version", version=f"kerazoo {__version__}")
    whole.add_argument(
        "--import",
        dest="imports",
        metavar="MODULE",
        action="append",
        default=[],
        help="a module or .py file of yours that registers models or datasets",
    )
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _list(commands)
    _show(commands)
    _train(commands)
    _finetune(commands)
    _evaluate(commands)
    _verify(commands)
    _sample(commands)
    _export(commands)
    _predict(commands)
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="one JSON document on stdout")
    return whole


def _list(commands: Commands) -> None:
    command = commands.add_parser("list", help="entries with their recorded figures; datasets")
    command.add_argument(
        "pattern",
        nargs="?",
        default="*",
        metavar="PATTERN",
        help="such as '*@digits' (default: all)",
    )


def _show(commands: Commands) -> None:
    command = commands.add_parser("show", help="the model card of an entry")
    command.add_argument("entry", metavar="ENTRY", help=ENTRY)
    command.add_argument("--layers", action="store_true", help="print the model's layers instead")
    command.add_argument("--html", metavar="FILE", help="write the card as one HTML file")
    command.add_argument(
        "--run",
        dest="run_folder",
        metavar="DIR",
        help="with --html: show the pictures of this finished run",
    )


def _train(commands: Commands) -> None:
    command = commands.add_parser("train", help="train an entry with its recipe")
    command.add_argument("entry", metavar="ENTRY", help=ENTRY)
    command.add_argument("--seed", type=int, default=0, help=SEED)
    command.add_argument("--epochs", type=int, help="instead of the recipe's")
    command.add_argument("--tensorboard", action="store_true", help="write TensorBoard events")
    command.add_argument(
        "--validate", action="store_true", help="measure on validation; the test split stays unread"
    )
    command.add_argument(
        "--checkpoint-seconds",
        type=float,
        metavar="T",
        help="least time between two checkpoints; 0 writes one after every epoch",
    )
    _tier(command)
    _recipe_and_folder(command)


def _finetune(commands: Commands) -> None:
    command = commands.add_parser("finetune", help="train a model on data of your own")
    command.add_argument("model", metavar="MODEL", help="such as mnist_cnn, mlp, stacked_lstm")
    command.add_argument("data", metavar="DATA", help="a folder of pictures, or a CSV file")
    command.add_argument(
        "--target",
        metavar="COLUMN",
        action="append",
        help="of a CSV file: what to predict; numbers may be several: repeat it",
    )
    command.add_argument("--text", metavar="COLUMN", help="of texts: the column that holds them")
    command.add_argument(
        "--test", metavar="FILE", help="of a table or texts: measure on these rows (default: a 5th)"
    )
    command.add_argument(
        "--task",
        choices=("classification", "regression"),
        help="of a table: kind of target (default: judged by its values)",
    )
    command.add_argument("--time", metavar="COLUMN", help="of a series: the column of dates")
    command.add_argument("--horizon", type=int, metavar="N", help="of a series: steps to forecast")
    command.add_argument("--lookback", type=int, metavar="N", help="of a series: past steps seen")
    command.add_argument(
        "--gaps",
        choices=GAPS,
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
        help="trained weights to start from (default: auto, of the first entry that has some; none "
        "for tables and series)",
    )
    command.add_argument("--freeze", action="store_true", help="train the last layer only")
    command.add_argument("--balance", action="store_true", help="weigh all classes alike")
    command.add_argument("--no-augment", action="store_true", help="leave the pictures as they are")
    command.add_argument(
        "--no-scratch", action="store_true", help="do not also train the same model from scratch"
    )
    command.add_argument("--epochs", type=int, metavar="N", help="default: by the size of the data")
    command.add_argument("--learning-rate", type=float, metavar="R", help="of the whole network")
    command.add_argument("--seed", type=int, default=0, help=SEED)
    _recipe_and_folder(command)


def _evaluate(commands: Commands) -> None:
    command = commands.add_parser(
        "evaluate", help="measure trained weights, or a run of yours, on test"
    )
    command.add_argument("source", metavar="ENTRY|RUN", help=SOURCE)


def _verify(commands: Commands) -> None:
    command = commands.add_parser("verify", help="train afresh, judge against the reference")
    command.add_argument(
        "entry", nargs="?", metavar="ENTRY", help=f"{ENTRY}; with --all a pattern, '*@digits'"
    )
    command.add_argument("--all", action="store_true", help="every entry, then one table")
    command.add_argument("--offline", action="store_true", help="with --all: use no network")
    command.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="number of runs (default: 1)"
    )
    command.add_argument(
        "--first-seed", type=int, metavar="S", help="0 repeats the recorded runs (default: fresh)"
    )
    command.add_argument(
        "--record", action="store_true", help="add these runs to the reference, or begin it anew"
    )
    _tier(command)
    _recipe_and_folder(command)


def _sample(commands: Commands) -> None:
    command = commands.add_parser("sample", help="pictures drawn by a trained generator")
    command.add_argument("source", metavar="ENTRY|RUN", help=SOURCE)
    command.add_argument("--n", type=int, default=64, help="how many pictures (default: 64)")
    command.add_argument("--seed", type=int, default=0, help="of the latents (default: 0)")
    command.add_argument("--out", metavar="FILE", help="a PNG, one grid; default: samples.png")


def _export(commands: Commands) -> None:
    command = commands.add_parser("export", help="trained weights in another format, certified")
    command.add_argument("source", metavar="ENTRY|RUN", help=SOURCE)
    command.add_argument(
        "--format", required=True, metavar="FORMAT", help="keras, saved_model, onnx or litert"
    )
    command.add_argument(
        "--out", metavar="DIR", help="folder of the export (default: exports/… or in the RUN)"
    )
    command.add_argument(
        "--rows", type=int, metavar="N", help="most test examples to measure (default: 10,000)"
    )
    command.add_argument("--force", action="store_true", help="replace an earlier export")


def _predict(commands: Commands) -> None:
    command = commands.add_parser(
        "predict", help="class of picture files or texts; a table or series with a model of yours"
    )
    command.add_argument("source", metavar="ENTRY|RUN", help=SOURCE)
    command.add_argument(
        "inputs", nargs="+", metavar="FILE|TEXT|CSV", help="picture files, texts or one CSV file"
    )
    command.add_argument(
        "--invert",
        choices=("auto", "yes", "no"),
        help="exchange dark and light (auto: where the model expects a dark ground)",
    )
    command.add_argument("--text", metavar="COLUMN", help="of a CSV file of texts: their column")
    command.add_argument(
        "--gaps",
        choices=GAPS,
        help="of a series: what to do about missing steps (default: as in training)",
    )
    command.add_argument(
        "--out",
        metavar="FILE",
        help="of a CSV file: where the predictions go (default: here, NAME-predictions.csv or "
        "NAME-forecast.csv)",
    )


def _tier(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--tier",
        default="full",
        metavar="full|smoke",
        help="the whole recipe, or one of about a minute (default: full)",
    )


def _recipe_and_folder(command: argparse.ArgumentParser) -> None:
    """What every command that trains takes last."""
    command.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="change a field of the recipe, as `kerazoo show ENTRY` lists them",
    )
    command.add_argument("--out", metavar="DIR", help="where the run goes (default: runs/…)")
    command.add_argument("--resume", action="store_true", help="go on with the run in --out")
    command.add_argument(
        "--elsewhere",
        action="store_true",
        help="--resume, also on another machine, or with another kerazoo, Python, NumPy or number "
        "of threads: the results may differ by rounding",
    )
    command.add_argument(
        "--engine",
        choices=("auto", "plain"),
        default="auto",
        help="auto: what measured fastest with TensorFlow on a CPU; plain: Keras's own",
    )
