"""Plots: what they show, and foreign names on them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import kerazoo
from kerazoo.metrics import metric
from kerazoo.plots import figure as figures
from kerazoo.plots.confusion_matrix import confusion_matrix
from kerazoo.plots.forecasts import forecasts
from kerazoo.plots.images import grid, worst_errors, write_grid
from kerazoo.plots.learning_curves import Curve, learning_curves
from kerazoo.plots.seeds import Mark, axis_limits, seeds_plot
from kerazoo.tasks._scores import Scores


@pytest.mark.parametrize("values", [[0.9944] * 5, [0.99], [0.98, 0.99, 0.97]])
def test_seeds_plot_shows_every_value_and_whole_names(values):
    name = "an author with a very long name, in a journal with a very long name, table 3"
    marks = [Mark("baseline", "majority class", 0.08), Mark("published", name, 0.9925)]
    (axes,) = seeds_plot(metric("accuracy"), values, marks).axes
    low, high = axes.get_xlim()
    dots = next(line for line in axes.lines if len(line.get_xdata()) == len(values))
    assert list(dots.get_xdata()) == values
    assert len(set(dots.get_ydata())) == len(values), "equal values do not hide each other"
    assert all(low <= x <= high for line in axes.lines[1:] for x in line.get_xdata())
    labels = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    assert labels[1:] == ["baseline: majority class", f"published: {name}"]
    right = [label.get_text() for label in axes.child_axes[0].get_yticklabels()]
    assert right[1:] == ["8.00 %", "99.25 %"]


def test_axis_of_the_seeds_is_not_widened_by_what_is_far_away():
    low, high = axis_limits([0.98, 0.99], [Mark("baseline", "", v) for v in (0.97, 0.1)])
    assert 0.1 < low < 0.97 and 0.99 < high < 1
    low, high = axis_limits([0.98, 0.98], [])
    assert low < 0.98 < high


def test_where_no_image_is_wrong_the_least_sure_are_shown():
    data = kerazoo.load_data("digits")
    n = len(data.test.y)
    right = np.full((n, 10), 0.01)
    right[np.arange(n), data.test.y] = 0.91
    right[5] = np.where(np.arange(10) == data.test.y[5], 0.55, 0.05)
    labels = tuple(f"a class called {i}" for i in range(10))
    data = dataclasses.replace(data, info=dataclasses.replace(data.info, labels=labels))
    shown = worst_errors("", Scores(right, data.test.y), data).axes
    assert len(shown) == 8
    title = shown[0].get_title().replace("\n", " ")
    assert title == f"a class called {data.test.y[5]} (55%)"


def test_names_are_shown_as_they_are_and_many_classes_without_names(tmp_path):
    right = Scores(np.eye(3, dtype="float32"), np.arange(3))
    names = ("$5% - $10%", "a_$b_$", "$^$")
    figures.save(confusion_matrix("$1", right, names), tmp_path / "few.png")
    cells = confusion_matrix("", right, names).axes[0].texts
    assert [cell.get_text() for cell in cells] == ["100.0%\n1"] * 3
    many = Scores(np.eye(1500, dtype="float32"), np.arange(1500))
    figure = confusion_matrix("many", many, tuple(map(str, range(1500))))
    assert max(figure.get_size_inches()) < 30 and len(figure.axes[0].get_xticks()) < 100


def test_a_letter_that_the_font_lacks_comes_from_another(monkeypatch):
    def image(fonts):
        monkeypatch.setattr(figures, "_other_fonts", lambda: fonts)
        figure = figures.new_figure(2, 1)
        figure.suptitle("\u1d81")  # in STIXGeneral, which matplotlib brings, not in DejaVu Sans
        return figures.to_bytes(figure)

    assert image(["STIXGeneral"]) != image([])


@pytest.mark.parametrize(
    ("step", "several"), [("hour", "hours"), ("10 minutes", "steps of 10 minutes")]
)
def test_axis_of_a_forecast_names_its_steps(step, several):
    data = kerazoo.load_data("sine")
    windows = dataclasses.replace(data.series.windows, step=step)
    data = dataclasses.replace(data, series=dataclasses.replace(data.series, windows=windows))
    (label,) = {a.get_xlabel() for a in forecasts("sine", data.test.y, {}, data).axes}
    assert label.startswith(several)


def test_windows_of_a_forecast_have_dates():
    data = kerazoo.load_data("sine")
    windows = dataclasses.replace(data.series.windows, first="2024-01-31 22:00", freq="h")
    starts = {"test": data.series.starts["test"] - data.series.starts["test"][0]}
    series = dataclasses.replace(data.series, windows=windows, starts=starts)
    panels = forecasts("sine", data.test.y, {}, dataclasses.replace(data, series=series)).axes
    place = np.linspace(0, data.test.examples - 1, len(panels) + 2).astype(int)[1]
    assert str(np.datetime64("2024-01-31T22") + place).replace("T", " ") in panels[0].get_title()


def test_learning_curves_hide_no_value_and_mark_the_switch_to_all_layers():
    losses, errors = [40.0, 1.0, 0.2, 0.1], [0.9, 0.5, 0.0, 0.0]
    rows = enumerate(zip(losses, errors, strict=True), start=1)
    history = [{"epoch": n, "loss": a, "accuracy": 1 - b} for n, (a, b) in rows]
    curves = [Curve("loss", "loss", -0.5), Curve("loss", "loss", 0.1), Curve("accuracy", "", 1.0)]
    negative, steep, zero = learning_curves("", history, curves, head_epochs=2).axes
    assert negative.get_ylim()[0] < -0.5 and zero.get_ylim()[0] == 0
    assert (negative.get_yscale(), steep.get_yscale()) == ("linear", "log")
    for axes in (negative, steep, zero):
        assert [2.5, 2.5] in [list(line.get_xdata()) for line in axes.lines]


def test_grid_places_images_in_rows(tmp_path):
    images = np.zeros((5, 2, 3, 3), np.uint8)
    images[4] = 255
    whole = grid(images)
    assert whole.shape == (2 * (2 + 2) + 2, 3 * (3 + 2) + 2, 3)
    assert (whole[6:8, 7:10] == 255).all() and whole[6:8, 2:5].max() == 0
    write_grid(np.zeros((1, 500, 400, 1), np.uint8), tmp_path / "large.png")
