"""The run folder: one training, its settings, its results.

==================  ==========================================================================
config.json         entry, tier, seed, recipe, fingerprints, versions; written first
left_out.txt        of a folder of files: those that could not be read, and why
history.csv         one row per epoch
checkpoint          (.safetensors) the last finished epochs, while the training is under way
model.keras         the trained model; plain Keras opens it, without kerazoo (it embeds its date);
                    a GAN has generator.keras and discriminator.keras instead, a fine-tuned model
                    of texts model_strings.keras too, a training that diverged last_good_*.keras
labels.json         the name of each class, of a classifier
card.md             the model card, of a fine-tuned model, and comparison.json, its figures;
                    the same model trained from scratch lies in scratch/
vocabulary.txt.xz   the tokens, of a text model
metrics.json        the test metric and what else was measured; written last: the run is finished
timing.json         seconds of training, in all and of each epoch
*.png               learning curves and what else the task shows; of a GAN also samples/
tensorboard/        events, if they were asked for
==================  ==========================================================================

Times stand in a file of their own, so that history, metrics and weights are bit-identical between
two runs of one seed.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import platform
import re
import secrets
import shlex
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from kerazoo import building, fingerprint, registry
from kerazoo._files import cannot_write, is_leftover, save_atomic, write_json, write_text
from kerazoo._lazy import keras
from kerazoo.errors import KerazooError, first_line, require_whole
from kerazoo.evidence.reference import THEN
from kerazoo.spec import Entry, Recipe, networks_of
from kerazoo.training import engine

FORMAT = 1
RUNS = "runs"  # the folder below the current one in which run folders are made
LEFT_OUT = "left_out.txt"
VOCABULARY = "vocabulary.txt.xz"
LOCK = ".part.lock"  # there while a process trains in the folder

# What may differ where a run is resumed with "elsewhere".
MAY_MOVE = ("kerazoo", "python", "numpy", "machine", "instruction_sets", "threads")
# Instruction sets that numerical libraries choose their kernels by, as /proc/cpuinfo names them.
INSTRUCTION_SETS = ("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")

# Whether a training goes on in its folder: not at all; where it would end with the same weights; or
# where these differ too, so that the same training does not come to the same bits again.
Resume = bool | Literal["elsewhere"]


@dataclass(frozen=True)
class Run:
    """A finished training.

    Attributes:
        path: the run folder.
        model: the trained ``keras.Model``.
        history: one dictionary of figures per epoch.
        metrics: ``metric``, ``value``, ``standard_error``, ``examples`` on the test split, the
            other figures (``also``) and what else was measured.
        entry: ``model@dataset``.
        tier: ``full`` or ``smoke``.
        seed: of the run.
        recipe: what it was trained with.
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
    def pictures(self) -> list[Path]:
        """The pictures of the run, by name."""
        return sorted(self.path.glob("*.png"))


def default_folder(entry: Entry, tier: str, seed: int) -> Path:
    """``runs/<entry>/<time>-<tier>-seed<seed>`` below the current folder."""
    return Path(RUNS) / entry.name / f"{stamp()}-{tier}-seed{seed}"


def stamp() -> str:
    """A name for now that no other process takes at the same second."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def environment() -> dict[str, str]:
    """Versions, backend and machine, as recorded beside every result."""
    backend = keras.config.backend()
    versions = {"kerazoo": metadata.version("kerazoo"), "keras": keras.__version__}
    if backend in ("tensorflow", "jax", "torch"):
        versions[backend] = metadata.version(backend)
    return {
        **versions,
        "backend": backend,
        "dtype_policy": keras.config.dtype_policy().name,
        "python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "machine": f"{platform.system()} {platform.machine()}, {processor()}",
        "instruction_sets": instruction_sets(),
        "threads": str(engine.threads()),
    }


def processor() -> str:
    """Brand name of the processor."""
    return _cpuinfo("model name") or platform.processor() or "unknown processor"


def instruction_sets() -> str:
    """Instruction sets of the processor that decide how results round; "unknown" off Linux.

    One brand name covers processors with and without AVX-512, whose results differ in the last
    bits.
    """
    flags = _cpuinfo("flags").split()
    return " ".join(name for name in INSTRUCTION_SETS if name in flags) or "unknown"


def _cpuinfo(field: str) -> str:
    """First value of a field of /proc/cpuinfo; empty where there is none."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith(field):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""


