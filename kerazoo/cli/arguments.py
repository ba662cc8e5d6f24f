"""Arguments of every command, in the order of ``kerazoo --help``.

An option that is not given is absent, so that the default of the function it belongs to holds. Its
``dest`` is the name of that function's parameter.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from kerazoo import __version__, registry
from kerazoo.errors import printable

GAPS = ("refuse", "interpolate")
INVERT = ("auto", "yes", "no")
ENTRY = "model on a dataset, mnist_cnn@digits; a bare mnist_cnn means its main dataset"
SEED = "seed of initial weights, order of the data, dropout and augmentation (default: 0)"


class Parser(argparse.ArgumentParser):
    """Parser whose errors cannot control the terminal."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message; exit status 2."""
        super().error(printable(message))


def parser() -> Parser:
    """Parser of all commands; its result has the name of the command as ``command``."""
    about = "A small zoo of Keras models with reproducible results."
    whole = Parser(prog="kerazoo", description=about)
    whole.add_argument("--version", action="version", version=f"kerazoo {__version__}")
    text = "module or .py file that registers models or datasets"
    Command(whole).value("--import", "MODULE", text, dest="imports", action="append", default=[])
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, summary: str) -> Command:
        description = f"{summary[0].upper()}{summary[1:]}."
        absent = argparse.SUPPRESS
        made = commands.add_parser(
            name, help=summary, description=description, argument_default=absent
        )
        return Command(made)

    listed = command("list", "entries with their recorded results, and datasets")
    listed.value("pattern", "PATTERN", "such as '*@digits' (default: all)", nargs="?")
    _show(command("show", "model card of an entry"))
    _train(command("train", "train an entry with its recipe"))
    _finetune(command("finetune", "train a model on user data"))
    command("evaluate", "evaluate trained weights on the test split").source()
    _verify(command("verify", "train again and judge against the reference"))
    command("doctor", "this machine, and which recorded runs it repeats to the bit")
    _sample(command("sample", "images from a trained generator"))
    _export(command("export", "trained weights in another format, certified"))
    _predict(command("predict", "classes of images or texts, values for a table, or a forecast"))
    for made in commands.choices.values():
        Command(made).flag("--json", "print one JSON document", default=False)
    shells = command("completion", 'completion for a shell: eval "$(kerazoo completion bash)"')
    shells.choice("shell", ("bash", "zsh", "fish"), "shell that is to complete kerazoo's commands")
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


def _show(command: Command) -> None:
    command.entry()
    command.flag("--layers", "print the layers of the model instead")
    command.value("--html", "FILE", "write the card as one HTML file")
    command.value("--run", "DIR", "with --html: show the plots of this finished run")


def _train(command: Command) -> None:
    command.entry()
    command.value("--seed", "N", SEED, int)
    command.value("--epochs", "N", "epochs, instead of the recipe's number", int)
    command.flag("--tensorboard", "write TensorBoard events")
    command.flag("--validate", "evaluate on the validation split; the test split stays unread")
    often = "shortest time between two checkpoints; 0 writes one after every epoch"
    command.value("--checkpoint-seconds", "T", often, float)
    _tier(command)
    _training(command)


def _finetune(command: Command) -> None:
    names = "such as mnist_cnn, mlp, stacked_lstm"
    command.completed("model", "MODEL", names, registry.list_models)
    command.value("data", "DATA", "directory of images, or a CSV file")

    group = command.group("tables, series and texts")
    target = "column to predict; repeat it for several numeric ones"
    group.value("--target", "COLUMN", target, action="append")
    group.value("--text", "COLUMN", "column that holds the texts")
    group.value("--test", "FILE", "test data (default: a fifth of the data)")
    tasks = ("classification", "regression")
    group.choice("--task", tasks, "kind of target (default: decided by its values)")
    group.value("--time", "COLUMN", "column of dates of a series")
    group.value("--horizon", "N", "steps to forecast", int)
    group.value("--lookback", "N", "past steps that the model sees", int)
    group.choice("--gaps", GAPS, "missing steps of a series (default: refuse)")
    group.value("--split", "N,N,N", "steps of train, validation and test", whole_numbers)

    group = command.group("CSV files")
    group.value("--sep", "CHAR", "delimiter (default: told by the file)", character)
    group.value("--decimal", "MARK", "decimal mark, . or ,")
    group.value("--thousands", "MARK", "mark between thousands")
    group.value("--encoding", "NAME", "such as latin-1 or cp1252 (default: utf-8)")
    missing = "text that stands for a missing value; repeat it for several"
    group.value("--na", "TEXT", missing, dest="na_values", action="append")
    group.value("--date-format", "FORMAT", "format of dates, such as %%d.%%m.%%Y")
    group.value("--day-first", "yes|no", "yes if 01/02/2024 is in February", yes_or_no)

    group = command.group("images")
    group.value("--size", "PIXELS", "height and width that images are resized to", int)
    group.choice("--invert", INVERT, "invert light and dark (default: auto)")
    group.choice("--splits", INVERT, "train/ and test/ are splits, no classes (default: auto)")
    group.off("--no-augment", "augment", "do not augment the images")

    group = command.group("training")
    weights = "weights to start from (default: auto, those of the first entry that has some)"
    group.value("--weights", "DATASET|none", weights, name_or_none)
    group.flag("--freeze", "train the last layer only")
    group.flag("--balance", "give all classes the same weight")
    group.off("--no-scratch", "scratch", "do not also train the same model from scratch")
    group.value("--epochs", "N", "epochs (default: by the size of the data)", int)
    group.value("--learning-rate", "R", "learning rate of the whole network", float)
    group.value("--seed", "N", SEED, int)
    _training(group)


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


def _sample(command: Command) -> None:
    command.source()
    command.value("--n", "N", "number of images (default: 64)", int, default=64)
    command.value("--seed", "N", "seed of the latents (default: 0)", int, default=0)
    command.value("--out", "FILE", "PNG file with one grid (default: samples.png)")


def _export(command: Command) -> None:
    command.source()
    command.value("--format", "FORMAT", "keras, saved_model, onnx or litert", required=True)
    command.value("--out", "DIR", "directory of the export (default: exports/… or in the run)")
    command.value("--rows", "N", "most test examples to compare (default: 10,000)", int)
    command.flag("--force", "replace an earlier export")


def _predict(command: Command) -> None:
    command.source()
    command.value("inputs", "FILE|TEXT|CSV", "image files, texts or one CSV file", nargs="+")
    command.choice("--invert", INVERT, "invert light and dark (default: auto)")
    command.value("--text", "COLUMN", "column of a CSV file that holds the texts")
    command.choice("--gaps", GAPS, "missing steps of a series (default: as in training)")
    command.value("--out", "FILE", "CSV file for the predictions (default: by the input's name)")


def _tier(command: Command) -> None:
    command.value("--tier", "full|smoke", "whole recipe, or about a minute (default: full)")


def _training(command: Command) -> None:
    """Options of every command that trains."""
    field = "change a field of the recipe, as `kerazoo show ENTRY` lists them"
    command.value("--set", "FIELD=VALUE", field, dest="settings", action="append")
    command.value("--out", "DIR", "run directory (default: runs/…)")
    command.flag("--resume", "resume the run in --out")
    elsewhere = "also on another machine or with other versions; results may differ by rounding"
    command.flag("--elsewhere", f"--resume, {elsewhere}")
    engines = "fastest measured settings with TensorFlow on a CPU (auto, default), or Keras's"
    command.choice("--engine", ("auto", "plain"), engines)


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
