"""Training of an entry with its recipe, from a seed to a finished run."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerazoo import building, fingerprint, registry
from kerazoo._files import remove_leftovers, schema, write_bytes, write_json, write_text
from kerazoo._lazy import keras
from kerazoo.datasets._cache import load_for
from kerazoo.errors import (
    Interrupted,
    KerazooError,
    checked,
    install_hint,
    require_choice,
    require_whole,
)
from kerazoo.spec import Data, Entry, Recipe, networks_of
from kerazoo.tasks.base import Finished, write_plots
from kerazoo.training import checkpoint, loop
from kerazoo.training import run_directory as run
from kerazoo.training.checkpoint import Checkpoint
from kerazoo.training.engine import ENGINES
from kerazoo.training.machine import environment, peak_memory
from kerazoo.training.run_config import Config, Facts, Fingerprints, Metrics, Start, Timing
from kerazoo.training.run_directory import Run


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything that decides one training.

    Attributes:
        entry: model, dataset and task; need not be registered.
        recipe: training settings.
        data: the three splits.
        model: the model with its initial weights.
        seed: seed of order, dropout and augmentation.
        tier: ``full`` or ``smoke``.
        head: names of the layers that train in the recipe's ``head_epochs``.
        delivered: function from the trained model to the saved one, such as one in natural units;
            both share their weights.
        engine: ``auto`` or ``plain``, see :mod:`kerazoo.training.engine`.
        about: further fields of :class:`kerazoo.training.run_config.Config`.
        left_out: unreadable files that the data lacks, with reasons.
        plots: write the plots of the finished run.
        callbacks: of Keras, called in the ``fit`` of each phase.
        early_stopping: epochs without a better validation loss after which the training ends with
            the weights of the best one; None trains all epochs.
        calibrate: calibrate the trained model on the validation split.

    Raises:
        KerazooError: what is no callback; unknown engine; ``head_epochs`` without a head;
            ``balance`` without classes.
    """

    entry: Entry
    recipe: Recipe
    data: Data
    model: keras.Model
    seed: int
    tier: str = "full"
    head: tuple[str, ...] = ()
    delivered: Callable[[keras.Model], keras.Model] = lambda model: model
    engine: str = "auto"
    about: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    plots: bool = True
    callbacks: Sequence[keras.callbacks.Callback] = ()
    early_stopping: int | None = None
    calibrate: bool = False

    def __post_init__(self) -> None:
        for callback in self.callbacks:
            if not isinstance(callback, keras.callbacks.Callback):
                raise KerazooError(f"{callback!r} is no keras.callbacks.Callback.")
        if self.early_stopping is not None:
            require_whole("early_stopping", self.early_stopping)
        require_choice("engine", self.engine, ENGINES)
        if self.recipe.head_epochs and not self.head:
            raise KerazooError(
                "head_epochs train new last layers alone; this training has none (they are for "
                "fine-tuning)."
            )
        if self.recipe.balance and not registry.task_of(self.entry).has_classes:
            raise KerazooError("balance weighs classes, which this data does not have.")

    @classmethod
    def of_entry(cls, entry: Entry, recipe: Recipe, data: Data, seed: int, **options: Any) -> Job:
        """Training of a registered entry from fresh weights; sets the global random seeds."""
        keras.utils.set_random_seed(seed)
        model = building.build_for(entry, recipe)
        return cls(entry=entry, recipe=recipe, data=data, model=model, seed=seed, **options)


