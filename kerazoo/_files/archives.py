"""Model and weights files: written for earlier versions of Keras; those of strangers checked."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from kerazoo._lazy import keras
from kerazoo.errors import DamagedFile, first_line, shown

EXPANSION = 100  # times as large as it is stored: what a member or an array may become
FLOOR = 2**25  # bytes that are no danger; a JSON file has less
REMEDY = "Do not use the file; get it again from a source that you trust."

# Arguments that Keras got after 3.12, which pyproject.toml allows, with their defaults. An earlier
# version refuses a file that has them, even where it does just that.
LATER_THAN_3_12 = {
    "input_axes": None,
    "output_axes": None,
    "quantization_config": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
    "salt": None,
    "oov_method": "floormod",
    "sliding_window": None,
    "use_gate": False,
}


def save_network(network: keras.Model, path: Path) -> None:
    """Write a ``.keras`` file that Keras 3.12 opens, unless the network uses what is later."""
    network.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.dumps(_for_3_12(json.loads(members["config.json"])))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, "config.json": config.encode()}.items():
            archive.writestr(name, content)


def _for_3_12(config: Any) -> Any:
    """A part of a configuration without later arguments that have their defaults."""
    if isinstance(config, list):
        return [_for_3_12(value) for value in config]
    if not isinstance(config, dict):
        return config
    later = [k for k, v in config.items() if k in LATER_THAN_3_12 and v == LATER_THAN_3_12[k]]
    return {k: _for_3_12(v) for k, v in config.items() if k not in later}


def other_keras(path: Path) -> str:
    """End of a sentence that says which other version of Keras wrote a file; empty for this one."""
    try:
        with zipfile.ZipFile(path) as archive:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile):
        return ""
    same = version == keras.__version__
    return "" if same else f" (Keras {shown(version)[1:-1]} wrote it, this is {keras.__version__})"


def require_safe(path: Path) -> None:
    """Check a ``.keras`` or ``.weights.h5`` file, whose directories alone are read for that.

    Raises:
        DamagedFile: it is no such file, a member or an array is a decompression bomb, or it links
            to data elsewhere; ``field`` is the place in the file.
    """
    import h5py

    try:
        if not zipfile.is_zipfile(path):
            with h5py.File(path) as file:
                _require_own_arrays(file, path, "", set())
            return
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                at = shown(member.filename)[1:-1]
                stored = 0 if at.endswith(".json") else member.compress_size
                _require_size(path, at, member.file_size, stored)
            for name in filter(lambda name: name.endswith(".h5"), archive.namelist()):
                with h5py.File(io.BytesIO(archive.read(name))) as file:
                    _require_own_arrays(file, path, f"{shown(name)[1:-1]}:", set())
    except (OSError, RuntimeError, KeyError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, DamagedFile):
            raise
        raise DamagedFile(path, first_line(error), REMEDY) from error


def _require_size(path: Path, at: str, size: int, stored: int) -> None:
    if size > max(FLOOR, EXPANSION * stored):
        problem = f"it would take {size:,} bytes, as a decompression bomb does"
        raise DamagedFile(path, problem, REMEDY, at)


def _require_own_arrays(group: Any, path: Path, at: str, seen: set[Any]) -> None:
    """Check the arrays below an HDF5 group, each once."""
    import h5py

    for name in group:
        where, link = f"{at}/{shown(name)[1:-1]}", group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            target = getattr(link, "filename", "") or link.path
            problem = f"it is no array but a link to {shown(target)}, which kerazoo does not follow"
            raise DamagedFile(path, problem, REMEDY, where)
        item = group[name]
        if item.id in seen:
            continue
        seen.add(item.id)
        if isinstance(item, h5py.Group):
            _require_own_arrays(item, path, where, seen)
        elif isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise DamagedFile(path, "its values lie in another file", REMEDY, where)
            _require_size(path, where, item.nbytes, item.id.get_storage_size())
