"""Heavy packages, imported at first use.

Importing Keras takes seconds; listing the zoo must not. Every module of kerazoo writes
``from kerazoo._lazy import keras, np, pd`` and pays for an import at its first use.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

_quiet = False
_announced = True
BACKENDS = {"jax": "JAX", "torch": "PyTorch", "tensorflow": "TensorFlow"}


def silence_import_logs() -> None:
    """Hide the log lines of TensorFlow's native code from now on.

    For the command line only: a library leaves its user's standard error alone.
    """
    global _quiet
    _quiet = True


def announce_import(now: bool) -> None:
    """Tell the user on standard error, once, that Keras is loading: now, or when it does."""
    global _announced
    _announced = False
    if now:
        _announce()


def _announce() -> None:
    global _announced
    if not _announced and "keras" not in sys.modules:
        print(f"kerazoo: loading {_backend()} …", file=sys.stderr, flush=True)
    _announced = True


def _backend() -> str:
    """Name of Keras's backend, which is known before Keras is imported."""
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    name = os.environ.get("KERAS_BACKEND")
    path = os.path.join(home, "keras.json")
    with contextlib.suppress(OSError, ValueError, AttributeError), open(path, "rb") as file:
        name = name or json.load(file).get("backend")
    return BACKENDS.get(name or "tensorflow", f"Keras on {name}")


def load(name: str) -> types.ModuleType:
    """Import a module by name, without its native logs if the command line asked for that."""
    if name in sys.modules:
        return sys.modules[name]
    _announce()
    if not _quiet:
        return importlib.import_module(name)
    import logging

    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with _standard_error_aside():
        return importlib.import_module(name)


@contextlib.contextmanager
def _standard_error_aside() -> Iterator[None]:
    """Hold back output on file descriptor 2; it is shown if an error occurs."""
    import tempfile

    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            aside.seek(0)
            sys.stderr.write(aside.read().decode(errors="replace"))
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


class _LazyModule(types.ModuleType):
    """A stand-in for a module that imports it at the first attribute access."""

    def __getattr__(self, attribute: str) -> Any:
        return getattr(load(self.__name__), attribute)


if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd
    from keras import KerasTensor, layers
    from matplotlib.figure import Figure
    from PIL import Image
else:
    Figure = KerasTensor = Any  # for annotations
    Image = _LazyModule("PIL.Image")
    keras = _LazyModule("keras")
    layers = _LazyModule("keras.layers")
    np = _LazyModule("numpy")
    pd = _LazyModule("pandas")

__all__ = ["Figure", "Image", "KerasTensor", "keras", "layers", "np", "pd"]
