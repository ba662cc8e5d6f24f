"""Register models and datasets, and look them up."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import importlib
import inspect
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kerazoo.errors import KerazooError, first_line, unknown
from kerazoo.metrics import Metric
from kerazoo.metrics import metric as metric_named
from kerazoo.spec import Dataset, Entry, Loader, Model, Prepare, Recipe

if TYPE_CHECKING:
    from kerazoo.tasks.base import Task

PRIVATE = "`kerazoo list` shows all. A model or dataset of a user's module needs --import MODULE."
_PACKAGE = Path(__file__).parent
_models: dict[str, Model] = {}
_datasets: dict[str, Dataset] = {}
_tasks: dict[str, Task] = {}
_built_in_loaded = False

LoaderFunction = TypeVar("LoaderFunction", bound=Loader)
Registered = TypeVar("Registered")


def register_model(
    factory: Callable[..., Any] | None = None,
    *,
    citation: str,
    entries: Sequence[Entry],
    prepare: Prepare | None = None,
) -> Any:
    """Put a factory function into the zoo under its name; also a decorator, without ``factory``.

    The factory takes keyword arguments with defaults: ``input_shape``, the shape of an example,
    and by task ``classes`` and ``classifier_activation`` (classification: ``"softmax"`` for
    probabilities, None for logits; of text also ``vocabulary``, the number of token ids),
    ``outputs`` (regression), ``horizon`` and ``targets`` (forecasting). Its docstring names the
    others, and the source of the architecture.

    It returns a functional ``keras.Model`` of Keras's layers, each with a unique name. Inputs are
    raw images ``(n, height, width, channels)``, 0 to 255; token ids ``(n, length)``, int32, 0
    where there is padding; raw rows ``(n, columns)``; or normalized windows ``(n, lookback,
    columns)``. Outputs are float32 ``(n, classes)``, ``(n, outputs)`` or ``(n, horizon,
    targets)``. A generator is a ``keras.Model`` whose ``networks`` are such models by name.

    Args:
        factory: the function; its name becomes the model's.
        citation: source of the architecture, as BibTeX.
        entries: the datasets it trains on with their recipes, the main one first. The task of an
            entry is that of its dataset, unless the entry says otherwise.
        prepare: called with a fresh model and the split that it will be trained on, before the
            first step: it computes weights that no gradient trains, from the inputs and targets.

    Raises:
        KerazooError: the name is taken or no plain one, or the function has no docstring or no
            entry.
    """
    if factory is None:
        return functools.partial(
            register_model, citation=citation, entries=entries, prepare=prepare
        )
    name = _name("model", factory, {n: m.factory for n, m in _models.items()})
    if not entries:
        raise KerazooError(f"model {name!r} has no entry; give at least one dataset.")
    _models[name] = Model(
        name=name,
        factory=factory,
        summary=_summary(factory),
        citation=inspect.cleandoc(citation),
        entries={e.dataset: dataclasses.replace(e, model=name) for e in entries},
        evidence=_evidence_directory(factory),
        prepare=prepare,
    )
    return factory


def register_dataset(**facts: Any) -> Callable[[LoaderFunction], LoaderFunction]:
    """Decorate a loader function to put it into the zoo under its name.

    The loader returns ``{"train": …, "validation": …, "test": …}``. By task:

    - classification: pairs ``(x, y)``, ``x`` an array ``(n, *input_shape)``, ``y`` whole numbers
      ``(n,)`` that index ``labels``;
    - regression: pairs ``(x, y)``, ``y`` numbers ``(n, len(targets))``;
    - forecasting: the values of a series in natural units, ``(n, len(columns))``, the splits in
      order of time; ``windows`` turns them into examples;
    - generation and density estimation: pairs ``(x, y)`` of images, as for classification.

    Its result is cached if ``sha256`` pins it; otherwise the loader is called at every load.

    Args:
        **facts: the attributes of :class:`kerazoo.spec.Dataset`; ``license``, ``source`` and
            ``offline`` are required.

    Raises:
        KerazooError: the name is taken or no plain one, the function has no docstring, there is
            no such task or metric, or a fact is missing that the task needs.
    """

    def register(loader: LoaderFunction) -> LoaderFunction:
        name = _name("dataset", loader, {n: d.load for n, d in _datasets.items()})
        dataset = Dataset(name=name, load=loader, summary=_summary(loader), **facts)
        task = get_task(dataset.task)
        dataset = dataclasses.replace(dataset, metric=dataset.metric or task.metrics[0])
        task.check_dataset(dataset)
        if not dataset.input_shape:
            raise KerazooError(f"dataset {name!r} needs input_shape, the shape of one example.")
        _datasets[name] = dataset
        return loader

    return register


def register_task(task: Task) -> Task:
    """Put a kind of task into the zoo under its ``name``; see :class:`kerazoo.tasks.base.Task`."""
    _tasks[task.name] = task
    return task


def _name(kind: str, function: Any, taken: Mapping[str, Any]) -> str:
    """Name of a function to register, which has a docstring and a name that is not taken.

    The same function again, as after a reload, may have its name.
    """
    name = function.__name__
    if not name.isidentifier():
        raise KerazooError(f"{kind} name {name!r} must be a plain Python identifier.")
    if not inspect.getdoc(function):
        raise KerazooError(f"{kind} {name!r} has no docstring; it is the documentation.")
    if name in taken and taken[name].__module__ != function.__module__:
        raise KerazooError(
            f"{kind} {name!r} is already registered by {taken[name].__module__}; choose another "
            "name."
        )
    return name


def _summary(function: Any) -> str:
    """First line of the docstring."""
    return (inspect.getdoc(function) or "").splitlines()[0].strip()


def _evidence_directory(factory: Callable[..., Any]) -> Path:
    """Directory of a model's evidence: in the package for kerazoo's, else next to the file."""
    if factory.__module__.split(".")[0] == "kerazoo":
        return _PACKAGE / "evidence"
    if factory.__module__ == "__main__":  # a notebook or a prompt has no file
        return Path.cwd()
    return Path(inspect.getfile(factory)).resolve().parent


def _load_built_in() -> None:
    global _built_in_loaded
    if _built_in_loaded:
        return
    import_all("kerazoo.datasets")
    import_all("kerazoo.models")
    for name in filter(None, os.environ.get("KERAZOO_IMPORT", "").split(os.pathsep)):
        import_module(name)
    _built_in_loaded = True


def import_all(package: str) -> None:
    """Import every public module of a package; they register what they hold."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{package}.{module.name}")


