"""MNIST, through tensorflow-datasets."""

from __future__ import annotations

from kerazoo.datasets._sources import tfds_splits
from kerazoo.registry import register_dataset
from kerazoo.spec import Splits


@register_dataset(
    task="classification",
    input_shape=(28, 28, 1),
    labels=tuple("0123456789"),
    license="CC BY-SA 3.0",
    source="LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document "
    "recognition, Proceedings of the IEEE 86(11); tensorflow-datasets mnist 3.0.1",
    offline=False,
    light_on_dark=True,
    sha256="a7a6d75d34b3c1c511579fd338b741c218e0df5af6edc5573c2210e992d9ed1b",
)
def mnist() -> Splits:
    """70,000 handwritten digits in grayscale, 28 × 28 pixels; needs tensorflow-datasets once.

    Images are uint8 ``(n, 28, 28, 1)``, 0 to 255, light strokes on a dark background; labels int64
    ``(n,)``. 50,000 train, 10,000 validation (carved from the original 60,000 by a fixed seed)
    and the original 10,000 test.
    """
    return tfds_splits("mnist:3.0.1", host="storage.googleapis.com", validation=10_000)
