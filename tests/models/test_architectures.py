"""Architectures against their papers: parameter counts, shapes, and what can be built."""

from __future__ import annotations

import json
import re

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.models import lenet5, resnet


def trainable(model) -> int:
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


# He et al. 2015, table 6: millions of parameters.
@pytest.mark.parametrize(
    ("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)]
)
def test_cifar_resnets_have_the_published_size(depth, millions):
    model = kerazoo.build(f"resnet{depth}")
    digits = 1 if millions > 1 else 2
    assert round(trainable(model) / 1e6, digits) == millions
    kernels = [w for w in model.trainable_weights if w.name == "kernel"]
    assert len(kernels) == depth, "layers with weights"


@pytest.mark.parametrize(
    "depth", [8, 20, *(pytest.param(d, marks=pytest.mark.slow) for d in (32, 44, 56, 110))]
)
def test_cifar_resnets_take_a_training_step(depth):
    model = kerazoo.build(f"resnet{depth}")
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    random = np.random.RandomState(0)
    before = model.get_weights()[0].copy()
    loss = model.train_on_batch(random.randint(0, 256, (4, 32, 32, 3)), np.array([0, 1, 2, 3]))
    assert np.isfinite(loss) and not np.array_equal(before, model.get_weights()[0])


def test_lenet5_has_the_papers_sixty_thousand_parameters():
    """LeCun et al. 1998, section II.B, layer by layer."""
    model = kerazoo.build("lenet5")
    count = {layer.name: layer.count_params() for layer in model.layers}
    assert count["c1"] == 156 and count["s2"] == 12 and count["s4"] == 32
    assert sum(n for name, n in count.items() if name.startswith("c3_")) == 1_516
    assert count["c5"] == 48_120 and count["f6"] == 10_164
    assert trainable(model) - count["classifier"] == 60_000
    assert sum(len(maps) for maps in lenet5.C3_INPUTS) == 60
    assert model.get_layer("c5").output.shape[1:] == (1, 1, 120)


def smallest_stated():
    """The smallest picture that a factory's documentation says it takes, by model."""
    docs = {name: registry.get_model(name).factory.__doc__ for name in registry.list_models()}
    found = {name: re.search(r"at least\s+(\d+) × (\d+)", doc) for name, doc in docs.items()}
    return {name: (int(m[1]), int(m[2])) for name, m in found.items() if m}


def test_most_picture_models_state_the_smallest_picture():
    assert set(smallest_stated()) >= {"lenet5", "mnist_cnn", "mnist_cnn_deep", "resnet_block"}


@pytest.mark.parametrize("name", smallest_stated())
def test_the_smallest_picture_is_the_one_that_is_stated(name):
    height, width = smallest_stated()[name]
    assert kerazoo.build(name, input_shape=(height, width, 1)).output_shape == (None, 10)
    for shape in ((height - 1, width, 1), (height, width - 1, 1)):
        with pytest.raises(kerazoo.KerazooError, match="too small"):
            kerazoo.build(name, input_shape=shape)


def test_mlp_of_any_size():
    assert kerazoo.build("mlp").count_params() == 669_706
    textbook = kerazoo.build("mlp", input_shape=(2,), hidden=(3,), outputs=1, activation="tanh")
    assert trainable(textbook) == 2 * 3 + 3 + 3 + 1
    assert textbook.output_shape == (None, 1)
    linear = kerazoo.build("mlp", input_shape=(5,), hidden=(), classes=3)
    assert trainable(linear) == 18
    for hidden in ((0,), (3.5,), (True,)):
        with pytest.raises(kerazoo.KerazooError, match="hidden"):
            kerazoo.build("mlp", hidden=hidden)
    with pytest.raises(kerazoo.KerazooError, match="outputs is 0"):
        kerazoo.build("mlp", outputs=0)


def test_mlp_learns_xor_from_plain_fit():
    """2-3-1 on the textbook's problem, with nothing but Keras."""
    keras.utils.set_random_seed(3)
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    y = np.array([[0], [1], [1], [0]], "float32")
    model = kerazoo.build(
        "mlp", input_shape=(2,), hidden=(3,), outputs=1, activation="tanh", dropout=0.0
    )
    model.compile(keras.optimizers.Adam(0.1), "mse", jit_compile=False)
    for _ in range(300):
        model.train_on_batch(x, y)
    assert (model.predict_on_batch(x).round() == y).all()


@pytest.mark.parametrize("option", ["A", "B"])
def test_residual_block_is_the_identity_when_its_branch_is_zero(option):
    inputs = keras.Input((7, 9, 4))
    model = keras.Model(inputs, kerazoo.residual_block(inputs, 4, option=option))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    x = np.random.RandomState(0).uniform(0, 1, (2, 7, 9, 4)).astype("float32")
    np.testing.assert_allclose(model.predict_on_batch(x), x, atol=1e-6)


def test_option_a_has_no_parameters_and_leaves_out_places():
    inputs = keras.Input((5, 6, 3))
    model = keras.Model(inputs, resnet.shortcut_a(inputs, 8, 2, "s"))
    assert model.count_params() == 0 and model.output_shape == (None, 3, 3, 8)
    x = np.random.RandomState(0).uniform(size=(1, 5, 6, 3)).astype("float32")
    out = model.predict_on_batch(x)
    np.testing.assert_array_equal(out[..., 2:5], x[:, ::2, ::2])
    assert not out[..., :2].any() and not out[..., 5:].any()


def test_option_b_projects():
    a, b = (trainable(kerazoo.build("resnet8", option=option)) for option in "AB")
    assert b - a == 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64, "two projections, each normalised"
    assert trainable(kerazoo.build("resnet8")) == b, "resnet8's own"
    assert f"{b:,} trainable" in kerazoo.models.resnet.resnet8.__doc__


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("dcgan", {"input_shape": (28, 28)}, "it takes .height, width, channels."),
        ("dcgan", {"latent": 0}, "latent is 0; it must be a whole number from 1 up"),
        ("mlp", {"input_shape": (28, 28)}, r"it takes .columns,. or .height, width, channels."),
        ("mlp", {"hidden": (8, 0)}, "hidden is 0"),
        ("linear_regression", {"input_shape": (3, 4)}, "it takes .columns,."),
        ("stacked_lstm", {"units": ()}, "units is empty"),
        ("text_cnn", {"windows": ()}, "give the width of one convolution or more"),
        ("text_cnn", {"windows": (2, 2)}, "each once"),
        ("text_cnn", {"windows": 3}, r"a list of whole numbers: \[3\]"),
        ("mlp", {"hidden": 3}, "hidden=3; give a list"),
        ("stacked_lstm", {"units": 50}, "units=50; give a list"),
        ("stacked_lstm", {"segment": 2.0}, "segment is 2.0"),
        ("stacked_lstm", {"per_column": "no"}, "per_column='no'; give True or False"),
        ("linear_regression", {"standardise": "no"}, "give True or False"),
        ("mlp", {"natural_outputs": True}, "give outputs too"),
        ("lenet5", {"classes": 1}, "1 for every example"),
    ],
)
def test_options_that_no_model_can_be_built_of(name, options, says):
    with pytest.raises(kerazoo.KerazooError, match=says):
        kerazoo.build(name, **options)


