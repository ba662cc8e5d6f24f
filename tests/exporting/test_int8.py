"""Formats of 8-bit integers: a fraction of the size, certified by the accuracy."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kerazoo
from kerazoo.exporting import export
from kerazoo.exporting.formats._int8 import EXAMPLES, calibration_examples
from kerazoo.spec import Split
from tests.exporting.test_export import INT8, SMALL, read_alone


@pytest.mark.parametrize("format", INT8)
def test_an_export_has_a_quarter_of_the_size_and_its_runtime_needs_no_kerazoo(format, tmp_path):
    certificate = kerazoo.export(SMALL, format, tmp_path / "out")
    assert certificate.passed and "not judged" in certificate.table.rows[0]
    written = json.loads((tmp_path / "out" / f"{SMALL}.certificate.json").read_text())
    assert written["tolerance"] is None
    assert written["allowed"] < written["metric_tolerance"] == 1 / 360, "one example"
    weights = sum(w.size for w in kerazoo.build(SMALL).get_weights())
    assert weights < certificate.bytes < 1.2 * weights
    x = kerazoo.load_data("digits").test.x.astype(np.float32)
    expected = kerazoo.build("mnist_cnn_small", weights="digits").predict(x, verbose=0)
    found = read_alone(format.removesuffix("_int8"), certificate.path, x)
    difference = np.abs(found - expected).max()
    assert difference == pytest.approx(certificate.difference, rel=1e-3) and 1e-3 < difference < 0.1
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("format", INT8)
def test_wrong_calibration_fails(format, monkeypatch, tmp_path):
    monkeypatch.setattr(export, "calibration_examples", lambda train: np.zeros_like(train.x[:5]))
    certificate = kerazoo.export(SMALL, format, tmp_path / "out")
    assert not certificate.passed and certificate.after < 0.9 < certificate.before


@pytest.mark.parametrize("format", INT8)
def test_a_run_that_inverts_images_is_exported(format, tuned, tmp_path):
    path = tuned("images")
    certificate = kerazoo.export(path, format, tmp_path / "out")
    value = json.loads((path / "metrics.json").read_text())["value"]
    assert certificate.passed and certificate.before == value and certificate.difference < 0.1


def test_calibration_examples_are_a_fixed_sample_of_the_whole_split():
    train = Split(np.arange(5_000), np.zeros(5_000))
    chosen = calibration_examples(train)
    np.testing.assert_array_equal(chosen, calibration_examples(train))
    assert len(set(chosen)) == EXAMPLES and chosen.max() > 4_500 and list(chosen) != sorted(chosen)
    assert len(calibration_examples(Split(np.arange(7), np.arange(7)))) == 7
