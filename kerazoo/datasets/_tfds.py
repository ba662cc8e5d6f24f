"""Whole splits as arrays through tensorflow-datasets, or a clear error when it cannot."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import load
from kerazoo.datasets import _copies as brought
from kerazoo.datasets._network import require_host
from kerazoo.errors import KerazooError, first_line

if TYPE_CHECKING:
    import numpy as np


def load_arrays(
    name: str, *, host: str, embedded: str, feature: str = "image", splits: Sequence[str] = ()
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Every split of a tensorflow-datasets dataset as ``{split: (x, labels)}``.

    The prepared copy is looked for in the folders of ``KERAZOO_DATA_DIR``, then where
    tensorflow-datasets looks: ``TFDS_DATA_DIR``, else ``~/tensorflow_datasets``. If there is none
    it is downloaded.

    Args:
        name: with its version, such as ``"mnist:3.0.1"``.
        host: where tensorflow-datasets downloads it from; probed before a download.
        embedded: an entry that needs no data, named in the error.
        feature: what becomes ``x``; the feature ``label`` becomes the labels (int64).
        splits: which splits; all by default.

    Raises:
        KerazooError: not prepared and not to be downloaded, or what is prepared cannot be read.
    """
    import numpy as np

    print(f"kerazoo: preparing {name} through tensorflow-datasets …", file=sys.stderr)
    load("tensorflow")
    tfds: Any = load("tensorflow_datasets")

    bare = name.split(":", maxsplit=1)[0]
    remedy = (
        f"Set TFDS_DATA_DIR to a folder in which tensorflow-datasets has prepared {name}, connect "
        f"to the network once, or use {embedded}, whose data is embedded."
    )
    folder = _folder(name)
    try:
        builder = tfds.builder(name, data_dir=folder, try_gcs=False)
        if not builder.data_path.exists():
            require_host(host, bare, remedy)
            try:
                builder.download_and_prepare()
            except Exception:
                builder = tfds.builder(name, data_dir=folder, try_gcs=False)
                if not builder.data_path.exists():
                    raise
                # else another process has prepared it meanwhile
        arrays = {}
        for split in splits or builder.info.splits:
            # One batch of everything; shuffle_files=False keeps the order the same for all.
            whole = builder.as_dataset(split=split, batch_size=-1, shuffle_files=False)
            columns = tfds.as_numpy(whole)
            arrays[split] = (np.asarray(columns[feature]), columns["label"].astype(np.int64))
        return arrays
    except KerazooError:
        raise
    except Exception as error:  # tensorflow-datasets raises whatever its parts raise
        raise KerazooError(
            f"{bare} could not be loaded through tensorflow-datasets: "
            f"{type(error).__name__}: {first_line(error)[:200]}. {remedy}"
        ) from error


def _folder(name: str) -> str | None:
    """The first folder of the user's that holds a prepared copy; None is the default place."""
    for folder in brought.folders():
        if _has(folder, name):
            return str(folder)
    # tensorflow-datasets itself reads the variable only once, when it is imported.
    return os.environ.get("TFDS_DATA_DIR") or None


def _has(folder: Path, name: str) -> bool:
    bare, _, version = name.partition(":")
    return (folder / bare / version).is_dir()
