"""Export of trained weights, of the zoo or a run, with a certificate.

An export is a directory:

==========================  ====================================================================
<entry>.<format's ending>   the model: one file, or a directory of TensorFlow's
<entry>.certificate.json    comparison of the format's runtime with Keras
labels.json                 for a classifier: the name of each class
threshold.json              for a classifier that has one: its decision threshold
vocabulary.txt              for a text model: one token per line, the line number (from 0) is its id
series.json                 for a forecaster: columns, units, mean and deviation to standardize with
columns.json                for a model of a table: the input of each column, or its features
==========================  ====================================================================
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerazoo import registry
from kerazoo._files import save_directory_atomic, schema, sha256_of_file, write_json, write_text
from kerazoo._files.schema import SHA256
from kerazoo.errors import KerazooError, checked, first_line, require_whole
from kerazoo.exporting import formats
from kerazoo.exporting.certify import Certificate, compare, milliseconds, typed_texts
from kerazoo.exporting.formats._int8 import Int8, calibration_examples
from kerazoo.exporting.formats.keras_archive import runner_of
from kerazoo.exporting.plan import ExportPlan, plan_export
from kerazoo.predicting.trained import Trained, is_run, open_trained
from kerazoo.spec import networks_of
from kerazoo.training.machine import environment

ROWS = 10_000


@dataclass(frozen=True, kw_only=True)
class Listed:
    """Part of a certificate: SHA-256 of the files next to it."""

    files: dict[str, str] = field(metadata={"pattern": SHA256})
    rest: dict[str, Any] = field(metadata={"rest": True})


CERTIFICATE = ".certificate.json"


@checked
def export(
    source: str | os.PathLike[str],
    format: str,
    out: str | os.PathLike[str] | None = None,
    *,
    rows: int = ROWS,
    force: bool = False,
    data: Any = None,
    test: Any = None,
) -> Certificate:
    """Export a trained model, read it back with the format's runtime, and compare.

    The generator of a GAN, VAE or rectified flow is exported. A model that was fine-tuned on a
    series takes and gives natural units; one that was fine-tuned on a table takes raw rows as
    ``keras`` and ``saved_model`` on TensorFlow, and as ``onnx`` where all columns are numbers.
    Otherwise ``onnx``, which knows no strings, and ``litert`` get the network inside:
    ``columns.json`` lists its inputs.

    Args:
        source: an entry with trained weights (``"mnist_cnn@mnist"``), a model, or a run directory.
        format: ``"keras"``, ``"saved_model"``, ``"onnx"`` or ``"litert"`` (also ``"tflite"``); for
            classifiers of images also ``"onnx_int8"`` and ``"litert_int8"``, of 8-bit integers.
        out: the directory of the export, new or empty; by default ``exports/<entry>-<format>``
            below the current directory, for a run ``export-<format>`` inside the run directory.
        rows: number of examples to compare of a larger test split (chosen with seed 0). A
            generator is always evaluated by the whole protocol of its metric.
        force: replace an earlier export of kerazoo in ``out``.
        data: for a run that was fine-tuned on data in memory: that data, for the certificate.
        test: likewise, if there was one.

    Returns:
        The certificate, which also lies next to the export. ``.passed`` is False if outputs or
        metric are not those of Keras; with 8-bit integers, if the accuracy changes by more than
        0.2 percentage points and more than one example. The export is kept for inspection.

    Raises:
        KerazooError: no such entry, run or format; no trained weights; the format cannot take the
            model; a package or the dataset is missing; ``out`` is in use or cannot be written. No
            file is left behind then.
    """
    if not is_run(source):
        registry.get_entry(os.fspath(source))  # an unknown name is an error before Keras loads
    chosen = formats.get(format)
    rows = require_whole("rows", rows)
    trained = open_trained(source, data=data, test=test)
    if out is not None:
        directory = Path(out)
    elif trained.run is not None:
        directory = trained.run.path / f"export-{chosen.name}"
    else:
        directory = Path("exports") / f"{trained.entry.name}-{chosen.name}"
    _require_free(directory, chosen.suffix, force)
    plan = plan_export(trained, chosen)
    reason = chosen.refusal(plan.model, trained.task.has_classes)
    if reason:
        raise KerazooError(f"{trained.source} cannot be exported to {chosen.name}: {reason}.")
    return save_directory_atomic(
        directory, lambda temporary: _fill(temporary, directory, trained, plan, chosen, rows)
    )


def _require_free(directory: Path, suffix: str, force: bool) -> None:
    """Raise KerazooError unless the directory is new, empty, or an export that may be replaced."""
    if directory.is_file() or (directory.suffix == suffix and not directory.is_dir()):
        raise KerazooError(
            f"out is {directory}, which would be a file; the export, its certificate and side "
            f"files go to a directory: leave out {directory.suffix}."
        )
    if not directory.is_dir() or not any(directory.iterdir()):
        return
    if not force:
        raise KerazooError(
            f"Directory {directory} is not empty. Add --force (force=True) to replace an earlier "
            "export in it, or choose another directory."
        )
    if _files_in(directory) != _files_of_export(directory):
        raise KerazooError(
            f"Directory {directory} holds something else than one export of kerazoo; nothing in "
            "it was touched. Choose another directory."
        )


def _files_in(directory: Path) -> set[str]:
    return {p.relative_to(directory).as_posix() for p in directory.rglob("*") if not p.is_dir()}


def _files_of_export(directory: Path) -> set[str] | None:
    """Names of the certificate in a directory and of the files in it; None without one."""
    try:
        (path,) = directory.glob(f"*{CERTIFICATE}")
        return {path.name, *schema.read(path, Listed, "").files}
    except ValueError:
        return None


def _fill(
    temporary: Path,
    directory: Path,
    trained: Trained,
    plan: ExportPlan,
    format: formats.Format,
    rows: int,
) -> Certificate:
    """Write an export to ``temporary``, which becomes ``directory``; returns its certificate."""
    name, vocabulary = trained.entry.name, trained.vocabulary
    data = trained.task.limit_test_rows(trained.data, rows)
    file = temporary / f"{name}{format.suffix}"
    if isinstance(format, Int8):
        format = format.calibrated(plan.to_inputs(calibration_examples(trained.data.train)))
    with _explained(trained, format, "cannot be written"):
        notes = format.write(plan.model, file, vocabulary)
    exported = _files_in(temporary)
    _write_side_files(temporary, trained, plan)
    with _explained(trained, format, "was written but does not run"):
        runner = format.load(file)
        on_texts = None
        if vocabulary is not None and (load := format.load_texts(file)) is not None:
            on_texts = lambda ids: load(typed_texts(ids, vocabulary))  # noqa: E731
        compared = compare(
            *(trained.task, trained.core, data, plan.through(runner), on_texts, plan.rounding),
            allowed=format.metric_tolerance,
        )
    taken, calls = milliseconds(runner, plan.example())
    networks = networks_of(trained.core)
    certificate = Certificate(
        **vars(compared),
        source=trained.source,
        entry=name,
        network=next((n for n, net in networks.items() if net is plan.network), "model"),
        format=format.name,
        runtime=format.title,
        path=directory / file.name,
        test_examples=trained.data.test.examples,
        bytes=sum((temporary / path).stat().st_size for path in exported),
        milliseconds=taken,
        keras_milliseconds=milliseconds(runner_of(plan.model), plan.example())[0],
        calls=calls,
        notes=(*notes, *plan.notes),
        files={path: sha256_of_file(temporary / path) for path in sorted(_files_in(temporary))},
        environment=environment() | {p: importlib.metadata.version(p) for p in format.packages},
    )
    # The file's name alone: the directory may be moved.
    write_json(temporary / f"{name}{CERTIFICATE}", {**certificate.as_json(), "path": file.name})
    return certificate


@contextlib.contextmanager
def _explained(trained: Trained, format: formats.Format, problem: str) -> Iterator[None]:
    """Turn the errors of a converter or runtime, which are of many types, into a KerazooError."""
    try:
        yield
    except (KerazooError, OSError):
        raise
    except Exception as error:
        reason = first_line(error)
        raise KerazooError(f"{trained.source} as {format.title} {problem}: {reason}") from error


def _write_side_files(temporary: Path, trained: Trained, plan: ExportPlan) -> None:
    """Write what a user of the export needs to know of its inputs and outputs."""
    natural = plan.model is not plan.network
    side_files = trained.task.side_files(trained.data, natural_units=natural)
    if plan.columns is not None:
        side_files["columns.json"] = plan.columns
    for name, content in side_files.items():
        write_json(temporary / name, content)
    if trained.vocabulary is not None:
        lines = ("", "[UNK]", *trained.vocabulary)  # the ids of padding and of an unknown token
        write_text(temporary / "vocabulary.txt", "\n".join(lines) + "\n")
