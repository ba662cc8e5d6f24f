"""Models with trained weights, of an entry, a run or a file, as a start for something else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kerazoo import building, registry
from kerazoo._lazy import keras
from kerazoo.errors import KerazooError, require_choice, tell, unknown
from kerazoo.evidence import reference as evidence
from kerazoo.predicting.trained import Trained, open_trained
from kerazoo.spec import Model, networks_of
from kerazoo.training import engine

Weights = str | os.PathLike[str]
# Layers between features with positions, of an image or a text, and a classifier.
GATHER = ("Flatten", "Dropout", "GlobalAveragePooling", "GlobalMaxPooling")


@dataclass(frozen=True)
class Transfer:
    """Result of a transfer of weights.

    Attributes:
        source: the entry or run whose weights they are.
        taken: names of the layers that have its weights now.
        fresh: names of the layers with weights that did not fit and start fresh.
    """

    source: str
    taken: tuple[str, ...]
    fresh: tuple[str, ...]


def build(
    name: str,
    *,
    weights: Weights | None = None,
    include_top: bool = True,
    pooling: Literal["avg", "max"] | None = None,
    **options: Any,
) -> keras.Model:
    """Build a model of the zoo.

    Args:
        name: a registered model, such as ``"mnist_cnn"``; or an entry, ``"mnist_cnn@mnist"``, for
            the model with its trained weights.
        weights: None for fresh weights; a dataset's name (``"mnist"``) for the trained weights
            that come with kerazoo; a run or its directory; or a ``.weights.h5`` file. With a
            run on user data the model takes what the run's saved model takes, such as raw rows
            or dark strokes on a light background; the network that was trained is a layer in it.
        include_top: False leaves the classifier out: outputs are the features that it takes.
        pooling: of features at positions, such as ``(n, height, width, channels)``, the mean
            (``"avg"``) or maximum (``"max"``) over all positions, ``(n, channels)``.
        **options: passed to the factory: ``input_shape``, ``classes``, ``classifier_activation``
            and what else its docstring names. With the weights of an entry or a run the defaults
            are its options. Where only the last layer does not fit, because ``classes`` differ, it
            starts fresh, which one line on standard error says.

    Returns:
        A functional ``keras.Model``, not compiled; see :func:`kerazoo.register_model` for its
        inputs and outputs. (A generative model, such as ``dcgan``: one of functional networks.)

    Raises:
        KerazooError: unknown model or option, a value the architecture cannot have, or weights
            that do not fit, are missing or were altered.
    """
    entry = registry.get_entry(name)
    model = registry.get_model(entry.model)
    if "@" in name:
        if weights is not None:
            raise KerazooError(f"{name} has weights; leave weights= out, or name {model.name!r}.")
        weights = entry.dataset
    source = None
    if weights is None or _is_file(model, weights):
        net = building.call_factory(model, options)
        if weights is not None:
            building.load_weights_file(net, Path(weights))
    else:
        source = source_of(model, weights, hint="Or give a run directory or a .weights.h5 file.")
        net = source.core if not options else _with_options(model, source, options)
    result = net if include_top else _features(net, pooling)
    return (
        _with_steps(source, net, result) if source and source.core is not source.model else result
    )


def _with_steps(source: Trained, net: keras.Model, result: keras.Model) -> keras.Model:
    """A network, or its features, with the steps around it that the saved model of a run has.

    Features get the steps in front only: those behind are for outputs.
    """
    whole, features = source.model, []

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        if layer is not source.core:
            return layer(*inputs, **options)
        if result is not net:
            features.append(result(*inputs))
        return net(*inputs)

    # Rows have the columns of the run; images and windows may have another size.
    inputs = (
        None
        if isinstance(whole.input, dict)
        else keras.Input(net.input_shape[1:], name=whole.input.name)
    )
    made = keras.models.clone_model(whole, inputs, lambda layer: layer, call)
    return keras.Model(made.input, features[0], name=result.name) if features else made


def _is_file(model: Model, weights: Weights) -> bool:
    path = _text(weights)
    return path not in model.entries and (path.endswith(".h5") or Path(path).is_file())


def _text(weights: Weights) -> str:
    """Weights as text; raises KerazooError unless they are named."""
    if not isinstance(weights, (str, os.PathLike)):
        raise KerazooError(
            f"weights={weights!r}; give a dataset (weights='mnist'), a run or its directory, or "
            "None for fresh weights."
        )
    return os.fspath(weights)


def _with_options(model: Model, source: Trained, options: dict[str, Any]) -> keras.Model:
    """The model with other options than the source's, whose last layer may start fresh."""
    given = source.entry.options
    if source.own is None:
        recipe = source.run.recipe if source.run else source.entry.recipe
        given = building.factory_options(source.entry, recipe)
    net = building.call_factory(model, {**given, **options})
    moved = transfer(net, source)
    same_outputs = _shapes_of_outputs(net) == _shapes_of_outputs(source.core)
    may_be_fresh = () if same_outputs else last_layer(net)
    if not set(moved.fresh) <= set(may_be_fresh):
        raise KerazooError(
            f"the weights of {source.source} are for {building.shown_options(given)}. With "
            f"{building.shown_options(options)} they do not fit {', '.join(moved.fresh)}; "
            "kerazoo.finetune starts from those that fit."
        )
    if moved.fresh:
        tell(
            f"{model.name} has the weights of {source.source}, and a fresh {moved.fresh[0]}: "
            "train it, or give your data to kerazoo.finetune."
        )
    return net


