"""Register models and datasets, and look them up."""

from __future__ import annotations

import dataclasses
import fnmatch
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from kerazoo.errors import KerazooError, unknown
from kerazoo.spec import Dataset, Entry, Loader, Model, Task

PRIVATE = "One of your own needs --import MODULE before the command."
_PACKAGE = Path(__file__).parent
_models: dict[str, Model] = {}
_datasets: dict[str, Dataset] = {}
_built_in_loaded = False

Factory = TypeVar("Factory", bound=Callable[..., Any])
LoaderFunction = TypeVar("LoaderFunction", bound=Loader)


def register_model(
    *, entries: Sequence[Entry], citation: str, task: Task = "classification"
) -> Callable[[Factory], Factory]:
    """Decorate a factory function to put it into the zoo under its own name.

    The factory takes ``input_shape`` and ``classes`` as keyword arguments with defaults, and
    returns a functional ``keras.Model`` of Keras's own layers, each with a name of its own.

    Args:
        entries: the datasets it trains on with their recipes, the main one first.
        citation: where the architecture comes from.
        task: what the outputs mean.

    Raises:
        KerazooError: the name is taken, or the function has no docstring or no entry.
    """

    def register(factory: Factory) -> Factory:
        name = factory.__name__
        doc = inspect.getdoc(factory)
        if not doc:
            raise KerazooError(f"model {name!r} has no docstring; it is the model's documentation.")
        if not entries:
            raise KerazooError(f"model {name!r} has no entry; give at least one dataset.")
        _refuse_taken("model", name, _models, factory)
        _models[name] = Model(
            name=name,
            factory=factory,
            task=task,
            summary=doc.splitlines()[0].strip(),
            citation=inspect.cleandoc(citation),
            entries={e.dataset: dataclasses.replace(e, model=name) for e in entries},
            evidence=_evidence_folder(factory),
        )
        return factory

    return register


def register_dataset(
    *,
    input_shape: Sequence[int],
    labels: Sequence[str],
    licence: str,
    source: str,
    offline: bool,
    task: Task = "classification",
    sha256: str | None = None,
    light_on_dark: bool = False,
) -> Callable[[LoaderFunction], LoaderFunction]:
    """Decorate a loader function to put it into the zoo under its own name.

    The loader returns ``{"train": (x, y), "validation": (x, y), "test": (x, y)}``: ``x`` an array
    ``(n, *input_shape)``, ``y`` whole numbers ``(n,)`` that index ``labels``. What it returns is
    kept in the cache if ``sha256`` pins it; otherwise it is called at every load.

    Args:
        input_shape: of one example, channels last.
        labels: the name of each class, in the order of the integer labels.
        licence: of the data.
        source: where the data comes from and how to cite it.
        offline: whether it loads with no network and nothing prepared.
        task: what ``y`` means.
        sha256: the fingerprint of the content, ``kerazoo.load_data(name).sha256``.
        light_on_dark: pictures show light strokes on a dark ground.

    Raises:
        KerazooError: the name is taken, or the function has no docstring.
    """

    def register(loader: LoaderFunction) -> LoaderFunction:
        name = loader.__name__
        doc = inspect.getdoc(loader)
        if not doc:
            raise KerazooError(f"dataset {name!r} has no docstring; it is its documentation.")
        _refuse_taken("dataset", name, _datasets, loader)
        _datasets[name] = Dataset(
            name=name,
            load=loader,
            task=task,
            summary=doc.splitlines()[0].strip(),
            input_shape=tuple(input_shape),
            labels=tuple(labels),
            licence=licence,
            source=source,
            offline=offline,
            sha256=sha256,
            light_on_dark=light_on_dark,
        )
        return loader

    return register


def _refuse_taken(kind: str, name: str, taken: dict[str, Any], function: Any) -> None:
    """Two functions under one name are a mistake; the same one again (a reload) is not."""
    if "@" in name or not name.isidentifier():
        raise KerazooError(f"{kind} name {name!r} must be a plain Python identifier.")
    if name in taken:
        old = taken[name].factory if kind == "model" else taken[name].load
        if old.__module__ != function.__module__:
            raise KerazooError(
                f"{kind} {name!r} is already registered by {old.__module__}; choose another name."
            )


def _evidence_folder(factory: Callable[..., Any]) -> Path:
    """Kerazoo's own evidence lies in the package, a private model's beside its own file."""
    if factory.__module__.split(".")[0] == "kerazoo":
        return _PACKAGE
    if factory.__module__ == "__main__":  # a notebook or a prompt has no file of its own
        return Path.cwd()
    return Path(inspect.getfile(factory)).resolve().parent


def _load_built_in() -> None:
    global _built_in_loaded
    if _built_in_loaded:
        return
    for folder in ("models", "datasets"):
        package = importlib.import_module(f"kerazoo.{folder}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"kerazoo.{folder}.{module.name}")
    for name in filter(None, os.environ.get("KERAZOO_IMPORT", "").split(os.pathsep)):
        import_module(name)
    _built_in_loaded = True


def import_module(name: str) -> None:
    """Import a user's module (``my_package.models``) or file (``models/mine.py``) that registers.

    Raises:
        KerazooError: there is no such module or file, or it fails on import.
    """
    try:
        if not name.endswith(".py"):
            sys.path.insert(0, os.getcwd())
            try:
                importlib.import_module(name)
            finally:
                sys.path.remove(os.getcwd())
            return
        path = Path(name)
        if not path.is_file():
            raise KerazooError(f"cannot import {name!r}: there is no such file.")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        if path.stem in sys.modules:
            known = getattr(sys.modules[path.stem], "__file__", None)
            if known is None or Path(known).resolve() != path.resolve():
                raise KerazooError(
                    f"cannot import {name!r}: a module named {path.stem!r} is already loaded; "
                    "rename the file."
                )
            return
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[path.stem]
            raise
    except KerazooError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise KerazooError(
            f"cannot import {name!r}: {type(error).__name__}: {error} "
            f"({last.filename}, line {last.lineno})."
        ) from error


def list_models(pattern: str = "*") -> list[str]:
    """Names of the registered models that match a shell-style pattern, sorted; imports no Keras."""
    _load_built_in()
    return sorted(n for n in _models if fnmatch.fnmatchcase(n, pattern))


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


def get_model(name: str) -> Model:
    """The registered model; raises KerazooError, with the nearest names, if there is none."""
    _load_built_in()
    if name not in _models:
        raise unknown("model", name, _models, f"`kerazoo list` shows all. {PRIVATE}")
    return _models[name]


def get_dataset(name: str) -> Dataset:
    """The registered dataset; raises KerazooError, with the nearest names, if there is none."""
    _load_built_in()
    if name not in _datasets:
        raise unknown("dataset", name, _datasets, f"`kerazoo list` shows all. {PRIVATE}")
    return _datasets[name]


def get_entry(name: str) -> Entry:
    """The entry ``model@dataset``; a bare model name means its main dataset.

    Raises:
        KerazooError: no such model, or the model has no recipe for that dataset.
    """
    model_name, at, dataset_name = name.partition("@")
    model = get_model(model_name)
    if not at:
        return model.main
    if dataset_name not in model.entries:
        raise unknown("entry", name, (e.name for e in model.entries.values()))
    return model.entries[dataset_name]
