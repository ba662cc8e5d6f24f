"""Read an image file of any kind into the array that a model takes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from kerazoo._lazy import Image, np
from kerazoo.errors import KerazooError

Invert = Literal["auto", "yes", "no"]
INVERT: tuple[str, ...] = get_args(Invert)
HEIC = (".heic", ".heif")
WHITE = 65_535  # of 16 bits
MAX_PIXELS = 80_000_000  # decoding takes up to 12 bytes a pixel, in several threads at once


@dataclass(frozen=True)
class LoadedImage:
    """An image ready for a model.

    Attributes:
        pixels: uint8 ``(height, width, channels)``.
        size: width and height after the EXIF orientation is applied.
        mode: mode of the file in Pillow's terms, such as ``"RGB"``.
        frames: number of frames or pages in the file, of which this is the first.
        largest: largest value of grayscale of 16 bits; None for other files.
        background: color behind its transparent parts, ``white`` or ``black``; empty without any.
    """

    pixels: np.ndarray
    size: tuple[int, int]
    mode: str
    frames: int
    largest: int | None
    background: str


def known_suffixes() -> dict[str, str]:
    """Suffixes of image files that Pillow reads, HEIC too where pillow-heif is installed."""
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    return Image.registered_extensions()


def read_image(path: Path, shape: tuple[int, ...], *, white: int = WHITE) -> LoadedImage:
    """Read one image file and resize it to ``shape``, keeping its proportions.

    An image of another size is scaled to fit and padded with the color of its border.
    Transparency is laid on white (on black if white would hide everything). Grayscale of 16 bits
    is scaled by :func:`eight_bits`, whatever values the file holds. Of an animation the first frame
    is taken.

    Args:
        path: of a file that Pillow can read.
        shape: ``(height, width, channels)`` of the model, with 1 or 3 channels.
        white: of grayscale of 16 bits, the value that becomes 255, and all above it.

    Raises:
        KerazooError: no image that can be read, a huge one, or floating-point pixels.
    """
    from PIL import ImageOps

    if path.suffix.lower() in HEIC:
        known_suffixes()
    try:
        with Image.open(path) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise KerazooError(
                    f"{path} has more than {MAX_PIXELS:,} pixels. Make it smaller first."
                )
            mode, frames = opened.mode, getattr(opened, "n_frames", 1)
            whole = ImageOps.exif_transpose(opened)
            image, largest, background = _plain(whole, shape[-1], path, white)
    except (KerazooError, MemoryError):
        raise
    except Exception as error:  # Pillow's readers of forty formats raise what they please
        why = getattr(error, "strerror", None) or error
        if path.suffix.lower() in HEIC and path.is_file():
            why = f"{why}; `pip install pillow-heif` for HEIC"
        raise KerazooError(f"{path} cannot be read: {why}.") from error
    pixels = np.asarray(_fit(image, shape[1], shape[0])).reshape(shape)
    return LoadedImage(pixels, whole.size, mode, frames, largest, background)


def light_borders(images: np.ndarray) -> np.ndarray:
    """Which images have a light border, bool ``(n,)``; of pixels ``(n, height, width, channels)``.

    A model of light strokes on a dark background needs them inverted.
    """
    edges = images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]
    return np.concatenate(edges, axis=1).mean(axis=(1, 2)) > 127.5


def eight_bits(values: np.ndarray, white: int) -> np.ndarray:
    """Values of 16 bits as pixels: int64, 255 from ``white`` on."""
    return (2 * np.minimum(values.astype(np.int64), white) + 1) * 255 // (2 * white)


def require_raw_pixels(pixels: np.ndarray, what: str, most: int = 255) -> None:
    """Raise KerazooError unless an array holds raw pixels, numbers from 0 to ``most``.

    Floating-point values from 0 to 1 are refused: they are divided pixels, which a model would
    take for an almost black image. An array of zeros, or of integers, is left as it is.

    Args:
        pixels: one or several images.
        what: name of the array, for messages.
        most: largest value of a pixel.
    """
    if pixels.dtype.kind == "b":
        raise KerazooError(f"{what} holds booleans; give pixels from 0 to 255.")
    if pixels.dtype.kind not in "iuf" or not np.isfinite(pixels).all():
        raise KerazooError(f"{what} holds something else than finite numbers.")
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0 or high > most:
        raise KerazooError(
            f"{what} holds values from {low:g} to {high:g}; raw pixels range from 0 to {most:,}."
        )
    if pixels.dtype.kind == "f" and 0 < high <= 1:
        raise KerazooError(
            f"{what} holds values from {low:g} to {high:g}, as divided pixels; give raw "
            f"pixels from 0 to {most:,}, which the model scales itself."
        )


def _plain(
    image: Image.Image, channels: int, path: Path, white: int
) -> tuple[Image.Image, int | None, str]:
    """The image as 8-bit grayscale or RGB; the largest value of 16 bits; its background."""
    largest, background = None, ""
    if image.mode == "F":
        raise KerazooError(f"{path} holds floating-point pixels; save it with 8 bits a channel.")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > WHITE:
            raise KerazooError(
                f"{path} holds values from {values.min()} to {values.max()}; 0 to 65,535 are read."
            )
        largest = int(values.max())
        image = Image.fromarray(eight_bits(values, white).astype(np.uint8))
    if image.has_transparency_data:
        image = colors = image.convert("RGBA")
        is_opaque = colors.getchannel("A").getextrema() == (255, 255)
        for background in () if is_opaque else ("white", "black"):
            image = Image.alpha_composite(Image.new("RGBA", colors.size, background), colors)
            if np.ptp(np.asarray(image), axis=(0, 1)).any():
                break
    return image.convert("L" if channels == 1 else "RGB"), largest, background


def _fit(image: Image.Image, width: int, height: int) -> Image.Image:
    """Scale to fit, keep proportions, pad with the median color of the border."""
    if image.size == (width, height):
        return image
    scale = min(width / image.width, height / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = image.resize(size, Image.Resampling.BILINEAR)
    color = np.atleast_1d(np.median(border(np.asarray(image)), axis=0)).astype(int).tolist()
    whole = Image.new(image.mode, (width, height), tuple(color) if len(color) > 1 else color[0])
    whole.paste(small, ((width - size[0]) // 2, (height - size[1]) // 2))
    return whole


def border(pixels: np.ndarray) -> np.ndarray:
    """The outermost pixels, ``(n,)`` or ``(n, channels)``."""
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
