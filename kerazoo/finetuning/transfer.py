"""Where a fine-tuning starts: trained weights, layer by layer, wherever they fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerazoo import building
from kerazoo.errors import KerazooError, unknown
from kerazoo.evidence import reference as evidence
from kerazoo.spec import Entry, Model, networks_of

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Transfer:
    """What was taken over.

    Attributes:
        source: the entry whose weights they are.
        taken: names of the layers that have its weights now.
        fresh: names of the layers with weights that did not fit and start fresh.
    """

    source: str
    taken: tuple[str, ...]
    fresh: tuple[str, ...]


def source_of(model: Model, weights: str | None) -> Entry | None:
    """The entry whose weights a fine-tuning starts from; None for none.

    Args:
        model: the model.
        weights: a dataset's name, ``"auto"`` for the first entry that has weights, or None.

    Raises:
        KerazooError: the model has no entry of that name, or it has no weights.
    """
    if weights is None:
        return None
    if weights == "auto":
        measured = (e for e in model.entries.values() if evidence.read(e).weights is not None)
        return next(measured, None)
    if weights not in model.entries:
        raise unknown(f"weights of model {model.name!r}", weights, model.entries, "Or none.")
    entry = model.entries[weights]
    if evidence.read(entry).weights is None:
        raise KerazooError(f"{entry.name} has no weights; start from scratch (--weights none).")
    return entry


def transfer(target: keras.Model, entry: Entry, *, but: tuple[str, ...] = ()) -> Transfer:
    """Copy an entry's trained weights into the layers of ``target`` that have the same shapes.

    Args:
        target: a model of the same factory, perhaps of other classes or input shape.
        entry: the entry with the weights.
        but: names of layers that start fresh although they fit.
    """
    source = building.build_for(entry)
    building.load_bundled_weights(source, entry)
    taken, fresh = [], []
    networks = networks_of(source)
    for name, network in networks_of(target).items():
        known = {layer.name: layer for layer in networks[name].layers}
        for layer in network.layers:
            if not layer.weights:
                continue
            trained = known[layer.name].get_weights() if layer.name in known else []
            fits = [w.shape for w in trained] == [tuple(w.shape) for w in layer.weights]
            if fits and layer.name not in but:
                layer.set_weights(trained)
                taken.append(layer.name)
            else:
                fresh.append(layer.name)
    return Transfer(entry.name, tuple(taken), tuple(fresh))


def last_layer(model: keras.Model) -> tuple[str, ...]:
    """The name of the last layer with weights: the head, where every layer was taken over."""
    network = list(networks_of(model).values())[-1]
    return tuple([layer.name for layer in network.layers if layer.weights][-1:])
