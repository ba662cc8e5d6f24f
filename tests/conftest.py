"""Shared by all tests: a cache of their own, a registry put back, where real data lies."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import re
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
from kerazoo.cli import main as cli
from kerazoo.datasets import _sources as sources
from kerazoo.errors import KerazooError, NotAvailable
from kerazoo.models.dcgan import dcgan
from kerazoo.tasks import _frechet, _judges
from kerazoo.training import checkpoint
from kerazoo.training import train as training
from tests.user_data import KINDS

ROOT = Path(__file__).parent.parent
os.environ.pop("COLUMNS", None)  # the workers of pytest-xdist have 80, which makes tables narrow
if (SHARED := ROOT.parent / "shared").is_dir():
    os.environ.setdefault("TFDS_DATA_DIR", str(SHARED / "tensorflow_datasets"))
    copies = [str(SHARED / "datasets"), str(SHARED / "tensorflow_datasets_jpeg")]
    os.environ.setdefault("KERAZOO_DATA_DIR", os.pathsep.join(copies))


def raised(names, function, /, *args, **options):
    """Call a function, which raises an error of the user's with each name, option or line."""
    everything = "".join(f"(?=.*{re.escape(name)})" for name in names)
    with pytest.raises(KerazooError, match=f"(?s)^{everything}"):
        function(*args, **options)


# For runs that nothing looks at while they train.
QUIET = {"progress": False, "plots": False}


def flip_a_bit(path: Path) -> bytes:
    """Change one bit of a file, near its end; gives its content."""
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    return bytes(content)


def needs_data(dataset: str) -> None:
    """Skip a test where a dataset cannot be loaded."""
    try:
        with sources.offline():
            kerazoo.load_data(dataset)
    except NotAvailable as error:
        pytest.skip(str(error))


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
    os.environ["KERAZOO_HOME"] = str(folder)
    return folder


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextlib.contextmanager
def registry_put_back():
    """Whatever is registered here is forgotten afterwards."""
    registry.list_models()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_models", "_datasets", "_tasks"):
            patch.setattr(registry, name, dict(getattr(registry, name)))
        yield


@contextlib.contextmanager
def imported_zoo(folder: Path):
    """The user's module of private_zoo.py, copied to a folder and imported; gives its path."""
    path = folder / "private_zoo.py"
    shutil.copy(Path(__file__).with_name("private_zoo.py"), path)
    with registry_put_back():
        sys.modules.pop("private_zoo", None)
        registry.import_module(str(path))
        yield path
        sys.modules.pop("private_zoo", None)


@pytest.fixture
def private_registry():
    """Whatever a test registers is forgotten after it."""
    with registry_put_back():
        yield


@pytest.fixture
def private_zoo(tmp_path_factory):
    """The user's module of private_zoo.py, imported from a folder of its own; gives its path."""
    with imported_zoo(tmp_path_factory.mktemp("user")) as path:
        yield path


@pytest.fixture
def few_samples(monkeypatch):
    """Generated images are judged by few of them, enough to see a difference."""
    monkeypatch.setattr(_judges, "SAMPLES", 200)
    monkeypatch.setattr(_frechet, "RESAMPLES", 2)
    monkeypatch.setattr(_frechet, "PAIRS", 1_000)


@pytest.fixture
def tiny_gan(private_registry, few_samples):
    """A GAN as an entry: two networks, and what Adam knows of both."""

    def tiny(input_shape=(28, 28, 1)):
        """A small DCGAN."""
        return dcgan(input_shape, latent=8, filters=4, depth=2)

    recipe = kerazoo.Recipe(epochs=3, batch_size=32, learning_rate=2e-4, beta_1=0.5)
    entry = kerazoo.Entry(dataset="digits", task="generation", recipe=recipe)
    kerazoo.register_model(tiny, citation="", entries=[entry])


