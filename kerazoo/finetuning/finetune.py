"""Train a model of the zoo on user data: the same trainer with a few overrides."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerazoo import building, registry
from kerazoo._lazy import keras
from kerazoo.errors import Diverged, Interrupted, KerazooError, first_line, say
from kerazoo.finetuning import run_card as card
from kerazoo.finetuning.compare import FineTuned, compare, write_comparison
from kerazoo.finetuning.readers.choose import IN_CODE, kinds_of, read, reader_for
from kerazoo.finetuning.readers.reading import TableReading, as_json
from kerazoo.finetuning.readers.user_data import Kind, UserData
from kerazoo.finetuning.tuning import tuned_job
from kerazoo.metrics import metric
from kerazoo.predicting.trained import Trained
from kerazoo.pretrained import Transfer, Weights, first_recorded, last_layer, source_of, transfer
from kerazoo.spec import Entry, Model, Recipe, is_image
from kerazoo.tasks._threshold import threshold_of
from kerazoo.training import run_directory as run
from kerazoo.training.run_config import Own, Start
from kerazoo.training.train import Job, train_job

# By kind of data: the examples, counted in every epoch, that a training goes through, and the most
# epochs. A series of the length of ETTh1 gets the epochs of that entry's recipe.
SEEN_AND_MOST: dict[Kind, tuple[int, int]] = {
    "images": (40_000, 60),
    "table": (100_000, 200),
    "series": (66_000, 60),
    "texts": (60_000, 20),
    "unlabeled_images": (300_000, 200),
}
FEWEST = 3  # epochs
SMALL = 5_000  # training examples, up to which batches are small
SMALL_BATCH = 32
# AdamW's weight decay for the rows of a table: DECAY over their number in training, so that it
# counts the less the more there is to learn from, and at most MAX_DECAY. See TUNING.md.
DECAY = 1_000.0
MAX_DECAY = 3.0
LINEAR_RATE = 6e-3  # of a forecaster with a linear path, as of ETTh1's seven columns
LOWER = 0.3  # times the entry's own learning rate, where trained weights are the start
# Options of readers that a run on user data hands on to one that starts from its weights.
SUITING = ("size", "channels", "light_on_dark", "segment", "lookback", "horizon")
SCRATCH = "scratch"  # folder of the same model from scratch, inside the run directory


def finetune(
    model: str,
    data: Any,
    *,
    weights: Weights | None = "auto",
    freeze: bool = False,
    balance: bool = False,
    augment: bool = True,
    epochs: int | None = None,
    learning_rate: float | None = None,
    tune: int | None = None,
    early_stopping: int | None = None,
    threshold: str | float | None = None,
    positive: str | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    scratch: bool = True,
    out: str | Path | None = None,
    resume: run.Resume = False,
    progress: bool = True,
    engine: str = "auto",
    plots: bool = True,
    **reading: Any,
) -> FineTuned:
    """Train a model of the zoo on user data, from its trained weights where they fit.

    First the new last layer alone (a fifth of the epochs), then the whole network at 0.3 times
    the entry's learning rate. The test split is read once, after the last epoch. The same model is
    trained from scratch too, for the comparison.

    Args:
        model: a model, ``"mnist_cnn"``.
        data: what :func:`kerazoo.from_images`, ``from_table``, ``from_series``, ``from_texts`` or
            ``from_arrays`` gave; or what they read, of which the model decides: a directory of
            images, a CSV file, a pandas DataFrame, arrays ``(x, y)`` or a ``tf.data.Dataset``.
        weights: the dataset whose trained weights are the start (``"digits"``); a run of the
            model, or its directory; None for none; or ``"auto"``: the first entry's that has
            some, but none for tables and series, whose columns mean something else each time.
            Layers whose shape does not fit start fresh.
        freeze: train the last layer only.
        balance: give all classes the same weight, and compare by balanced accuracy.
        augment: augment training images, as the entry's recipe does.
        epochs: by default fewer the more data there is.
        learning_rate: of the whole network (with ``freeze``, of the last layer).
        tune: train with so many learning rates first, each three times the one before, and take the
            one that is best on validation; these runs are kept in ``<out>-tune``.
        early_stopping: end after so many epochs without a better validation loss, with the
            weights of the best epoch, which the metrics name; by default the last epoch counts.
        threshold: of two classes, the probability from which on the positive one is predicted; or
            the rule by which it is chosen on validation: ``"f1"``, the best F1, or
            ``"recall=0.9"``, the highest threshold with that recall.
        positive: name of the positive class; not needed for ``yes`` and ``no``, ``1`` and ``0``.
        callbacks: of Keras, for each ``fit``: the last layer, the whole network, and the model
            from scratch. See :func:`kerazoo.train`.
        settings: other fields of the recipe. Of a table, another optimizer comes without the
            weight decay that belongs to the default one.
        seed: of initial weights, order, dropout and augmentation; the split does not depend on it.
        scratch: train the same model from scratch too.
        out: the run directory, new or empty; by default one below ``runs/``.
        resume: continue the unfinished run in ``out``; ``"elsewhere"``: see
            :func:`kerazoo.train`.
        progress: print what was found, and show progress, on standard error.
        engine: ``"auto"``, what measured fastest with TensorFlow on a CPU (elsewhere Keras's),
            or ``"plain"``, Keras's.
        plots: write the plots of the finished run.
        **reading: options of the reader, such as ``target=`` or ``size=``, where ``data`` is not
            read yet.

    Raises:
        KerazooError: data that the model cannot learn from, with the file or row; an unknown
            model, weights, setting or option; weights of which no layer fits; a directory that is
            in use or cannot be written.
        Diverged: the loss became NaN or infinite; the last good state is kept.
        Interrupted: Ctrl-C; the last finished epoch is kept and can be resumed.
    """
    known = registry.get_model(model)
    seed = run.require_seed(seed)
    _reject_directory(out, resume, data)  # before the data is read
    source = _source_for(known, weights, reader_for(known, data, reading))
    entry = source.entry if source and not source.own else None
    user = read(known, data, reading, entry, progress, _suiting(source))
    if weights == "auto" and user.kind in ("table", "series"):
        source = None
    _reject_other_columns(source, user)
    _reject_head_settings(source, freeze, settings or {})
    user = _with_threshold(user, threshold, positive)
    base = _base_of(known, source, user)
    if tune is not None and (learning_rate is not None or "learning_rate" in (settings or {})):
        raise KerazooError("tune chooses the learning rate; give one of the two.")
    given = {"epochs": epochs, "learning_rate": learning_rate}
    changes = {k: v for k, v in given.items() if v is not None} | dict(settings or {})
    if "optimizer" in changes and user.kind == "table":
        changes.setdefault("weight_decay", 0.0)  # the default one is AdamW's
    plain = starting_recipe(base, user, augment=augment, balance=balance)
    options: dict[str, Any] = {"engine": engine, "plots": plots, "callbacks": callbacks}
    options["early_stopping"] = early_stopping

    def prepare(start: Trained | None, changed: Any) -> tuple[Job, Transfer | None]:
        return prepare_job(known, base, user, plain, freeze, seed, start, changed, **options)

    def with_rate(rate: float) -> Job:
        return prepare(source, {**changes, "learning_rate": rate})[0]

    job, transferred = prepare(source, changes)
    if transferred is not None and not transferred.taken and weights != "auto":
        raise KerazooError(
            f"no layer of {transferred.source} fits this data; train from scratch (--weights none)."
        )
    directory = Path(out) if out is not None else run.default_directory(job.entry, "full", seed)

    tell: Callable[[str], None] = say if progress else lambda text: None
    for line in (*str(user).splitlines(), card.start_line(transferred, job.recipe)):
        tell(line)
    warnings = list(user.warnings)
    try:
        if tune is not None:
            trials = directory.with_name(f"{directory.name}-tune")
            job, line = tuned_job(with_rate, job.recipe, tune, trials, progress)
            warnings.append(line)
            tell(f"note: {line}")
        done = train_job(job, directory, resume=resume, show=progress)
        user.extras(directory, done.model)
        runs = {"from scratch" if transferred is None else "fine-tuned": done}
        if transferred is not None and scratch:
            # The learning rate was chosen for trained weights.
            usual = {k: v for k, v in changes.items() if k != "learning_rate"}
            try:
                runs["from scratch"] = train_job(
                    prepare(None, usual)[0],
                    directory / SCRATCH,
                    resume=resume or True,
                    show=progress,
                    title="from scratch, for the comparison",
                )
            except Diverged as error:  # what was asked for is trained
                warnings.append(f"from scratch is not in the comparison: {first_line(error)}")
                tell(f"note: {warnings[-1]}")
    except Interrupted as stop:
        raise Interrupted(stop.what, directory) from None
    return _compared(job, runs, user, warnings, transferred)


def _compared(
    job: Job,
    runs: Mapping[str, run.Run],
    user: UserData,
    warnings: Sequence[str],
    transferred: Transfer | None,
) -> FineTuned:
    """The first of the runs next to the others and baselines; writes comparison and card."""
    gc.collect()  # the batches of the training, which hold the examples once more
    baselines = registry.task_of(job.entry).baselines(user.data.train, user.data)
    done = run.with_peak(next(iter(runs.values())))
    rows = compare(metric(done.metrics["metric"]), runs, baselines)
    tuned = FineTuned(
        **vars(done),
        data=user,
        comparison=rows,
        warnings=tuple(warnings),
        use=card.use(user.kind, done.path),
    )
    write_comparison(done.path, rows, done)
    card.write(tuned, transferred)
    return tuned


def _with_threshold(
    user: UserData, threshold: str | float | None, positive: str | None
) -> UserData:
    """The data with the decision threshold that was asked for."""
    if threshold is None:
        if positive is not None:
            raise KerazooError("positive goes with threshold (--threshold).")
        return user
    if not registry.get_task(user.data.info.task).has_classes:
        raise KerazooError("threshold is for two classes; this data has none.")
    found = threshold_of(threshold, positive, user.data.info.labels)
    return replace(user, data=replace(user.data, threshold=found))


def _source_for(
    known: Model, weights: Weights | None, reader: Callable[..., UserData]
) -> Trained | None:
    """The trained model to start from; "auto" has none where only tables or series fit.

    Nor for a table, so that Keras is not loaded before a large one is read.
    """
    if weights == "auto":
        labeled = {"images", "unlabeled_images", "texts"} & set(kinds_of(known))
        is_table = reader.__name__ == "from_table"
        weights = first_recorded(known) if labeled and not is_table else None
    return None if weights is None else source_of(known, weights)


def _base_of(known: Model, source: Trained | None, user: UserData) -> Entry:
    """The entry with the recipe and options that the model gets where the data says nothing else.

    Without an entry's weights it is the first one of the same task.
    """
    if source is not None and source.own is None:
        return source.entry
    same = (e for e in known.entries.values() if registry.task_of(e).name == user.data.info.task)
    base = next(same, known.main)
    # The recipe of a run on user data was sized to that data.
    return base if source is None else replace(base, options=source.entry.options)


def _suiting(source: Trained | None) -> dict[str, Any]:
    """Options of readers with which data suits the weights of a run on user data."""
    if source is None or source.run is None or source.own is None:
        return {}
    asked = source.own.asked
    options = {name: asked[name] for name in SUITING if asked.get(name) is not None}
    if source.vocabulary is not None:
        options["vocabulary"] = str(source.run.path / run.VOCABULARY)
    return options


def _reject_other_columns(source: Trained | None, user: UserData) -> None:
    """Raise KerazooError for a table whose columns are not those of the run to start from."""
    before, now = source and source.reading, user.reading
    if not isinstance(before, TableReading) or not isinstance(now, TableReading):
        return
    if [(c.name, c.categories) for c in before.columns] != [
        (c.name, c.categories) for c in now.columns
    ]:
        raise KerazooError(
            f"{user.data.info.name} has not the columns, with the categories, of the table in "
            f"{source and source.source}; its weights mean nothing here. Train from scratch "
            "(--weights none)."
        )


def _reject_head_settings(
    source: Trained | None, freeze: bool, settings: Mapping[str, Any]
) -> None:
    """Raise KerazooError for options of the new last layer where there is none."""
    heads = ["freeze"] * freeze + [k for k in settings if k.startswith("head_")]
    if heads and source is None:
        raise KerazooError(f"{heads[0]} needs trained weights to start from; there are none.")
    if heads and source and not source.task.has_targets:
        raise KerazooError(f"{heads[0]}: {source.entry.model} has no last layer to train alone.")


def _reject_directory(out: str | Path | None, resume: run.Resume, data: Any) -> None:
    """Raise KerazooError for a run directory that is in use, or lies among the user's images."""
    run.require_out(out, resume)
    if out is not None and not resume:
        run.reject_used(Path(out))
    out = out if out is not None else run.RUNS
    data = data.source[0] if isinstance(data, UserData) else data
    if not isinstance(data, (str, os.PathLike)) or not Path(data).is_dir():
        return
    if Path(out).resolve().is_relative_to(Path(data).resolve()):
        raise KerazooError(
            f"the run directory {os.fspath(out)} lies in the data directory {os.fspath(data)}, "
            "where its plots would count as data; give --out another directory."
        )


def starting_recipe(base: Entry, user: UserData, *, augment: bool, balance: bool) -> Recipe:
    """The recipe of a training run from scratch: that of the entry, sized to the data."""
    info, n, kind = user.data.info, user.data.train.examples, user.kind
    seen, most = SEEN_AND_MOST[kind]
    recipe = base.recipe.replace(
        train_on="train",
        train_examples=None,
        batch_size=min(base.recipe.batch_size, SMALL_BATCH if n <= SMALL else sys.maxsize),
        epochs=min(most, max(FEWEST, round(seen / n))),
        balance=balance,
        lookback=getattr(user.reading, "lookback", None),
    )
    if kind == "table" and recipe.optimizer == "adam":
        recipe = recipe.replace(optimizer="adamw", weight_decay=min(MAX_DECAY, DECAY / n))
    if user.factory_options.get("linear_path"):
        recipe = recipe.replace(learning_rate=LINEAR_RATE)
    if not augment or not is_image(info.input_shape):
        recipe = recipe.without_augmentation()
    return recipe


def finetuning_recipe(
    plain: Recipe, changes: Mapping[str, Any], *, freeze: bool, head: bool
) -> Recipe:
    """The same with the head first, then everything at a lower rate."""
    if not head:  # all networks must keep pace
        return plain.replace(**changes)
    recipe = plain.replace(
        learning_rate=LOWER * plain.learning_rate, head_learning_rate=plain.learning_rate
    )
    recipe = recipe.replace(**changes)
    if freeze:
        rate = changes.get("learning_rate", recipe.head_learning_rate)
        return recipe.replace(head_epochs=recipe.epochs, head_learning_rate=rate)
    if "head_epochs" in changes:
        return recipe
    return recipe.replace(head_epochs=max(recipe.epochs // 5, min(1, recipe.epochs - 1)))


def prepare_job(
    model: Model,
    base: Entry,
    user: UserData,
    plain: Recipe,
    freeze: bool,
    seed: int,
    source: Trained | None,
    changes: Mapping[str, Any],
    **more: Any,
) -> tuple[Job, Transfer | None]:
    """The training from trained weights, or from scratch where ``source`` is None.

    Args:
        model: the model.
        base: the entry whose options the model gets where the data says nothing else.
        user: the data.
        plain: the recipe from scratch.
        freeze: train the last layer only.
        seed: of the initial weights and the training.
        source: the trained model whose weights are the start, if any.
        changes: fields of the recipe that the user set.
        **more: other fields of the job.
    """
    info = user.data.info
    kind = info.task if registry.get_task(info.task).has_targets else registry.task_of(base).name
    entry = Entry(dataset=info.name, recipe=plain, task=kind, model=model.name)
    recipe = plain.replace(**{k: v for k, v in changes.items() if not k.startswith("head_")})
    keras.utils.set_random_seed(seed)
    task = registry.task_of(entry)
    # What the data says goes before what the entry or run has.
    options = {**base.options, **task.factory_options(info, recipe), **user.factory_options}
    options = {k: v for k, v in options.items() if k in building.options_of(model)}
    if info.labels and "classes" not in building.options_of(model):
        what = f"{model.name} predicts numbers, but {info.name} holds classes"
        raise KerazooError(f"{what}. Take another model, such as mlp, or give --task regression.")
    net = building.call_factory(model, options)
    head: tuple[str, ...] = ()
    transferred = start = None
    if source is not None:
        same = not info.labels or source.labels == info.labels
        transferred = transfer(net, source, but=() if same else last_layer(net))
        recipe = finetuning_recipe(plain, changes, freeze=freeze, head=task.has_targets)
        head = tuple(dict.fromkeys((*transferred.fresh, *last_layer(net))))
        start = source.run.as_start(head) if source.run else Start(entry=source.source, head=head)
    paths = [_absolute(given) for given in user.source]
    own = Own(
        path=paths[0] if len(paths) == 1 else None,
        test=None if user.test is None else _absolute(user.test) or IN_CODE,
        reader=user.reader.__name__,
        asked=dict(user.options),
        treatment=as_json(user.kind, user.reading),
        model=model.name,
        options=options,
    )
    decision = user.data.threshold
    if decision and decision.value is None and recipe.train_on != "train":
        raise KerazooError(f"threshold {decision.rule} needs validation, which is trained on.")
    threshold = decision and (decision.positive, decision.rule)
    job = Job(
        entry=entry,
        recipe=recipe,
        data=user.data,
        model=net,
        seed=seed,
        head=head,
        delivered=user.serving_model,
        left_out=user.skipped,
        about={"own": own, "start": start, "threshold": threshold},
        calibrate=recipe.train_on == "train",
        **more,
    )
    return job, transferred


def _absolute(data: Any) -> str | None:
    """The absolute path, which is found again from any directory; None of other data."""
    return os.path.abspath(data) if isinstance(data, (str, os.PathLike)) else None
