"""Train a model of the zoo with its recipe: from an entry and a seed to a run."""

from __future__ import annotations

import dataclasses
import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerazoo import building, fingerprint, registry
from kerazoo._files import is_leftover, write_bytes, write_json, write_text
from kerazoo._lazy import keras
from kerazoo.datasets._cache import load_data
from kerazoo.errors import Interrupted, KerazooError, install_hint
from kerazoo.spec import Data, Entry, Recipe
from kerazoo.training import checkpoint, loop
from kerazoo.training import run_directory as run
from kerazoo.training.balance import require_classes
from kerazoo.training.checkpoint import Checkpoint
from kerazoo.training.engine import require_engine
from kerazoo.training.job import Job
from kerazoo.training.run_directory import Run

CHECKPOINT_SECONDS = 5.0


def train(
    name: str,
    *,
    seed: int = 0,
    tier: str = "full",
    epochs: int | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: run.Resume = False,
    tensorboard: bool = False,
    progress: bool = True,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    engine: str = "auto",
    validate: bool = False,
) -> Run:
    """Train an entry with its standard recipe and measure it on the test split.

    The same seed on the same machine, backend and versions gives bit-identical weights. The test
    split is read once, after the last epoch. Sets the global random seeds of Python, NumPy and
    the backend (``keras.utils.set_random_seed``), from which the initial weights are drawn.

    Args:
        name: an entry, ``"mnist_cnn@digits"``, or a model, which means its main dataset.
        seed: of initial weights, order of the data, dropout and augmentation; 0 or more.
        tier: ``"full"``, the reference recipe, or ``"smoke"``, about a minute.
        epochs: instead of the recipe's.
        settings: recipe fields to change, such as ``{"learning_rate": 0.01}``.
        out: the run folder, new or empty; by default one below ``runs/``.
        resume: go on with the unfinished run in ``out``, or start it if there is none. The weights
            are those of a training that was never stopped, so another machine, number of threads,
            kerazoo, Python or NumPy is refused; ``"elsewhere"`` goes on there too, not to those
            bits, and notes it in ``config.json``.
        tensorboard: write TensorBoard events to the run folder.
        progress: show progress and time left on standard error.
        checkpoint_seconds: least time between two checkpoints, more where writing them would take
            more than a fiftieth of the time; 0 writes one after every epoch.
        engine: ``"auto"``, what measured fastest with TensorFlow on a CPU (elsewhere Keras's own),
            or ``"plain"``, Keras's own.
        validate: measure on the validation split, which the recipe then must not train on, and
            leave the test split unread: for choosing between recipes. Draws no pictures.

    Returns:
        The finished run: ``.model``, ``.history``, ``.metrics``, ``.path``.

    Raises:
        KerazooError: unknown name, tier, engine or setting; a folder that is in use or cannot be
            written; ``validate`` of a recipe that trains on validation too; a dataset that is
            neither here nor to be had.
        Diverged: the loss became NaN or infinite; the last good state is kept.
        Interrupted: Ctrl-C; the last finished epoch is kept and can be resumed.
    """
    entry = registry.get_entry(name)
    recipe = entry.recipe_for(tier).replace(**dict(settings or {}))
    if epochs is not None:
        recipe = recipe.replace(epochs=epochs)
    seed = run.require_seed(seed)
    require_engine(engine)
    if tensorboard:
        _require_tensorboard()
    if resume and out is None:
        raise KerazooError("resume needs the run folder: give --out DIR (out=...).")
    folder = Path(out) if out is not None else run.default_folder(entry, tier, seed)
    if not 0 <= checkpoint_seconds < math.inf:  # nor NaN, which nothing is later than
        raise KerazooError(f"checkpoint_seconds is {checkpoint_seconds}; give seconds from 0 up.")
    if not resume:
        run.refuse_used(folder)  # before the data is loaded

    if validate and recipe.train_on != "train":
        raise KerazooError(
            f"the recipe of {entry.name} trains on {recipe.train_on}, so nothing is left to "
            "validate on; add --set train_on=train."
        )
    data = data_for(entry, recipe)
    keras.utils.set_random_seed(seed)
    model = building.build_for(entry, recipe)
    job = Job(
        entry=entry,
        recipe=recipe,
        data=on_validation(data) if validate else data,
        model=model,
        seed=seed,
        tier=tier,
        engine=engine,
        about={"split": "validation"} if validate else {},
    )
    return train_job(
        job,
        folder,
        resume=resume,
        tensorboard=tensorboard,
        show=progress,
        checkpoint_seconds=checkpoint_seconds,
    )


