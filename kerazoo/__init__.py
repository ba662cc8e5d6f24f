"""kerazoo: a small Keras 3 model zoo whose published results one command reproduces."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerazoo.building import build as build
    from kerazoo.datasets._cache import load_data as load_data
    from kerazoo.errors import KerazooError as KerazooError
    from kerazoo.evidence.evaluate import evaluate as evaluate
    from kerazoo.evidence.verify import verify as verify
    from kerazoo.exporting.export import export as export
    from kerazoo.finetuning.finetune import finetune as finetune
    from kerazoo.finetuning.readers.arrays import from_arrays as from_arrays
    from kerazoo.finetuning.readers.images import from_images as from_images
    from kerazoo.finetuning.readers.series import from_series as from_series
    from kerazoo.finetuning.readers.table import from_table as from_table
    from kerazoo.finetuning.readers.texts import from_texts as from_texts
    from kerazoo.models.resnet import residual_block as residual_block
    from kerazoo.predicting.predict import predict as predict
    from kerazoo.predicting.predict import predictor as predictor
    from kerazoo.predicting.sample import sample as sample
    from kerazoo.registry import list_datasets as list_datasets
    from kerazoo.registry import list_entries as list_entries
    from kerazoo.registry import list_models as list_models
    from kerazoo.registry import register_dataset as register_dataset
    from kerazoo.registry import register_model as register_model
    from kerazoo.registry import register_task as register_task
    from kerazoo.spec import Entry as Entry
    from kerazoo.spec import Published as Published
    from kerazoo.spec import Recipe as Recipe
    from kerazoo.tasks.base import Task as Task
    from kerazoo.training.train import train as train

__version__ = "0.1.0"

# Where each public name lives. Imported at first use, so that `import kerazoo` costs nothing.
_HOME = {
    "Entry": "kerazoo.spec",
    "KerazooError": "kerazoo.errors",
    "Published": "kerazoo.spec",
    "Recipe": "kerazoo.spec",
    "build": "kerazoo.building",
    "evaluate": "kerazoo.evidence.evaluate",
    "export": "kerazoo.exporting.export",
    "finetune": "kerazoo.finetuning.finetune",
    "from_arrays": "kerazoo.finetuning.readers.arrays",
    "from_images": "kerazoo.finetuning.readers.images",
    "from_series": "kerazoo.finetuning.readers.series",
    "from_table": "kerazoo.finetuning.readers.table",
    "from_texts": "kerazoo.finetuning.readers.texts",
    "list_datasets": "kerazoo.registry",
    "list_entries": "kerazoo.registry",
    "list_models": "kerazoo.registry",
    "load_data": "kerazoo.datasets._cache",
    "predict": "kerazoo.predicting.predict",
    "predictor": "kerazoo.predicting.predict",
    "register_dataset": "kerazoo.registry",
    "register_model": "kerazoo.registry",
    "register_task": "kerazoo.registry",
    "Task": "kerazoo.tasks.base",
    "residual_block": "kerazoo.models.resnet",
    "sample": "kerazoo.predicting.sample",
    "train": "kerazoo.training.train",
    "verify": "kerazoo.evidence.verify",
}
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'kerazoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
