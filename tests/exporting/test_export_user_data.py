"""Exports of models fine-tuned on user data: raw rows, natural units and raw texts go in."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import kerazoo

FORMATS = ("keras", "saved_model", "onnx", "litert")
FAST = {
    "epochs": 1,
    "weights": None,
    "scratch": False,
    "plots": False,
    "progress": False,
    "engine": "plain",
}
NAMES = (  # of columns, which a SavedModel cannot take as they are
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


def table(directory):
    random = np.random.RandomState(0)
    rows = pd.DataFrame({name: random.normal(size=80).round(3) for name in NAMES})
    rows.loc[::7, "a/b"] = np.nan
    rows["名前"] = random.choice(["x", "y", ""], 80)
    rows["kind"] = np.where(rows["1st"] + (rows["名前"] == "x") > 0.4, "big", "small")
    rows.to_csv(directory / "data.csv", index=False)
    return "mlp", directory / "data.csv", {"target": "kind"}


def series(directory, level=50_000, length=400):
    """Values so large that their rounding in float32 is more than other exports may differ by."""
    noise = np.random.RandomState(0).normal(size=length)
    price = level + 10 * np.sin(np.arange(length) * np.pi / 12) + noise
    dates = pd.date_range("2024-01-01", periods=length, freq="h")
    frame = pd.DataFrame({"date": dates, "price": price})
    frame.to_csv(directory / "data.csv", index=False)
    return "stacked_lstm", directory / "data.csv", {"target": "price", "horizon": 1, "lookback": 2}


def texts(directory):
    kinds = {"great": "good", "wonderful": "good", "awful": "bad", "terrible": "bad"}
    rows = [(f"A {word} film,\ntruly {word}!", kind) for word, kind in kinds.items()] * 6
    pd.DataFrame(rows, columns=["body", "label"]).to_csv(directory / "data.csv", index=False)
    return "text_cnn", directory / "data.csv", {"text": "body", "target": "label"}


def images(directory):
    from PIL import Image

    (directory / "images").mkdir()
    for i, x in enumerate(kerazoo.load_data("digits").train.x[:120]):
        Image.fromarray(x.squeeze(-1)).save(directory / "images" / f"{i}.png")
    return "dcgan", directory / "images", {}


@pytest.fixture(scope="session")
def tuned(tmp_path_factory):
    """Fine-tune once on each kind of data: the run, and where its data lies."""
    done = {}

    def fine_tuned(make):
        if make not in done:
            directory = tmp_path_factory.mktemp(make.__name__)
            model, data, options = make(directory)
            run = kerazoo.finetune(model, data, out=directory / "run", **options, **FAST)
            done[make] = run, data
        return done[make]

    return fine_tuned


def exported(run, format):
    """The certificate, which passes with the metric of the run, and the JSON files."""
    certificate = kerazoo.export(run.path, format)
    assert certificate.passed, certificate.problems
    assert certificate.before == pytest.approx(run.metrics["value"], rel=1e-5)
    directory = run.path / f"export-{format}"
    assert certificate.path.parent == directory
    side_files = {p.name: json.loads(p.read_text()) for p in directory.glob("*.json")}
    return certificate, side_files


def test_raw_rows_go_into_a_saved_model(tuned):
    """With columns.json and TensorFlow alone."""
    import tensorflow as tf

    run, data = tuned(table)
    expected = kerazoo.predict(run.path, data).frame[["p(big)", "p(small)"]].to_numpy()
    certificate, side_files = exported(run, "saved_model")
    assert side_files["labels.json"] == ["big", "small"]
    columns = side_files["columns.json"]["columns"]
    assert len({c["input"].lower() for c in columns}) == len(NAMES)
    frame, rows = pd.read_csv(data, dtype={"名前": str}), {}
    for c in columns:
        assert c["input"].isascii() and c["input"].isidentifier()
        values = frame[c["name"]]
        if c["categories"] is None:
            rows[c["input"]] = tf.constant(values.to_numpy(np.float32)[:, None])
        else:
            rows[c["input"]] = tf.constant(values.fillna("").to_numpy(dtype=object)[:, None])
    serve = tf.saved_model.load(certificate.path).signatures["serving_default"]
    np.testing.assert_allclose(serve(**rows)["output_0"], expected, rtol=1e-4, atol=1e-6)


def test_features_of_rows_go_into_onnx_and_rows_are_limited(tuned, command, tmp_path):
    import onnxruntime

    run, _ = tuned(table)
    certificate = kerazoo.export(run.path, "onnx", tmp_path / "out", rows=10)
    assert certificate.passed and (certificate.examples, certificate.test_examples) == (10, 16)
    columns = json.loads((tmp_path / "out" / "columns.json").read_text())
    (given,) = onnxruntime.InferenceSession(certificate.path).get_inputs()
    assert given.shape[1] == len(columns["features"])
    assert kerazoo.evaluate(run.path).same
    copy = shutil.copytree(run.path, tmp_path / "copy")
    (copy / "model.keras").unlink()
    status, _, err = command("export", copy, "--format", "keras")
    assert status == 2 and "model.keras" in err and not (copy / "export-keras").exists()


def test_natural_units_go_into_onnx_and_come_out(tuned):
    import onnxruntime

    run, data = tuned(series)
    certificate, side_files = exported(run, "onnx")
    assert side_files["series.json"]["units"] == "natural"
    assert 1e-4 < certificate.difference < certificate.tolerance < 2e-3, "rounding is allowed for"
    session = onnxruntime.InferenceSession(certificate.path, providers=["CPUExecutionProvider"])
    window = pd.read_csv(data)["price"].to_numpy(np.float32)[None, -2:, None]
    outputs = session.run(None, {session.get_inputs()[0].name: window})[0][0, :, 0]
    expected = kerazoo.predict(run.path, data).frame["price"]
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)
    assert 49_950 < outputs.mean() < 50_050


SIDE_FILES = {
    table: {"labels.json", "columns.json"},
    series: {"series.json"},
    texts: {"labels.json"},
    images: set(),
}


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("make", SIDE_FILES, ids=lambda make: make.__name__)
def test_every_kind_of_data_in_every_format(make, format, tuned):
    certificate, side_files = exported(tuned(make)[0], format)
    assert set(side_files) - SIDE_FILES[make] == {f"{certificate.entry}.certificate.json"}
    assert (certificate.texts is not None) == (make is texts and format == "saved_model")
    vocabulary = certificate.path.parent / "vocabulary.txt"
    assert vocabulary.exists() == (make is texts)
    if make is texts:
        lines = vocabulary.read_text(encoding="utf-8").split("\n")
        assert lines[:2] == ["", "[UNK]"] and {"great", "awful"} < set(lines[2:])


@pytest.mark.slow
def test_values_that_float32_cannot_hold_fail(tmp_path):
    """The export is compared with the network that was trained, not with the model around it."""
    model, data, options = series(tmp_path, level=1e7)
    run = kerazoo.finetune(model, data, out=tmp_path / "run", **options, **FAST)
    certificate = kerazoo.export(run.path, "keras")
    assert certificate.before == pytest.approx(run.metrics["value"], rel=1e-6)
    assert not certificate.passed and certificate.difference > certificate.tolerance
