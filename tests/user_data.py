"""Data of a user's own of each kind, and how a model is fine-tuned on it, once for all tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import kerazoo

# Names of columns, which a SavedModel cannot take as they are.
NAMES = ("petal length (cm)", "a/b", "größe", "Größe", "große", "名前", "1st", "class", "self")


def table(path: Path) -> None:
    random = np.random.RandomState(0)
    rows = pd.DataFrame({name: random.normal(size=120).round(3) for name in NAMES})
    rows.loc[::7, "a/b"] = np.nan
    rows["名前"] = random.choice(["x", "y", ""], 120)
    rows["kind"] = np.where(rows["1st"] + (rows["名前"] == "x") > 0.4, "big", "small")
    rows.to_csv(path, index=False)


def series(path: Path, level: float = 50_000, length: int = 400) -> None:
    """Values so large that their rounding in float32 is more than other exports may differ by."""
    noise = np.random.RandomState(0).normal(size=length)
    rows = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=length, freq="h")})
    rows["price"] = level + 10 * np.sin(np.arange(length) * np.pi / 12) + noise
    rows.to_csv(path, index=False)


def texts(path: Path) -> None:
    words = {"good": "great wonderful excellent perfect", "bad": "awful terrible boring worst"}
    rows = [(f"a {w} film,\ntruly {w}!", c) for c, ws in words.items() for w in ws.split()] * 4
    pd.DataFrame(rows, columns=["body", "label"]).to_csv(path, index=False)


def images(path: Path) -> None:
    """Three digits, 20 of each, dark on light and of another size, a directory per class."""
    data = kerazoo.load_data("digits").train
    for label, name in ((0, "zero"), (1, "one"), (7, "seven")):
        (path / name).mkdir(parents=True)
        for i, x in enumerate(data.x[data.y == label][:20]):
            image = Image.fromarray(255 - x.squeeze(-1)).resize((40, 52))
            image.save(path / name / f"{i}.png")


def unlabeled(path: Path) -> None:
    path.mkdir()
    for i, x in enumerate(kerazoo.load_data("digits").train.x[:120]):
        Image.fromarray(x.squeeze(-1)).save(path / f"{i}.png")


# By kind: what writes the data, the name of its file, the model, and options of `finetune`.
SERIES = {"target": "price", "horizon": 1, "lookback": 2, "weights": None, "epochs": 5}
TEXTS = {"text": "body", "target": "label", "scratch": False, "epochs": 6}
KINDS = {
    "table": (table, "rows.csv", "mlp", {"target": "kind", "epochs": 30}),
    "series": (series, "series.csv", "stacked_lstm", SERIES),
    "texts": (texts, "texts.csv", "text_cnn", TEXTS),
    "images": (images, "my digits", "mnist_cnn_small", {"weights": "digits", "epochs": 5}),
    "unlabeled": (
        *(unlabeled, "images", "dcgan"),
        {"weights": "digits", "scratch": False, "epochs": 2},
    ),
}
