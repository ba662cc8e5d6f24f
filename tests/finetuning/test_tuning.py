"""The learning rate that is chosen on validation."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kerazoo
from kerazoo.errors import KerazooError
from kerazoo.training import train

QUICK = {"epochs": 2, "scratch": False, "plots": False, "progress": False}


@pytest.fixture(scope="module")
def data():
    """Two classes of rows that one line separates."""
    x = np.random.RandomState(0).normal(size=(200, 2)).astype("float32")
    return kerazoo.from_arrays(x, (x[:, 0] > 0).astype(int))


def test_the_rate_that_is_best_on_validation_is_taken_and_kept(data, in_tmp, monkeypatch):
    done = kerazoo.finetune("mlp", data, tune=3, out="run", **QUICK)
    paths = in_tmp.glob("run-tune/*/metrics.json")
    trials = {float(p.parent.name): json.loads(p.read_text()) for p in paths}
    rates, values = sorted(trials), {rate: trial["value"] for rate, trial in trials.items()}
    assert [trial["split"] for trial in trials.values()] == ["validation"] * 3
    assert rates[1] / rates[0] == pytest.approx(3, rel=0.01) and done.metrics["split"] == "test"
    assert values[float(f"{done.recipe.learning_rate:.3g}")] == max(values.values())
    assert any(f"{done.recipe.learning_rate:.3g}" in line for line in done.warnings)
    trained = []
    monkeypatch.setattr(train.loop, "fit", lambda *a, **o: trained.append(a))
    again = kerazoo.finetune("mlp", data, tune=3, out="run", resume=True, **QUICK)
    assert not trained and again.recipe == done.recipe


@pytest.mark.parametrize("options", [{"tune": 1}, {"tune": 100}, {"tune": 2, "learning_rate": 0.1}])
def test_what_cannot_be_tuned_is_refused(data, options, in_tmp):
    with pytest.raises(KerazooError):
        kerazoo.finetune("mlp", data, **{**QUICK, **options})


def test_rates_that_diverge_are_left_out(data, in_tmp):
    wild = {"settings": {"optimizer": "sgd", "momentum": 0.0}}
    done = kerazoo.finetune("mlp", data, tune=9, out="run", **QUICK, **wild)
    assert np.isfinite(done.metrics["value"])
