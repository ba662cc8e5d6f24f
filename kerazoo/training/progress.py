"""Progress and time left of a training: on standard error, or as one display of a notebook."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from html import escape
from typing import Any

from kerazoo._parts import epochs_table, html
from kerazoo.errors import printable
from kerazoo.metrics import duration, logged, plain

LINE_SECONDS = 10.0  # between lines where there is no terminal for a bar
MAX_LINES = 25  # of finished epochs, about


class Progress:
    """Context with a bar on a terminal or in a notebook.

    Every epoch, or every k-th of many, leaves a line, in a notebook a row of a table.
    """

    def __init__(self, title: str, epochs: int, steps: int, show: bool):
        """``steps`` are those of one epoch."""
        from rich import progress
        from rich.console import Console

        self.title, self.epochs, self.steps, self.show = title, epochs, steps, show
        self.last = -math.inf
        self.bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("left"),
            console=Console(stderr=True, markup=False, highlight=False, emoji=False),
            transient=True,
        )
        self.bar.add_task("", total=epochs * steps)
        (self.task,) = self.bar.tasks
        self.is_terminal = sys.stderr.isatty()
        self.in_notebook = show and _is_notebook()
        self.rows: list[Mapping[str, float]] = []
        self.display: Any = None  # of the notebook, from the first drawing on

    def __enter__(self) -> None:
        self.title = f"{self.title}: {self.epochs:,} epochs of {self.steps:,} steps"
        if self.in_notebook:
            self._draw("starting")
        else:
            self._line(self.title)
        if self.show and self.is_terminal:
            self.bar.start()

    def __exit__(self, *error: object) -> None:
        if self.in_notebook:
            self._draw()
        if self.bar.live.is_started:  # it would print an empty line otherwise
            self.bar.stop()

    def update(self, epoch: int, step: int, loss: float) -> None:
        """Show that ``step`` steps of an epoch, counted from 0, are done."""
        done = epoch * self.steps + step
        if done == self.task.completed:
            return
        text = f"{self._counted(epoch + 1)}  loss {logged('loss', loss)}"
        self.bar.update(self.task.id, completed=done, description=text)
        if self.in_notebook:
            self._draw(f"{text}{self._left()}")
            return
        now = time.monotonic()
        if step < self.steps and not self.is_terminal and now - self.last >= LINE_SECONDS:
            if math.isfinite(self.last):  # the first seconds were compilation
                self._line(f"{text}  {int(self.task.percentage)} %{self._left()}")
            self.last = now

    def finished(self, epoch: int, row: Mapping[str, float]) -> None:
        """Show the metrics of a finished epoch, counted from 1."""
        if epoch not in (1, self.epochs) and epoch % math.ceil(self.epochs / MAX_LINES):
            return
        if self.in_notebook:
            self.rows.append(row)
            self._draw(f"{self._counted(epoch)}{self._left()}")
            return
        main = next((k for k in row if k not in ("epoch", "loss") and k[:4] != "val_"), "loss")
        names = dict.fromkeys(k for k in ("loss", main, f"val_{main}") if k in row)
        words = [self._counted(epoch), *(f"{plain(k)} {logged(k, row[k])}" for k in names)]
        self._line("  ".join(words) + self._left() * (epoch < self.epochs))
        self.last = time.monotonic()

    def _counted(self, epoch: int) -> str:
        return f"epoch {epoch:{len(str(self.epochs))}}/{self.epochs}"

    def _left(self) -> str:
        # Rich measures the speed from the first update on: what came before was compilation.
        left = self.task.time_remaining
        return "" if left is None else f"  {duration(left)} left"

    def _draw(self, status: str = "") -> None:
        """Show the table of epochs, and the bar unless the training has ended."""
        from IPython.display import display

        text = html(epochs_table(self.rows, self.title))
        if status:
            done, total = int(self.task.completed), self.epochs * self.steps
            text += f'<progress value="{done}" max="{total}"></progress> {escape(status)}'
        shown = {"text/html": text, "text/plain": self.title}
        if self.display is None:
            self.display = display(shown, raw=True, display_id=True)
        else:
            self.display.update(shown, raw=True)

    def _line(self, text: str) -> None:
        if self.show and self.is_terminal:
            self.bar.console.print(printable(text), soft_wrap=True)
        elif self.show:
            print(printable(text), file=sys.stderr, flush=True)


def _is_notebook() -> bool:
    """True where IPython shows what a kernel sends, and not a terminal."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")
