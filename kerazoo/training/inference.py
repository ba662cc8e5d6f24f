"""What a trained classifier says of many examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo._lazy import keras
from kerazoo.training import engine
from kerazoo.training.optimizer import last_activation

if TYPE_CHECKING:
    import numpy as np


def probabilities(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Probabilities of the classes: float32 ``(n, classes)``; logits go through a softmax."""
    import numpy as np

    outputs = engine.predict(model, x)
    if last_activation(model) == "softmax":
        return outputs
    exponential = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return exponential / exponential.sum(axis=1, keepdims=True)
