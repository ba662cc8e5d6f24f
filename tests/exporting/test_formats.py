"""Each format by itself: what it writes, how its runtime reads it, and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.exporting import formats
from kerazoo.exporting.certify import in_batches
from kerazoo.exporting.formats import _copies


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


def test_litert_of_a_loop_with_padding_has_builtin_operations_only(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    x = keras.Input((4,), dtype="int32")
    steps = keras.layers.Embedding(50, 3, mask_zero=True)(x)
    forth_and_back = keras.layers.Bidirectional(keras.layers.LSTM(2))
    model = keras.Model(x, forth_and_back(steps))
    litert, path = formats.get("litert"), tmp_path / "m.tflite"
    assert litert.refusal(model) is None and litert.write(model, path)
    found = {op["op_name"] for op in Interpreter(str(path))._get_ops_details()}
    assert found and not [name for name in found if name.startswith("Flex") or name == "WHILE"]
    ids = np.random.RandomState(0).randint(1, 50, (9, 4)).astype(np.int32)
    ids[1, 3:] = ids[2, 1:] = ids[3] = 0
    outputs = in_batches(litert.load(path), ids)
    np.testing.assert_allclose(outputs, model.predict(ids, verbose=0), atol=1e-5)
    assert not forth_and_back.forward_layer.unroll, "the model stays as it is"


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
    for steps in (600, None):
        assert litert.refusal(keras.Sequential([keras.Input((steps, 2)), keras.layers.GRU(3)]))


def test_onnx_refuses_other_types_than_float32():
    x = keras.Input((3,))
    half = keras.Model(x, keras.layers.Dense(2, dtype="mixed_float16")(x))
    assert "float16" in formats.get("onnx").refusal(half)
