"""Exports: each format's own runtime says what Keras says, or the certificate says FAIL."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.datasets import _text as text
from kerazoo.datasets import imdb
from kerazoo.evidence import reference as evidence
from kerazoo.exporting import certify as certifying
from kerazoo.exporting import export as exporting
from kerazoo.exporting import formats
from kerazoo.exporting.formats import _copies
from kerazoo.spec import Data, Split, networks_of
from kerazoo.tasks import _frechet as frechet
from kerazoo.tasks import _judges as judging

if keras.config.backend() != "tensorflow":
    pytest.skip("exporting needs TensorFlow", allow_module_level=True)

FORMATS = formats.names()
EMBEDDED = [
    name
    for dataset in ("digits", "sine", "diabetes")
    for name in registry.list_entries(f"*@{dataset}")
    if evidence.read(registry.get_entry(name)).weights
]
SMALL = "mnist_cnn_small@digits"
SMALL_LIKE = "linear_regression@diabetes"  # the fastest one


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Fewer calls are timed, fewer pictures drawn: neither is what is tested."""
    monkeypatch.setattr(certifying, "MOST_CALLS", 5)
    monkeypatch.setattr(judging, "SAMPLES", 200)
    monkeypatch.setattr(frechet, "RESAMPLES", 2)
    monkeypatch.setattr(frechet, "PAIRS", 1_000)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tree(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*")}


def test_formats_have_what_a_format_has():
    assert FORMATS == ["keras", "litert", "onnx", "saved_model"]
    wanted = {n for n in vars(formats.FormatModule) if not n.startswith("_")}
    wanted |= set(formats.FormatModule.__annotations__)
    for name in FORMATS:
        assert wanted <= set(vars(formats.get(name))), name


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", EMBEDDED)
def test_export_says_what_keras_says(name, format, in_tmp):
    certificate = kerazoo.export(name, format)
    assert certificate.passed and not certificate.problems
    assert certificate.difference <= certificate.tolerance <= 1e-4 * max(1, certificate.scale)
    entry, folder = registry.get_entry(name), in_tmp / "exports" / f"{name}-{format}"
    assert certificate.path.resolve() == folder / f"{name}{formats.get(format).SUFFIX}"
    assert certificate.path.exists() and certificate.bytes > 500
    recorded = evidence.read(entry).weights
    if registry.task_of(entry).name == "generation":
        assert certificate.network == "generator" and certificate.compared == 200
    else:
        assert certificate.before == pytest.approx(recorded.value, rel=1e-6)
        assert certificate.compared == certificate.examples == certificate.test_examples
    written = json.loads((folder / f"{name}.certificate.json").read_text())
    said = json.loads(json.dumps(certificate.as_json()))
    assert written == {**said, "path": certificate.path.name}
    assert written["passed"] is True
    assert {n: sha256(folder / n) for n in certificate.files} == certificate.files
    files = {n for n in tree(folder) if (folder / n).is_file()}
    assert files == {*certificate.files, f"{name}.certificate.json"}
    if registry.task_of(entry).name == "classification":
        labels = json.loads((folder / "labels.json").read_text())
        assert labels == list(registry.get_dataset(entry.dataset).labels)
    if registry.task_of(entry).name == "forecasting":
        series = json.loads((folder / "series.json").read_text())
        assert len(series["mean"]) == len(series["columns"]) and series["horizon"] == 24
    if (name.startswith("dcgan"), format) == (True, "litert"):
        assert "one example at a time" in certificate.notes[0]
    if (name.startswith("stacked_lstm"), format) == (True, "litert"):
        assert "step by step" in certificate.notes[0]
    assert tree(in_tmp) >= {"exports"} and len(list((in_tmp / "exports").iterdir())) == 1


def read_by_itself(format, path, x):
    """What a reader of the runtime's own manual would write, nothing of kerazoo's."""
    if format == "keras":
        return keras.saving.load_model(path).predict(x, verbose=0)
    if format == "saved_model":
        import tensorflow as tf

        return tf.saved_model.load(path).signatures["serving_default"](pixels=x)["output_0"].numpy()
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return session.run(None, {"pixels": x})[0]
    from ai_edge_litert.interpreter import Interpreter

    serve = Interpreter(str(path)).get_signature_runner()
    return np.concatenate([serve(pixels=row[None])["output_0"] for row in x])


@pytest.mark.parametrize("format", FORMATS)
def test_export_needs_nothing_of_kerazoo(format, in_tmp):
    certificate = kerazoo.export(SMALL, format, "out")
    x = kerazoo.load_data("digits").test.x[:7].astype(np.float32)
    expected = kerazoo.build("mnist_cnn_small", weights="digits").predict(x, verbose=0)
    said = read_by_itself(format, certificate.path, x)
    np.testing.assert_allclose(said, expected, atol=1e-5)


def with_weights_changed(module, change):
    """The module's ``write``, of a network whose weights a converter spoilt."""
    honest = module.write

    def write(network, path, vocabulary):
        spoilt = _copies.copy_for_conversion(network)
        spoilt.set_weights([change(w) for w in network.get_weights()])
        return honest(spoilt, path, vocabulary)

    return write


@pytest.mark.parametrize("format", FORMATS)
def test_wrong_weights_fail(format, command, in_tmp, monkeypatch):
    module = formats.get(format)

    def last_bias(w):  # of ten outputs
        return w + np.eye(1, 10, dtype=np.float32)[0] * 50 if w.shape == (10,) else w

    monkeypatch.setattr(module, "write", with_weights_changed(module, last_bias))
    status, out, _ = command("export", SMALL, "--format", format, "--out", "out")
    assert status == 1 and "FAIL" in out and "an output differs by" in out
    assert "the accuracy is" in out and "PASS" not in out
    written = json.loads((in_tmp / "out" / f"{SMALL}.certificate.json").read_text())
    assert written["passed"] is False and len(written["problems"]) == 2
    assert written["after"] < 0.5 < written["before"]


def test_weights_that_are_slightly_wrong_fail_though_the_metric_is_the_same(in_tmp, monkeypatch):
    module = formats.get("onnx")
    half = with_weights_changed(module, lambda w: w.astype(np.float16).astype(np.float32) * 0.999)
    monkeypatch.setattr(module, "write", half)
    certificate = kerazoo.export(SMALL, "onnx")
    assert not certificate.passed and "an output differs by" in certificate.problems[0]
    assert certificate.difference < 0.1


def test_outputs_that_are_not_finite_fail(command, in_tmp, monkeypatch):
    module = formats.get("onnx")
    monkeypatch.setattr(module, "write", with_weights_changed(module, lambda w: w * np.nan))
    status, out, _ = command("export", SMALL, "--format", "onnx", "--out", "out", "--json")
    said = json.loads(out)
    assert status == 1 and not said["passed"]
    assert said["problems"] == ["an output is NaN or infinite"]
    assert said["after"] is None and said["difference"] is None


def test_certificate_fails_for_each_reason_alone(in_tmp):
    good = kerazoo.export(SMALL_LIKE, "keras")
    assert good.passed
    texts = certifying.TextCheck(difference=0.0, value=good.before)
    assert dataclasses.replace(good, texts=texts).passed
    for changed in (
        {"difference": good.tolerance * 1.01},
        {"difference": float("inf")},
        {"after": good.before + 1.01 * good.metric_tolerance},
        {"after": float("nan")},
        {"texts": dataclasses.replace(texts, difference=good.tolerance * 1.01)},
        {"texts": dataclasses.replace(texts, value=good.before * 0.99)},
        {"metric": "accuracy", "after": good.before * (1 - 1e-9)},
    ):
        assert not dataclasses.replace(good, **changed).passed, changed


def test_rounding_is_no_fault_of_a_model_that_explains_next_to_nothing(in_tmp):
    good = kerazoo.export(SMALL_LIKE, "keras")
    weak = dataclasses.replace(good, metric="r2", before=1e-4, after=1e-4 + 1e-7)
    assert weak.passed and not dataclasses.replace(weak, after=1.2e-4).passed
    strong = dataclasses.replace(good, metric="r2", before=0.97)
    assert strong.metric_tolerance == pytest.approx(0.97 * certifying.METRIC_TOLERANCE)
    error = dataclasses.replace(good, metric="mse", before=1e-6)
    assert error.metric_tolerance == pytest.approx(1e-6 * certifying.METRIC_TOLERANCE)


MISTAKES = {
    ("mlp@digits", "--format", "keras", "--out", "."): "name it",
    ("mlp@digits", "--format", "onx"): "Did you mean 'onnx'",
    ("mlp@digit", "--format", "keras"): "Did you mean 'mlp@digits'",
    ("mlp@digits", "--format", "keras", "--rows", "0"): "whole number from 1",
    ("mlp@digits", "--format", "onnx", "--out", "digits.onnx"): "leave out .onnx",
    ("no/such/run", "--format", "keras"): "no run folder",
}


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_mistake_is_a_clear_error_with_status_2(arguments, command, in_tmp):
    status, out, err = command("export", *arguments)
    assert status == 2 and MISTAKES[arguments] in err
    assert not out and "Traceback" not in err
    assert not list(in_tmp.iterdir()), "a mistake leaves nothing behind"


UNMEASURED = [
    n for n in registry.list_entries() if not evidence.read(registry.get_entry(n)).weights
]


@pytest.mark.parametrize("name", UNMEASURED)
def test_entry_without_weights_is_refused_with_the_reason(name, command, in_tmp):
    status, out, err = command("export", name, "--format", "keras")
    assert status == 2 and not out and not list(in_tmp.iterdir())
    assert "no trained weights" in err and registry.get_entry(name).unmeasured in err
    assert f"kerazoo train {name}" in err


def test_entry_without_weights_need_not_be_one_of_the_zoos(private_zoo, command, in_tmp):
    status, _, err = command("export", "bar_net", "--format", "keras")
    assert status == 2 and "no trained weights" in err


@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_missing_package_is_named(format, command, in_tmp, monkeypatch):
    module = formats.get(format)
    monkeypatch.setattr(module, "PACKAGES", (*module.PACKAGES, "no_such_package"))
    status, _, err = command("export", SMALL, "--format", format)
    assert status == 2 and "needs no_such_package" in err
    assert 'pip install "kerazoo[export]" (in a clone: pip install -e ".[export]")' in err
    assert not list(in_tmp.iterdir())


def test_other_backend_is_said(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    for format in ("litert", "onnx", "saved_model"):
        with pytest.raises(kerazoo.KerazooError, match="KERAS_BACKEND=tensorflow"):
            formats.get(format)
    assert formats.get("keras").ANY_BACKEND


def test_what_is_there_is_not_overwritten(command, in_tmp):
    arguments = ("export", SMALL_LIKE, "--format", "keras", "--out", "out")
    assert command(*arguments)[0] == 0
    path = in_tmp / "out" / f"{SMALL_LIKE}.certificate.json"
    before = path.read_bytes()
    status, _, err = command(*arguments)
    assert status == 2 and "not empty" in err and "--force" in err
    assert path.read_bytes() == before
    status, out, _ = command(*arguments[:3], "onnx", *arguments[4:], "--force", "--json")
    assert status == 0 and json.loads(out)["format"] == "onnx"
    assert {p.suffix for p in (in_tmp / "out").iterdir()} == {".json", ".onnx"}, (
        "the old one gave way"
    )
    (in_tmp / "out" / "thesis.txt").write_text("three years")
    inside = tree(in_tmp)
    status, _, err = command(*arguments, "--force")
    assert status == 2 and "something else" in err
    assert tree(in_tmp) == inside


def test_force_takes_no_folder_that_kerazoo_did_not_write(command, in_tmp):
    (in_tmp / "mine").mkdir()
    (in_tmp / "mine" / "thesis.txt").write_text("three years")
    for extra in ([], ["--force"]):
        arguments = ("export", SMALL_LIKE, "--format", "keras", "--out", "mine", *extra)
        assert command(*arguments)[0] == 2
    (in_tmp / "mine" / "x.certificate.json").write_text('{"files": ["thesis.tx"]}')
    assert command(*arguments)[0] == 2
    assert tree(in_tmp / "mine") == {"thesis.txt", "x.certificate.json"}
    status, _, err = command(*arguments[:4], "--out", "mine/thesis.txt")
    assert status == 2 and "is a file" in err


def test_folder_that_cannot_be_written_is_a_clear_error(command, in_tmp):
    (in_tmp / "file").write_text("")
    status, _, err = command("export", SMALL_LIKE, "--format", "keras", "--out", "file/out")
    assert status == 2 and "cannot write" in err and (in_tmp / "file").read_text() == ""


@pytest.mark.parametrize("part", ["write", "load"])
def test_converter_that_fails_leaves_nothing_and_the_old_export(part, command, in_tmp, monkeypatch):
    arguments = ("export", SMALL_LIKE, "--format", "keras", "--out", "new/out")
    module = formats.get("keras")

    def fails(*given):
        if part == "write":
            given[1].write_bytes(b"half")
        raise RuntimeError("op Foo is not known\nmore lines")

    with monkeypatch.context() as patch:
        patch.setattr(module, part, fails)
        status, _, err = command(*arguments)
        assert status == 2 and "op Foo is not known" in err and "more lines" not in err
        assert not list(in_tmp.iterdir()), "neither a file nor the folders above it"
    assert command(*arguments)[0] == 0
    before = {p: p.read_bytes() for p in in_tmp.rglob("*") if p.is_file()}
    monkeypatch.setattr(module, part, fails)
    assert command(*arguments, "--force")[0] == 2
    assert before == {p: p.read_bytes() for p in in_tmp.rglob("*") if p.is_file()}


def test_runtime_that_fails_on_some_examples_is_a_refusal(command, in_tmp, monkeypatch):
    module = formats.get("keras")

    def load(path):
        def run(x):
            if len(x) > 4:
                raise RuntimeError("batch of 5 does not fit")
            return np.zeros((len(x), 1), np.float32)

        return run

    monkeypatch.setattr(module, "load", load)
    status, _, err = command("export", SMALL_LIKE, "--format", "keras")
    assert status == 2 and "batch of 5" in err and not list(in_tmp.iterdir())


def test_export_that_is_right_only_until_the_batch_changes_fails(in_tmp, monkeypatch):
    module = formats.get("keras")
    honest = module.load

    def load(path):
        run, seen = honest(path), []

        def stale(x):
            said = run(x)
            wrong = len(set(seen)) > 1 and seen[-1] == len(x)  # the second call after a change
            seen.append(len(x))
            return said + 1 if wrong else said

        return stale

    monkeypatch.setattr(module, "load", load)
    assert not kerazoo.export(SMALL_LIKE, "keras").passed


def test_run_folder_is_exported_into_itself(command, in_tmp):
    done = kerazoo.train(SMALL, epochs=1, out="run", progress=False)
    certificate = kerazoo.export("run", "onnx", rows=100)
    assert certificate.passed and certificate.source == "run"
    assert certificate.path.parent == done.path / "export-onnx"
    assert (certificate.examples, certificate.test_examples) == (100, 360)
    whole = kerazoo.export("run", "keras", "elsewhere")
    assert whole.before == done.metrics["value"]
    assert kerazoo.evaluate("run").same, "the run is as it was"
    (done.path / "model.keras").unlink()
    status, _, err = command("export", "run/", "--format", "keras")
    assert status == 2 and "model.keras is missing" in err
    assert not (done.path / "export-keras").exists()


def test_examples_are_drawn_from_the_whole_split():
    data = kerazoo.load_data("digits")
    some = certifying.some_of(data, 100).test
    again = certifying.some_of(data, 100).test
    np.testing.assert_array_equal(some.x, again.x)
    where = [int(np.flatnonzero((data.test.x == x).all(axis=(1, 2, 3)))[0]) for x in some.x]
    assert len(set(where)) == 100 and where == sorted(where) and where[-1] > 300
    np.testing.assert_array_equal(data.test.y[where], some.y)
    assert certifying.some_of(data, 360) is data


@pytest.mark.parametrize(
    ("name", "format"),
    [pytest.param("lenet5", "litert", marks=pytest.mark.slow), ("resnet8", "onnx")],
)
def test_architectures_without_trained_weights_convert(name, format, in_tmp):
    model, module = kerazoo.build(name), formats.get(format)
    path = in_tmp / f"m{module.SUFFIX}"
    assert module.refusal(model) is None
    module.write(model, path, None)
    shape = (20, *model.input_shape[1:])
    x = np.random.RandomState(0).randint(0, 256, shape).astype(np.float32)
    said = certifying.in_batches(module.load(path), x)
    np.testing.assert_allclose(said, model.predict(x, verbose=0), atol=1e-5)


# Text: the bundled weights and vocabulary, on sentences of our own.

SENTENCES = [
    "What a film!<br /><br />It's GREAT -- isn't it?",
    "naïve café, 10/10; don't miss\tit",
    "",
    "a boring, boring waste of time " * 100,
    "zzyzzxq unheard words",
]


def few_reviews(length=imdb.LENGTH, n=40):
    """Data of the shape of IMDB's, of sentences drawn from its vocabulary."""
    random = np.random.RandomState(0)
    known = text.read_vocabulary(imdb.VOCABULARY)
    sizes = random.randint(1, 2 * length, n)
    texts = [" ".join(known[i] for i in random.randint(0, 5_000, size)) for size in sizes]
    split = Split(text.encode(texts, known, length), random.randint(0, 2, n).astype(np.int64))
    return Data(split, split, split, registry.get_dataset("imdb"), "")


def test_texts_are_read_as_tokens_are():
    known = text.read_vocabulary(imdb.VOCABULARY)
    ids = few_reviews().test.x.copy()
    ids[0, 3] = text.UNKNOWN
    texts = certifying.texts_of(ids, known)
    np.testing.assert_array_equal(text.encode(texts, known, ids.shape[1]), ids)
    together = b" ".join(texts)
    for sign in (b"<br />", b",", b"\n", b'"'):
        assert sign in together
    assert together != together.lower()


def test_saved_model_takes_raw_texts(in_tmp):
    model = kerazoo.build("text_cnn", weights="imdb")
    known = text.read_vocabulary(imdb.VOCABULARY)
    module = formats.get("saved_model")
    module.write(model, in_tmp / "out", known)
    said = module.load_texts(in_tmp / "out")([s.encode() for s in SENTENCES])
    ids = text.encode(SENTENCES, known, imdb.LENGTH)
    np.testing.assert_allclose(said, model.predict(ids, verbose=0), atol=1e-6)
    np.testing.assert_allclose(module.load(in_tmp / "out")(ids), said, atol=1e-6)


def test_export_of_a_text_model_certifies_raw_texts(command, in_tmp, monkeypatch):
    data = few_reviews()
    monkeypatch.setattr(exporting, "load_for", lambda *_: data)
    certificate = kerazoo.export("text_cnn@imdb", "saved_model", "out")
    assert certificate.passed and certificate.texts.value == certificate.before
    assert "serve_texts" in certificate.notes[0]
    lines = (in_tmp / "out" / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
    known = text.read_vocabulary(imdb.VOCABULARY)
    assert lines[:2] == ["", "[UNK]"] and tuple(lines[2:-1]) == known and lines[-1] == ""
    module = formats.get("saved_model")
    honest = module.load_texts

    def hears_nothing_in_capitals(path):
        run = honest(path)
        return lambda texts: run([bytes(c for c in t if not 65 <= c <= 90) for t in texts])

    monkeypatch.setattr(module, "load_texts", hears_nothing_in_capitals)
    status, out, _ = command("export", "text_cnn@imdb", "--format", "saved_model", "--out", "bad")
    assert status == 1 and "problem: on raw texts an output differs" in out
    assert "problem: an output differs" not in out


# Loops.


def test_unrolled_copy_says_the_same_with_padding_in_both_directions():
    model = kerazoo.build("text_lstm", input_shape=(12,), vocabulary=50)
    copy = _copies.copy_for_conversion(model)
    _copies.unroll(copy)
    assert [_copies.steps_of(layer) for layer in _copies.recurrent_layers(copy)] == [12, 12]
    ids = np.random.RandomState(0).randint(1, 50, (4, 12)).astype(np.int32)
    ids[1, 5:] = ids[2, 1:] = ids[3] = 0
    said = copy.predict(ids, verbose=0)
    np.testing.assert_allclose(said, model.predict(ids, verbose=0), atol=1e-6)
    assert not any(layer.unroll for layer in _copies.recurrent_layers(model)), "left as it was"


def test_litert_of_a_loop_has_builtin_operations_only(in_tmp):
    from ai_edge_litert.interpreter import Interpreter

    module = formats.get("litert")
    model = kerazoo.build("text_lstm", input_shape=(4,), vocabulary=50)
    assert module.refusal(model) is None
    assert module.write(model, in_tmp / "m.tflite", None)
    found = {op["op_name"] for op in Interpreter(str(in_tmp / "m.tflite"))._get_ops_details()}
    assert found and not [name for name in found if name.startswith("Flex") or name == "WHILE"]
    ids = np.random.RandomState(0).randint(0, 50, (9, 4)).astype(np.int32)
    said = certifying.in_batches(module.load(in_tmp / "m.tflite"), ids)
    np.testing.assert_allclose(said, model.predict(ids, verbose=0), atol=1e-5)


def test_litert_refuses_a_loop_that_is_too_long():
    module = formats.get("litert")
    reason = module.refusal(kerazoo.build("text_lstm", input_shape=(600,), vocabulary=50))
    assert "600 steps" in reason and str(module.MOST_STEPS) in reason
    reason = module.refusal(
        keras.Sequential([keras.Input((None, 2)), keras.layers.GRU(3)], name="any_length")
    )
    assert "not fixed" in reason


def test_refusal_is_status_2(command, in_tmp, monkeypatch):
    monkeypatch.setattr(formats.get("litert"), "MOST_STEPS", 2)
    status, _, err = command("export", "stacked_lstm@sine", "--format", "litert")
    assert status == 2 and "loops over 6 steps" in err and not list(in_tmp.iterdir())


def test_onnx_refuses_what_is_not_float32():
    x = keras.Input((3,))
    half = keras.Model(x, keras.layers.Dense(2, dtype="mixed_float16")(x))
    assert "float16" in formats.get("onnx").refusal(half)


def test_copy_keeps_weights_and_the_original(in_tmp):
    model = kerazoo.build("linear_regression", weights="diabetes")
    x = kerazoo.load_data("diabetes").test.x
    before = model.predict(x, verbose=0)
    copy = _copies.copy_for_conversion(model)
    assert any(isinstance(layer, keras.layers.Normalization) for layer in copy.layers)
    np.testing.assert_allclose(copy.predict(x, verbose=0), before, rtol=1e-5)
    copy.set_weights([w * 0 for w in copy.get_weights()])
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)


def test_model_of_several_networks_without_a_generator_is_refused():
    parts = SimpleNamespace(networks={"encoder": None, "decoder": None})
    assert set(networks_of(parts)) == {"encoder", "decoder"}
    trained = exporting.Trained("x", registry.get_entry(SMALL), parts, few_reviews(), None)
    with pytest.raises(kerazoo.KerazooError, match="encoder, decoder"):
        exporting._exported_network(trained)


def test_looking_up_a_format_imports_nothing_heavy():
    code = (
        "import sys; from kerazoo.cli.main import main; "
        "assert main(['export', 'mlp@digits', '--format', 'onx']) == 2; "
        "assert not {'keras', 'tensorflow', 'onnx', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)
