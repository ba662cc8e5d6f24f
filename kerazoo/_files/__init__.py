"""Atomic writing: a crash, a full disk or a second process never leaves a broken file."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import math
import mmap
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from kerazoo._lazy import np
from kerazoo.errors import KerazooError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Result = TypeVar("Result")
LARGE = 2**30  # bytes from which on an array is a file
OLD = "replaced"  # name of what was replaced, until it is removed


def save_atomic(path: Path, save: Callable[[Path], Result]) -> Result:
    """Let ``save`` write a file or directory of this name elsewhere, flush it, then put it here.

    It replaces what is at ``path``: the caller has made sure that it may. At every moment the old
    one or the new one is there. What a killed process left is removed.

    Raises:
        KerazooError: the directory cannot be written or the disk is full; ``path`` is unchanged.
    """
    made = [parent for parent in path.parents if not parent.exists()]
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_leftovers(path.parent, glob.escape(path.name))
            with _sibling(path) as temporary:
                result = save(temporary)
                for file in (temporary, *temporary.rglob("*")):
                    _flush(file)
                _replace(temporary, path)
        finally:
            if not path.exists():
                for parent in made:
                    with contextlib.suppress(OSError):
                        parent.rmdir()
        _flush(path.parent)  # the rename itself must outlive a power cut
    except OSError as error:
        raise cannot_write(path, error) from error
    return result


def save_directory_atomic(path: Path, fill: Callable[[Path], Result]) -> Result:
    """Like :func:`save_atomic`; ``fill`` gets a new directory."""

    def save(temporary: Path) -> Result:
        temporary.mkdir()
        return fill(temporary)

    return save_atomic(path, save)


@contextlib.contextmanager
def _sibling(path: Path) -> Iterator[Path]:
    """A path of the same name in a new directory next to it, which is locked, then removed."""
    if not path.name:  # "." or "/"
        raise KerazooError(f"{path} cannot be written: it has no name that could stand; name it.")
    directory = path.with_name(f".{secrets.token_hex(4)}.part.{path.name}")
    directory.mkdir()
    lock = _lock(directory, wait=True)
    try:
        yield directory / path.name
    finally:
        _remove(directory)
        if lock is not None:
            os.close(lock)


def remove_leftovers(directory: Path, name: str = "*") -> None:
    """Remove what killed processes left of files that they wrote here.

    Args:
        directory: of the files.
        name: pattern of their names.
    """
    for leftover in directory.glob(f".*.part.{name}"):
        with contextlib.suppress(OSError):  # another process was faster
            if not leftover.is_dir():
                leftover.unlink()
            elif any(leftover.iterdir()):  # an empty one is new, and not locked yet
                lock = _lock(leftover, wait=False)
                if lock is not None:
                    old, path = leftover / OLD, directory / leftover.name.partition(".part.")[2]
                    if old.exists() and not path.exists():
                        os.replace(old, path)
                    _remove(leftover)
                    os.close(lock)


def _lock(directory: Path, *, wait: bool) -> int | None:
    """Lock a directory until the handle is closed or the process ends; None if that fails."""
    if fcntl is None:
        return None
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # somebody has it, or the file system knows no locks
        os.close(handle)
        return None
    return handle


def cannot_write(path: Path, error: OSError) -> KerazooError:
    """The error for a path that cannot be written."""
    return KerazooError(
        f"cannot write {path}: {error.strerror or error}. "
        "Choose a writable directory with free space."
    )


def _replace(new: Path, path: Path) -> None:
    """Rename to ``path``; a directory there changes places with the new one.

    Where the system cannot do that in one step, the old one is moved away first, and back if the
    second step fails; after a kill between the two, :func:`remove_leftovers` moves it back.
    """
    if not path.is_dir():
        os.replace(new, path)
    elif not _exchange(new, path):
        old = new.with_name(OLD)
        os.replace(path, old)
        try:
            os.replace(new, path)
        except OSError:
            os.replace(old, path)
            raise


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; False if the system cannot."""
    import ctypes

    if sys.platform == "win32":
        return False
    here, names, swap = -100, (os.fsencode(one), os.fsencode(other)), 2
    library = ctypes.CDLL(None)
    if sys.platform == "darwin":
        return bool(library.renamex_np(*names, swap) == 0)
    rename = getattr(library, "renameat2", None)
    return rename is not None and rename(here, names[0], here, names[1], swap) == 0


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def is_leftover(path: Path) -> bool:
    """True for a temporary file of a killed process."""
    return path.name.startswith(".") and ".part." in path.name


def _flush(path: Path) -> None:
    if os.name != "posix" and path.is_dir():  # Windows opens no directory
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    save_atomic(path, lambda temporary: temporary.write_bytes(content))


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically as UTF-8; what is no text (odd file names) is escaped."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON atomically; raises ValueError for NaN, which JSON does not have."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def finite(content: Any) -> Any:
    """Content for JSON, with None for each number that is not finite."""
    if isinstance(content, dict):
        return {name: finite(value) for name, value in content.items()}
    if isinstance(content, list):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_json(content: Any) -> str:
    """SHA-256 of a JSON value in its canonical form (sorted keys, no spaces)."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode(errors="backslashreplace")).hexdigest()


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, str]) -> None:
    """Write named arrays and strings about them atomically, as one safetensors file."""
    from safetensors.numpy import save

    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    write_bytes(path, save(whole, dict(about)))


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read what ``write_arrays`` wrote; raises ValueError for a file that is not whole."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(str(error)) from error


def zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array of zeros that begins at a page of memory, as TensorFlow takes it without a copy.

    A large one is a temporary file that is mapped into memory and goes with the array. The system
    takes its memory back where it needs it.

    Raises:
        KerazooError: the directory of temporary files has too little space.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE:
        pages = mmap.mmap(-1, max(size, 1))
        return np.frombuffer(pages, dtype, math.prod(shape)).reshape(shape)
    try:
        with tempfile.TemporaryFile() as file:
            file.truncate(size)
            if hasattr(os, "posix_fallocate"):  # too little space is an error now, later a crash
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        raise cannot_write(Path(tempfile.gettempdir()), error) from error
