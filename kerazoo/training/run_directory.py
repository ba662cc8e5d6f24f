"""The run directory: one training, its settings, its results.

==================  ==========================================================================
config.json         entry, tier, seed, recipe, fingerprints, versions; written first
left_out.txt        unreadable files of user data, with reasons
history.csv         one row per epoch
checkpoint          (.safetensors) state after the last finished epoch, during training
model.keras         the trained model, which plain Keras opens without kerazoo (it embeds its date);
                    one for each network, such as generator.keras; for fine-tuned text models
                    also model_strings.keras, after a divergence last_good_*.keras
labels.json         class names of a classifier
card.html, card.md  card of a fine-tuned model, with comparison.json, its values; the same model
                    trained from scratch is in scratch/
vocabulary.txt.xz   tokens of a text model
metrics.json        metrics on the test split; written last: the run is finished
timing.json         seconds of training, total and per epoch; peak memory
*.png               learning curves and other plots; for a generator also samples/
tensorboard/        events, if requested
==================  ==========================================================================

Times have their own file, so that history, metrics and weights of two runs of one seed are equal
bit by bit.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import secrets
import shlex
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from kerazoo import building, fingerprint, registry
from kerazoo._files import cannot_write, is_leftover, save_atomic, schema, write_text
from kerazoo._files.archives import other_keras, require_safe, save_network
from kerazoo._lazy import keras
from kerazoo._parts import Part, Shown, epochs_table, images, metrics_table
from kerazoo.errors import DamagedFile, KerazooError, checked, first_line, require_whole, shown
from kerazoo.evidence.reference import THEN
from kerazoo.metrics import duration, first_impossible, result_of
from kerazoo.spec import Entry, Recipe, networks_of
from kerazoo.training.machine import MAY_MOVE, peak_memory
from kerazoo.training.run_config import Config, Metrics, Start, Timing

RUNS = "runs"  # parent of run directories, below the current directory
LEFT_OUT = "left_out.txt"
VOCABULARY = "vocabulary.txt.xz"
REMEDY = "Restore the run directory, or train again in another one."
LOCK = ".part.lock"  # exists while a process trains in the directory

# Resume: never; only to the same bits; or "elsewhere", where the bits may differ.
Resume = bool | Literal["elsewhere"]


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """A finished training; it may stand wherever its directory may.

    Attributes:
        path: the run directory.
        model: the trained ``keras.Model``.
        history: metrics of each epoch.
        metrics: ``metric``, ``value``, ``standard_error`` and ``examples`` on the test split, the
            other metrics (``also``) and what the task adds.
        entry: ``model@dataset``.
        tier: ``full`` or ``smoke``.
        seed: seed of the run.
        recipe: training settings.
        seconds: wall-clock time of the training.
        peak_memory: largest resident memory of its process, in bytes; None if not known.
    """

    path: Path
    model: keras.Model
    history: list[dict[str, float]]
    metrics: dict[str, Any]
    entry: str
    tier: str
    seed: int
    recipe: Recipe
    seconds: float
    peak_memory: int | None

    @property
    def cost(self) -> str:
        """Time and memory, for readers."""
        from rich.filesize import decimal

        time = f"{duration(self.seconds)} of training"
        return f"{time}, peak memory {decimal(self.peak_memory)}" if self.peak_memory else time

    def __fspath__(self) -> str:
        return str(self.path)

    def as_start(self, head: tuple[str, ...] = ()) -> Start:
        """Record of this run in one that starts from its weights."""
        path, sha256 = os.path.abspath(self.path), self.metrics["weights_sha256"]
        return Start(entry=self.entry, head=head, run=path, weights_sha256=sha256)

    @property
    def plots(self) -> list[Path]:
        """Plots of the run, by name."""
        return sorted(self.path.glob("*.png"))

    def _line(self) -> str:
        result = result_of(self.metrics)
        return f"{self.entry}, tier {self.tier}, seed {self.seed}: {result}; {self.path}"

    def _parts(self) -> list[Part]:
        epochs = epochs_table(self.history, f"{len(self.history)} epochs")
        values = {self.metrics["metric"]: self.metrics["value"], **self.metrics["also"]}
        return [metrics_table(values), epochs, *images(self.plots)]


def default_directory(entry: Entry, tier: str, seed: int) -> Path:
    """``runs/<entry>/<time>-<tier>-seed<seed>`` below the current directory."""
    return Path(RUNS) / entry.name / f"{stamp()}-{tier}-seed{seed}"


def stamp() -> str:
    """Time stamp, unique also among processes of the same second."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def require_seed(seed: Any) -> int:
    """A seed as a Python int; raises KerazooError unless it is one."""
    return require_whole("seed", seed, least=0, most=2**32 - 1)


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Context in which no other process can train in a run directory.

    The operating system releases the lock of a process that ends, however it ends.

    Raises:
        KerazooError: another one trains there, or the directory cannot be written.
    """
    lock = FileLock(directory / LOCK)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise KerazooError(
            f"another process is training in {directory}; wait for it, or choose another directory."
        ) from None
    except OSError as error:
        raise cannot_write(directory, error) from error
    try:
        yield
    finally:
        # While it is held: one who waits for this very file then finds that it has no name. Windows
        # removes no open file, but filelock does there, on release.
        with contextlib.suppress(OSError):
            (directory / LOCK).unlink(missing_ok=True)
        lock.release()
        with contextlib.suppress(OSError):  # there is something in it, as there should be
            directory.rmdir()


def prepare(directory: Path, config: Config, *, resume: Resume) -> None:
    """Start a run directory, or check that a resumed one holds this very training.

    A run that is resumed elsewhere notes it in ``config.json``: ``"machine": "…, then …"``.

    Raises:
        KerazooError: the directory is in use and ``resume`` is off; it holds something else; it
            belongs to another entry, recipe, seed or version; or it cannot be written.
    """
    if not is_used(directory):
        schema.write(directory / "config.json", config)
        return
    if not resume:
        reject_used(directory)
    before, here = read_config(directory), config.environment
    # Older runs did not note all of it: what is known now held then too.
    started = before.environment
    known = {**here, **{k: v.rpartition(THEN)[2] for k, v in started.items()}}
    moved = {k: here[k] for k in MAY_MOVE if known[k] != here[k]}
    if resume == "elsewhere":
        known |= moved
    # The data's fingerprint stands for the facts.
    before = replace(before, environment=known, data=config.data)
    differ = _differences(schema.plain(before), schema.plain(config))
    if differ:
        only_moved = resume != "elsewhere" and len(differ) == len(moved)
        raise KerazooError(
            f"{directory} holds another run, which this command would not continue exactly: "
            f"{'; '.join(differ)}. Repeat the command that started it, or choose another directory"
            f"{'; or add --elsewhere to continue here nevertheless' * only_moved}."
        )
    if moved and not is_finished(directory):
        came = {name: f"{started.get(name, 'unknown')}{THEN}{now}" for name, now in moved.items()}
        schema.write(directory / "config.json", replace(config, environment={**started, **came}))


def is_used(directory: Path) -> bool:
    """True if a directory holds anything but partly written files of a killed process."""
    return directory.is_dir() and not all(is_leftover(p) for p in directory.iterdir())


def require_out(out: str | Path | None, resume: Resume) -> None:
    """Raise KerazooError if there is no directory to resume in."""
    if resume and out is None:
        raise KerazooError("resume needs the run directory: give --out DIR (out=...).")


def reject_used(directory: Path) -> None:
    """Raise KerazooError if a directory is in use."""
    if is_used(directory):
        raise KerazooError(
            f"{directory} is not empty. Add --resume (resume=True) to continue the run in "
            "it, or choose another directory."
        )


def _differences(before: Any, now: Any, where: str = "") -> list[str]:
    if not isinstance(before, dict) or not isinstance(now, dict):
        return [] if before == now else [f"{where} was {shown(before)}, is {shown(now)}"]
    return [
        difference
        for key in sorted(before.keys() | now.keys())
        for difference in _differences(before.get(key), now.get(key), f"{where}.{key}".strip("."))
    ]


def read_config(directory: Path) -> Config:
    """Configuration of the run in a directory.

    Raises:
        KerazooError: there is no such directory.
        DamagedFile: the directory holds no run, or one of a later version of kerazoo.
    """
    if not directory.is_dir():
        raise KerazooError(f"there is no run directory {directory}; `kerazoo runs list` lists all.")
    return schema.read(directory / "config.json", Config, REMEDY)


def read_metrics(directory: Path) -> Metrics:
    """Metrics of the finished run in a directory; raises DamagedFile."""
    path = directory / "metrics.json"
    metrics = schema.read(path, Metrics, REMEDY)
    for values in ({metrics.metric: metrics.value, **metrics.also}, *metrics.by_target.values()):
        if (name := first_impossible(values)) is not None:
            raise DamagedFile(path, f"it cannot be {values[name]!r}", REMEDY, name)
    return metrics


def is_finished(directory: Path) -> bool:
    """True if the run in a directory is trained and evaluated."""
    return (directory / "metrics.json").exists()


@checked
def load_run(path: str | os.PathLike[str]) -> Run:
    """Open a finished run: ``.model``, ``.history``, ``.metrics``.

    :func:`kerazoo.predict`, ``evaluate``, ``export``, and ``weights=`` of ``build``, ``train`` and
    ``finetune`` take it, or its directory.

    Raises:
        KerazooError: there is no finished run, or one of its files is missing or damaged.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise KerazooError(f"{path!r} is not a run directory; give its path.")
    return load(Path(path))


