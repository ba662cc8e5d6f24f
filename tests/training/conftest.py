"""One finished run of ``bar_net``, and ways to stop a training."""

from __future__ import annotations

import shutil

import pytest

import kerazoo
from kerazoo.training import checkpoint

LOCK = shutil.ignore_patterns(".part.lock")
QUIET = {"progress": False, "plots": False}


def results(folder) -> dict[str, str]:
    """Files that must not differ by a bit: history, and metrics with the weights' fingerprint."""
    return {name: (folder / name).read_text() for name in ("history.csv", "metrics.json")}


@pytest.fixture
def copies(monkeypatch):
    """Each checkpoint is followed by a copy of the directory, as a kill would leave it then."""
    write = checkpoint.write

    def writes(folder, state):
        write(folder, state)
        copy = folder.with_name(f"{folder.name}-{state.epochs}")
        shutil.copytree(folder, copy, ignore=LOCK, dirs_exist_ok=True)

    monkeypatch.setattr(checkpoint, "write", writes)


@pytest.fixture
def stops_at(monkeypatch):
    """Raise an error where an epoch begins."""
    order = checkpoint.order_of_data

    def stop(at: int, error: BaseException) -> None:
        def ordered(n, seed, epoch):
            if epoch == at:
                raise error
            return order(n, seed, epoch)

        monkeypatch.setattr(checkpoint, "order_of_data", ordered)

    return stop


@pytest.fixture(scope="session")
def whole(shared_folder):
    """Where the one finished run is, with the copies that a kill after each epoch would leave."""
    return shared_folder / "whole"


@pytest.fixture
def bar_run(private_zoo, in_tmp, whole, copies):
    """A copy of the finished run of ``bar_net``, with plots."""
    if not whole.exists():
        kerazoo.train("bar_net", out="whole", progress=False, checkpoint_seconds=0.0)
        for path in in_tmp.glob("whole*"):
            if path.name != "whole":
                shutil.copytree(path, whole.with_name(path.name), dirs_exist_ok=True)
        shutil.copytree("whole", whole)
        shutil.rmtree("whole")
    shutil.copytree(whole, "run")
    return in_tmp / "run"


@pytest.fixture
def killed_run(bar_run, whole):
    """A copy of the same run as a kill after its second epoch would leave it."""
    shutil.copytree(whole.with_name("whole-2"), "killed")
    return bar_run.with_name("killed")
