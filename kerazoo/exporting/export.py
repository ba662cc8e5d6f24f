"""Export trained weights, the zoo's or a run's, and certify the export.

An export is a folder:

==========================  ====================================================================
<entry>.<format's ending>   the model: one file, or a folder of TensorFlow's
<entry>.certificate.json    what the format's own runtime makes of it, beside Keras
labels.json                 the name of each class, of a classifier
vocabulary.txt              of a text model: one token per line, the line number (from 0) is its id
series.json                 of a forecaster: columns, units, mean and deviation to standardise with
columns.json                of a model of a table: the input of each column, or its features
==========================  ====================================================================
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import _lazy, registry
from kerazoo._files import save_folder_atomic, sha256_of_file, write_json, write_text
from kerazoo.errors import KerazooError, first_line, require_whole
from kerazoo.exporting import certify as certifying
from kerazoo.exporting import formats
from kerazoo.exporting.certify import Certificate
from kerazoo.exporting.exported import Exported, as_trained, of_rows, of_series
from kerazoo.exporting.formats.keras import runner_of
from kerazoo.finetuning.readers._columns import columns_from, feature_names
from kerazoo.finetuning.readers._csv import MISSING
from kerazoo.predicting.trained import Trained, is_run, open_trained
from kerazoo.spec import networks_of
from kerazoo.tasks import regression
from kerazoo.training import run_directory as run

if TYPE_CHECKING:
    import keras
    import numpy as np

    from kerazoo.exporting.formats import FormatModule, Runner

ROWS = 10_000
CERTIFICATE = ".certificate.json"
_MOST_LETTERS = 300  # of a converter's complaint


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
    """Export a trained model, read it back with the format's own runtime, and compare.

    Of a GAN the generator is exported. A model that was fine-tuned on a series takes and gives
    natural units; one that was fine-tuned on a table takes raw rows as ``keras`` and
    ``saved_model`` on TensorFlow, while ``onnx`` and ``litert``, which know no strings, get the
    network inside: ``columns.json`` says what it takes.

    Args:
        source: an entry with trained weights (``"mnist_cnn@mnist"``), a model, or a run folder.
        format: ``"keras"``, ``"saved_model"``, ``"onnx"`` or ``"litert"``.
        out: the folder of the export, new or empty; by default ``exports/<entry>-<format>`` below
            the current folder, of a run ``export-<format>`` inside the run folder.
        rows: of a larger test split, how many of its examples are measured (drawn with seed 0). A
            generator is always measured by the whole protocol of its metric.
        force: replace an earlier export of kerazoo's in ``out``.
        data: of a run that was fine-tuned on data given in code: that data, for the certificate.
        test: likewise, if there was one.

    Returns:
        The certificate, which also lies beside the export. ``.passed`` is False where outputs or
        metric are not those of Keras; the export is there all the same, to look into.

    Raises:
        KerazooError: no such entry, run or format; no trained weights; the format cannot take the
            model; a package or the dataset is missing; ``out`` is in use or cannot be written. No
            file is left behind then.
    """
    module = formats.get(format)
    rows = require_whole("rows", rows)
    folder = Path(out) if out is not None else _default_folder(source, format)
    _refuse_taken(folder, force)
    trained = open_trained(source, data=data, test=test)
    part, network = _exported_network(trained)
    exported = _exported(trained, network, module)
    reason = module.refusal(exported.model)
    if reason:
        raise KerazooError(f"{trained.source} cannot become {module.TITLE}: {reason}.")
    return save_folder_atomic(
        folder, lambda aside: _fill(aside, folder, trained, part, exported, format, module, rows)
    )


def _default_folder(source: str | os.PathLike[str], format: str) -> Path:
    if is_run(source):
        return Path(source) / f"export-{format}"
    return Path("exports") / f"{registry.get_entry(os.fspath(source)).name}-{format}"


def _refuse_taken(folder: Path, force: bool) -> None:
    """Raise KerazooError unless the folder is new, empty, or an export that may be replaced."""
    endings = [formats.module_named(name).SUFFIX for name in formats.names()]
    if folder.suffix in endings and not folder.is_dir():
        raise KerazooError(
            f"out is {folder}; it names a folder, which gets the export, its certificate and what "
            f"belongs to it: leave out {folder.suffix}."
        )
    if folder.exists() and not folder.is_dir():
        raise KerazooError(f"{folder} is a file; out names a folder.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not force:
        raise KerazooError(
            f"folder {folder} is not empty. Add --force (force=True) to replace an earlier export "
            "in it, or choose another folder."
        )
    if _files_in(folder) != _files_of_export(folder):
        raise KerazooError(
            f"folder {folder} holds something else than one export of kerazoo's; nothing in it "
            "was touched. Choose another folder."
        )


def _files_in(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


def _files_of_export(folder: Path) -> set[str] | None:
    """The files that the certificate in a folder names, and itself; None without a certificate."""
    try:
        (path,) = folder.glob(f"*{CERTIFICATE}")
        return {path.name, *json.loads(path.read_text(encoding="utf-8"))["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _exported_network(trained: Trained) -> tuple[str, keras.Model]:
    """The network that is exported, and its name within the model."""
    networks = networks_of(trained.core)
    for part in ("model", "generator"):
        if part in networks:
            return part, networks[part]
    raise KerazooError(
        f"{trained.source} consists of {', '.join(networks)}; only a single model or a generator "
        "can be exported."
    )


def _exported(trained: Trained, network: keras.Model, module: FormatModule) -> Exported:
    """What of a trained model a format gets: as its users call it, where the format can."""
    own, whole = trained.user_data, trained.model
    if own is None or own.treatment["kind"] not in ("rows", "series"):
        return as_trained(network)
    if own.data.series is not None:
        return of_series(network, whole, own.data.series)
    columns = columns_from(own.treatment)
    if module.ROWS and (_has_strings() or all(c.categories is None for c in columns)):
        names: dict[str, str] = getattr(module, "input_names", lambda _: {})(whole)
        return of_rows(network, whole, columns, names)
    note = "takes rows as the features that columns.json lists"
    return as_trained(network, (f"{note}; keras and saved_model take them raw, on TensorFlow",))


def _has_strings() -> bool:
    """Whether Keras has strings here: on TensorFlow alone."""
    return _lazy.load("keras").config.backend() == "tensorflow"


def _fill(
    aside: Path,
    folder: Path,
    trained: Trained,
    part: str,
    exported: Exported,
    format: str,
    module: FormatModule,
    rows: int,
) -> Certificate:
    """Write an export into ``aside``, which becomes ``folder``; returns its certificate."""
    file = aside / f"{trained.entry.name}{module.SUFFIX}"
    data = trained.data
    if registry.task_of(trained.entry).name != "generation":
        data = certifying.some_of(data, rows)
    if registry.task_of(trained.entry).name == "regression":
        regression.reject_constant(data.test.y, data.info.targets, f"{rows:,} rows")
    notes, runner, on_texts = _write_and_open(file, trained, exported, module)
    _write_beside(aside, trained, exported)
    try:
        figures = certifying.measure(
            trained.entry,
            part,
            exported.network,
            data,
            exported.through(runner),
            on_texts,
        )
    except (KerazooError, OSError):
        raise
    except Exception as error:
        raise _refused(trained, module, error, "runs it, but not on every example") from error
    example = exported.examples(1)
    taken, calls = certifying.milliseconds(runner, example)
    certificate = Certificate(
        source=trained.source,
        entry=trained.entry.name,
        network=part,
        format=format,
        runtime=module.TITLE,
        path=folder / file.name,
        **vars(figures),
        rounding=exported.rounding,
        test_examples=len(trained.data.test),
        bytes=sum((aside / p).stat().st_size for p in _files_in(aside) if _is_of(p, file)),
        milliseconds=taken,
        keras_milliseconds=certifying.milliseconds(runner_of(exported.model), example)[0],
        calls=calls,
        notes=(*notes, *exported.notes),
        environment={
            **run.environment(),
            **{p: importlib.metadata.version(p) for p in module.PACKAGES},
        },
    )
    files = {name: sha256_of_file(aside / name) for name in sorted(_files_in(aside))}
    certificate = replace(certificate, files=files)
    # Its own name alone: the folder may be moved.
    content = {**certificate.as_json(), "path": file.name}
    write_json(aside / f"{trained.entry.name}{CERTIFICATE}", content)
    return certificate


def _is_of(name: str, file: Path) -> bool:
    return name.partition("/")[0] == file.name


def _write_and_open(
    file: Path, trained: Trained, exported: Exported, module: FormatModule
) -> tuple[tuple[str, ...], Runner, Runner | None]:
    """Write the model and open it again with the format's runtime, for ids and for texts."""
    try:
        notes = module.write(exported.model, file, trained.vocabulary)
    except (KerazooError, OSError):
        raise
    except Exception as error:  # converters raise many kinds for one cause
        raise _refused(trained, module, error, "cannot be written") from error
    try:
        runner = exported.taking_the_models_names(module.load(file))
        for n in (1, 3, 2):  # any number of examples at once
            said = runner(exported.examples(n))
            if len(said) != n:
                raise ValueError(f"it answers {n} examples with {len(said)} outputs")
        on_texts = None
        load_texts = getattr(module, "load_texts", None)
        if load_texts is not None and trained.vocabulary is not None:
            on_texts = _through_texts(load_texts(file), trained.vocabulary)
    except (KerazooError, OSError):
        raise
    except Exception as error:
        raise _refused(trained, module, error, "was written but does not run") from error
    return notes, runner, on_texts


