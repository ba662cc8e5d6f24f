"""Each format by itself: what it writes, how its runtime reads it, and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import _text as text
from kerazoo.datasets import imdb
from kerazoo.exporting import formats
from kerazoo.exporting.certify import in_batches
from kerazoo.exporting.formats import _copies


def text_lstm(length):
    return kerazoo.build("text_lstm", input_shape=(length,), vocabulary=50)


def test_a_new_format_is_one_new_file():
    folder = formats.__path__[0]
    assert formats.names() == ["keras", "litert", "onnx", "saved_model"]
    for name in formats.names():
        module = type(formats.get(name)).__module__
        assert sys.modules[module].__file__.startswith(folder)


def test_a_missing_package_is_an_error(monkeypatch):
    monkeypatch.setattr(formats.get("onnx"), "packages", ("onnx", "no_such_package"))
    with pytest.raises(kerazoo.KerazooError, match="no_such_package"):
        formats.get("onnx")


def test_other_backends_write_keras_only(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    for name in ("litert", "onnx", "saved_model"):
        with pytest.raises(kerazoo.KerazooError, match="KERAS_BACKEND=tensorflow"):
            formats.get(name)
    assert formats.get("keras").any_backend


def test_an_unknown_format_imports_nothing_heavy():
    code = (
        "import sys; from kerazoo.cli.main import main; "
        "assert main(['export', 'mlp@digits', '--format', 'onx']) == 2; "
        "assert not {'keras', 'tensorflow', 'onnx', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "format"), [("lenet5", "litert"), ("resnet8", "onnx")])
def test_architectures_without_bundled_weights_convert(name, format, tmp_path):
    model, chosen = kerazoo.build(name), formats.get(format)
    path = tmp_path / f"m{chosen.suffix}"
    assert chosen.refusal(model) is None
    chosen.write(model, path)
    shape = (20, *model.input_shape[1:])
    x = np.random.RandomState(0).randint(0, 256, shape).astype(np.float32)
    outputs = in_batches(chosen.load(path), x)
    np.testing.assert_allclose(outputs, model.predict(x, verbose=0), atol=1e-5)


def test_a_copy_has_the_weights_and_leaves_the_original():
    model = kerazoo.build("linear_regression", weights="diabetes")
    x = kerazoo.load_data("diabetes").test.x
    before = model.predict(x, verbose=0)
    copy = _copies.copy_for_conversion(model)
    np.testing.assert_allclose(copy.predict(x, verbose=0), before, rtol=1e-5)
    copy.set_weights([w * 0 for w in copy.get_weights()])
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)


def test_an_unrolled_copy_gives_the_same_with_padding_in_both_directions():
    model = text_lstm(6)
    copy = _copies.copy_for_conversion(model)
    _copies.unroll(copy)
    assert [_copies.steps_of(layer) for layer in _copies.recurrent_layers(copy)] == [6, 6]
    ids = np.random.RandomState(0).randint(1, 50, (4, 6)).astype(np.int32)
    ids[1, 4:] = ids[2, 1:] = ids[3] = 0
    outputs = copy.predict(ids, verbose=0)
    np.testing.assert_allclose(outputs, model.predict(ids, verbose=0), atol=1e-6)
    assert not any(layer.unroll for layer in _copies.recurrent_layers(model))


def test_litert_of_a_loop_has_builtin_operations_only(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    litert, path, model = formats.get("litert"), tmp_path / "m.tflite", text_lstm(3)
    assert litert.refusal(model) is None
    assert litert.write(model, path)
    found = {op["op_name"] for op in Interpreter(str(path))._get_ops_details()}
    assert found and not [name for name in found if name.startswith("Flex") or name == "WHILE"]
    ids = np.random.RandomState(0).randint(0, 50, (9, 3)).astype(np.int32)
    outputs = in_batches(litert.load(path), ids)
    np.testing.assert_allclose(outputs, model.predict(ids, verbose=0), atol=1e-5)


def test_litert_takes_transposed_convolutions_one_example_at_a_time(tmp_path):
    litert, path = formats.get("litert"), tmp_path / "m.tflite"
    x = keras.Input((2, 2, 3))
    model = keras.Model(x, keras.layers.Conv2DTranspose(4, 3, strides=2)(x))
    assert litert.write(model, path)
    x = np.random.RandomState(0).normal(size=(12, 2, 2, 3)).astype(np.float32)
    outputs = in_batches(litert.load(path), x)
    np.testing.assert_allclose(outputs, model.predict(x, verbose=0), atol=1e-5)


def test_litert_refuses_loops_that_are_too_long():
    litert = formats.get("litert")
    assert "600" in litert.refusal(text_lstm(600))
    assert litert.refusal(keras.Sequential([keras.Input((None, 2)), keras.layers.GRU(3)]))


def test_onnx_refuses_other_types_than_float32():
    x = keras.Input((3,))
    half = keras.Model(x, keras.layers.Dense(2, dtype="mixed_float16")(x))
    assert "float16" in formats.get("onnx").refusal(half)


TEXTS = [
    "What a film!<br /><br />It's GREAT -- isn't it?",
    "naïve café, 10/10; don't miss\tit",
    "",
    "a boring, boring waste of time " * 100,
    "zyzzxq unheard words",
]


def test_saved_model_takes_raw_texts(tmp_path):
    import tensorflow as tf

    known = text.read_vocabulary(imdb.VOCABULARY)[:4000]
    model = kerazoo.build("text_cnn", input_shape=(50,), vocabulary=len(known) + text.FIRST)
    formats.get("saved_model").write(model, tmp_path / "out", known)
    serve = tf.saved_model.load(tmp_path / "out").signatures
    outputs = serve["serve_texts"](texts=tf.constant(TEXTS))["output_0"]
    ids = text.encode(TEXTS, known, 50)
    np.testing.assert_allclose(outputs, model.predict(ids, verbose=0), atol=1e-6)
    by_ids = serve["serving_default"](**{model.inputs[0].name: tf.constant(ids)})["output_0"]
    np.testing.assert_allclose(by_ids, outputs, atol=1e-6)
