"""Decision thresholds of two classes: how they are asked for, and chosen on validation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from kerazoo.errors import KerazooError
from kerazoo.tasks._scores import Scores, decide
from kerazoo.tasks._threshold import choose, threshold_of
from tests.conftest import raised


def scores(n=500):
    random = np.random.RandomState(0)
    p = random.beta(1, 8, n).round(2)  # with ties
    y = (random.uniform(size=n) < p).astype(int)
    return Scores(np.stack([1 - p, p], axis=1), y)


def test_the_best_f1_and_the_highest_threshold_with_a_recall():
    split = scores()
    p, y = split.probabilities[:, 1], split.labels
    precision, recall, at = metrics.precision_recall_curve(y, p)
    f1 = choose(threshold_of("f1", "ill", ["fine", "ill"]), split)
    found = decide(split.probabilities, f1)
    with np.errstate(invalid="ignore"):
        best = np.nanmax(2 * precision * recall / (precision + recall))
    assert metrics.f1_score(y, found) == pytest.approx(best)
    most = choose(threshold_of("recall=0.8", "ill", ["fine", "ill"]), split)
    assert metrics.recall_score(y, decide(split.probabilities, most)) >= 0.8
    highest = at[recall[:-1] >= 0.8].max()
    assert most.value < highest and not ((p > most.value) & (p < highest)).any()
    assert (f1.validation_examples, f1.validation_positives) == (500, y.sum())


def test_the_first_class_can_be_the_positive_one():
    split = scores()
    turned = Scores(split.probabilities[:, ::-1], 1 - split.labels)
    one = choose(threshold_of("f1", "ill", ["fine", "ill"]), split)
    other = choose(threshold_of("f1", "ill", ["ill", "well"]), turned)
    assert (one.value, one.column, other.column) == (other.value, 1, 0)
    np.testing.assert_array_equal(
        decide(split.probabilities, one), 1 - decide(turned.probabilities, other)
    )


@pytest.mark.parametrize("rule", ["best", "recall", "recall=1.5", "0", "1", 1.2, "precision=0.9"])
def test_other_rules_are_refused(rule):
    with pytest.raises(KerazooError):
        threshold_of(rule, "yes", ["no", "yes"])


def test_the_positive_class_is_known_or_asked_for():
    for names in (["no", "yes"], ["0", "1"], ["False", "True"]):
        assert threshold_of(0.3, None, names).positive == names[1]
    raised(["--positive"], threshold_of, "f1", None, ["fine", "ill"])
    for positive, names in (("sick", ["fine", "ill"]), ("a", ["a", "b", "c"])):
        with pytest.raises(KerazooError):
            threshold_of("f1", positive, names)


def test_a_class_that_validation_lacks():
    split = Scores(np.full((4, 2), 0.5), np.zeros(4, int))
    with pytest.raises(KerazooError):
        choose(threshold_of("f1", "ill", ["fine", "ill"]), split)