def train_job(
    job: Job,
    folder: Path,
    *,
    resume: run.Resume = False,
    tensorboard: bool = False,
    show: bool = True,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Run:
    """Train what a job says in a run folder and measure it; see :func:`train`.

    The weights that ``job.model`` comes with are where the training starts, unless it is resumed.
    """
    if job.recipe.head_epochs and not job.head:
        raise KerazooError(
            "the recipe's head_epochs train new last layers alone; this training has none (they "
            "are for fine-tuning)."
        )
    require_classes(job.recipe.balance, registry.task_of(job.entry))
    try:
        with run.held(folder):
            run.prepare(folder, run.config_of(job), resume=resume)
            if run.is_finished(folder):
                (folder / checkpoint.FILE_NAME).unlink(missing_ok=True)  # killed before it was
                return run.load(folder)
            if job.left_out:  # before hours of training: they may matter
                write_text(folder / run.LEFT_OUT, "\n".join(job.left_out) + "\n")
            state = loop.fit(
                job,
                folder,
                tensorboard=tensorboard,
                show=show,
                checkpoint_seconds=checkpoint_seconds,
            )
            return _finish(job, state, folder)
    except KeyboardInterrupt:
        kept = checkpoint.read(folder)
        raise Interrupted(
            f"stopped after {kept.epochs if kept else 0} of {job.recipe.epochs} finished epochs, "
            f"kept in {folder}. Go on with the same command, --out and --resume: "
            f"--out {shlex.quote(str(folder))} --resume"
        ) from None


def data_for(entry: Entry, recipe: Recipe) -> Data:
    """An entry's dataset, of a series with the recipe's look-back."""
    data = load_data(entry.dataset, lookback=recipe.lookback)
    return dataclasses.replace(data, judge=entry.judge)


def on_validation(data: Data) -> Data:
    """The same data with the validation split in the place of the test split."""
    series = data.series
    if series is not None:
        starts = {**series.starts, "test": series.starts["validation"]}
        series = dataclasses.replace(series, starts=starts)
    return dataclasses.replace(data, test=data.validation, series=series)


def _finish(job: Job, state: Checkpoint, folder: Path) -> Run:
    """Measure the trained model on the test split and write the rest of the run folder."""
    config = run.read_config(folder)
    task, info = registry.task_of(job.entry), job.data.info
    outcome = task.evaluate(job.model, job.data)
    model = job.delivered(job.model)
    metrics = {**outcome.as_metrics(), "weights_sha256": fingerprint.of_weights(model)}
    validated = job.about.get("split") == "validation"
    if validated:
        metrics["split"] = "validation"
    run.write_history(folder, state.history)
    run.save_model(model, folder)
    if info.labels:
        write_json(folder / "labels.json", list(info.labels))
    if info.vocabulary is not None:
        write_bytes(folder / run.VOCABULARY, info.vocabulary.read_bytes())
    each = [round(s, 3) for s in state.epoch_seconds]
    write_json(folder / "timing.json", {"seconds": round(state.seconds, 3), "epochs": each})
    if not validated:  # they say "test"
        task.write_plots(folder, job.entry.name, state.history, outcome, job.data)
    write_json(folder / "metrics.json", metrics)
    (folder / checkpoint.FILE_NAME).unlink(missing_ok=True)
    for leftover in filter(is_leftover, folder.iterdir()):
        if leftover.name != run.LOCK:
            leftover.unlink(missing_ok=True)
    return Run(
        path=folder,
        model=model,
        history=state.history,
        metrics=metrics,
        entry=job.entry.name,
        tier=config["tier"],
        seed=config["seed"],
        recipe=Recipe(**config["recipe"]),
        seconds=state.seconds,
    )


def _require_tensorboard() -> None:
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise KerazooError(f"TensorBoard is not installed: {install_hint('tensorboard')}") from None
