"""The settings of keras.io's "Simple MNIST convnet", until an accuracy is first reached.

    python -m benchmarks.peers.mnist_convnet ARRAYS.npz SEED WANTED

ARRAYS holds ``x``, ``y``, ``x_test``, ``y_test``. Conv 32, pool, Conv 64, pool, dropout 0.5,
Dense 10; Adam; batch 128. It trains on all 60,000 pictures and not on nine tenths of them, and
measuring the test split at the end of an epoch does not count into its time: both to its favour.
Prints seconds and accuracy after each epoch as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import keras
import numpy as np

MOST_EPOCHS = 15  # what the example trains


def main() -> None:
    """Train until the wanted test accuracy."""
    path, seed, wanted = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    with np.load(path) as file:
        x, y, x_test, y_test = (file[name] for name in ("x", "y", "x_test", "y_test"))
    x, x_test = (a.astype("float32") / 255 for a in (x, x_test))
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    began = time.perf_counter()  # as kerazoo's clock, which starts with a built model
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    seconds, accuracies = [], []
    trained = time.perf_counter() - began
    for _ in range(MOST_EPOCHS):
        began = time.perf_counter()
        model.fit(x, y, batch_size=128, epochs=1, verbose=0)
        trained += time.perf_counter() - began
        seconds.append(trained)
        accuracies.append(float(np.mean(model.predict(x_test, verbose=0).argmax(1) == y_test)))
        if accuracies[-1] >= wanted:
            break
    print(json.dumps({"seconds": seconds, "accuracies": accuracies}))


if __name__ == "__main__":
    main()
