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
from kerazoo._files import map_arrays, write_arrays
from kerazoo.datasets._windows import windows_of
from kerazoo.errors import KerazooError
from kerazoo.spec import Data, Dataset, Split

if TYPE_CHECKING:
    import numpy as np

SPLITS = ("train", "validation", "test")
_warned_of: set[str] = set()  # fingerprints


def home() -> Path:
    """The cache folder: ``KERAZOO_HOME``, or the platform's usual place for caches."""
    if os.environ.get("KERAZOO_HOME"):
        return Path(os.environ["KERAZOO_HOME"]).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("kerazoo", appauthor=False))


def load_data(name: str, *, lookback: int | None = None, horizon: int | None = None) -> Data:
    """Load a registered dataset.

    Args:
        name: such as ``"mnist"`` or ``"etth1"``; ``kerazoo.list_datasets()`` names all.
        lookback: of series only: how many past values each example shows.
        horizon: of series only: how many values are to be forecast.

    Returns:
        Data with ``.train``, ``.validation`` and ``.test``, each a pair ``(x, y)`` of NumPy
        arrays, and ``.info``, the dataset's description. Pictures: uint8 ``(n, height, width,
        channels)``; text: token ids, int32 ``(n, length)``; labels: int64 ``(n,)``. Tables:
        float32 ``(n, columns)`` and ``(n, targets)``. Series: standardised windows, float32 ``(n,
        lookback, columns)`` and ``(n, horizon, targets)``, with ``.series`` to go back to natural
        units.

    Raises:
        KerazooError: no such dataset; it is neither cached nor reachable; what its source gives
            is not the data that the zoo's figures were measured on; or a look-back or horizon
            that the series is too short for.
    """
    info = registry.get_dataset(name)
    if info.windows is None and (lookback is not None or horizon is not None):
        raise KerazooError(f"dataset {name!r} is no series; it has no look-back and no horizon.")
    if info.sha256 is None:  # nothing tells whether a kept copy is still what the loader gives
        arrays, sha256 = _from_source(info)
        return _as_data(info, arrays, sha256, lookback, horizon)
    path = cache_path(name)
    kept = _read(path, info)
    if kept is None:
        kept = _from_source(info)
        _keep(path, *kept)
    _warn_of_another_copy(info, kept[1])
    return _as_data(info, *kept, lookback, horizon)


def cache_path(name: str) -> Path:
    """Where a dataset is kept, whether it is there or not."""
    return home() / "datasets" / f"{name}.safetensors"


def _read(path: Path, info: Dataset) -> tuple[dict[str, np.ndarray], str] | None:
    """The cached arrays and their fingerprint, or None if there is nothing that can be trusted."""
    try:
        if not path.exists():
            return None
        arrays, about = map_arrays(path)
        if about.get("blake3") != _checksum(arrays):
            raise ValueError("its checksum differs")
        if about.get("sha256") != info.sha256 and not info.measured_on:
            raise ValueError("it holds other data")
        return arrays, about["sha256"]
    except (ValueError, KeyError, OSError) as error:
        print(
            f"kerazoo: cache {path} is old or damaged ({error}); making it again.", file=sys.stderr
        )
        return None


def _checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """What tells that a kept file is as it was written: BLAKE3, four times as fast as SHA-256.

    The fingerprint that the zoo's figures name, SHA-256, was taken when the source was read.
    """
    from blake3 import blake3

    return fingerprint.of_arrays(arrays, blake3())


def _from_source(info: Dataset) -> tuple[dict[str, np.ndarray], str]:
    """The arrays that the loader gives, by ``split_axis``, checked, and their fingerprint."""
    import numpy as np

    try:
        splits = info.load()
        arrays: dict[str, np.ndarray] = {}
        for s in SPLITS:
            if info.windows is not None:
                arrays[f"{s}_values"] = np.asarray(splits[s])
            else:
                x, y = splits[s]
                arrays[f"{s}_x"], arrays[f"{s}_y"] = np.asarray(x), np.asarray(y)
    except KerazooError:
        raise
    except Exception as error:  # a user's loader may raise anything
        wanted = "values" if info.windows is not None else "(x, y)"
        wanted = ", ".join(f'"{s}": {wanted}' for s in SPLITS)
        raise KerazooError(
            f"the loader of dataset {info.name!r} failed: {type(error).__name__}: {error}. It must "
            f"return {{{wanted}}}."
        ) from error
    check = registry.get_task(info.task).check_split
    for s in SPLITS:
        x = arrays[f"{s}_values" if info.windows is not None else f"{s}_x"]
        check(info, s, x, arrays.get(f"{s}_y", x))
    found = fingerprint.of_arrays(arrays)
    if info.sha256 and found != info.sha256 and not info.measured_on:
        raise KerazooError(
            f"dataset {info.name!r}: its source gave other data than the zoo's figures were "
            f"measured on (fingerprint {found[:12]}…, expected {info.sha256[:12]}…). "
            "Is the copy a different version? Remove it and prepare it again."
        )
    return arrays, found


def _warn_of_another_copy(info: Dataset, found: str) -> None:
    """Say, once per process and copy, that the data is not what the figures were measured on."""
    if not info.measured_on or found == info.sha256 or found in _warned_of:
        return
    _warned_of.add(found)
    print(
        f"kerazoo: this copy of {info.name} is not the one that the zoo's figures were "
        f"measured on ({info.measured_on}); compare with care.",
        file=sys.stderr,
    )


def _keep(path: Path, arrays: dict[str, np.ndarray], sha256: str) -> None:
    """Write the cache; a cache that cannot be written costs time, not the result."""
    try:
        write_arrays(path, arrays, {"sha256": sha256, "blake3": _checksum(arrays)})
    except KerazooError as error:
        print(f"kerazoo: not cached: {error} (KERAZOO_HOME chooses another.)", file=sys.stderr)


def _as_data(
    info: Dataset,
    arrays: Mapping[str, np.ndarray],
    sha256: str,
    lookback: int | None,
    horizon: int | None,
) -> Data:
    if info.windows is not None:
        values = {s: arrays[f"{s}_values"] for s in SPLITS}
        splits, series = windows_of(info, values, lookback, horizon)
    else:
        splits, series = {s: Split(arrays[f"{s}_x"], arrays[f"{s}_y"]) for s in SPLITS}, None
    train, validation, test = (splits[s] for s in SPLITS)
    return Data(train, validation, test, info, sha256, series)
