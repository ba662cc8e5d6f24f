"""Load a dataset once through its source, then from one checksummed array file.

The file (safetensors) holds the three splits and a fingerprint of their content. It is written
aside and renamed, so two processes that prepare the same dataset both succeed; a file that
is truncated or altered is noticed and made again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo import fingerprint, registry
from kerazoo.errors import KerazooError
from kerazoo.files import read_arrays, write_arrays
from kerazoo.spec import Data, Dataset, Split

if TYPE_CHECKING:
    import numpy as np

SPLITS = ("train", "validation", "test")


def home() -> Path:
    """The cache folder: ``KERAZOO_HOME``, or the platform's usual place for caches."""
    if os.environ.get("KERAZOO_HOME"):
        return Path(os.environ["KERAZOO_HOME"]).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("kerazoo", appauthor=False))


def load_data(name: str) -> Data:
    """Load a registered dataset.

    Args:
        name: such as ``"mnist"`` or ``"digits"``; ``kerazoo.list_datasets()`` names all.

    Returns:
        Data with ``.train``, ``.validation`` and ``.test``, each a pair ``(x, y)`` of NumPy arrays
        (pictures: uint8 of shape ``(n, height, width, channels)``, labels: int64 of shape
        ``(n,)``), and ``.info``, the dataset's description.

    Raises:
        KerazooError: no such dataset; it is neither cached nor reachable; or what its source
            gives is not the data that the zoo's figures were measured on.
    """
    info = registry.get_dataset(name)
    if info.sha256 is None:  # nothing tells whether a kept copy is still what the loader gives
        return _from_source(info)
    path = home() / "datasets" / f"{name}.safetensors"
    kept = _read(path, info)
    if kept is not None:
        return kept
    data = _from_source(info)
    _keep(path, data)
    return data


def _read(path: Path, info: Dataset) -> Data | None:
    """The cached data, or None if there is none that can be trusted."""
    try:
        if not path.exists():
            return None
        arrays, _ = read_arrays(path)
        found = fingerprint.of_arrays(arrays)
        if found != info.sha256:
            raise ValueError("its checksum differs")
        return _as_data(info, arrays, found)
    except (ValueError, KeyError, OSError) as error:
        print(
            f"kerazoo: cache {path} is old or damaged ({error}); making it again.", file=sys.stderr
        )
        return None


def _from_source(info: Dataset) -> Data:
    import numpy as np

    try:
        splits: Mapping[str, tuple[np.ndarray, np.ndarray]] = info.load()
        arrays = {
            f"{s}_{axis}": np.asarray(a)
            for s in SPLITS
            for axis, a in zip("xy", splits[s], strict=True)
        }
    except KerazooError:
        raise
    except Exception as error:  # a user's loader may raise anything
        raise KerazooError(
            f"the loader of dataset {info.name!r} failed: {type(error).__name__}: {error}. It must "
            'return {"train": (x, y), "validation": (x, y), "test": (x, y)}.'
        ) from error
    for s in SPLITS:
        _check_split(info, s, arrays[f"{s}_x"], arrays[f"{s}_y"])
    found = fingerprint.of_arrays(arrays)
    if info.sha256 and found != info.sha256:
        raise KerazooError(
            f"dataset {info.name!r}: its source gave other data than the zoo's figures were "
            f"measured on (fingerprint {found[:12]}…, expected {info.sha256[:12]}…). "
            "Is the prepared copy a different version? Remove it and prepare it again."
        )
    return _as_data(info, arrays, found)


def _check_split(info: Dataset, split: str, x: np.ndarray, y: np.ndarray) -> None:
    """Raise KerazooError unless a split is what the dataset says."""
    where = f"dataset {info.name!r}, split {split!r}"
    if x.shape[1:] != info.input_shape or len(x) == 0:
        raise KerazooError(
            f"{where}: x has shape {x.shape}; expected (n, *{info.input_shape}) with n above 0."
        )
    if y.shape != (len(x),) or y.dtype.kind not in "iu":
        raise KerazooError(
            f"{where}: y has shape {y.shape} and type {y.dtype}; expected whole numbers of shape "
            f"({len(x)},)."
        )
    if y.min() < 0 or y.max() >= info.classes:
        raise KerazooError(
            f"{where}: labels run from {y.min()} to {y.max()}; with {info.classes} class names "
            f"they must lie in 0 to {info.classes - 1}."
        )


def _keep(path: Path, data: Data) -> None:
    """Write the cache; a cache that cannot be written costs time, not the result."""
    arrays = {
        f"{name}_{axis}": array
        for name in SPLITS
        for axis, array in zip("xy", getattr(data, name), strict=True)
    }
    try:
        write_arrays(path, arrays, {"sha256": data.sha256})
    except KerazooError as error:
        print(f"kerazoo: not cached: {error} (KERAZOO_HOME chooses another.)", file=sys.stderr)


def _as_data(info: Dataset, arrays: Mapping[str, np.ndarray], sha256: str) -> Data:
    train, validation, test = (Split(arrays[f"{s}_x"], arrays[f"{s}_y"]) for s in SPLITS)
    return Data(train, validation, test, info, sha256)
