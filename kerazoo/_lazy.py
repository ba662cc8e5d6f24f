"""Heavy packages, imported at first use.

Importing Keras takes seconds; listing the zoo must not. Every module of kerazoo writes
``from kerazoo._lazy import keras, np, pd`` and pays for an import at its first use.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

_announced = True
LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def announce_import(now: bool) -> None:
    """Tell the user on standard error, once, that Keras is loading: now, or when it does."""
    global _announced
    _announced = False
    if now:
        _announce()


def _announce() -> None:
    global _announced
    if not _announced and "keras" not in sys.modules:
        print("kerazoo: loading Keras …", file=sys.stderr, flush=True)
    _announced = True


def load(name: str) -> types.ModuleType:
    """Import a module by name, Keras without the logs of TensorFlow that nobody asked for.

    Whoever wants them sets TF_CPP_MIN_LOG_LEVEL; then nothing is hidden.
    """
    if name in sys.modules:
        return sys.modules[name]
    if name.partition(".")[0] != "keras":
        return importlib.import_module(name)
    _announce()
    if LOG_LEVEL in os.environ:
        return importlib.import_module(name)
    import logging

    os.environ[LOG_LEVEL] = "3"
    logging.getLogger("tensorflow").addFilter(_is_no_false_alarm)
    with standard_error_aside():  # it prints some before it reads the variable
        return importlib.import_module(name)


def _is_no_false_alarm(record: logging.LogRecord) -> bool:
    """False for the warning that Keras's step is traced often: each model has one of its own."""
    message = record.getMessage()
    return not ("retracing" in message and "TensorFlowTrainer" in message)


@contextlib.contextmanager
def standard_error_aside() -> Iterator[None]:
    """Hold back output on file descriptor 2; it is shown if an error occurs."""
    import tempfile

    try:
        kept = os.dup(2)
    except OSError:  # there is none
        yield
        return
    sys.stderr.flush()
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
    import logging

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
