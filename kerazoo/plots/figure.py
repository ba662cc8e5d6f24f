"""Shared by all plots: matplotlib's object interface, with no global state and no display."""

from __future__ import annotations

import functools
import io
import textwrap
import warnings
from pathlib import Path
from typing import Any

from kerazoo._files import write_bytes
from kerazoo._lazy import Figure, np

# Chinese, Japanese and Korean on Linux, macOS and Windows; then the widest that systems have.
OTHER_FONTS = (
    *("Noto Sans CJK JP", "Hiragino Sans", "PingFang HK", "Yu Gothic", "Microsoft YaHei"),
    *("Malgun Gothic", "Arial Unicode MS", "Noto Sans"),
)
BLUE, ORANGE, GRAY, GREEN = "#2f6fab", "#d9822b", "#6b6b6b", "#3c8d5a"
PURPLE = "#8c3a86"
CHARACTERS = 12  # of a title, in an inch


def show_image(axes: Any, image: np.ndarray) -> None:
    """Show pixels ``(height, width, 1 or 3)`` without axes."""
    axes.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, cmap="gray")
    axes.set_axis_off()


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes: Any) -> None:
    """No frame on top and right, a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def head(figure: Figure, text: str) -> None:
    """Title of a figure, on as many lines as its width needs."""
    width = int(figure.get_figwidth() * CHARACTERS)
    lines = (textwrap.fill(line, width) for line in text.splitlines())
    figure.suptitle(literal("\n".join(lines)), fontsize=11)


def legend_below(figure: Figure, axes: Any, columns: int) -> None:
    """One legend for all panels, which have the same lines; it covers none of them."""
    shown = {"loc": "outside lower center", "frameon": False, "fontsize": 9}
    figure.legend(*axes.get_legend_handles_labels(), ncols=columns, **shown)


def literal(text: str) -> str:
    """A user's text as it is: matplotlib reads text between two dollars as a formula."""
    return text.replace("$", r"\$")


@functools.cache
def _other_fonts() -> list[str]:
    """Installed fonts for letters that matplotlib's default lacks: class names in any language."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return [name for name in OTHER_FONTS if name in installed]


def to_bytes(figure: Figure, kind: str = "png") -> bytes:
    """A figure as the content of a PNG or SVG file."""
    import matplotlib
    from matplotlib.text import Text

    content = io.BytesIO()
    for text in figure.findobj(Text):  # a text without a glyph asks the next font for it
        text.set_fontfamily([*text.get_fontfamily(), *_other_fonts()])
    about = {"Software": None} if kind == "png" else {"Date": None}
    with warnings.catch_warnings(), matplotlib.rc_context({"svg.hashsalt": "kerazoo"}):
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")  # a box stands for it
        figure.savefig(content, format=kind, dpi=110, metadata=about)
    return content.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, atomically."""
    write_bytes(path, to_bytes(figure))
