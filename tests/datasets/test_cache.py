"""The dataset cache: whole or made again, shared by processes, and never a silent stand-in."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kerazoo
from kerazoo import fingerprint, registry
from kerazoo.datasets import _cache as cache
from tests.conftest import flip_a_bit, raised


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


@pytest.fixture
def own(private_registry):
    """Register a dataset ``own`` whose loader calls ``make``."""

    def register(make, **changes):
        def own():
            """A dataset of a user."""
            return make()

        about = {"input_shape": [4], "labels": ["a", "b"], "license": "", "source": ""}
        kerazoo.register_dataset(**{**about, "offline": True, **changes})(own)

    return register


def splits(x, y):
    return dict.fromkeys(("train", "validation", "test"), (x, y))


def no_source(*_):
    raise AssertionError("the source was asked again")


def test_second_load_comes_from_the_cache_which_no_writing_changes(home, monkeypatch):
    first = kerazoo.load_data("digits")
    assert [p.name for p in home.iterdir()] == ["digits"]
    monkeypatch.setattr(cache, "_from_source", no_source)
    changed = kerazoo.load_data("digits")
    x, y = changed.train
    assert len(x) == len(y) == changed.train.examples == 1077
    x[:] = 255 - x
    second = kerazoo.load_data("digits")
    assert first.sha256 == second.sha256
    np.testing.assert_array_equal(first.train.x, second.train.x)


def other_data(folder):
    """Whole, but not what the results were recorded on."""
    arrays = {p.stem: np.load(p) for p in folder.glob("*.npy")}
    arrays["test_y"] = arrays["test_y"][::-1].copy()
    np.save(folder / "test_y.npy", arrays["test_y"])
    about = {"sha256": fingerprint.of_arrays(arrays), "crc32": cache._checksums(arrays)}
    (folder / "about.json").write_text(json.dumps(about))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: flip_a_bit(folder / "test_x.npy"),
        other_data,
        lambda folder: os.truncate(folder / "train_x.npy", 1000),
        lambda folder: os.truncate(folder / "train_x.npy", 0),
        lambda folder: (folder / "test_y.npy").unlink(),
        lambda folder: (folder / "about.json").write_text("[]"),
        lambda folder: np.save(folder / "test_x.npy", np.array([{}]), allow_pickle=True),
    ],
)
def test_damaged_cache_is_made_again(home, damage, capsys):
    good = kerazoo.load_data("digits")
    damage(home / "digits")
    again = kerazoo.load_data("digits")
    assert again.sha256 == good.sha256 == registry.get_dataset("digits").sha256
    np.testing.assert_array_equal(again.test.y, good.test.y)
    assert str(home / "digits") in capsys.readouterr().err
    assert [p.name for p in home.iterdir()] == ["digits"], "nothing is left over"
    kerazoo.load_data("digits")
    assert not capsys.readouterr().err, "it was repaired"


def test_processes_that_load_at_once_all_succeed_and_later_ones_import_nothing(home):
    code = """
import sys, kerazoo
sha256 = kerazoo.load_data("digits").sha256
print(sha256, sorted({"tensorflow", "keras", "sklearn"} & set(sys.modules)))
"""

    def start():
        return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)

    sha256 = registry.get_dataset("digits").sha256
    both = [start(), start()]
    assert {p.communicate()[0].strip() for p in both} <= {f"{sha256} ['sklearn']", f"{sha256} []"}
    assert [p.name for p in home.iterdir()] == ["digits"]
    assert start().communicate()[0].strip() == f"{sha256} []"


def test_cache_that_cannot_be_written_costs_time_not_the_result(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("KERAZOO_HOME", str(tmp_path / "file"))
    assert kerazoo.load_data("digits").test.examples == 360
    assert "KERAZOO_HOME" in capsys.readouterr().err


def test_other_data_from_the_source_is_refused(home, private_registry):
    digits = registry.get_dataset("digits")
    wrong = {k: (x, y[::-1]) for k, (x, y) in digits.load().items()}
    registry._datasets["digits"] = dataclasses.replace(digits, load=lambda: wrong)
    raised(["digits"], kerazoo.load_data, "digits")
    assert not home.exists()


def test_a_dataset_that_is_not_pinned_is_never_stale(home, own):
    for value in (1, 2):
        own(lambda value=value: splits(np.full((3, 4), value), np.zeros(3, int)))
        assert kerazoo.load_data("own").train.x[0, 0] == value
    assert not home.exists()


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: splits(np.zeros((3, 5)), np.zeros(3, int)), "(3, 5)"),
        (lambda: splits(np.zeros((3, 4)), np.zeros((3, 1), int)), "(3, 1)"),
        (lambda: splits(np.zeros((3, 4)), np.zeros(2, int)), "(2,)"),
        (lambda: splits(np.zeros((3, 4)), np.zeros(3)), "float64"),
        (lambda: splits(np.zeros((3, 4)), np.array([0, 1, 2])), "2"),
        (lambda: splits(np.zeros((0, 4)), np.zeros(0, int)), "(0, 4)"),
        (lambda: {"train": (np.zeros((3, 4)), np.zeros(3, int))}, "'validation'"),
        (lambda: Path("/no/such/file").read_text(), "/no/such/file"),
    ],
)
def test_what_a_loader_returns_is_checked(home, own, make, names):
    own(make)
    raised([names, "'own'"], kerazoo.load_data, "own")


def test_another_copy_of_a_dataset_loads_with_one_warning(own, home, capsys, monkeypatch):
    """CIFAR-10's results are of a copy; whoever has the original pixels may use them."""
    copy = "a re-encoded copy"
    own(
        lambda: splits(np.zeros((4, 4), np.uint8), np.array([0, 1, 0, 1])),
        sha256="0" * 64,
        measured_on=copy,
    )
    monkeypatch.setattr(cache, "_warned_of", set())
    first = kerazoo.load_data("own")
    assert copy in capsys.readouterr().err and first.sha256 != "0" * 64
    monkeypatch.setattr(cache, "_from_source", no_source)
    again = kerazoo.load_data("own")
    assert again.sha256 == first.sha256 and capsys.readouterr().err == "", "it was warned of"
    monkeypatch.setattr(cache, "_warned_of", set())  # as in another process
    kerazoo.load_data("own")
    assert copy in capsys.readouterr().err
