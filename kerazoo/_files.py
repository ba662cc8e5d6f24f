"""Atomic writing: a crash, a full disk or a second process never leaves a broken file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from kerazoo._lazy import np
from kerazoo.errors import KerazooError

Result = TypeVar("Result")


def save_atomic(path: Path, save: Callable[[Path], Result]) -> Result:
    """Let ``save`` write a temporary file or directory next to ``path``, flush it, then rename it.

    It replaces what is at ``path``: the caller has made sure that it may.

    Raises:
        KerazooError: the directory cannot be written or the disk is full; ``path`` is unchanged.
    """
    temporary = _temporary(path)
    made = [parent for parent in path.parents if not parent.exists()]
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            result = save(temporary)
            for file in (temporary, *temporary.rglob("*")):
                _flush(file)
            _replace(temporary, path)
        finally:
            _remove(temporary)
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


def _temporary(path: Path) -> Path:
    """Temporary name in the same directory; :func:`is_leftover` recognizes it."""
    if not path.name:  # "." or "/"
        raise KerazooError(f"{path} cannot be written: it has no name that could stand; name it.")
    return path.with_name(f".{secrets.token_hex(4)}.part.{path.name}")


def cannot_write(path: Path, error: OSError) -> KerazooError:
    """The error for a path that cannot be written."""
    return KerazooError(
        f"cannot write {path}: {error.strerror or error}. "
        "Choose a writable directory with free space."
    )


def _replace(new: Path, path: Path) -> None:
    """Rename to ``path``; a directory there is moved away first, and back if that fails."""
    if not path.is_dir():
        os.replace(new, path)
        return
    old = _temporary(path)
    os.replace(path, old)
    try:
        os.replace(new, path)
    except OSError:
        os.replace(old, path)
        raise
    _remove(old)


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
