"""Grids of generated images."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo._files import write_bytes
from kerazoo.plots.figure import new_figure, show_image

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

GAP = 2  # pixels between images
SIDE = 84  # a small image is enlarged to about this many pixels
LARGEST = 2_400  # pixels of a grid that is enlarged


def grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Images uint8 ``(n, height, width, channels)`` in rows: uint8 ``(h, w, channels)``."""
    import numpy as np

    n, height, width, channels = images.shape
    columns = columns or int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    padded = np.full((rows * columns, height + GAP, width + GAP, channels), 96, dtype=np.uint8)
    padded[:n, :height, :width] = images
    cells = padded.reshape(rows, columns, height + GAP, width + GAP, channels)
    whole = cells.swapaxes(1, 2).reshape(rows * (height + GAP), columns * (width + GAP), channels)
    return np.pad(whole, ((GAP, 0), (GAP, 0), (0, 0)), constant_values=96)


def write_grid(images: np.ndarray, path: Path, columns: int | None = None) -> None:
    """Write images as one PNG, small ones enlarged without smoothing, atomically."""
    from PIL import Image

    pixels = grid(images, columns)
    image = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)
    factor = max(1, min(SIDE // images.shape[1], LARGEST // max(image.size)))
    image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    content = io.BytesIO()
    image.save(content, format="PNG")
    write_bytes(path, content.getvalue())


def over_training(title: str, grids: dict[int, Path]) -> Figure:
    """Grids of the same latents after more and more epochs, by epoch."""
    import numpy as np
    from PIL import Image

    figure = new_figure(max(3.2 * len(grids), 6.4), 3.7)  # 6.4: the title needs it
    for place, (epoch, path) in enumerate(sorted(grids.items()), start=1):
        axes = figure.add_subplot(1, len(grids), place)
        with Image.open(path) as image:
            show_image(axes, np.atleast_3d(np.asarray(image)))
        axes.set_title(f"epoch {epoch}", fontsize=10)
    figure.suptitle(f"{title}: the same latents over training")
    return figure
