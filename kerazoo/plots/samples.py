"""Grids of generated pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo._files import write_bytes
from kerazoo.plots.learning_curves import new_figure

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

GAP = 2  # pixels between pictures
SIDE = 84  # a small picture is enlarged to about this many pixels


def grid(pictures: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Pictures uint8 ``(n, height, width, channels)`` side by side: uint8 ``(h, w, channels)``."""
    import numpy as np

    n, height, width, channels = pictures.shape
    columns = columns or int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    whole = np.full(
        (rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, channels), 96, dtype=np.uint8
    )
    for index, picture in enumerate(pictures):
        top = (index // columns) * (height + GAP) + GAP
        left = (index % columns) * (width + GAP) + GAP
        whole[top : top + height, left : left + width] = picture
    return whole


def write_grid(pictures: np.ndarray, path: Path, columns: int | None = None) -> None:
    """Write pictures as one PNG, small ones enlarged without smoothing, atomically."""
    from PIL import Image

    pixels = grid(pictures, columns)
    picture = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)
    factor = max(1, min(SIDE // pictures.shape[1], 2_400 // max(picture.size)))
    picture = picture.resize(
        (picture.width * factor, picture.height * factor), Image.Resampling.NEAREST
    )
    content = io.BytesIO()
    picture.save(content, format="PNG")
    write_bytes(path, content.getvalue())


def over_training(title: str, grids: dict[int, Path]) -> Figure:
    """The grids of the same latents after more and more epochs, side by side."""
    import numpy as np
    from PIL import Image

    figure = new_figure(max(3.2 * len(grids), 6.4), 3.7)  # 6.4: the title needs it
    for place, (epoch, path) in enumerate(sorted(grids.items()), start=1):
        axes = figure.add_subplot(1, len(grids), place)
        with Image.open(path) as picture:
            axes.imshow(np.asarray(picture), cmap="gray")
        axes.set_title(f"epoch {epoch}", fontsize=10)
        axes.set_axis_off()
    figure.suptitle(f"{title}: the same latents over training")
    return figure
