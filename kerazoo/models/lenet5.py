"""LeNet-5 as in the paper, except for its output layer.

kerazoo verify lenet5      trains and evaluates on MNIST
"""

from __future__ import annotations

from kerazoo._lazy import KerasTensor, keras, layers
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Published, Recipe

CITATION = """
@article{lecun1998gradient,
  title   = {Gradient-based learning applied to document recognition},
  author  = {LeCun, Yann and Bottou, L{\\'e}on and Bengio, Yoshua and Haffner, Patrick},
  journal = {Proceedings of the IEEE},
  volume  = {86}, number = {11}, pages = {2278--2324}, year = {1998},
  note    = {Section II.B: LeNet-5}
}
"""

# Table I of the paper: which maps of S2 each of the sixteen maps of C3 is connected to.
C3_INPUTS = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (4, 5, 0), (5, 0, 1)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5, 0), (4, 5, 0, 1), (5, 0, 1, 2)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
)


def subsampling(x: KerasTensor, name: str) -> KerasTensor:
    """Mean of 2 × 2 places, times one trainable coefficient per map, plus a bias, then tanh."""
    x = layers.AveragePooling2D(2, name=f"{name}_mean")(x)
    return layers.DepthwiseConv2D(1, activation="tanh", name=name)(x)


def c3(x: KerasTensor) -> KerasTensor:
    """Sixteen 5 × 5 convolutions, each of some of the six maps: ``(…, 6)`` to ``(…, 16)``."""
    maps = []
    for number, chosen in enumerate(C3_INPUTS):
        part = [x[..., i : i + 1] for i in chosen]
        part = layers.Concatenate(name=f"c3_{number}_inputs")(part)
        maps.append(layers.Conv2D(1, 5, activation="tanh", name=f"c3_{number}")(part))
    return layers.Concatenate(name="c3")(maps)


def lenet5(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    classifier_activation: str | None = "softmax",
) -> keras.Model:
    """The network that read checks: convolutions, trainable subsampling, sparse connections.

    Padding to 32 × 32, C1 (6 maps, 5 × 5), S2, C3 (16 maps by the paper's table I), S4, C5 (120,
    5 × 5), F6 (84), classifier. Up to F6 it has the paper's 60,000 trainable parameters exactly
    (156 + 12 + 1,516 + 32 + 48,120 + 10,164); the classifier adds 850. Images are at least
    28 × 28; of larger ones C5 covers more than one place and is flattened.

    Where it differs from the paper: a dense classifier with softmax in place of the fixed
    radial-basis outputs (section II.B, "output layer"), and tanh in place of 1.7159 tanh(2a/3).

    Source: LeCun et al. 1998, section II.B and table I; input range -0.1 to 1.175 likewise.
    """
    inputs = keras.Input(input_shape, name="pixels")
    x = layers.ZeroPadding2D(2, name="padding")(inputs)
    x = layers.Rescaling(1.275 / 255, offset=-0.1, name="rescaling")(x)
    x = layers.Conv2D(6, 5, activation="tanh", name="c1")(x)
    x = subsampling(x, "s2")
    x = c3(x)
    x = subsampling(x, "s4")
    x = layers.Conv2D(120, 5, activation="tanh", name="c5")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(84, activation="tanh", name="f6")(x)
    x = layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, x, name="lenet5")


register_model(
    lenet5,
    citation=CITATION,
    entries=[
        Entry(
            dataset="mnist",
            recipe=Recipe(
                epochs=20,
                batch_size=64,
                learning_rate=2e-3,
                schedule="cosine",
                augment_shift=0.05,
                augment_rotate=8.0,
                train_on="train+validation",
            ),
            smoke={"epochs": 2, "train_examples": 8_000, "train_on": "train"},
            published=(
                Published(
                    value=0.9905,
                    metric="accuracy",
                    source="LeCun et al. 1998, section III.B: test error 0.95 %",
                    conditions="60,000 undistorted training images, 20 passes; one run",
                ),
                Published(
                    value=0.992,
                    metric="accuracy",
                    source="LeCun et al. 1998, section III.B: test error 0.8 %",
                    conditions="with 540,000 distorted images added to the 60,000; one run",
                ),
            ),
        ),
    ],
)
