"""Building models: options that cannot be are refused, weights are loaded or named as unfit."""

from __future__ import annotations

import numpy as np
import pytest

import kerazoo


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"classes": 0}, "classes"),
        ({"classes": 2.5}, "classes"),
        ({"input_shape": (28, 0, 1)}, "input_shape"),
        ({"input_shape": (2, 2, 1)}, "too small"),
        ({"input_shape": 28}, "input_shape"),
        ({"class": 3}, "class"),
        ({"classifier_activation": "sofmax"}, "sofmax"),
        ({"weights": "mnit"}, "'mnist'"),
        ({"weights": "nowhere.weights.h5"}, "nowhere.weights.h5"),
        ({"weights": "digits", "classes": 26}, "classes=26"),
        ({"weights": "digits", "input_shape": [32, 32, 1], "classes": 10}, "(28, 28, 1)"),
    ],
)
def test_build_refuses_what_cannot_be(options, shown):
    with pytest.raises(kerazoo.KerazooError) as error:
        kerazoo.build("mnist_cnn", **options)
    assert shown in str(error.value)
    assert ("too small" in str(error.value)) == (shown == "too small")


@pytest.mark.parametrize(
    ("model", "options", "shown"),
    [
        ("text_cnn", {"weights": "imdb", "width": 16}, "width=16"),
        ("stacked_lstm", {"weights": "etth1", "horizon": 12}, "horizon=24"),
    ],
)
def test_weights_that_do_not_fit_name_the_option_that_differs(model, options, shown):
    with pytest.raises(kerazoo.KerazooError) as error:
        kerazoo.build(model, **options)
    assert shown in str(error.value)


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