@pytest.mark.parametrize("name", ["MemoryError", "ResourceExhaustedError", "OutOfMemoryError"])
def test_a_model_too_large_for_the_memory_is_said(name, private_registry):
    def colossus(width=8):
        """Takes all there is."""
        raise MemoryError if name == "MemoryError" else type(name, (Exception,), {})

    entry = kerazoo.Entry(dataset="digits", recipe=kerazoo.Recipe(epochs=1))
    kerazoo.register_model(entries=[entry], citation="@misc{none}")(colossus)
    with pytest.raises(kerazoo.KerazooError, match=r"colossus\(width=9\) is too large"):
        kerazoo.build("colossus", width=9)


def test_numbers_of_numpy_are_numbers_too():
    model = kerazoo.build("mnist_cnn_small", classes=np.int64(7), input_shape=(np.int32(9), 9, 1))
    assert model.output_shape == (None, 7)
    keras.Model.from_config(json.loads(json.dumps(model.get_config())))
    model = kerazoo.build("stacked_lstm", units=np.array([3, 4]), per_column=np.False_)
    assert [model.get_layer(f"lstm{i}").units for i in (1, 2)] == [3, 4]
    inputs = keras.Input((8, 8, 2))
    assert kerazoo.residual_block(inputs, np.int8(6), stride=np.int64(2)).shape == (None, 4, 4, 6)


def test_one_output_is_a_class_where_it_is_no_share():
    assert kerazoo.build("mlp", classes=1, classifier_activation="sigmoid").output_shape == (
        None,
        1,
    )


