"""What all pictures of a run share. Matplotlib's object interface: no global state, no display."""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._files import write_bytes

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

# Chinese, Japanese and Korean on Linux, macOS and Windows; then the widest that systems have.
OTHER_FONTS = (
    "Noto Sans CJK JP",
    "Hiragino Sans",
    "PingFang HK",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Arial Unicode MS",
    "Noto Sans",
)
BLUE, ORANGE, GREY, GREEN = "#2f6fab", "#d9822b", "#6b6b6b", "#3c8d5a"


@dataclass(frozen=True)
class Curve:
    """One panel of the learning curves.

    Attributes:
        key: column of the history; ``val_`` before it is the validation split's.
        label: of the axis.
        test: the test split's figure at the end, or None.
        shown: how a figure becomes what is drawn.
    """

    key: str
    label: str
    test: float | None = None
    shown: Callable[[float], float] = float


def learning_curves(title: str, history: list[dict[str, float]], curves: Sequence[Curve]) -> Figure:
    """Figures by epoch, and where the test split ended up."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(4.5 * len(curves), 3.6)
    epochs = [row["epoch"] for row in history]
    mark = "o-" if len(epochs) < 40 else "-"
    for index, curve in enumerate(curves, start=1):
        axes = figure.add_subplot(1, len(curves), index)
        lines = [(curve.key, BLUE, "training (mean over the epoch)")]
        lines.append((f"val_{curve.key}", ORANGE, "validation"))
        for key, colour, label in lines:
            if key in history[0]:
                values = [curve.shown(r[key]) for r in history]
                axes.plot(epochs, values, mark, ms=3, color=colour, label=label)
        if curve.test is not None:
            at = curve.shown(curve.test)
            label = "test, read once at the end"
            axes.plot(epochs[-1], at, "*", ms=12, color=GREY, label=label)
        axes.set_xlabel("epoch")
        axes.set_ylabel(curve.label)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        tidy(axes)
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle(title)
    return figure


def save_learning_curves(
    folder: Path, title: str, history: list[dict[str, float]], curves: Sequence[Curve]
) -> None:
    """Write the learning curves of a run; none where its history is not at hand."""
    if history:
        save(learning_curves(title, history, curves), folder / "learning_curves.png")


def show_picture(axes: Any, picture: np.ndarray) -> None:
    """Draw pixels ``(height, width, 1 or 3)`` without axes."""
    axes.imshow(picture.squeeze(-1) if picture.shape[-1] == 1 else picture, cmap="gray")
    axes.set_axis_off()


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes: Any) -> None:
    """No frame on top and right, a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def literal(text: str) -> str:
    """A user's text as it is: matplotlib takes what stands between two dollars as a formula."""
    return text.replace("$", r"\$")


@functools.cache
def _fonts_of_other_scripts() -> list[str]:
    """Installed fonts for what matplotlib's own lacks: names of classes are in any language."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return [name for name in OTHER_FONTS if name in there]


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, atomically."""
    from matplotlib.text import Text

    picture = io.BytesIO()
    for text in figure.findobj(Text):  # a text without a glyph asks the next font for it
        text.set_fontfamily([*text.get_fontfamily(), *_fonts_of_other_scripts()])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")  # a box stands for it
        figure.savefig(picture, format="png", dpi=110, metadata={"Software": None})
    write_bytes(path, picture.getvalue())
