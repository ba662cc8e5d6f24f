"""Judges of generated images: feature extractors for the Fréchet distance.

An entry names trained classifiers of the zoo as its ``judges``. Without any, the features are the
principal components of the training images' pixels.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kerazoo import building, registry
from kerazoo._lazy import keras, np
from kerazoo.spec import Data
from kerazoo.tasks import _frechet
from kerazoo.training import engine

SAMPLES = 10_000  # at most; exactly so many where a classifier judges
PIXELS, COMPONENTS = "fd_pixels_pca64", 64
FITTED = 10_000  # images, at most, for the principal components
CHUNK = 1_000  # images that are converted to floats at a time


@dataclass(frozen=True)
class Features:
    """Features of images.

    Attributes:
        values: float64 ``(n, d)``.
        balance: the fraction of each class; empty if the judge knows no classes.
    """

    values: np.ndarray
    balance: tuple[float, ...] = ()


def metric_of(judge: str) -> str:
    """Name of the Fréchet distance in a judge's features.

    ``mnist_cnn@mnist`` gives ``fd_mnist_cnn_10k``: the main dataset of a model is not named.
    """
    entry = registry.get_entry(judge)
    main = registry.get_model(entry.model).main
    suffix = "" if entry == main else f"_{entry.dataset}"
    return f"fd_{entry.model}{suffix}_10k"


def judges_of(data: Data) -> list[Classifier | Components]:
    """The judges of a dataset's images: the first gives the main metric."""
    if data.judges:
        return [Classifier(metric_of(judge), SAMPLES, judge) for judge in data.judges]
    return [Components(PIXELS, min(SAMPLES, max(1_000, 10 * data.test.examples)), data)]


def compare(
    judges: Sequence[Classifier | Components],
    generated: Sequence[Features],
    real: Sequence[Features],
) -> dict[str, float]:
    """Distance to real images by each judge; by the first also the diversity and the classes.

    The diversity is the mean distance between the features of two images over that of two real
    images. The classes are the smallest and the largest one, if the judge knows any.
    """
    each = zip(judges, generated, real, strict=True)
    spread, balance = _frechet.mean_distance(real[0].values), generated[0].balance
    return {
        **{j.metric: _frechet.frechet_distance(g.values, r.values) for j, g, r in each},
        **({"smallest_class": min(balance), "largest_class": max(balance)} if balance else {}),
        "diversity": _frechet.mean_distance(generated[0].values) / spread if spread else 0.0,
    }


@dataclass(frozen=True)
class Classifier:
    """The input of the last layer, with the bundled weights of an entry, and its classes.

    Attributes:
        metric: named after it.
        samples: number of generated images.
        by: the entry.
    """

    metric: str
    samples: int
    by: str

    def extract(self, images: np.ndarray) -> Features:
        """Features and classes of images, uint8 ``(n, 28, 28, 1)``."""
        entry = registry.get_entry(self.by)
        net = building.build_for(entry)
        building.load_bundled_weights(net, entry)
        both = keras.Model(net.input, [net.layers[-1].input, net.output])
        features, probabilities = engine.predict(both, images)
        counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
        return Features(features.astype(np.float64), tuple((counts / len(images)).tolist()))

    def about(self) -> dict[str, Any]:
        """Name of the entry."""
        return {"judge": self.by}


@dataclass(frozen=True)
class Components:
    """The first 64 principal components of the training images' pixels, 0 to 1.

    Fewer if images have fewer pixels, or where the training or the test split has fewer
    examples. They come from the training split alone, of which the first 10,000 are used, with
    seed 0 where scikit-learn computes them at random.

    Attributes:
        metric: :data:`PIXELS`.
        samples: number of generated images: ten for each of the test split, 1,000 to 10,000.
        data: training images.
    """

    metric: str
    samples: int
    data: Data

    @functools.cached_property
    def fitted(self) -> Any:
        """scikit-learn's PCA."""
        from sklearn.decomposition import PCA

        rows = _rows(self.data.train.x[:FITTED])
        number = min(COMPONENTS, rows.shape[1], len(rows) - 1, self.data.test.examples - 1)
        with np.errstate(invalid="ignore"):  # identical images have no variance
            return PCA(n_components=max(1, number), random_state=0).fit(rows)

    def extract(self, images: np.ndarray) -> Features:
        """Principal components of images, uint8 ``(n, height, width, channels)``."""
        parts = (images[i : i + CHUNK] for i in range(0, len(images), CHUNK))
        found = [self.fitted.transform(_rows(part)) for part in parts]
        return Features(np.concatenate(found).astype(np.float64))

    def about(self) -> dict[str, Any]:
        """Number of components and the share of variance that they explain."""
        held = float(np.nan_to_num(self.fitted.explained_variance_ratio_.sum(), nan=1.0))
        return {"components": int(self.fitted.n_components_), "variance_held": held}


def _rows(images: np.ndarray) -> np.ndarray:
    """Each image as one row of floats, 0 to 1."""
    return images.reshape(len(images), -1).astype("float32") / 255
