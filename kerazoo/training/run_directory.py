"""The run directory: one training, its settings, its results.

==================  ==========================================================================
config.json         entry, tier, seed, recipe, fingerprints, versions; written first
left_out.txt        unreadable files of user data, with reasons
history.csv         one row per epoch
checkpoint          (.safetensors) state after the last finished epoch, during training
model.keras         the trained model, which plain Keras opens without kerazoo (it embeds its date);
                    for a GAN generator.keras and discriminator.keras, for fine-tuned text models
                    also model_strings.keras, after a divergence last_good_*.keras
labels.json         class names of a classifier
card.md             card of a fine-tuned model, with comparison.json, its values; the same model
                    trained from scratch is in scratch/
vocabulary.txt.xz   tokens of a text model
metrics.json        metrics on the test split; written last: the run is finished
timing.json         seconds of training, total and per epoch
*.png               learning curves and other plots; for a GAN also samples/
tensorboard/        events, if requested
==================  ==========================================================================

Times have their own file, so that history, metrics and weights of two runs of one seed are equal
bit by bit.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import secrets
import shlex
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from kerazoo import building, fingerprint, registry
from kerazoo._files import cannot_write, is_leftover, save_atomic, write_json, write_text
from kerazoo._lazy import keras
from kerazoo.errors import Interrupted, KerazooError, first_line, require_whole
from kerazoo.evidence.reference import THEN
from kerazoo.spec import Entry, Recipe, networks_of
from kerazoo.training.machine import MAY_MOVE

FORMAT = 1
RUNS = "runs"  # parent of run directories, below the current directory
LEFT_OUT = "left_out.txt"
VOCABULARY = "vocabulary.txt.xz"
LOCK = ".part.lock"  # exists while a process trains in the directory

# Resume: never; only to the same bits; or "elsewhere", where the bits may differ.
Resume = bool | Literal["elsewhere"]


@dataclass(frozen=True)
class Run:
    """A finished training.

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

    @property
    def plots(self) -> list[Path]:
        """Plots of the run, by name."""
        return sorted(self.path.glob("*.png"))


def interrupted(what: str, directory: Path) -> Interrupted:
    """The error for Ctrl-C, with how to go on."""
    options = _options_to_resume(directory)
    return Interrupted(f"{what}; what is finished is kept. Continue: the same command, {options}")


def _options_to_resume(directory: Path) -> str:
    return f"--out {shlex.quote(str(directory))} --resume"


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


def prepare(directory: Path, config: dict[str, Any], *, resume: Resume) -> None:
    """Start a run directory, or check that a resumed one holds this very training.

    A run that is resumed elsewhere notes it in ``config.json``: ``"machine": "…, then …"``.

    Raises:
        KerazooError: the directory is in use and ``resume`` is off; it holds something else; it
            belongs to another entry, recipe, seed or version; or it cannot be written.
    """
    if not is_used(directory):
        write_json(directory / "config.json", config)
        return
    if not resume:
        reject_used(directory)
    before, here = read_config(directory), config["environment"]
    # Older runs did not note these: what is known now held then too.
    started = before["environment"]
    before["environment"] = {**here, **{k: v.rpartition(THEN)[2] for k, v in started.items()}}
    before["data"] = {**config["data"], **before["data"]}
    moved = {k: here[k] for k in MAY_MOVE if before["environment"][k] != here[k]}
    if resume == "elsewhere":
        before["environment"] |= moved
    differ = _differences(before, json.loads(json.dumps(config)))
    if differ:
        only_moved = resume != "elsewhere" and len(differ) == len(moved)
        raise KerazooError(
            f"{directory} holds another run, which this command would not continue exactly: "
            f"{'; '.join(differ)}. Repeat the command that started it, or choose another directory"
            f"{'; or add --elsewhere to continue here nevertheless' * only_moved}."
        )
    if moved and not is_finished(directory):
        came = {name: f"{started.get(name, 'unknown')}{THEN}{now}" for name, now in moved.items()}
        write_json(directory / "config.json", {**config, "environment": {**started, **came}})


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
        return [] if before == now else [f"{where} was {before!r}, is {now!r}"]
    return [
        difference
        for key in sorted(before.keys() | now.keys())
        for difference in _differences(before.get(key), now.get(key), f"{where}.{key}".strip("."))
    ]


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Context in which any error of a file's content becomes a KerazooError that names it."""
    try:
        yield
    except KerazooError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = "is missing" if isinstance(error, FileNotFoundError) else "is damaged"
        raise KerazooError(
            f"{path} {what} ({first_line(error)}), so {path.parent} holds no usable run."
        ) from error


def read_json(path: Path) -> Any:
    """Content of a JSON file of a run directory; raises KerazooError if it cannot be read."""
    with _reading(path):
        return json.loads(path.read_text(encoding="utf-8"))


