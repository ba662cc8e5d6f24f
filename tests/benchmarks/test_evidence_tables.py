"""Tables of the programs that compare releases of Keras and fresh seeds."""

import pytest

from benchmarks import drift, fresh_seeds
from kerazoo import verify

ENTRY = "linear_regression@make_regression"


def test_drift_has_a_row_per_entry_and_tells_the_differences():
    newest = {"passed": True, "value": 0.5, "weights": "a"}
    others = {
        "same bits": newest,
        "rounding": {**newest, "value": 0.5 + 1e-9, "weights": "b"},
        "interval": {**newest, "value": 0.51, "weights": "b"},
        "worse": {**newest, "passed": False},
    }
    columns = {f"Keras {i}": {"mlp@digits": result} for i, result in enumerate(others.values())}
    text = drift.report({**columns, "Keras 9": {"mlp@digits": newest}})
    row = next(line for line in text.splitlines() if "mlp@digits" in line)
    assert [cell.strip() for cell in row.split("|")[2:-2]] == list(others)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return verify(ENTRY, tier="smoke", seeds=2, out=out, progress=False, plots=False)


@pytest.mark.parametrize(("factor", "inside"), [(1.0, 2), (0.0, 0)])
def test_fresh_seeds_count_the_runs_inside_the_interval(report, monkeypatch, factor, inside):
    monkeypatch.setattr(fresh_seeds, "verify", lambda *args, **options: report)
    margin = max(abs(run.value - report.reference.mean) for run in report.runs) * factor
    monkeypatch.setattr(fresh_seeds, "prediction_margin", lambda *args: margin)
    monkeypatch.setattr(fresh_seeds, "rounding_of_training", lambda *args: None)  # two examples: 0
    row = fresh_seeds.fresh(ENTRY, 2, None)
    assert row.inside == inside
    assert f"{inside} of 2" in fresh_seeds.text([row])
