"""MNIST, through tensorflow-datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.datasets._splits import carve
from kerazoo.datasets._tfds import load_arrays
from kerazoo.registry import register_dataset

if TYPE_CHECKING:
    import numpy as np

VALIDATION = 10_000  # of the 60,000: as many as the test split has


@register_dataset(
    task="classification",
    input_shape=(28, 28, 1),
    labels=tuple("0123456789"),
    licence="CC BY-SA 3.0",
    source=(
        "LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document "
        "recognition, Proceedings of the IEEE 86(11); tensorflow-datasets mnist 3.0.1"
    ),
    offline=False,
    light_on_dark=True,
    sha256="a7a6d75d34b3c1c511579fd338b741c218e0df5af6edc5573c2210e992d9ed1b",
)
def mnist() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """70,000 handwritten digits in grey, 28 × 28 pixels; needs tensorflow-datasets once.

    Pictures are uint8 ``(n, 28, 28, 1)``, 0 to 255, light strokes on a dark ground; labels int64
    ``(n,)``. 50,000 train, 10,000 validation (carved from the original 60,000 by a fixed seed)
    and the original 10,000 test.
    """
    arrays = load_arrays("mnist:3.0.1", host="storage.googleapis.com", embedded="mnist_cnn@digits")
    train, validation = carve(*arrays["train"], VALIDATION, seed=0)
    return {"train": train, "validation": validation, "test": arrays["test"]}
