"""The multilayer perceptron: dense layers for images, rows of a table, anything of fixed size.

kerazoo verify mlp@digits      trains and evaluates on embedded data, in under a minute
kerazoo verify mlp             the same on MNIST
"""

from __future__ import annotations

from collections.abc import Sequence

from kerazoo._lazy import keras, layers
from kerazoo.errors import KerazooError, require_rank, require_sizes
from kerazoo.models._published import in_fashion_mnists_readme
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Published, Recipe

CITATION = """
@article{rumelhart1986learning,
  title   = {Learning representations by back-propagating errors},
  author  = {Rumelhart, David E. and Hinton, Geoffrey E. and Williams, Ronald J.},
  journal = {Nature},
  volume  = {323}, pages = {533--536}, year = {1986},
  note    = {The sizes 512-512 with dropout 0.2 are those of the `mnist_mlp.py` example of Keras 1
             and 2; dropout: Srivastava et al. 2014}
}
"""


def mlp(
    input_shape: tuple[int, ...] = (28, 28, 1),
    classes: int = 10,
    classifier_activation: str | None = "softmax",
    hidden: Sequence[int] = (512, 512),
    activation: str = "relu",
    dropout: float = 0.2,
    outputs: int | None = None,
    output_activation: str | None = None,
    natural_outputs: bool = False,
) -> keras.Model:
    """A stack of dense layers, each with dropout, and a classifier or regressor on top.

    For MNIST: Rescaling, Flatten, (Dense 512, Dropout 0.2) twice, Dense 10: 669,706 parameters.
    ``build("mlp", input_shape=(2,), hidden=(3,), outputs=1)`` is the textbook 2-3-1 network.

    Args:
        input_shape: ``(height, width, channels)`` of raw images, which are divided by 255; or
            ``(columns,)`` of a table, whose columns are normalized to mean 0 and variance 1 by
            the training data (``Normalization``, adapted by the trainer).
        classes: number of classes.
        classifier_activation: activation of a classifier's last layer.
        hidden: units of each hidden layer; empty for a linear model.
        activation: activation of the hidden layers.
        dropout: fraction of each hidden layer's features dropped in training.
        outputs: makes it a regressor with this number of outputs; ``classes`` is then ignored.
        output_activation: activation of a regressor's last layer, linear by default.
        natural_outputs: a last layer scales a regressor's outputs from mean 0 and variance 1 to
            the units of the target (``Normalization``, adapted by the trainer), so that targets
            of any size are learned alike.

    Raises:
        KerazooError: a hidden size is no positive whole number, ``natural_outputs`` is asked of a
            classifier, or ``input_shape`` has two numbers: images have a channel axis,
            ``(28, 28, 1)``.

    Source: Rumelhart, Hinton & Williams 1986; sizes: Keras 1 and 2, ``examples/mnist_mlp.py``.
    """
    require_sizes("mlp", "hidden", hidden, least=0)
    if natural_outputs and outputs is None:
        raise KerazooError("mlp: natural_outputs is for a regressor; give outputs too.")
    require_rank("mlp", input_shape, 1, 3)
    inputs = keras.Input(input_shape, name="pixels" if len(input_shape) == 3 else "columns")
    if len(input_shape) == 3:
        x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
        x = layers.Flatten(name="flatten")(x)
    else:
        x = layers.Normalization(name="normalization", dtype="float32")(inputs)
    for number, units in enumerate(hidden, start=1):
        x = layers.Dense(units, activation=activation, name=f"dense{number}")(x)
        x = layers.Dropout(dropout, name=f"dropout{number}")(x)
    if outputs is None:
        x = layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    else:
        x = layers.Dense(outputs, activation=output_activation, name="regressor")(x)
        if natural_outputs:
            # float16 ends at 65,504.
            x = layers.Normalization(invert=True, name="natural_outputs", dtype="float32")(x)
    return keras.Model(inputs, x, name="mlp")


AUGMENTED = Recipe(
    epochs=20,
    batch_size=128,
    schedule="cosine",
    augment_shift=0.05,
    augment_rotate=8.0,
    train_on="train+validation",
)
register_model(
    mlp,
    citation=CITATION,
    entries=[
        Entry(
            dataset="mnist",
            recipe=AUGMENTED,
            smoke={"epochs": 3, "train_examples": 20_000, "train_on": "train"},
            bundled=False,  # 1.4 MB, in which vae and strided_cnn find room
            published=(
                Published(
                    value=0.9840,
                    metric="accuracy",
                    source="Keras 1 and 2, examples/mnist_mlp.py, the comment at its head",
                    conditions="20 epochs of RMSprop, one run, epoch and seed not stated",
                ),
            ),
        ),
        Entry(
            dataset="digits",
            seeds=10,
            recipe=AUGMENTED.replace(epochs=30, batch_size=32),
            smoke={"epochs": 8},
        ),
        Entry(
            dataset="fashion_mnist",
            seeds=10,
            recipe=AUGMENTED.replace(augment_shift=0.0, augment_rotate=0.0, augment_flip=True),
            bundled=False,
            published=in_fashion_mnists_readme(("Dense layers of 256, 128 and 64", 0.900)),
            smoke={"epochs": 3, "train_examples": 20_000, "train_on": "train"},
        ),
    ],
)
