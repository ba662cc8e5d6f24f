"""Fingerprints: what makes two trainings the same training.

They must be the same on every machine, and across Keras versions that only add options.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kerazoo.files import sha256_of_json

if TYPE_CHECKING:
    import keras
    import numpy as np

# What Keras writes beside a layer's settings that is no setting of the architecture.
_NOT_STRUCTURE = {"name", "trainable", "dtype", "module", "registered_name", "build_config"}


def of_model(model: keras.Model) -> str:
    """Fingerprint of a model's structure: layers, settings, connections; not weights or names.

    An option that is None or False counts as absent, so a Keras version that adds one that is off
    by default changes nothing.
    """
    config = json.loads(model.to_json())["config"]
    index = {layer["config"]["name"]: f"#{i}" for i, layer in enumerate(config["layers"])}
    return sha256_of_json(_structure(config, index))


def _structure(value: Any, index: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            k: _structure(v, index)
            for k, v in value.items()
            if k not in _NOT_STRUCTURE and v is not None and v is not False
        }
    if isinstance(value, list):
        if len(value) == 3 and isinstance(value[0], str) and value[0] in index:
            return [index[value[0]], *value[1:]]  # a layer's output, written [name, node, tensor]
        return [_structure(v, index) for v in value]
    return value


def of_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """Fingerprint of named arrays: names, dtypes, shapes and content, in the order of the names."""
    import numpy as np

    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {little_endian.dtype.str} {array.shape}\n".encode())
        digest.update(little_endian.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def of_weights(model: keras.Model) -> str:
    """Fingerprint of a model's weights, bit for bit (a ``.keras`` file itself embeds its date)."""
    return of_arrays({f"{i:05d}": w for i, w in enumerate(model.get_weights())})


def of_run(recipe: Mapping[str, Any], model_sha256: str, data_sha256: str) -> str:
    """One fingerprint of recipe, model structure and data."""
    return sha256_of_json({"recipe": dict(recipe), "model": model_sha256, "data": data_sha256})
