"""The dataset cache: whole or made again, shared by processes, and never a silent stand-in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import requests
from blake3 import blake3

import kerazoo
from kerazoo import _files as files
from kerazoo import fingerprint, registry
from kerazoo.datasets import _cache as cache
from kerazoo.datasets import _tfds as through_tfds
from kerazoo.datasets.digits import enlarge


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


def test_second_load_comes_from_the_cache(home, monkeypatch):
    first = kerazoo.load_data("digits")
    assert [p.name for p in home.iterdir()] == ["digits.safetensors"]
    monkeypatch.setattr(cache, "_from_source", None)  # would fail if it were called
    second = kerazoo.load_data("digits")
    assert first.sha256 == second.sha256
    np.testing.assert_array_equal(first.test.x, second.test.x)
    x, y = second.train
    assert len(x) == len(y) == len(second.train) == 1077


def test_writing_into_loaded_arrays_leaves_the_cache_alone(home):
    kerazoo.load_data("digits")
    kept = (home / "digits.safetensors").read_bytes()
    mine = kerazoo.load_data("digits").train.x
    mine[:] = 255 - mine
    # Not by loading alone: a file that was changed would be noticed and made again.
    assert (home / "digits.safetensors").read_bytes() == kept
    np.testing.assert_array_equal(kerazoo.load_data("digits").train.x, 255 - mine)


def test_mapped_arrays_are_what_is_read(tmp_path):
    kinds = ["?", "u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8", "c8"]
    arrays = {kind: np.arange(6).reshape(3, 2).astype(kind) for kind in kinds}
    arrays["none"] = np.zeros((0, 4), "f4")
    files.write_arrays(tmp_path / "a", arrays, {"said": "so"})
    (mapped, about), (read, _) = files.map_arrays(tmp_path / "a"), files.read_arrays(tmp_path / "a")
    assert about == {"said": "so"} and mapped.keys() == read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (
            mapped[name].dtype == read[name].dtype == array.dtype and mapped[name].flags.writeable
        )
        np.testing.assert_array_equal(mapped[name], array)


@pytest.mark.parametrize(
    "damage", ["alter", "truncate", "empty", "other labels", "other data", "unchecked", "no file"]
)
def test_damaged_cache_is_made_again(home, damage, capsys):
    good = kerazoo.load_data("digits")
    path = home / "digits.safetensors"
    content = bytearray(path.read_bytes())
    if damage == "alter":
        content[len(content) // 2] ^= 1
    path.write_bytes({"truncate": content[:1000], "empty": b""}.get(damage, content))
    if damage in ("other labels", "other data", "unchecked"):
        arrays, about = files.read_arrays(path)
        if damage == "unchecked":
            del about["blake3"]
        else:
            arrays["test_y"] = arrays["test_y"][::-1].copy()
        if damage == "other data":  # whole in itself, but not what the figures were measured on
            about = {"sha256": fingerprint.of_arrays(arrays)}
            about["blake3"] = fingerprint.of_arrays(arrays, blake3())
        files.write_arrays(path, arrays, about)
    if damage == "no file":
        path.unlink()
    again = kerazoo.load_data("digits")
    assert again.sha256 == good.sha256 == registry.get_dataset("digits").sha256
    assert ("making it again" in capsys.readouterr().err) == (damage != "no file")
    assert not list(home.glob(".*"))


def test_two_processes_preparing_the_same_dataset_both_succeed(home):
    code = "import kerazoo; print(kerazoo.load_data('digits').sha256)"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = {process.communicate()[0].strip() for process in both}
    assert said == {registry.get_dataset("digits").sha256}
    assert [p.name for p in home.iterdir()] == ["digits.safetensors"]


def test_cache_that_cannot_be_written_costs_time_not_the_result(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("KERAZOO_HOME", str(tmp_path / "file"))
    assert len(kerazoo.load_data("digits").test) == 360
    assert "not cached" in capsys.readouterr().err


def test_no_network_and_no_data_names_the_way_out(home, tmp_path, monkeypatch, command):
    def unreachable(*_, **__):
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", unreachable)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nothing"))
    status, out, err = command("train", "mnist_cnn", "--out", "run")
    assert status == 2 and not out
    assert "mnist_cnn@digits" in err and "TFDS_DATA_DIR" in err and "Traceback" not in err
    assert not home.exists()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "imdb", "etth1"])
def test_the_host_that_is_probed_is_the_one_that_is_loaded_from(name, home, tmp_path, monkeypatch):
    """And by its own protocol: Fashion-MNIST's host answers through http alone."""
    asked = []

    def unreachable(address, **_):
        asked.append(address)
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", unreachable)
    for variable in ("TFDS_DATA_DIR", "KERAZOO_DATA_DIR", "KERAS_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    with pytest.raises(kerazoo.KerazooError, match="cannot be reached"):
        kerazoo.load_data(name)
    assert asked == [
        {
            "mnist": "https://storage.googleapis.com",
            "fashion_mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            "cifar10": "https://www.cs.toronto.edu",
            "imdb": "https://ai.stanford.edu",
            "etth1": "https://raw.githubusercontent.com",
        }[name]
    ]


def test_preparing_that_another_process_finished_first_goes_on(monkeypatch, tmp_path):
    """tensorflow-datasets itself fails when two processes end their preparation together."""
    folder = tmp_path / "prepared"

    class Builder:
        data_path = folder
        info = type("Info", (), {"splits": ["train"]})

        def download_and_prepare(self):
            folder.mkdir()  # the other process was faster
            raise OSError("Directory not empty")

        def as_dataset(self, **_):
            return {"image": np.zeros((2, 1)), "label": np.arange(2)}

    made = type("tfds", (), {"builder": lambda *_, **__: Builder(), "as_numpy": lambda x: x})
    monkeypatch.setattr(through_tfds, "load", lambda name: made)
    monkeypatch.setattr(through_tfds, "require_host", lambda *_: None)
    arrays = through_tfds.load_arrays("x:1", host="", embedded="")
    assert arrays["train"][1].tolist() == [0, 1]


def test_other_data_from_the_source_is_refused(home, monkeypatch):
    digits = registry.get_dataset("digits")
    wrong = {k: (x, y[::-1]) for k, (x, y) in digits.load().items()}
    monkeypatch.setitem(
        registry._datasets, "digits", cache.Dataset(**{**vars(digits), "load": lambda: wrong})
    )
    with pytest.raises(kerazoo.KerazooError, match="other data"):
        kerazoo.load_data("digits")


def register(make, **changes):
    about = {
        "input_shape": [4],
        "labels": ["a", "b"],
        "licence": "none",
        "source": "here",
        "offline": True,
    }

    def own():
        """A dataset of one's own."""
        return make()

    kerazoo.register_dataset(**{**about, **changes})(own)


def splits(x, y):
    return dict.fromkeys(("train", "validation", "test"), (x, y))


def test_a_dataset_that_is_not_pinned_is_never_stale(home, private_registry):
    for value in (1, 2):
        register(lambda value=value: splits(np.full((3, 4), value), np.zeros(3, int)))
        assert kerazoo.load_data("own").train.x[0, 0] == value
    assert not home.exists()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: splits(np.zeros((3, 5)), np.zeros(3, int)), "x has shape (3, 5)"),
        (lambda: splits(np.zeros((3, 4)), np.zeros((3, 1), int)), "y has shape (3, 1)"),
        (lambda: splits(np.zeros((3, 4)), np.zeros(2, int)), "y has shape (2,)"),
        (lambda: splits(np.zeros((3, 4)), np.zeros(3)), "float64"),
        (lambda: splits(np.zeros((3, 4)), np.array([0, 1, 2])), "labels run from 0 to 2"),
        (lambda: splits(np.zeros((0, 4)), np.zeros(0, int)), "x has shape (0, 4)"),
        (lambda: {"train": (np.zeros((3, 4)), np.zeros(3, int))}, "'validation'"),
        (lambda: Path("/no/such/file").read_text(), "No such file"),
    ],
)
def test_what_a_loader_returns_is_checked(home, private_registry, make, why):
    register(make)
    with pytest.raises(kerazoo.KerazooError) as error:
        kerazoo.load_data("own")
    assert why in str(error.value) and "'own'" in str(error.value)


