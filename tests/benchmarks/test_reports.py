"""The reports are current, and reproduce.py trains nothing twice."""

from __future__ import annotations

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
    weights = evidence.read(registry.get_entry(name)).weights
    for result in EXPORTS[name].values():
        assert result["passed"]
        if result["examples"] == result["test_examples"]:
            assert result["before"] == pytest.approx(weights.value, rel=1e-6)


def test_every_entry_with_weights_was_exported():
    entries = (name for name in registry.list_entries() if export_table.weights_of(name))
    assert set(entries) == set(EXPORTS)


def test_finetuning_md_is_the_report_of_the_recorded_runs():
    results = _tools.read_json(finetuning.RESULTS)
    assert finetuning.REPORT.read_text(encoding="utf-8") == finetuning.report(results)
    assert results["weights"] == {group: finetuning.start_of(group) for group in finetuning.STARTS}


def test_reproduce_trains_only_what_is_missing(private_zoo, in_tmp):
    entry = registry.get_entry("bar_net@bars")

    def record(seeds, work, **options):
        return list(reproduce.recorded(entry, "smoke", seeds, in_tmp / work, **options))

    assert len(record(1, "work")) == 1
    (run,) = (in_tmp / "work").rglob("model.keras")
    written = run.stat().st_mtime_ns
    record(1, "work")
    assert run.stat().st_mtime_ns == written
    assert not record(1, "other", missing=True)
    (report,) = record(2, "other", missing=True)
    assert [run.seed for run in report.runs] == [1]
    assert [run.seed for run in evidence.read(entry).tiers["smoke"].runs] == [0, 1]


@pytest.mark.slow
def test_missing_seeds_are_trained_with_the_engine_of_the_others(private_zoo, in_tmp):
    entry = registry.get_entry("bar_net@bars")
    kerazoo.verify("bar_net", tier="smoke", seeds=1, record=True, engine="plain", progress=False)
    list(reproduce.recorded(entry, "smoke", 2, in_tmp / "work", missing=True))
    joined = evidence.read(entry).tiers["smoke"]
    assert [run.seed for run in joined.runs] == [0, 1] and joined.engine == "plain"