def _shapes_of_outputs(model: keras.Model) -> list[Any]:
    return [network.output_shape for network in networks_of(model).values()]


def _features(net: keras.Model, pooling: str | None) -> keras.Model:
    """The model up to its classifier, as features at their positions or, pooled, as vectors."""
    if pooling is not None:
        require_choice("pooling", pooling, ("avg", "max"))
    single = list(networks_of(net).values()) == [net]
    last = next((x for x in reversed(net.layers) if x.trainable_weights), None) if single else None
    if last is None:
        raise KerazooError(f"{net.name} has no classifier to leave out (include_top=False).")
    x = last.input
    try:
        keras.Model(x, net.output)  # everything passes through the classifier
    except ValueError:
        message = f"{net.name} has no single last layer to leave out (include_top=False)."
        raise KerazooError(message) from None
    while type(x._keras_history.operation).__name__.rstrip("123D") in GATHER:
        x = x._keras_history.operation.input
    if pooling and (positions := len(x.shape) - 2):
        kind = {"avg": "GlobalAveragePooling", "max": "GlobalMaxPooling"}[pooling]
        x = getattr(keras.layers, f"{kind}{positions}D")(name=f"{pooling}_pool")(x)
    return keras.Model(net.input, x, name=f"{net.name}_features")


def source_of(model: Model, weights: Weights, *, hint: str = "Or a run directory.") -> Trained:
    """The trained model whose weights are the start of another one.

    Args:
        model: the model.
        weights: a dataset's name, an entry's name, or a run or its directory.
        hint: what else may be given.

    Raises:
        KerazooError: the model has no such entry, the entry has no weights, or the run is none of
            the model, not finished or damaged.
    """
    text = _text(weights)
    dataset = text.removeprefix(f"{model.name}@")
    if dataset in model.entries:
        return open_trained(f"{model.name}@{dataset}")
    if not (os.sep in text or Path(text).exists()):
        raise unknown(f"weights of model {model.name!r}", text, model.entries, hint)
    trained = open_trained(Path(text).absolute())
    if trained.entry.model != model.name:
        raise KerazooError(f"the run in {text} is one of {trained.entry.model}, not {model.name}.")
    return trained


def first_recorded(model: Model) -> str | None:
    """The dataset of the first entry that has trained weights."""
    recorded = (e for e in model.entries.values() if evidence.read(e).weights is not None)
    return next((entry.dataset for entry in recorded), None)


def transfer(target: keras.Model, source: Trained, *, but: tuple[str, ...] = ()) -> Transfer:
    """Copy trained weights into the layers of ``target`` that have the same shapes.

    Args:
        target: a model of the same factory, perhaps of other classes or input shape.
        source: the trained model.
        but: names of layers that start fresh although they fit.
    """
    taken, fresh = [], []
    networks = networks_of(source.core)
    for name, network in networks_of(target).items():
        each = network, networks[name]
        ours, theirs = ([x for x in engine.layers_of(n) if x.weights] for n in each)
        known = {layer.name: layer for layer in theirs}
        if not known.keys() & {layer.name for layer in ours}:  # named by Keras, which counts
            known = {mine.name: layer for mine, layer in zip(ours, theirs, strict=False)}
        for layer in ours:
            trained = known[layer.name].get_weights() if layer.name in known else []
            fits = [w.shape for w in trained] == [tuple(w.shape) for w in layer.weights]
            if fits and layer.name not in but:
                layer.set_weights(trained)
                if isinstance(layer, keras.layers.Normalization):
                    layer.finalize_state()  # it computes with copies of its weights
                taken.append(layer.name)
            else:
                fresh.append(layer.name)
    return Transfer(source.source, tuple(taken), tuple(fresh))


def last_layer(model: keras.Model) -> tuple[str, ...]:
    """The name of the last layer with weights: the head, where every layer was taken over."""
    network = list(networks_of(model).values())[-1]
    return tuple([layer.name for layer in engine.layers_of(network) if layer.weights][-1:])
