"""Naive models that an entry has to beat to be worth anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.spec import Split

if TYPE_CHECKING:
    import numpy as np

LINEAR_ITERATIONS = 200


def classification_baselines(train: Split, test: Split) -> dict[str, float]:
    """Test accuracy of the naive classifiers, trained on the same examples as the model.

    Returns:
        ``majority_class``: always the most frequent training class.
        ``linear``: multinomial logistic regression on the raw values, scikit-learn's defaults
        (L2, C = 1) with up to 200 iterations of L-BFGS.
    """
    return {"majority_class": _majority_class(train, test), "linear": _linear(train, test)}


def _majority_class(train: Split, test: Split) -> float:
    import numpy as np

    return float((test.y == np.bincount(train.y).argmax()).mean())


def _linear(train: Split, test: Split) -> float:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    scale = float(train.x.max()) or 1.0

    def flat(x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), -1).astype("float32") / scale

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the limit is part of the baseline
        model = LogisticRegression(max_iter=LINEAR_ITERATIONS).fit(flat(train.x), train.y)
    return float(model.score(flat(test.x), test.y))
