"""Train a model of the zoo with its recipe: from an entry and a seed to a run."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerazoo import building, fingerprint, registry, tasks
from kerazoo._lazy import keras
from kerazoo.composite import networks_of
from kerazoo.datasets.cache import load_data
from kerazoo.errors import Diverged, Interrupted, KerazooError
from kerazoo.files import is_leftover, write_bytes, write_json
from kerazoo.recipe import Recipe
from kerazoo.spec import Data, Entry, Split
from kerazoo.training import checkpoint, engine, run
from kerazoo.training.checkpoint import Checkpoint
from kerazoo.training.objective import optimizer_for
from kerazoo.training.progress import Progress, watcher
from kerazoo.training.run import Run

CHECKPOINT_SECONDS = 5.0


def train(
    name: str,
    *,
    seed: int = 0,
    tier: str = "full",
    epochs: int | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    tensorboard: bool = False,
    progress: bool = True,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Run:
    """Train an entry with its standard recipe and measure it on the test split.

    The same seed on the same machine, backend and versions gives bit-identical weights. The test
    split is read once, after the last epoch. Sets the global random seeds of Python, NumPy and
    the backend (``keras.utils.set_random_seed``), from which the initial weights are drawn.

    Args:
        name: an entry, ``"mnist_cnn@digits"``, or a model, which means its main dataset.
        seed: of initial weights, order of the data, dropout and augmentation; 0 or more.
        tier: ``"full"``, the reference recipe, or ``"smoke"``, under a minute.
        epochs: instead of the recipe's.
        settings: recipe fields to change, such as ``{"learning_rate": 0.01}``.
        out: the run folder, new or empty; by default one below ``runs/``.
        resume: go on with the unfinished run in ``out``, or start it if there is none.
        tensorboard: write TensorBoard events to the run folder.
        progress: show progress and time left on standard error.
        checkpoint_seconds: least time between two checkpoints; 0 writes one after every epoch.

    Returns:
        The finished run: ``.model``, ``.history``, ``.metrics``, ``.path``.

    Raises:
        KerazooError: unknown name, tier or setting; the folder is in use or cannot be written.
        Diverged: the loss became NaN or infinite; the last good state is kept.
        Interrupted: Ctrl-C; the last finished epoch is kept and can be resumed.
    """
    entry = registry.get_entry(name)
    recipe = entry.recipe_for(tier).replace(**dict(settings or {}))
    if epochs is not None:
        recipe = recipe.replace(epochs=epochs)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise KerazooError(f"seed is {seed!r}; it must be a whole number from 0 to 2**32 - 1.")
    if tensorboard:
        _require_tensorboard()
    if resume and out is None:
        raise KerazooError("resume needs the run folder: give --out DIR (out=...).")
    folder = Path(out) if out is not None else run.default_folder(entry, tier, seed)
    if not resume:
        run.refuse_used(folder)  # before the data is loaded

    data = data_for(entry, recipe)
    keras.utils.set_random_seed(seed)
    model = building.build_for(entry, recipe)
    fingerprints = {"model": fingerprint.of_model(model), "data": data.sha256}
    networks = list(networks_of(model))
    config = run.config_of(entry, tier, seed, recipe, data.info, networks, fingerprints)
    run.prepare(folder, config, resume=resume)
    if run.is_finished(folder):
        return run.load(folder)

    try:
        state = _fit(
            model, recipe, data, seed, folder, entry, tensorboard, progress, checkpoint_seconds
        )
        return _finish(model, data, entry, state, folder)
    except KeyboardInterrupt:
        kept = checkpoint.read(folder)
        raise Interrupted(
            f"stopped after {kept.epochs if kept else 0} of {recipe.epochs} finished epochs, kept "
            f"in {folder}. Go on with the same command, --out and --resume: --out {folder} --resume"
        ) from None


def data_for(entry: Entry, recipe: Recipe) -> Data:
    """An entry's dataset, of a series with the recipe's look-back."""
    return load_data(entry.dataset, lookback=recipe.lookback)


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


def _fit(
    model: keras.Model,
    recipe: Recipe,
    data: Data,
    seed: int,
    folder: Path,
    entry: Entry,
    tensorboard: bool,
    show: bool,
    checkpoint_seconds: float,
) -> Checkpoint:
    """Train ``model`` to the recipe's last epoch, from the folder's checkpoint if it has one."""
    task = tasks.of(entry)
    split = training_split(data, recipe)
    steps = math.ceil(len(split) / recipe.batch_size)
    _adapt(model, split)
    net = _compiled(model, entry, recipe, steps)
    state = checkpoint.read(folder)
    if state is None:
        state = checkpoint.take(net, 0, 0.0, [])
    else:
        checkpoint.restore(net, state)
    written = state.epochs

    title = f"{entry.name} seed {seed}"
    bar = Progress(title, recipe.epochs, steps, done_epochs=state.epochs, show=show)
    watch = watcher(bar, _stop_if_not_finite)
    logger = _tensorboard_logger(net, folder) if tensorboard else None
    options = _validation(entry, recipe, data)
    last_write = time.monotonic()
    try:
        for epoch in range(state.epochs, recipe.epochs):
            began = time.monotonic()
            row = _fit_epoch(net, entry, recipe, split, seed, epoch, [watch], options)
            _stop_if_not_finite(row["loss"], epoch, steps)
            seconds = state.seconds + time.monotonic() - began
            reached = checkpoint.take(net, epoch + 1, seconds, [*state.history, row])
            if not reached.is_finite:  # the last step's update broke what its loss did not show
                _stop_if_not_finite(math.nan, epoch, steps)
            what = task.trouble(row)
            if what is not None:
                raise Diverged(f"the training failed in epoch {epoch + 1}: {what}")
            state = reached
            task.at_epoch(folder, model, epoch + 1, recipe.epochs)
            bar.update(epoch, steps, row["loss"], end=True)
            if logger is not None:
                logger.on_epoch_end(epoch, {k: v for k, v in row.items() if k != "epoch"})
            if time.monotonic() - last_write >= checkpoint_seconds or epoch + 1 == recipe.epochs:
                _write(folder, state)
                written, last_write = state.epochs, time.monotonic()
    except KeyboardInterrupt:
        if state.epochs > written:
            _write(folder, state)
        raise
    except Diverged as stop:
        raise Diverged(f"{stop} {_keep_last_good(net, model, state, folder)}") from None
    finally:
        bar.close()
        if logger is not None:
            logger.on_train_end()
    return state


def _validation(entry: Entry, recipe: Recipe, data: Data) -> dict[str, Any]:
    """What ``fit`` is told of the validation split, unless it is trained on or has no targets."""
    arrays = tasks.of(entry).fit_arguments(data.validation)
    if recipe.train_on != "train" or len(arrays) < 2:
        return {}
    return {"validation_data": arrays, "validation_batch_size": engine.INFERENCE_BATCH}


def _fit_epoch(
    net: keras.Model,
    entry: Entry,
    recipe: Recipe,
    split: Split,
    seed: int,
    epoch: int,
    callbacks: list[keras.callbacks.Callback],
    options: dict[str, Any],
) -> dict[str, float]:
    """One pass over the data in the order of (seed, epoch); returns the epoch's figures."""
    checkpoint.set_random_state(net, seed, epoch)
    order = checkpoint.order_of_data(len(split), seed, epoch)
    logs = net.fit(
        *(part[order] for part in tasks.of(entry).fit_arguments(split)),
        batch_size=recipe.batch_size,
        shuffle=False,
        initial_epoch=epoch,
        epochs=epoch + 1,
        verbose=0,
        callbacks=callbacks,
        **options,
    ).history
    return {"epoch": epoch + 1, **{k: float(v[-1]) for k, v in logs.items()}}


