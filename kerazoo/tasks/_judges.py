"""What generated pictures are measured in: a classifier's features, or the pixels themselves.

A dataset of ``spec.JUDGES`` has a judge: a trained classifier of the zoo. The pictures of any other
dataset are measured in principal components of their own training pictures.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from kerazoo import building, registry
from kerazoo._lazy import keras
from kerazoo.evidence import reference as evidence
from kerazoo.spec import JUDGES, MAIN_METRIC, Data
from kerazoo.tasks import _frechet as frechet
from kerazoo.training import engine

if TYPE_CHECKING:
    import numpy as np

SAMPLES = 10_000  # at most; exactly so many where a classifier judges
FEATURES = "dense"  # the classifier's layer that gives the features
COMPONENTS = 64
FITTED = 10_000  # pictures, at most, that the principal components come from
CHUNK = 1_000  # pictures that are numbers at a time: a large picture is many


@dataclass(frozen=True)
class Seen:
    """What a judge sees in pictures.

    Attributes:
        features: float64 ``(n, d)``.
        balance: the fraction of each class; empty if the judge knows no classes.
    """

    features: np.ndarray
    balance: tuple[float, ...] = ()


class Judge(Protocol):
    """Turns pictures into features."""

    @property
    def metric(self) -> str:
        """What is measured."""

    @property
    def samples(self) -> int:
        """How many pictures are drawn."""

    def look(self, pictures: np.ndarray) -> Seen:
        """What is seen in pictures, uint8 ``(n, height, width, channels)``."""

    def about(self) -> dict[str, Any]:
        """What ``metrics.json`` says of the judge."""


def judge_of(data: Data) -> Judge:
    """The judge of a dataset's pictures."""
    metric = data.info.metric
    if data.info.task != "generation":  # labelled pictures, which say what a classifier measures
        metric, _ = JUDGES.get(data.info.name, (MAIN_METRIC["generation"], ""))
    for known, by in JUDGES.values():
        if metric == known:
            return Classifier(metric, SAMPLES, by)
    return Components(metric, min(SAMPLES, max(1_000, 10 * len(data.test))), data)


def figures(seen: Seen, real: Seen) -> dict[str, float]:
    """Distance to real pictures, diversity, and smallest and largest class if there are any.

    The diversity is the mean distance between two pictures' features over that between two real
    ones'.
    """
    spread = frechet.mean_distance(real.features)
    classes = {}
    if seen.balance:
        classes = {"smallest_class": min(seen.balance), "largest_class": max(seen.balance)}
    return {
        "distance": frechet.frechet_distance(seen.features, real.features),
        **classes,
        "diversity": frechet.mean_distance(seen.features) / spread if spread else 0.0,
    }


@dataclass(frozen=True)
class Classifier:
    """The last hidden layer, 128 features, of an entry's bundled weights, and the digits it reads.

    Attributes:
        metric: named after it.
        samples: how many pictures are drawn.
        by: the entry.
    """

    metric: str
    samples: int
    by: str

    def look(self, pictures: np.ndarray) -> Seen:
        """Features and digits of pictures, uint8 ``(n, 28, 28, 1)``."""
        import numpy as np

        entry = registry.get_entry(self.by)
        net = building.build_for(entry)
        evidence.load_bundled_weights(net, entry)
        both = keras.Model(net.input, [net.get_layer(FEATURES).output, net.output])
        features, probabilities = engine.predict(both, pictures)
        counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
        return Seen(features.astype(np.float64), tuple((counts / len(pictures)).tolist()))

    def about(self) -> dict[str, Any]:
        """Entry and checksum of its weights."""
        weights = evidence.read(registry.get_entry(self.by)).weights
        return {"judge": self.by, "judge_sha256": weights.sha256 if weights else None}


@dataclass(frozen=True)
class Components:
    """The first 64 principal components of the training pictures' pixels, 0 to 1.

    Fewer where pictures have fewer pixels, or where the training or the test split has fewer
    examples. They come from the training split alone, of which the first 10,000 are used, with
    seed 0 where scikit-learn computes them at random.

    Attributes:
        metric: ``fd_pixels_pca64``.
        samples: how many pictures are drawn: ten for each of the test split, 1,000 to 10,000.
        data: whose training pictures they are.
    """

    metric: str
    samples: int
    data: Data

    @functools.cached_property
    def fitted(self) -> Any:
        """scikit-learn's PCA."""
        import numpy as np
        from sklearn.decomposition import PCA

        rows = _rows(self.data.train.x[:FITTED])
        number = min(COMPONENTS, rows.shape[1], len(rows) - 1, len(self.data.test) - 1)
        with np.errstate(invalid="ignore"):  # pictures that are all alike have no variance
            return PCA(n_components=max(1, number), random_state=0).fit(rows)

    def look(self, pictures: np.ndarray) -> Seen:
        """Principal components of pictures, uint8 ``(n, height, width, channels)``."""
        import numpy as np

        parts = (pictures[i : i + CHUNK] for i in range(0, len(pictures), CHUNK))
        found = [self.fitted.transform(_rows(part)) for part in parts]
        return Seen(np.concatenate(found).astype(np.float64))

    def about(self) -> dict[str, Any]:
        """How many components, and how much of the pictures' variance they hold."""
        import math

        held = float(self.fitted.explained_variance_ratio_.sum())
        held = held if math.isfinite(held) else 1.0
        return {"components": int(self.fitted.n_components_), "variance_held": held}


def _rows(pictures: np.ndarray) -> np.ndarray:
    """Each picture as one row of numbers, 0 to 1."""
    return pictures.reshape(len(pictures), -1).astype("float32") / 255
