"""What a trained classifier says of many examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo._lazy import keras
from kerazoo.evaluation.metrics import Scores
from kerazoo.spec import Split
from kerazoo.training import engine
from kerazoo.training.objective import last_activation

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


def scores_on(model: keras.Model, split: Split) -> Scores:
    """The model's probabilities on a split, beside the truth."""
    return Scores(probabilities(model, split.x), split.y)
