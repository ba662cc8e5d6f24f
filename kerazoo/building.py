"""Build a model of the zoo, fresh or with trained weights."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import evidence, registry
from kerazoo.errors import KerazooError, first_line, unknown
from kerazoo.spec import Entry, Model

if TYPE_CHECKING:
    import keras


def build(
    name: str, *, weights: str | os.PathLike[str] | None = None, **options: Any
) -> keras.Model:
    """Build a model of the zoo.

    Args:
        name: a registered model, such as ``"mnist_cnn"``.
        weights: None for fresh weights; a dataset's name (``"mnist"``) for the trained weights
            that come with kerazoo; or the path of a ``.weights.h5`` file.
        **options: passed to the factory: ``input_shape``, ``classes``, ``classifier_activation``
            and what its docstring names besides. With a dataset's weights the defaults are that
            dataset's shape and classes.

    Returns:
        A functional ``keras.Model``; it takes raw pixels and is not compiled.

    Raises:
        KerazooError: unknown model or option, a value the architecture cannot have, or weights
            that do not fit, are missing or were altered.
    """
    model = registry.get_model(name)
    entry = None
    if weights is not None:
        entry = evidence.entry_of_weights(model, weights)
        if entry is not None:
            options = {**factory_options(entry), **options}
    net = _call_factory(model, options)
    if entry is not None:
        evidence.load_bundled_weights(net, entry)
    elif weights is not None:
        evidence.load_weights_file(net, Path(weights))
    return net


def factory_options(entry: Entry) -> dict[str, Any]:
    """The factory's keyword arguments that follow from an entry's dataset."""
    dataset = registry.get_dataset(entry.dataset)
    return {"input_shape": dataset.input_shape, "classes": dataset.classes}


def build_for(entry: Entry) -> keras.Model:
    """The model of an entry with fresh weights, in the shape of the entry's dataset."""
    return _call_factory(registry.get_model(entry.model), factory_options(entry))


def _call_factory(model: Model, options: dict[str, Any]) -> keras.Model:
    parameters = inspect.signature(model.factory).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    for option in options:
        if option not in parameters and not takes_any:
            raise unknown(f"option of model {model.name!r}", option, parameters)
    _check_common_options(model.name, options)
    try:
        return model.factory(**options)
    except KerazooError:
        raise
    except (ValueError, TypeError) as error:
        shown = ", ".join(f"{k}={v!r}" for k, v in options.items())
        raise KerazooError(
            f"{model.name}({shown}) cannot be built: {first_line(error)} "
            "An input shape too small for the architecture is the usual cause."
        ) from error


def _check_common_options(name: str, options: dict[str, Any]) -> None:
    """What every factory means by ``classes`` and ``input_shape``."""
    classes = options.get("classes", 1)
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise KerazooError(f"{name}: classes={classes!r}; it must be a whole number from 1 up.")
    shape = options.get("input_shape", (1,))
    if not isinstance(shape, (tuple, list)) or not all(
        isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in shape
    ):
        raise KerazooError(
            f"{name}: input_shape={shape!r}; give positive whole numbers, channels last, "
            "such as (28, 28, 1)."
        )
