"""Every kind of fine-tuned model leaves in every format, and the certificate is of its own data."""

from __future__ import annotations

import json

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn import datasets as sklearn_datasets

import kerazoo

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="exports need TensorFlow"),
]
FORMATS = ("keras", "saved_model", "onnx", "litert")
FAST = {"epochs": 2, "scratch": False, "progress": False}


def table(folder):
    rows = sklearn_datasets.load_wine(as_frame=True).frame
    rows["stony"] = np.where(rows["ash"] > 2.3, "yes", "no")
    rows.to_csv(folder / "wine.csv", index=False)
    return kerazoo.finetune("mlp", folder / "wine.csv", target="target", out=folder / "run", **FAST)


def series(folder):
    hours = np.arange(400)
    price = 100 + 10 * np.sin(2 * np.pi * hours / 24) + np.random.RandomState(0).normal(size=400)
    dates = pd.date_range("2024-01-01", periods=400, freq="h")
    pd.DataFrame({"date": dates, "price": price}).to_csv(folder / "s.csv", index=False)
    wishes = {"target": "price", "horizon": 6, "lookback": 24, "out": folder / "run"}
    return kerazoo.finetune("stacked_lstm", folder / "s.csv", **wishes, **FAST)


def texts(folder):
    kinds = {"great": "good", "wonderful": "good", "awful": "bad", "terrible": "bad"}
    rows = [(f"a {word} film, truly {word}", kind) for word, kind in kinds.items()] * 6
    pd.DataFrame(rows, columns=["body", "label"]).to_csv(folder / "reviews.csv", index=False)
    wishes = {"text": "body", "target": "label", "out": folder / "run"}
    return kerazoo.finetune("text_cnn", folder / "reviews.csv", **wishes, **FAST)


def drawings(folder):
    (folder / "pictures").mkdir()
    for i, x in enumerate(kerazoo.load_data("digits").train.x[:120]):
        Image.fromarray(x.squeeze(-1)).save(folder / "pictures" / f"{i}.png")
    return kerazoo.finetune("dcgan", folder / "pictures", out=folder / "run", **FAST)


BESIDE = {  # what lies beside the network and its certificate
    table: {"labels.json", "columns.json"},
    series: {"series.json"},
    texts: {"labels.json", "vocabulary.txt"},
    drawings: set(),
}


@pytest.fixture(scope="module", params=list(BESIDE), ids=lambda make: make.__name__)
def made(request, tmp_path_factory):
    return request.param, request.param(tmp_path_factory.mktemp(request.param.__name__))


@pytest.mark.parametrize("format", FORMATS)
def test_a_run_is_exported_and_certified(made, format):
    make, done = made
    certificate = kerazoo.export(done.path, format)
    assert certificate.passed
    assert certificate.before == pytest.approx(done.metrics["value"], rel=1e-5)
    folder = done.path / f"export-{format}"
    there = {p.name for p in folder.iterdir()}
    assert len(there) == 2 + len(BESIDE[make])
    assert BESIDE[make] <= there
    written = json.loads(next(folder.glob("*.certificate.json")).read_text())
    assert written["passed"]
    if make is table:
        inputs = [c["input"] for c in json.loads((folder / "columns.json").read_text())["columns"]]
        raw = format in ("keras", "saved_model")
        assert ("alcohol" in inputs) and (("raw rows" in written["notes"][-1]) == raw)
    if make is series:
        assert json.loads((folder / "series.json").read_text())["units"] == "natural"


AWKWARD = (
    "petal length (cm)",
    "a/b",
    "größe",
    "Größe",
    "große",
    "名前",
    "1st",
    "class",
    "self",
    "where_1",
)


def test_rows_of_any_names_go_raw_into_a_saved_model(tmp_path):
    """Read by TensorFlow alone, with columns.json beside it."""
    import tensorflow as tf

    random = np.random.RandomState(0)
    rows = pd.DataFrame({name: random.normal(size=80).round(3) for name in AWKWARD})
    rows.loc[::7, "a/b"] = np.nan
    rows["名前"] = random.choice(["x", "y", ""], 80)
    rows["kind"] = np.where(rows["1st"] + (rows["名前"] == "x") > 0.4, "big", "small")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    out = tmp_path / "run"
    done = kerazoo.finetune("mlp", tmp_path / "rows.csv", target="kind", out=out, **FAST)
    expected = kerazoo.predict(done.path, tmp_path / "rows.csv").frame
    certificate = kerazoo.export(done.path, "saved_model")
    assert certificate.passed
    folder = certificate.path.parent
    columns = json.loads((folder / "columns.json").read_text())["columns"]
    assert len({c["input"] for c in columns}) == len(AWKWARD)
    read = pd.read_csv(tmp_path / "rows.csv", dtype={"名前": str}, keep_default_na=True)
    given = {}
    for c in columns:
        assert c["input"].isascii() and c["input"].isidentifier()
        values = read[c["name"]]
        if c["categories"] is None:
            given[c["input"]] = tf.constant(values.to_numpy(np.float32)[:, None])
        else:
            given[c["input"]] = tf.constant(values.fillna("").to_numpy(dtype=object)[:, None])
    loaded = tf.saved_model.load(folder / certificate.path.name)
    said = loaded.signatures["serving_default"](**given)
    np.testing.assert_allclose(
        said["output_0"], expected[["p(big)", "p(small)"]].to_numpy(), rtol=1e-4, atol=1e-6
    )


def test_a_forecast_leaves_onnx_in_natural_units(tmp_path):
    import onnxruntime

    done = series(tmp_path)
    path = kerazoo.export(done.path, "onnx").path
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    window = pd.read_csv(tmp_path / "s.csv")["price"].to_numpy(np.float32)[None, -24:, None]
    (given,) = session.get_inputs()
    said = session.run(None, {given.name: window})[0][0, :, 0]
    expected = kerazoo.predict(done.path, tmp_path / "s.csv").frame["price"]
    np.testing.assert_allclose(said, expected, rtol=1e-4)
    assert 70 < said.mean() < 130


@pytest.mark.parametrize(("level", "format"), [(50_000, "onnx"), (50_000, "saved_model")])
def test_rounding_of_large_values_is_not_taken_for_a_fault(tmp_path, level, format):
    hours = np.arange(2000)
    price = level + 10 * np.sin(hours * np.pi / 12) + np.random.RandomState(0).normal(size=2000)
    frame = pd.DataFrame({"price": price})
    wishes = {"target": "price", "horizon": 24, "lookback": 24, "out": tmp_path / "run"}
    kerazoo.finetune("stacked_lstm", frame, **wishes, **FAST)
    certificate = kerazoo.export(tmp_path / "run", format, data=frame)
    assert certificate.passed, certificate.problems
    assert 1e-4 < certificate.difference < certificate.tolerance < 2e-3


def test_an_export_that_float32_cannot_hold_fails(tmp_path, capsys):
    """What is compared with is the network that was trained, not the model around it."""
    price = 1e7 + 2 * np.sin(np.arange(400) / 4)
    frame = pd.DataFrame({"price": price})
    wishes = {"target": "price", "horizon": 4, "lookback": 24, "out": tmp_path / "run"}
    done = kerazoo.finetune("stacked_lstm", frame, epochs=2, scratch=False, **wishes)
    assert "float32 rounds them by up to 0.8 standard" in capsys.readouterr().err
    certificate = kerazoo.export(tmp_path / "run", "keras", data=frame)
    assert certificate.before == pytest.approx(done.metrics["value"], rel=1e-6)
    assert not certificate.passed and "an output differs" in certificate.problems[0]
