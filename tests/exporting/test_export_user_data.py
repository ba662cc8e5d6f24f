"""Exports of models fine-tuned on user data: raw rows, natural units and raw texts go in."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kerazoo
from kerazoo.datasets._images import read_image
from tests.conftest import QUIET
from tests.exporting.conftest import run_onnx
from tests.user_data import NAMES, SERIES, series


def exported(path, format, out):
    """The certificate, which passes with the metric of the run, and the JSON files."""
    certificate = kerazoo.export(path, format, out)
    assert certificate.passed, certificate.problems
    metrics = json.loads((path / "metrics.json").read_text())
    assert certificate.before == pytest.approx(metrics["value"], rel=1e-5)
    return certificate, {p.name: json.loads(p.read_text()) for p in out.glob("*.json")}


def test_raw_rows_go_into_a_saved_model(tuned, user_file, tmp_path):
    """With columns.json and TensorFlow alone."""
    import tensorflow as tf

    path, data = tuned("table"), user_file("table")
    expected = kerazoo.predict(path, data).frame[["p(big)", "p(small)"]].to_numpy()
    certificate, side_files = exported(path, "saved_model", tmp_path / "out")
    assert side_files["labels.json"] == ["big", "small"]
    columns = side_files["columns.json"]["columns"]
    assert len({c["input"].lower() for c in columns}) == len(NAMES)
    frame, rows = pd.read_csv(data, dtype={"名前": str}), {}
    for c in columns:
        assert c["input"].isascii() and c["input"].isidentifier()
        values, numeric = frame[c["name"]], c["categories"] is None
        values = values.to_numpy(np.float32) if numeric else values.fillna("").to_numpy(object)
        rows[c["input"]] = tf.constant(values[:, None])
    serve = tf.saved_model.load(certificate.path).signatures["serving_default"]
    np.testing.assert_allclose(serve(**rows)["output_0"], expected, rtol=1e-4, atol=1e-6)


def test_features_of_rows_go_into_onnx_and_rows_are_limited(tuned, refused, tmp_path):
    import onnxruntime

    certificate = kerazoo.export(tuned("table"), "onnx", tmp_path / "out", rows=10)
    assert certificate.passed and (certificate.examples, certificate.test_examples) == (10, 24)
    columns = json.loads((tmp_path / "out" / "columns.json").read_text())
    (given,) = onnxruntime.InferenceSession(certificate.path).get_inputs()
    assert given.shape[1] == len(columns["features"])
    copy = shutil.copytree(tuned("table"), tmp_path / "copy")
    assert kerazoo.export(copy, "keras").path.parent == copy / "export-keras"
    (copy / "model.keras").unlink()
    assert "model.keras" in refused("export", copy, "--format", "onnx")
    assert not (copy / "export-onnx").exists()


def test_raw_rows_of_numbers_go_into_onnx(tmp_path):
    import onnxruntime

    random = np.random.RandomState(0)
    rows = pd.DataFrame(random.normal(size=(60, 2)), columns=["a b", "A b"])
    rows["seconds"] = 1.7e9 + random.randint(0, 10_000, 60)
    rows["y"] = rows["a b"] + rows["seconds"] / 5_000
    rows.loc[3, "A b"] = np.nan
    out = {"out": tmp_path / "run", "scratch": False, **QUIET}
    run = kerazoo.finetune("mlp", rows, target="y", epochs=2, **out)
    certificate = kerazoo.export(run.path, "onnx", tmp_path / "out", data=rows)
    assert certificate.passed, certificate.problems
    columns = json.loads((tmp_path / "out" / "columns.json").read_text())["columns"]
    types = {c["name"]: "float64" if c["name"] == "seconds" else "float32" for c in columns}
    values = {c["input"]: rows[[c["name"]]].to_numpy(types[c["name"]]) for c in columns}
    found = onnxruntime.InferenceSession(certificate.path).run(None, values)[0]
    expected = kerazoo.predict(run, rows).frame[["y"]]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_windows_with_covariates_are_exported(tmp_path):
    t = np.arange(120.0)
    rows = pd.DataFrame({"price": 50 + t % 7, "load": 9e3 + t % 5, "holiday": t % 7 == 0})
    options = {"past_covariates": "load", "future_covariates": "holiday", "time": "none"}
    out = {"out": tmp_path / "run", "scratch": False, **QUIET}
    wanted = {"target": "price", "horizon": 3, "lookback": 8, "epochs": 1}
    run = kerazoo.finetune("stacked_lstm", rows, **wanted, **options, **out)
    for format in ("keras", "onnx"):
        certificate = kerazoo.export(run.path, format, tmp_path / format, data=rows)
        assert certificate.passed, certificate.problems


def test_natural_units_go_into_onnx_and_come_out(tuned, user_file, tmp_path):
    path, data = tuned("series"), user_file("series")
    certificate, side_files = exported(path, "onnx", tmp_path / "out")
    assert side_files["series.json"]["units"] == "natural"
    assert 1e-4 < certificate.difference < certificate.tolerance < 2e-3, "rounding is allowed for"
    window = pd.read_csv(data)["price"].to_numpy(np.float32)[None, -2:, None]
    outputs = run_onnx(certificate.path, window)[0, :, 0]
    expected = kerazoo.predict(path, data).frame["price"]
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)
    assert 49_950 < outputs.mean() < 50_050


def test_images_go_into_onnx_as_they_are(tuned, user_file, tmp_path):
    """Dark on light: what the model inverts is inside the export."""
    path = tuned("images")
    certificate, _ = exported(path, "onnx", tmp_path / "out")
    files = sorted(user_file("images").rglob("*.png"))[:3]
    x = np.stack([read_image(file, (28, 28, 1)).pixels for file in files])
    assert x.mean() > 128
    found = run_onnx(certificate.path, x.astype(np.float32))
    expected = [list(p.probabilities.values()) for p in kerazoo.predict(path, files)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["keras", "saved_model", "onnx", "litert"])
def test_values_of_sixteen_bits_go_into_every_format(format, tmp_path):
    random = np.random.RandomState(0)
    for i in range(40):
        level = 900 if i % 2 else 3_000
        image = np.clip(random.normal(level, 300, (28, 28)), 0, 4_095).astype(np.uint16)
        path = tmp_path / "data" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(4_095 - image if i == 1 else image).save(path)
    options = {"epochs": 2, "scratch": False, "invert": "yes", **QUIET}
    kerazoo.finetune("mlp", tmp_path / "data", weights=None, out=tmp_path / "run", **options)
    certificate, _ = exported(tmp_path / "run", format, tmp_path / "out")
    assert certificate.difference < 1e-4


SIDE_FILES = {
    "images": {"labels.json"},
    "table": {"labels.json", "columns.json"},
    "series": {"series.json"},
    "texts": {"labels.json"},
    "unlabeled": set(),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "format"),
    [
        ("images", "litert"),
        ("images", "saved_model"),
        ("table", "litert"),
        ("series", "litert"),
        ("series", "saved_model"),
        ("texts", "onnx"),
        ("texts", "saved_model"),
        ("unlabeled", "litert"),
    ],
)
def test_every_kind_of_data_is_exported(kind, format, tuned, tmp_path):
    certificate, side_files = exported(tuned(kind), format, tmp_path / "out")
    assert set(side_files) - SIDE_FILES[kind] == {f"{certificate.entry}.certificate.json"}
    assert (certificate.texts is not None) == (kind == "texts" and format == "saved_model")
    vocabulary = certificate.path.parent / "vocabulary.txt"
    assert vocabulary.exists() == (kind == "texts")
    if kind == "texts":
        lines = vocabulary.read_text(encoding="utf-8").split("\n")
        assert lines[:2] == ["", "[UNK]"] and {"great", "awful"} < set(lines[2:])


@pytest.mark.slow
def test_values_that_float32_cannot_hold_fail(tmp_path):
    """The export is compared with the network that was trained, not with the model around it."""
    series(tmp_path / "large.csv", level=1e7)
    options = {**SERIES, "epochs": 1, "out": tmp_path / "run", **QUIET}
    run = kerazoo.finetune("stacked_lstm", tmp_path / "large.csv", **options)
    certificate = kerazoo.export(run.path, "keras")
    assert certificate.before == pytest.approx(run.metrics["value"], rel=1e-6)
    assert not certificate.passed and certificate.difference > certificate.tolerance
