"""Progress and time left of a training, on standard error."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping

from kerazoo.errors import printable
from kerazoo.metrics import METRICS, duration

LINE_SECONDS = 10.0  # between lines where there is no terminal for a bar
MAX_LINES = 25  # of finished epochs, about


class Progress:
    """Context with a bar on a terminal; every epoch, or every k-th of many, leaves a line."""

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

    def __enter__(self) -> None:
        self._line(f"{self.title}: {self.epochs:,} epochs of {self.steps:,} steps")
        if self.show and self.is_terminal:
            self.bar.start()

    def __exit__(self, *error: object) -> None:
        if self.bar.live.is_started:  # it would print an empty line otherwise
            self.bar.stop()

    def update(self, epoch: int, step: int, loss: float) -> None:
        """Show that ``step`` steps of an epoch, counted from 0, are done."""
        done = epoch * self.steps + step
        if done == self.task.completed:
            return
        text = f"{self._counted(epoch + 1)}  loss {_value('loss', loss)}"
        self.bar.update(self.task.id, completed=done, description=text)
        now = time.monotonic()
        if step < self.steps and not self.is_terminal and now - self.last >= LINE_SECONDS:
            if math.isfinite(self.last):  # the first seconds were compilation
                self._line(f"{text}  {int(self.task.percentage)} %{self._left()}")
            self.last = now

    def finished(self, epoch: int, row: Mapping[str, float]) -> None:
        """Show the metrics of a finished epoch, counted from 1."""
        if epoch not in (1, self.epochs) and epoch % math.ceil(self.epochs / MAX_LINES):
            return
        main = next((k for k in row if k not in ("epoch", "loss") and k[:4] != "val_"), "loss")
        names = dict.fromkeys(k for k in ("loss", main, f"val_{main}") if k in row)
        words = [self._counted(epoch), *(f"{_title(k)} {_value(k, row[k])}" for k in names)]
        self._line("  ".join(words) + self._left() * (epoch < self.epochs))
        self.last = time.monotonic()

    def _counted(self, epoch: int) -> str:
        return f"epoch {epoch:{len(str(self.epochs))}}/{self.epochs}"

    def _left(self) -> str:
        # Rich measures the speed from the first update on: what came before was compilation.
        left = self.task.time_remaining
        return "" if left is None else f"  {duration(left)} left"

    def _line(self, text: str) -> None:
        if self.show and self.is_terminal:
            self.bar.console.print(printable(text), soft_wrap=True)
        elif self.show:
            print(printable(text), file=sys.stderr, flush=True)


def _title(name: str) -> str:
    """Name of a logged value: ``val accuracy``."""
    return name.replace("_", " ")


def _value(name: str, value: float) -> str:
    measure = METRICS.get(name.removeprefix("val_"))
    if measure and measure.percent:
        return measure.show(value)
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"