def import_module(name: str) -> None:
    """Import a user's module (``my_package.models``) or file (``models/mine.py``) that registers.

    Raises:
        KerazooError: there is no such module or file, it fails on import, or another module has
            the name of the file.
    """
    path = Path(name).resolve() if name.endswith(".py") else None
    if path and not path.is_file():
        raise KerazooError(f"cannot import {name!r}: there is no such file.")
    directory = str(path.parent if path else Path.cwd())
    importlib.invalidate_caches()  # the file may be new
    sys.path.insert(0, directory)
    try:
        module = importlib.import_module(path.stem if path else name)
    except KerazooError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise KerazooError(
            f"cannot import {name!r}: {type(error).__name__}: {first_line(error)} "
            f"({last.filename}, line {last.lineno})."
        ) from error
    finally:
        sys.path.remove(directory)
    if path and Path(module.__file__ or "").resolve() != path:
        raise KerazooError(
            f"cannot import {name!r}: a module named {path.stem!r} is already loaded; rename the "
            "file."
        )


def list_models(pattern: str = "*") -> list[str]:
    """Names of the registered models that match a shell-style pattern, sorted; imports no Keras."""
    _load_built_in()
    return sorted((n for n in _models if fnmatch.fnmatchcase(n, pattern)), key=_natural)


def _natural(name: str) -> list[str | int]:
    """Sorts ``resnet8`` before ``resnet110``: texts and numbers in turn."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def list_datasets(pattern: str = "*") -> list[str]:
    """Names of the registered datasets that match a shell-style pattern, sorted."""
    _load_built_in()
    return sorted(n for n in _datasets if fnmatch.fnmatchcase(n, pattern))


def list_entries(pattern: str = "*") -> list[str]:
    """Names ``model@dataset`` that match a pattern; one without ``@`` matches either side."""
    entries = [e for name in list_models() for e in get_model(name).entries.values()]
    return [
        e.name
        for e in entries
        if any(fnmatch.fnmatchcase(part, pattern) for part in (e.name, e.model, e.dataset))
    ]


def _registered(
    kind: str, name: str, known: Mapping[str, Registered], hint: str = ""
) -> Registered:
    if not isinstance(name, str) or name not in known:
        raise unknown(kind, str(name), known, hint)
    return known[name]


def get_model(name: str) -> Model:
    """The registered model; raises KerazooError, with names that there are, if there is none."""
    _load_built_in()
    if isinstance(name, str) and name in _datasets and name not in _models:
        on_it = ", ".join(list_entries(f"*@{name}")) or "there is none on it"
        raise KerazooError(f"{name!r} is a dataset; name a model, or an entry: {on_it}.")
    return _registered("model", name, _models, PRIVATE)


def get_dataset(name: str) -> Dataset:
    """The registered dataset; raises KerazooError, with the nearest names, if there is none."""
    _load_built_in()
    return _registered("dataset", name, _datasets, PRIVATE)


def get_entry(name: str) -> Entry:
    """The entry ``model@dataset``; a bare model name means its main dataset.

    Raises:
        KerazooError: no such model, or the model has no recipe for that dataset.
    """
    model_name, at, dataset_name = str(name).partition("@")
    model = get_model(model_name)
    if not at:
        return model.main
    if dataset_name not in model.entries:
        raise unknown("entry", name, (e.name for e in model.entries.values()))
    return model.entries[dataset_name]


def recipe_of(name: str, tier: str = "full") -> Recipe:
    """The training settings of an entry, ``"mnist_cnn@digits"``; ``.replace(…)`` changes some."""
    return get_entry(name).recipe_for(tier)


def get_task(name: str) -> Task:
    """The registered task; raises KerazooError, with the nearest names, if there is none."""
    import_all("kerazoo.tasks")
    return _registered("task", name, _tasks)


def task_of(entry: Entry) -> Task:
    """Task of an entry: the one it names, else that of its dataset."""
    return get_task(entry.task or get_dataset(entry.dataset).task)


def metric_of(entry: Entry) -> Metric:
    """Main metric of an entry; it follows from the dataset, the task and the judge."""
    dataset, task = get_dataset(entry.dataset), task_of(entry)
    return metric_named(dataset.metric if task.name == dataset.task else task.metric_of(entry))
