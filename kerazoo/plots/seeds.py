"""Results of all seeds on one line, with baselines, limits and published results below."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from kerazoo._lazy import Figure, np
from kerazoo.metrics import Metric
from kerazoo.plots.figure import BLUE, GREEN, ORANGE, PURPLE, literal, new_figure

WIDEN = 4.0  # a value that would widen the axis by more is an arrow at its edge
LABEL_WIDTH = 34  # characters of a label's line
STYLES = {"baseline": ("s", ORANGE), "limit": ("s", GREEN), "published": ("D", PURPLE)}


@dataclass(frozen=True)
class Mark:
    """Value to compare seeds with; ``kind`` is ``baseline``, ``limit`` or ``published``."""

    kind: str
    name: str
    value: float


def axis_limits(seeds: Sequence[float], marks: Sequence[Mark]) -> tuple[float, float]:
    """Ends of an axis on which the seeds and the nearest mark can be told apart.

    Marks are included from the nearest on, as long as none widens the axis to more than ``WIDEN``
    times its length.
    """
    low, high = min(seeds), max(seeds)
    center = (low + high) / 2
    for place, mark in enumerate(sorted(marks, key=lambda m: abs(m.value - center))):
        length = max(high, mark.value) - min(low, mark.value)
        if place and length > WIDEN * (high - low) > 0:
            break
        low, high = min(low, mark.value), max(high, mark.value)
    room = 0.08 * (high - low) or abs(high) * 0.01 or 1.0
    return low - room, high + room


def seeds_plot(measure: Metric, seeds: Sequence[float], marks: Sequence[Mark]) -> Figure:
    """One dot per seed and a line at their mean; one row per mark, its value at the right."""
    low, high = axis_limits(seeds, marks)
    low, high = max(low, measure.low), min(high, measure.high)
    mean = sum(seeds) / len(seeds)
    labels = [f"{len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'}, mean"]
    labels += [literal(textwrap.fill(f"{m.kind}: {m.name}", LABEL_WIDTH)) for m in marks]
    lines = max(label.count("\n") + 1 for label in labels)
    figure = new_figure(6.6, 0.7 + (0.14 * lines + 0.16) * len(labels))
    axes = figure.add_subplot()
    axes.axvline(mean, color=BLUE, lw=1, alpha=0.5, zorder=0)
    heights = np.linspace(-0.25, 0.25, len(seeds)) if len(seeds) > 1 else [0]  # show equal values
    axes.plot(seeds, heights, "o", ms=5, color=BLUE, alpha=0.8, clip_on=False)
    for row, mark in enumerate(marks, start=1):
        symbol, color = STYLES[mark.kind]
        if not low <= mark.value <= high:
            symbol = "<" if mark.value < low else ">"
        axes.plot(min(max(mark.value, low), high), row, symbol, ms=6, color=color, clip_on=False)
    axes.set_xlim(low, high)
    axes.set_ylim(len(marks) + 0.6, -0.6)
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    values = axes.secondary_yaxis("right")
    shown = [measure.show(value) for value in (mean, *(m.value for m in marks))]
    values.set_yticks(range(len(labels)), shown, fontsize=9)
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda value, _: measure.number(value))
    better = "right" if measure.higher_is_better else "left"
    unit = ", %" if measure.percent else ""
    axes.set_xlabel(f"{measure.title}{unit} (better to the {better})", fontsize=9)
    axes.tick_params(length=0, labelsize=9, pad=12)
    values.tick_params(length=0, pad=12)
    for line in (*axes.spines.values(), *values.spines.values()):
        line.set_visible(line is axes.spines["bottom"])
    axes.grid(alpha=0.2)
    return figure