@pytest.fixture(scope="session")
def once(shared_folder):
    """Fill a directory with runs of private_zoo.py, once for all workers; gives its path."""

    def made(name: str, fill) -> Path:
        done, aside = shared_folder / name, shared_folder / f"{name}.part"
        with (shared_folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(aside, ignore_errors=True)
                aside.mkdir()
                with imported_zoo(aside):
                    fill(aside)
                aside.rename(done)
        return done

    return made


def copy_after_each_checkpoint(monkeypatch):
    """Each checkpoint is followed by a copy of the directory, as a kill would leave it then."""
    write = checkpoint.write

    def writes(folder, state):
        write(folder, state)
        copy = folder.with_name(f"{folder.name}-{state.epochs}")
        lock = shutil.ignore_patterns(".part.lock")
        shutil.copytree(folder, copy, ignore=lock, dirs_exist_ok=True)

    monkeypatch.setattr(checkpoint, "write", writes)


@pytest.fixture(scope="session")
def whole(once):
    """A finished run of ``bar_net`` with plots; its copies after each epoch lie next to it."""

    def fill(folder):
        with pytest.MonkeyPatch.context() as patch:
            copy_after_each_checkpoint(patch)
            kerazoo.train("bar_net", out=folder / "run", progress=False, checkpoint_seconds=0.0)

    return once("whole", fill) / "run"


class Unread:
    """A test split that nothing may look at."""

    def __getattr__(self, name):
        raise AssertionError(f"the test split was read: {name}")


@pytest.fixture(scope="session")
def bars_run(once):
    """A run of ``bar_net``, evaluated on its validation split without a look at the test split."""
    load_for = training.load_for

    def fill(folder):
        (folder / "run").mkdir()
        (folder / "run" / ".ab12.part.config.json").write_text("{")  # a killed process left it
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                training, "load_for", lambda *a: dataclasses.replace(load_for(*a), test=Unread())
            )
            options = {"epochs": 2, "validate": True, "progress": False}
            kerazoo.train("bar_net", out=folder / "run", **options)

    return once("validated", fill) / "run"


@pytest.fixture(scope="session")
def user_file(once):
    """A user's data of a kind of user_data.py: gives its path, which no test may change."""

    def path(kind: str) -> Path:
        write, name, *_ = KINDS[kind]
        return once(f"data-{kind}", lambda folder: write(folder / name)) / name

    return path


@pytest.fixture(scope="session")
def tuned(once, user_file):
    """A model fine-tuned on the user's data of a kind: gives the run directory, read only."""

    def path(kind: str) -> Path:
        _, _, model, options = KINDS[kind]
        options = {**options, "progress": False, "plots": kind == "images"}
        data = user_file(kind)

        def fill(folder):
            kerazoo.finetune(model, data, out=folder / "run", **options)

        return once(f"tuned-{kind}", fill) / "run"

    return path


@pytest.fixture
def recorded_runs(private_zoo, in_tmp, once, whole):
    """The run directories of seeds 0 to 2, recorded next to the user's module."""

    def fill(folder):
        shutil.copytree(whole, folder / "runs" / "seed-0")
        kerazoo.verify("bar_net", seeds=3, record=True, out=folder / "runs", resume=True, **QUIET)

    kept = once("recorded", fill)
    for name in ("references", "weights"):
        shutil.copytree(kept / name, private_zoo.parent / name)
    return [kept / "runs" / f"seed-{seed}" for seed in range(3)]


@pytest.fixture
def recorded(recorded_runs):
    """The entry ``bar_net@bars`` with evidence of three seeds."""
    return registry.get_entry("bar_net")


@pytest.fixture
def command(capsys, in_tmp):
    """Run ``kerazoo ARGUMENTS`` in this process: (exit status, stdout, stderr)."""

    def run(*arguments: str):
        try:
            status = cli.main([str(a) for a in arguments])
        except SystemExit as stop:
            status = stop.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def refused(command):
    """Run ``kerazoo ARGUMENTS``, which is an error of the user's; gives its message."""

    def run(*arguments: str) -> str:
        status, out, err = command(*arguments)
        assert status == 2 and not out and "Traceback" not in err, arguments
        return err

    return run
