"""kerazoo: a small Keras 3 model zoo whose published results one command reproduces."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerazoo.datasets._cache import load_data as load_data
    from kerazoo.errors import KerazooError as KerazooError
    from kerazoo.evidence.evaluate import evaluate as evaluate
    from kerazoo.evidence.verify import verify as verify
    from kerazoo.exporting.export import export as export
    from kerazoo.finetuning.finetune import finetune as finetune
    from kerazoo.finetuning.inspection import inspect_data as inspect_data
    from kerazoo.finetuning.readers.arrays import from_arrays as from_arrays
    from kerazoo.finetuning.readers.images import from_images as from_images
    from kerazoo.finetuning.readers.series import from_series as from_series
    from kerazoo.finetuning.readers.table import from_table as from_table
    from kerazoo.finetuning.readers.texts import from_texts as from_texts
    from kerazoo.models.resnet import residual_block as residual_block
    from kerazoo.models.resnet import resnet as resnet
    from kerazoo.predicting.explain import explain as explain
    from kerazoo.predicting.predict import predict as predict
    from kerazoo.predicting.predict import predictor as predictor
    from kerazoo.predicting.sample import sample as sample
    from kerazoo.pretrained import build as build
    from kerazoo.registry import list_datasets as list_datasets
    from kerazoo.registry import list_entries as list_entries
    from kerazoo.registry import list_models as list_models
    from kerazoo.registry import recipe_of as recipe_of
    from kerazoo.registry import register_dataset as register_dataset
    from kerazoo.registry import register_model as register_model
    from kerazoo.registry import register_task as register_task
    from kerazoo.spec import Entry as Entry
    from kerazoo.spec import Published as Published
    from kerazoo.spec import Recipe as Recipe
    from kerazoo.tasks.base import Task as Task
    from kerazoo.training.loop import compile_model as compile_model
    from kerazoo.training.run_directory import load_run as load_run
    from kerazoo.training.train import train as train

__version__ = "0.1.0"

# Imported at first use, so that `import kerazoo` costs nothing.
_NAMES = {
    "datasets._cache": ["load_data"],
    "errors": ["KerazooError"],
    "evidence.evaluate": ["evaluate"],
    "evidence.verify": ["verify"],
    "exporting.export": ["export"],
    "finetuning.finetune": ["finetune"],
    "finetuning.inspection": ["inspect_data"],
    "finetuning.readers.arrays": ["from_arrays"],
    "finetuning.readers.images": ["from_images"],
    "finetuning.readers.series": ["from_series"],
    "finetuning.readers.table": ["from_table"],
    "finetuning.readers.texts": ["from_texts"],
    "models.resnet": ["residual_block", "resnet"],
    "predicting.explain": ["explain"],
    "predicting.predict": ["predict", "predictor"],
    "predicting.sample": ["sample"],
    "pretrained": ["build"],
    "registry": [
        *("list_datasets", "list_entries", "list_models", "recipe_of"),
        *("register_dataset", "register_model", "register_task"),
    ],
    "spec": ["Entry", "Published", "Recipe"],
    "tasks.base": ["Task"],
    "training.loop": ["compile_model"],
    "training.run_directory": ["load_run"],
    "training.train": ["train"],
}
_MODULES = {name: f"kerazoo.{module}" for module, names in _NAMES.items() for name in names}
__all__ = sorted(_MODULES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'kerazoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
