"""Build a model of the zoo, fresh or with trained weights."""

from __future__ import annotations

import inspect
import os
from numbers import Integral
from pathlib import Path
from typing import Any

from kerazoo import registry
from kerazoo._files import sha256_of_file
from kerazoo._lazy import keras
from kerazoo.errors import KerazooError, first_line, require_positive, unknown
from kerazoo.evidence import reference as evidence
from kerazoo.spec import Entry, Model, Recipe

OUT_OF_MEMORY = ("ResourceExhaustedError", "OutOfMemoryError", "XlaRuntimeError")  # by backend


def build(
    name: str, *, weights: str | os.PathLike[str] | None = None, **options: Any
) -> keras.Model:
    """Build a model of the zoo.

    Args:
        name: a registered model, such as ``"mnist_cnn"``.
        weights: None for fresh weights; a dataset's name (``"mnist"``) for the trained weights
            that come with kerazoo; or the path of a ``.weights.h5`` file.
        **options: passed to the factory: ``input_shape``, ``classes``, ``classifier_activation``
            and what else its docstring names. With a dataset's weights the defaults are that
            dataset's shape and classes.

    Returns:
        A functional ``keras.Model``, not compiled; pictures go in as raw pixels, text as token
        ids, windows of a series standardised. (``dcgan``: one model of two functional networks.)

    Raises:
        KerazooError: unknown model or option, a value the architecture cannot have, or weights
            that do not fit, are missing or were altered.
    """
    model = registry.get_model(name)
    entry = None
    if weights is not None:
        entry = entry_of_weights(model, weights)
        if entry is not None:
            own = factory_options(entry, entry.recipe)
            differs = _differences(model, entry, options, own)
            options = {**own, **options}
    net = call_factory(model, options)
    if entry is not None:
        load_bundled_weights(net, entry, differs)
    elif weights is not None:
        load_weights_file(net, Path(weights))
    return net


def _differences(model: Model, entry: Entry, given: dict[str, Any], own: dict[str, Any]) -> str:
    """Which given options are not those of an entry's weights; empty if all are."""
    parameters = inspect.signature(model.factory).parameters
    defaults = {name: p.default for name, p in parameters.items()}
    wanted = {name: own.get(name, defaults.get(name)) for name in given}

    def plain(value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    other = [name for name in given if plain(given[name]) != plain(wanted[name])]

    def shown(options: dict[str, Any]) -> str:
        return ", ".join(f"{name}={options[name]!r}" for name in other)

    if not other:
        return ""
    return (
        f"{shown(given)} was asked for, and the trained weights of {entry.name} are for "
        f"{shown(wanted)}. Build with weights=None for others."
    )


def factory_options(entry: Entry, recipe: Recipe) -> dict[str, Any]:
    """The factory's keyword arguments that follow from an entry's dataset and recipe."""
    dataset = registry.get_dataset(entry.dataset)
    return {**registry.task_of(entry).factory_options(dataset, recipe), **entry.options}


def build_for(entry: Entry, recipe: Recipe | None = None) -> keras.Model:
    """The model of an entry with fresh weights, in the shape of the entry's dataset.

    Args:
        entry: the entry.
        recipe: instead of the entry's own; its look-back decides the shape of a series' windows.
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
    activation = parameters.get("classifier_activation")
    _check_common_options(
        model.name, options, options.get("classifier_activation", activation and activation.default)
    )
    if keras.config.image_data_format() != "channels_last":
        raise KerazooError(
            "Keras is set to channels_first, and the models of the zoo have channels last: "
            'keras.config.set_image_data_format("channels_last").'
        )
    try:
        return model.factory(**options)
    except KerazooError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or type(error).__name__ in OUT_OF_MEMORY:
            raise KerazooError(
                f"{_called(model, options)} is too large for this machine's memory."
            ) from error
        if not isinstance(error, (ValueError, TypeError)):
            raise
        small = " The input shape is too small for the architecture, or of another kind."
        why = small if _builds_else(model, options) else ""
        raise KerazooError(
            f"{_called(model, options)} cannot be built: {first_line(error)}{why}"
        ) from error


def _called(model: Model, options: dict[str, Any]) -> str:
    return f"{model.name}({', '.join(f'{k}={v!r}' for k, v in options.items())})"


def of_python(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's own, also in a shape: they go into saved models."""
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (tuple, list)):
        parts = map(of_python, value)
        return tuple(parts) if isinstance(value, tuple) else list(parts)
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else value


