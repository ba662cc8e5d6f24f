"""Residual networks: the block, one block on small images, and the CIFAR family.

kerazoo verify resnet_block@digits     trains and evaluates on embedded data
kerazoo verify resnet8                 on CIFAR-10
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerazoo._lazy import KerasTensor, keras, layers
from kerazoo.errors import KerazooError, require_choice, require_whole
from kerazoo.models._published import in_fashion_mnists_readme
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Published, Recipe

CITATION = """
@inproceedings{he2016deep,
  title     = {Deep residual learning for image recognition},
  author    = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
  pages     = {770--778}, year = {2016},
  note      = {arXiv:1512.03385; section 4.2: CIFAR-10}
}
"""

HE = "he_normal"


def conv_norm(x: KerasTensor, filters: int, stride: int, name: str) -> KerasTensor:
    """A padded 3 × 3 convolution without bias, then batch normalization."""
    x = layers.Conv2D(
        filters, 3, stride, "same", use_bias=False, kernel_initializer=HE, name=f"{name}_conv"
    )(x)
    return layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)


def shortcut_a(x: KerasTensor, filters: int, stride: int, name: str) -> KerasTensor:
    """Option A: every ``stride``-th place, and zeros for the new channels."""
    if stride > 1:
        x = layers.MaxPooling2D(1, strides=stride, padding="same", name=f"{name}_places")(x)
    missing = filters - x.shape[-1]
    if missing:
        before = missing // 2
        x = keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [before, missing - before]])
    return x


def shortcut_b(x: KerasTensor, filters: int, stride: int, name: str) -> KerasTensor:
    """Option B: a 1 × 1 convolution and batch normalization where the shape changes."""
    if stride == 1 and x.shape[-1] == filters:
        return x
    name = f"{name}_projection"
    x = layers.Conv2D(filters, 1, stride, use_bias=False, kernel_initializer=HE, name=name)(x)
    return layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)


def residual_block(
    x: KerasTensor, filters: int, *, stride: int = 1, option: str = "A", name: str = "block"
) -> KerasTensor:
    """Two 3 × 3 convolutions whose result is added to their input.

    Convolution (with the stride), normalization, ReLU, convolution, normalization, add the
    shortcut, ReLU.

    Args:
        x: a Keras tensor ``(n, height, width, channels)``.
        filters: channels of the result.
        stride: 2 halves height and width (rounded up).
        option: the shortcut where the shape changes. ``"A"``: no parameters, places are left out
            and new channels are zero. ``"B"``: a 1 × 1 convolution. Where it does not change the
            shortcut is the identity in both.
        name: prefix of the layers' names; must differ between the blocks of a model.

    Returns:
        A Keras tensor ``(n, ceil(height / stride), ceil(width / stride), filters)``.

    Raises:
        KerazooError: ``x`` has another rank, another option, option A with fewer filters than
            channels, filters or a stride that is no positive whole number; or Keras is set to
            channels first.

    Source: He et al. 2015, figure 2 and section 3.2 (the block), section 3.3 (options A and B).
    """
    filters, stride = _checked_block(x, filters, stride, option)
    shortcut = (shortcut_a if option == "A" else shortcut_b)(x, filters, stride, name)
    y = conv_norm(x, filters, stride, f"{name}_1")
    y = layers.ReLU(name=f"{name}_1_relu")(y)
    y = conv_norm(y, filters, 1, f"{name}_2")
    y = layers.Add(name=f"{name}_add")([y, shortcut])
    return layers.ReLU(name=f"{name}_relu")(y)


def _checked_block(x: KerasTensor, filters: int, stride: int, option: str) -> tuple[int, int]:
    """Filters and stride as Python's integers; KerazooError where no block can be built."""
    shape = tuple(getattr(x, "shape", ()))
    channels_last = keras.config.image_data_format() == "channels_last"
    if len(shape) != 4 or shape[-1] is None or not channels_last:
        raise KerazooError(
            f"residual_block: x has shape {shape} in Keras's format "
            f"{keras.config.image_data_format()}; it takes a Keras tensor (n, height, width, "
            "channels) whose channels are known and come last."
        )
    filters = require_whole("residual_block: filters", filters)
    stride = require_whole("residual_block: stride", stride)
    require_choice("residual_block: option", option, ("A", "B"))
    if option == "A" and filters < shape[-1]:
        raise KerazooError(
            f"residual_block: option 'A' adds channels, but filters={filters} is less than the "
            f"{shape[-1]} channels of x; use option='B'."
        )
    return filters, stride


