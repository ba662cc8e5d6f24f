"""A new kind of task is one file: the one of docs/adding.md goes through everything."""

from __future__ import annotations

import re
import sys

import numpy as np

import kerazoo
from kerazoo import registry
from tests.conftest import ROOT


def test_a_task_of_one_file_is_trained_verified_evaluated_and_exported(
    private_registry, in_tmp, monkeypatch
):
    page = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
    (in_tmp / "tagging.py").write_text(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1])
    monkeypatch.delitem(sys.modules, "tagging", raising=False)
    registry.import_module("tagging.py")
    options = {"tier": "smoke", "progress": False, "plots": False}
    recorded = kerazoo.verify("tagger", seeds=2, record=True, out="recorded", **options)
    report = kerazoo.verify("tagger", out="fresh", **options)
    assert report.passed and report.metric == "tag_accuracy"
    assert recorded.reference.baselines["most_frequent_tags"] < recorded.reference.mean
    run = report.runs[0].path
    assert kerazoo.evaluate(run).value == report.runs[0].value
    certificate = kerazoo.export(run, "keras", "exported")
    assert certificate.passed and certificate.after == report.runs[0].value
    assert np.isclose(certificate.difference, 0, atol=1e-5)
    del sys.modules["tagging"]
