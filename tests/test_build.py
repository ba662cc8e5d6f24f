"""Building models: weights are loaded or named as unfit, and features come out where asked."""

from __future__ import annotations

import contextlib
import os
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.exporting import formats
from kerazoo.exporting.plan import plan_export
from kerazoo.predicting.trained import open_trained
from kerazoo.pretrained import _features, transfer
from tests.user_data import KINDS


def test_other_classes_than_those_of_the_entry_have_a_fresh_last_layer_and_a_line_says_so(capsys):
    trained, net = kerazoo.build("mlp@digits"), kerazoo.build("mlp", weights="digits", classes=3)
    assert net.output_shape == (None, 3) and "classifier" in capsys.readouterr().err
    names = [layer.name for layer in net.layers if layer.weights and layer.name != "classifier"]
    assert names
    for name in names:
        for a, b in zip(net.get_layer(name).weights, trained.get_layer(name).weights, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_weights_of_a_run_whatever_keras_named_its_layers(whole, private_zoo, in_tmp):
    run = kerazoo.load_run(whole)
    for net in (kerazoo.build("bar_net", weights=run), kerazoo.build("bar_net", weights=whole)):
        np.testing.assert_equal(net.get_weights(), run.model.get_weights())
    assert kerazoo.build("bar_net", weights=run, classes=5).output_shape == (None, 5)
    with pytest.raises(kerazoo.KerazooError):
        kerazoo.build("mlp", weights=run)


@pytest.mark.skipif(
    os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow", reason="strings of a table"
)
@pytest.mark.parametrize(
    ("kind", "other"), [("images", "classes"), ("table", "classes"), ("series", "horizon")]
)
def test_with_a_run_on_user_data_a_model_takes_such_data(tuned, kind, other):
    """Whole, as features and with another last layer: dark strokes, raw rows, natural units."""
    import tensorflow as tf

    run, name = tuned(kind), KINDS[kind][2]
    trained = open_trained(run)
    plan, x = plan_export(trained, formats.get("keras")), trained.data.test.x[:5]
    raw = keras.tree.map_structure(tf.constant, plan.to_inputs(x))
    found = plan.to_outputs(kerazoo.build(name, weights=run)(raw).numpy())
    close = {"rtol": 1e-4, "atol": plan.rounding + 1e-5}
    np.testing.assert_allclose(found, trained.core(x).numpy(), **close)
    assert kerazoo.build(name, weights=run, **{other: 5})(raw).shape[1] == 5
    for options in ({}, {other: 5}) if kind != "series" else ():  # they have a path around
        features = kerazoo.build(name, weights=run, include_top=False, **options)
        expected = _features(trained.core, None)(x).numpy()
        np.testing.assert_allclose(features(raw).numpy(), expected, **close)


@pytest.mark.parametrize(
    ("name", "pooling"),
    [("mlp@digits", None), ("resnet_block@digits", "avg"), ("text_cnn@imdb", "max")],
)
def test_without_its_classifier_a_model_gives_features(name, pooling):
    """Pooled as the model does, they are what the classifier takes."""
    whole, vectors = kerazoo.build(name), kerazoo.build(name, include_top=False, pooling=pooling)
    x = np.random.RandomState(0).randint(0, 256, (2, *whole.input_shape[1:]))
    last = whole.get_layer("classifier")
    outputs = whole(x).numpy()
    np.testing.assert_allclose(last(vectors(x)).numpy(), outputs, atol=1e-5)
    places = kerazoo.build(name, include_top=False)(x).numpy()
    means = kerazoo.build(name, include_top=False, pooling="avg")(x).numpy()
    axes = tuple(range(1, places.ndim - 1))
    np.testing.assert_allclose(places.mean(axis=axes) if axes else places, means, atol=1e-4)


@pytest.mark.parametrize("name", kerazoo.list_models())
def test_features_of_every_model(name):
    # Two networks without a classifier, and outputs that do not all pass the last layer.
    none = name in ("dcgan", "rectified_flow", "sparse_forecaster", "vae")
    with pytest.raises(kerazoo.KerazooError) if none else contextlib.nullcontext():
        net = kerazoo.build(name, include_top=False, pooling="avg")
        assert net.output_shape[0] is None and len(net.output_shape) == 2


def test_weights_that_fit_are_taken_also_by_a_network_inside_the_generator():
    small = {"filters": (8, 8), "blocks": 1, "units": 4, "steps": 2}
    shapes = (8, 8, 1), (8, 8, 3)
    gray, color = (kerazoo.build("rectified_flow", input_shape=s, **small) for s in shapes)
    moved = transfer(color, SimpleNamespace(core=gray, source="gray"))
    assert set(moved.fresh) == {"in", "change"} and "share" in moved.taken
    ours, theirs = (net.velocity.get_layer("share").get_weights() for net in (color, gray))
    np.testing.assert_equal(ours, theirs)


def test_build_loads_a_weights_file(in_tmp):
    source = kerazoo.build("mnist_cnn_small", classes=3)
    source.save_weights("mine.weights.h5")
    loaded = kerazoo.build("mnist_cnn_small", classes=3, weights="mine.weights.h5")
    np.testing.assert_array_equal(source.get_weights()[0], loaded.get_weights()[0])
    with pytest.raises(kerazoo.KerazooError):
        kerazoo.build("mnist_cnn_small", classes=4, weights=in_tmp / "mine.weights.h5")
    (in_tmp / "mine.weights.h5").write_bytes(b"broken")
    with pytest.raises(kerazoo.KerazooError):
        kerazoo.build("mnist_cnn_small", classes=3, weights="mine.weights.h5")
