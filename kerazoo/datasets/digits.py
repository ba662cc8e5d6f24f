"""scikit-learn's handwritten digits: real, small, and installed with scikit-learn itself."""

from __future__ import annotations

from kerazoo._lazy import np
from kerazoo.datasets._splits import three_splits
from kerazoo.registry import register_dataset
from kerazoo.spec import Splits

SIDE = 28  # pixels: the size of the MNIST models
FACTOR = 3  # 8 × 8 becomes 24 × 24, then a border of 2
HELD_OUT = 360  # a fifth of the 1,797 images, once for test and once for validation


@register_dataset(
    task="classification",
    input_shape=(SIDE, SIDE, 1),
    labels=tuple("0123456789"),
    license="CC BY 4.0 (UCI Machine Learning Repository)",
    source="Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine "
    "Learning Repository, doi:10.24432/C50P49; the copy in scikit-learn "
    "(sklearn.datasets.load_digits)",
    offline=True,
    light_on_dark=True,
    sha256="393d8652254fee9f7c0b8c5c887927ce76f2a795d0a8c59c3613913f559fca9c",
)
def digits() -> Splits:
    """1,797 handwritten digits in grayscale, 8 × 8 pixels enlarged to 28 × 28; embedded, offline.

    Images are uint8 ``(n, 28, 28, 1)``, 0 to 255, light strokes on a dark background; labels
    int64 ``(n,)``. Each original 8 × 8 image with values 0 to 16 is enlarged three times by
    bilinear interpolation (in whole numbers, so every machine gets the same bytes) and framed by
    two dark pixels, which makes it the size of an MNIST image. The original has no official split
    here; ours is 1,077 train, 360 validation and 360 test, by a fixed seed.
    """
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    x = enlarge(small.reshape(-1, 8, 8).astype(np.int64))
    return three_splits(x, labels.astype(np.int64), HELD_OUT)


def enlarge(small: np.ndarray) -> np.ndarray:
    """Whole numbers ``(n, 8, 8)`` from 0 to 16 as uint8 images ``(n, 28, 28, 1)``."""
    # Bilinear weights for pixel centers, in thirds: output pixel i lies at (i - 1) / 3.
    weights = np.zeros((8 * FACTOR, 8), dtype=np.int64)
    for i in range(8 * FACTOR):
        low, thirds = divmod(i - 1, FACTOR)
        weights[i, np.clip(low, 0, 7)] += FACTOR - thirds
        weights[i, np.clip(low + 1, 0, 7)] += thirds
    large = weights @ small @ weights.T  # 0 … 16 · 9
    top = 16 * FACTOR**2
    pixels = ((large * 255 * 2 + top) // (2 * top)).astype(np.uint8)  # rounded
    border = (SIDE - 8 * FACTOR) // 2
    return np.pad(pixels, ((0, 0), (border, border), (border, border)))[..., None]
