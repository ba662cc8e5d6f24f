"""Shared by the tests of evidence."""

import shutil

import pytest

from kerazoo.evidence import verify as verifying
from kerazoo.training import loop


@pytest.fixture
def copied(recorded_runs, monkeypatch):
    """A seed that was recorded is copied instead of being trained again, to the same bits."""
    train_job = verifying.train_job

    def copies(job, folder, **options):
        if job.seed < len(recorded_runs) and not folder.exists():
            shutil.copytree(recorded_runs[job.seed], folder)
            options["resume"] = True
        return train_job(job, folder, **options)

    monkeypatch.setattr(verifying, "train_job", copies)


@pytest.fixture
def no_training(recorded, monkeypatch):
    monkeypatch.setattr(loop, "fit", None)  # would fail if it were called
