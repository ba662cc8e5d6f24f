"""Seeds as dots, what they are held against as labelled lines below: one SVG for the model card.

Standard library only.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from kerazoo.metrics import Metric

WIDTH, ROW, TOP = 440.0, 36.0, 84.0
LEFT, RIGHT = 14.0, WIDTH - 14.0
SEEDS_AT = 46.0  # the height at which the dots lie
WIDEN = 4.0  # a figure that would widen the axis by more stands at its edge, with an arrow
MOST_LETTERS = 62


@dataclass(frozen=True)
class Mark:
    """A figure beside the seeds.

    Attributes:
        kind: ``baseline``, ``limit`` or ``published``.
        name: whose it is.
        value: in the metric of the seeds.
    """

    kind: str
    name: str
    value: float


@dataclass(frozen=True)
class Axis:
    """From figures to places; what lies outside is put at the edge."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """The x of a figure."""
        share = (value - self.low) / (self.high - self.low)
        return LEFT + min(max(share, 0.0), 1.0) * (RIGHT - LEFT)

    def holds(self, value: float) -> bool:
        """Whether a figure lies on the axis."""
        return self.low <= value <= self.high


def axis_for(seeds: Sequence[float], marks: Sequence[Mark]) -> Axis:
    """An axis on which the seeds and the nearest mark can be told apart.

    Marks are taken in from the nearest on, as long as none widens the axis to more than
    ``WIDEN`` times what it was.
    """
    low, high = min(seeds), max(seeds)
    nearest_first = sorted((m.value for m in marks), key=lambda v: abs(v - (low + high) / 2))
    for value in nearest_first:
        wider = max(high, value) - min(low, value)
        if high > low and wider > WIDEN * (high - low) and value != nearest_first[0]:
            break
        low, high = min(low, value), max(high, value)
    room = 0.08 * (high - low) or abs(high) * 0.01 or 1.0
    return Axis(low - room, high + room)


def svg(measure: Metric, seeds: dict[int, float], marks: Sequence[Mark], title: str) -> str:
    """The plot as an SVG element for an HTML page, coloured by the page's style.

    Args:
        measure: the metric.
        seeds: figures by seed.
        marks: baselines, limits and published figures in the same metric.
        title: what a screen reader says.

    Classes: ``dots`` on the element; ``seed``, ``mean``, ``spread``, ``axis``; ``baseline``,
    ``limit`` and ``published`` on marks.
    """
    values = list(seeds.values())
    axis = axis_for(values, marks)
    bottom = TOP + ROW * len(marks)
    parts = [
        f'<svg class="dots" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {WIDTH:g} {bottom:g}">',
        f"<title>{html.escape(title)}</title>",
        *_seeds(measure, seeds, axis),
        *(_mark(measure, mark, axis, TOP + ROW * i) for i, mark in enumerate(marks)),
        "</svg>",
    ]
    return "\n".join(parts)


def _seeds(measure: Metric, seeds: dict[int, float], axis: Axis) -> list[str]:
    values = list(seeds.values())
    mean = math.fsum(values) / len(values)
    better = "right" if measure.higher_is_better else "left"
    count = f"{len(values)} {'seed' if len(values) == 1 else 'seeds'}"
    said = f"{count}; line: their mean, {measure.show(mean)}; further {better} is better"
    below = SEEDS_AT + 30
    parts = [
        f'<text class="label" x="{LEFT:g}" y="16">{html.escape(said)}</text>',
        f'<text class="end" x="{LEFT:g}" y="{below:g}">{measure.show(axis.low)}</text>',
        f'<text class="end" x="{RIGHT:g}" y="{below:g}" text-anchor="end">'
        f"{measure.show(axis.high)}</text>",
        f'<line class="axis" x1="{LEFT:g}" y1="{SEEDS_AT:g}" x2="{RIGHT:g}" y2="{SEEDS_AT:g}"/>',
        f'<line class="mean" x1="{axis.at(mean):.1f}" y1="{SEEDS_AT - 16:g}" '
        f'x2="{axis.at(mean):.1f}" y2="{SEEDS_AT + 16:g}"/>',
    ]
    heights: dict[int, int] = {}
    for seed, value in seeds.items():
        x = axis.at(value)
        same = heights[round(x / 4)] = heights.get(round(x / 4), -1) + 1
        # Equal figures fan out above and below the line: 0, -1, 1, -2, 2 …
        y = SEEDS_AT + 5 * ((same + 1) // 2) * (-1 if same % 2 else 1)
        parts.append(
            f'<circle class="seed" cx="{x:.1f}" cy="{y:.1f}" r="4">'
            f"<title>seed {seed}: {html.escape(measure.show(value))}</title></circle>"
        )
    return parts


def _mark(measure: Metric, mark: Mark, axis: Axis, top: float) -> str:
    x, low = axis.at(mark.value), top + 24
    outside = not axis.holds(mark.value)
    label = f"{mark.kind}: {mark.name}"
    if len(label) > MOST_LETTERS:
        label = f"{label[: MOST_LETTERS - 1]}…"
    figure = measure.show(mark.value) + (", beyond this axis" if outside else "")
    on_right = x > (LEFT + RIGHT) / 2
    beside = (
        f'x="{x - 10 if on_right else x + 10:.1f}" text-anchor="{"end" if on_right else "start"}"'
    )
    parts = [
        f'<g class="{mark.kind}"><title>{html.escape(f"{mark.kind}: {mark.name}")}</title>',
        f'<text class="label" x="{LEFT:g}" y="{top + 12:g}">{html.escape(label)}</text>',
    ]
    if outside:
        tip, back = (x + 6, x - 4) if on_right else (x - 6, x + 4)
        parts.append(
            f'<polygon points="{tip:.1f},{low:g} {back:.1f},{low - 5:g} {back:.1f},{low + 5:g}"/>'
        )
    else:
        parts.append(
            f'<line class="rule" x1="{x:.1f}" y1="{SEEDS_AT - 12:g}" x2="{x:.1f}" y2="{low:g}"/>'
        )
        shape = (
            f'<polygon points="{x:.1f},{low - 5:g} {x + 5:.1f},{low:g} {x:.1f},{low + 5:g} '
            f'{x - 5:.1f},{low:g}"/>'
            if mark.kind == "published"
            else f'<rect x="{x - 4:.1f}" y="{low - 4:g}" width="8" height="8"/>'
        )
        parts.append(shape)
    parts.append(f'<text class="value" {beside} y="{low + 4:g}">{html.escape(figure)}</text></g>')
    return "\n".join(parts)
