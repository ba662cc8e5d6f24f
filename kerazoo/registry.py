"""Register models and datasets, look them up, build them."""

from __future__ import annotations

import dataclasses
import fnmatch
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kerazoo.errors import KerazooError, unknown
from kerazoo.spec import Dataset, Entry, Model, Task

if TYPE_CHECKING:
    import keras

_PACKAGE = Path(__file__).parent
_models: dict[str, Model] = {}
_datasets: dict[str, Dataset] = {}
_built_in_loaded = False

Factory = TypeVar("Factory", bound=Callable[..., Any])
Loader = TypeVar("Loader", bound=Callable[..., Any])


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


def register_dataset(**about: Any) -> Callable[[Loader], Loader]:
    """Decorate a loader function to put it into the zoo under its own name.

    Args:
        **about: the fields of :class:`kerazoo.spec.Dataset` other than ``name``, ``load`` and
            ``summary`` (the first line of the loader's docstring).

    Raises:
        KerazooError: the name is taken, or the function has no docstring.
    """

    def register(loader: Loader) -> Loader:
        name = loader.__name__
        doc = inspect.getdoc(loader)
        if not doc:
            raise KerazooError(f"dataset {name!r} has no docstring; it is its documentation.")
        _refuse_taken("dataset", name, _datasets, loader)
        _datasets[name] = Dataset(
            name=name, load=loader, summary=doc.splitlines()[0].strip(), **about
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
    return Path(inspect.getfile(factory)).resolve().parent


def _load_built_in() -> None:
    global _built_in_loaded
    if _built_in_loaded:
        return
    _built_in_loaded = True
    for folder in ("models", "datasets"):
        package = importlib.import_module(f"kerazoo.{folder}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"kerazoo.{folder}.{module.name}")
    for name in filter(None, os.environ.get("KERAZOO_IMPORT", "").split(os.pathsep)):
        import_module(name)


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
        raise KerazooError(f"cannot import {name!r}: {type(error).__name__}: {error}") from error


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
        raise unknown("model", name, _models, "`kerazoo list` shows all.")
    return _models[name]


def get_dataset(name: str) -> Dataset:
    """The registered dataset; raises KerazooError, with the nearest names, if there is none."""
    _load_built_in()
    if name not in _datasets:
        raise unknown("dataset", name, _datasets, "`kerazoo list` shows all.")
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


def build(name: str, *, weights: str | os.PathLike[str] | None = None, **options: Any):
    """Build a model of the zoo.

    Args:
        name: a registered model, such as ``"mnist_cnn"``.
        weights: None for fresh weights; a dataset's name (``"mnist"``) for the trained weights
            that come with kerazoo; or the path of a ``.weights.h5`` file.
        **options: passed to the factory: ``input_shape``, ``classes``, ``classifier_activation``
            and what its docstring names besides. With a dataset's weights the defaults are that
            dataset's shape and classes.

    Returns:
        A functional ``keras.Model``; it takes raw pixels and is not compiled.

    Raises:
        KerazooError: unknown model or option, a value the architecture cannot have, or weights
            that do not fit, are missing or were altered.
    """
    from kerazoo import evidence

    model = get_model(name)
    entry = None
    if weights is not None:
        entry = evidence.entry_of_weights(model, weights)
        if entry is not None:
            options = {**factory_options(entry), **options}
    net = _call_factory(model, options)
    if entry is not None:
        evidence.load_bundled_weights(net, entry)
    elif weights is not None:
        evidence.load_weights_file(net, Path(weights))
    return net


def factory_options(entry: Entry) -> dict[str, Any]:
    """The factory's keyword arguments that follow from an entry's dataset."""
    dataset = get_dataset(entry.dataset)
    return {"input_shape": dataset.input_shape, "classes": dataset.classes}


def build_for(entry: Entry) -> keras.Model:
    """The model of an entry with fresh weights, in the shape of the entry's dataset."""
    return _call_factory(get_model(entry.model), factory_options(entry))


def _call_factory(model: Model, options: dict[str, Any]) -> keras.Model:
    parameters = inspect.signature(model.factory).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    for option in options:
        if option not in parameters and not takes_any:
            raise unknown(f"option of model {model.name!r}", option, parameters)
    _check_common_options(model.name, options)
    try:
        return model.factory(**options)
    except KerazooError:
        raise
    except (ValueError, TypeError) as error:
        shown = ", ".join(f"{k}={v!r}" for k, v in options.items())
        first = str(error).strip().splitlines()[0]
        raise KerazooError(
            f"{model.name}({shown}) cannot be built: {first} "
            "An input shape too small for the architecture is the usual cause."
        ) from error


def _check_common_options(name: str, options: dict[str, Any]) -> None:
    """What every factory means by ``classes`` and ``input_shape``."""
    classes = options.get("classes", 1)
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise KerazooError(f"{name}: classes={classes!r}; it must be a whole number from 1 up.")
    shape = options.get("input_shape", (1,))
    if not isinstance(shape, (tuple, list)) or not all(
        isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in shape
    ):
        raise KerazooError(
            f"{name}: input_shape={shape!r}; give positive whole numbers, channels last, "
            "such as (28, 28, 1)."
        )
