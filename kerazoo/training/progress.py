"""Progress and time left of a training, on standard error."""

from __future__ import annotations

import sys
import time
from typing import Any

from kerazoo._lazy import keras
from kerazoo.metrics import duration

REFRESH_SECONDS = 0.2
LINE_SECONDS = 10.0  # between lines where there is no terminal to draw a bar on


class Progress:
    """Shows how far a training is: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, title: str, epochs: int, steps: int, *, done_epochs: int, show: bool):
        self.title = title
        self.epochs = epochs
        self.steps = steps
        self.first_step = done_epochs * steps
        self.first_update: tuple[float, int] | None = None
        self.last = 0.0
        self.bar: Any = None
        self.show = show
        if show and sys.stderr.isatty():
            self.bar = _bar()
            self.bar.start()
            self.task = self.bar.add_task(title, total=epochs * steps, completed=self.first_step)

    def update(self, epoch: int, step: int, loss: float | None, *, end: bool = False) -> None:
        """Say that ``step`` steps of the epoch (from 0) are done."""
        now = time.monotonic()
        pause = REFRESH_SECONDS if self.bar else LINE_SECONDS
        last_epoch = end and epoch == self.epochs - 1
        if not self.show or (now - self.last < pause and not last_epoch):
            return
        self.last = now
        what = f"{self.title} · epoch {epoch + 1}/{self.epochs}"
        if loss is not None:
            what += f" · loss {loss:.4f}"
        done = epoch * self.steps + step
        if self.bar:
            self.bar.update(self.task, completed=done, description=what)
            return
        if self.first_update is None:  # what came before was compilation, and says nothing
            self.first_update = (now, done)
        ran = done - self.first_update[1]
        total = self.epochs * self.steps
        about = ""
        if ran and done < total:
            left = (now - self.first_update[0]) / ran * (total - done)
            about = f" · {duration(left)} left"
        percent = 100 * done // total
        print(f"{what} · {percent}%{about}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar down."""
        if self.bar:
            self.bar.stop()


def _bar() -> Any:
    import rich.progress
    from rich.console import Console

    return rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.TaskProgressColumn(),
        rich.progress.TimeRemainingColumn(),
        rich.progress.TextColumn("left"),
        console=Console(stderr=True),
        transient=True,
    )


def watcher(progress: Progress, stop_if_not_finite: Any) -> keras.callbacks.Callback:
    """A Keras callback that feeds the progress and looks now and then whether the loss is finite.

    It reads the loss at most every ``REFRESH_SECONDS``, since reading it waits for the step.
    """

    class Watcher(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.epoch = 0
            self.last = 0.0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.epoch = epoch

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            now = time.monotonic()
            if now - self.last < REFRESH_SECONDS:
                return
            self.last = now
            loss = float(logs["loss"])
            # An execution of several steps ends before its last where the epoch does.
            step = min(batch + 1, progress.steps)
            stop_if_not_finite(loss, self.epoch, step)
            progress.update(self.epoch, step, loss)

    return Watcher()
