"""Checks of user data by kind: copies, columns that give the target away, brightness, labels."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerazoo._lazy import Image, np
from kerazoo.datasets import _text
from kerazoo.finetuning.readers._columns import parts_of
from kerazoo.finetuning.readers.reading import TableReading
from kerazoo.finetuning.readers.user_data import UserData, digest
from kerazoo.spec import Split
from kerazoo.tasks import _baselines

SEED = 0  # of folds, trees and samples
FOLDS = 5
TREES = 300
MAX_WORK = 2e12  # features of all pairs, up to which nearly identical ones are searched
NEIGHBORS = 10
# Times the distance to the tenth neighbor: nearly identical images and rows are nearer.
NEAR, NEAR_ROWS = 0.2, 0.05
NUMBERS = 5  # columns of numbers; rows of fewer are near to each other by chance
SIDE, LARGE_SIDE = 16, 32  # pixels of the images that are compared, and learnt from
MAX_UNKNOWN = 0.2  # share of unknown words, up to which texts of equal ids are the same
MAX_ROWS = 20_000  # that a model of one column is fitted to, or a tree has leaves of one row for
GIVES_AWAY = 0.98  # balanced accuracy or R² of such a model
WORDS_C = 0.1  # of logistic regression on which words occur


def splits_of(data: UserData) -> dict[str, Split]:
    """The splits by name, in order."""
    return {name: getattr(data.data, name) for name in ("train", "validation", "test")}


def classes_of(data: UserData) -> tuple[str, ...]:
    """The classes, of which each example has one; none where it has numbers, or several."""
    return data.data.info.labels if data.data.info.task == "classification" else ()


def _all(data: UserData, of: str) -> np.ndarray:
    """``x`` or ``y`` of all examples."""
    return np.concatenate([getattr(split, of) for split in splits_of(data).values()])


def copies(data: UserData) -> tuple[list[tuple[np.ndarray, bool]], str]:
    """Groups of copies, and a line that says what was compared.

    A group is the places of its members among all examples, and True if all are identical.

    Identical are equal pixels, rows but for identifiers, or words in the same order, as the model
    reads them.
    Nearly identical are an image or row and its nearest neighbor, where that is much nearer than
    the tenth (:data:`NEAR`): no two images of MNIST, Fashion-MNIST, CIFAR-10 and the digits are.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    keys = np.array([digest(x) for split in splits_of(data).values() for x in split.x])
    if data.identifiers:
        keys = np.array([digest(x) for x in _rows(data)])
    if data.kind == "texts":
        ids = _all(data, "x")
        unknown = (ids == _text.UNKNOWN).sum(axis=1) > MAX_UNKNOWN * (ids != 0).sum(axis=1)
        keys[unknown] = [b"%d" % place for place in np.flatnonzero(unknown)]
    _, first, of = np.unique(keys, return_index=True, return_inverse=True)
    pairs, how = _near(data, first)
    joined = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(first), len(first)))
    _, component = connected_components(joined, directed=False)
    order = np.argsort(component[of], kind="stable")
    starts = np.flatnonzero(np.diff(component[of][order])) + 1
    groups = [np.sort(group) for group in np.split(order, starts) if len(group) > 1]
    return [(group, len(set(of[group].tolist())) == 1) for group in groups], how


def _near(data: UserData, places: np.ndarray) -> tuple[np.ndarray, str]:
    """Pairs of nearly identical examples, int ``(pairs, 2)``, as indices of ``places``; and how."""
    none = np.empty((0, 2), np.int64)
    columns = data.reading.columns if isinstance(data.reading, TableReading) else ()
    few = columns and sum(column.categories is None for column in columns) < NUMBERS
    if data.kind == "texts" or few:
        return none, "identical ones"
    from sklearn.neighbors import NearestNeighbors

    vectors = (_rows(data) if columns else _small(data, SIDE))[places]
    if len(places) ** 2 * vectors.shape[1] > MAX_WORK:
        return none, "identical ones (too many to find nearly identical ones too)"
    how = "identical and nearly identical ones"
    if len(places) <= NEIGHBORS:
        return none, how
    same = np.zeros(len(vectors), dtype=bool)
    if not columns:  # neither brightness nor contrast counts
        vectors -= vectors.mean(axis=1, keepdims=True)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        same = length[:, 0] < 1  # gray level: of one color
        vectors /= np.maximum(length, 1)
    distances, neighbors = NearestNeighbors(n_neighbors=NEIGHBORS).fit(vectors).kneighbors()
    least = (NEAR_ROWS if columns else NEAR) * distances[:, -1]
    close = np.flatnonzero((distances[:, 0] < least) & ~same)
    return np.stack([close, neighbors[close, 0]], axis=1), how


def _rows(data: UserData) -> np.ndarray:
    """Rows of a table without identifiers, if there is another column."""
    columns = dict(_columns(data))
    kept = [x for name, x in columns.items() if name not in data.identifiers]
    return np.concatenate(kept or list(columns.values()), axis=1)


def _small(data: UserData, side: int) -> np.ndarray:
    """Images of up to ``side`` pixels a side, by mean: float32 ``(n, pixels)``."""
    parts = []
    for split in splits_of(data).values():
        x = split.x
        for axis in (1, 2):
            n = x.shape[axis]
            if n > side:
                edges = np.arange(side) * n // side
                width = np.diff(edges, append=n).reshape((-1, 1, 1) if axis == 1 else (-1, 1))
                x = np.add.reduceat(x, edges, axis=axis, dtype=np.float32) / width
        parts.append(x.reshape(len(x), -1).astype(np.float32))
    return np.concatenate(parts)


