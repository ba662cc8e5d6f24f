"""Everything that is returned: one line in a prompt, tables and plots in a notebook."""

from __future__ import annotations

from pathlib import Path

import pytest

import kerazoo
from kerazoo import registry
from kerazoo._parts import LONG_TABLE, Bullets, Shown, Table, html
from kerazoo.evidence import reference
from kerazoo.evidence.verify import Bound, FreshRun, Report
from kerazoo.training import run_directory
from tests.pages import Page


def shown(thing: Shown) -> Page:
    line = repr(thing)
    assert len(line.splitlines()) == 1 and len(line) < 400
    page = Page(thing._repr_html_())
    assert line in page.text
    return page


def test_a_run_shows_metrics_epochs_and_plots(whole):
    run = run_directory.load(whole)
    page = shown(run)
    assert page.tags.count("img") == len(run.plots) > 1
    assert page.tags.count("tr") == 1 + 1 + len(run.metrics["also"]) + 1 + len(run.history)
    assert f"{100 * run.metrics['value']:.2f}" in repr(run)
    assert f"{100 * run.history[-1]['accuracy']:.2f} %" in page.text


def test_a_report_shows_its_verdict():
    recorded = reference.read(registry.get_entry("mnist_cnn_small@digits")).tiers["full"]
    for value, passed in ((recorded.mean, True), (0.5, False)):
        runs = (FreshRun(7, value, None, Path("nowhere")),)
        bound, entry = Bound(0.9, "floor"), "mnist_cnn_small@digits"
        report = Report(entry, "full", "accuracy", runs, recorded, bound, (), ("a note",))
        assert shown(report).tags.count("tr") == 1 + len(report.rows)
        assert ("PASS" in repr(report)) is passed is report.passed


def test_data_evaluation_predictions_and_certificate(in_tmp):
    data, entry = kerazoo.load_data("digits"), "mnist_cnn_small@digits"
    assert "1,077" in repr(data) and shown(data).tags.count("tr") == 4
    assert shown(kerazoo.evaluate(entry)).tags.count("tr") > 1
    predictions = kerazoo.predict(entry, [*data.test.x[:2], "<b>.png"])
    page = shown(predictions)
    assert page.tags.count("tr") == 4 and "b" not in page.tags
    assert str(data.test.y[0]) in repr(predictions[0]) and shown(predictions[2])
    assert shown(kerazoo.predictor(entry))
    assert shown(kerazoo.export(entry, "keras")).tags.count("tr") > 3


def test_user_data_and_what_it_trained(user_file, tuned):
    user = kerazoo.from_table(user_file("table"), target="kind")
    assert shown(user).tags.count("li") == len(str(user).splitlines())
    predictions = kerazoo.predict(tuned("table"), user_file("table"))
    assert shown(predictions).tags.count("li") == len(predictions.notes)


@pytest.mark.parametrize("rows", [LONG_TABLE, LONG_TABLE + 1])
def test_a_long_table_is_folded(rows):
    page = Page(html(Table(("a",), [(i,) for i in range(rows)])))
    assert ("details" in page.tags) == (rows > LONG_TABLE) and page.tags.count("td") == rows
    assert "<script>" in Page(html(Bullets(["<script>"]))).text and html(Bullets([])) == ""