def read_config(directory: Path) -> dict[str, Any]:
    """Configuration of the run in a directory; older ones are completed.

    Raises:
        KerazooError: the directory holds no run, or one of a later version of kerazoo.
    """
    path = directory / "config.json"
    config = read_json(path)
    with _reading(path):
        defaults = {f.name: f.default for f in dataclasses.fields(Recipe)}
        later = sorted(config["recipe"].keys() - defaults.keys())
        if config["format"] != FORMAT or later:
            raise KerazooError(
                f"{path} has format {config['format']} {later or ''}; this kerazoo reads "
                f"{FORMAT}. It is of a later version; install that."
            )
        config["recipe"] = {**defaults, **config["recipe"]}
        config.setdefault("engine", "plain")  # before there was another one
        config["data"].setdefault("task", _task_of(config))
        for key in ("entry", "tier", "seed", "environment", "fingerprints"):
            config[key]
    return config


def _task_of(config: dict[str, Any]) -> str:
    """Name of the task of a run that did not note it yet."""
    if "own" not in config and config["entry"] in registry.list_entries():
        return registry.task_of(registry.get_entry(config["entry"])).name
    if "generator" in config.get("networks", ()):
        return "generation"
    if config["data"]["labels"]:
        return "classification"
    kind = config.get("own", {}).get("treatment", {}).get("kind")
    return "forecasting" if kind == "series" else "regression"


def is_finished(directory: Path) -> bool:
    """True if the run in a directory is trained and evaluated."""
    return (directory / "metrics.json").exists()


def load(directory: Path, model: keras.Model | None = None) -> Run:
    """Open a finished run, with its saved model or the same one from memory.

    Raises:
        KerazooError: there is no finished run, or one of its files is missing or damaged.
    """
    config = read_config(directory)
    if not is_finished(directory):
        raise KerazooError(
            f"the run in {directory} is not finished. Repeat its command with --resume: "
            f"{_command_of(config)} {_options_to_resume(directory)}"
        )
    metrics = read_json(directory / "metrics.json")
    timing, history = directory / "timing.json", directory / "history.csv"
    with _reading(directory / "metrics.json"):
        weights, _ = metrics["weights_sha256"], metrics["value"]
    with _reading(timing):
        seconds = float(read_json(timing)["seconds"])
    with _reading(history), history.open(newline="", encoding="utf-8") as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    with _reading(directory / "config.json"):
        recipe = Recipe(**config["recipe"])
    if model is None:
        model = load_model(directory, config)
        if fingerprint.of_weights(model) != weights:
            raise KerazooError(
                f"the model in {directory} was altered: its weights are not the run's."
            )
    about = {name: config[name] for name in ("entry", "tier", "seed")}
    return Run(directory, model, rows, metrics, recipe=recipe, seconds=seconds, **about)


def load_model(directory: Path, config: dict[str, Any]) -> keras.Model:
    """Load the trained model of a run, in Keras's safe mode.

    Raises:
        KerazooError: a model file is missing or cannot be opened.
    """
    names = config.get("networks", ["model"])
    loaded = {name: _load_network(directory / f"{name}.keras") for name in names}
    if names == ["model"]:
        return loaded["model"]
    if "own" in config:
        options = {
            k: tuple(v) if isinstance(v, list) else v for k, v in config["own"]["options"].items()
        }
        model = building.call_factory(registry.get_model(config["own"]["model"]), options)
    else:
        entry = registry.get_entry(config["entry"])
        model = building.build_for(entry, Recipe(**config["recipe"]))
    for name, network in networks_of(model).items():
        network.set_weights(loaded[name].get_weights())
    return model


def _load_network(path: Path) -> keras.Model:
    if not path.exists():
        raise KerazooError(f"{path} is missing; the run cannot be used without it.")
    try:
        return keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # zip, h5 and Keras raise many kinds for one cause
        reason = first_line(error) if zipfile.is_zipfile(path) else "it is damaged"
        raise KerazooError(f"{path} cannot be opened: {reason}") from error


def save_model(model: keras.Model, directory: Path, prefix: str = "") -> list[Path]:
    """Write each network of a model as a ``.keras`` file, atomically; returns the paths."""
    paths = []
    for name, network in networks_of(model).items():
        path = directory / f"{prefix}{name}.keras"
        save_atomic(path, network.save)
        paths.append(path)
    return paths


def _command_of(config: dict[str, Any]) -> str:
    """Command that started a run, as far as its configuration tells."""
    if "own" in config or config["entry"] not in registry.list_entries():
        return "kerazoo finetune …" if "own" in config else f"kerazoo train {config['entry']} …"
    words = ["kerazoo", "train", config["entry"], "--tier", config["tier"]]
    words += ["--seed", str(config["seed"]), "--engine", config["engine"]]
    words += ["--validate"] * (config.get("split") == "validation")
    recipe = registry.get_entry(config["entry"]).recipe_for(config["tier"])
    for name, value in dataclasses.asdict(recipe).items():
        if (was := config["recipe"][name]) != value:
            words += ["--set", f"{name}={was}"]
    return shlex.join(words)


def write_history(directory: Path, history: list[dict[str, float]]) -> None:
    """Write ``history.csv`` with every digit, so that two runs compare exactly."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(directory / "history.csv", text.getvalue())
