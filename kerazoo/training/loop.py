"""The training loop: one call of ``fit`` per phase, and a state to resume from after each epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import registry
from kerazoo._lazy import keras, np
from kerazoo.errors import Diverged, KerazooError, checked, require_whole
from kerazoo.spec import Recipe, Split, networks_of
from kerazoo.tasks.base import Task
from kerazoo.training import checkpoint, engine
from kerazoo.training import run_directory as run
from kerazoo.training.batches import Batches, class_weights
from kerazoo.training.checkpoint import Checkpoint
from kerazoo.training.optimizer import Phase, optimizer_for, phases
from kerazoo.training.progress import Progress

if TYPE_CHECKING:
    from kerazoo.training.train import Job

CHECKPOINT_SECONDS = 5.0
MAX_WRITING = 0.02  # share of the time that checkpoints may take
LOOK_SECONDS = 0.2  # between two readings of the loss, each of which waits for its step


class Epochs:
    """Order and random state of each epoch, checks of its result, and checkpoints.

    Attributes:
        callback: Keras's callback that calls the methods; it knows the network in training.
        state: training state after the last finished epoch; None before a new training.
        written: number of epochs on disk.
        next_write: time from which the next checkpoint may be written.
    """

    callback: keras.callbacks.Callback

    def __init__(
        self, job: Job, directory: Path, batches: Batches, every: float, progress: Progress
    ):
        """Read the checkpoint in ``directory``; ``every`` is the least time between two, in s."""
        self.job, self.directory, self.batches = job, directory, batches
        self.every, self.progress = every, progress
        self.epoch = 0
        self.state = checkpoint.read(directory)
        self.written = self.done
        self.clock = self.looked = time.monotonic()
        self.next_write = self.clock + every

    @property
    def done(self) -> int:
        """Number of finished epochs."""
        return self.state.epochs if self.state else 0

    @property
    def is_over(self) -> bool:
        """True after the last epoch, the recipe's or that of early stopping."""
        patience, best = self.job.early_stopping, self.state and best_epoch(self.job, self.state)
        stops = patience and best and self.done - best >= patience
        return bool(stops) or self.done >= self.job.recipe.epochs

    @property
    def model(self) -> keras.Model:
        """The network in training; on JAX the callback brings its variables up to date."""
        return self.callback.model

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set order and random state, which follow from (seed, epoch) alone."""
        self.epoch, seed = epoch, self.job.seed
        checkpoint.set_random_state(self.model, seed, epoch)
        self.batches.in_order(checkpoint.order_of_data(self.batches.examples, seed, epoch))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Check the loss and show the progress, at most every ``LOOK_SECONDS``."""
        now = time.monotonic()
        if now - self.looked < LOOK_SECONDS:
            return
        self.looked = now
        # An execution of several steps ends before its last where the epoch does.
        self._look(min(batch + 1, self.batches.steps), float(logs["loss"]))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Check and keep the state.

        Raises:
            Diverged: loss or weights are no longer finite, or the task reports a problem.
        """
        job, task = self.job, registry.task_of(self.job.entry)
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in logs.items()}}
        self._look(self.batches.steps, row["loss"])
        self.progress.finished(epoch + 1, row)
        now = time.monotonic()
        seconds, self.clock = now - self.clock, now
        assert self.state is not None  # the state at the start
        history = [*self.state.history, row]
        times = [*self.state.epoch_seconds, seconds]
        state = checkpoint.take(self.model, epoch + 1, times, history)
        if job.early_stopping:
            is_best = best_epoch(job, state) == epoch + 1
            now_best = state.variables[: len(self.model.variables)]
            state = replace(state, best=now_best if is_best else self.state.best)
        if not state.is_finite:  # the last step's update broke what its loss did not show
            raise _diverged(math.nan, epoch, self.batches.steps)
        if problem := task.problem(row):
            raise Diverged(f"the training failed in epoch {epoch + 1}: {problem}")
        # Before the state is kept: an epoch that is on disk is not trained again for its files.
        task.after_epoch(self.directory, job.model, epoch + 1, job.recipe.epochs)
        self.state = state
        if self.is_over:
            self.model.stop_training = True
        if self.is_over or time.monotonic() >= self.next_write:
            self.write()

    def write(self) -> None:
        """Write the state unless it is on disk."""
        if self.state is None or self.done <= self.written:
            return
        start = time.monotonic()
        # The checkpoint first: it alone decides how a resumed training goes on.
        checkpoint.write(self.directory, self.state)
        run.write_history(self.directory, self.state.history)
        self.written, now = self.done, time.monotonic()
        # A large model on a slow disk would spend its time on writing.
        self.next_write = now + (max(self.every, (now - start) / MAX_WRITING) if self.every else 0)

    def _look(self, step: int, loss: float) -> None:
        if not math.isfinite(loss):
            raise _diverged(loss, self.epoch, step)
        self.progress.update(self.epoch, step, loss)


def best_epoch(job: Job, state: Checkpoint) -> int | None:
    """With early stopping, the finished epoch of least validation loss, the first of equal ones.

    Only epochs of the last phase compare; before them it is None.
    """
    rows = state.history[phases(job.recipe)[-1].start :] if job.early_stopping else []
    return int(min(rows, key=lambda row: row["val_loss"])["epoch"]) if rows else None


def fit(
    job: Job,
    directory: Path,
    *,
    show: bool = True,
    title: str = "",
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Checkpoint:
    """Train to the recipe's last epoch, from the directory's checkpoint if it has one.

    ``checkpoint_seconds`` and ``show``, the progress, are those of :func:`kerazoo.train`;
    ``title`` distinguishes it in the progress from another training of the entry.

    Raises:
        Diverged: the training failed; the last good state is kept.
        KeyboardInterrupt: the last finished epoch is on disk.
    """
    _reject_limits()
    recipe = job.recipe
    split = job.data.training_split(recipe)
    _adapt(job.model, split)
    batches = Batches(registry.task_of(job.entry).fit_arguments(split), recipe.batch_size)
    title = f"{job.entry.name}{title and f' {title}'}, seed {job.seed}"
    progress = Progress(title, recipe.epochs, batches.steps, show)
    epochs = Epochs(job, directory, batches, checkpoint_seconds, progress)
    if prepare := registry.get_model(job.entry.model).prepare:
        prepare(job.model, split)
    options = fit_options(job, split)
    with progress:
        try:
            for phase in phases(recipe):
                if epochs.done < phase.end or phase.end == recipe.epochs:
                    _fit_phase(epochs, phase, options)
        except KeyboardInterrupt:
            epochs.write()
            raise
        except Diverged as error:
            raise Diverged(f"{error} {_keep_last_good(epochs)}") from None
    assert epochs.state is not None  # a recipe has an epoch
    assert epochs.is_over
    return epochs.state


def _fit_phase(epochs: Epochs, phase: Phase, options: dict[str, Any]) -> None:
    """Train the epochs of a phase that are not done; an optimizer is new at its start."""
    job = epochs.job
    way = engine.way_to_train(job.model, job.recipe.batch_size, job.engine)
    with _frozen_but(job.model, job.head if phase.head_only else None), engine.traced(way):
        task = registry.task_of(job.entry)
        optimizer = phase.optimizer(job.recipe, epochs.batches.steps)
        net = _compiled(task, job.model, job.recipe, optimizer, way.compile_options)
        _build_metrics(net, task.fit_arguments(job.data.train))
        before = epochs.state or checkpoint.take(net, 0, [], [])
        checkpoint.restore(net, before, optimizer=before.epochs > phase.start)
        done = before.epochs, before.epoch_seconds, before.history
        epochs.state = replace(checkpoint.take(net, *done), best=before.best)
        if epochs.done < phase.end and not epochs.is_over:
            epochs.callback = keras.callbacks.LambdaCallback(
                on_epoch_begin=epochs.on_epoch_begin,
                on_epoch_end=epochs.on_epoch_end,
                on_train_batch_end=epochs.on_train_batch_end,
            )
            net.fit(
                epochs.batches.dataset(),
                initial_epoch=epochs.done,
                epochs=phase.end,
                shuffle=False,
                verbose=0,
                # The last one: what the others change at the end of an epoch is in its state.
                callbacks=[*job.callbacks, epochs.callback],
                **options,
            )
            if epochs.done < phase.end and not epochs.is_over:
                epochs.write()
                raise KerazooError(
                    f"a callback stopped the training after {epochs.done} of {phase.end} epochs. "
                    "The last epoch is what is reported: give epochs=, or on your data "
                    "early_stopping=."
                )
        for variable, value in zip(net.variables, epochs.state.best, strict=False):
            variable.assign(value)


@contextmanager
def _frozen_but(model: keras.Model, head: Collection[str] | None) -> Iterator[None]:
    """Context in which only the layers named in ``head`` train; None leaves all as they are."""
    layers = [layer for net in networks_of(model).values() for layer in net.layers]
    before = [layer.trainable for layer in layers]
    for layer in layers:
        if head is not None and layer.name not in head:
            layer.trainable = False
    try:
        yield
    finally:
        for layer, trainable in zip(layers, before, strict=True):
            if layer.trainable != trainable:
                layer.trainable = trainable


def _reject_limits() -> None:
    """Raise KerazooError if Keras is set to stop before the recipe's last epoch."""
    for name in ("max_epochs", "max_steps_per_epoch"):  # since Keras 3.11
        limit = getattr(keras.config, name, lambda: None)()
        if limit is not None:
            raise KerazooError(
                f"KERAS_{name.upper()} ({limit}) ends every training early, so that no result "
                f"would be the recipe's. Unset it, or call keras.config.set_{name}(None)."
            )