@checked
def train(
    name: str,
    *,
    seed: int = 0,
    tier: str = "full",
    weights: str | os.PathLike[str] | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: run.Resume = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    tensorboard: bool = False,
    progress: bool = True,
    plots: bool = True,
    checkpoint_seconds: float = loop.CHECKPOINT_SECONDS,
    engine: str = "auto",
    validate: bool = False,
) -> Run:
    """Train an entry with its standard recipe and evaluate it on the test split.

    The same seed on the same machine, backend and versions gives bit-identical weights. The test
    split is read once, after the last epoch. Sets the global random seeds of Python, NumPy and
    the backend (``keras.utils.set_random_seed``), which decide the initial weights.

    Args:
        name: an entry, ``"mnist_cnn@digits"``, or a model for its main dataset.
        seed: seed of initial weights, order of the data, dropout and augmentation; 0 or more.
        tier: ``"full"``, the reference recipe, or ``"smoke"``, under a minute.
        weights: a finished run of the entry's model, or its directory, whose weights are the
            start instead of fresh ones: ``train(name, weights=run, epochs=5)`` trains 5 more
            epochs, with a new optimizer. ``config.json`` keeps what the start was.
        epochs: number of epochs instead of the recipe's.
        learning_rate: peak learning rate instead of the recipe's.
        settings: recipe fields to change, such as ``{"learning_rate": 0.01}``.
        out: the run directory, new or empty; by default one below ``runs/``.
        resume: continue the unfinished run in ``out``, or start it if there is none. The weights
            are those of an uninterrupted training, so another machine, number of threads,
            kerazoo, Python or NumPy is refused; ``"elsewhere"`` continues there too, without the
            same bits, and notes it in ``config.json``.
        callbacks: of Keras. A resumed run is exact if they keep nothing from epoch to epoch, as
            ``LearningRateScheduler``; one that does, as ``ReduceLROnPlateau``, starts anew with
            each resume. None may stop the training: the last epoch is reported.
        tensorboard: write TensorBoard events to the run directory.
        progress: show progress and time left on standard error, in a notebook below the cell.
        plots: write the plots of the finished run.
        checkpoint_seconds: least time between two checkpoints; more if writing them would take
            more than a fiftieth of the time; 0 writes one after every epoch.
        engine: ``"auto"``, the fastest settings we measured with TensorFlow on a CPU (Keras's
            elsewhere), or ``"plain"``, Keras's settings.
        validate: evaluate on the validation split, which the recipe then must not train on, and
            leave the test split unread: for choosing between recipes. Writes no plots.

    Returns:
        The finished run: ``.model``, ``.history``, ``.metrics``, ``.path``.

    Raises:
        KerazooError: unknown name, tier, engine or setting; a directory that is in use or cannot
            be written; ``validate`` with a recipe that trains on validation too; a dataset that
            is not available.
        Diverged: the loss became NaN or infinite; the last good state is kept.
        Interrupted: Ctrl-C; the last finished epoch is kept and can be resumed.
    """
    entry = registry.get_entry(name)
    given = {"epochs": epochs, "learning_rate": learning_rate}
    changes = {k: v for k, v in given.items() if v is not None}
    recipe = entry.recipe_for(tier).replace(**{**(settings or {}), **changes})
    seed = run.require_seed(seed)
    run.require_out(out, resume)
    if out is not None and not resume:
        run.reject_used(Path(out))  # before the data is loaded
    directory = Path(out) if out is not None else run.default_directory(entry, tier, seed)
    callbacks = [*callbacks, *([_tensorboard(directory)] if tensorboard else [])]
    if not 0 <= checkpoint_seconds < math.inf:  # nor NaN
        raise KerazooError(f"checkpoint_seconds is {checkpoint_seconds}; give seconds from 0 up.")
    if validate and recipe.train_on != "train":
        raise KerazooError(
            f"the recipe of {entry.name} trains on {recipe.train_on}, so nothing is left to "
            "validate on; add --set train_on=train."
        )
    start = None if weights is None else run.load_run(weights)
    data, about = load_for(entry, recipe), dict[str, Any]()
    if validate:
        data, about = data.on_validation(), {"split": "validation"}
    options: dict[str, Any] = {"tier": tier, "engine": engine, "about": about, "plots": plots}
    job = Job.of_entry(entry, recipe, data, seed, callbacks=callbacks, **options)
    if start is not None:
        about["start"] = _take_weights(job, start)
    options = {"show": progress, "checkpoint_seconds": checkpoint_seconds}
    return train_job(job, directory, resume=resume, **options)


def _take_weights(job: Job, start: Run) -> Start:
    """Put the weights of a run into the model of a job."""
    networks = networks_of(start.model)
    try:
        for name, network in networks_of(job.model).items():
            network.set_weights(networks[name].get_weights())
    except (KeyError, ValueError):
        raise KerazooError(
            f"the weights of {start.path}, a run of {start.entry}, do not fit {job.entry.name}; "
            "kerazoo.finetune starts from those that fit."
        ) from None
    return start.as_start()


