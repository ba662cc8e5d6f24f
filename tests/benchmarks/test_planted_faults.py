"""The faults of benchmarks/planted_faults.py can still be planted."""

from __future__ import annotations

import pytest

from benchmarks import planted_faults


@pytest.mark.parametrize("fault", planted_faults.FAULTS, ids=lambda fault: fault.name)
def test_every_edit_of_a_fault_finds_its_place(fault):
    if fault.edit:
        name, old, new = fault.edit
        text = (planted_faults.ROOT / name).read_text(encoding="utf-8")
        assert text.count(old) == 1 and old != new
        compile(text.replace(old, new), name, "exec")
    for name in fault.tests:
        assert (planted_faults.ROOT / name).exists()
