"""Each format by itself: outputs of its runtime, and networks that it refuses."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import _text as text
from kerazoo.datasets import imdb
from kerazoo.exporting import formats
from kerazoo.exporting.certify import in_batches
from tests.conftest import raised

TEXTS = [
    "What a film!<br /><br />It's GREAT -- isn't it?",
    "naïve café, 10/10; don't miss\tit",
    "",
    "a boring, boring waste of time " * 100,
    "zyzzxq unheard words",
]


def test_a_missing_package_is_an_error(monkeypatch):
    monkeypatch.setattr(formats.get("onnx"), "packages", ("onnx", "no_such_package"))
    raised(["no_such_package"], formats.get, "onnx")


def test_other_backends_write_keras_only(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    for name in ("litert", "litert_int8", "onnx", "onnx_int8", "saved_model"):
        raised(["KERAS_BACKEND=tensorflow"], formats.get, name)
    assert formats.get("keras").any_backend


def written(format, model, directory, *vocabulary):
    """Path of a model in a format."""
    assert formats.get(format).refusal(model, True) is None
    path = directory / f"m{formats.get(format).suffix}"
    formats.get(format).write(model, path, *vocabulary)
    return path


def check_outputs(format, model, path, x):
    outputs = in_batches(formats.get(format).load(path), x)
    np.testing.assert_allclose(outputs, model(x), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "format"), [("lenet5", "litert"), ("resnet8", "onnx")])
def test_architectures_convert(name, format, tmp_path):
    model = kerazoo.build(name)
    x = np.random.RandomState(0).randint(0, 256, (20, *model.input_shape[1:])).astype(np.float32)
    check_outputs(format, model, written(format, model, tmp_path), x)


def test_litert_of_a_loop_with_padding_has_builtin_operations_only(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    inputs = keras.Input((3,), dtype="int32")
    steps = keras.layers.Embedding(50, 3, mask_zero=True)(inputs)
    both_ways = keras.layers.Bidirectional(keras.layers.SimpleRNN(2))
    model = keras.Model(inputs, both_ways(steps))
    path = written("litert", model, tmp_path)
    found = {op["op_name"] for op in Interpreter(str(path))._get_ops_details()}
    assert found and not [name for name in found if name.startswith("Flex") or name == "WHILE"]
    ids = np.random.RandomState(0).randint(1, 50, (9, 3)).astype(np.int32)
    ids[1, 2:] = ids[2, 1:] = ids[3] = 0
    check_outputs("litert", model, path, ids)
    assert not both_ways.forward_layer.unroll, "the model stays as it is"


def test_saved_model_takes_raw_texts(tmp_path):
    import tensorflow as tf

    known = text.read_vocabulary(imdb.VOCABULARY)[:4000]
    inputs = keras.Input((20,), dtype="int32", name="ids")
    vectors = keras.layers.Embedding(len(known) + text.FIRST, 4)(inputs)
    model = keras.Model(inputs, keras.layers.Flatten()(vectors))
    serve = tf.saved_model.load(written("saved_model", model, tmp_path, known)).signatures
    ids = text.encode(TEXTS, known, 20)
    outputs = serve["serve_texts"](texts=tf.constant(TEXTS))["output_0"]
    np.testing.assert_allclose(outputs, model(ids), atol=1e-6)
    by_ids = serve["serving_default"](ids=tf.constant(ids))["output_0"]
    np.testing.assert_array_equal(by_ids, outputs)


def test_litert_refuses_loops_that_are_too_long():
    litert = formats.get("litert")
    for steps in (600, None):
        loop = keras.Sequential([keras.Input((steps, 2)), keras.layers.GRU(3)])
        assert litert.refusal(loop, True)


def test_onnx_refuses_other_types_than_float32():
    x = keras.Input((3,))
    half = keras.Model(x, keras.layers.Dense(2, dtype="mixed_float16")(x))
    assert "float16" in formats.get("onnx").refusal(half, True)
