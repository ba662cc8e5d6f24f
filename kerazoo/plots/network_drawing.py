"""Draw a graph of layers as SVG: boxes in rows from top to bottom, arrows that touch no other box.

A box stands in the row of its longest way from the input. The longest way through the network
runs down the middle column; what runs beside it takes columns to the right and left. An arrow that
skips rows runs in a column that is free there, else in a lane right of all boxes.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from kerazoo.plots.architecture import Graph, Node, ranks

WIDTH, HEIGHT = 236.0, 56.0
GAP, ROW_GAP, LANE, MARGIN = 28.0, 30.0, 14.0, 12.0
STACK = 4.0  # offset of the sheets behind a box that stands for several
MOST_LETTERS = (31, 37, 40)  # per line of text

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A box, by its upper left corner."""

    node: Node
    x: float
    y: float

    @property
    def middle(self) -> float:
        """The x of its centre."""
        return self.x + WIDTH / 2


@dataclass(frozen=True)
class Arrow:
    """A line of horizontal and vertical pieces; the arrowhead is at its last point."""

    source: int
    target: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Drawing:
    """Boxes in the order of the graph's, arrows, and the size of the sheet."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    width: float
    height: float


def lay_out(graph: Graph) -> Drawing:
    """Places for boxes and arrows."""
    rank = ranks(graph)
    column = _columns(graph, rank)
    taken = set(zip(rank, column, strict=True))
    boxes = [
        Box(node, column[i] * (WIDTH + GAP), rank[i] * (HEIGHT + ROW_GAP))
        for i, node in enumerate(graph.nodes)
    ]
    arrows = []
    lanes: list[tuple[int, int, float]] = []  # first row, last row, x
    for a, b in sorted(graph.edges, key=lambda e: rank[e[1]] - rank[e[0]]):
        if rank[b] - rank[a] == 1:
            points = _down(boxes[a], boxes[b], boxes[b].middle)
        else:
            between = range(rank[a] + 1, rank[b])
            free = [
                c
                for c in (column[a], column[b])
                if c != 0 and not any((row, c) in taken for row in between)
            ]
            if free:
                taken |= {(row, free[0]) for row in between}
                points = _down(boxes[a], boxes[b], free[0] * (WIDTH + GAP) + WIDTH / 2)
            else:
                rows = range(rank[a], rank[b] + 1)
                right = max(c for row, c in taken if row in rows) * (WIDTH + GAP) + WIDTH
                x = _lane(rank[a], rank[b], right, lanes)
                lanes.append((rank[a], rank[b], x))
                points = _along(
                    boxes[a], boxes[b], x, _is_last(a, rank, column), _is_last(b, rank, column)
                )
        arrows.append(Arrow(a, b, _without_repeats(points)))
    return _on_sheet(boxes, arrows)


def _columns(graph: Graph, rank: Sequence[int]) -> list[int]:
    """Column 0 for the longest way through the network, others to the right and left of it."""
    middle = max(range(len(rank)), key=lambda i: rank[i])
    middles = {middle}
    while rank[middle]:
        middle = next(i for i in graph.inputs_of(middle) if rank[i] == rank[middle] - 1)
        middles.add(middle)
    column = [0] * len(rank)
    taken = {(rank[i], 0) for i in range(len(rank))}
    for index in range(len(rank)):
        if index in middles:
            continue
        above = [column[i] for i in graph.inputs_of(index) if i not in middles]
        beside = [side * n for n in range(1, len(rank) + 1) for side in (1, -1)]
        column[index] = next(c for c in (*above, *beside) if (rank[index], c) not in taken)
        taken.add((rank[index], column[index]))
    return column


def _is_last(index: int, rank: Sequence[int], column: Sequence[int]) -> bool:
    """Whether no box stands to the right of a box."""
    beside = (column[i] for i in range(len(rank)) if rank[i] == rank[index])
    return column[index] == max(beside)


def _lane(first: int, last: int, right: float, lanes: Sequence[tuple[int, int, float]]) -> float:
    """The x of the first lane right of the boxes that no other arrow uses in these rows."""
    x = right + LANE
    busy = [lane for begin, end, lane in lanes if begin <= last and first <= end]
    while any(abs(x - lane) < LANE for lane in busy):
        x += LANE
    return x


def _down(a: Box, b: Box, x: float) -> list[Point]:
    """From the bottom of a box, down at ``x``, to the top of another."""
    out, into = a.y + HEIGHT + ROW_GAP / 2, b.y - ROW_GAP / 2
    return [
        (a.middle, a.y + HEIGHT),
        *((a.middle, out), (x, out), (x, into), (b.middle, into)),
        (b.middle, b.y),
    ]


def _along(a: Box, b: Box, x: float, leaves: bool, enters: bool) -> list[Point]:
    """Through the lane at ``x``: in and out at the sides of the boxes where nothing is beside."""
    half = HEIGHT / 2
    if leaves:
        begin = [(a.x + WIDTH, a.y + half), (x, a.y + half)]
    else:
        below = a.y + HEIGHT + ROW_GAP / 2
        begin = [(a.middle, a.y + HEIGHT), (a.middle, below), (x, below)]
    if enters:
        return [*begin, (x, b.y + half), (b.x + WIDTH, b.y + half)]
    above = b.y - ROW_GAP / 2
    return [*begin, (x, above), (b.middle, above), (b.middle, b.y)]


def _without_repeats(points: Sequence[Point]) -> tuple[Point, ...]:
    """The same line without points that change nothing."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and any(kept[-2][k] == kept[-1][k] == point[k] for k in (0, 1)):
            kept.pop()
        kept.append(point)
    return tuple(kept)


