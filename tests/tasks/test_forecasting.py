"""Forecasting: baselines, errors and their standard errors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import kerazoo
from kerazoo import registry
from kerazoo.spec import Split
from kerazoo.tasks import forecasting


def test_the_errors_of_several_targets_are_reported_for_each():
    data = kerazoo.load_data("sine")
    both = dataclasses.replace(
        data,
        info=dataclasses.replace(data.info, targets=("small", "large")),
        test=Split(data.test.x, np.concatenate([data.test.y, data.test.y], axis=2)),
        series=dataclasses.replace(data.series, std=np.array([1.0, 1000.0])),
    )
    wrong = both.test.y + np.array([0.5, -0.1], np.float32)
    told = forecasting.Forecasting().score(wrong, both)
    small, large = (told.extra["by_target"][name] for name in ("small", "large"))
    assert small == pytest.approx({"mse": 0.25, "mae": 0.5, "mae_natural": 0.5}, rel=1e-5)
    assert large == pytest.approx({"mse": 0.01, "mae": 0.1, "mae_natural": 100.0}, rel=1e-4)
    assert told.value == pytest.approx((0.25 + 0.01) / 2, rel=1e-5)
    assert "by_target" not in forecasting.Forecasting().score(data.test.y, data).extra
    nrmse = forecasting.errors(data.test.y + np.float32(0.5), data)["nrmse"]
    assert nrmse == pytest.approx(0.5 / data.test.y.std(), rel=1e-4)


def test_seasonal_repeat_with_a_lead():
    x = np.arange(10.0)[None, :, None]
    # The last value is 9; steps 3, 4, 5, 6 ahead are 12, 13, 14, 15; one season of 4 before.
    assert forecasting._seasonal(x, 4, 3, 4)[0, :, 0].tolist() == [8, 9, 6, 7]


FORECAST_METRICS = forecasting.Forecasting.metrics


@pytest.mark.parametrize("metric", FORECAST_METRICS)
def test_value_and_standard_error_are_of_the_metric_that_was_asked_for(metric):
    """Against the scatter over bootstrap resamples of the windows, which knows no formula."""
    data = kerazoo.load_data("sine")
    data = dataclasses.replace(data, info=dataclasses.replace(data.info, metric=metric))
    random = np.random.RandomState(0)
    predicted = data.test.y + random.normal(0, 0.3, data.test.y.shape).astype("float32") ** 2
    outcome = forecasting.Forecasting().score(predicted, data)
    values = forecasting.errors(predicted, data)
    assert outcome.metric == metric and outcome.value == values[metric]
    assert metric not in outcome.also and len(outcome.also) == len(FORECAST_METRICS) - 1

    wrong = predicted.astype("float64") - data.test.y
    wrong *= data.series.std if metric.endswith("natural") else 1
    each = np.abs(wrong) if "mae" in metric else wrong**2
    draws = random.randint(0, len(each), (4_000, len(each)))
    again = each.mean(axis=(1, 2))[draws].mean(axis=1)
    if metric == "nrmse":
        again = np.sqrt(again) / data.test.y.std()
    # These errors are independent; stretches of windows tell their scatter less exactly.
    assert outcome.standard_error == pytest.approx(again.std(), rel=0.3)


def test_a_forecaster_is_trained_and_evaluated_with_its_plots(in_tmp):
    few = {"epochs": 1, "lookback": 8, "train_examples": 64}
    done = kerazoo.train(
        "stacked_lstm@sine", settings=few, engine="plain", out="run", progress=False
    )
    assert {"mse", "mae", "mae_natural"} <= {done.metrics["metric"], *done.metrics["also"]}
    assert {p.name for p in done.plots} == {"learning_curves.png", "forecasts.png"}
    again = kerazoo.evaluate("run")
    assert again.same and again.metric == "mse"
    assert registry.metric_of(registry.get_entry("stacked_lstm@sine")).higher_is_better is False


def test_baseline_forecasts_are_what_their_names_say(monkeypatch):
    data = kerazoo.load_data("sine")
    found = forecasting.baseline_forecasts(data.train, data)
    x, y = data.test
    assert set(found) == {"repeat_last", "seasonal_repeat", "linear", "linear_from_last"}
    np.testing.assert_array_equal(found["repeat_last"], np.repeat(x[:, -1:], 24, axis=1))
    np.testing.assert_array_equal(found["seasonal_repeat"], x[:, -24:])
    theirs = LinearRegression().fit(data.train.x[..., 0], data.train.y[..., 0])
    ours, theirs = (f.reshape(y.shape) - y for f in (found["linear"], theirs.predict(x[..., 0])))
    assert (ours**2).mean() == pytest.approx((theirs**2).mean(), rel=0.02)
    monkeypatch.setattr(forecasting, "NUMBERS", 1_000)  # fewer windows in memory at once
    for name, again in forecasting.baseline_forecasts(data.train, data).items():
        np.testing.assert_allclose(again, found[name], rtol=1e-6, atol=1e-8)


def windows_of_zeros(n: int):
    """The sine data with another number of test windows, and their horizon."""
    data = kerazoo.load_data("sine")
    horizon = data.test.y.shape[1]
    split = Split(np.zeros((n, 1, 1), "float32"), np.zeros((n, horizon, 1), "float32"))
    return dataclasses.replace(data, test=split), horizon


def test_two_stretches_say_as_much_of_their_scatter_as_two_values_can():
    data, horizon = windows_of_zeros(48)
    wrong = np.repeat([1.0, 3.0], horizon)[:, None, None] * np.ones((1, horizon, 1))
    # Two stretches with MSEs of 1 and 9: their sample deviation is 8 / √2, that of the mean 4.
    assert forecasting.standard_error("mse", wrong, data) == pytest.approx(4.0)


def test_the_standard_error_knows_that_neighboring_windows_err_alike():
    """Against many draws of a series whose errors last: what one draw says of its own mean."""
    random, n = np.random.RandomState(0), 2_000
    data, horizon = windows_of_zeros(n)
    means, reported = [], []
    for _ in range(60):
        noise = random.normal(size=n + 400)
        slow = np.convolve(noise, np.ones(20) / 20**0.5, mode="same")[200 : 200 + n]
        wrong = np.repeat(slow[:, None, None], horizon, axis=1).astype("float32")
        means.append(float((wrong**2).mean()))
        reported.append(forecasting.standard_error("mse", wrong, data))
    assert np.mean(reported) == pytest.approx(np.std(means), rel=0.3)
    assert (slow**2).std() / n**0.5 < np.std(means) / 2, "as if windows were independent"
