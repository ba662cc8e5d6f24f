"""A network as a graph of named boxes, folded until a person can read it.

``graph_of`` reads the layers and operations of a functional model, ``overview`` folds them: many
parallel parts that are alike become one box, the layers of a block become one box, equal blocks
in a row become one box with their number. What a block looks like inside is kept beside it.
``network_drawing`` draws the result.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import keras

if TYPE_CHECKING:
    from keras import KerasTensor

MOST_BESIDE = 4  # alike parallel parts that are still drawn one by one
MOST_BOXES = 24  # a longer network is folded into blocks
LEAST_IN_BLOCK = 3
MOST_INSIDE = 6  # kinds of block whose inside is shown

# A layer's name says which block it belongs to: by a word for it, or by its first part.
_BLOCK = re.compile(r"^(.*(?:block|unit|cell|stage|module|stack)(?:_?\d+)?)_.")
_FIRST_PART = re.compile(r"^([^_]+)_(?!\d+$).")


@dataclass(frozen=True)
class Node:
    """One box.

    Attributes:
        name: of the layer or block.
        kind: its class, and the settings that a reader looks for.
        family: for the colour: ``input``, ``conv``, ``dense``, ``recurrent``, ``norm``, ``merge``,
            ``shape``, ``operation`` (of ``keras.ops``, no layer), ``block`` or ``other``.
        shape: of the output, without the batch.
        parameters: None for an operation, which cannot have any.
        count: how many that are alike the box stands for.
        built: of a block, what makes two blocks alike: layers and connections, not sizes.
    """

    name: str
    kind: str
    family: str
    shape: str
    parameters: int | None
    count: int = 1
    built: Any = None


@dataclass(frozen=True)
class Graph:
    """Boxes, no two of one name, each after its inputs; arrows between their indices."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]

    def inputs_of(self, index: int) -> list[int]:
        """Where the arrows into a box come from, in the order of its arguments."""
        return [a for a, b in self.edges if b == index]

    def outputs_of(self, index: int) -> list[int]:
        """Where the arrows out of a box go."""
        return [b for a, b in self.edges if a == index]


@dataclass(frozen=True)
class Overview:
    """A folded network, and beside it what is inside its blocks.

    Attributes:
        graph: the whole network.
        inside: title and graph of one block of each kind.
    """

    graph: Graph
    inside: tuple[tuple[str, Graph], ...] = ()


def graph_of(network: keras.Model) -> Graph | None:
    """The layers and operations of a functional or sequential model; None for any other.

    A layer that is called twice is two boxes, ``name`` and ``name (2)``; only the first counts its
    parameters.
    """
    outputs = getattr(network, "outputs", None)
    if not outputs or not all(hasattr(t, "_keras_history") for t in outputs):
        return None
    order = _calls(outputs)
    place = {call: i for i, call in enumerate(order)}
    nodes: list[Node] = []
    counted: Counter[int] = Counter()
    for operation, number in order:
        node = _node(operation, operation._inbound_nodes[number].output_tensors)
        counted[id(operation)] += 1
        if counted[id(operation)] > 1:  # the same weights once more
            node = replace(node, name=f"{node.name} ({counted[id(operation)]})", parameters=0)
        nodes.append(node)
    edges = (
        (place[_source(tensor)], place[call])
        for call in order
        for tensor in call[0]._inbound_nodes[call[1]].input_tensors
    )
    return Graph(tuple(nodes), tuple(dict.fromkeys(edges)))


def _source(tensor: KerasTensor) -> tuple[Any, int]:
    """The operation that made a tensor, and which of its calls."""
    history = tensor._keras_history
    return history.operation, history.node_index


def _calls(outputs: Sequence[KerasTensor]) -> list[tuple[Any, int]]:
    """Every call that leads to the outputs, inputs first; no recursion, networks are deep."""
    order: dict[tuple[Any, int], None] = {}
    todo = [(_source(t), False) for t in reversed(outputs)]
    while todo:
        call, ready = todo.pop()
        if call in order:
            continue
        if ready:
            order[call] = None
            continue
        todo.append((call, True))
        operation, number = call
        inputs = operation._inbound_nodes[number].input_tensors
        todo += [(_source(t), False) for t in reversed(inputs)]
    return list(order)


def _node(operation: Any, outputs: Sequence[KerasTensor]) -> Node:
    is_layer = isinstance(operation, keras.layers.Layer)
    return Node(
        name=operation.name,
        kind=" · ".join([type(operation).__name__, *_settings(operation)]),
        family=_family(operation) if is_layer else "operation",
        shape=", ".join(shape_text(t.shape) for t in outputs),
        parameters=operation.count_params() if is_layer and operation.built else None,
    )


def shape_text(shape: Sequence[int | None]) -> str:
    """The shape of one example: ``28 × 28 × 1``; ``?`` for a length that varies."""
    return " × ".join("?" if n is None else str(n) for n in shape[1:]) or "1"


