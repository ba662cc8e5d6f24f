"""A small VGG: pairs of 3 × 3 convolutions with batch normalization, fewer than 0.5 M parameters.

kerazoo verify small_vgg     trains and evaluates on Fashion-MNIST
"""

from __future__ import annotations

from collections.abc import Sequence

from kerazoo._lazy import KerasTensor, keras, layers
from kerazoo.errors import require_sizes
from kerazoo.models._published import in_fashion_mnists_readme
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Recipe

CITATION = """
@inproceedings{simonyan2015very,
  title     = {Very deep convolutional networks for large-scale image recognition},
  author    = {Simonyan, Karen and Zisserman, Andrew},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2015},
  note      = {arXiv:1409.1556, section 2: 3 x 3 convolutions. Batch normalization: Ioffe & Szegedy
               2015, arXiv:1502.03167. Three pairs, pooled after the first convolution of each:
               Jordan 2024, arXiv:2404.00498, section 3.1}
}
"""


def conv_norm(x: KerasTensor, filters: int, name: str, pool: bool = False) -> KerasTensor:
    """A padded 3 × 3 convolution without bias, max pooling if wanted, normalization, ReLU.

    ``(n, h, w, c)`` to ``(n, h, w, filters)``; with ``pool`` height and width are halved.
    """
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv")(x)
    if pool:
        x = layers.MaxPooling2D(2, name=f"{name}_pool")(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def small_vgg(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    classifier_activation: str | None = "softmax",
    filters: Sequence[int] = (64, 120, 112),
) -> keras.Model:
    """Three pairs of 3 × 3 convolutions, the maximum over all places, Dense.

    Every convolution has batch normalization and ReLU. Each pair is pooled between its two
    convolutions, so that the second one costs a quarter. 473,514 parameters for MNIST, 472,330 of
    them trainable. Images are at least 8 × 8.

    Args:
        input_shape: shape of an image.
        classes: number of classes.
        classifier_activation: activation of the last layer.
        filters: of the convolutions of each pair.

    Raises:
        KerazooError: ``filters`` holds no positive whole numbers, or fewer than one.

    Source: Simonyan & Zisserman 2015, section 2.3 (pairs of 3 × 3 convolutions); Ioffe & Szegedy
    2015 (normalization); Jordan 2024, section 3.1 (pooling within three pairs).
    """
    require_sizes("small_vgg", "filters", filters)
    inputs = keras.Input(input_shape, name="pixels")
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    for number, count in enumerate(filters, start=1):
        x = conv_norm(x, count, f"pair{number}_1", pool=True)
        x = conv_norm(x, count, f"pair{number}_2")
    x = layers.GlobalMaxPooling2D(name="maximum")(x)
    x = layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, x, name="small_vgg")


register_model(
    small_vgg,
    citation=CITATION,
    entries=[
        Entry(
            dataset="fashion_mnist",
            recipe=Recipe(
                epochs=16,
                optimizer="muon",
                momentum=0.9,
                learning_rate=1.6e-2,
                schedule="cosine",
                augment_flip=True,
                augment_shift=0.07,
                augment_interpolation="nearest",
                augment_erase=0.25,
                train_on="train+validation",
            ),
            smoke={"epochs": 1, "train_examples": 10_000, "train_on": "train"},
            seeds=1,  # 20 minutes each on two CPU cores; weights come with more of them
            bundled=False,
            published=in_fashion_mnists_readme(
                ("DenseNet-BC, 768,000 parameters", 0.954),
                ("ResNet-18, shifted and rotated images", 0.949),
                ("VGG-16, 26 M parameters", 0.935),
            ),
        ),
    ],
)
