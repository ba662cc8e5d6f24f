"""Classification: the loss follows the last activation, and scores are of the test split alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.errors import KerazooError
from kerazoo.tasks._scores import Scores, balanced_accuracy, by_class, confusion_of

TASK = registry.get_task("classification")


def test_the_loss_follows_the_last_activation(private_zoo):
    def loss_for(model):
        return TASK.compile_arguments(model)["loss"]

    model = kerazoo.build("bar_net")
    assert loss_for(model).from_logits is False
    assert loss_for(kerazoo.build("bar_net", classifier_activation=None)).from_logits is True
    flat = keras.layers.Reshape((3,), name="last")(model.output)
    relu = kerazoo.build("bar_net", classifier_activation="relu")
    for wrong in (keras.Model(model.input, flat), relu):
        with pytest.raises(KerazooError):
            loss_for(wrong)


def test_logits_become_probabilities():
    model = kerazoo.build("mlp", hidden=(), classifier_activation=None)
    x = np.random.RandomState(0).randint(0, 256, (5, 28, 28, 1)).astype("uint8")
    probabilities = TASK.postprocess(model, model.predict_on_batch(x))
    logits = np.asarray(model(x), np.float64)
    wanted = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, wanted, rtol=1e-4)


def test_a_row_of_the_confusion_matrix_is_the_truth():
    predicted = np.eye(3, dtype="float32")[[1, 1, 2]]
    counts = Scores(predicted, np.array([0, 1, 1])).confusion
    assert counts.tolist() == [[0, 1, 0], [0, 1, 1], [0, 0, 0]]


def test_each_class_is_evaluated_as_scikit_learn_does():
    from sklearn import metrics

    random = np.random.RandomState(0)
    labels, chosen = random.randint(0, 3, 60), random.randint(0, 3, 60)
    counts = confusion_of(labels, chosen, 4)  # the last class neither occurs nor is predicted
    found = by_class(counts, "abcd")
    wanted = metrics.precision_recall_fscore_support(labels, chosen)
    for name, column in zip(("precision", "recall", "f1", "examples"), wanted, strict=True):
        np.testing.assert_allclose([found[k][name] for k in "abc"], column)
    assert found["d"] == {"precision": None, "recall": None, "f1": None, "examples": 0}
    wanted = metrics.balanced_accuracy_score(labels, chosen)
    assert balanced_accuracy(counts) == pytest.approx(wanted)
    assert by_class(np.array([[0, 6], [0, 194]]), "ab")["a"]["precision"] is None


def test_recorded_metrics_are_those_of_the_references():
    data = kerazoo.load_data("digits")
    outcome = TASK.evaluate(kerazoo.build("mlp", weights="digits"), data)
    assert set(outcome.as_metrics()) == {
        "metric", "value", "standard_error", "examples", "also", "loss", "confusion"
    } and not outcome.also  # fmt: skip
    assert not TASK.baselines(data.train, data).others("accuracy")
