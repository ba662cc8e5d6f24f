"""Digit readers of fewer than 8,000 and 2,000 parameters: narrow convolutions, a mean at the end.

kerazoo verify mnist_cnn_narrow    trains and evaluates on MNIST, as does mnist_cnn_tiny
"""

from __future__ import annotations

from collections.abc import Sequence

from kerazoo._lazy import keras, layers
from kerazoo.errors import require_sizes
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Recipe

CITATION = """
@inproceedings{lin2014network,
  title     = {Network in network},
  author    = {Lin, Min and Chen, Qiang and Yan, Shuicheng},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2014},
  note      = {arXiv:1312.4400; section 3.2: the mean over all places in place of a dense layer.
               Stacked 3 x 3 convolutions: Simonyan & Zisserman 2015, arXiv:1409.1556, section 2.3.
               Batch normalization: Ioffe & Szegedy 2015, arXiv:1502.03167}
}
"""


def narrow(
    name: str,
    input_shape: tuple[int, int, int],
    classes: int,
    classifier_activation: str | None,
    filters: Sequence[int],
) -> keras.Model:
    """Five 3 × 3 convolutions, two poolings, the mean over all places, Dense.

    Each convolution has batch normalization and ReLU and no padding; a pooling follows the second
    and the fourth.
    """
    require_sizes(name, "filters", filters)
    inputs = keras.Input(input_shape, name="pixels")
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    for number, count in enumerate(filters, start=1):
        x = layers.Conv2D(count, 3, use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
        if number in (2, 4):
            x = layers.MaxPooling2D(2, name=f"pool{number // 2}")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, x, name=name)


def mnist_cnn_narrow(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    classifier_activation: str | None = "softmax",
    filters: Sequence[int] = (10, 12, 14, 16, 16),
) -> keras.Model:
    """Five 3 × 3 convolutions of 10 to 16 filters, and the mean over all places.

    See :func:`narrow`. 7,444 parameters for MNIST, 7,308 of them trainable, 0.97 million
    multiply-adds an image: 7 kB of 8-bit weights. Images are at least 24 × 24.

    Args:
        input_shape: shape of an image.
        classes: number of classes.
        classifier_activation: activation of the last layer.
        filters: of each convolution.

    Raises:
        KerazooError: ``filters`` holds no positive whole numbers, or fewer than one.

    Source: as of :func:`mnist_cnn_tiny`.
    """
    return narrow("mnist_cnn_narrow", input_shape, classes, classifier_activation, filters)


def mnist_cnn_tiny(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    classifier_activation: str | None = "softmax",
    filters: Sequence[int] = (4, 5, 6, 8, 10),
) -> keras.Model:
    """Five 3 × 3 convolutions of 4 to 10 filters, and the mean over all places.

    See :func:`narrow`. 1,880 parameters for MNIST, 1,814 of them trainable, 0.19 million
    multiply-adds an image: 2 kB of 8-bit weights. Images are at least 24 × 24.

    Args:
        input_shape: shape of an image.
        classes: number of classes.
        classifier_activation: activation of the last layer.
        filters: of each convolution.

    Raises:
        KerazooError: ``filters`` holds no positive whole numbers, or fewer than one.

    Source: Lin et al. 2014, section 3.2 (the mean in place of a dense layer); Simonyan & Zisserman
    2015, section 2.3 (3 × 3 convolutions in pairs); Ioffe & Szegedy 2015 (normalization).
    """
    return narrow("mnist_cnn_tiny", input_shape, classes, classifier_activation, filters)


RECIPE = Recipe(
    epochs=20,
    batch_size=64,
    learning_rate=1e-2,
    schedule="warmup_cosine",
    warmup=0.1,
    train_on="train+validation",
)
SMOKE = {"epochs": 2, "train_examples": 20_000, "train_on": "train"}
register_model(
    mnist_cnn_narrow,
    citation=CITATION,
    entries=[
        Entry(
            dataset="mnist",
            seeds=10,
            recipe=RECIPE.replace(
                epochs=30,
                batch_size=128,
                learning_rate=2e-2,
                augment_shift=0.07,
                augment_rotate=10.0,
            ),
            smoke=SMOKE,
        ),
    ],
)
register_model(
    mnist_cnn_tiny,
    citation=CITATION,
    entries=[Entry(dataset="mnist", seeds=10, recipe=RECIPE, smoke=SMOKE)],
)
