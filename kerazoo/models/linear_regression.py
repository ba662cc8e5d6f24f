"""Linear regression by gradient descent: the smallest model, with a known right answer.

    kerazoo verify linear_regression             on generated data, in seconds
    kerazoo verify linear_regression@diabetes    on a real table

Its reference names the closed-form least squares as a limit; gradient descent has to come within
0.001 of their R².
"""

from __future__ import annotations

from kerazoo._lazy import keras, layers
from kerazoo.errors import require_rank
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Recipe

CITATION = """
@book{hastie2009elements,
  title     = {The Elements of Statistical Learning},
  author    = {Hastie, Trevor and Tibshirani, Robert and Friedman, Jerome},
  publisher = {Springer}, edition = {2nd}, year = {2009},
  note      = {Section 3.2: linear regression models and least squares}
}
"""


def linear_regression(
    input_shape: tuple[int, ...] = (10,), outputs: int = 1, standardize: bool = True
) -> keras.Model:
    """One dense layer without activation: a linear map, fitted by stochastic gradient descent.

    Normalization, Dense: 11 trainable parameters for ten columns and one output.

    Args:
        input_shape: ``(columns,)``.
        outputs: how many numbers are predicted.
        standardize: normalize each column to mean 0 and variance 1 first, by the training data
            (``Normalization``, adapted by the trainer); without it gradient descent crawls along
            columns of unlike size.

    Raises:
        KerazooError: ``input_shape`` is not ``(columns,)``.

    Source: Hastie, Tibshirani & Friedman 2009, section 3.2 (the model and its closed form);
    stochastic gradient descent: Robbins & Monro 1951.
    """
    require_rank("linear_regression", input_shape, 1)
    inputs = keras.Input(input_shape, name="columns")
    x = layers.Normalization(name="normalization")(inputs) if standardize else inputs
    x = layers.Dense(outputs, name="linear")(x)
    return keras.Model(inputs, x, name="linear_regression")


# Least squares give the right R², whatever the noise of the test split.
TOLERANCE = 1e-3
SGD = Recipe(epochs=40, optimizer="sgd", schedule="cosine", train_on="train+validation")

register_model(
    linear_regression,
    citation=CITATION,
    entries=[
        Entry(
            dataset="make_regression",
            seeds=10,
            recipe=SGD.replace(batch_size=32, learning_rate=0.05),
            smoke={"epochs": 20},
            tolerance=TOLERANCE,
        ),
        Entry(
            dataset="diabetes",
            seeds=10,
            # All rows in one batch: some columns are nearly the same.
            recipe=SGD.replace(epochs=300, batch_size=512, learning_rate=0.2, momentum=0.9),
            smoke={"epochs": 100},
            tolerance=TOLERANCE,
        ),
    ],
)