def resnet_block(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    classifier_activation: str | None = "softmax",
    option: str = "A",
) -> keras.Model:
    """One residual block between a stem and a classifier: the unit, to read and to teach.

    Stem (3 × 3 convolution, 32 maps, normalization, ReLU, MaxPool 2), one residual block to 64
    maps with stride 2, mean over all places, Dense: 56,874 parameters for MNIST, 56,554 of them
    trainable. Images are at least 2 × 2. ``mnist_cnn_small`` has about as many parameters, but its
    recipe does not augment: their results compare recipes as much as networks.

    Args:
        input_shape: shape of an image.
        classes: number of classes.
        classifier_activation: activation of the last layer.
        option: option of the block's shortcut, see :func:`residual_block`.

    Source: He et al. 2015, figure 2 (the block); stem and classifier are ours.
    """
    inputs = keras.Input(input_shape, name="pixels")
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = conv_norm(x, 32, 1, "stem")
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.MaxPooling2D(2, name="stem_pool")(x)
    x = residual_block(x, 64, stride=2, option=option, name="block")
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, x, name="resnet_block")


def stage(x: KerasTensor, number: int, blocks: int, filters: int, option: str) -> KerasTensor:
    """``blocks`` residual blocks; the first of stages 2 and 3 halves height and width."""
    for block in range(1, blocks + 1):
        stride = 2 if number > 1 and block == 1 else 1
        name = f"stage{number}_block{block}"
        x = residual_block(x, filters, stride=stride, option=option, name=name)
    return x


