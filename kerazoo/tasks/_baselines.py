"""Baselines that a useful model has to beat."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kerazoo._lazy import np
from kerazoo.spec import Data, Split

LINEAR_ITERATIONS = 200
MOST_VALUES = 160_000_000  # that a linear model of raw values is fitted to: 640 MB
SAMPLED = 80_000_000  # values that it is fitted to where there are more
PART = 10_000  # examples that it predicts at a time
WORD_CS = (0.01, 0.03, 0.1, 0.3, 1.0)


def majority_class(train: Split, test: Split) -> np.ndarray:
    """The most frequent training class for each test example, int64 ``(n,)``."""
    return np.full(test.examples, np.bincount(train.y).argmax())


def logistic(train: Split, test: Split) -> np.ndarray:
    """Test classes ``(n,)`` that multinomial logistic regression predicts from the raw values.

    Columns of a table are normalized with the mean and deviation of the training examples.

    scikit-learn's defaults (L2, C = 1) with up to 200 iterations of L-BFGS, on the same training
    examples as the model.
    """
    middle: Any = 0.0
    spread: Any = float(train.x.max()) or 1.0
    if train.x.ndim == 2:
        middle, spread = train.x.mean(axis=0), train.x.std(axis=0)
        spread[np.ptp(train.x, axis=0) == 0] = 1.0  # rounding may leave a deviation that is not 0

    def features(x: np.ndarray) -> np.ndarray:
        values = np.subtract(x.reshape(len(x), -1), middle, dtype="float32")
        values /= spread
        return values

    model = _logistic(features(train.x), train.y)
    parts = (test.x[i : i + PART] for i in range(0, test.examples, PART))
    return np.concatenate([model.predict(features(part)) for part in parts])


def sample(train: Split) -> Split:
    """The training examples; of very many as many, by seed 0, as memory has room for."""
    if train.x.size <= MOST_VALUES:
        return train
    n = SAMPLED // train.x[0].size
    rows = np.sort(np.random.RandomState(0).choice(train.examples, n, replace=False))
    return Split(train.x[rows], train.y[rows])


def bag_of_words(train: Split, data: Data) -> np.ndarray:
    """Test classes ``(n,)`` that logistic regression predicts from the tokens that occur.

    ``x`` holds token ids.

    With as many columns as words the default C = 1 overfits; so C is the one of ``WORD_CS`` that
    is best on validation when trained on the training split. With it the model is fitted to
    ``train``, the same examples as the network.
    """
    tokens = 1 + int(max(s.x.max() for s in (train, data.train, data.validation, data.test)))

    def predicted(c: float, fit: Split, split: Split) -> np.ndarray:
        return _logistic(occurrences(fit.x, tokens), fit.y, c).predict(occurrences(split.x, tokens))

    def right(c: float) -> int:
        return int((predicted(c, data.train, data.validation) == data.validation.y).sum())

    # max() takes the strongest penalty among equals.
    return predicted(max(WORD_CS, key=right), train, data.test)


def occurrences(ids: np.ndarray, tokens: int) -> Any:
    """Token ids ``(n, length)`` as a sparse 0/1 matrix ``(n, tokens)``; padding (0) is left out."""
    from scipy.sparse import csr_matrix

    rows, places = np.nonzero(ids)
    ones = np.ones(len(rows), dtype=np.float32)
    counts = csr_matrix((ones, (rows, ids[rows, places])), shape=(len(ids), tokens))
    counts.data[:] = 1  # occurrence, not frequency
    return counts


def _logistic(x: Any, y: np.ndarray, c: float = 1.0) -> Any:
    """A fitted model of scikit-learn."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the limit is part of the baseline
        return LogisticRegression(C=c, max_iter=LINEAR_ITERATIONS).fit(x, y)


def least_squares(
    parts: Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]], ridge: float = 0.0
) -> tuple[Any, Any]:
    """The linear map with intercept that fits best, closed form: (coefficients, intercept).

    Args:
        parts: returns the rows in parts that fit into memory, the same at each call: ``x`` ``(n,
            features)`` and ``y`` ``(n, outputs)`` each.
        ridge: L2 penalty on the coefficients, not the intercept, per example.
    """
    n = 0
    sum_x: Any = 0.0
    sum_y: Any = 0.0
    low, high = np.inf, -np.inf
    for x, y in parts():
        n += len(x)
        sum_x, sum_y = sum_x + x.sum(axis=0, dtype="f8"), sum_y + y.sum(axis=0, dtype="f8")
        low, high = np.minimum(low, x.min(axis=0)), np.maximum(high, x.max(axis=0))
    middle_x, middle_y = sum_x / n, sum_y / n
    gram: Any = 0.0
    cross: Any = 0.0
    for x, y in parts():
        centred = np.where(low == high, 0.0, x - middle_x)
        gram = gram + centred.T @ centred
        cross = cross + centred.T @ (y - middle_y)
    gram = gram + ridge * n * np.eye(len(middle_x))
    # Each column in units of its deviation: else a small one would be lost in rounding.
    scale = np.sqrt(np.diag(gram))
    scale[scale == 0] = 1.0
    solved = np.linalg.lstsq(gram / scale[:, None] / scale, cross / scale[:, None], rcond=None)[0]
    coefficients = solved / scale[:, None]
    return coefficients, middle_y - middle_x @ coefficients
