"""Time to a test accuracy on MNIST: kerazoo's fastest entry, or keras.io's example.

    python -m benchmarks.peers.time_to_accuracy kerazoo|keras.io SEED ACCURACY

keras.io: the settings of its "Simple MNIST convnet". It trains on all 60,000 images, not on nine
tenths of them, and the time to evaluate the test split is not counted: both favor it. Prints
seconds and accuracy, after each epoch where that is known, as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

import kerazoo

KERAS_IO_EPOCHS = 15


def kerazoo_fast(seed: int, wanted: float) -> dict[str, Any]:
    """Train ``mnist_cnn_fast@mnist`` with its full recipe, compilation included."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        run = kerazoo.train("mnist_cnn_fast@mnist", seed=seed, out=out, progress=False)
    return {"seconds": [run.seconds], "accuracies": [run.metrics["value"]]}


def keras_io(seed: int, wanted: float) -> dict[str, Any]:
    """Train keras.io's network until the wanted test accuracy."""
    data = kerazoo.load_data("mnist")
    x = np.concatenate([data.train.x, data.validation.x]).astype("float32") / 255
    y = np.concatenate([data.train.y, data.validation.y])
    x_test = data.test.x.astype("float32") / 255
    keras.utils.set_random_seed(seed)
    layers = [
        keras.Input((28, 28, 1)),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(10, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    seconds, accuracies = [], []
    start = time.perf_counter()  # kerazoo's clock starts with a built model, too
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    total = time.perf_counter() - start
    for _ in range(KERAS_IO_EPOCHS):
        start = time.perf_counter()
        model.fit(x, y, batch_size=128, epochs=1, verbose=0)
        total += time.perf_counter() - start
        predicted = model.predict(x_test, verbose=0).argmax(axis=1)
        seconds.append(total)
        accuracies.append(float(np.mean(predicted == data.test.y)))
        if accuracies[-1] >= wanted:
            break
    return {"seconds": seconds, "accuracies": accuracies}


if __name__ == "__main__":
    who, seed, accuracy = sys.argv[1:]
    train = kerazoo_fast if who == "kerazoo" else keras_io
    print(json.dumps(train(int(seed), float(accuracy))))
