"""Where data comes from: copies on this machine first, and at once an error without a network."""

from __future__ import annotations

import os

import numpy as np
import pytest
import requests

import kerazoo
from kerazoo.datasets import _sources as sources
from kerazoo.datasets import etth1
from kerazoo.errors import KerazooError, NotAvailable
from tests.conftest import needs_data

HOSTS = {
    "mnist": "https://storage.googleapis.com",
    "fashion_mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",  # no https
    "cifar10": "https://www.cs.toronto.edu",
    "imdb": "https://ai.stanford.edu",
    "etth1": "https://raw.githubusercontent.com",
}


@pytest.fixture
def nothing_here(tmp_path, monkeypatch):
    """No cache, no copies and no network; gives the list of addresses that were asked."""
    asked = []

    def unreachable(address, **_):
        asked.append(address)
        raise requests.ConnectionError

    for method in ("head", "get"):
        monkeypatch.setattr(requests, method, unreachable)
    for variable in ("TFDS_DATA_DIR", "KERAZOO_DATA_DIR", "KERAZOO_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    return asked


@pytest.mark.parametrize("name", HOSTS)
def test_without_a_copy_the_host_of_the_data_is_probed_once(name, nothing_here, tmp_path):
    with pytest.raises(NotAvailable):
        kerazoo.load_data(name)
    assert nothing_here == [HOSTS[name]]
    with sources.offline(), pytest.raises(NotAvailable):
        kerazoo.load_data(name)
    assert nothing_here == [HOSTS[name]], "offline means not even a probe"
    assert not (tmp_path / "KERAZOO_HOME").exists()


@pytest.mark.parametrize(
    ("entry", "ways_out"),
    [
        ("mnist_cnn", ("mnist_cnn@digits", "TFDS_DATA_DIR")),
        ("stacked_lstm@etth1", ("stacked_lstm@sine", "KERAZOO_DATA_DIR")),
    ],
)
def test_missing_data_names_the_way_out(entry, ways_out, nothing_here, refused):
    err = refused("train", entry, "--out", "run")
    assert all(way in err for way in ways_out)


def test_a_preparation_that_another_process_finished_first_goes_on(monkeypatch, tmp_path):
    """tensorflow-datasets itself fails when two processes end their preparation together."""
    folder = tmp_path / "prepared"

    class Builder:
        data_path = folder

        def download_and_prepare(self):
            folder.mkdir()  # the other process was faster
            raise OSError("Directory not empty")

        def as_dataset(self, **_):
            return {"image": np.zeros((4, 1)), "label": np.arange(4)}

    made = type("tfds", (), {"builder": lambda *_, **__: Builder(), "as_numpy": lambda x: x})
    monkeypatch.setattr(sources, "load", lambda name: made)
    monkeypatch.setattr(sources, "require_host", lambda *_: None)
    found = sources.tfds_splits("x:1", host="", validation=1)
    assert [len(found[name][1]) for name in ("train", "validation", "test")] == [3, 1, 4]


def test_prepared_copies_are_found_in_the_users_directories(monkeypatch, tmp_path):
    (tmp_path / "b" / "mnist" / "3.0.1").mkdir(parents=True)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "default"))
    monkeypatch.setenv("KERAZOO_DATA_DIR", f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}")
    assert sources._tfds_directory("mnist:3.0.1") == str(tmp_path / "b")
    assert sources._tfds_directory("cifar10:3.0.2") == str(tmp_path / "default")


@pytest.mark.parametrize(
    "text",
    ["\n".join(["date,a,b,c,d,e,f,g", *(f"x,1,2,3,4,5,6,{i % 24}" for i in range(14_400))]), ""],
)
def test_a_file_that_is_not_etth1_is_refused_by_name(text, nothing_here, tmp_path):
    """A well-formed file of another series must not pass for ETTh1."""
    (tmp_path / "KERAZOO_DATA_DIR").mkdir()
    (tmp_path / "KERAZOO_DATA_DIR" / etth1.FILE).write_text(text)
    with pytest.raises(KerazooError, match="etth1"):
        kerazoo.load_data("etth1")


def test_etth1_is_downloaded_where_there_is_no_copy(request, monkeypatch):
    needs_data("etth1")
    content = sources.find(etth1.FILE).read_bytes()
    request.getfixturevalue("nothing_here")
    response = requests.Response()
    response.status_code, response._content = 200, content
    monkeypatch.setattr(requests, "head", lambda *_, **__: None)
    monkeypatch.setattr(requests, "get", lambda url, **_: response)
    assert kerazoo.load_data("etth1").test.examples == 2_857
    response.status_code = 404
    with pytest.raises(NotAvailable):
        kerazoo.load_data("etth1_multivariate")