def leaks(data: UserData) -> dict[str, float]:
    """Columns that give the target away, by name with the result of a model of that column alone.

    The model is a decision tree, the result its balanced accuracy or R² over folds. Of images the
    columns are brightness, contrast, size and type of the file.
    """
    from sklearn.metrics import balanced_accuracy_score, r2_score
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    columns = dict(_columns(data))
    if len(columns) < 2 or (data.kind == "images" and not classes_of(data)):
        return {}
    y = _all(data, "y")
    rows = np.random.RandomState(SEED).permutation(len(y))[:MAX_ROWS]
    targets = y[rows].reshape(len(rows), -1).T
    tree, score = DecisionTreeRegressor, r2_score
    if classes_of(data):
        tree, score = DecisionTreeClassifier, balanced_accuracy_score
    found: dict[str, float] = {}
    for name, x in columns.items():
        model = tree(random_state=SEED)
        with warnings.catch_warnings(action="ignore"):  # of rare classes that a fold lacks
            for t in targets:
                guess = cross_val_predict(model, x[rows], t, cv=KFold(FOLDS))
                value = float(score(t, guess))
                if tree is DecisionTreeRegressor:  # its steps are coarse where rows are few
                    value = max(value, float(np.corrcoef(x[rows, 0], t)[0, 1] ** 2))
                found[name] = max(value, found.get(name, -np.inf))
    return {name: value for name, value in found.items() if value >= GIVES_AWAY}


def _columns(data: UserData) -> Iterator[tuple[str, np.ndarray]]:
    """Features ``(n, features)`` of one column each, by its name."""
    if isinstance(data.reading, TableReading):
        for column, part in parts_of(_all(data, "x"), data.reading.columns):
            yield column.name, part
    elif data.kind == "images":
        small = _small(data, SIDE)
        yield "brightness", small.mean(axis=1, keepdims=True)
        yield "contrast", small.std(axis=1, keepdims=True)
        if data.reader.__name__ == "from_images":
            files = [_directory(data) / name for s in splits_of(data) for name in data.names[s]]
            facts = zip(*map(_header, files), strict=True)
            for name, values in zip(("width", "height", "type of file"), facts, strict=True):
                yield name, np.unique(values, return_inverse=True)[1][:, None]


def _directory(data: UserData) -> Path:
    """Directory that the names of images start from."""
    source = data.source[0]
    if not isinstance(source, (str, os.PathLike)):
        return Path()
    return Path(source) if Path(source).is_dir() else Path(source).parent


def _header(file: Path) -> tuple[int, int, str]:
    """Width, height and type of an image file, of which only the beginning is read."""
    with Image.open(file) as image:
        return *image.size, f"{image.format} {image.mode}"


def brightness(data: UserData) -> tuple[str, np.ndarray]:
    """A line on the brightness of images, and the places of those of one color."""
    small = _small(data, SIDE)
    mean = small.mean(axis=1)
    line = f"mean pixel {mean.min():.0f} to {mean.max():.0f}, median {np.median(mean):.0f}"
    return line, np.flatnonzero(small.std(axis=1) == 0)


def probabilities(data: UserData) -> np.ndarray:
    """Probabilities of the classes for each example, by models that did not learn from it.

    Texts: logistic regression on which words occur, over folds. Rows and images: extremely
    randomized trees (Geurts et al. 2006) on bootstrap samples; each example is judged by the trees
    that it was left out of.
    """
    y = _all(data, "y")
    if data.kind == "texts":
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold, cross_val_predict

        ids = _all(data, "x")
        words = _baselines.occurrences(ids, int(ids.max()) + 1)
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
        model = LogisticRegression(C=WORDS_C, max_iter=_baselines.LINEAR_ITERATIONS)
        with warnings.catch_warnings(action="ignore"):  # also of its iterations
            return cross_val_predict(model, words, y, cv=folds, method="predict_proba")
    from sklearn.ensemble import ExtraTreesClassifier

    x = _all(data, "x") if data.kind == "table" else _small(data, LARGE_SIDE)
    options: dict[str, Any] = {"bootstrap": True, "oob_score": True, "n_jobs": -1}
    leaf = 1 + len(y) // MAX_ROWS  # bounds the memory of the trees
    forest = ExtraTreesClassifier(TREES, min_samples_leaf=leaf, random_state=SEED, **options)
    return forest.fit(x, y).oob_decision_function_


def label_errors(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Places of the labels that are probably wrong, the most certain first.

    Confident learning (Northcutt et al. 2021): an example counts for the most probable of the
    classes whose probability is at least the mean over the examples of that label. These counts,
    scaled to the number of examples of each label, estimate how many labels are wrong. So many
    (and one standard error more, to miss few) have the lead of another class over the label.

    Args:
        probabilities: ``(n, classes)``, from models that did not learn from the example.
        y: labels, int ``(n,)``.
    """
    n, classes = probabilities.shape
    given = probabilities[np.arange(n), y]
    least = np.array([given[y == c].mean() for c in range(classes)])
    reached = probabilities >= least
    counts = np.zeros((classes, classes))
    confident = reached.any(axis=1)
    best = np.where(reached, probabilities, -1.0).argmax(axis=1)
    np.add.at(counts, (y[confident], best[confident]), 1)
    counts *= np.bincount(y)[:, None] / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    wrong = counts.sum() - np.trace(counts)
    lead = probabilities.max(axis=1) - given
    order = np.argsort(-lead, kind="stable")[: round(wrong + wrong**0.5)]
    return order[lead[order] > 0]
