"""Runs that the tests of predictions share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import kerazoo

FAST = {"epochs": 2, "scratch": False, "progress": False, "plots": False, "engine": "plain"}


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """A CSV file of numbers and categories, with a class, a number and both as targets."""
    random = np.random.RandomState(0)
    size, city = random.uniform(20, 120, 90), random.choice(["Bonn", "Kiel"], 90)
    frame = pd.DataFrame({"size": size.round(2), "city": city, "rent": (9 * size).round(2)})
    frame["large"] = np.where(size > 60, "yes", "no")
    path = tmp_path_factory.mktemp("tables") / "flats.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def table_run(table, tmp_path_factory):
    """A run of classes on the table, without its column of rents."""
    frame = pd.read_csv(table).drop(columns="rent")
    out = tmp_path_factory.mktemp("runs") / "table"
    return kerazoo.finetune("mlp", frame, target="large", out=out, **FAST)
