"""Progress on a standard error that is no terminal: a line per epoch, few of many."""

import re

import pytest

from kerazoo.training.progress import Progress


@pytest.mark.parametrize(("epochs", "lines"), [(3, range(3, 4)), (1000, range(20, 30))])
def test_epochs_leave_lines_of_at_most_80_columns(capsys, epochs, lines):
    progress = Progress("a_model@a_dataset, seed 0", epochs, steps=10, show=True)
    row = {"loss": 0.5, "accuracy": 0.9871, "val_loss": 0.6, "val_accuracy": 0.975}
    with progress:
        for epoch in range(epochs):
            for step in (5, 10):
                progress.update(epoch, step, 0.5)
            progress.finished(epoch + 1, {"epoch": epoch + 1, **row})
    title, *shown = capsys.readouterr().err.splitlines()
    assert "a_model@a_dataset" in title and len(shown) in lines
    assert re.match(rf"epoch +1/{epochs} ", shown[0]) and f"{epochs}/{epochs} " in shown[-1]
    assert all(len(line) <= 80 and "98.71 %" in line and "97.50 %" in line for line in shown)


def test_nothing_is_shown_unless_asked(capsys):
    with Progress("", 1, 1, show=False) as _:
        pass
    assert capsys.readouterr().err == ""
