"""Fashion-MNIST, through tensorflow-datasets."""

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
    labels=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    licence="MIT",
    source=(
        "Xiao, Rasul & Vollgraf 2017, Fashion-MNIST: a novel image dataset for benchmarking "
        "machine learning algorithms, arXiv:1708.07747; tensorflow-datasets fashion_mnist 3.0.1"
    ),
    offline=False,
    light_on_dark=True,
)
def fashion_mnist() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """70,000 pictures of clothes in grey, 28 × 28 pixels; needs tensorflow-datasets.

    Pictures are uint8 ``(n, 28, 28, 1)``, 0 to 255, light on a dark ground; labels int64 ``(n,)``.
    50,000 train, 10,000 validation (carved from the original 60,000 by a fixed seed) and the
    original 10,000 test. Its content is not pinned, so it is read anew each time: the data could
    not be had on the machine where kerazoo's figures are recorded.
    """
    arrays = load_arrays(
        "fashion_mnist:3.0.1",
        host="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        embedded="mnist_cnn@digits",
    )
    train, validation = carve(*arrays["train"], VALIDATION, seed=0)
    return {"train": train, "validation": validation, "test": arrays["test"]}
