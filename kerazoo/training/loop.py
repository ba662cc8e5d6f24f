"""The training loop: epoch after epoch, kept so that it can be stopped at any moment."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo import registry
from kerazoo._lazy import keras
from kerazoo.errors import Diverged, KerazooError
from kerazoo.spec import Data, Recipe, Split
from kerazoo.training import checkpoint, engine
from kerazoo.training import run_directory as run
from kerazoo.training.balance import class_weights
from kerazoo.training.batches import Batches
from kerazoo.training.checkpoint import Checkpoint
from kerazoo.training.job import Job
from kerazoo.training.phases import Phase, frozen_but, phases
from kerazoo.training.progress import Progress, watcher

MOST_WRITING = 0.02  # share of the time that checkpoints may take


@dataclass
class Keeper:
    """The last good state of a training, in memory and, now and then, on disk.

    Attributes:
        folder: of the run.
        every: seconds from one writing to the next, at least; 0 writes after every epoch.
        state: after the last finished epoch.
        written: how many epochs are on disk.
        next_write: when there may be another one.
    """

    folder: Path
    every: float
    state: Checkpoint | None = None
    written: int = 0
    next_write: float = 0.0

    def __post_init__(self) -> None:
        self.next_write = time.monotonic() + self.every

    def reached(self, state: Checkpoint, *, last: bool) -> None:
        """Keep the state; write it if the last writing is long ago or nothing comes after."""
        self.state = state
        if last or time.monotonic() >= self.next_write:
            self.flush()

    def flush(self) -> None:
        """Write what is not on disk yet."""
        if self.state is None or self.state.epochs <= self.written:
            return
        began = time.monotonic()
        # The checkpoint first: it alone decides how a resumed training goes on.
        checkpoint.write(self.folder, self.state)
        run.write_history(self.folder, self.state.history)
        self.written, now = self.state.epochs, time.monotonic()
        # A large model on a slow disk would spend its time on writing.
        self.next_write = now + (max(self.every, (now - began) / MOST_WRITING) if self.every else 0)


def fit(
    job: Job, folder: Path, *, tensorboard: bool, show: bool, checkpoint_seconds: float
) -> Checkpoint:
    """Train to the recipe's last epoch, from the folder's checkpoint if it has one.

    Raises:
        Diverged: the training failed; the last good state is kept.
        KeyboardInterrupt: the last finished epoch is on disk.
    """
    _refuse_limits()
    recipe = job.recipe
    began = time.monotonic()
    split = training_split(job.data, recipe)
    steps = math.ceil(len(split) / recipe.batch_size)
    _adapt(job.model, split)
    keeper = Keeper(folder, checkpoint_seconds, checkpoint.read(folder))
    keeper.written = keeper.state.epochs if keeper.state else 0
    title = f"{job.entry.name} seed {job.seed}"
    bar = Progress(title, recipe.epochs, steps, done_epochs=keeper.written, show=show)
    batches = Batches(registry.task_of(job.entry).fit_arguments(split), recipe.batch_size)
    epochs = Epochs(job, folder, batches, keeper, bar, steps, tensorboard, began)
    callbacks = [watcher(bar, stop_if_not_finite), at_epochs(epochs)]
    options = fit_options(job, split)
    try:
        for phase in phases(recipe):
            done = 0 if keeper.state is None else keeper.state.epochs
            if done >= phase.end < recipe.epochs:
                continue
            with frozen_but(job.model, job.head, head_only=phase.head_only):
                way = engine.way_to_train(job.model, recipe.batch_size, job.engine)
                with engine.traced(way):
                    net = _compiled(job, phase, steps, way)
                    keeper.state = state = _state_at(net, phase, keeper.state)
                    if state.epochs < phase.end:
                        net.fit(
                            batches.dataset(),
                            initial_epoch=state.epochs,
                            epochs=phase.end,
                            shuffle=False,
                            verbose=0,
                            callbacks=callbacks,
                            **options,
                        )
    except KeyboardInterrupt:
        keeper.flush()
        raise
    except Diverged as stop:
        raise Diverged(f"{stop} {_keep_last_good(net, job, keeper)}") from None
    finally:
        bar.close()
        epochs.close()
    assert keeper.state is not None  # a recipe has an epoch
    assert keeper.state.epochs == recipe.epochs
    return keeper.state


def _refuse_limits() -> None:
    """Raise KerazooError where Keras is told to stop short of what a recipe says."""
    for name in ("max_epochs", "max_steps_per_epoch"):  # since Keras 3.11
        limit = getattr(keras.config, name, lambda: None)()
        if limit is not None:
            raise KerazooError(
                f"KERAS_{name.upper()} ({limit}) ends every training early, so that no figure "
                f"would be of its recipe; unset it, or call keras.config.set_{name}(None)."
            )


@dataclass
class Epochs:
    """What happens where an epoch begins and where it ends."""

    job: Job
    folder: Path
    batches: Batches
    keeper: Keeper
    bar: Progress
    steps: int
    tensorboard: bool
    clock: float  # when the time began that counts into the next epoch
    logger: keras.callbacks.Callback | None = None

    def begin(self, net: keras.Model, epoch: int) -> None:
        """Set order and random state, which follow from (seed, epoch) alone."""
        checkpoint.set_random_state(net, self.job.seed, epoch)
        n = self.batches.examples
        self.batches.in_order(checkpoint.order_of_data(n, self.job.seed, epoch))

    def end(self, net: keras.Model, epoch: int, logs: dict[str, float]) -> None:
        """Check and keep the state, and show it.

        Raises:
            Diverged: loss or weights are no longer finite, or the task sees another trouble.
        """
        job, task, last = self.job, registry.task_of(self.job.entry), self.job.recipe.epochs
        row = {"epoch": epoch + 1, **{k: float(v) for k, v in logs.items()}}
        stop_if_not_finite(row["loss"], epoch, self.steps)
        before = self.keeper.state
        assert before is not None  # the state at the start
        now = time.monotonic()
        seconds, self.clock = now - self.clock, now
        state = checkpoint.take(
            net, epoch + 1, [*before.epoch_seconds, seconds], [*before.history, row]
        )
        if not state.is_finite:  # the last step's update broke what its loss did not show
            stop_if_not_finite(math.nan, epoch, self.steps)
        what = task.problem(row)
        if what is not None:
            raise Diverged(f"the training failed in epoch {epoch + 1}: {what}")
        # Before the state is kept: an epoch that is on disk is not run again to draw it.
        task.after_epoch(self.folder, job.model, epoch + 1, last)
        self.keeper.reached(state, last=epoch + 1 == last)
        self.bar.update(epoch, self.steps, row["loss"], end=True)
        if self.tensorboard:
            if self.logger is None:
                self.logger = _tensorboard_logger(net, self.folder)
            self.logger.on_epoch_end(epoch, {k: v for k, v in row.items() if k != "epoch"})

    def close(self) -> None:
        """Close what was opened."""
        if self.logger is not None:
            self.logger.on_train_end()


def at_epochs(epochs: Epochs) -> keras.callbacks.Callback:
    """A Keras callback that tells ``epochs`` where each begins and ends."""

    class AtEpochs(keras.callbacks.Callback):
        # ``self.model`` and not a variable of ours: on JAX it brings the weights up to date.
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            epochs.begin(self.model, epoch)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            epochs.end(self.model, epoch, logs or {})

    return AtEpochs()


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
        return checkpoint.take(net, 0, [], [])
    if kept.epochs > phase.start:
        checkpoint.restore(net, kept)
        return kept
    checkpoint.restore_model(net, kept)
    return checkpoint.take(net, kept.epochs, kept.epoch_seconds, kept.history)


def fit_options(job: Job, split: Split) -> dict[str, Any]:
    """What ``fit`` is told besides the examples, the same in every epoch.

    The validation split, unless it is trained on or has no targets; and the weight of each class.
    """
    options: dict[str, Any] = {}
    arrays = registry.task_of(job.entry).fit_arguments(job.data.validation)
    if job.recipe.train_on == "train" and len(arrays) == 2 and len(arrays[0]):
        options["validation_data"] = Batches(arrays, engine.INFERENCE_BATCH).dataset()
    if job.recipe.balance:
        options["class_weight"] = class_weights(split.y)
    return options


def _adapt(model: keras.Model, split: Split) -> None:
    """Give each normalisation the training split's mean and variance: rows', or the targets'.

    What is the same in every example is only centred. Divided by its deviation, which is zero or
    rounding, a value that comes later, such as an unseen category's, would be beyond all measure.
    """
    import numpy as np

    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            values = split.y if layer.invert else split.x
            layer.adapt(values)
            variance = keras.ops.convert_to_numpy(layer.adapt_variance)
            same = np.ptp(values, axis=tuple(range(values.ndim - 1))) == 0
            if same.shape == variance.shape and same.any():
                layer.adapt_variance.assign(np.where(same, 1, variance))
                layer.finalize_state()


def _compiled(job: Job, phase: Phase, steps: int, way: engine.Way) -> keras.Model:
    """The network to fit in a phase, every optimizer variable there."""
    task = registry.task_of(job.entry)
    net = task.training_network(job.model, job.recipe)
    net.compile(
        optimizer=phase.optimizer(job.recipe, steps),
        **task.compile_arguments(job.model),
        **way.compile_options,
    )
    net.optimizer.build(net.trainable_variables)
    _build_metrics(net, task.fit_arguments(job.data.train))
    return net


def _build_metrics(net: keras.Model, arrays: tuple[Any, ...]) -> None:
    """Let the metrics make their variables before the step is traced.

    They do so when they first count something. Within the step that is too late: TensorFlow
    throws its trace away and makes another, which of a deep network takes seconds.
    """
    import numpy as np

    shape = getattr(net, "output_shape", None)  # a network of layers has one, a subclass may not
    if len(arrays) == 2 and isinstance(shape, tuple):
        x, y = (array[:1] for array in arrays)
        net.compute_metrics(x, y, np.zeros((1, *shape[1:]), np.float32))
        net.reset_metrics()


def stop_if_not_finite(loss: float, epoch: int, step: int) -> None:
    """Raise Diverged for a loss that is NaN or infinite."""
    if not math.isfinite(loss):
        raise Diverged(
            f"the training diverged: the loss became {loss} in epoch {epoch + 1} (seen at step "
            f"{step}). A smaller learning rate usually helps: --set learning_rate=..."
        )


def _keep_last_good(net: keras.Model, job: Job, keeper: Keeper) -> str:
    """Save the model as it was after the last good epoch; says where."""
    state = keeper.state
    if state is None or state.epochs == 0:
        return "No epoch had finished before."
    keeper.flush()
    checkpoint.restore_model(net, state)
    paths = run.save_model(job.delivered(job.model), keeper.folder, prefix="last_good_")
    return f"The model after epoch {state.epochs} is kept in {' and '.join(map(str, paths))}."


def _tensorboard_logger(net: keras.Model, folder: Path) -> keras.callbacks.Callback:
    """Keras's TensorBoard callback, driven by hand: a phase is one call of ``fit`` here."""
    logger = keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)
    logger.set_model(net)
    logger.on_train_begin()
    return logger
