"""Keras's own file, ``.keras``, read back by plain Keras in safe mode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import keras
from kerazoo.training import engine

if TYPE_CHECKING:
    import numpy as np

    from kerazoo.exporting.formats import Runner

TITLE = "Keras"
SUFFIX = ".keras"
PACKAGES: tuple[str, ...] = ()
ANY_BACKEND = True
ROWS = True


def refusal(network: keras.Model) -> str | None:
    """Nothing is refused."""
    return None


def write(network: keras.Model, path: Path, vocabulary: Sequence[str] | None) -> tuple[str, ...]:
    """Write the network as Keras saves it; Keras raises ValueError for what it cannot save."""
    network.save(path)
    return ()


def load(path: Path) -> Runner:
    """Open it without running code that it may hold; Keras raises ValueError if it cannot."""
    return runner_of(keras.saving.load_model(path, compile=False, safe_mode=True))


def runner_of(network: keras.Model) -> Runner:
    """A Keras model as a function of an array or a dictionary of them, compiled for each shape."""

    def run(x: Any) -> np.ndarray:
        if isinstance(x, dict):  # Keras takes strings as tensors only
            x = {name: keras.ops.convert_to_tensor(values) for name, values in x.items()}
        return network.predict_on_batch(x)

    options = engine.compile_options()
    if isinstance(network.input, dict):
        network.jit_compile = False  # XLA knows no strings
    elif "jit_compile" in options:
        network.jit_compile = options["jit_compile"]
    return run
