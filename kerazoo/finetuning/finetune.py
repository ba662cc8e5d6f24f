"""Train a model of the zoo on a user's own data: the same trainer with a few overrides."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kerazoo import building, registry
from kerazoo._lazy import keras
from kerazoo.errors import Diverged, Interrupted, KerazooError, first_line
from kerazoo.finetuning import run_card as card
from kerazoo.finetuning.compare import Compared, compare, verdict, write_comparison
from kerazoo.finetuning.readers.reading import IN_CODE, in_memory, is_best_learnt_anew, read
from kerazoo.finetuning.readers.user_data import Asked, Own
from kerazoo.finetuning.transfer import Transfer, last_layer, same_labels, source_of, transfer
from kerazoo.metrics import metric
from kerazoo.spec import Entry, Model, Recipe, is_picture
from kerazoo.training import run_directory as run
from kerazoo.training.run_directory import Run
from kerazoo.training.train import Job, train_job

# By kind of data: the examples, counted in every epoch, that a training goes through, and the most
# epochs. A series of the length of ETTh1 gets the epochs of that entry's recipe.
SEEN = {"pictures": 40_000, "rows": 100_000, "series": 66_000, "text": 60_000, "drawing": 300_000}
MOST = {"pictures": 60, "rows": 200, "series": 60, "text": 20, "drawing": 200}
FEWEST = 3  # epochs
SMALL = 5_000  # training examples, up to which batches are small
SMALL_BATCH = 32
# AdamW's weight decay for the rows of a table: DECAY over their number in training, so that it
# counts the less the more there is to learn from, and at most MOST_DECAY. See TUNING.md.
DECAY = 1_000.0
MOST_DECAY = 3.0
LOWER = 0.3  # times the entry's own learning rate, where trained weights are the start
SCRATCH = "scratch"  # folder of the same model from scratch, inside the run folder


@dataclass(frozen=True)
class FineTuned:
    """A finished fine-tuning.

    Attributes:
        run: the training that started from the zoo's weights; ``run.model`` is the model.
        comparison: its figure beside those of the naive models and of the same model from
            scratch.
        found: what was found in the data and how it was treated.
        warnings: what may be wrong with the data.
        left_out: the files that could not be read, and why; also ``left_out.txt`` in the run
            folder.
        use: a command that uses the model, to paste.
        verdict: which simpler way does better, if one does, and what to do; else empty.
    """

    run: Run
    comparison: tuple[Compared, ...]
    found: tuple[str, ...]
    warnings: tuple[str, ...]
    left_out: tuple[str, ...]
    use: str
    verdict: str

    def as_json(self) -> dict[str, Any]:
        """What ``kerazoo finetune --json`` prints."""
        return {
            "entry": self.run.entry,
            "path": str(self.path),
            "seed": self.run.seed,
            "metrics": self.metrics,
            "comparison": [asdict(row) for row in self.comparison],
            "found": list(self.found),
            "warnings": list(self.warnings),
            "left_out": list(self.left_out),
            "pictures": [str(p) for p in self.pictures],
            "use": self.use,
            "verdict": self.verdict,
        }

    @property
    def model(self) -> keras.Model:
        """The trained model."""
        return self.run.model

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.run.path

    @property
    def metrics(self) -> dict[str, Any]:
        """What was measured on the test split."""
        return self.run.metrics

    @property
    def history(self) -> list[dict[str, float]]:
        """One dictionary of figures per epoch."""
        return self.run.history

    @property
    def pictures(self) -> list[Path]:
        """The pictures of the run."""
        return self.run.pictures


def finetune(
    name: str,
    data: Any,
    *,
    test: Any = None,
    target: str | list[str] | None = None,
    text: str | None = None,
    time: str | None = None,
    horizon: int | None = None,
    lookback: int | None = None,
    task: str | None = None,
    gaps: str = "refuse",
    split: tuple[int, int, int] | None = None,
    size: int | None = None,
    invert: str = "auto",
    weights: str | None = "auto",
    freeze: bool = False,
    balance: bool = False,
    augment: bool = True,
    epochs: int | None = None,
    learning_rate: float | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    scratch: bool = True,
    out: str | Path | None = None,
    resume: run.Resume = False,
    progress: bool = True,
    engine: str = "auto",
    plots: bool = True,
) -> FineTuned:
    """Train a model of the zoo on your own data, from its trained weights where they fit.

    First the new last layer alone (a fifth of the epochs), then the whole network at 0.3 times
    the entry's own learning rate. The test split is read once, after the last epoch. The same
    model is trained from scratch beside it, for the comparison.

    Args:
        name: a model, ``"mnist_cnn"``.
        data: a folder of pictures with a folder per class (or ``train/`` and ``test/`` of such
            folders), for ``dcgan`` without classes; a CSV file or a pandas DataFrame, also of a
            series; arrays ``(x, y)``: pictures from 0 to 255 ``(n, height, width[, channels])``,
            rows ``(n, columns)`` or texts ``(n,)``, with labels ``(n,)`` or, of rows, numbers
            ``(n[, targets])``; a ``tf.data.Dataset`` of such pairs.
        test: of arrays and tables: the same kind of data to measure on; by default a fifth of
            ``data``. A folder has ``train/`` and ``test/`` instead, a series ``split``.
        target: of a CSV file: the column to predict; numbers, of a series or table, may be several.
        text: of a text model: the column with the texts.
        time: of a series: the column with the dates; found by itself if there is one.
        horizon: of a series: how many steps to forecast.
        lookback: of a series: how many past steps the model sees.
        task: of a table: ``"classification"`` or ``"regression"``; told by the target by default.
        gaps: of a series: ``"refuse"`` or ``"interpolate"`` missing steps and values.
        split: of a series: how many of the first steps are train, validation and test.
        size: of pictures in a folder: height and width to bring them to, instead of the model's.
        invert: of pictures in a folder: exchange dark and light, ``"auto"``, ``"yes"``, ``"no"``.
        weights: the dataset whose trained weights are the start (``"digits"``), None for none, or
            ``"auto"``: the first entry's that has some, but none for tables and series, which are
            best learnt anew. Layers whose shape does not fit start fresh.
        freeze: train the last layer only.
        balance: weigh the examples so that all classes weigh the same.
        augment: change training pictures at random, as the entry's recipe does.
        epochs: by default fewer the more data there is.
        learning_rate: of the whole network (with ``freeze``, of the last layer).
        settings: other fields of the recipe. Of a table, another optimizer comes without the
            weight decay that belongs to the default one.
        seed: of initial weights, order, dropout and augmentation; the split does not depend on it.
        scratch: train the same model from scratch too.
        out: the run folder, new or empty; by default one below ``runs/``.
        resume: go on with the unfinished run in ``out``; ``"elsewhere"``: see
            :func:`kerazoo.train`.
        progress: say what was found, and show progress, on standard error.
        engine: ``"auto"``, what measured fastest with TensorFlow on a CPU (elsewhere Keras's own),
            or ``"plain"``, Keras's own.
        plots: draw the plots of the finished run.

    Returns:
        The finished run, ``.model``, and ``.comparison`` with the naive models and from scratch.

    Raises:
        KerazooError: data that the model cannot learn from, with the file or row; an unknown
            model, weights or setting; weights of which no layer fits; a folder that is in use or
            cannot be written.
        Diverged: the loss became NaN or infinite; the last good state is kept.
        Interrupted: Ctrl-C; the last finished epoch is kept and can be resumed.
    """
    model = registry.get_model(name)
    seed = run.require_seed(seed)
    _refuse_folder(out, resume, data)  # before the data is read
    data = in_memory(model, data)
    fresh = weights == "auto" and is_best_learnt_anew(model, data)
    source = source_of(model, None if fresh else weights)
    _refuse_head_settings(source, freeze, settings or {})
    wishes = {
        "target": target, "text": text, "task": task, "time": time, "horizon": horizon,
        "lookback": lookback, "gaps": gaps, "split": split, "size": size, "invert": invert,
    }  # fmt: skip
    asked = Asked(**{wish: _of_python(value) for wish, value in wishes.items()})
    tell = _tell if progress else _say_nothing
    start = registry.get_dataset(source.dataset) if source else None
    own = read(model, data, asked, start, test=test, tell=tell)
    base = source or nearest_entry(model, own)
    given = {"epochs": epochs, "learning_rate": learning_rate}
    changes = {k: v for k, v in given.items() if v is not None} | dict(settings or {})
    if "optimizer" in changes and own.treatment["kind"] == "rows":
        changes.setdefault("weight_decay", 0.0)  # the default one is AdamW's
    plain = starting_recipe(base, own, augment=augment, balance=balance)
    about = {
        "path": _absolute(data),
        "test": None if test is None else _absolute(test) or IN_CODE,
        "asked": asdict(asked),
        "treatment": dict(own.treatment),
        "read_for": source.name if source else None,
    }

    def job(source: Entry | None) -> tuple[Job, Transfer | None]:
        ready = prepare_job(model, base, source, own, plain, changes, freeze, seed, about)
        return replace(ready[0], engine=engine, plots=plots), ready[1]

    first, transferred = job(source)
    if transferred is not None and not transferred.taken and weights != "auto":
        raise KerazooError(
            f"no layer of {transferred.source} fits this data, so its weights are no start; train "
            "from scratch (--weights none)."
        )
    folder = Path(out) if out is not None else run.default_folder(first.entry, "full", seed)
    start_lines = _start_lines(transferred, first)
    for line in (*own.found, *(f"note: {w}" for w in own.warnings), *start_lines):
        tell(line)
    try:
        begun = replace(first, left_out=own.left_out)
        done = train_job(begun, folder, resume=resume, show=progress)
        own.extras(folder, done.model)
        runs = {"from scratch" if transferred is None else "fine-tuned": done}
        if transferred is not None and scratch:
            changes.pop("learning_rate", None)  # it was chosen for trained weights
            second, trouble = _from_scratch(job(None)[0], folder, resume, progress, tell)
            runs |= second
            own = replace(own, warnings=(*own.warnings, *trouble))
    except Interrupted as stop:
        again = str(stop).replace(str(folder / SCRATCH), str(folder))
        raise Interrupted(again) from None
    naive = registry.task_of(first.entry).baselines(own.data.train, own.data)
    measure = metric(done.metrics["metric"])
    rows = compare(measure, runs, naive)
    # Pictures are compared with a floor, which nothing drawn gets below.
    said = "" if first.entry.task == "generation" else verdict(rows, measure)
    write_comparison(folder, rows, done)
    card.write(folder, own, rows, said, done, transferred)
    use = card.use(own, done)
    return FineTuned(done, rows, own.found, own.warnings, own.left_out, use, said)


def _from_scratch(
    job: Job, folder: Path, resume: run.Resume, show: bool, tell: Callable[[str], Any]
) -> tuple[dict[str, Run], list[str]]:
    """The same model from scratch, by name; or none and why: what was asked for is trained."""
    tell("the same model from scratch, for the comparison")
    try:
        return {
            "from scratch": train_job(job, folder / SCRATCH, resume=resume or True, show=show)
        }, []
    except Diverged as trouble:
        missing = f"from scratch is not in the comparison: {first_line(trouble)}"
        tell(f"note: {missing}")
        return {}, [missing]


def _refuse_head_settings(source: Entry | None, freeze: bool, settings: Mapping[str, Any]) -> None:
    """Raise KerazooError for wishes about the new last layer where there will be none."""
    heads = [*(["freeze"] if freeze else []), *(k for k in settings if k.startswith("head_"))]
    if not heads:
        return
    if source is None:
        raise KerazooError(f"{heads[0]}: there are no trained layers that a new one is put upon.")
    if registry.task_of(source).name == "generation":
        raise KerazooError(f"{heads[0]}: a generator of pictures has no new last layer.")


def _refuse_folder(out: str | Path | None, resume: run.Resume, data: Any) -> None:
    """Raise KerazooError for a run folder that is in use, or lies among the user's pictures."""
    if resume and out is None:
        raise KerazooError("resume needs the run folder: give --out DIR (out=...).")
    if out is not None and not resume:
        run.refuse_used(Path(out))
    out = out if out is not None else run.RUNS
    if not isinstance(data, (str, os.PathLike)) or not Path(data).is_dir():
        return
    if Path(out).resolve().is_relative_to(Path(data).resolve()):
        raise KerazooError(
            f"the run folder {os.fspath(out)} lies in the data folder {os.fspath(data)}, where its "
            "pictures would count as data; give --out another folder."
        )


def _of_python(wish: Any) -> Any:
    """A wish as the run folder can remember it: no number of NumPy's, and tuples for lists."""
    wish = building.of_python(wish)
    return tuple(wish) if isinstance(wish, list) else wish


def _absolute(data: Any) -> str | None:
    """A path as ``evaluate`` and ``export`` find it again from any folder; None of other data."""
    return os.path.abspath(data) if isinstance(data, (str, os.PathLike)) else None


def nearest_entry(model: Model, own: Own) -> Entry:
    """The entry whose recipe and options suit the data, where no weights are taken over."""
    same = [e for e in model.entries.values() if registry.task_of(e).name == own.data.info.task]
    return (same or [model.main])[0]


def starting_recipe(base: Entry, own: Own, *, augment: bool, balance: bool) -> Recipe:
    """The recipe of a training from scratch: the entry's own, sized to the data."""
    info, n, kind = own.data.info, len(own.data.train), own.treatment["kind"]
    batch = min(base.recipe.batch_size, SMALL_BATCH) if n <= SMALL else base.recipe.batch_size
    recipe = base.recipe.replace(
        train_on="train",
        train_examples=None,
        batch_size=batch,
        epochs=min(MOST[kind], max(FEWEST, round(SEEN[kind] / n))),
        balance=balance,
        lookback=own.treatment.get("lookback"),
    )
    if kind == "rows" and recipe.optimizer == "adam":
        recipe = recipe.replace(optimizer="adamw", weight_decay=min(MOST_DECAY, DECAY / n))
    if not augment or not is_picture(info.input_shape):
        recipe = recipe.replace(
            augment_flip=False, augment_shift=0.0, augment_rotate=0.0, augment_zoom=0.0
        )
    return recipe


def finetuning_recipe(
    plain: Recipe, changes: Mapping[str, Any], *, freeze: bool, generation: bool
) -> Recipe:
    """The same with the head first, then everything at a lower rate."""
    if generation:  # there is no head, and both nets must keep pace
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
    source: Entry | None,
    own: Own,
    plain: Recipe,
    changes: Mapping[str, Any],
    freeze: bool,
    seed: int,
    about: Mapping[str, Any],
) -> tuple[Job, Transfer | None]:
    """The training from trained weights, or from scratch where ``source`` is None."""
    info = own.data.info
    entry = Entry(dataset=info.name, recipe=plain, task=info.task, model=model.name)
    recipe = plain.replace(**{k: v for k, v in changes.items() if not k.startswith("head_")})
    keras.utils.set_random_seed(seed)
    options = {
        **registry.task_of(entry).factory_options(info, recipe),
        **base.options,
        **own.options,  # what the data says goes before what the entry has
    }
    options = {k: v for k, v in options.items() if k in building.options_of(model)}
    if info.task == "classification" and "classes" not in building.options_of(model):
        raise KerazooError(
            f"{model.name} predicts numbers, but {info.name} holds classes. Take a model of "
            "classes, such as mlp; or --task regression, if they are numbers."
        )
    net = building.call_factory(model, options)
    head: tuple[str, ...] = ()
    transferred = None
    if source is not None:
        new_classes = info.task == "classification" and not same_labels(source, info.labels)
        transferred = transfer(net, source, but=last_layer(net) if new_classes else ())
        recipe = finetuning_recipe(
            plain, changes, freeze=freeze, generation=info.task == "generation"
        )
        head = tuple(dict.fromkeys((*transferred.fresh, *last_layer(net))))
    start = None if transferred is None else {"entry": transferred.source, "head": list(head)}
    job = Job(
        entry=entry,
        recipe=recipe,
        data=own.data,
        model=net,
        seed=seed,
        head=head,
        delivered=own.delivered,
        about={"own": {**about, "model": model.name, "options": _plain(options)}, "start": start},
    )
    return job, transferred


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON has them."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}


def _start_lines(transferred: Transfer | None, job: Job) -> list[str]:
    if transferred is None:
        return ["starts from fresh weights"]
    new = f"; fresh: {', '.join(transferred.fresh)}" if transferred.fresh else ""
    lines = [f"starts from the weights of {transferred.source} ({_layers(transferred)}{new})"]
    recipe = job.recipe
    head, rest = recipe.head_epochs, recipe.epochs - recipe.head_epochs
    if head:
        then = f", then all layers in {rest:,} at {recipe.learning_rate:g}" if rest else ""
        lines.append(
            f"trains {', '.join(job.head)} alone in {head:,} of {recipe.epochs:,} epochs at a rate "
            f"of {recipe.head_learning_rate:g}{then}"
        )
    return lines


def _layers(transferred: Transfer) -> str:
    n = len(transferred.taken)
    return "1 layer" if n == 1 else f"{n} layers"


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _say_nothing(line: str) -> None:
    pass
