"""Copies of the run of ``bar_net``, finished and as a kill would leave it."""

from __future__ import annotations

import shutil

import pytest

from tests.conftest import copy_after_each_checkpoint


def results(folder) -> dict[str, str]:
    """Files that must not differ by a bit: history, and metrics with the weights' fingerprint."""
    return {name: (folder / name).read_text() for name in ("history.csv", "metrics.json")}


@pytest.fixture
def copies(monkeypatch):
    """Each checkpoint is followed by a copy of the directory, as a kill would leave it then."""
    copy_after_each_checkpoint(monkeypatch)


@pytest.fixture
def bar_run(private_zoo, in_tmp, whole):
    """A copy of the finished run of ``bar_net``, with plots."""
    return shutil.copytree(whole, in_tmp / "run")


@pytest.fixture
def killed_run(bar_run, whole):
    """A copy of the same run as a kill after its second epoch would leave it."""
    return shutil.copytree(whole.with_name("run-2"), bar_run.with_name("killed"))
