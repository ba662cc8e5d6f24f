"""Convolutional networks for small grayscale images: `mnist_cnn` and its two siblings.

    kerazoo verify mnist_cnn@digits      trains and evaluates on embedded data, in under a minute
    kerazoo verify mnist_cnn             the same on MNIST

Their results are recorded in ``references/``.
"""

from __future__ import annotations

from kerazoo._lazy import KerasTensor, keras, layers
from kerazoo.models._published import in_fashion_mnists_readme
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Published, Recipe

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


def conv(x: KerasTensor, filters: int, name: str, padding: str = "valid") -> KerasTensor:
    """A 3 × 3 convolution with ReLU: ``(n, h, w, c)`` to ``(n, h - 2, w - 2, filters)``.

    With ``padding="same"`` height and width stay.
    """
    return layers.Conv2D(filters, 3, padding=padding, activation="relu", name=name)(x)


def mnist_cnn(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    classifier_activation: str | None = "softmax",
    dropout: float = 0.25,
    dense_dropout: float = 0.2,
) -> keras.Model:
    """Two 3 × 3 convolutions, one pooling and a dense layer: the classic first network for MNIST.

    Rescaling, Conv 32, Conv 64, MaxPool 2, Dropout, Dense 128, Dropout, Dense: 1,199,882
    parameters for MNIST, nearly all of them in the first dense layer. Images are at least 6 × 6.

    Args:
        input_shape: shape of an image.
        classes: number of classes.
        classifier_activation: activation of the last layer.
        dropout: fraction of the pooled features dropped in training.
        dense_dropout: fraction of the dense layer's features dropped in training.

    Source: the example ``mnist_cnn.py`` of Keras 1 and 2 (layers); LeCun et al. 1998, section II
    (the idea).
    """
    inputs = keras.Input(input_shape, name="pixels")
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = conv(x, 32, "conv1")
    x = conv(x, 64, "conv2")
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(128, activation="relu", name="dense")(x)
    x = layers.Dropout(dense_dropout, name="dense_dropout")(x)
    x = layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, x, name="mnist_cnn")


def mnist_cnn_small(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    classifier_activation: str | None = "softmax",
) -> keras.Model:
    """One 3 × 3 convolution, one pooling, one classifier: the smallest network worth the name.

    Rescaling, Conv 32, MaxPool 2, Dense: 54,410 parameters for MNIST. Images are at least 4 × 4.

    Source: LeCun et al. 1998, section II (the idea); sizes as in beginners' tutorials.
    """
    inputs = keras.Input(input_shape, name="pixels")
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = conv(x, 32, "conv")
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, x, name="mnist_cnn_small")


def mnist_cnn_deep(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    classifier_activation: str | None = "softmax",
) -> keras.Model:
    """Three padded 3 × 3 convolutions, each with its pooling, then two dense layers.

    Rescaling, (Conv 32, MaxPool 2), (Conv 64, MaxPool 2), (Conv 128, MaxPool 2), Dense 100,
    Dense: 208,982 parameters for MNIST. Images are at least 8 × 8.

    Source: LeCun et al. 1998, section II (the idea); sizes as in common tutorials.
    """
    inputs = keras.Input(input_shape, name="pixels")
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    for number, filters in enumerate((32, 64, 128), start=1):
        x = conv(x, filters, f"conv{number}", padding="same")
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(100, activation="relu", name="dense")(x)
    x = layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, x, name="mnist_cnn_deep")


PLAIN = Recipe(epochs=10, batch_size=64, schedule="cosine", train_on="train+validation")
AUGMENTED = PLAIN.replace(augment_shift=0.07, augment_rotate=10.0)

register_model(
    mnist_cnn,
    citation=CITATION,
    entries=[
        Entry(
            dataset="mnist",
            recipe=AUGMENTED.replace(learning_rate=1.5e-3),
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
            seeds=10,
            recipe=AUGMENTED.replace(epochs=20, batch_size=32),
            smoke={"epochs": 6},
        ),
        Entry(
            dataset="fashion_mnist",
            recipe=PLAIN.replace(learning_rate=1.5e-3, augment_flip=True),
            smoke={"epochs": 2, "train_examples": 8_000, "train_on": "train"},
            bundled=False,
            published=in_fashion_mnists_readme(
                ("Two convolutions with pooling, over 300 epochs", 0.916),
                ("Two convolutions and three dense layers, 1.8 M parameters", 0.932),
            ),
        ),
    ],
)
register_model(
    mnist_cnn_small,
    citation=CITATION,
    entries=[
        Entry(
            dataset="mnist",
            seeds=10,
            recipe=Recipe(epochs=10, batch_size=32),
            smoke={"epochs": 2, "train_examples": 20_000},
        ),
        Entry(
            dataset="digits",
            seeds=10,
            recipe=PLAIN.replace(epochs=30, batch_size=32, learning_rate=3e-3),
            smoke={"epochs": 8},
        ),
    ],
)
register_model(
    mnist_cnn_deep,
    citation=CITATION,
    entries=[
        Entry(
            dataset="mnist",
            recipe=AUGMENTED,
            smoke={"epochs": 2, "train_examples": 12_000, "train_on": "train"},
        ),
        Entry(
            dataset="digits",
            seeds=10,
            recipe=AUGMENTED.replace(epochs=30, batch_size=32, learning_rate=2e-3),
            smoke={"epochs": 6},
        ),
        Entry(
            dataset="fashion_mnist",
            seeds=10,
            recipe=PLAIN.replace(learning_rate=2e-3, augment_flip=True),
            smoke={"epochs": 2, "train_examples": 12_000, "train_on": "train"},
            published=in_fashion_mnists_readme(
                ("Three convolutions with pooling, two dense layers, dropout", 0.926)
            ),
        ),
    ],
)
