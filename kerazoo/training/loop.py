"""The training loop: epoch after epoch, kept so that it can be stopped at any moment."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerazoo import tasks
from kerazoo._lazy import keras
from kerazoo.errors import Diverged
from kerazoo.recipe import Recipe
from kerazoo.spec import Data, Split
from kerazoo.training import checkpoint, engine, run
from kerazoo.training.balance import class_weights
from kerazoo.training.checkpoint import Checkpoint
from kerazoo.training.job import Job
from kerazoo.training.phases import Phase, frozen_but, phases
from kerazoo.training.progress import Progress, watcher


@dataclass
class Keeper:
    """The last good state of a training, in memory and, now and then, on disk."""

    folder: Path
    every: float
    state: Checkpoint | None = None
    written: int = 0
    last_write: float = field(default_factory=time.monotonic)

    def reached(self, state: Checkpoint, *, last: bool) -> None:
        """Keep the state; write it if the last writing is long ago or nothing comes after."""
        self.state = state
        if last or time.monotonic() - self.last_write >= self.every:
            self.flush()

    def flush(self) -> None:
        """Write what is not on disk yet."""
        if self.state is None or self.state.epochs <= self.written:
            return
        # The checkpoint first: it alone decides how a resumed training goes on.
        checkpoint.write(self.folder, self.state)
        run.write_history(self.folder, self.state.history)
        self.written, self.last_write = self.state.epochs, time.monotonic()


def fit(
    job: Job, folder: Path, *, tensorboard: bool, show: bool, checkpoint_seconds: float
) -> Checkpoint:
    """Train to the recipe's last epoch, from the folder's checkpoint if it has one.

    Raises:
        Diverged: the training failed; the last good state is kept.
        KeyboardInterrupt: the last finished epoch is on disk.
    """
    recipe = job.recipe
    split = training_split(job.data, recipe)
    steps = math.ceil(len(split) / recipe.batch_size)
    _adapt(job.model, split)
    keeper = Keeper(folder, checkpoint_seconds, checkpoint.read(folder))
    keeper.written = keeper.state.epochs if keeper.state else 0
    title = f"{job.entry.name} seed {job.seed}"
    bar = Progress(title, recipe.epochs, steps, done_epochs=keeper.written, show=show)
    epochs = Epochs(job, split, steps, [watcher(bar, stop_if_not_finite)], fit_options(job, split))
    logger = None
    try:
        for phase in phases(recipe):
            done = 0 if keeper.state is None else keeper.state.epochs
            if done >= phase.end < recipe.epochs:
                continue
            with frozen_but(job.model, job.head, head_only=phase.head_only):
                net = _compiled(job, phase, steps)
                keeper.state = state = _state_at(net, phase, keeper.state)
                if tensorboard and logger is None:
                    logger = _tensorboard_logger(net, folder)
                for epoch in range(state.epochs, phase.end):
                    state = epochs.after(net, epoch, state)
                    keeper.reached(state, last=epoch + 1 == recipe.epochs)
                    tasks.of(job.entry).at_epoch(folder, job.model, epoch + 1, recipe.epochs)
                    row = state.history[-1]
                    bar.update(epoch, steps, row["loss"], end=True)
                    if logger is not None:
                        logger.on_epoch_end(epoch, {k: v for k, v in row.items() if k != "epoch"})
    except KeyboardInterrupt:
        keeper.flush()
        raise
    except Diverged as stop:
        raise Diverged(f"{stop} {_keep_last_good(net, job.model, keeper)}") from None
    finally:
        bar.close()
        if logger is not None:
            logger.on_train_end()
    assert keeper.state is not None  # a recipe has an epoch
    return keeper.state


@dataclass(frozen=True)
class Epochs:
    """One epoch after the other: the same data, callbacks and options in each."""

    job: Job
    split: Split
    steps: int
    callbacks: list[keras.callbacks.Callback]
    options: dict[str, Any]

    def after(self, net: keras.Model, epoch: int, state: Checkpoint) -> Checkpoint:
        """Train one epoch, in the order of (seed, epoch); the state after it.

        Raises:
            Diverged: loss or weights are no longer finite, or the task sees another trouble.
        """
        began = time.monotonic()
        job, task = self.job, tasks.of(self.job.entry)
        checkpoint.set_random_state(net, job.seed, epoch)
        order = checkpoint.order_of_data(len(self.split), job.seed, epoch)
        logs = net.fit(
            *(part[order] for part in task.fit_arguments(self.split)),
            batch_size=job.recipe.batch_size,
            shuffle=False,
            initial_epoch=epoch,
            epochs=epoch + 1,
            verbose=0,
            callbacks=self.callbacks,
            **self.options,
        ).history
        row = {"epoch": epoch + 1, **{k: float(v[-1]) for k, v in logs.items()}}
        stop_if_not_finite(row["loss"], epoch, self.steps)
        seconds = state.seconds + time.monotonic() - began
        reached = checkpoint.take(net, epoch + 1, seconds, [*state.history, row])
        if not reached.is_finite:  # the last step's update broke what its loss did not show
            stop_if_not_finite(math.nan, epoch, self.steps)
        what = task.trouble(row)
        if what is not None:
            raise Diverged(f"the training failed in epoch {epoch + 1}: {what}")
        return reached


def training_split(data: Data, recipe: Recipe) -> Split:
    """The examples that a recipe trains on."""
    import numpy as np

    split = data.train
    if recipe.train_on == "train+validation":
        split = Split(
            np.concatenate([data.train.x, data.validation.x]),
            np.concatenate([data.train.y, data.validation.y]),
        )
    if recipe.train_examples is not None:
        split = Split(split.x[: recipe.train_examples], split.y[: recipe.train_examples])
    return split


def _state_at(net: keras.Model, phase: Phase, kept: Checkpoint | None) -> Checkpoint:
    """Bring a network to where a checkpoint was; an optimizer is new at the start of its phase."""
    if kept is None:
        return checkpoint.take(net, 0, 0.0, [])
    if kept.epochs > phase.start:
        checkpoint.restore(net, kept)
        return kept
    checkpoint.restore_model(net, kept)
    return checkpoint.take(net, kept.epochs, kept.seconds, kept.history)


def fit_options(job: Job, split: Split) -> dict[str, Any]:
    """What ``fit`` is told besides the examples, the same in every epoch.

    The validation split, unless it is trained on or has no targets; and the weight of each class.
    """
    options: dict[str, Any] = {}
    arrays = tasks.of(job.entry).fit_arguments(job.data.validation)
    if job.recipe.train_on == "train" and len(arrays) == 2 and len(arrays[0]):
        options["validation_data"] = arrays
        options["validation_batch_size"] = engine.INFERENCE_BATCH
    if job.recipe.balance:
        options["class_weight"] = class_weights(split.y)
    return options


def _adapt(model: keras.Model, split: Split) -> None:
    """Give each normalisation of raw rows the mean and variance of the training split."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.adapt(split.x)


