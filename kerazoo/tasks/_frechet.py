"""The Fréchet distance between two sets of features, and their diversity.

Heusel et al. 2017 (arXiv:1706.08500), equation 6, with features of a judge of
the zoo instead of Inception's. In float64; the matrix root by symmetric eigen-decomposition.
"""

from __future__ import annotations

from kerazoo._lazy import np

PAIRS = 100_000
RESAMPLES = 20


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|m1 - m2|² + trace(s1 + s2 - 2 (s1 s2)^½) of features ``(n, d)`` and ``(m, d)``."""
    (mean_a, cov_a), (mean_b, cov_b) = _moments(a), _moments(b)
    root = _root(cov_a)
    # trace (s1 s2)^½ is the sum of the roots of the eigenvalues of s1^½ s2 s1^½.
    values = np.linalg.eigvalsh(root @ cov_b @ root)
    cross = np.sqrt(np.clip(values, 0, None)).sum()
    return float(((mean_a - mean_b) ** 2).sum() + np.trace(cov_a + cov_b) - 2 * cross)


def bootstrap_error(a: np.ndarray, b: np.ndarray) -> float:
    """Standard error of the distance: its scatter over 20 resamples of both sets, seed 0."""
    random = np.random.RandomState(0)
    draws = [
        frechet_distance(a[random.randint(0, len(a), len(a))], b[random.randint(0, len(b), len(b))])
        for _ in range(RESAMPLES)
    ]
    return float(np.std(draws, ddof=1))


def mean_distance(features: np.ndarray) -> float:
    """Mean Euclidean distance between two different rows, over 100,000 random pairs, seed 0."""
    random = np.random.RandomState(0)
    first = random.randint(0, len(features), PAIRS)
    second = (first + random.randint(1, len(features), PAIRS)) % len(features)
    return float(np.sqrt(((features[first] - features[second]) ** 2).sum(axis=1)).mean())


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    features = np.asarray(features, np.float64)
    mean = features.mean(axis=0)
    centred = features - mean
    return mean, centred.T @ centred / (len(features) - 1)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