def fit_options(job: Job, split: Split) -> dict[str, Any]:
    """Further arguments of ``fit``: validation data, where there are any, and class weights."""
    options: dict[str, Any] = {}
    arrays = registry.task_of(job.entry).fit_arguments(job.data.validation)
    if job.recipe.train_on == "train" and len(arrays) == 2 and len(arrays[0]):
        options["validation_data"] = Batches(arrays, engine.INFERENCE_BATCH).dataset()
    elif job.early_stopping:
        raise KerazooError("early_stopping needs a validation loss, which this training lacks.")
    if job.recipe.balance:
        options["class_weight"] = class_weights(split.y)
    return options


def _adapt(model: keras.Model, split: Split) -> None:
    """Give each normalization the training split's mean and variance: inputs', or the targets'.

    A constant column is only centered. Divided by its deviation, which is zero or rounding, a
    value that comes later, such as an unseen category's, would become huge.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            values = split.y if layer.invert else split.x
            layer.adapt(values)
            variance = keras.ops.convert_to_numpy(layer.adapt_variance)
            constant = np.ptp(values, axis=tuple(range(values.ndim - 1))) == 0
            if constant.shape == variance.shape and constant.any():
                layer.adapt_variance.assign(np.where(constant, 1, variance))
                layer.finalize_state()


@checked
def compile_model(
    model: keras.Model, recipe: Recipe, steps: int, *, task: str = "classification"
) -> keras.Model:
    """The network that ``fit`` trains with a recipe: for a training loop of your own.

    Args:
        model: the model; its weights are trained, and it stays without augmentation.
        recipe: of :func:`kerazoo.recipe_of`. Its ``epochs`` and ``steps`` decide the schedule of
            the learning rate; ``head_epochs`` and ``balance`` are for :func:`kerazoo.finetune`.
        steps: optimizer steps in an epoch.
        task: kind of task, which decides loss and metrics together with the last activation.

    Returns:
        The model behind the recipe's augmentation, compiled with its optimizer, schedule, loss and
        metrics. ``Normalization`` layers of the model are adapted to the data by you.

    Raises:
        KerazooError: the recipe or the task does not suit the model.
    """
    if not isinstance(model, keras.Model) or not isinstance(recipe, Recipe):
        raise KerazooError("compile_model takes what kerazoo.build and kerazoo.recipe_of give.")
    require_whole("steps", steps)
    optimizer = optimizer_for(recipe, steps * recipe.epochs)
    return _compiled(registry.get_task(task), model, recipe, optimizer, engine.compile_options())


def _compiled(
    task: Task,
    model: keras.Model,
    recipe: Recipe,
    optimizer: keras.Optimizer,
    options: Mapping[str, Any],
) -> keras.Model:
    net = task.training_network(model, recipe)
    net.compile(optimizer=optimizer, **task.compile_arguments(model), **options)
    net.optimizer.build(net.trainable_variables)
    return net


def _build_metrics(net: keras.Model, arrays: tuple[Any, ...]) -> None:
    """Let the metrics create their variables before the step is traced.

    They do so at their first update. Within the step that is too late: TensorFlow discards its
    trace and makes another, which takes seconds for a deep network.
    """
    shape = getattr(net, "output_shape", None)  # a network of layers has one, a subclass may not
    if len(arrays) == 2 and isinstance(shape, tuple):
        x, y = (array[:1] for array in arrays)
        net.compute_metrics(x, y, np.zeros((1, *shape[1:]), np.float32))
        net.reset_metrics()


def _diverged(loss: float, epoch: int, step: int) -> Diverged:
    return Diverged(
        f"the training diverged: the loss became {loss} in epoch {epoch + 1} (seen at step "
        f"{step}). A smaller learning rate usually helps: --set learning_rate=..."
    )


def _keep_last_good(epochs: Epochs) -> str:
    """Save the model as it was after the last good epoch; returns a sentence with the paths."""
    if epochs.state is None or epochs.done == 0:
        return "No epoch had finished before."
    epochs.write()
    checkpoint.restore(epochs.model, epochs.state, optimizer=False)
    model = epochs.job.delivered(epochs.job.model)
    paths = run.save_model(model, epochs.directory, prefix="last_good_")
    return f"The model after epoch {epochs.done} is kept in {' and '.join(map(str, paths))}."
