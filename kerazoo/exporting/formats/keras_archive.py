"""Keras's file, ``.keras``, read back by plain Keras in safe mode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerazoo._files.archives import save_network
from kerazoo._lazy import keras, np
from kerazoo.exporting.formats import Format, Notes, Runner, Vocabulary, register_format
from kerazoo.training import engine


class KerasArchive(Format):
    """A ``.keras`` file."""

    name = "keras"
    title = "Keras"
    suffix = ".keras"
    any_backend = True
    takes_rows = takes_strings = True

    def input_names(self, names: Sequence[str]) -> list[str]:
        """The names as they are."""
        return list(names)

    def write(self, network: keras.Model, path: Path, vocabulary: Vocabulary = None) -> Notes:
        """Save the network."""
        save_network(network, path)
        return ()

    def load(self, path: Path) -> Runner:
        """Open the file without running code from it."""
        return runner_of(keras.saving.load_model(path, compile=False, safe_mode=True))


def runner_of(network: keras.Model) -> Runner:
    """Runner of a Keras model."""

    def run(x: Any) -> np.ndarray:
        if isinstance(x, dict):  # Keras takes strings as tensors only
            x = {name: keras.ops.convert_to_tensor(values) for name, values in x.items()}
        return network.predict_on_batch(x)

    engine.choose_compiler(network)
    if isinstance(network.input, dict):
        network.jit_compile = False  # XLA knows no strings
    return run


register_format(KerasArchive())
