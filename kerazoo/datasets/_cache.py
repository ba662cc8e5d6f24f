"""Load a dataset through its source once, then from array files.

The cache of a dataset is a directory with one ``.npy`` file per array, which is memory-mapped, and
``about.json`` with checksums and the fingerprint of the content. It is written under another name
and renamed, so processes that load the same dataset at once all succeed; a copy that is truncated
or altered is noticed and made again.
"""

from __future__ import annotations

import dataclasses
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

from kerazoo import fingerprint, registry
from kerazoo._files import save_directory_atomic, schema
from kerazoo._files.schema import SHA256, limited
from kerazoo._lazy import np
from kerazoo.datasets._windows import windows_of
from kerazoo.errors import KerazooError, checked, first_line, tell
from kerazoo.spec import Data, Dataset, Entry, Recipe, Split

SPLITS = ("train", "validation", "test")
_warned_of: set[str] = set()  # fingerprints


@dataclasses.dataclass(frozen=True, kw_only=True)
class About:
    """Content of ``about.json``: fingerprint of the content, CRC-32 of each array."""

    sha256: str = limited(pattern=SHA256)
    crc32: dict[str, int] = dataclasses.field(metadata={"range": (0, 2**32 - 1)})


def home() -> Path:
    """The cache directory: ``KERAZOO_HOME``, or the platform's usual place for caches."""
    if os.environ.get("KERAZOO_HOME"):
        return Path(os.environ["KERAZOO_HOME"]).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("kerazoo", appauthor=False))


@checked
def load_data(name: str, *, lookback: int | None = None, horizon: int | None = None) -> Data:
    """Load a registered dataset.

    Args:
        name: such as ``"mnist"`` or ``"etth1"``; ``kerazoo.list_datasets()`` names all.
        lookback: of series only: how many past values each example shows.
        horizon: of series only: how many values are to be forecast.

    Returns:
        Data with ``.train``, ``.validation`` and ``.test``, each a pair ``(x, y)`` of NumPy
        arrays, and ``.info``, the dataset's description. Images: uint8 ``(n, height, width,
        channels)``; text: token ids, int32 ``(n, length)``; labels: int64 ``(n,)``. Tables:
        float32 ``(n, columns)`` and ``(n, targets)``. Series: normalized windows, float32 ``(n,
        lookback, columns)`` and ``(n, horizon, targets)``, with ``.series`` to go back to natural
        units.

    Raises:
        KerazooError: no such dataset; it is neither cached nor reachable; its source gives other
            data than the zoo's results were recorded on; or a lookback or horizon that the
            series is too short for.
    """
    return _load(registry.get_dataset(name), lookback, horizon)


def _load(
    info: Dataset, lookback: int | None, horizon: int | None = None, fresh: bool = False
) -> Data:
    """Load a dataset; ``fresh`` calls the loader whatever is cached, and takes what it gives."""
    name = info.name
    if info.windows is None and (lookback is not None or horizon is not None):
        raise KerazooError(f"dataset {name!r} is no series; it has no lookback and no horizon.")
    # Without a pinned fingerprint nothing tells whether a copy is still what the loader gives.
    path = home() / "datasets" / name if info.sha256 else None
    cached = _read(path, info) if path and not fresh else None
    arrays, sha256 = cached or _from_source(info, pinned=not fresh)
    if path and cached is None and not fresh:
        _keep(path, arrays, sha256)
    _warn_of_another_copy(info, sha256)
    if info.windows is not None:
        values = {s: arrays[f"{s}_values"] for s in SPLITS}
        splits, series = windows_of(info, values, lookback, horizon)
    else:
        splits, series = {s: Split(arrays[f"{s}_x"], arrays[f"{s}_y"]) for s in SPLITS}, None
    train, validation, test = (splits[s] for s in SPLITS)
    return Data(train, validation, test, info, sha256, series)


def _parts(info: Dataset) -> tuple[str, ...]:
    return ("values",) if info.windows is not None else ("x", "y")


def cached_sha256(info: Dataset) -> str | None:
    """Fingerprint that the cached copy of a dataset states; None without a copy to be used."""
    cached = _read(home() / "datasets" / info.name, info) if info.sha256 else None
    return cached and cached[1]


