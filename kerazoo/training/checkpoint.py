"""Exact resume: everything that decides how a training goes on, in one file.

The unit is the epoch. At its start the order of the data and the state of every random generator
are set from (seed, epoch), so nothing but the variables has to be remembered: weights, optimizer
state and the history so far. A training killed at any moment goes on from the last finished epoch
that was written, and ends bit-identical to one that was never stopped.

Neither ``.keras`` nor ``.weights.h5`` carries the state of Keras's seed generators, hence this
file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo import fingerprint
from kerazoo._files import read_arrays, sha256_of_json, write_arrays
from kerazoo._lazy import keras, np
from kerazoo.errors import DamagedFile, first_line
from kerazoo.training import engine

FILE_NAME = "checkpoint.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A training after some finished epochs.

    Attributes:
        epochs: how many are finished.
        epoch_seconds: wall-clock time of each; compilation counts into the first.
        history: metrics of each finished epoch.
        variables: the values of all variables of model and optimizer, in Keras's order.
        best: with early stopping, those of the model after its best epoch; else empty.
    """

    epochs: int
    epoch_seconds: list[float]
    history: list[dict[str, float]]
    variables: list[np.ndarray]
    best: Sequence[np.ndarray] = ()

    @property
    def seconds(self) -> float:
        """Wall-clock time of the finished epochs."""
        return sum(self.epoch_seconds)

    @property
    def is_finite(self) -> bool:
        """True if no variable holds NaN or infinity."""
        return all(np.isfinite(v).all() for v in self.variables if v.dtype.kind == "f")


def set_random_state(model: keras.Model, seed: int, epoch: int) -> None:
    """Set every random generator of the model (dropout, augmentation) from (seed, epoch)."""
    generators = [v for v in model.variables if v.name == "seed_generator_state"]
    for index, state in enumerate(generators):
        # RandomState's stream is frozen, so the numbers are the same with every NumPy version.
        values = np.random.RandomState([seed, epoch, 1, index]).randint(0, 2**31 - 1, size=2)
        state.assign(values.astype(keras.backend.standardize_dtype(state.dtype)))
    engine.seed_backend(int(np.random.RandomState([seed, epoch, 2]).randint(0, 2**31 - 1)))


def order_of_data(n: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which an epoch visits ``n`` examples: int64 ``(n,)``."""
    return np.random.RandomState([seed, epoch, 0]).permutation(n)


def take(
    model: keras.Model, epochs: int, epoch_seconds: list[float], history: list[dict[str, float]]
) -> Checkpoint:
    """The state of a compiled model after ``epochs`` finished epochs, copied."""
    values = [keras.ops.convert_to_numpy(v).copy() for v in _variables(model)]
    return Checkpoint(epochs, list(epoch_seconds), list(history), values)


def restore(model: keras.Model, checkpoint: Checkpoint, *, optimizer: bool = True) -> None:
    """Put a checkpoint's weights, and its optimizer's state, into a model of the same structure."""
    variables = _variables(model) if optimizer else model.variables
    for variable, value in zip(variables, checkpoint.variables, strict=optimizer):
        variable.assign(value)


def _variables(model: keras.Model) -> list[Any]:
    # Two models of one process share no names, so the order is what identifies a variable.
    return [*model.variables, *model.optimizer.variables]


def write(directory: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically, durable against a power cut."""
    arrays = {f"{i:05d}": v for i, v in enumerate(checkpoint.variables)}
    arrays |= {f"best{i:05d}": v for i, v in enumerate(checkpoint.best)}
    about = {k: v for k, v in vars(checkpoint).items() if k not in ("variables", "best")}
    text = json.dumps(about)
    sha256 = sha256_of_json([text, fingerprint.of_arrays(arrays)])
    write_arrays(directory / FILE_NAME, arrays, {"about": text, "sha256": sha256})


def read(directory: Path) -> Checkpoint | None:
    """The checkpoint in a run directory, or None if no epoch was written yet.

    Raises:
        DamagedFile: the file was altered or truncated.
    """
    path = directory / FILE_NAME
    if not path.exists():
        return None
    try:
        arrays, about = read_arrays(path)
        if about["sha256"] != sha256_of_json([about["about"], fingerprint.of_arrays(arrays)]):
            raise ValueError("its checksum differs")
        state = json.loads(about["about"])
        names = sorted(arrays)
        variables = [arrays[name] for name in names if not name.startswith("best")]
        best = [arrays[name] for name in names if name.startswith("best")]
        return Checkpoint(**state, variables=variables, best=best)
    except (ValueError, KeyError, TypeError) as error:
        remedy = "Delete the run directory and train again."
        raise DamagedFile(path, first_line(error), remedy) from error
