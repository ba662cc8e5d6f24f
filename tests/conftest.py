"""Shared by all tests: a cache of their own, a registry put back, where real data lies."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers share the cores: a thread pool for all cores in each of them costs more than it
    # brings. Processes that the tests start inherit it.
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")

import pytest

import kerazoo
from kerazoo import registry
from kerazoo.datasets import _sources as sources

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
PREPARED = {
    "mnist": "mnist/3.0.1",
    "cifar10": "cifar10/3.0.2",
    "fashion_mnist": "fashion_mnist/3.0.1",
    "imdb": "imdb_reviews/plain_text/1.0.0",
}


def prepared_folder(name: str) -> Path | None:
    """A folder in which tensorflow-datasets has prepared ``name``, if this machine has one."""
    candidates = [
        os.environ.get("TFDS_DATA_DIR"),
        *os.environ.get("KERAZOO_DATA_DIR", "").split(os.pathsep),
        SHARED / "tensorflow_datasets",
        SHARED / "tensorflow_datasets_jpeg",
        Path.home() / "tensorflow_datasets",
    ]
    for candidate in candidates:
        if candidate and (Path(candidate) / name).is_dir():
            return Path(candidate).resolve()
    return None


def mnist_folder() -> Path | None:
    """A folder in which MNIST is prepared, if this machine has one."""
    return prepared_folder("mnist/3.0.1")


def real_data_missing(dataset: str) -> str:
    """Why a dataset cannot be loaded on this machine; empty if it can."""
    if registry.get_dataset(dataset).offline:
        return ""
    if dataset.startswith("etth1"):
        places = [*sources.directories(), SHARED / "datasets"]
        there = any((place / "ETTh1.csv").is_file() for place in places)
        return "" if there else "ETTh1.csv is not here: set KERAZOO_DATA_DIR"
    name = PREPARED.get(dataset)
    if name is None or prepared_folder(name) is None:
        return f"{dataset} is not prepared here: set TFDS_DATA_DIR"
    return ""


@pytest.fixture(autouse=True)
def as_wide_as_elsewhere(monkeypatch):
    """The workers of pytest-xdist have COLUMNS=80, which makes tables narrow."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """One folder for all tests of this run, whichever worker runs them."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def cache_home(shared_folder):
    """The datasets are cached once for all tests, outside the user's own cache."""
    folder = shared_folder / "kerazoo-home"
    folder.mkdir(exist_ok=True)
    before = os.environ.get("KERAZOO_HOME")
    os.environ["KERAZOO_HOME"] = str(folder)
    yield folder
    if before is None:
        del os.environ["KERAZOO_HOME"]
    else:
        os.environ["KERAZOO_HOME"] = before


@pytest.fixture
def mnist_prepared(monkeypatch):
    """Real MNIST through tensorflow-datasets, or a skip that says how to bring it."""
    folder = mnist_folder()
    if folder is None:
        pytest.skip("MNIST is not prepared here: set TFDS_DATA_DIR to test on the real data")
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def real_data(monkeypatch):
    """Whatever real data this machine has is found by the loaders."""
    if mnist_folder() is not None:
        monkeypatch.setenv("TFDS_DATA_DIR", str(mnist_folder()))
    folders = [SHARED / "datasets", SHARED / "tensorflow_datasets_jpeg"]
    given = os.environ.get("KERAZOO_DATA_DIR", "")
    there = [*filter(None, [given]), *(str(f.resolve()) for f in folders if f.is_dir())]
    if there:
        monkeypatch.setenv("KERAZOO_DATA_DIR", os.pathsep.join(there))


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def private_registry(monkeypatch):
    """Whatever a test registers is forgotten after it."""
    registry.list_models()
    monkeypatch.setattr(registry, "_models", dict(registry._models))
    monkeypatch.setattr(registry, "_datasets", dict(registry._datasets))
    monkeypatch.setattr(registry, "_tasks", dict(registry._tasks))


@pytest.fixture
def private_zoo(private_registry, tmp_path_factory, monkeypatch, cache_home):
    """The user's module of private_zoo.py, imported from a folder of its own; gives its path."""
    path = tmp_path_factory.mktemp("user") / "private_zoo.py"
    shutil.copy(Path(__file__).parent / "private_zoo.py", path)
    monkeypatch.delitem(sys.modules, "private_zoo", raising=False)
    registry.import_module(str(path))
    yield path
    sys.modules.pop("private_zoo", None)


@pytest.fixture(scope="session")
def bars_run(tmp_path_factory, cache_home):
    """Directory of a run of private_zoo.py, evaluated on its validation split."""
    with pytest.MonkeyPatch.context() as patch:
        registry.list_models()
        patch.setattr(registry, "_models", dict(registry._models))
        patch.setattr(registry, "_datasets", dict(registry._datasets))
        patch.delitem(sys.modules, "private_zoo", raising=False)
        registry.import_module(str(Path(__file__).parent / "private_zoo.py"))
        out = tmp_path_factory.mktemp("runs") / "bars"
        kerazoo.train("bar_net", epochs=2, validate=True, out=out, progress=False)
    return out


@pytest.fixture
def command(capsys, in_tmp):
    """Run ``kerazoo ARGUMENTS`` in this process: (exit status, stdout, stderr)."""
    from kerazoo.cli import main as cli

    def run(*arguments: str):
        try:
            status = cli.main([str(a) for a in arguments])
        except SystemExit as stop:
            status = stop.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return run
