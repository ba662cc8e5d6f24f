"""Fingerprints of model structures, arrays and weights.

They are the same on every machine, and across Keras versions that only add options.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
from collections.abc import Mapping
from typing import Any

from kerazoo._files import sha256_of_json
from kerazoo._lazy import keras, np
from kerazoo.spec import networks_of

# Parts of a layer's configuration that are no settings of the architecture.
_NOT_STRUCTURE = {"name", "trainable", "dtype", "module", "registered_name", "build_config"}


def of_model(model: keras.Model) -> str:
    """Fingerprint of a model's structure: layers, settings, connections; not weights or names.

    A setting that has the default of its layer's constructor counts as absent, and so does one
    that the constructor does not know and that is None or False; thus a Keras version that adds an
    option changes nothing for the models that do not use it. A layer that is not trained
    (``trainable=False``) differs from one that is.
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
            settings = _settings(layer["config"], None if operation is None else type(operation))
        rest = {k: v for k, v in layer.items() if k != "config"}
        layers.append({**_cleaned(rest, index), "config": settings})
    whole = _cleaned({k: v for k, v in config.items() if k != "layers"}, index)
    return {**whole, "layers": layers}


def _settings(config: dict[str, Any], kind: Any) -> dict[str, Any]:
    """The settings of a layer, or of a wrapped layer, that differ from their defaults."""
    parameters = {} if kind is None else inspect.signature(kind.__init__).parameters
    kept = {}
    for name, value in config.items():
        if name in parameters:
            known = _is_default(value, parameters[name].default)
        else:
            known = value is None or value is False
        if (name == "trainable" and value is False) or not (known or name in _NOT_STRUCTURE):
            kept[name] = _cleaned(value, {})
    return kept


def _is_default(value: Any, default: Any) -> bool:
    """True if a setting equals the default of its parameter: True is not 1, a list is a tuple.

    If the default is None, False equals it too: Keras writes it for an input that is not sparse.
    """
    if default is None:
        return value is None or value is False
    if isinstance(default, tuple):
        default = list(default)
    return value == default and isinstance(value, bool) == isinstance(default, bool)


def _cleaned(value: Any, index: Mapping[str, str]) -> Any:
    """A part of a configuration without defaults and names; layers are numbered."""
    if isinstance(value, dict):
        kept = {
            k: _cleaned(v, index)
            for k, v in value.items()
            if k not in _NOT_STRUCTURE and v is not None and v is not False
        }
        wrapped = _layer_class(value)
        return kept if wrapped is None else {**kept, "config": _settings(value["config"], wrapped)}
    if isinstance(value, list):
        if len(value) == 3 and isinstance(value[0], str) and value[0] in index:
            return [index[value[0]], *value[1:]]  # a layer's output, written [name, node, tensor]
        return [_cleaned(v, index) for v in value]
    return value


def _layer_class(described: dict[str, Any]) -> type | None:
    """Class of a layer that another one wraps, as ``Bidirectional`` does; else None."""
    if not isinstance(described.get("config"), dict):
        return None
    kind = keras.saving.get_registered_object(described.get("registered_name"))
    try:
        if kind is None:
            module = importlib.import_module(described["module"])
            kind = getattr(module, described["class_name"])
    except (KeyError, TypeError, AttributeError, ImportError):
        return None
    return kind if isinstance(kind, type) and issubclass(kind, keras.layers.Layer) else None


def of_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """Fingerprint of named arrays: names, dtypes, shapes and content, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {little_endian.dtype.str} {array.shape}\n".encode())
        digest.update(little_endian.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def of_weights(model: keras.Model) -> str:
    """Fingerprint of a model's weights, bit for bit (a ``.keras`` file itself embeds its date).

    Integer counters are hashed as int64, their type on TensorFlow; other backends use fewer bits.
    """
    weights = [w.astype("int64") if w.dtype.kind == "i" else w for w in model.get_weights()]
    return of_arrays({f"{i:05d}": weight for i, weight in enumerate(weights)})


def of_run(recipe: Mapping[str, Any], model_sha256: str, data_sha256: str) -> str:
    """One fingerprint of recipe, model structure and data."""
    return sha256_of_json({"recipe": dict(recipe), "model": model_sha256, "data": data_sha256})