def test_mnist_second_load_never_imports_tensorflow(home, mnist_prepared):
    data = kerazoo.load_data("mnist")
    assert [len(s) for s in (data.train, data.validation, data.test)] == [50_000, 10_000, 10_000]
    code = (
        "import sys, kerazoo; d = kerazoo.load_data('mnist'); "
        "heavy = {'tensorflow', 'keras', 'tensorflow_datasets'} & set(sys.modules); "
        "print(d.sha256, sorted(heavy))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == f"{data.sha256} []"


def test_digits_are_enlarged_by_bilinear_interpolation():
    """Against an independent implementation: Pillow's, in floating point."""
    from PIL import Image

    small = np.random.RandomState(0).randint(0, 17, (5, 8, 8))
    ours = enlarge(small)
    assert ours.shape == (5, 28, 28, 1) and ours.dtype == np.uint8
    for picture, original in zip(ours[..., 0], small, strict=True):
        image = Image.fromarray(original.astype(np.float32))
        theirs = np.asarray(image.resize((24, 24), Image.Resampling.BILINEAR)) * 255 / 16
        assert np.abs(picture[2:-2, 2:-2] - theirs).max() <= 0.51
        border = picture.copy()
        border[2:-2, 2:-2] = 0
        assert not border.any()


def test_another_copy_of_a_measured_dataset_loads_with_a_warning(
    private_registry, home, capsys, monkeypatch
):
    """CIFAR-10's figures are of a copy; whoever has the original pixels may use them."""

    def points():
        """Points: uint8 ``(n, 2)``, labels int64 ``(n,)``."""
        x, y = np.zeros((4, 2), np.uint8), np.array([0, 1, 0, 1])
        return dict.fromkeys(("train", "validation", "test"), (x, y))

    about = {"licence": "", "source": "", "offline": True, "input_shape": [2], "labels": ["a", "b"]}
    kerazoo.register_dataset(**about, sha256="0" * 64, measured_on="a re-encoded copy")(points)
    monkeypatch.setattr(cache, "_warned_of", set())
    first = kerazoo.load_data("points")
    assert "measured on (a re-encoded copy)" in capsys.readouterr().err
    assert first.sha256 != "0" * 64
    again = kerazoo.load_data("points")  # now from the cache
    assert again.sha256 == first.sha256 and capsys.readouterr().err == "", "said already"
    monkeypatch.setattr(cache, "_warned_of", set())  # as in a process of its own
    monkeypatch.setattr(cache, "_from_source", None)  # would fail if it were called
    kerazoo.load_data("points")
    assert "measured on (a re-encoded copy)" in capsys.readouterr().err


def test_prepared_copies_are_found_in_the_users_folders(monkeypatch, tmp_path):
    (tmp_path / "b" / "mnist" / "3.0.1").mkdir(parents=True)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "default"))
    monkeypatch.setenv(
        "KERAZOO_DATA_DIR", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")])
    )
    assert through_tfds._folder("mnist:3.0.1") == str(tmp_path / "b")
    assert through_tfds._folder("cifar10:3.0.2") == str(tmp_path / "default")
