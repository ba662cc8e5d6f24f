"""Fashion-MNIST, through tensorflow-datasets."""

from __future__ import annotations

from kerazoo.datasets._sources import tfds_splits
from kerazoo.registry import register_dataset
from kerazoo.spec import Splits


@register_dataset(
    task="classification",
    input_shape=(28, 28, 1),
    labels=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    license="MIT",
    source="Xiao, Rasul & Vollgraf 2017, Fashion-MNIST: a novel image dataset for benchmarking "
    "machine learning algorithms, arXiv:1708.07747; tensorflow-datasets fashion_mnist 3.0.1",
    offline=False,
    light_on_dark=True,
    sha256="b1668bed9d5a7cd4b9796b030a03f42082d84cc82fd21eb33b47b644312d88fe",
)
def fashion_mnist() -> Splits:
    """70,000 images of clothes in grayscale, 28 × 28 pixels; needs tensorflow-datasets once.

    Images are uint8 ``(n, 28, 28, 1)``, 0 to 255, light on a dark background; labels int64
    ``(n,)``. 50,000 train, 10,000 validation (carved from the original 60,000 by a fixed seed)
    and the original 10,000 test.
    """
    return tfds_splits(
        "fashion_mnist:3.0.1",
        host="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        validation=10_000,
    )