def _through_texts(on_texts: Any, vocabulary: Sequence[str]) -> Runner:
    def run_on(ids: np.ndarray) -> np.ndarray:
        return on_texts(certifying.texts_of(ids, vocabulary))

    return run_on


def _refused(trained: Trained, module: FormatModule, error: Exception, how: str) -> KerazooError:
    said = first_line(error)
    said = said if len(said) <= _MOST_LETTERS else f"{said[:_MOST_LETTERS]} …"
    return KerazooError(f"{trained.source} as {module.TITLE} {how}: {said}")


def _write_beside(aside: Path, trained: Trained, exported: Exported) -> None:
    """What a user of the export needs to know of its inputs and outputs."""
    info, series = trained.data.info, trained.data.series
    if registry.task_of(trained.entry).name == "classification":
        write_json(aside / "labels.json", list(info.labels))
    if trained.vocabulary is not None:
        lines = ("", "[UNK]", *trained.vocabulary)  # the ids of padding and of an unknown token
        write_text(aside / "vocabulary.txt", "\n".join(lines) + "\n")
    if trained.treatment.get("kind") == "rows":
        write_json(aside / "columns.json", _columns_json(trained.treatment, exported.names))
    if series is not None:
        write_json(
            aside / "series.json",
            {
                "units": "standardised" if exported.model is exported.network else "natural",
                "columns": list(info.columns),
                "targets": list(info.targets),
                "lookback": trained.data.test.x.shape[1],
                "horizon": series.windows.horizon,
                "lead": series.windows.lead,
                "mean": series.mean.tolist(),
                "std": series.std.tolist(),
            },
        )


def _columns_json(treatment: Mapping[str, Any], names: Mapping[str, str] | None) -> dict[str, Any]:
    """The columns of a table with the inputs of an export of raw rows, or with its features."""
    if names is None:
        return {**treatment, "features": feature_names(columns_from(treatment))}
    columns = [{**c, "input": names[c["input"]]} for c in treatment["columns"]]
    return {**treatment, "columns": columns, "read_as_missing": MISSING}
