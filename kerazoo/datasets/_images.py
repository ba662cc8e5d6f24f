"""Read a picture file of any kind into the array that a model takes."""

from __future__ import annotations

import contextlib
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from kerazoo.errors import KerazooError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

Invert = Literal["auto", "yes", "no"]
INVERT: tuple[str, ...] = get_args(Invert)
MAX_PIXELS = 100_000_000  # more is a mistake or an attack, and needs a gigabyte to decode
# From here on one at a time, whatever the number of threads: decoding takes up to 12 bytes a pixel.
LARGE_PIXELS = 25_000_000
_large = threading.Lock()


@dataclass(frozen=True)
class Picture:
    """A picture ready for a model.

    Attributes:
        pixels: uint8 ``(height, width, channels)``.
        inverted: whether dark and light were exchanged.
        size: width and height of the file's picture.
        mode: of the file, in Pillow's words, such as ``"RGB"``.
        frames: how many it has, of which this is the first.
    """

    pixels: np.ndarray
    inverted: bool
    size: tuple[int, int]
    mode: str
    frames: int


def read_picture(
    path: Path, shape: tuple[int, ...], *, light_on_dark: bool = False, invert: Invert = "auto"
) -> Picture:
    """Read one picture file, bring it to ``shape``, keeping its proportions.

    A picture of another size is scaled to fit and framed with its own ground colour. Transparency
    is laid on white (on black if that would hide all), grey of 12 or 16 bits is brought to 8 bits,
    of an animation the first frame is taken.

    Args:
        path: of a file that Pillow can read.
        shape: ``(height, width, channels)`` of the model, with 1 or 3 channels.
        light_on_dark: the model expects light strokes on a dark ground.
        invert: ``"auto"`` exchanges dark and light if the model expects a dark ground and the
            picture's border is light; ``"yes"`` and ``"no"`` leave no choice.

    Raises:
        KerazooError: no file, a folder, an empty or huge file, or no picture.
    """
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    if path.is_dir():
        raise KerazooError(f"{path} is a folder; give picture files, such as {path}/*.png.")
    if not path.exists():
        raise KerazooError(f"{path} does not exist.")
    if path.is_file() and path.stat().st_size == 0:
        raise KerazooError(f"{path} is empty (0 bytes).")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                size, mode = opened.size, opened.mode
                frames = getattr(opened, "n_frames", 1)  # of an animation, or pages
                large = opened.width * opened.height >= LARGE_PIXELS
                with _large if large else contextlib.nullcontext():
                    picture = _eight_bits(ImageOps.exif_transpose(opened), shape[-1], path)
                    pixels = np.asarray(_fit(picture, shape[1], shape[0]))
                    del picture  # before the next one is let in
    except KerazooError:
        raise
    except UnidentifiedImageError:
        raise KerazooError(f"{path} is no picture that Pillow can read.") from None
    except Image.DecompressionBombError:
        raise KerazooError(
            f"{path} is too large: more than {MAX_PIXELS // 10**6} million pixels are refused. "
            "Make it smaller first."
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers of forty formats raise what they please
        raise KerazooError(f"{path} cannot be read: {error}.") from error

    turned = invert == "yes" or (
        invert == "auto" and light_on_dark and float(_border(pixels).mean()) > 127.5
    )
    if turned:
        pixels = 255 - pixels
    return Picture(pixels.reshape(shape), turned, size, mode, frames)


def _eight_bits(picture: Image.Image, channels: int, path: Path) -> Image.Image:
    """The picture as 8-bit grey or RGB, transparency laid on white."""
    import numpy as np
    from PIL import Image

    if picture.mode == "F":
        raise KerazooError(f"{path} holds floating-point pixels; save it with 8 bits a channel.")
    if picture.mode.startswith("I"):
        values = np.asarray(picture).astype(np.int64)
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > 65535:
            raise KerazooError(f"{path} holds values from {low} to {high}; 0 to 65,535 are read.")
        # Scanners store 12 bits in 16, so the range tells more than the type.
        top = next(t for t in (255, 4095, 65535) if high <= t)
        picture = Image.fromarray((values * 255 // top).astype(np.uint8))
    if picture.has_transparency_data:
        picture = _on_a_ground(picture.convert("RGBA"))
    return picture.convert("L" if channels == 1 else "RGB")


def _on_a_ground(picture: Image.Image) -> Image.Image:
    """A picture with transparency laid on white, or on black if white would hide all of it."""
    import numpy as np
    from PIL import Image

    on_white = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    colours = np.asarray(on_white)
    if (colours != colours[0, 0]).any():
        return on_white
    return Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)


def _fit(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Scale to fit, keep proportions, frame with the ground colour."""
    import numpy as np
    from PIL import Image

    if picture.size == (width, height):
        return picture
    scale = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small = picture.resize(size, Image.Resampling.BILINEAR)
    ground = np.median(_border(np.asarray(picture)), axis=0)
    colour = tuple(int(v) for v in np.atleast_1d(ground))
    whole = Image.new(picture.mode, (width, height), colour if len(colour) > 1 else colour[0])
    whole.paste(small, ((width - size[0]) // 2, (height - size[1]) // 2))
    return whole


def _border(pixels: np.ndarray) -> np.ndarray:
    """The outermost pixels, ``(n,)`` or ``(n, channels)``."""
    import numpy as np

    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
