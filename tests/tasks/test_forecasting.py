"""Forecasting: baselines, errors and their standard errors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.datasets._cache import load_data
from kerazoo.metrics import METRICS
from kerazoo.spec import Split
from kerazoo.tasks import forecasting
from tests.conftest import real_data_missing


def test_the_errors_of_several_targets_are_reported_for_each():
    data = load_data("sine")
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


def test_baseline_forecasts_are_what_their_names_say():
    data = load_data("sine")
    reported = forecasting.baseline_forecasts(data.train, data)
    x, y = data.test.x, data.test.y
    assert set(reported) == {"repeat_last", "seasonal_repeat", "linear", "linear_from_last"}
    np.testing.assert_array_equal(reported["repeat_last"], np.repeat(x[:, -1:], 24, axis=1))
    np.testing.assert_array_equal(reported["seasonal_repeat"], x[:, -24:])
    for name, forecast in reported.items():
        assert forecast.shape == y.shape, name


def test_seasonal_repeat_with_a_lead():
    x = np.arange(10.0)[None, :, None]
    # The last value is 9; steps 3, 4, 5, 6 ahead are 12, 13, 14, 15; one season of 4 before.
    assert forecasting._seasonal(x, 4, 3, 4)[0, :, 0].tolist() == [8, 9, 6, 7]


def test_linear_baseline_is_scikit_learns():
    from sklearn.linear_model import LinearRegression

    data = load_data("sine")
    flat = data.train.x[:, :, 0], data.train.y[:, :, 0]
    theirs = LinearRegression().fit(*flat).predict(data.test.x[:, :, 0])
    ours = forecasting.baseline_forecasts(data.train, data)["linear"][:, :, 0]
    error = ((theirs - data.test.y[:, :, 0]) ** 2).mean()
    assert ((ours - data.test.y[:, :, 0]) ** 2).mean() == pytest.approx(error, rel=0.02)


def test_errors_in_both_units():
    data = load_data("sine")
    wrong = forecasting.errors(data.test.y + np.float32(0.5), data)
    assert wrong["mse"] == pytest.approx(0.25, rel=1e-5)
    assert wrong["mae"] == pytest.approx(0.5, rel=1e-5)
    assert wrong["mae_natural"] == pytest.approx(0.5 * data.series.std[0], rel=1e-5)
    assert wrong["nrmse"] == pytest.approx(0.5 / data.test.y.std(), rel=1e-4)
    assert set(wrong) <= set(METRICS)


def test_mackey_glass_starts_like_a_fine_integration():
    from kerazoo.datasets import mackey_glass

    before = mackey_glass.TRANSIENT
    try:
        mackey_glass.TRANSIENT = 0
        ours = mackey_glass.integrate(100)
    finally:
        mackey_glass.TRANSIENT = before
    step, delay = 0.002, 8500
    x = [1.2] * (delay + 1)
    for i in range(99 * 500):
        past = x[i]
        x.append(x[-1] + step * (0.2 * past / (1 + past**10) - 0.1 * x[-1]))
    np.testing.assert_allclose(ours, x[delay::500], atol=2e-3)


FORECAST_METRICS = forecasting.Forecasting.metrics


@pytest.mark.parametrize("metric", FORECAST_METRICS)
def test_value_and_standard_error_are_of_the_metric_that_was_asked_for(metric):
    """Against the scatter over bootstrap resamples of the windows, which knows no formula."""
    data = load_data("sine")
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


@pytest.mark.usefixtures("real_data")
def test_etth1_baselines_are_the_known_figures():
    """Measured elsewhere on the same protocol: 2,857 windows, ridge on 96 values."""
    if real_data_missing("etth1"):
        pytest.skip(real_data_missing("etth1"))
    data = load_data("etth1")
    assert len(data.test) == 2_857
    simple = forecasting.Forecasting().baselines(data.train, data).simple
    known = {
        "repeat_last": (0.0343, 0.139),
        "seasonal_repeat": (0.0458, 0.166),
        "linear": (0.0276, 0.1241),
    }
    for name, (mse, mae) in known.items():
        assert simple[name]["mse"] == pytest.approx(mse, abs=1e-4), name
        assert simple[name]["mae"] == pytest.approx(mae, abs=5e-4), name
    several = load_data("etth1_multivariate")
    simple = forecasting.Forecasting().baselines(several.train, several).simple
    assert simple["seasonal_repeat"]["mse"] == pytest.approx(0.424, abs=1e-3)
    assert simple["seasonal_repeat"]["mae"] == pytest.approx(0.389, abs=1e-3)


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


def test_two_stretches_say_as_much_of_their_scatter_as_two_figures_can():
    data = load_data("sine")
    horizon = data.test.y.shape[1]
    own = dataclasses.replace(
        data, test=Split(np.zeros((2 * horizon, 1, 1)), np.zeros((2 * horizon, horizon, 1)))
    )
    wrong = np.repeat([1.0, 3.0], horizon)[:, None, None] * np.ones((1, horizon, 1))
    # Two stretches with MSEs of 1 and 9: their sample deviation is 8 / √2, that of the mean 4.
    assert forecasting.standard_error("mse", wrong, own) == pytest.approx(4.0)


def test_linear_forecasts_do_not_depend_on_how_many_windows_are_held(monkeypatch):
    data = load_data("sine")
    whole = forecasting.baseline_forecasts(data.train, data)
    monkeypatch.setattr(forecasting, "NUMBERS", 1_000)
    for name, reported in forecasting.baseline_forecasts(data.train, data).items():
        np.testing.assert_allclose(reported, whole[name], rtol=1e-6, atol=1e-8)


def test_the_standard_error_knows_that_neighbouring_windows_err_alike():
    """Against many draws of a series whose errors last: what one draw says of its own mean."""
    random = np.random.RandomState(0)
    data = kerazoo.load_data("sine")
    n, horizon = 2_000, data.test.y.shape[1]
    means, reported, simple = [], [], []
    for _ in range(60):
        noise = random.normal(size=n + 400)
        slow = np.convolve(noise, np.ones(20) / 20**0.5, mode="same")[200 : 200 + n]
        wrong = np.repeat(slow[:, None, None], horizon, axis=1)
        split = Split(np.zeros((n, 1, 1), "float32"), np.zeros((n, horizon, 1), "float32"))
        own = dataclasses.replace(data, test=split)
        means.append(float((wrong**2).mean()))
        reported.append(forecasting.standard_error("mse", wrong.astype("float32"), own))
        simple.append(float((slow**2).std() / n**0.5))
    true = np.std(means)
    assert np.mean(reported) == pytest.approx(true, rel=0.3)
    assert np.mean(simple) < true / 2
