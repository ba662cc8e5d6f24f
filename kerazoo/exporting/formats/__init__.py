"""Formats that a model can be exported to, one file each; a new format is one new file."""

from __future__ import annotations

import importlib.util
import keyword
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kerazoo import registry
from kerazoo._lazy import keras, np
from kerazoo.errors import KerazooError, install_hint, unknown

# From n examples, an array ``(n, …)`` or a dictionary of them by input, to outputs ``(n, …)``.
Runner = Callable[[Any], "np.ndarray"]
Vocabulary = Sequence[str] | None  # for a text model: its tokens in the order of their ids
Notes = tuple[str, ...]  # for the users of an export
_formats: dict[str, Format] = {}
ALIASES = {"tflite": "litert"}


class Format(ABC):
    """A format and the runtime that reads it back. Subclasses override what differs.

    Attributes:
        name: such as ``onnx``.
        title: name of the runtime.
        suffix: of the exported file or directory.
        packages: imported packages beyond kerazoo's dependencies.
        any_backend: it can be written on every backend of Keras, not on TensorFlow alone.
        takes_rows: it can hold a model of raw rows, with one input for each column.
        takes_strings: also columns of strings, with Keras on TensorFlow.
        metric_tolerance: what a metric in percent may change by, as a fraction, where the format
            rounds; None: outputs and metric are those of Keras.
    """

    name: str
    title: str
    suffix: str
    packages: tuple[str, ...] = ()
    any_backend = False
    takes_rows = False
    takes_strings = False
    metric_tolerance: float | None = None

    def refusal(self, network: keras.Model, has_classes: bool) -> str | None:
        """Reason why the format cannot hold a network, where that is known beforehand."""
        return None

    def input_names(self, names: Sequence[str]) -> list[str]:
        """Names that the inputs of a model of raw rows may have in this format.

        ASCII identifiers that differ in more than case, as TensorFlow demands of a signature.
        """
        allowed: list[str] = []
        for i, name in enumerate(names, 1):
            plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
            taken = ("self", *(other.lower() for other in allowed))
            if not plain.isidentifier() or keyword.iskeyword(plain) or plain.lower() in taken:
                plain = f"column_{i}_{plain}".rstrip("_")
            allowed.append(plain)
        return allowed

    @abstractmethod
    def write(self, network: keras.Model, path: Path, vocabulary: Vocabulary = None) -> Notes:
        """Write a functional model, which stays as it is, to the new ``path``.

        Args:
            network: the model.
            path: the file or directory.
            vocabulary: for a text model, of which some formats take raw texts too.

        Raises:
            Exception: of any type, if the converter cannot take the network.
        """

    @abstractmethod
    def load(self, path: Path) -> Runner:
        """Open an export with the format's runtime, which may raise any exception."""

    def load_texts(self, path: Path) -> Callable[[Sequence[bytes]], np.ndarray] | None:
        """Open the export of a text model for UTF-8 texts; None if the format takes token ids."""
        return None


def register_format(format: Format) -> Format:
    """Add a format under its ``name``."""
    _formats[format.name] = format
    return format


def names() -> list[str]:
    """Names of all formats, in alphabetical order."""
    registry.import_all(__name__)
    return sorted(_formats)


def get(name: str) -> Format:
    """The format, ready for use.

    Raises:
        KerazooError: there is no such format, a package is missing, or Keras runs on a backend
            that cannot write it.
    """
    name = ALIASES.get(name, name)
    if name not in names():
        raise unknown("format", str(name), _formats)
    format = _formats[name]
    missing = [p for p in format.packages if importlib.util.find_spec(p) is None]
    if missing:
        raise KerazooError(
            f"Format {name!r} needs {', '.join(missing)}, which is not installed: "
            f"{install_hint('export')}"
        )
    backend = keras.config.backend()
    if backend != "tensorflow" and not format.any_backend:
        raise KerazooError(
            f"Format {name!r} needs TensorFlow, but Keras runs on {backend}. Set "
            "KERAS_BACKEND=tensorflow for this command; weights and run directories are the same "
            "on every backend."
        )
    return format
