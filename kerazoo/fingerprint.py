"""Fingerprints: what makes two trainings the same training.

They must be the same on every machine, and across Keras versions that only add options.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kerazoo.composite import networks_of
from kerazoo.files import sha256_of_json

if TYPE_CHECKING:
    import keras
    import numpy as np

# What Keras writes beside a layer's settings that is no setting of the architecture.
_NOT_STRUCTURE = {"name", "trainable", "dtype", "module", "registered_name", "build_config"}


def of_model(model: keras.Model) -> str:
    """Fingerprint of a model's structure: layers, settings, connections; not weights or names.

    A setting that has its default, or is None or False, counts as absent, so that a Keras version
    that adds an option changes nothing for the models that do not use it.
    """
    networks = networks_of(model)
    if list(networks) == ["model"]:
        return sha256_of_json(_of_network(model))
    return sha256_of_json({name: _of_network(net) for name, net in networks.items()})


def _of_network(model: keras.Model) -> dict[str, Any]:
    config = json.loads(model.to_json())["config"]
    operations = {o.name: o for o in getattr(model, "operations", model.layers)}
    names = [layer["config"]["name"] for layer in config["layers"]]
    index = {name: f"#{i}" for i, name in enumerate(names)}
    layers = []
    for layer, name in zip(config["layers"], names, strict=True):
        operation = operations.get(name)
        if hasattr(operation, "layers") and "layers" in layer["config"]:
            settings = _of_network(operation)
        else:
            settings = _without_defaults(layer["config"], operation)
        layers.append({**layer, "config": settings})
    return _cleaned({**config, "layers": layers}, index)


def _without_defaults(config: dict[str, Any], operation: Any) -> dict[str, Any]:
    """The settings that differ from the defaults of the layer's constructor."""
    if operation is None:
        return config
    parameters = inspect.signature(type(operation).__init__).parameters
    absent = object()

    def default(name: str) -> Any:
        value = parameters[name].default if name in parameters else absent
        return list(value) if isinstance(value, tuple) else value

    return {k: v for k, v in config.items() if v != default(k)}


def _cleaned(value: Any, index: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            k: _cleaned(v, index)
            for k, v in value.items()
            if k not in _NOT_STRUCTURE and v is not None and v is not False
        }
    if isinstance(value, list):
        if len(value) == 3 and isinstance(value[0], str) and value[0] in index:
            return [index[value[0]], *value[1:]]  # a layer's output, written [name, node, tensor]
        return [_cleaned(v, index) for v in value]
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
