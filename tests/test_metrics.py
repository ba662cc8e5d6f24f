"""Formats of metrics for readers."""

import pytest

from kerazoo.metrics import METRICS, with_rmse


@pytest.mark.parametrize(("value", "n"), [(1.0, 30), (0.0, 30), (0.5, 1), (0.9931, 10_000)])
def test_the_interval_of_a_proportion_stays_inside_0_and_1(value, n):
    low, high = (
        METRICS["accuracy"].with_error(value, 0.03, n).split("(")[1].rstrip(")").split(" to ")
    )
    assert 0 <= float(low) <= 100 * value <= float(high) <= 100 and float(low) < float(high)


def test_natural_units_have_thousands_marks_and_the_decimals_of_their_column():
    mse = METRICS["mse_natural"]
    assert mse.show(480559954.052) == "480,559,954" and mse.show(2.1) == "2.100"
    assert mse.show(15223.051, like=115144.7) == "15,223" and mse.show(0.0123) == "0.0123"
    values = with_rmse({"r2": 0.5, "mse_natural": 9.0, "mae_natural": 2.0})
    assert list(values) == ["r2", "mse_natural", "rmse_natural", "mae_natural"]
    assert values["rmse_natural"] == 3