def _family(layer: Any) -> str:
    name = type(layer).__name__
    if isinstance(layer, keras.layers.InputLayer):
        return "input"
    for family, pattern in (
        ("recurrent", r"LSTM|GRU|RNN|Bidirectional"),
        ("conv", r"Conv"),
        ("norm", r"Normalization"),
        ("dense", r"Dense|Embedding|Attention"),
        ("merge", r"^(Add|Subtract|Multiply|Average|Maximum|Minimum|Concatenate|Dot)$"),
        ("shape", r"Pool|Padding|Cropping|Reshape|Flatten|Permute|UpSampling|RepeatVector"),
    ):
        if re.search(pattern, name):
            return family
    return "other"


def _settings(operation: Any) -> list[str]:
    """The settings by which a reader tells one layer from another."""
    said = []
    wrapped = getattr(operation, "forward_layer", None) or getattr(operation, "layer", None)
    if isinstance(wrapped, keras.layers.Layer):
        return [" ".join([type(wrapped).__name__, *_settings(wrapped)])]
    for name in ("filters", "units", "output_dim"):
        if isinstance(getattr(operation, name, None), int):
            said.append(str(getattr(operation, name)))
    for name, text in (("kernel_size", "{}"), ("pool_size", "{}"), ("strides", "stride {}")):
        sizes = getattr(operation, name, None)
        sizes = (sizes,) if isinstance(sizes, int) else sizes
        if not isinstance(sizes, (tuple, list)) or not all(isinstance(n, int) for n in sizes):
            continue
        implied = getattr(operation, "pool_size", None) if name == "strides" else None
        if name != "strides" or (set(sizes) != {1} and tuple(sizes) != implied):
            alike = name == "strides" and len(set(sizes)) == 1
            said.append(text.format(sizes[0] if alike else "×".join(map(str, sizes))))
    if isinstance(getattr(operation, "rate", None), float):
        said.append(f"{operation.rate:g}")
    activation = getattr(getattr(operation, "activation", None), "__name__", "linear")
    if activation != "linear":
        said.append(activation)
    return said


def overview(graph: Graph) -> Overview:
    """A graph folded until it can be read at a glance; a short one stays as it is."""
    graph = _merge_parallel(graph)
    if len(graph.nodes) <= MOST_BOXES:
        return Overview(graph)
    folded, inside = _fold_blocks(graph)
    return Overview(_fold_rows(folded), inside)


def ranks(graph: Graph) -> list[int]:
    """For each box the length of the longest way to it: the row that it is drawn in."""
    rank = [0] * len(graph.nodes)
    for index in range(len(graph.nodes)):
        rank[index] = max((rank[i] + 1 for i in graph.inputs_of(index)), default=0)
    return rank


def _merge_parallel(graph: Graph) -> Graph:
    """Boxes of one row, kind and shape with the same neighbours become one if they are many."""
    rank = ranks(graph)
    labels: list[Any] = [
        (rank[i], node.kind, node.family, node.shape) for i, node in enumerate(graph.nodes)
    ]
    while True:  # two are alike as long as their neighbours are
        finer = [
            (
                labels[i],
                frozenset(labels[j] for j in graph.inputs_of(i)),
                frozenset(labels[j] for j in graph.outputs_of(i)),
            )
            for i in range(len(labels))
        ]
        known: dict[Any, int] = {}
        numbers = [known.setdefault(label, len(known)) for label in finer]
        if len(known) == len(set(labels)):
            break
        labels = list(numbers)
    groups: dict[Any, list[int]] = {}
    for index, label in enumerate(labels):
        groups.setdefault(label, []).append(index)
    many = [[graph.nodes[i].name for i in m] for m in groups.values() if len(m) > MOST_BESIDE]
    for names in many:
        graph = _contract(graph, names, _several) or graph
    return graph


def _several(nodes: Sequence[Node]) -> Node:
    first = nodes[0]
    given = [n.parameters for n in nodes if n.parameters is not None]
    return replace(
        first,
        name=f"{first.name} … {nodes[-1].name}",
        kind=f"{len(nodes)} × {first.kind}",
        parameters=sum(given) if given else None,
        count=len(nodes),
    )


def _contract(
    graph: Graph, names: Collection[str], merge: Callable[[Sequence[Node]], Node]
) -> Graph | None:
    """The graph with some boxes as one; None if there is a way out of them and back in."""
    group = [i for i, node in enumerate(graph.nodes) if node.name in names]
    inside = set(group)
    last = group[-1]
    to = {i: last if i in inside else i for i in range(len(graph.nodes))}
    edges = dict.fromkeys((to[a], to[b]) for a, b in graph.edges if to[a] != to[b])
    inputs: dict[int, set[int]] = {to[i]: set() for i in to}
    for a, b in edges:
        inputs[b].add(a)
    order: dict[int, int] = {}
    waiting = sorted(inputs)
    while waiting:
        ready = next((i for i in waiting if inputs[i] <= order.keys()), None)
        if ready is None:
            return None
        order[ready] = len(order)
        waiting.remove(ready)
    made = merge([graph.nodes[i] for i in group])
    nodes = tuple(made if i == last else graph.nodes[i] for i in order)
    return Graph(nodes, tuple((order[a], order[b]) for a, b in edges))