def test_channels_first_is_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        for ask in (
            lambda: kerazoo.build("resnet8"),
            lambda: kerazoo.residual_block(keras.Input((2, 8, 8)), 6),
        ):
            with pytest.raises(kerazoo.KerazooError, match="set to channels_first"):
                ask()
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("nothing", [None, 5, ["mnist_cnn"]])
@pytest.mark.parametrize(
    "ask", [kerazoo.build, kerazoo.load_data, kerazoo.train, kerazoo.verify, kerazoo.evaluate,
            kerazoo.sample, kerazoo.predictor, lambda x: kerazoo.export(x, "keras"),
            lambda x: kerazoo.finetune(x, "photos")],
)  # fmt: skip
def test_what_is_no_name_is_said(ask, nothing):
    with pytest.raises(kerazoo.KerazooError, match="give"):
        ask(nothing)


def test_residual_block_refuses_what_it_cannot_do():
    with pytest.raises(kerazoo.KerazooError, match=r"tensor .n, height, width, channels"):
        kerazoo.residual_block(keras.Input((8,)), 16)
    for strange in (keras.Input((8, 8, None)), [1.0]):
        with pytest.raises(kerazoo.KerazooError, match="channels are known"):
            kerazoo.residual_block(strange, 16)
    with pytest.raises(kerazoo.KerazooError, match="stride is 0"):
        kerazoo.residual_block(keras.Input((8, 8, 16)), 16, stride=0)
    inputs = keras.Input((8, 8, 16))
    with pytest.raises(kerazoo.KerazooError, match="option is 'C'"):
        kerazoo.residual_block(inputs, 16, option="C")
    with pytest.raises(kerazoo.KerazooError, match="adds channels"):
        kerazoo.residual_block(inputs, 8)


def test_stacked_lstm_is_shift_invariant_if_it_subtracts_the_last_value():
    model = kerazoo.build("stacked_lstm", input_shape=(12, 2), horizon=3, targets=2,
                          subtract_last=True, per_column=True, segment=4)  # fmt: skip
    x = np.random.RandomState(0).normal(size=(2, 12, 2)).astype("float32")
    level = np.array([5.0, -3.0], "float32")
    shifted = model.predict_on_batch(x + level)
    np.testing.assert_allclose(shifted, model.predict_on_batch(x) + level, atol=1e-4)


def test_stacked_lstm_per_column_sees_each_column_alone():
    model = kerazoo.build(
        "stacked_lstm", input_shape=(12, 2), horizon=3, targets=2, per_column=True
    )
    x = np.random.RandomState(0).normal(size=(1, 12, 2)).astype("float32")
    other = x.copy()
    other[..., 1] += 1
    one, two = model.predict_on_batch(x), model.predict_on_batch(other)
    np.testing.assert_allclose(one[..., 0], two[..., 0], atol=1e-6)
    swapped = model.predict_on_batch(x[..., ::-1])
    np.testing.assert_allclose(swapped, one[..., ::-1], atol=1e-6)


def test_stacked_lstm_refuses_what_does_not_fit():
    with pytest.raises(kerazoo.KerazooError, match="must divide"):
        kerazoo.build("stacked_lstm", input_shape=(10, 1), segment=3)
    with pytest.raises(kerazoo.KerazooError, match="as many targets"):
        kerazoo.build("stacked_lstm", input_shape=(10, 3), targets=1, subtract_last=True)
    with pytest.raises(kerazoo.KerazooError, match="horizon is 0"):
        kerazoo.build("stacked_lstm", horizon=0)


@pytest.mark.parametrize(
    "name", ["linear_regression@make_regression", "linear_regression@diabetes"]
)
def test_linear_regression_reaches_the_closed_form(name):
    """The recorded figures; the closed form is computed by another route (scikit-learn)."""
    from sklearn.linear_model import LinearRegression

    from kerazoo import registry
    from kerazoo.evidence import reference as evidence
    from kerazoo.training.loop import training_split

    entry = registry.get_entry(name)
    data = kerazoo.load_data(entry.dataset)
    train = training_split(data, entry.recipe)
    closed = LinearRegression().fit(train.x, train.y).score(data.test.x, data.test.y)
    reference = evidence.read(entry).tiers["full"]
    assert reference.limits["least_squares"] == pytest.approx(closed, abs=1e-6)
    assert all(abs(run.value - closed) < 1e-3 for run in reference.runs)