def _builds_else(model: Model, options: dict[str, Any]) -> bool:
    """Whether options that cannot be built can with the factory's own input shape."""
    rest = {k: v for k, v in options.items() if k != "input_shape"}
    if len(rest) == len(options):
        return False
    try:
        model.factory(**rest)
    except (ValueError, TypeError):
        return False
    return True


def _check_common_options(name: str, options: dict[str, Any], activation: str | None) -> None:
    """What every factory means by the options that follow from the data."""
    for option in ("classes", "outputs", "horizon", "targets", "vocabulary"):
        value = options.get(option, 1)
        if value is None and option == "outputs":
            continue  # a classifier
        require_positive(name, option, value)
    if options.get("classes") == 1 and activation == "softmax":
        raise KerazooError(
            f"{name}: classes=1 with softmax, which is 1 for every example. Give 2 classes or "
            "more; or classifier_activation='sigmoid'."
        )
    shape = options.get("input_shape", (1,))
    if not isinstance(shape, (tuple, list)) or not all(
        isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in shape
    ):
        raise KerazooError(
            f"{name}: input_shape={shape!r}; give positive whole numbers, channels last, "
            "such as (28, 28, 1)."
        )


def entry_of_weights(model: Model, weights: str | os.PathLike[str]) -> Entry | None:
    """The entry whose bundled weights are meant, or None if ``weights`` is a file's path."""
    text = os.fspath(weights)
    if text in model.entries:
        return model.entries[text]
    if text.endswith(".h5") or os.sep in text or Path(text).exists():
        return None
    raise unknown(
        f"weights of model {model.name!r}", text, model.entries, "Or give a .weights.h5 file."
    )


def load_bundled_weights(net: keras.Model, entry: Entry, differs: str = "") -> None:
    """Load the trained weights of an entry into a model built for it.

    Args:
        net: the model.
        entry: the entry.
        differs: what is said of a model that was built otherwise, if its weights do not fit.

    Raises:
        KerazooError: there are none, they were altered, or the model has other classes or shape.
    """
    recorded = evidence.read(entry).weights
    path = evidence.weights_path(entry)
    if recorded is None:
        raise KerazooError(
            f"{entry.name} has no trained weights. Train it with `kerazoo train {entry.name}`."
        )
    remedy = (
        "Reinstall kerazoo (or `git checkout` the file); for a model of your own, record again "
        f"with `kerazoo verify {entry.name} --seeds {entry.seeds} --record`."
    )
    if not path.exists():
        raise KerazooError(f"the trained weights of {entry.name} are missing: {path}. {remedy}")
    if sha256_of_file(path) != recorded.sha256:
        raise KerazooError(
            f"the trained weights of {entry.name} were altered or truncated: the checksum of "
            f"{path} differs. {remedy}"
        )
    _load_weights(net, path, f"They are the trained weights of {entry.name}.", differs)


def load_weights_file(net: keras.Model, path: Path) -> None:
    """Load a ``.weights.h5`` file of the user's.

    Raises:
        KerazooError: it does not exist, is not such a file, or does not fit the model.
    """
    if not path.is_file():
        raise KerazooError(f"there is no weights file {path}.")
    if not path.name.endswith(".weights.h5"):
        raise KerazooError(f"weights file {path} must end in .weights.h5 (Keras's own format).")
    _load_weights(
        net, path, f"Is it a weights file of {net.name!r} with the same classes and shape?"
    )


def _load_weights(net: keras.Model, path: Path, hint: str, differs: str = "") -> None:
    import warnings

    try:
        with warnings.catch_warnings():
            # Keras only warns of a layer that it leaves untrained; that must not pass unnoticed.
            warnings.simplefilter("error", UserWarning)
            net.load_weights(path)
    except Exception as error:  # h5py and Keras raise many kinds for one cause: it does not fit
        said = differs or f"{first_line(error)} {hint}"
        raise KerazooError(f"weights file {path} does not fit: {said}") from error
