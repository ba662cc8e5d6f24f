"""Progress where there is no terminal: a line per epoch, few of many; in a notebook one display."""

import inspect
import re

import pytest

from kerazoo.training.progress import Progress
from tests.conftest import ROOT


def go_through(progress: Progress) -> None:
    row = {"loss": 0.5, "accuracy": 0.9871, "val_loss": 0.6, "val_accuracy": 0.975}
    with progress:
        for epoch in range(progress.epochs):
            for step in (5, 10):
                progress.update(epoch, step, 0.5)
            progress.finished(epoch + 1, {"epoch": epoch + 1, **row})


@pytest.mark.parametrize(("epochs", "lines"), [(3, range(3, 4)), (1000, range(20, 30))])
def test_epochs_leave_lines_of_at_most_80_columns(capsys, epochs, lines):
    progress = Progress("a_model@a_dataset, seed 0", epochs, steps=10, show=True)
    go_through(progress)
    title, *shown = capsys.readouterr().err.splitlines()
    assert "a_model@a_dataset" in title and len(shown) in lines
    assert re.match(rf"epoch +1/{epochs} ", shown[0]) and f"{epochs}/{epochs} " in shown[-1]
    assert all(len(line) <= 80 and "98.71 %" in line and "97.50 %" in line for line in shown)


def test_nothing_is_shown_unless_asked(capsys):
    with Progress("", 1, 1, show=False) as _:
        pass
    assert capsys.readouterr().err == ""


def shown_in_a_notebook(code: str) -> list[dict]:
    """What the kernel of a notebook sends to show of a cell, in order."""
    client = pytest.importorskip("nbclient", reason="the notebook runs with nbclient")
    nbformat, _ = pytest.importorskip("nbformat"), pytest.importorskip("ipykernel")
    sent = []

    class Client(client.NotebookClient):
        def process_message(self, message, cell, cell_index):
            sent.append(message)
            return super().process_message(message, cell, cell_index)

    cells = [nbformat.v4.new_code_cell(code)]
    Client(nbformat.v4.new_notebook(cells=cells), resources={"metadata": {"path": ROOT}}).execute()
    silent = ("status", "execute_input")
    return [message for message in sent if message["msg_type"] not in silent]


def test_a_notebook_has_one_bar_that_leaves_a_table_of_epochs():
    code = inspect.getsource(go_through)
    messages = shown_in_a_notebook(
        f"from kerazoo.training.progress import Progress\n{code}\n"
        'go_through(Progress("a_model@a_dataset, seed 0", 40, steps=10, show=True))\n'
        'go_through(Progress("unseen", 1, steps=10, show=False))'
    )
    first, *others = [message["msg_type"] for message in messages]
    assert first == "display_data" and set(others) == {"update_display_data"}
    assert len({m["content"]["transient"]["display_id"] for m in messages}) == 1
    *during, last = [message["content"]["data"]["text/html"] for message in messages]
    assert all(page.count("<progress") == 1 for page in during) and "<progress" not in last
    done = [int(re.search(r'<progress value="(\d+)"', page)[1]) for page in during]
    assert done == sorted(done) and done[0] == 0 and done[-1] == 400
    cells = [re.findall("<td>(.*?)</td>", row) for row in last.split("<tr>")[2:]]
    assert len(cells) in range(20, 30) and (cells[0][0], cells[-1][0]) == ("1", "40")
    assert all(row[1:] == ["0.5000", "98.71 %", "0.6000", "97.50 %"] for row in cells)
