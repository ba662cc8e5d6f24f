"""Convolutional networks for small grey pictures: `mnist_cnn` and its two siblings.

    kerazoo verify mnist_cnn@digits      trains and judges on embedded data, in under a minute
    kerazoo verify mnist_cnn             the same on MNIST

Figures do not stand here: they are measured, and lie in ``references/``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo._lazy import keras
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Published, Recipe

if TYPE_CHECKING:
    from keras import KerasTensor

CITATION = """
@article{lecun1998gradient,
  title   = {Gradient-based learning applied to document recognition},
  author  = {LeCun, Yann and Bottou, L{\\'e}on and Bengio, Yoshua and Haffner, Patrick},
  journal = {Proceedings of the IEEE},
  volume  = {86}, number = {11}, pages = {2278--2324}, year = {1998},
  note    = {Section II: convolutional networks. The layer sizes of `mnist_cnn` are those of the
             `mnist_cnn.py` example that came with Keras 1 and 2.}
}
"""


def block(x: KerasTensor, filters: int, name: str, padding: str = "valid") -> KerasTensor:
    """A 3 × 3 convolution with ReLU: ``(n, h, w, c)`` to ``(n, h - 2, w - 2, filters)``.

    With ``padding="same"`` height and width stay.
    """
    return keras.layers.Conv2D(filters, 3, padding=padding, activation="relu", name=name)(x)


@register_model(
    entries=[
        Entry(
            dataset="mnist",
            recipe=Recipe(
                epochs=10,
                batch_size=64,
                learning_rate=1.5e-3,
                schedule="cosine",
                augment_shift=0.07,
                augment_rotate=10.0,
                train_on="train+validation",
            ),
            smoke={"epochs": 2, "train_examples": 8_000, "train_on": "train"},
            published=(
                Published(
                    value=0.9925,
                    metric="accuracy",
                    source="Keras 1 and 2, examples/mnist_cnn.py, the comment at its head",
                    conditions="12 epochs of Adadelta, one run, epoch and seed not stated",
                ),
                Published(
                    value=0.9922,
                    metric="accuracy",
                    source="keras.io, Simple MNIST convnet",
                    conditions="another architecture (pooling after each convolution); 15 epochs "
                    "of Adam, one run",
                ),
            ),
        ),
        Entry(
            dataset="digits",
            recipe=Recipe(
                epochs=20,
                batch_size=32,
                schedule="cosine",
                augment_shift=0.07,
                augment_rotate=10.0,
                train_on="train+validation",
            ),
            smoke={"epochs": 6},
        ),
        Entry(
            dataset="fashion_mnist",
            recipe=Recipe(epochs=10, batch_size=64, schedule="cosine", train_on="train+validation"),
            smoke={"epochs": 2, "train_examples": 8_000, "train_on": "train"},
            unmeasured="the data could not be had on the machine where figures are recorded; the "
            "recipe is that of mnist_cnn@mnist without its augmentation, untried",
        ),
    ],
    citation=CITATION,
)
def mnist_cnn(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    classifier_activation: str | None = "softmax",
    dropout: float = 0.25,
    dense_dropout: float = 0.2,
) -> keras.Model:
    """Two 3 × 3 convolutions, one pooling and a dense layer: the classic first network for MNIST.

    Rescaling, Conv 32, Conv 64, MaxPool 2, Dropout, Dense 128, Dropout, Dense: 1,199,882
    parameters for MNIST, nearly all of them in the first dense layer.

    Args:
        input_shape: ``(height, width, channels)`` of raw pictures; at least 6 × 6.
        classes: number of outputs.
        classifier_activation: ``"softmax"`` for probabilities, None for logits.
        dropout: fraction of the pooled features dropped in training.
        dense_dropout: fraction of the dense layer's features dropped in training.

    Returns:
        A functional model from raw pixels, 0 to 255, ``(n, height, width, channels)``, to
        float32 ``(n, classes)``.

    Source: the example ``mnist_cnn.py`` of Keras 1 and 2 (layers); LeCun et al. 1998, section II
    (the idea).
    """
    inputs = keras.Input(input_shape, name="pixels")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = block(x, 32, "conv1")
    x = block(x, 64, "conv2")
    x = keras.layers.MaxPooling2D(2, name="pool")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(128, activation="relu", name="dense")(x)
    x = keras.layers.Dropout(dense_dropout, name="dense_dropout")(x)
    x = keras.layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, x, name="mnist_cnn")


@register_model(
    entries=[
        Entry(
            dataset="mnist",
            recipe=Recipe(epochs=10, batch_size=32),
            smoke={"epochs": 2, "train_examples": 20_000},
        ),
        Entry(
            dataset="digits",
            recipe=Recipe(
                epochs=30,
                batch_size=32,
                learning_rate=3e-3,
                schedule="cosine",
                train_on="train+validation",
            ),
            smoke={"epochs": 8},
        ),
    ],
    citation=CITATION,
)
def mnist_cnn_small(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    classifier_activation: str | None = "softmax",
) -> keras.Model:
    """One 3 × 3 convolution, one pooling, one classifier: the smallest network worth the name.

    Rescaling, Conv 32, MaxPool 2, Dense: 54,410 parameters for MNIST.

    Args:
        input_shape: ``(height, width, channels)`` of raw pictures; at least 4 × 4.
        classes: number of outputs.
        classifier_activation: ``"softmax"`` for probabilities, None for logits.

    Returns:
        A functional model from raw pixels, 0 to 255, ``(n, height, width, channels)``, to
        float32 ``(n, classes)``.

    Source: LeCun et al. 1998, section II (the idea); sizes as in beginners' tutorials.
    """
    inputs = keras.Input(input_shape, name="pixels")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = block(x, 32, "conv")
    x = keras.layers.MaxPooling2D(2, name="pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, x, name="mnist_cnn_small")


@register_model(
    entries=[
        Entry(
            dataset="mnist",
            recipe=Recipe(
                epochs=10,
                batch_size=64,
                schedule="cosine",
                augment_shift=0.07,
                augment_rotate=10.0,
                train_on="train+validation",
            ),
            smoke={"epochs": 2, "train_examples": 12_000, "train_on": "train"},
        ),
        Entry(
            dataset="digits",
            recipe=Recipe(
                epochs=30,
                batch_size=32,
                learning_rate=2e-3,
                schedule="cosine",
                augment_shift=0.07,
                augment_rotate=10.0,
                train_on="train+validation",
            ),
            smoke={"epochs": 6},
        ),
    ],
    citation=CITATION,
)
def mnist_cnn_deep(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    classifier_activation: str | None = "softmax",
) -> keras.Model:
    """Three padded 3 × 3 convolutions, each with its pooling, then two dense layers.

    Rescaling, (Conv 32, MaxPool 2), (Conv 64, MaxPool 2), (Conv 128, MaxPool 2), Dense 100,
    Dense: 208,982 parameters for MNIST.

    Args:
        input_shape: ``(height, width, channels)`` of raw pictures; at least 8 × 8.
        classes: number of outputs.
        classifier_activation: ``"softmax"`` for probabilities, None for logits.

    Returns:
        A functional model from raw pixels, 0 to 255, ``(n, height, width, channels)``, to
        float32 ``(n, classes)``.

    Source: LeCun et al. 1998, section II (the idea); sizes as in common tutorials.
    """
    inputs = keras.Input(input_shape, name="pixels")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs)
    for number, filters in enumerate((32, 64, 128), start=1):
        x = block(x, filters, f"conv{number}", padding="same")
        x = keras.layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(100, activation="relu", name="dense")(x)
    x = keras.layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, x, name="mnist_cnn_deep")
