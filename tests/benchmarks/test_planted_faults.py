"""The faults of benchmarks/planted_faults.py can still be planted."""

from __future__ import annotations

import pytest

from benchmarks.planted_faults import DIGITS, FAULTS, REFERENCES, ROOT, WEIGHTS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_changes_one_file(fault, tmp_path):
    evidence = (f"{REFERENCES}/{fault.entry}.json", f"{WEIGHTS}/{DIGITS}.weights.h5")
    names = (fault.edit[0],) if fault.edit else evidence
    for path in (tmp_path / name for name in names):
        path.parent.mkdir(parents=True)
        path.write_bytes((ROOT / path.relative_to(tmp_path)).read_bytes())
    fault.plant(tmp_path)
    (changed,) = (n for n in names if (tmp_path / n).read_bytes() != (ROOT / n).read_bytes())
    if fault.edit:
        compile((tmp_path / changed).read_text(encoding="utf-8"), changed, "exec")
    assert all((ROOT / name).exists() for name in fault.tests)