def load_for(entry: Entry, recipe: Recipe, *, fresh: bool = False) -> Data:
    """Load the dataset of an entry, a series with the recipe's lookback.

    With ``fresh`` the loader is called whatever is cached, and may give other data than registered.
    """
    data = _load(registry.get_dataset(entry.dataset), recipe.lookback, fresh=fresh)
    return dataclasses.replace(data, judges=entry.judges)


def _read(path: Path, info: Dataset) -> tuple[dict[str, np.ndarray], str] | None:
    """The cached arrays and their fingerprint, or None if there is no copy to be trusted."""
    if not path.exists():
        return None
    try:
        about = schema.read(path / "about.json", About, "It is made again.")
        # Copy on write: the caller may change the arrays, and the files stay.
        names = [f"{s}_{part}" for s in SPLITS for part in _parts(info)]
        arrays = {n: np.load(path / f"{n}.npy", mmap_mode="c") for n in names}
        if about.crc32 != _checksums(arrays):
            raise ValueError("its checksum differs")
        if about.sha256 != info.sha256 and not info.measured_on:
            raise ValueError("it holds other data")
        return {n: a.view(np.ndarray) for n, a in arrays.items()}, about.sha256
    except (ValueError, EOFError, OSError) as error:
        tell(f"cache {path} is old or damaged ({first_line(error)}); making it again.")
        return None


def _checksums(arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    """CRC-32 of each array: twice as fast as the SHA-256 that was taken of the source."""
    kinds = {name: f"{array.dtype} {array.shape}" for name, array in arrays.items()}
    return {n: zlib.crc32(a.data, zlib.crc32(kinds[n].encode())) for n, a in arrays.items()}


def _from_source(info: Dataset, pinned: bool = True) -> tuple[dict[str, np.ndarray], str]:
    """The arrays that the loader gives, by ``split_part``, checked, and their fingerprint.

    If ``pinned``, other data than the registered fingerprint's is an error.
    """
    parts = _parts(info)
    arrays: dict[str, np.ndarray] = {}
    try:
        splits = info.load()
        for s in SPLITS:
            given = (splits[s],) if len(parts) == 1 else splits[s]
            for part, array in zip(parts, given, strict=True):
                arrays[f"{s}_{part}"] = np.asarray(array, order="C")
    except KerazooError:
        raise
    except Exception as error:  # a user's loader may raise anything
        wanted = ", ".join(f'"{s}": ({", ".join(parts)})' for s in SPLITS)
        raise KerazooError(
            f"the loader of dataset {info.name!r} failed: {type(error).__name__}: "
            f"{first_line(error)}. It must return {{{wanted}}}."
        ) from error
    check = registry.get_task(info.task).check_split
    for s in SPLITS:
        check(info, s, arrays[f"{s}_{parts[0]}"], arrays[f"{s}_{parts[-1]}"])
    found = fingerprint.of_arrays(arrays)
    if pinned and info.sha256 and found != info.sha256 and not info.measured_on:
        raise KerazooError(
            f"dataset {info.name!r}: its source gave other data than the zoo's results were "
            f"recorded on (fingerprint {found[:12]}…, expected {info.sha256[:12]}…). "
            "Is the copy a different version? Remove it and prepare it again."
        )
    return arrays, found


def _warn_of_another_copy(info: Dataset, found: str) -> None:
    """Say, once per process and copy, that results were recorded on another one."""
    if not info.measured_on or found == info.sha256 or found in _warned_of:
        return
    _warned_of.add(found)
    tell(
        f"this copy of {info.name} is not the one that the zoo's results were recorded on "
        f"({info.measured_on}); compare with care."
    )


def _keep(path: Path, arrays: dict[str, np.ndarray], sha256: str) -> None:
    """Write the cache; a cache that cannot be written costs time, not the result."""

    def fill(directory: Path) -> None:
        for name, array in arrays.items():
            np.save(directory / f"{name}.npy", array, allow_pickle=False)
        schema.write(directory / "about.json", About(sha256=sha256, crc32=_checksums(arrays)))

    try:
        save_directory_atomic(path, fill)
    except KerazooError as error:
        if not path.exists():  # else another process was faster
            tell(f"not cached: {error} (KERAZOO_HOME chooses another.)")
