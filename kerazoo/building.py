"""Models of the zoo by their factories, and the trained weights that come with kerazoo."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerazoo import registry
from kerazoo._files import sha256_of_file
from kerazoo._files.archives import require_safe
from kerazoo._lazy import keras
from kerazoo.errors import KerazooError, first_line, require_sizes, require_whole, unknown
from kerazoo.evidence import reference as evidence
from kerazoo.spec import Entry, Model, Recipe, networks_of

CANNOT_BUILD = (ValueError, TypeError, MemoryError)
OUT_OF_MEMORY = ("ResourceExhaustedError", "OutOfMemoryError", "XlaRuntimeError")  # by backend


def factory_options(entry: Entry, recipe: Recipe) -> dict[str, Any]:
    """The factory's keyword arguments that follow from an entry's dataset and recipe."""
    dataset = registry.get_dataset(entry.dataset)
    return {**registry.task_of(entry).factory_options(dataset, recipe), **entry.options}


def build_for(entry: Entry, recipe: Recipe | None = None) -> keras.Model:
    """The model of an entry with fresh weights, in the shape of the entry's dataset.

    Args:
        entry: the entry.
        recipe: replaces the entry's; its lookback decides the shape of a series' windows.
    """
    model = registry.get_model(entry.model)
    return call_factory(model, factory_options(entry, recipe or entry.recipe))


def options_of(model: Model) -> list[str]:
    """Names of the options that a model's factory takes."""
    return list(inspect.signature(model.factory).parameters)


def call_factory(model: Model, options: dict[str, Any]) -> keras.Model:
    """Call a factory; raises KerazooError for an option or a value that it cannot take."""
    parameters = inspect.signature(model.factory).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    for option in options:
        if option not in parameters and not takes_any:
            raise unknown(f"option of model {model.name!r}", option, parameters)
    options = {name: of_python(value) for name, value in options.items()}
    defaults = {name: p.default for name, p in parameters.items()}
    _check_options(model.name, defaults, options)
    if keras.config.image_data_format() != "channels_last":
        raise KerazooError(
            "Keras is set to channels_first, and the models of the zoo have channels last: "
            'keras.config.set_image_data_format("channels_last").'
        )
    try:
        net = model.factory(**options)
        _reject_empty_tensors(net)
        return net
    except KerazooError:
        raise
    except Exception as error:
        if not isinstance(error, CANNOT_BUILD) and type(error).__name__ not in OUT_OF_MEMORY:
            raise
        hint = _hint(defaults, options)
        raise KerazooError(
            f"{model.name}({shown_options(options)}) cannot be built: {first_line(error)}{hint}"
        ) from error


def _hint(defaults: dict[str, Any], options: dict[str, Any]) -> str:
    """Advice for an ``input_shape`` with which a model cannot be built."""
    if "input_shape" not in options:
        return ""
    usual = defaults.get("input_shape")
    if isinstance(usual, tuple) and len(usual) != len(options["input_shape"]):
        names = " (height, width, channels)" if len(usual) == 3 else ""
        return f" Give input_shape with {len(usual)} sizes{names}, such as {usual}."
    return " Is input_shape too small for the architecture?"


def _reject_empty_tensors(net: keras.Model) -> None:
    """Raise ValueError for a layer whose output is empty; Keras 3.12 builds such a network."""
    for network in networks_of(net).values():
        for operation in getattr(network, "operations", ()):
            for tensor in keras.tree.flatten(operation.output):
                if any(size is not None and size < 1 for size in tensor.shape[1:]):
                    raise ValueError(f"{operation.name} has an output of shape {tensor.shape}.")


def shown_options(options: Mapping[str, Any]) -> str:
    """Options as they are written in a call."""
    return ", ".join(f"{name}={value!r}" for name, value in options.items())


def of_python(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's, also in a shape: they go into saved models."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (tuple, list)):
        parts = map(of_python, value)
        return tuple(parts) if isinstance(value, tuple) else list(parts)
    return value


def _check_options(name: str, defaults: dict[str, Any], given: dict[str, Any]) -> None:
    """Check flags, and the options that follow from the data and are the same in all factories."""
    for option in ("classes", "outputs", "horizon", "targets", "vocabulary"):
        value = given.get(option, 1)
        if value is not None or option != "outputs":  # None makes a classifier
            require_whole(f"{name}: {option}", value)
    activation = {**defaults, **given}.get("classifier_activation")
    if given.get("classes") == 1 and activation == "softmax":
        raise KerazooError(
            f"{name}: classes=1 with softmax, which is 1 for every example. Give 2 classes or "
            "more; or classifier_activation='sigmoid'."
        )
    if "input_shape" in given:
        require_sizes(name, "input_shape", given["input_shape"], least=0)
    for option in set(given) & set(defaults):  # "no" would count as True
        if isinstance(defaults[option], bool) and not isinstance(given[option], bool):
            raise KerazooError(f"{name}: {option}={given[option]!r}; give True or False.")


def load_bundled_weights(net: keras.Model, entry: Entry) -> None:
    """Load the trained weights of an entry into a model built for it.

    Raises:
        KerazooError: there are none, they were altered, or they do not fit the model.
    """
    recorded = evidence.read(entry).weights
    path = evidence.weights_path(entry)
    if recorded is None:
        raise KerazooError(
            f"{entry.name} has no trained weights. Train it with `kerazoo train {entry.name}`."
        )
    if not path.exists() or sha256_of_file(path) != recorded.sha256:
        raise KerazooError(
            f"the trained weights of {entry.name} are missing, truncated or altered: {path}. "
            "Reinstall kerazoo (or `git checkout` the file); for a user's model, record again with "
            f"`kerazoo verify {entry.name} --seeds {entry.seeds} --record`."
        )
    hint = f"The weights are for {shown_options(factory_options(entry, entry.recipe))}."
    load_weights_file(net, path, hint)


def load_weights_file(
    net: keras.Model, path: Path, hint: str = "Is it for the same classes and input shape?"
) -> None:
    """Load a ``.weights.h5`` file.

    Raises:
        KerazooError: it does not exist, is not such a file, or does not fit the model.
    """
    import warnings

    require_safe(path)
    try:
        with warnings.catch_warnings():
            # Keras only warns of a layer that it leaves untrained; that must not pass unnoticed.
            warnings.simplefilter("error", UserWarning)
            net.load_weights(path)
    except Exception as error:  # h5py and Keras raise many kinds for one cause: it does not fit
        raise KerazooError(
            f"weights file {path} cannot be loaded: {first_line(error)} {hint}"
        ) from error