def load(directory: Path, model: keras.Model | None = None) -> Run:
    """Open a finished run, with its saved model or the same one from memory.

    Raises:
        KerazooError: there is no finished run, or one of its files is missing or damaged.
    """
    config = read_config(directory)
    if not is_finished(directory):
        raise KerazooError(
            f"the run in {directory} is not finished. Repeat its command with --resume: "
            f"{command_to_resume(directory, config)}"
        )
    metrics = read_metrics(directory)
    timing = schema.read(directory / "timing.json", Timing, REMEDY)
    history = directory / "history.csv"
    try:
        with history.open(newline="", encoding="utf-8") as file:
            rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
        if not (config.early_stopping and rows) and len(rows) != config.recipe.epochs:
            raise ValueError(f"it has {len(rows)} of {config.recipe.epochs} epochs")
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise DamagedFile(history, first_line(error), REMEDY) from error
    if model is None:
        model = load_model(directory, config)
        if fingerprint.of_weights(model) != metrics.weights_sha256:
            raise KerazooError(
                f"the model in {directory} was altered: its weights are not the run's."
            )
    cost: Any = {"seconds": timing.seconds, "peak_memory": timing.peak_memory}
    about: Any = {name: getattr(config, name) for name in ("entry", "tier", "seed", "recipe")}
    return Run(directory, model, rows, metrics.as_dict(), **cost, **about)


