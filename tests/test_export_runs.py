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
