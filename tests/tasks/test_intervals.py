"""Prediction intervals: their width, coverage and bounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.spec import Split
from kerazoo.tasks import forecasting
from kerazoo.tasks._intervals import Intervals, with_intervals
from kerazoo.tasks.base import Finished, Outcome

NONE = Outcome(metric="r2", value=0.0, standard_error=0.0, examples=1)


def found(validation, test, spreads=(1.0, 1.0)):
    return with_intervals(NONE, (validation, test), spreads).extra.get("intervals")


def test_the_half_width_is_a_score_that_nine_of_ten_new_ones_do_not_exceed():
    errors = np.arange(1.0, 20.0)[:, None, None]  # 1 to 19: the 18th of 19 is at least 90 % of 20
    kept = Intervals(**found(-errors, errors))
    assert kept.half_widths() == 18 and kept.coverage == (18 / 19,)
    assert found(errors[:8], errors) is None, "no score bounds 90 % of nine"
    assert Intervals(**found(errors[:9], errors)).half_widths() == 9


def test_intervals_follow_the_spread_of_what_the_model_saw_and_cover_each_step():
    random = np.random.RandomState(0)
    spreads = [random.uniform(0.1, 10, (4_000, 1, 2)) for _ in range(2)]
    wide = np.array([1.0, 3.0])[:, None] * [1.0, 100.0]  # of steps and targets
    errors = [random.normal(size=(4_000, 2, 2)) * s * wide for s in spreads]
    kept = Intervals(**found(*errors, spreads))
    assert np.shape(kept.scores) == (2, 2) and kept.coverage == pytest.approx((0.9, 0.9), abs=0.015)
    half = kept.half_widths(spreads[1])
    for rows in (spreads[1] < 1, spreads[1] > 9):  # also of windows of one kind
        inside = (np.abs(errors[1]) <= half)[np.broadcast_to(rows, half.shape)]
        assert inside.mean() == pytest.approx(0.9, abs=0.04)
    assert half[0, 1, 1] > 100 * half[0, 0, 0]


def test_the_test_split_does_not_set_the_intervals(monkeypatch):
    data = kerazoo.load_data("sine")
    task = forecasting.Forecasting()
    monkeypatch.setattr(task, "outputs", lambda model, data: np.zeros_like(data.test.y))
    kept = task.calibrate(None, data, registry.get_entry("stacked_lstm@sine").recipe)
    louder = data.__class__(**{**vars(data), "test": Split(data.test.x, 9 * data.test.y)})
    other = task.calibrate(None, louder, registry.get_entry("stacked_lstm@sine").recipe)
    before, after = (Intervals(**o.extra["intervals"]) for o in (kept, other))
    assert before.scores == after.scores and before.coverage > after.coverage
    for outcome, bands in ((kept, 1), (task.score(0 * data.test.y, data), 0)):
        (figure,) = task.plots(Finished(None, "sine", [], outcome, data)).values()
        assert len(figure.axes[0].collections) == bands


def test_a_run_keeps_its_intervals_and_predicts_with_them(in_tmp):
    random = np.random.RandomState(0)
    rows = pd.DataFrame({"a": random.normal(size=400), "b": random.normal(size=400)})
    rows["y"], rows["z"] = 3 * rows["a"] + random.normal(size=400), 1000 * rows["b"]
    options = {"epochs": 3, "progress": False, "plots": False, "scratch": False}
    done = kerazoo.finetune("mlp", rows, target=["y", "z"], out="run", **options)
    kept = Intervals(**done.metrics["intervals"])
    assert kept.validation_examples == 40 and min(kept.coverage) > 0.75
    predicted = kerazoo.predict("run", rows).frame
    assert list(predicted.columns[:4]) == ["y", "y-lo-90", "y-hi-90", "z"]
    for name, half in zip("yz", kept.half_widths()[0], strict=True):
        np.testing.assert_allclose(predicted[f"{name}-hi-90"] - predicted[name], half, rtol=1e-3)
        inside = rows[name].between(predicted[f"{name}-lo-90"], predicted[f"{name}-hi-90"])
        assert inside.mean() > 0.8
    assert "cover" in (done.path / "card.md").read_text()