def _on_sheet(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> Drawing:
    """Everything moved so that the sheet begins at (0, 0) and holds it with a margin."""
    points = [p for arrow in arrows for p in arrow.points]
    left = min([b.x for b in boxes] + [x for x, _ in points]) - MARGIN
    right = max([b.x + WIDTH for b in boxes] + [x for x, _ in points]) + MARGIN + 2 * STACK
    top = -MARGIN
    bottom = max(b.y for b in boxes) + HEIGHT + MARGIN + 2 * STACK
    return Drawing(
        tuple(Box(b.node, b.x - left, b.y - top) for b in boxes),
        tuple(
            Arrow(a.source, a.target, tuple((x - left, y - top) for x, y in a.points))
            for a in arrows
        ),
        right - left,
        bottom - top,
    )


def svg(graph: Graph, title: str) -> str:
    """The drawing as an SVG element for an HTML page, coloured by the page's style.

    Classes: ``network`` on the element; ``arrow``, ``head``; ``box`` and the node's family on the
    boxes; ``name``, ``kind``, ``size`` on their lines of text.
    """
    drawing = lay_out(graph)
    parts = [
        f'<svg class="network" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'width="{drawing.width:g}" height="{drawing.height:g}" '
        f'viewBox="0 0 {drawing.width:g} {drawing.height:g}">',
        f"<title>{html.escape(title)}</title>",
        *(_box(b) for b in drawing.boxes),
        *(_arrow(a) for a in drawing.arrows),
        "</svg>",
    ]
    return "\n".join(parts)


def _arrow(arrow: Arrow) -> str:
    points = " ".join(f"{x:g},{y:g}" for x, y in arrow.points)
    (x0, y0), (x, y) = arrow.points[-2:]
    if x == x0:  # downwards
        back, side = (0.0, -7.0 if y > y0 else 7.0), (4.0, 0.0)
    else:
        back, side = (7.0 if x < x0 else -7.0, 0.0), (0.0, 4.0)
    head = " ".join(
        f"{x + back[0] * k + side[0] * s:g},{y + back[1] * k + side[1] * s:g}"
        for k, s in ((0, 0), (1, 1), (1, -1))
    )
    return f'<polyline class="arrow" points="{points}"/><polygon class="head" points="{head}"/>'


def _box(box: Box) -> str:
    node = box.node
    size = f'width="{WIDTH:g}" height="{HEIGHT:g}" rx="6"'
    sheets = [
        f'<rect class="sheet {node.family}" x="{box.x + d:g}" y="{box.y + d:g}" {size}/>'
        for d in ((2 * STACK, STACK) if node.count > 1 else ())
    ]
    lines = zip(("name", "kind", "size"), _lines(node), MOST_LETTERS, (18, 33, 48), strict=True)
    texts = [
        f'<text class="{kind}" x="{box.middle:g}" y="{box.y + down:g}" text-anchor="middle">'
        f"{html.escape(_short(text, most))}</text>"
        for kind, text, most, down in lines
    ]
    return "\n".join(
        [
            f"<g><title>{html.escape(', '.join(_lines(node)))}</title>",
            *sheets,
            f'<rect class="box {node.family}" x="{box.x:g}" y="{box.y:g}" {size}/>',
            *texts,
            "</g>",
        ]
    )


def _lines(node: Node) -> tuple[str, str, str]:
    parameters = f" · {node.parameters:,} parameters" if node.parameters else ""
    return node.name, node.kind, f"{node.shape}{parameters}"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
