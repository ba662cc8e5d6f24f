"""Model and weights files of strangers: bombs and links are named before anything is read."""

from __future__ import annotations

import lzma
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest

from kerazoo import building, fingerprint
from kerazoo._files import archives
from kerazoo.datasets import _text
from kerazoo.errors import MOST, DamagedFile
from kerazoo.training import run_directory

BIG = 200_000_000


@pytest.fixture
def weights(tmp_path):
    """The weights file of a small network."""
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="dense")])
    network.save_weights(tmp_path / "net.weights.h5")
    return network, tmp_path / "net.weights.h5"


def with_members(run, folder, changed):
    """A copy of a run, whose model file has other members."""
    copy = shutil.copytree(run, folder / "run")
    with zipfile.ZipFile(run / "model.keras") as old:
        members = {name: old.read(name) for name in old.namelist()} | changed
    with zipfile.ZipFile(copy / "model.keras", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name, content in members.items():
            new.writestr(name, content)
    return copy


@pytest.mark.parametrize("name", ["config.json", "metadata.json", "model.weights.h5", "assets/x"])
def test_a_member_that_is_a_bomb_is_not_read(bars_run, tmp_path, name, monkeypatch):
    run = with_members(bars_run, tmp_path, {name: bytes(BIG)})
    monkeypatch.setattr(zipfile.ZipFile, "read", None)  # would fail if it were called
    with pytest.raises(DamagedFile) as error:
        run_directory.load(run)
    assert (error.value.path, error.value.field) == (run / "model.keras", name)


@pytest.mark.parametrize("kind", ["soft", "external", "elsewhere", "virtual", "bomb"])
def test_weights_that_are_no_arrays_of_the_file_are_named(weights, kind):
    network, path = weights
    with h5py.File(path, "a") as file:
        group = file["layers/dense/vars"]
        del group["0"]
        if kind == "soft":
            group["0"] = h5py.SoftLink("/layers/dense/vars/1")
        elif kind == "external":
            group["0"] = h5py.ExternalLink("/etc/passwd\x1b[31m", "/x")
        elif kind == "elsewhere":
            group.create_dataset("0", (2, 3), "f4", external=[("other.bin", 0, 24)])
        elif kind == "virtual":
            group.create_virtual_dataset("0", h5py.VirtualLayout((2, 3), "f4"))
        else:
            group.create_dataset("0", (BIG, 3), "f4", chunks=True, compression="gzip")
    with pytest.raises(DamagedFile) as error:
        building.load_weights_file(network, path)
    assert (error.value.path, error.value.field) == (path, "/layers/dense/vars/0")
    assert "\x1b" not in str(error.value) and len(str(error.value)) < 3 * MOST


def test_good_files_and_hard_links_in_a_circle_pass(weights):
    _, path = weights
    archives.require_safe(path)
    with h5py.File(path, "a") as file:
        file["layers/again"] = file["/"]
    archives.require_safe(path)


def test_a_vocabulary_that_is_a_bomb_is_not_read_whole(tmp_path):
    with lzma.open(tmp_path / "bomb.txt.xz", "wb", preset=0) as file:
        for _ in range(10):
            file.write(bytes(_text.MOST // 8))
    with pytest.raises(DamagedFile):
        _text.read_vocabulary(tmp_path / "bomb.txt.xz")


def test_a_saved_network_has_no_default_that_keras_3_12_refuses(tmp_path):
    """A file of Keras 3.15 opened in no earlier version; what is used must stay."""
    inputs = keras.Input((4,), dtype="int32")
    x = keras.layers.Embedding(5, 3)(inputs)
    x = keras.layers.Bidirectional(keras.layers.LSTM(2, return_sequences=True))(x)
    x = keras.layers.Conv1D(2, 2, kernel_initializer="he_normal")(x)
    x = keras.layers.BatchNormalization(renorm_momentum=0.5)(x)
    inner = keras.Model(inputs, keras.layers.Dense(1)(x))
    network = keras.Model(inputs, inner(inputs))
    archives.save_network(network, tmp_path / "net.keras")
    with zipfile.ZipFile(tmp_path / "net.keras") as archive:
        config = archive.read("config.json").decode()
    there = {name for name in archives.LATER_THAN_3_12 if f'"{name}"' in config}
    assert there == {"renorm_momentum"}
    opened = keras.saving.load_model(tmp_path / "net.keras", safe_mode=True)
    assert fingerprint.of_model(opened) == fingerprint.of_model(network)
    np.testing.assert_equal(opened.get_weights(), network.get_weights())


def test_a_model_of_another_keras_names_the_version(bars_run, tmp_path):
    with zipfile.ZipFile(bars_run / "model.keras") as archive:
        config = archive.read("config.json").replace(b'"Dense"', b'"Denser"')
    changed = {"config.json": config, "metadata.json": b'{"keras_version": "99.1"}'}
    run = with_members(bars_run, tmp_path, changed)
    with pytest.raises(DamagedFile, match=r"99\.1"):
        run_directory.load(run)
