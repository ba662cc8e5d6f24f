"""The benchmark programs: the same work for all, and reports that say what was measured."""

from __future__ import annotations

import json

import pytest

from benchmarks import export_table, finetuning, reproduce
from kerazoo import registry
from kerazoo.evidence import reference as evidence
from kerazoo.evidence import verify as verifying
from kerazoo.exporting import formats

EXPORTS = export_table.read_results()


def test_export_md_is_what_the_certificates_give():
    assert export_table.TABLE.read_text(encoding="utf-8") == export_table.table(EXPORTS)


@pytest.mark.parametrize("name", registry.list_entries())
def test_exports_were_certified_with_the_weights_of_today(name):
    weights = evidence.read(registry.get_entry(name)).weights
    for kind in formats.names():
        assert export_table.is_current(EXPORTS, name, kind), f"export_table.py {name}"
        result = EXPORTS[name][kind]
        assert ("refused" in result) == (weights is None)
        if weights is not None:
            assert result["passed"]
            if result["examples"] == result["test_examples"]:
                assert result["before"] == pytest.approx(weights.value, rel=1e-6)


def test_finetuning_md_is_what_the_figures_give(tmp_path, monkeypatch):
    said = finetuning.REPORT.read_text(encoding="utf-8")
    monkeypatch.setattr(finetuning, "REPORT", tmp_path / "FINETUNING.md")
    monkeypatch.setattr(finetuning, "PICTURE", tmp_path / "digits.png")
    figures = json.loads(finetuning.FIGURES.read_text(encoding="utf-8"))
    finetuning.write_report(figures)
    assert finetuning.REPORT.read_text(encoding="utf-8") == said
    assert figures["weights"] == {group: finetuning.start_of(group) for group in finetuning.STARTS}


@pytest.mark.slow
def test_reproduce_adds_the_seeds_that_lack_with_the_engine_of_the_others(
    private_zoo, in_tmp, monkeypatch
):
    trained, train = [], verifying.train

    def noted(entry, *args, seed, **options):
        trained.append(seed)
        return train(entry, *args, seed=seed, **options)

    monkeypatch.setattr(reproduce, "write", lambda: None)
    monkeypatch.setattr(verifying, "train", noted)
    assert not reproduce.record(["bar_net@bars"], ["smoke"], 2, in_tmp / "work")
    trained.clear()
    assert not reproduce.record(["bar_net@bars"], ["smoke"], 4, in_tmp / "other", missing=True)
    reference = evidence.read(registry.get_entry("bar_net@bars")).tiers["smoke"]
    assert trained == [2, 3] and [run.seed for run in reference.runs] == [0, 1, 2, 3]
    assert not reproduce.record(["bar_net@bars"], ["smoke"], 4, in_tmp / "other", missing=True)
    assert trained == [2, 3]
    verifying.verify("bar_net", tier="smoke", record=True, engine="plain", out=in_tmp / "plain")
    plain = evidence.read(registry.get_entry("bar_net@bars")).tiers["smoke"]
    assert [run.seed for run in plain.runs] == [0] and plain.engine == "plain"
    assert not reproduce.record(["bar_net"], ["smoke"], 2, in_tmp / "joined", missing=True)
    joined = evidence.read(registry.get_entry("bar_net@bars")).tiers["smoke"]
    assert [run.seed for run in joined.runs] == [0, 1] and joined.engine == "plain"