def with_peak(done: Run) -> Run:
    """The run with the peak memory up to now, which is stored."""
    path = done.path / "timing.json"
    timing = schema.read(path, Timing, REMEDY)
    peak = max(timing.peak_memory or 0, peak_memory() or 0) or None
    schema.write(path, replace(timing, peak_memory=peak))
    return replace(done, peak_memory=peak)


def load_model(directory: Path, config: Config) -> keras.Model:
    """Load the trained model of a run, in Keras's safe mode.

    Raises:
        KerazooError: a model file is missing or cannot be opened.
    """
    loaded = {name: _load_network(directory / f"{name}.keras") for name in config.networks}
    if config.networks == ("model",):
        return loaded["model"]
    if config.own is not None:
        of_data = config.own.factory_options
        model = building.call_factory(registry.get_model(config.own.model), of_data)
    else:
        model = building.build_for(registry.get_entry(config.entry), config.recipe)
    try:
        for name, network in networks_of(model).items():
            network.set_weights(loaded[name].get_weights())
    except (KeyError, ValueError) as error:
        path = directory / "config.json"
        raise DamagedFile(path, "the saved networks do not fit", REMEDY, "networks") from error
    return model


def _load_network(path: Path) -> keras.Model:
    if not zipfile.is_zipfile(path):
        problem = "it is no Keras archive" if path.exists() else "it is missing"
        raise DamagedFile(path, problem, REMEDY)
    require_safe(path)
    try:
        return keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # zip, h5 and Keras raise many kinds for one cause
        raise DamagedFile(path, first_line(error) + other_keras(path), REMEDY) from error


def save_model(model: keras.Model, directory: Path, prefix: str = "") -> list[Path]:
    """Write each network of a model as a ``.keras`` file, atomically; returns the paths."""
    paths = []
    for name, network in networks_of(model).items():
        path = directory / f"{prefix}{name}.keras"
        save_atomic(path, partial(save_network, network))
        paths.append(path)
    return paths


def command_to_resume(directory: Path, config: Config) -> str:
    """Command that continues the run in a directory, as far as its configuration tells."""
    resume = f"--out {shlex.quote(str(directory))} --resume"
    if config.own is not None:
        return f"kerazoo finetune … {resume}"
    if config.entry not in registry.list_entries():
        return f"kerazoo train {config.entry} … {resume}"
    words = ["kerazoo", "train", config.entry, "--tier", config.tier]
    words += ["--seed", str(config.seed), "--engine", config.engine]
    words += ["--validate"] * (config.split == "validation")
    words += ["--weights", config.start.run] if config.start and config.start.run else []
    recipe = registry.get_entry(config.entry).recipe_for(config.tier)
    for name, value in asdict(recipe).items():
        if (was := getattr(config.recipe, name)) != value:
            words += ["--set", f"{name}={was}"]
    return f"{shlex.join(words)} {resume}"


def write_history(directory: Path, history: list[dict[str, float]]) -> None:
    """Write ``history.csv`` with every digit, so that two runs compare exactly."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(directory / "history.csv", text.getvalue())
