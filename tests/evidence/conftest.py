"""Evidence of ``bar_net@bars``, trained and recorded once for all tests."""

from __future__ import annotations

import contextlib
import os
import shutil

import pytest

import kerazoo
from kerazoo import registry
from kerazoo.training import run_directory


@pytest.fixture
def recorded_runs(private_zoo, in_tmp, shared_folder):
    """The run directories of seeds 0 to 2, recorded next to the user's module."""
    kept, zoo = shared_folder / "recorded", private_zoo.parent
    if not kept.exists():
        aside = kept.with_name(f"recorded-{os.getpid()}")
        options = {"progress": False, "plots": False}
        kerazoo.verify("bar_net", seeds=3, record=True, out=aside / "runs", **options)
        for name in ("references", "weights"):
            shutil.copytree(zoo / name, aside / name)
        with contextlib.suppress(OSError):  # another worker was faster
            aside.rename(kept)
    for name in ("references", "weights"):
        shutil.copytree(kept / name, zoo / name, dirs_exist_ok=True)
    return [kept / "runs" / f"seed-{seed}" for seed in range(3)]


@pytest.fixture
def recorded(recorded_runs):
    """The entry ``bar_net@bars`` with evidence of three seeds."""
    return registry.get_entry("bar_net")


@pytest.fixture
def finished(recorded_runs):
    """The finished runs of that evidence."""
    return [run_directory.load(path) for path in recorded_runs]
