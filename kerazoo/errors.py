"""Errors that the user can fix, and checks of arguments that raise them."""

from __future__ import annotations

import difflib
import functools
import inspect
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

MOST = 300  # characters of a foreign text in an error
LONGEST = 4_000  # of a whole message


# Options that some functions lack on purpose.
ELSEWHERE = {
    "early_stopping": "Recorded entries report the last epoch; kerazoo.finetune has early_stopping."
}
P = ParamSpec("P")
Result = TypeVar("Result")


class KerazooError(ValueError):
    """An error that the user can fix: it says what happened, where, and what to do.

    The command line prints it without a traceback and ends with exit status 2.
    """


class DamagedFile(KerazooError):
    """A file of kerazoo that is damaged, was altered, or is of another version.

    Attributes:
        path: the file.
        field: such as ``runs[2].value``; empty for the file as a whole.
    """

    def __init__(self, path: Path, problem: str, remedy: str, field: str = ""):
        where = f"{path}: field {field}" if field else f"{path}"
        super().__init__(f"{where} cannot be used: {problem.rstrip('.')}. {remedy}")
        self.path, self.field = path, field


class ReadingError(KerazooError):
    """Data that leaves in doubt how to read it, or that the reading options do not fit.

    Attributes:
        what: what happened and where, without the advice, which names reading options.
    """

    def __init__(self, what: str, advice: str):
        super().__init__(f"{what} {advice}")
        self.what = what


class NotAvailable(KerazooError):
    """Data that is neither cached nor downloadable, or a file that is not on this machine."""


class Diverged(KerazooError):
    """Training has failed: the loss became NaN or infinite, or a GAN collapsed."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during training; the last finished epoch was saved and can be resumed.

    Attributes:
        what: was stopped where.
        directory: to resume in.
    """

    def __init__(self, what: str, directory: Path):
        options = f"--out {shlex.quote(str(directory))} --resume"
        super().__init__(
            f"{what}; what is finished is kept. Continue with the same command and {options} "
            "(out=..., resume=True)."
        )
        self.what, self.directory = what, directory


def cut(text: str, most: int = MOST) -> str:
    """A foreign text, of which only the beginning is shown if it is long."""
    return text if len(text) <= most else f"{text[:most]} …"


def shown(value: Any) -> str:
    """A foreign value in a message."""
    return cut(repr(value), 60)


# Options of the command line that are not named like the parameter that they set.
OPTIONS = {
    "na_values": "--na",
    "settings": "--set",
    "augment": "--no-augment",
    "label_errors": "--labels",
}


def option(parameter: str) -> str:
    """The option of the command line for a parameter."""
    return OPTIONS.get(parameter, f"--{parameter.replace('_', '-')}")


def first_line(error: BaseException) -> str:
    """The first line of an error's message, cut, or its type if it has none."""
    lines = str(error).strip().splitlines()
    return cut(lines[0]) if lines else type(error).__name__


def printable(text: str) -> str:
    """Foreign text for a terminal: control characters and escape codes become visible."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def wrapped(text: str, width: int) -> str:
    """A text in lines that break between words; a word that is longer stays whole.

    The lines after the first of an indented text are indented further.
    """
    indent = " " * (2 * (len(text) - len(text.lstrip(" "))))
    return textwrap.fill(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def say(text: str) -> None:
    """Print foreign text on standard error, on a terminal with breaks between words."""
    text = printable(text)
    if sys.stderr.isatty():
        text = wrapped(text, shutil.get_terminal_size().columns)
    print(text, file=sys.stderr, flush=True)


def tell(message: str) -> None:
    """Print a message for the user on standard error, whatever it quotes."""
    say(f"kerazoo: {cut(printable(message), LONGEST)}")


def install_hint(extra: str) -> str:
    """Command that installs an extra of kerazoo."""
    return f'pip install "kerazoo[{extra}]" (in a clone: pip install -e ".[{extra}]")'


def unknown(kind: str, name: str, known: Iterable[str], hint: str = "") -> KerazooError:
    """The error for a name that is not registered, with the nearest names that are."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    guess = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    listed = f" Known: {', '.join(known)}." if known and not near else ""
    return KerazooError(f"unknown {kind} {name!r}.{guess}{listed}{' ' + hint if hint else ''}")


def checked(function: Callable[P, Result]) -> Callable[P, Result]:
    """A public function, of which an unknown option is a KerazooError with the nearest ones."""
    known = inspect.signature(function).parameters

    @functools.wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> Result:
        for name in options:
            if name not in known:
                raise unknown(
                    f"option of {function.__name__}", name, known, ELSEWHERE.get(name, "")
                )
        return function(*args, **options)

    return call


def require_whole(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """The value as a Python int within bounds; raises KerazooError for anything else."""
    given = isinstance(value, Integral) and not isinstance(value, bool)
    if not given or value < least or (most is not None and value > most):
        bounds = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"
        raise KerazooError(f"{name} is {value!r}; it must be an integer {bounds}.")
    return int(value)


def require_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Raise KerazooError unless a value is one of the choices."""
    choices = tuple(choices)
    if value not in choices:
        raise KerazooError(f"{name} is {value!r}; choose {' or '.join(map(repr, choices))}.")


def require_sizes(whose: str, name: str, values: Any, *, least: int = 1) -> None:
    """Raise KerazooError unless an option is a list of ``least`` positive integers or more."""
    if not isinstance(values, (tuple, list)):
        raise KerazooError(f"{whose}: {name}={values!r}; give a list of integers: [{values}].")
    if len(values) < least:
        raise KerazooError(f"{whose}: {name} is empty; give one size or more.")
    for value in values:
        require_whole(f"{whose}: {name}", value)


def require_rank(whose: str, shape: Sequence[int], *ranks: int) -> None:
    """Raise KerazooError unless an ``input_shape`` has a rank that the model takes."""
    if len(shape) not in ranks:
        kinds = {1: "(columns,)", 3: "(height, width, channels)"}
        wanted = " or ".join(kinds[rank] for rank in ranks)
        raise KerazooError(f"{whose}: input_shape={tuple(shape)!r}; it takes {wanted}.")
