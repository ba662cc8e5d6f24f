"""A user's own module: one dataset, one model, registered as kerazoo's are. Copied by the tests."""

import keras
import numpy as np

from kerazoo import Entry, Recipe, register_dataset, register_model


@register_dataset(
    task="classification",
    input_shape=(8, 8, 1),
    labels=("left", "right", "centre"),
    license="none",
    source="made here",
    offline=True,
)
def bars():
    """Bars at three places in noise: uint8 ``(n, 8, 8, 1)``, labels int64 ``(n,)``."""
    random = np.random.RandomState(0)

    def draw(n):
        y = random.randint(0, 3, n)
        x = random.randint(0, 90, (n, 8, 8, 1))
        x[np.arange(n), 2:6, np.array([1, 6, 3])[y]] += 120
        return x.astype("uint8"), y.astype("int64")

    return {"train": draw(300), "validation": draw(60), "test": draw(200)}


def bar_net(input_shape=(8, 8, 1), classes=3, classifier_activation="softmax"):
    """One dense layer with dropout and batch normalisation.

    Source: this test.
    """
    inputs = keras.Input(input_shape, name="pixels")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(16, activation="relu", name="dense")(x)
    x = keras.layers.BatchNormalization(momentum=0.7, name="norm")(x)
    x = keras.layers.Dropout(0.2, name="dropout")(x)
    x = keras.layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, x, name="bar_net")


register_model(
    bar_net,
    citation="@misc{bars, title = {A test model}}",
    entries=[
        Entry(
            dataset="bars",
            recipe=Recipe(
                epochs=6,
                batch_size=32,
                learning_rate=5e-3,
                schedule="cosine",
                augment_rotate=2.0,
            ),
            smoke={"epochs": 2},
        )
    ],
)
