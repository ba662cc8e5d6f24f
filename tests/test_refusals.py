"""Calls that cannot work: each is an error that names what is wrong, or what is near."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import KerazooError

# What a call's error has to show.
REFUSED = {
    # What a model is built of.
    'build("mnist_cnn", classes=0)': ("classes",),
    'build("mnist_cnn", classes=2.5)': ("classes",),
    'build("mnist_cnn", input_shape=(28, 0, 1))': ("input_shape",),
    'build("mnist_cnn", input_shape=28)': ("input_shape",),
    'build("mnist_cnn", input_shape=(2, 2, 1))': ("too small",),
    'build("mnist_cnn", input_shape=(32, 32))': ("channels",),
    'build("mnist_cnn", **{"class": 3})': ("class",),
    'build("mnist_cnn", classifier_activation="sofmax")': ("sofmax",),
    'build("mlp", clases=3)': ("'classes'",),
    'build("mlp", input_shape=(28, 28))': ("mlp", "input_shape"),
    'build("mlp", hidden=(8, 0))': ("mlp", "hidden"),
    'build("mlp", hidden=(3.5,))': ("mlp", "hidden"),
    'build("mlp", hidden=(True,))': ("mlp", "hidden"),
    'build("mlp", hidden=3)': ("mlp", "hidden"),
    'build("mlp", outputs=0)': ("mlp", "outputs"),
    'build("mlp", natural_outputs=True)': ("mlp", "natural_outputs"),
    'build("linear_regression", input_shape=(3, 4))': ("linear_regression", "input_shape"),
    'build("linear_regression", standardize="no")': ("linear_regression", "standardize"),
    'build("dcgan", input_shape=(28, 28))': ("dcgan", "input_shape"),
    'build("dcgan", latent=0)': ("dcgan", "latent"),
    'build("vae", input_shape=(28, 28))': ("vae", "input_shape"),
    'build("vae", filters=0)': ("vae", "filters"),
    'build("rectified_flow", filters=(32,))': ("rectified_flow", "filters"),
    'build("rectified_flow", steps=0)': ("rectified_flow", "steps"),
    'build("stacked_lstm", units=())': ("stacked_lstm", "units"),
    'build("stacked_lstm", units=50)': ("stacked_lstm", "units"),
    'build("stacked_lstm", segment=2.0)': ("stacked_lstm", "segment"),
    'build("stacked_lstm", segment=7)': ("stacked_lstm", "segment"),
    'build("stacked_lstm", per_column="no")': ("stacked_lstm", "per_column"),
    'build("stacked_lstm", per_column=True, input_shape=(10, 3))': ("stacked_lstm", "per_column"),
    'build("stacked_lstm", targets=2, input_shape=(10, 1))': ("stacked_lstm", "targets"),
    'build("stacked_lstm", horizon=0)': ("stacked_lstm", "horizon"),
    'build("text_cnn", windows=())': ("text_cnn", "windows"),
    'build("text_cnn", windows=(2, 2))': ("text_cnn", "windows"),
    'build("text_cnn", windows=3)': ("text_cnn", "windows"),
    'build("small_vgg", filters=())': ("small_vgg", "filters"),
    'build("mnist_cnn_tiny", filters=())': ("mnist_cnn_tiny", "filters"),
    'build("strided_cnn", filters=())': ("strided_cnn", "filters"),
    'build("strided_cnn", units=0)': ("strided_cnn", "units"),
    'build("lenet5", classes=1)': ("lenet5", "classes"),
    'build("nb_svm", vocabulary=40_000)': ("nb_svm", "vocabulary"),
    'build("nb_svm", ngrams=0)': ("nb_svm", "ngrams"),
    'build("nb_svm", ngrams=6)': ("nb_svm", "ngrams"),
    "resnet(2)": ("resnet", "depth"),
    "resnet(9)": ("resnet", "depth"),
    "resnet(20.5)": ("resnet", "depth"),
    "residual_block(keras.Input((8,)), 16)": ("residual_block", "(None, 8)"),
    "residual_block(keras.Input((8, 8, None)), 16)": ("residual_block", "(None, 8, 8, None)"),
    "residual_block(keras.Input((8, 8, 16)), 16, stride=0)": ("residual_block", "stride"),
    'residual_block(keras.Input((8, 8, 16)), 16, option="C")': ("residual_block", "'C'"),
    'residual_block(keras.Input((8, 8, 16)), 8, option="A")': ("residual_block", "filters=8"),
    # Weights.
    'build("mnist_cnn", weights="mnit")': ("'mnist'",),
    'build("mnist_cnn", weights="nowhere.weights.h5")': ("nowhere.weights.h5",),
    'build("mnist_cnn", weights="digits", input_shape=(32, 32, 1), classes=9)': ("classes=9",),
    'build("mnist_cnn", weights=True)': ("True",),
    'build("mnist_cnn@digits", weights="mnist")': ("mnist_cnn",),
    'build("mnist_cnn", weights="digits", input_shape=[32, 32, 1])': ("(28, 28, 1)",),
    'build("text_cnn", weights="imdb", width=16)': ("width=16",),
    'build("stacked_lstm", weights="etth1", segment=24)': ("segment=48",),
    "load_run(True)": ("True",),
    # Windows of a series.
    'load_data("sine", lookback=5_000)': ("lookback of 5000",),
    'load_data("sine", lookback=0)': ("lookback",),
    'load_data("sine", lookback=True)': ("lookback",),
    'load_data("sine", horizon=2_000)': ("horizon of 2000",),
    'load_data("sine", horizon=2.5)': ("horizon",),
    'load_data("digits", lookback=3)': ("'digits'", "lookback"),
    # Training.
    'train("mlp@digits", epoch=1)': ("'epochs'",),
    'train("mlp@digits", early_stopping=1)': ("finetune",),
    'verify("mlp@digits", seed=1)': ("'seeds'",),
    'finetune("mlp", "photos", weight=None)': ("photos",),
    'compile_model("mlp", kerazoo.recipe_of("mlp"), 3)': ("kerazoo.build",),
    # Predictions and generated images.
    'predict("mlp@digits", [], inverted="yes")': ("'invert'",),
    'predictor("stacked_lstm@sine")': ("stacked_lstm@sine",),
    'predictor("dcgan@digits")': ("dcgan@digits",),
    'predictor("linear_regression")': ("linear_regression",),
    'explain("mnist_cnn_small@digits", np.zeros((28, 28)), label="ten")': ("'ten'",),
    'explain("mnist_cnn_small@digits", np.zeros((13, 28, 28, 1)))': ("12", "13"),
    'explain("dcgan@digits", np.zeros((28, 28)))': ("dcgan@digits",),
    'explain("text_cnn@imdb", np.zeros((28, 28)))': ("text_cnn@imdb",),
    'sample("dcgan@digits", 0)': ("n is 0",),
    'sample("dcgan@digits", 10**7)': ("n is 10000000",),
    'sample("dcgan@digits", 2.5)': ("n is 2.5",),
    'sample("dcgan@digits", seed=-1)': ("seed",),
    'sample("dcgan@digits", latents=np.zeros((3, 7)))': ("latents",),
    'sample("dcgan@digits", latents=np.full((1, 100), np.nan))': ("latents",),
    'sample("dcgan@digits", latents="noise")': ("latents",),
    'sample("dcgan@digits", latents=np.ones((1, 100), complex))': ("latents",),
}


@pytest.mark.parametrize("call", REFUSED)
def test_a_call_that_cannot_work_names_what_is_wrong(call, in_tmp):
    with pytest.raises(KerazooError) as error:
        eval(f"kerazoo.{call}", {"kerazoo": kerazoo, "keras": keras, "np": np})
    message = str(error.value)
    assert all(name in message for name in REFUSED[call]), message
    assert ("too small" in message) == (REFUSED[call] == ("too small",))
    assert not list(in_tmp.iterdir())