def train_job(job: Job, directory: Path, *, resume: run.Resume = False, **options: Any) -> Run:
    """Train a job in a run directory and evaluate it; ``options`` are those of ``loop.fit``."""
    try:
        with run.held(directory):
            run.prepare(directory, _config(job), resume=resume)
            if run.is_finished(directory):
                (directory / checkpoint.FILE_NAME).unlink(missing_ok=True)  # killed before it was
                return run.load(directory)
            if job.left_out:  # before hours of training: they may matter
                write_text(directory / run.LEFT_OUT, "\n".join(job.left_out) + "\n")
            _finish(job, loop.fit(job, directory, **options), directory)
            return run.load(directory, job.delivered(job.model))
    except KeyboardInterrupt:
        kept = checkpoint.read(directory)
        done = f"stopped after {kept.epochs if kept else 0} of {job.recipe.epochs} epochs"
        raise Interrupted(done, directory) from None


def _finish(job: Job, state: Checkpoint, directory: Path) -> None:
    """Evaluate the trained model on the test split and write the rest of the run directory."""
    task, info = registry.task_of(job.entry), job.data.info
    if job.calibrate:
        outcome = task.calibrate(job.model, job.data, job.recipe)
    else:
        outcome = task.evaluate(job.model, job.data)
    model = job.delivered(job.model)
    split = job.about.get("split", "test")
    more = {"weights_sha256": fingerprint.of_weights(model), "split": split}
    if job.early_stopping:
        more["best_epoch"] = loop.best_epoch(job, state)
    content, path = {**outcome.as_metrics(), **more}, directory / "metrics.json"
    metrics = schema.parse(content, Metrics, path, "Choose another metric.")
    validated = split == "validation"
    run.write_history(directory, state.history)
    run.save_model(model, directory)
    if info.labels:
        write_json(directory / "labels.json", list(info.labels))
    if info.vocabulary is not None:
        write_bytes(directory / run.VOCABULARY, info.vocabulary.read_bytes())
    each = [round(s, 3) for s in state.epoch_seconds]
    timing = Timing(seconds=round(state.seconds, 3), epochs=tuple(each), peak_memory=peak_memory())
    schema.write(directory / "timing.json", timing)
    if job.plots and not validated:  # their titles name the test split
        about = (job.data, job.recipe.head_epochs, _harder(job))
        write_plots(task, Finished(directory, job.entry.name, state.history, outcome, *about))
    schema.write(path, metrics)
    (directory / checkpoint.FILE_NAME).unlink(missing_ok=True)
    remove_leftovers(directory)


def _harder(job: Job) -> str:
    """Reasons why training is harder than the test: ``dropout and augmentation``."""
    types = {type(layer).__name__ for n in networks_of(job.model).values() for layer in n.layers}
    dropout = any("Dropout" in name for name in types)
    return " and ".join(["dropout"] * dropout + ["augmentation"] * job.recipe.augments)


def _config(job: Job) -> Config:
    dataset, watches = job.data.info, keras.callbacks.TensorBoard
    return Config(
        entry=job.entry.name,
        tier=job.tier,
        seed=job.seed,
        engine=job.engine,
        recipe=job.recipe,
        networks=tuple(networks_of(job.model)),
        fingerprints=Fingerprints(model=fingerprint.of_model(job.model), data=job.data.sha256),
        environment=environment(),
        data=Facts(
            labels=dataset.labels,
            light_on_dark=dataset.light_on_dark,
            task=registry.task_of(job.entry).name,
            text=dataset.vocabulary is not None,
            fewest_words=dataset.fewest_words,
        ),
        callbacks=tuple(type(c).__name__ for c in job.callbacks if not isinstance(c, watches)),
        early_stopping=job.early_stopping,
        **job.about,
    )


def _tensorboard(directory: Path) -> keras.callbacks.Callback:
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise KerazooError(f"TensorBoard is not installed: {install_hint('tensorboard')}") from None
    return keras.callbacks.TensorBoard(directory / "tensorboard", write_graph=False)
