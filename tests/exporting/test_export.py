"""Exports of entries: the directory, the certificate, and refusals that leave nothing behind."""

from __future__ import annotations

import hashlib
import json

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.evidence import reference
from kerazoo.exporting import formats
from tests.exporting.conftest import run_onnx

INT8 = ("litert_int8", "onnx_int8")
FORMATS = [name for name in formats.names() if name not in INT8]  # tests/exporting/test_int8.py
SMALL, SMALLEST = "mnist_cnn_small@digits", "linear_regression@diabetes"
EMBEDDED = [
    name
    for dataset in ("digits", "sine", "diabetes")
    for name in registry.list_entries(f"*@{dataset}")
    if reference.read(registry.get_entry(name)).weights and name != SMALL  # a test of its own
]
# Layers that not every converter takes as they are, in all formats; the others in the strictest.
HARD = ("dcgan@digits", "resnet_block@digits", "stacked_lstm@sine")
EXPORTS = [(n, f) for n in EMBEDDED for f in FORMATS if n in HARD or f == "litert"]


def tree(directory):
    """Names and contents of all files."""
    files = [p for p in directory.rglob("*") if p.is_file()]
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in files}


def check(certificate, directory):
    """Assert what holds for the export of every entry in every format; returns the JSON."""
    name, files = certificate.entry, tree(directory)
    entry = registry.get_entry(name)
    assert certificate.passed and not certificate.problems
    assert certificate.difference <= certificate.tolerance <= 1e-4 * max(1, certificate.scale)
    assert certificate.path.name == name + formats.get(certificate.format).suffix
    written = json.loads(files.pop(f"{name}.certificate.json"))
    plain = json.loads(json.dumps(certificate.as_json()))
    assert written == {**plain, "path": certificate.path.name}
    assert written["files"] == {n: hashlib.sha256(c).hexdigest() for n, c in files.items()}
    exported = [len(c) for n, c in files.items() if n.startswith(certificate.path.name)]
    assert sum(exported) == certificate.bytes > 500
    if certificate.network == "model":
        assert certificate.before == pytest.approx(reference.read(entry).weights.value, rel=1e-6)
        assert certificate.compared == certificate.examples == certificate.test_examples
    if registry.task_of(entry).has_classes:
        labels = list(registry.get_dataset(entry.dataset).labels)
        assert json.loads(files["labels.json"]) == labels
    return written


def read_alone(format, path, x):
    """Outputs by the runtime alone, as its manual shows, without kerazoo."""
    if format == "keras":
        return keras.saving.load_model(path, safe_mode=True).predict(x, verbose=0)
    if format == "saved_model":
        import tensorflow as tf

        return tf.saved_model.load(path).signatures["serving_default"](pixels=x)["output_0"].numpy()
    if format == "onnx":
        return run_onnx(path, x)
    from ai_edge_litert.interpreter import Interpreter

    serve = Interpreter(str(path)).get_signature_runner()
    return np.concatenate([serve(pixels=row[None])["output_0"] for row in x])


@pytest.mark.parametrize("format", FORMATS)
def test_an_entry_is_exported_and_its_runtime_needs_no_kerazoo(format, in_tmp):
    certificate = kerazoo.export(SMALL, format)
    directory = in_tmp / "exports" / f"{SMALL}-{format}"
    check(certificate, directory)
    assert list((in_tmp / "exports").iterdir()) == [directory]
    x = kerazoo.load_data("digits").test.x[:7].astype(np.float32)
    expected = kerazoo.build("mnist_cnn_small", weights="digits").predict(x, verbose=0)
    np.testing.assert_allclose(read_alone(format, certificate.path, x), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("few_samples")
@pytest.mark.parametrize(("name", "format"), EXPORTS)
def test_every_entry_is_exported(name, format, in_tmp):
    written = check(kerazoo.export(name, format, "out"), in_tmp / "out")
    notes = " ".join(written["notes"])
    if written["network"] == "generator":
        assert written["compared"] == 200
        assert ("one example at a time" in notes) == (format == "litert")
    if name.startswith("stacked_lstm"):
        assert json.loads((in_tmp / "out" / "series.json").read_text())["horizon"] == 24
        assert ("step by step" in notes) == (format == "litert")


def last_bias(w):
    """The bias of ten classes, changed so that the first class wins."""
    return w + np.eye(1, 10, dtype=np.float32)[0] * 50 if w.shape == (10,) else w


def test_an_export_with_wrong_weights_fails_and_is_kept(changed, command, in_tmp):
    format = changed(weight=last_bias)
    status, out, _ = command("export", SMALL, "--format", format, "--out", "out")
    assert status == 1 and "FAIL" in out and "PASS" not in out
    written = json.loads((in_tmp / "out" / f"{SMALL}.certificate.json").read_text())
    assert written["passed"] is False and len(written["problems"]) == 2
    assert written["after"] < 0.5 < written["before"]
    assert (in_tmp / "out" / written["path"]).exists()


def test_a_network_that_the_format_cannot_hold_is_refused(refused, in_tmp, monkeypatch):
    monkeypatch.setattr(formats.get("keras"), "refusal", lambda *_: "a reason")
    assert "a reason" in refused("export", SMALLEST, "--format", "keras")
    assert not list(in_tmp.iterdir())


def test_force_replaces_an_export_and_nothing_else(command, refused, in_tmp):
    out = in_tmp / "out"
    arguments = ("export", SMALLEST, "--format", "keras", "--out", "out")
    assert command(*arguments)[0] == 0
    before = tree(out)
    assert "--force" in refused(*arguments) and tree(out) == before
    status, printed, _ = command(*arguments[:3], "onnx", *arguments[4:], "--force", "--json")
    assert status == 0 and json.loads(printed)["format"] == "onnx"
    assert {p.suffix for p in out.iterdir()} == {".json", ".onnx"}
    (in_tmp / "mine").mkdir()
    (in_tmp / "mine" / "x.certificate.json").write_text('{"files": ["thesis.tx"]}')
    for directory in ("out", "mine"):
        (in_tmp / directory / "thesis.txt").write_text("three years")
    before = tree(in_tmp)
    for place in ("out", "mine", "mine/thesis.txt", "mine/thesis.txt/out"):
        assert refused(*arguments[:5], place, "--force") and tree(in_tmp) == before


def too_long(run):
    def runner(x):
        if len(x) > 4:
            raise RuntimeError("a batch of 5 does not fit\nmore lines")
        return run(x)

    return runner


def fails(*_):
    raise RuntimeError("op Foo is not known\nmore lines")


@pytest.mark.parametrize("faults", [{"weight": fails}, {"runner": fails}, {"runner": too_long}])
def test_a_failing_converter_or_runtime_leaves_the_old_export(
    faults, changed, command, refused, in_tmp
):
    arguments = ("export", SMALLEST, "--format", changed(**faults), "--out", "new/out")
    err = refused(*arguments)
    assert ("Foo" in err or "batch of 5" in err) and "more lines" not in err
    assert not list(in_tmp.iterdir()), "neither a file nor the directories above it"
    changed()
    assert command(*arguments)[0] == 0
    before = tree(in_tmp)
    changed(**faults)
    assert refused(*arguments, "--force") and tree(in_tmp) == before