def _adapt(model: keras.Model, split: Split) -> None:
    """Give each normalisation of raw rows the mean and variance of the training split."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.adapt(split.x)


def _compiled(model: keras.Model, entry: Entry, recipe: Recipe, steps: int) -> keras.Model:
    """The network to fit, every optimizer variable there."""
    task = tasks.of(entry)
    net = task.network_in_training(model, recipe)
    net.compile(
        optimizer=optimizer_for(recipe, steps * recipe.epochs),
        **task.compile_arguments(model),
        **engine.compile_options(model),
    )
    net.optimizer.build(net.trainable_variables)
    return net


def _write(folder: Path, state: Checkpoint) -> None:
    # The checkpoint first: it alone decides how a resumed training goes on.
    checkpoint.write(folder, state)
    run.write_history(folder, state.history)


def _stop_if_not_finite(loss: float, epoch: int, step: int) -> None:
    if not math.isfinite(loss):
        raise Diverged(
            f"the training diverged: the loss became {loss} in epoch {epoch + 1} (seen at step "
            f"{step}). A smaller learning rate usually helps: --set learning_rate=..."
        )


def _keep_last_good(net: keras.Model, model: keras.Model, state: Checkpoint, folder: Path) -> str:
    """Save the model as it was after the last good epoch; says where."""
    if state.epochs == 0:
        return "No epoch had finished before."
    _write(folder, state)
    checkpoint.restore(net, state)
    paths = run.save_model(model, folder, prefix="last_good_")
    return f"The model after epoch {state.epochs} is kept in {' and '.join(map(str, paths))}."


def _finish(model: keras.Model, data: Data, entry: Entry, state: Checkpoint, folder: Path) -> Run:
    """Measure the trained model on the test split and write the rest of the run folder."""
    config = run.read_config(folder)
    task = tasks.of(entry)
    outcome = task.measure(model, data)
    metrics = {**outcome.as_metrics(), "weights_sha256": fingerprint.of_weights(model)}
    run.write_history(folder, state.history)
    run.save_model(model, folder)
    if data.info.labels:
        write_json(folder / "labels.json", list(data.info.labels))
    if data.info.vocabulary is not None:
        write_bytes(folder / run.VOCABULARY, data.info.vocabulary.read_bytes())
    write_json(folder / "timing.json", {"seconds": round(state.seconds, 3)})
    task.write_pictures(folder, entry.name, state.history, outcome, data)
    write_json(folder / "metrics.json", metrics)
    (folder / checkpoint.FILE_NAME).unlink(missing_ok=True)
    for leftover in filter(is_leftover, folder.iterdir()):
        leftover.unlink(missing_ok=True)
    return Run(
        path=folder,
        model=model,
        history=state.history,
        metrics=metrics,
        entry=entry.name,
        tier=config["tier"],
        seed=config["seed"],
        recipe=Recipe(**config["recipe"]),
        seconds=state.seconds,
    )


def _require_tensorboard() -> None:
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise KerazooError(
            'TensorBoard is not installed: pip install "kerazoo[tensorboard]"'
        ) from None


def _tensorboard_logger(net: keras.Model, folder: Path) -> keras.callbacks.Callback:
    """Keras's TensorBoard callback, driven by hand: one epoch is one call of ``fit`` here."""
    logger = keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)
    logger.set_model(net)
    logger.on_train_begin()
    return logger
