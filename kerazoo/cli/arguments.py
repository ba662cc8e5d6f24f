"""Arguments of every command, in the order of ``kerazoo --help``.

An option that is not given is absent, so that the default of the function it belongs to holds. Its
``dest`` is the name of that function's parameter.
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from kerazoo import __version__, registry
from kerazoo.errors import printable

GAPS = ("refuse", "interpolate")
DUPLICATES = ("refuse", "mean", "sum", "last")
RESAMPLE = ("hour", "day", "week", "month")
INVERT = ("auto", "yes", "no")
ENTRY = "model on a dataset, mnist_cnn@digits; a bare mnist_cnn means its main dataset"
SEED = "seed of initial weights, order of the data, dropout and augmentation (default: 0)"


class Parser(argparse.ArgumentParser):
    """Parser whose errors cannot control the terminal.

    Attributes:
        overview: text of ``--help`` instead of what argparse makes of the arguments.
    """

    overview = ""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message; exit status 2."""
        super().error(printable(message))

    def format_help(self) -> str:
        """Text of ``--help``."""
        return self.overview or super().format_help()


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Help as wide as the terminal, up to 100 columns, with the examples as they are written."""
    width = min(100, shutil.get_terminal_size().columns)
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=26, width=width)


# Each line of a command declares it: its name, its positional arguments, and what it does.
OVERVIEW = """\
usage: kerazoo COMMAND [ARGUMENTS] [OPTIONS]

A small zoo of Keras models with reproducible results.

Look
  list [PATTERN]              models on datasets, with their results
  show ENTRY|RUN              result, use and card of an entry or a run
  runs ACTION [RUN ...]       list, compare or remove run directories
  doctor                      this machine, and which recorded runs it repeats
  inspect DATA                how your data is read, and what seems wrong in it
Train
  train ENTRY                 train an entry with its recipe
  finetune MODEL DATA         train a model on your data
  verify [ENTRY]              train again and judge against the reference
Use
  evaluate ENTRY|RUN          evaluate trained weights on the test split
  predict ENTRY|RUN WHAT ...  classes, values of a table, or a forecast
  explain ENTRY|RUN FILE ...  where a classifier of images looks
  sample ENTRY|RUN            images from a trained generator
  export ENTRY|RUN            trained weights in another format, certified
  completion SHELL            script for bash, zsh or fish, see docs/cli.md

Options: --help after a command shows all of its options, with examples;
--version; --import MODULE, a module or .py file that registers models,
datasets or tasks.

Start with
  kerazoo list --offline
  kerazoo show mnist_cnn@digits
  kerazoo train mnist_cnn_small@digits --tier smoke
