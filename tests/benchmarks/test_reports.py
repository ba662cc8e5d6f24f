"""The reports are current, and reproduce.py trains nothing twice."""

from __future__ import annotations

import shutil

import pytest

import kerazoo
from benchmarks import _tools, export_table, finetuning, reproduce
from kerazoo import registry
from kerazoo.evidence import reference as evidence

EXPORTS = _tools.read_json(export_table.RESULTS)


def test_export_md_is_the_table_of_the_certificates():
    assert export_table.TABLE.read_text(encoding="utf-8") == export_table.table(EXPORTS)


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_were_certified_with_the_bundled_weights(name):
    assert not export_table.missing_formats(EXPORTS, name), f"run export_table.py {name}"
    recorded = evidence.read(registry.get_entry(name))
    for result in EXPORTS[name].values():
        assert result["passed"]
        whole = result["examples"] == result["test_examples"]
        if whole and result["metric"] == recorded.metric:  # not the ELBO, of no exported network
            assert result["before"] == pytest.approx(recorded.weights.value, rel=1e-6)


def test_every_entry_with_weights_was_exported():
    entries = (name for name in registry.list_entries() if export_table.weights_of(name))
    assert set(entries) == set(EXPORTS)


def test_finetuning_md_is_the_report_of_the_recorded_runs():
    results = _tools.read_json(finetuning.RESULTS)
    assert finetuning.REPORT.read_text(encoding="utf-8") == finetuning.report(results)
    assert results["weights"] == {group: finetuning.start_of(group) for group in finetuning.STARTS}


def test_reproduce_trains_only_what_is_missing(recorded, recorded_runs, in_tmp, monkeypatch):
    asked = []

    def verify(name, *, tier, first_seed, seeds, **options):
        asked.append((first_seed, seeds))
        return kerazoo.verify(
            name, tier=tier, first_seed=first_seed, seeds=seeds, plots=False, **options
        )

    monkeypatch.setattr(reproduce, "verify", verify)
    work = shutil.copytree(recorded_runs[0].parent, in_tmp / "work")
    before = {path: path.stat().st_mtime_ns for path in work.rglob("model.keras")}
    assert not list(reproduce.recorded(recorded, "full", 3, work, missing=True)) and not asked
    assert list(reproduce.recorded(recorded, "full", 3, work)) and asked == [(0, 3)]
    assert before == {path: path.stat().st_mtime_ns for path in work.rglob("model.keras")}
    (report,) = reproduce.recorded(recorded, "full", 4, in_tmp / "other", missing=True)
    assert [run.seed for run in report.runs] == [3]
    assert [run.seed for run in evidence.read(recorded).tiers["full"].runs] == [0, 1, 2, 3]


@pytest.mark.slow
def test_missing_seeds_are_trained_with_the_engine_of_the_others(private_zoo, in_tmp):
    entry = registry.get_entry("bar_net@bars")
    kerazoo.verify("bar_net", tier="smoke", seeds=1, record=True, engine="plain", progress=False)
    list(reproduce.recorded(entry, "smoke", 2, in_tmp / "work", missing=True))
    joined = evidence.read(entry).tiers["smoke"]
    assert [run.seed for run in joined.runs] == [0, 1] and joined.engine == "plain"
