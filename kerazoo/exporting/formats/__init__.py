"""What differs between the formats that a model can be exported to, one module each.

Every module of this package whose name has no leading underscore is a format and has what
:class:`FormatModule` says, so a new format is one new file.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from kerazoo import _lazy
from kerazoo.errors import KerazooError, install_hint, unknown

if TYPE_CHECKING:
    import keras
    import numpy as np

# Outputs, float32 ``(n, …)``, of n examples from 1 up as the model takes them: an array ``(n, …)``,
# or of a model of raw rows a dictionary of them.
Runner = Callable[[Any], "np.ndarray"]


class FormatModule(Protocol):
    """What kerazoo has to know of a format.

    A module may also have ``load_texts(path) -> Callable[[Sequence[bytes]], np.ndarray]``: then
    an export of a text model takes raw texts too, and that is certified as well. And
    ``input_names(network) -> dict[str, str]``, where it calls the inputs of raw rows other than
    the model does.
    """

    TITLE: str  # of the format and the runtime that reads it back
    SUFFIX: str  # of the file or folder
    PACKAGES: tuple[str, ...]  # needed beside kerazoo's own dependencies, as in `import`
    ANY_BACKEND: bool  # whether it can be written on another backend than TensorFlow
    ROWS: bool  # whether it takes models of raw rows: a dictionary of inputs, strings among them

    def refusal(self, network: keras.Model) -> str | None:
        """Why the format cannot take a network; None as far as can be told without trying."""

    def write(
        self, network: keras.Model, path: Path, vocabulary: Sequence[str] | None
    ) -> tuple[str, ...]:
        """Write a functional model to ``path``, which does not exist.

        Args:
            network: the model; it is left as it is.
            path: of the file or folder.
            vocabulary: of a text model: its tokens in the order of their ids.

        Returns:
            Notes: what a user of the export should know of how it was made.

        Raises:
            Exception: of many kinds, where the converter cannot take the network.
        """

    def load(self, path: Path) -> Runner:
        """Open what was written with the format's own runtime.

        Raises:
            Exception: of many kinds, where the runtime cannot open it.
        """


def names() -> list[str]:
    """The formats, in alphabetical order."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def module_named(name: str) -> FormatModule:
    """The module of a format, whether it can be used here or not."""
    return cast(FormatModule, importlib.import_module(f"{__name__}.{name}"))


def get(name: str) -> FormatModule:
    """The module of a format, once all that it needs is there.

    Raises:
        KerazooError: there is no such format, a package is missing, or Keras runs on a backend
            that cannot write it.
    """
    known = names()
    if name not in known:
        raise unknown("format", str(name), known)
    module = module_named(name)
    missing = [p for p in module.PACKAGES if importlib.util.find_spec(p) is None]
    if missing:
        raise KerazooError(
            f"format {name!r} needs {', '.join(missing)}, which is not installed: "
            f"{install_hint('export')} brings what every format needs."
        )
    # Not the name `keras`: that is the format of this package.
    backend = _lazy.load("keras").config.backend()
    if backend != "tensorflow" and not module.ANY_BACKEND:
        raise KerazooError(
            f"format {name!r} is written by TensorFlow and Keras runs on {backend} here. Set "
            "KERAS_BACKEND=tensorflow for this command; trained weights and run folders are the "
            "same on every backend."
        )
    return module