"""
EXAMPLES = {
    "list": ("mnist", "--task forecasting --sort time", "--datasets"),
    "show": ("mnist_cnn@digits", "mnist_cnn --full", "mnist_cnn --html card.html --open"),
    "runs": ("list", "compare runs/a runs/b", "remove runs/a"),
    "train": (
        "mlp@digits --tier smoke",
        "mlp@digits --out a --epochs 5",
        "mlp@digits --out a --resume",
    ),
    "inspect": (
        "letters/ --labels --out suspects.csv --open",
        "iris.csv --target species",
        "sales.csv --target price --horizon 7",
        "reviews.csv --text body --target label",
    ),
    "finetune": (
        "mnist_cnn letters/",
        "mlp iris.csv --target species",
        "stacked_lstm sales.csv --target price --time day --horizon 7",
        "text_cnn reviews.csv --text body --target label",
    ),
    "verify": ("mnist_cnn@digits --tier smoke", "--all '*@digits' --tier smoke"),
    "evaluate": ("mnist_cnn@mnist", "runs/mine"),
    "predict": ("mnist_cnn photo.png --top 3", 'text_cnn "a good film"', "runs/iris new.csv"),
    "explain": ("mnist_cnn photo.png --open", "runs/mine wrong/ --label cat"),
    "sample": ("dcgan@digits --n 16 --open",),
    "export": ("mnist_cnn@mnist --format onnx", "runs/iris --format tflite --out deployed"),
}


def parser() -> Parser:
    """Parser of all commands; its result has the name of the command as ``command``.

    Without a command it is None.
    """
    whole = Parser(prog="kerazoo")
    whole.overview = OVERVIEW
    whole.add_argument("--version", action="version", version=f"kerazoo {__version__}")
    text = "module or .py file that registers models or datasets"
    Command(whole).value("--import", "MODULE", text, dest="imports", action="append", default=[])
    commands = whole.add_subparsers(dest="command", metavar="COMMAND")
    for words, name, summary in re.findall(r"(?m)^  ((\w+).*?)  +(\w.*)$", OVERVIEW):
        examples = [f"kerazoo {name} {example}" for example in EXAMPLES.get(name, ())]
        made = commands.add_parser(
            name,
            usage=f"kerazoo {words} [options]",
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog="\n  ".join(["examples:", *examples]) if examples else None,
            argument_default=argparse.SUPPRESS,
            formatter_class=_formatter,
        )
        command = Command(made)
        if name in DECLARE:
            DECLARE[name](command)
        command.flag("--json", "print one JSON document", default=False)
        command.flag("--verbose", "show logs of TensorFlow, and where an error comes from")
        command.value("--import", "MODULE", text, dest="more_imports", action="append")
    return whole


class Command:
    """Parser of one command, with one short way to declare each kind of argument."""

    def __init__(self, made: argparse.ArgumentParser | argparse._ArgumentGroup):
        self.made = made

    def group(self, title: str) -> Command:
        """Options that ``--help`` lists under a title."""
        return Command(self.made.add_argument_group(title))

    def flag(self, name: str, text: str, **more: Any) -> None:
        """An option without a value."""
        self.made.add_argument(name, action="store_true", help=text, **more)

    def off(self, name: str, dest: str, text: str) -> None:
        """An option without a value that switches something off."""
        self.made.add_argument(name, dest=dest, action="store_false", help=text)

    def choice(self, name: str, choices: Sequence[str], text: str) -> None:
        """An argument that is one of a few words."""
        self.made.add_argument(name, choices=choices, help=text)

    def value(
        self, name: str, metavar: str, text: str, type: Callable[[str], Any] = str, **more: Any
    ) -> None:
        """An argument with a value."""
        self.made.add_argument(name, metavar=metavar, help=text, type=type, **more)

    def completed(
        self, name: str, metavar: str, text: str, names: Callable[[], list[str]], **more: Any
    ) -> None:
        """A positional argument that a shell completes with names or, for a run, files."""
        action = self.made.add_argument(name, metavar=metavar, help=text, **more)

        def complete(prefix: str, **_: Any) -> list[str]:
            from argcomplete.completers import FilesCompleter

            return names() + (FilesCompleter()(prefix) if "RUN" in metavar else [])

        action.completer = complete  # type: ignore[attr-defined]

    def entry(self, text: str = ENTRY, **more: Any) -> None:
        """The positional argument ENTRY."""
        self.completed("entry", "ENTRY", text, registry.list_entries, **more)

    def source(self) -> None:
        """The positional argument ENTRY|RUN."""
        text = "entry, for its bundled weights, or a run directory"
        self.completed("source", "ENTRY|RUN", text, registry.list_entries)


def _list(command: Command) -> None:
    command.value("pattern", "PATTERN", "part of a name, or '*@digits' (default: all)", nargs="?")
    command.value("--task", "TASK", "such as classification or forecasting")
    command.value("--dataset", "DATASET", "such as digits")
    command.flag("--offline", "only what needs no network")
    command.choice("--sort", ("result", "parameters", "time"), "best, smallest or fastest first")
    command.flag("--datasets", "list the datasets, with their licenses")


def _runs(command: Command) -> None:
    command.choice("action", ("list", "compare", "remove"), "what to do")
    text = "run directories; for list, the directory they are in (default: runs)"
    command.completed("paths", "RUN", text, list, nargs="*")


def _show(command: Command) -> None:
    command.completed("entry", "ENTRY|RUN", f"{ENTRY}; or a run", registry.list_entries, nargs="?")
    command.flag("--all", "with --html: the cards of all entries, and an index of them")
    command.flag("--full", "every seed, published results, data, recipe, limits, citation")
    command.value(
        "--html", "FILE", "write the card as one HTML file; with --all, a directory of them"
    )
    command.flag("--open", "with --html: open it in the browser")


def _train(command: Command) -> None:
    command.entry()
    command.value("--seed", "N", SEED, int)
    command.value("--epochs", "N", "epochs (default: the recipe's)", int)
    command.value("--learning-rate", "R", "peak learning rate (default: the recipe's)", float)
    command.value("--weights", "RUN", "start from the weights of a finished run (default: fresh)")
    command.flag("--open", "open a plot of the finished run")
    command.flag("--tensorboard", "write TensorBoard events")
    command.flag("--validate", "evaluate on the validation split; the test split stays unread")
    often = "shortest time between two checkpoints; 0 writes one after every epoch"
    command.value("--checkpoint-seconds", "T", often, float)
    _tier(command)
    _training(command)


def _finetune(command: Command) -> None:
    names = "images: mnist_cnn, resnet20, dcgan; table: mlp; series: stacked_lstm; text: text_cnn"
    command.completed("model", "MODEL", names, registry.list_models)
    command.flag("--open", "open the card of the finished run")
    _reading(command)

    group = command.group("training")
    group.off("--no-augment", "augment", "do not augment the images")
    _fine_tuning(group)


def _inspect(command: Command) -> None:
    command.flag("--labels", "look for labels that are probably wrong", dest="label_errors")
    command.value("--out", "FILE", "with --labels: CSV file of these, with a PNG of images")
    command.flag("--open", "with --out: open the images")
    command.off("--quiet", "progress", "show no progress")
    _reading(command)


def _reading(command: Command) -> None:
    """The positional argument DATA, and options of how to read it."""
    command.value("data", "DATA", "directory of images, or a CSV file")
    group = command.group("tables, series, texts, and images of a CSV file")
    target = "column to predict; repeat it for several numbers or labels"
    group.value("--target", "COLUMN", target, action="append")
    group.value("--test", "FILE", "test data (default: a fifth of the data)")

    group = command.group("table")
    tasks = ("classification", "regression", "multilabel")
    group.choice("--task", tasks, "kind of target (default: decided by its values)")

    _series(command.group("series"))

    group = command.group("text")
    group.value("--text", "COLUMN", "column that holds the texts")

    group = command.group("CSV files")
    group.value("--sep", "CHAR", "delimiter (default: told by the file)", character)
    marks = "quotation marks enclose values (default: yes; an ambiguous file stops)"
    group.value("--quotes", "yes|no", marks, yes_or_no)
    group.value("--decimal", "MARK", "decimal mark, . or , (default: .)")
    group.value("--thousands", "MARK", "mark between thousands (default: none)")
    group.value("--encoding", "NAME", "such as latin-1 or cp1252 (default: utf-8)")
    missing = "text that stands for a missing value; repeat it for several"
    group.value("--na", "TEXT", missing, dest="na_values", action="append")
    group.value("--category", "COLUMN", "column of names or codes; repeatable", action="append")
    group.value(
        "--date-format", "FORMAT", "format of dates, such as %%d.%%m.%%Y; s: seconds since 1970"
    )
    group.value("--time-zone", "NAME", "where the clocks of a series are, as Europe/Berlin")
    group.value("--day-first", "yes|no", "yes if 01/02/2024 is in February", yes_or_no)

    group = command.group("images")
    names = "in a CSV file with --target: column of the files' names (default: found)"
    group.value("--files", "COLUMN", names)
    group.value("--size", "PIXELS", "height and width of the images (default: the model's)", int)
    group.value("--channels", "1|3", "gray or color (default: the model's)", int)
    group.choice("--invert", INVERT, "invert light and dark (default: auto)")
    group.choice("--splits", INVERT, "train/ and test/ are splits, no classes (default: auto)")


def _fine_tuning(group: Command) -> None:
    """Options of the training on user data."""
    weights = "weights to start from (default: auto, those of the first entry that has some)"
    group.value("--weights", "DATASET|RUN|none", weights, name_or_none)
    group.flag("--freeze", "train the last layer only")
    group.flag("--balance", "give all classes the same weight")
    group.off("--no-scratch", "scratch", "do not also train the same model from scratch")
    group.value("--epochs", "N", "epochs (default: by the size of the data)", int)
    group.value("--learning-rate", "R", "learning rate of the whole network", float)
    rates = "try N learning rates and take the best on validation"
    group.value("--tune", "N", rates, int)
    patience = "end after N epochs without a better validation loss, with the best epoch's weights"
    group.value("--early-stopping", "N", patience, int)
    rule = "of two classes: probability of the positive one, or chosen on validation"
    group.value("--threshold", "P|f1|recall=R", f"{rule} (default: the likelier class)")
    group.value("--positive", "CLASS", "with --threshold: the positive class")
    group.value("--seed", "N", SEED, int)
    _training(group)


def _series(group: Command) -> None:
    """Options of ``from_series``."""
    time = "column of dates (default: the only one); repeat it for date and time; none: no dates"
    group.value("--time", "COLUMN", time, action="append")
    ids = "column that tells several series apart, one model for all; repeat it for several"
    group.value("--series-id", "COLUMN", ids, action="append")
    group.choice("--duplicates", DUPLICATES, "rows of the same time (default: refuse)")
    group.choice("--resample", RESAMPLE, "join the rows of each, as --duplicates says")
    group.value("--horizon", "N", "steps to forecast (default: 1)", int)
    group.value("--lookback", "N", "past steps that the model sees (default: 96, or fewer)", int)
    past = "column of numbers that the model sees too; repeatable"
    group.value("--past-covariate", "COLUMN", past, dest="past_covariates", action="append")
    future = "likewise, one that is known for the steps to forecast, such as a holiday"
    group.value("--future-covariate", "COLUMN", future, dest="future_covariates", action="append")
    group.choice("--gaps", GAPS, "missing steps (default: refuse)")
    split = "steps of train, validation and test (default: 70, 10 and 20 %%)"
    group.value("--split", "N,N,N", split, whole_numbers)


def _verify(command: Command) -> None:
    command.entry("entry; with --all a pattern such as '*@digits'", nargs="?")
    command.flag("--all", "verify every entry, then print one table", default=False)
    command.flag("--offline", "with --all: use no network")
    command.value("--seeds", "N", "number of runs (default: 1)", int)
    command.value("--first-seed", "S", "0 repeats the recorded runs (default: new seeds)", int)
    command.flag("--fresh-data", "run the dataset's loader, do not read the cache")
    command.flag("--record", "add these runs to the reference, or start it")
    _tier(command)
    _training(command)


def _evaluate(command: Command) -> None:
    command.source()


def _sample(command: Command) -> None:
    command.source()
    command.value("--n", "N", "number of images (default: 64)", int, default=64)
    command.value("--seed", "N", "seed of the latents (default: 0)", int, default=0)
    command.value("--out", "FILE", "PNG file with one grid (default: samples.png)")
    command.flag("--open", "open the file")


def _export(command: Command) -> None:
    command.source()
    formats = "keras, saved_model, onnx, litert (also called tflite), onnx_int8 or litert_int8"
    command.value("--format", "FORMAT", formats, required=True)
    command.value("--out", "DIR", "directory of the export (default: exports/… or in the run)")
    command.value("--rows", "N", "most test examples to compare (default: 10,000)", int)
    command.flag("--force", "replace an earlier export")


def _predict(command: Command) -> None:
    command.source()
    command.value("inputs", "WHAT", "image files, directories, texts or one CSV file", nargs="+")
    group = command.group("images and texts")
    group.value("--top", "K", "show the K most probable classes (default: 1)", int, default=1)
    group.choice("--invert", INVERT, "invert light and dark of images (default: auto)")
    group = command.group("CSV files")
    group.value("--text", "COLUMN", "column that holds the texts (default: as in training)")
    group.choice("--gaps", GAPS, "missing steps of a series (default: as in training)")
    group.value("--out", "FILE", "CSV file to write, also with the columns of the input")


def _explain(command: Command) -> None:
    command.source()
    command.value("inputs", "FILE", "images, or directories of images", nargs="+")
    command.value("--label", "CLASS", "class to explain (default: the predicted one)")
    command.value("--out", "FILE", "PNG file (default: explained.png)")
    command.flag("--open", "open the file")


def _tier(command: Command) -> None:
    command.value("--tier", "full|smoke", "whole recipe, or about a minute (default: full)")


def _training(command: Command) -> None:
    """Options of every command that trains."""
    command.off("--quiet", "progress", "show no progress")
    field = "change a field of the recipe, as `kerazoo show ENTRY` lists them"
    command.value("--set", "FIELD=VALUE", field, dest="settings", action="append")
    command.value("--out", "DIR", "run directory (default: runs/…)")
    command.flag("--resume", "resume the run in --out")
    elsewhere = "also on another machine or with other versions; results may differ by rounding"
    command.flag("--elsewhere", f"--resume, {elsewhere}")
    engines = "fastest measured settings with TensorFlow on a CPU (auto, default), or Keras's"
    command.choice("--engine", ("auto", "plain"), engines)


def _completion(command: Command) -> None:
    command.choice("shell", ("bash", "zsh", "fish"), "see docs/cli.md for where to put its output")


FUNCTIONS = (
    *(_list, _show, _runs, _train, _inspect, _finetune, _verify, _evaluate, _predict),
    *(_explain, _sample, _export, _completion),
)
DECLARE: dict[str, Callable[[Command], None]] = {f.__name__[1:]: f for f in FUNCTIONS}


def yes_or_no(text: str) -> bool:
    """True for ``yes``, False for ``no``; raises ValueError for another text."""
    return ("no", "yes").index(text) == 1


def character(text: str) -> str:
    """A tab where one is written as backslash and t."""
    return "\t" if text == "\\t" else text


def whole_numbers(text: str) -> tuple[int, ...]:
    """Numbers of ``1,2,3``."""
    return tuple(int(part) for part in text.split(","))


def name_or_none(text: str) -> str | None:
    """None for ``none``."""
    return None if text.lower() == "none" else text