def resnet(
    depth: int,
    input_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int = 10,
    classifier_activation: str | None = "softmax",
    option: str = "A",
) -> keras.Model:
    """The CIFAR ResNet of any depth: a stem, three stages of n blocks (16, 32, 64 maps), Dense.

    The paper trains n = 3, 5, 7, 9 and 18: depths 20, 32, 44, 56 and 110 with 0.27, 0.46, 0.66,
    0.85 and 1.7 M parameters, and test errors of 8.75, 7.51, 7.17, 6.97 and 6.43 %. The zoo has
    measured ``resnet8`` and ``resnet20``.

    Args:
        depth: layers with weights, 6n + 2.
        input_shape: shape of an image.
        classes: number of classes.
        classifier_activation: activation of the last layer.
        option: of the shortcuts, see :func:`residual_block`.

    Raises:
        KerazooError: the depth is not 8, 14, 20, ….

    Source: He et al. 2015, section 4.2 and table 6.
    """
    blocks, rest = divmod(require_whole("resnet: depth", depth) - 2, 6)
    if blocks < 1 or rest:
        raise KerazooError(f"resnet: depth is {depth}; it must be 6n + 2: 8, 14, 20, ….")
    inputs = keras.Input(input_shape, name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    x = conv_norm(x, 16, 1, "stem")
    x = layers.ReLU(name="stem_relu")(x)
    x = stage(x, 1, blocks, 16, option)
    x = stage(x, 2, blocks, 32, option)
    x = stage(x, 3, blocks, 64, option)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(
        classes, activation=classifier_activation, kernel_initializer=HE, name="classifier"
    )(x)
    return keras.Model(inputs, x, name=f"resnet{depth}")


# The option of the shortcuts is the paper's A for all but resnet8; see residual_block.


def resnet8(input_shape=(32, 32, 3), classes=10, classifier_activation="softmax", option="B"):
    """The smallest CIFAR ResNet, n = 1: 8 layers with weights, 78,042 trainable parameters.

    Two of its shortcuts are projections (option B), which the 8 layers do not count.

    Source: He et al. 2015, section 4.2, with n = 1 (which the paper does not train) and option B,
    as in MLPerf Tiny's network of this name.
    """
    return resnet(8, input_shape, classes, classifier_activation, option)


def resnet20(input_shape=(32, 32, 3), classes=10, classifier_activation="softmax", option="A"):
    """The CIFAR ResNet with n = 3: 20 layers with weights, 0.27 M parameters as published.

    Source: He et al. 2015, section 4.2 and table 6.
    """
    return resnet(20, input_shape, classes, classifier_activation, option)


BLOCK = Recipe(
    epochs=8,
    batch_size=128,
    learning_rate=4e-3,
    schedule="cosine",
    augment_shift=0.07,
    augment_rotate=8.0,
    train_on="train+validation",
)
register_model(
    resnet_block,
    citation=CITATION,
    entries=[
        Entry(
            dataset="mnist",
            seeds=10,
            recipe=BLOCK,
            smoke={"epochs": 2, "train_examples": 10_000, "train_on": "train"},
        ),
        Entry(
            dataset="digits",
            seeds=10,
            recipe=BLOCK.replace(epochs=30, batch_size=32),
            smoke={"epochs": 8},
        ),
        Entry(
            dataset="fashion_mnist",
            seeds=10,
            recipe=Recipe(
                epochs=12,
                optimizer="muon",
                momentum=0.9,
                learning_rate=1.6e-2,
                schedule="cosine",
                augment_flip=True,
                train_on="train+validation",
            ),
            smoke={"epochs": 2, "train_examples": 10_000, "train_on": "train"},
            published=in_fashion_mnists_readme(("ResNet-18, shifted and rotated images", 0.949)),
        ),
    ],
)

# The paper's augmentation (section 4.2: mirrored, and shifted by up to 4 of 32 pixels) and
# optimizer; its steps of the learning rate are replaced by a cosine. Keras takes weight decay apart
# from the momentum, so that 1e-3 here acts as the paper's 1e-4 does through a momentum of 0.9.
PAPER = Recipe(
    epochs=164,
    batch_size=128,
    optimizer="sgd",
    learning_rate=0.1,
    schedule="warmup_cosine",
    warmup=0.02,
    momentum=0.9,
    weight_decay=1e-3,
    augment_flip=True,
    augment_shift=0.125,
    augment_interpolation="nearest",  # whole pixels, as the paper's crops
    train_on="train+validation",
)
SMOKE: Mapping[str, Any] = {"epochs": 1, "train_examples": 6_000, "train_on": "train"}


register_model(
    resnet8,
    citation=CITATION,
    entries=[
        Entry(
            dataset="cifar10",
            recipe=PAPER.replace(batch_size=64),  # so small a network learns more from more steps
            smoke={**SMOKE, "epochs": 2, "train_examples": 10_000},
            seeds=3,  # two to four hours each on two CPU cores
            test_exposure="two recipes of 100 epochs had reached 84.31 and 84.77 % there, below "
            "the aim, before this one was looked for on validation; two runs of it, lost since "
            "with their machine, had reached 85.09 and 85.35 %",
            published=(
                Published(
                    value=0.85,
                    metric="accuracy",
                    source="MLPerf Tiny, image classification: quality target",
                    conditions="original pixels; a ResNet-8 of MLPerf's own (option B)",
                ),
            ),
        )
    ],
)
# One seed takes two to four hours on two CPU cores; three where an accelerator is available.
resnet20_entry = Entry(
    dataset="cifar10",
    recipe=PAPER.replace(epochs=60),
    smoke=SMOKE,
    seeds=1,
    published=(
        Published(
            value=0.9125,
            metric="accuracy",
            source="He et al. 2015, table 6: error 8.75 %",
            conditions="original pixels, option A, 164 epochs of SGD on 45,000 to 50,000 images; "
            "one run",
        ),
    ),
)
register_model(resnet20, citation=CITATION, entries=[resnet20_entry])
