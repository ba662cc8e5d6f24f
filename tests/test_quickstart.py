"""docs/quickstart.ipynb runs from the first cell to the last."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT

PATH = ROOT / "docs" / "quickstart.ipynb"


@pytest.mark.slow
def test_the_notebook_runs_and_its_model_beats_the_baselines(in_tmp):
    nbclient = pytest.importorskip("nbclient", reason="the notebook runs with nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(PATH, as_version=4)
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": in_tmp}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    (compared,) = (cell for cell in cells if "comparison" in cell.source)
    text = "".join(out.text for out in compared.outputs if out.get("name") == "stdout")
    lines = (line.split(": ") for line in text.splitlines() if ": " in line)
    shown = [out.data["text/html"] for out in compared.outputs if "data" in out]
    assert len(shown) == 2, "fine-tuned and from scratch"
    assert all("<progress" not in page and page.count("<tr>") == 1 + 5 for page in shown)
    values = {name: float(value.split()[0]) for name, value in lines}
    assert values["fine-tuned"] > values["linear"] > values["majority class"]
