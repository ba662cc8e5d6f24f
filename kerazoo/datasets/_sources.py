"""Copies of a dataset on this machine, and downloads where there is none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerazoo._lazy import load, np
from kerazoo.datasets._splits import carve
from kerazoo.errors import KerazooError, NotAvailable, first_line, tell

VARIABLE = "KERAZOO_DATA_DIR"
EMBEDDED = "mnist_cnn@digits"  # an entry whose data needs no download
PROBE_SECONDS = 5  # tensorflow-datasets itself retries a dead network for over three minutes
_offline = False


def directories() -> list[Path]:
    """The directories of ``KERAZOO_DATA_DIR`` (separated as in ``PATH``), in order."""
    named = os.environ.get(VARIABLE, "").split(os.pathsep)
    return [Path(name).expanduser() for name in named if name]


def find(name: str) -> Path | None:
    """The first file of this name in :func:`directories`, or None."""
    return next((d / name for d in directories() if (d / name).is_file()), None)


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Within it nothing is downloaded: data without a copy here raises NotAvailable."""
    global _offline
    before, _offline = _offline, True
    try:
        yield
    finally:
        _offline = before


def require_host(host: str, what: str, remedy: str) -> None:
    """Raise NotAvailable at once, not after minutes of retries, where there is no network.

    Args:
        host: a name, which is asked through https; or an address that begins with ``http://``.
        what: the data to be downloaded.
        remedy: what to do without it.
    """
    import requests

    if _offline:
        raise NotAvailable(
            f"{what} has no copy on this machine, and offline was asked for. {remedy}"
        )
    try:
        requests.head(host if "://" in host else f"https://{host}", timeout=PROBE_SECONDS)
    except requests.RequestException as error:
        raise NotAvailable(
            f"{what} has no copy on this machine, and {host} cannot be reached "
            f"({type(error).__name__}). {remedy}"
        ) from error


def download(url: str, what: str, remedy: str) -> bytes:
    """Content of a file on the network; raises NotAvailable where it cannot be had."""
    import requests

    require_host(url.split("/")[2], what, remedy)
    try:
        response = requests.get(url, timeout=60)
        response.raise_for_status()
    except requests.RequestException as error:
        raise NotAvailable(f"{what} cannot be downloaded: {first_line(error)}. {remedy}") from error
    return response.content


def tfds_splits(
    name: str, *, host: str, validation: int, feature: str = "image"
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Train, validation and test ``(x, labels)`` of a dataset of tensorflow-datasets.

    A prepared copy is looked for in :func:`directories`, then where tensorflow-datasets looks:
    ``TFDS_DATA_DIR``, else ``~/tensorflow_datasets``. If there is none it is downloaded.

    Args:
        name: with its version, such as ``"mnist:3.0.1"``.
        host: where tensorflow-datasets downloads it from; probed before a download.
        validation: size of the validation split, carved from the training split by a fixed seed.
        feature: becomes ``x``; the feature ``label`` becomes the labels (int64).

    Raises:
        KerazooError: there is no copy and it cannot be downloaded, or the copy cannot be read.
    """
    remedy = (
        f"Set TFDS_DATA_DIR to a directory in which tensorflow-datasets has prepared {name}, or "
        "connect to the network once. "
        + (
            f"{EMBEDDED} has the same task and embedded data."
            if feature == "image"
            else "No entry of texts has embedded data; `kerazoo finetune text_cnn` takes your own."
        )
    )
    tell(f"preparing {name} through tensorflow-datasets …")
    load("tensorflow")
    try:
        train, test = _through_tfds(name, host, remedy, feature)
    except KerazooError:
        raise
    except Exception as error:  # tensorflow-datasets raises whatever its parts raise
        raise KerazooError(
            f"{name} could not be loaded through tensorflow-datasets: "
            f"{type(error).__name__}: {first_line(error)}. {remedy}"
        ) from error
    train, carved = carve(*train, validation, seed=0)
    return {"train": train, "validation": carved, "test": test}


def _through_tfds(
    name: str, host: str, remedy: str, feature: str
) -> list[tuple[np.ndarray, np.ndarray]]:
    tfds: Any = load("tensorflow_datasets")
    directory = _tfds_directory(name)
    builder = tfds.builder(name, data_dir=directory, try_gcs=False)
    if not builder.data_path.exists():
        require_host(host, name, remedy)
        try:
            builder.download_and_prepare()
        except Exception:
            builder = tfds.builder(name, data_dir=directory, try_gcs=False)
            if not builder.data_path.exists():
                raise
            # else another process has prepared it meanwhile
    found = []
    for split in ("train", "test"):
        # One batch of everything; shuffle_files=False keeps the order the same for all.
        whole = builder.as_dataset(split=split, batch_size=-1, shuffle_files=False)
        columns = tfds.as_numpy(whole)
        found.append((np.asarray(columns[feature]), columns["label"].astype(np.int64)))
    return found


def _tfds_directory(name: str) -> str | None:
    """The first of :func:`directories` with a prepared copy; None is the default place."""
    found = (str(d) for d in directories() if (d / name.replace(":", os.sep)).is_dir())
    # tensorflow-datasets itself reads the variable only once, when it is imported.
    return next(found, os.environ.get("TFDS_DATA_DIR") or None)
