"""Progress and time left of a training, on standard error."""

from __future__ import annotations

import math
import sys
import time

from kerazoo.metrics import duration

LINE_SECONDS = 10.0  # between lines where there is no terminal for a bar


class Progress:
    """Context with a bar on a terminal, and a line now and then elsewhere."""

    def __init__(self, title: str, total: int, show: bool):
        """``total`` is the number of steps."""
        from rich import progress
        from rich.console import Console

        self.title, self.show, self.last = title, show, -math.inf
        self.bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("left"),
            console=Console(stderr=True),
            transient=True,
        )
        self.bar.add_task(title, total=total)
        (self.task,) = self.bar.tasks
        self.is_terminal = sys.stderr.isatty()

    def __enter__(self) -> None:
        if self.show and self.is_terminal:
            self.bar.start()

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def update(self, done: int, description: str) -> None:
        """Show that ``done`` steps are done."""
        if done == self.task.completed:
            return
        text = f"{self.title} · {description}"
        self.bar.update(self.task.id, completed=done, description=text)
        now, finished = time.monotonic(), done >= (self.task.total or 0)
        if not self.show or self.is_terminal or (now - self.last < LINE_SECONDS and not finished):
            return
        self.last = now
        # Rich measures the speed from the first update on: what came before was compilation.
        left = self.task.time_remaining
        rest = "" if finished or left is None else f" · {duration(left)} left"
        print(f"{text} · {int(self.task.percentage)}%{rest}", file=sys.stderr, flush=True)