def require_seed(seed: Any) -> int:
    """A seed as Python's own number; raises KerazooError unless it is one."""
    return require_whole("seed", seed, least=0, most=2**32 - 1)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Within, no other process can train in a run folder.

    The system lets go of it when a process ends, however it does.

    Raises:
        KerazooError: another one does, or the folder cannot be written.
    """
    lock = FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise KerazooError(
            f"another process is training in {folder}; wait for it, or choose another folder."
        ) from None
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        yield
    finally:
        # While it is held: one who waits for this very file then finds that it has no name. Windows
        # removes no open file, but filelock does there, on release.
        with contextlib.suppress(OSError):
            (folder / LOCK).unlink(missing_ok=True)
        lock.release()
        with contextlib.suppress(OSError):  # there is something in it, as there should be
            folder.rmdir()


def prepare(folder: Path, config: dict[str, Any], *, resume: Resume) -> None:
    """Make a run folder ready for a training, or check that it holds this very training.

    Where it goes on elsewhere, ``config.json`` says so: ``"machine": "…, then …"``.

    Raises:
        KerazooError: the folder is in use and ``resume`` is off; it holds something else; it
            belongs to another entry, recipe, seed or version; or it cannot be written.
    """
    if not is_used(folder):
        write_json(folder / "config.json", config)
        return
    if not resume:
        refuse_used(folder)
    before = read_config(folder)
    # These were not noted once; what is known of them now held then too.
    for name in ("threads", "instruction_sets"):
        before["environment"].setdefault(name, config["environment"][name])
    before["data"].setdefault("fewest_words", config["data"]["fewest_words"])
    began, here = before["environment"], config["environment"]
    before["environment"] = {name: was.rpartition(THEN)[2] for name, was in began.items()}
    moved = {k: here[k] for k in MAY_MOVE if before["environment"].get(k) != here[k]}
    if resume == "elsewhere":
        before["environment"] |= moved
    differ = _differences(before, json.loads(json.dumps(config)))
    asked_otherwise = any(d.startswith("own.asked") for d in differ)
    other_data = any(d.startswith("fingerprints.data ") for d in differ)
    if "own" in config and other_data and not asked_otherwise:
        raise KerazooError(
            f"the data is not what the run in {folder} began with; it was changed since. Choose "
            "another folder, to train on it anew."
        )
    if differ:
        only_moved = resume != "elsewhere" and len(differ) == len(moved)
        raise KerazooError(
            f"folder {folder} holds another run, which this command would not continue exactly: "
            f"{'; '.join(differ)}. Repeat the command that started it, or choose another folder"
            f"{'; or add --elsewhere, to go on here all the same' * only_moved}."
        )
    if moved and not is_finished(folder):
        came = {name: f"{began.get(name, 'unknown')}{THEN}{now}" for name, now in moved.items()}
        write_json(folder / "config.json", {**config, "environment": {**began, **came}})


def is_used(folder: Path) -> bool:
    """Whether a folder holds anything but what a killed process was just writing."""
    if folder.exists() and not folder.is_dir():
        raise KerazooError(f"{folder} is a file; --out wants a folder.")
    return folder.is_dir() and not all(is_leftover(p) for p in folder.iterdir())


def refuse_used(folder: Path) -> None:
    """Raise KerazooError if a folder is in use."""
    if is_used(folder):
        raise KerazooError(
            f"folder {folder} is not empty. Add --resume (resume=True) to go on with the run in "
            "it, or choose another folder."
        )


def _differences(before: Any, now: Any, where: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            difference
            for key in sorted(before.keys() | now.keys())
            for difference in _differences(
                before.get(key), now.get(key), f"{where}.{key}" if where else key
            )
        ]
    return [] if before == now else [f"{where} was {before!r}, is {now!r}"]


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of the run in a folder; what its version did not note has what held then.

    Raises:
        KerazooError: the folder holds no run of kerazoo's, or of a later format.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config["format"] != FORMAT:
            raise KerazooError(
                f"the run in {folder} has format {config['format']}, this kerazoo reads {FORMAT}."
            )
        defaults = {f.name: f.default for f in dataclasses.fields(Recipe)}
        later = config["recipe"].keys() - defaults.keys()
        if later:
            raise KerazooError(
                f"the run in {folder} has recipe fields that this kerazoo does not know: "
                f"{', '.join(sorted(later))}. It is of a later version; install that."
            )
        config["recipe"] = {**defaults, **config["recipe"]}
        config.setdefault("engine", "plain")  # before there was another one
        config["data"].setdefault("task", _task_of(config))
    except KerazooError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KerazooError(
            f"folder {folder} holds no kerazoo run: config.json is missing or damaged."
        ) from error
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


def is_finished(folder: Path) -> bool:
    """Whether the training in a folder ended and was measured."""
    return (folder / "metrics.json").exists()


def load(folder: Path, model: keras.Model | None = None) -> Run:
    """Open a finished run, with its saved model or the same one from memory.

    Raises:
        KerazooError: there is no finished run, or one of its files is missing or damaged.
    """
    config = read_config(folder)
    if not is_finished(folder):
        raise KerazooError(
            f"the run in {folder} is not finished. Repeat its command with --resume: "
            f"{_command_of(config)} --out {shlex.quote(str(folder))} --resume"
        )
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        seconds = json.loads((folder / "timing.json").read_text(encoding="utf-8"))["seconds"]
        with open(folder / "history.csv", newline="", encoding="utf-8") as file:
            history = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
        weights = metrics["weights_sha256"]
        recipe = Recipe(**config["recipe"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KerazooError(f"the run in {folder} is damaged: {error}") from error
    if model is None:
        model = load_model(folder, config)
        if fingerprint.of_weights(model) != weights:
            raise KerazooError(f"the model in {folder} was altered: its weights are not the run's.")
    return Run(
        path=folder,
        model=model,
        history=history,
        metrics=metrics,
        entry=config["entry"],
        tier=config["tier"],
        seed=config["seed"],
        recipe=recipe,
        seconds=seconds,
    )


def load_model(folder: Path, config: dict[str, Any]) -> keras.Model:
    """The trained model of a run; Keras's safe mode stays on.

    Raises:
        KerazooError: a model file is missing or cannot be opened.
    """
    names = config.get("networks", ["model"])
    loaded = {name: _load_network(folder / f"{name}.keras") for name in names}
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
        if not zipfile.is_zipfile(path):
            raise KerazooError(f"{path} is damaged: no whole .keras file.") from error
        strange = re.search(r"Could not locate (?:class|function) '[^']*'", str(error))
        if strange or "safe_mode" in str(error):
            raise KerazooError(
                f"{path} holds code that is not Keras's own, as a Lambda layer does; kerazoo opens "
                "no such file."
            ) from error
        raise KerazooError(f"{path} cannot be opened: {first_line(error)}") from error


def save_model(model: keras.Model, folder: Path, prefix: str = "") -> list[Path]:
    """Write each network of a model as a ``.keras`` file, atomically; returns the paths."""
    paths = []
    for name, network in networks_of(model).items():
        path = folder / f"{prefix}{name}.keras"
        save_atomic(path, network.save)
        paths.append(path)
    return paths


def _command_of(config: dict[str, Any]) -> str:
    """The command that began a run; an ellipsis stands for what is not known of it."""
    if "own" in config:
        return f"kerazoo finetune {config['own']['model']} …"
    words = ["kerazoo", "train", config["entry"]]
    for name, usual in {"seed": 0, "tier": "full", "engine": "auto"}.items():
        if config[name] != usual:
            words += [f"--{name}", str(config[name])]
    if config.get("split") == "validation":
        words.append("--validate")
    if config["entry"] not in registry.list_entries():  # of a module that is not imported
        return f"{shlex.join(words)} …"
    recipe = registry.get_entry(config["entry"]).recipe_for(config["tier"])
    for name, value in dataclasses.asdict(recipe).items():
        if (was := config["recipe"][name]) != value:
            words += ["--set", f"{name}={was}"]
    return shlex.join(words)


def write_history(folder: Path, history: list[dict[str, float]]) -> None:
    """Write ``history.csv``: every digit of every figure, so that two runs compare exactly."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(folder / "history.csv", text.getvalue())