def _compiled(job: Job, phase: Phase, steps: int) -> keras.Model:
    """The network to fit in a phase, every optimizer variable there."""
    task = tasks.of(job.entry)
    net = task.network_in_training(job.model, job.recipe)
    net.compile(
        optimizer=phase.optimizer(job.recipe, steps),
        **task.compile_arguments(job.model),
        **engine.compile_options(job.model),
    )
    net.optimizer.build(net.trainable_variables)
    return net


def stop_if_not_finite(loss: float, epoch: int, step: int) -> None:
    """Raise Diverged for a loss that is NaN or infinite."""
    if not math.isfinite(loss):
        raise Diverged(
            f"the training diverged: the loss became {loss} in epoch {epoch + 1} (seen at step "
            f"{step}). A smaller learning rate usually helps: --set learning_rate=..."
        )


def _keep_last_good(net: keras.Model, model: keras.Model, keeper: Keeper) -> str:
    """Save the model as it was after the last good epoch; says where."""
    state = keeper.state
    if state is None or state.epochs == 0:
        return "No epoch had finished before."
    keeper.flush()
    checkpoint.restore_model(net, state)
    paths = run.save_model(model, keeper.folder, prefix="last_good_")
    return f"The model after epoch {state.epochs} is kept in {' and '.join(map(str, paths))}."


def _tensorboard_logger(net: keras.Model, folder: Path) -> keras.callbacks.Callback:
    """Keras's TensorBoard callback, driven by hand: one epoch is one call of ``fit`` here."""
    logger = keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)
    logger.set_model(net)
    logger.on_train_begin()
    return logger
