"""CIFAR-10, through tensorflow-datasets."""

from __future__ import annotations

from kerazoo.datasets._sources import tfds_splits
from kerazoo.registry import register_dataset
from kerazoo.spec import Splits

VALIDATION = 5_000  # of the 50,000, as He et al. 2015, section 4.2, split them


@register_dataset(
    task="classification",
    input_shape=(32, 32, 3),
    labels=(
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
    license="not stated by its authors; free for research",
    source="Krizhevsky 2009, Learning multiple layers of features from tiny images; "
    "tensorflow-datasets cifar10 3.0.2",
    offline=False,
    measured_on="CIFAR-10, JPEG re-encode (quality about 75, 4:2:0), not the original pixels",
    sha256="bf6ef402d84d6dff16b39302e74c0b09e7990654d7604bf5792780e5e6e90f80",
)
def cifar10() -> Splits:
    """60,000 color photographs of ten kinds, 32 × 32 pixels; needs tensorflow-datasets once.

    Images are uint8 ``(n, 32, 32, 3)``, 0 to 255, red, green, blue; labels int64 ``(n,)``.
    45,000 train, 5,000 validation (carved from the original 50,000 by a fixed seed) and the
    original 10,000 test.

    kerazoo's results were recorded on a copy whose pixels went through JPEG (quality about 75,
    4:2:0), since the original was not available: expect some tenths of a point to two points more
    on the original pixels, and compare only results on the same pixels. Any copy loads; another
    one than the recorded one prints a warning.
    """
    return tfds_splits("cifar10:3.0.2", host="www.cs.toronto.edu", validation=VALIDATION)