def _fold_blocks(graph: Graph) -> tuple[Graph, tuple[tuple[str, Graph], ...]]:
    """Layers whose names say that they belong to one block become one box."""
    kinds: dict[Any, list[tuple[str, Graph]]] = {}
    folded = graph
    for prefix, layers in _layers_by_prefix(graph).items():
        members = _with_operations(graph, layers)
        if len(members) < LEAST_IN_BLOCK or not _is_connected(graph, members):
            continue
        part = _part(graph, members)
        built = (tuple(n.kind.partition(" ")[0] for n in part.nodes), part.edges)
        names = {graph.nodes[i].name for i in members}
        contracted = _contract(folded, names, functools.partial(_block, prefix, built))
        if contracted is not None:
            folded = contracted
            kinds.setdefault(built, []).append((prefix, part))
    inside = [(_inside_title([name for name, _ in k]), k[0][1]) for k in kinds.values()]
    return folded, tuple(inside[:MOST_INSIDE])


def _layers_by_prefix(graph: Graph) -> dict[str, set[int]]:
    """Indices of the layers whose names begin alike, and of the one that has just that name."""
    groups: dict[str, set[int]] = {}
    for index, node in enumerate(graph.nodes):
        found = _BLOCK.match(node.name) or _FIRST_PART.match(node.name)
        if found and node.family not in ("operation", "input"):
            groups.setdefault(found[1], set()).add(index)
    for index, node in enumerate(graph.nodes):
        if node.name in groups:
            groups[node.name].add(index)
    return groups


def _block(prefix: str, built: Any, nodes: Sequence[Node]) -> Node:
    joins = any(n.family == "merge" for n in nodes)
    layers = sum(n.family != "operation" for n in nodes)
    return Node(
        name=prefix,
        kind=f"{'residual block' if joins else 'block'} of {layers} layers",
        family="block",
        shape=nodes[-1].shape,
        parameters=sum(n.parameters or 0 for n in nodes),
        built=built,
    )


def _inside_title(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"inside {names[0]}"
    return f"inside {names[0]}; {len(names)} blocks are built like this, in sizes of their own"


def _with_operations(graph: Graph, members: set[int]) -> set[int]:
    """The layers of a block and the operations, without names of ours, that serve only them."""
    members = set(members)
    for index in reversed(range(len(graph.nodes))):
        serves = graph.outputs_of(index)
        if graph.nodes[index].family == "operation" and serves and set(serves) <= members:
            members.add(index)
    return members


def _is_connected(graph: Graph, members: set[int]) -> bool:
    beside: dict[int, set[int]] = {i: set() for i in members}
    for a, b in graph.edges:
        if a in members and b in members:
            beside[a].add(b)
            beside[b].add(a)
    seen, todo = set(), [next(iter(members))]
    while todo:
        index = todo.pop()
        if index not in seen:
            seen.add(index)
            todo += beside[index] - seen
    return seen == members


def _part(graph: Graph, members: set[int]) -> Graph:
    """The boxes of a block, behind boxes that stand for what flows into it."""
    sources = list(dict.fromkeys(a for a, b in graph.edges if b in members and a not in members))
    chosen = [*sources, *sorted(members)]
    place = {old: new for new, old in enumerate(chosen)}
    outside = [
        Node(graph.nodes[i].name, "what flows in", "input", graph.nodes[i].shape, None)
        for i in sources
    ]
    nodes = (*outside, *(graph.nodes[i] for i in sorted(members)))
    edges = tuple((place[a], place[b]) for a, b in graph.edges if a in place and b in members)
    return Graph(nodes, edges)


def _fold_rows(graph: Graph) -> Graph:
    """Equal blocks one after the other become one box that says how many there are."""
    index = 0
    while index < len(graph.nodes):
        row = [index]
        while (following := _equal_next(graph, row[-1])) is not None:
            row.append(following)
        if len(row) > 1:
            graph = _contract(graph, [graph.nodes[i].name for i in row], _several) or graph
        index += 1
    return graph


def _equal_next(graph: Graph, index: int) -> int | None:
    """The block after a block, if there is one way from one to the other and they are equal."""
    following = graph.outputs_of(index)
    if len(following) != 1 or graph.inputs_of(following[0]) != [index]:
        return None
    here, there = graph.nodes[index], graph.nodes[following[0]]
    equal = here.built is not None and all(
        getattr(here, name) == getattr(there, name) for name in ("built", "shape", "parameters")
    )
    return following[0] if equal else None


def operations_beside_layers(graph: Graph) -> str:
    """The operations of ``keras.ops`` in a graph: ``3 × Pad, 1 × GetItem``; empty if none."""
    counts = Counter(n.kind.partition(" ")[0] for n in graph.nodes if n.family == "operation")
    return ", ".join(f"{count} × {kind}" for kind, count in counts.items())
