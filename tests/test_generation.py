"""Generation: the two nets, their losses, what is measured of samples, and `kerazoo sample`."""

from __future__ import annotations

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kerazoo
from kerazoo import fingerprint, registry
from kerazoo.datasets._cache import load_for
from kerazoo.errors import Diverged
from kerazoo.metrics import METRICS
from kerazoo.spec import Split, networks_of
from kerazoo.tasks import _frechet as frechet
from kerazoo.tasks import _judges as judging
from kerazoo.tasks import generation

SMALL = {"epochs": 3, "train_examples": 64}


@pytest.fixture
def few_samples(monkeypatch):
    """What is tested here does not need ten thousand."""
    monkeypatch.setattr(judging, "SAMPLES", 500)


def features(n=4_000, mean=0.0, scale=1.0, seed=0):
    return np.random.RandomState(seed).normal(mean, scale, (n, 5))


def test_frechet_distance_of_known_gaussians():
    """Of two Gaussians of equal shape it is the squared distance of the means; of two of other
    width, the squared difference of the standard deviations, per dimension."""
    a = features()
    assert frechet.frechet_distance(a, a) == pytest.approx(0, abs=1e-8)
    assert frechet.frechet_distance(a, a + 2) == pytest.approx(5 * 4)
    assert frechet.frechet_distance(a, 3 * a) == pytest.approx(5 * 4, rel=0.1)
    one, two = features(seed=1), features(seed=2, mean=1.0)
    assert frechet.frechet_distance(one, two) == pytest.approx(frechet.frechet_distance(two, one))


def test_frechet_distance_agrees_with_scipys_matrix_root():
    from scipy.linalg import sqrtm

    random = np.random.RandomState(0)
    a = random.normal(size=(500, 6)) @ random.normal(size=(6, 6))
    b = random.normal(size=(400, 6)) @ random.normal(size=(6, 6)) + 1
    ca, cb = np.cov(a.T), np.cov(b.T)
    mean = ((a.mean(0) - b.mean(0)) ** 2).sum()
    expected = mean + np.trace(ca + cb - 2 * sqrtm(ca @ cb).real)
    assert frechet.frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_features_that_never_vary():
    a = np.zeros((50, 3))
    assert frechet.frechet_distance(a, a + 1) == pytest.approx(3)


def test_diversity_falls_when_all_samples_are_alike():
    spread, alike = features(), np.tile(features(n=1), (100, 1))
    assert frechet.mean_distance(alike) == 0
    assert frechet.mean_distance(spread) == pytest.approx(math.sqrt(2 * 5), rel=0.1)


def test_networks_are_the_papers():
    """Radford et al. 2016, section 3: no pooling, no hidden dense layers, batch norm but at the
    generator's output and the discriminator's input, LeakyReLU 0.2."""
    nets = networks_of(kerazoo.build("dcgan"))
    kinds = {name: [type(x).__name__ for x in net.layers] for name, net in nets.items()}
    assert not any("Pooling" in kind for kind in kinds["generator"] + kinds["discriminator"])
    assert kinds["generator"][-3:] == ["Conv2DTranspose", "Activation", "Rescaling"]
    assert kinds["discriminator"][2:4] == ["Conv2D", "LeakyReLU"], "no norm at the input"
    assert kinds["discriminator"][-1] == "Dense"
    leaky = [x for x in nets["discriminator"].layers if isinstance(x, keras.layers.LeakyReLU)]
    assert all(x.negative_slope == pytest.approx(0.2) for x in leaky)
    assert nets["generator"].output_shape == nets["discriminator"].input_shape == (None, 28, 28, 1)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (30, 25, 1)])
def test_dcgan_of_other_shapes(shape):
    model = kerazoo.build("dcgan", input_shape=shape)
    assert model.generator.output_shape[1:] == shape
    pictures = generation.generate(model, generation.latents(model, 2, 0))
    assert pictures.shape == (2, *shape) and pictures.dtype == np.uint8


def test_plain_fit_trains_both_networks():
    keras.utils.set_random_seed(0)
    model = kerazoo.build("dcgan")
    before = {name: fingerprint.of_weights(net) for name, net in networks_of(model).items()}
    model.compile(keras.optimizers.Adam(2e-4, beta_1=0.5), jit_compile=False)
    x = kerazoo.load_data("digits").train.x[:32]
    logs = model.fit(x, batch_size=16, verbose=0).history
    assert set(logs) >= {"d_loss", "g_loss"}
    after = {name: fingerprint.of_weights(net) for name, net in networks_of(model).items()}
    assert all(before[name] != after[name] for name in before)
    assert model(x[:3]).shape == (3, 28, 28, 1)


def test_each_loss_moves_its_own_network_only():
    """The gradient of the discriminator's loss does not reach the generator, nor the reverse."""
    tensorflow = pytest.importorskip("tensorflow")
    if keras.config.backend() != "tensorflow":
        pytest.skip("takes gradients with TensorFlow's tape")
    keras.utils.set_random_seed(0)
    model = kerazoo.build("dcgan")
    judges, draws = model.discriminator, model.generator
    x = kerazoo.load_data("digits").train.x[:8].astype("float32")
    softplus, mean = tensorflow.nn.softplus, tensorflow.reduce_mean
    with tensorflow.GradientTape(persistent=True) as tape:
        fakes = model(x, training=True)
        total = model.compute_loss(x=x, y_pred=fakes, training=True)
        real, fake = judges(x, training=True), judges(fakes, training=True)
        d_loss = (mean(softplus(-real)) + mean(softplus(fake))) / 2
        g_loss = mean(softplus(-fake))
    for net, loss in ((judges, d_loss), (draws, g_loss)):
        for variable in net.trainable_variables:
            ours, alone = (tape.gradient(of, variable.value) for of in (total, loss))
            np.testing.assert_allclose(ours, alone, rtol=1e-3, atol=1e-6, err_msg=variable.path)


def test_collapse_of_the_discriminator_is_reported_as_such(in_tmp, monkeypatch):
    monkeypatch.setattr(generation, "COLLAPSED", 10.0)
    with pytest.raises(Diverged, match="discriminator collapsed: its loss fell to"):
        kerazoo.train("dcgan@digits", out="run", settings=SMALL, progress=False)
    assert generation.Generation().problem({"d_loss": 0.5, "g_loss": 1.0}) is not None
    monkeypatch.undo()
    assert generation.Generation().problem({"d_loss": 0.5, "g_loss": 1.0}) is None
    assert "collapsed" in generation.Generation().problem({"d_loss": 0.0, "g_loss": 30.0})


def test_augmenting_a_generators_pictures_is_refused(in_tmp):
    settings = {**SMALL, "augment_rotate": 5.0}
    with pytest.raises(kerazoo.KerazooError):
        kerazoo.train("dcgan@digits", out="run", settings=settings, progress=False)


def test_baselines_and_floor_lie_in_order(few_samples):
    """Real pictures are nearer to real ones than pixels drawn one by one."""
    entry = registry.get_entry("dcgan@digits")
    data = load_for(entry, entry.recipe)
    told = generation.Generation().baselines(Split(data.train.x, data.train.y), data)
    floor = told.limits["real_against_real"]["fd_mnist_cnn_digits_10k"]
    assert floor < 0.2 * told.naive["independent_pixels"]["fd_mnist_cnn_digits_10k"]
    assert told.limits["real_against_real"]["diversity"] == pytest.approx(1, abs=0.1)


def test_independent_pixels_are_drawn_as_they_were_when_the_references_were_recorded():
    """In one call, which takes more memory."""
    x = kerazoo.load_data("digits").train.x
    flat, random = x.reshape(len(x), -1), np.random.RandomState(0)
    drawn = flat[random.randint(0, len(flat), (50, flat.shape[1])), np.arange(flat.shape[1])]
    ours = generation.independent_pixels(x, 50)
    np.testing.assert_array_equal(ours.reshape(50, -1), drawn)


@pytest.fixture
def discs(private_registry, cache_home):
    """A private dataset that has no judge, and dcgan on it."""

    def draw(n, seed):
        random = np.random.RandomState(seed)
        rows, columns = np.mgrid[:16, :16]
        centre, radius = random.uniform(4, 12, (2, n, 1, 1)), random.uniform(2, 4, (n, 1, 1))
        inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
        x = np.where(inside, random.randint(150, 256, (n, 1, 1)), 0)
        return x[..., None].astype("uint8"), np.zeros(n, "int64")

    @kerazoo.register_dataset(
        task="generation", input_shape=(16, 16, 1), licence="", source="", offline=True
    )
    def discs():
        """Grey discs: uint8 ``(n, 16, 16, 1)``."""
        sizes = {"train": 300, "validation": 50, "test": 60}
        return {name: draw(n, seed) for seed, (name, n) in enumerate(sizes.items())}

    recipe = kerazoo.Recipe(epochs=2, batch_size=50, learning_rate=2e-4, beta_1=0.5)
    entry = kerazoo.Entry(dataset="discs", recipe=recipe)
    about = vars(registry.get_model("dcgan"))
    kerazoo.register_model(entries=[entry], citation=about["citation"])(about["factory"])
    return entry


@pytest.mark.slow
def test_a_generator_is_measured_on_data_without_a_judge(discs, in_tmp):
    done = kerazoo.train("dcgan@discs", out="run", progress=False)
    told = done.metrics
    assert told["metric"] == registry.metric_of(registry.get_entry("dcgan@discs")).name
    assert told["metric"] == "fd_pixels_pca64" in METRICS
    assert told["samples"] == 1_000 and told["components"] == 59, "60 test pictures allow no more"
    assert told["standard_error"] > 0 and set(told["also"]) == {"diversity"}
    assert "class_balance" not in told and "judge" not in told
    assert kerazoo.evaluate("run").same
    data = kerazoo.load_data("discs")
    told = generation.Generation().baselines(data.train, data)
    floor = told.limits["real_against_real"]
    drawn = told.naive["independent_pixels"]
    assert floor["fd_pixels_pca64"] < 0.3 * drawn["fd_pixels_pca64"]
    assert floor["fd_pixels_pca64"] < done.metrics["value"], "two epochs draw no discs"
    assert floor["diversity"] == pytest.approx(1, abs=0.15) and drawn["diversity"] < 0.9
    again = generation.Generation().baselines(data.train, data)
    assert again == told, "nothing is drawn anew"


def test_components_come_from_the_training_split_alone(discs):
    data = kerazoo.load_data("discs")
    other = dataclasses.replace(data, test=Split(255 - data.test.x, data.test.y))
    ours, same = (judging.judge_of(d).look(data.validation.x).features for d in (data, other))
    np.testing.assert_array_equal(ours, same)
    few = dataclasses.replace(data, train=Split(data.train.x[:10], data.train.y[:10]))
    assert judging.judge_of(few).look(data.test.x).features.shape == (60, 9)
    tiny = dataclasses.replace(
        data,
        **{
            name: Split(getattr(data, name).x[:, :2, :2], getattr(data, name).y)
            for name in ("train", "test")
        },
    )
    assert judging.judge_of(tiny).look(tiny.test.x).features.shape == (60, 4)


def test_pictures_that_cannot_be_measured_are_refused_at_once(private_registry, discs):
    info = registry.get_dataset("discs")
    for x, said in (
        (np.zeros((1, 16, 16, 1), "uint8"), "two or more"),
        (np.zeros((9, 16, 16, 1), "float32"), "uint8"),
    ):
        with pytest.raises(kerazoo.KerazooError, match=said):
            generation.Generation().check_split(info, "test", x, np.zeros(len(x)))


def test_sample_is_the_same_for_a_seed_and_takes_latents():
    one, two = kerazoo.sample("dcgan@digits", 5, seed=3), kerazoo.sample("dcgan@digits", 5, seed=3)
    assert one.shape == (5, 28, 28, 1) and one.dtype == np.uint8
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, kerazoo.sample("dcgan@digits", 5, seed=4))
    own = np.random.RandomState(3).standard_normal((5, 100))
    np.testing.assert_array_equal(one, kerazoo.sample("dcgan@digits", latents=own))
    numpys = kerazoo.sample("dcgan@digits", np.int64(5), seed=np.uint8(3))
    np.testing.assert_array_equal(one, numpys)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n": 0}, "from 1 to 10,000"),
        ({"n": 10**7}, "from 1 to 10,000"),
        ({"n": 2.5}, "whole number"),
        ({"seed": -1}, "seed"),
        ({"latents": np.zeros((3, 7))}, r"shape \(3, 7\); dcgan@digits takes \(n, 100\)"),
        ({"latents": np.zeros(100)}, r"shape \(100,\)"),
        ({"latents": np.full((1, 100), np.nan)}, "NaN"),
        ({"latents": "noise"}, "numbers"),
        ({"latents": np.ones((1, 100), complex)}, "numbers: they are complex"),
    ],
)
def test_impossible_samples_are_refused(options, said):
    with pytest.raises(kerazoo.KerazooError, match=said):
        kerazoo.sample("dcgan@digits", **options)


def test_sample_command(command, in_tmp):
    status, out, _ = command("sample", "dcgan@digits", "--n", "9", "--out", "grid.png")
    assert status == 0 and "grid.png" in out
    with Image.open(in_tmp / "grid.png") as picture:
        assert picture.size[0] == picture.size[1] >= 3 * 28
    for arguments, said in (
        (("dcgan@digits", "--n", "0"), "from 1 to"),
        (("dcgan@digits", "--n", "10000000"), "from 1 to"),
        (("dcgan@digits", "--out", "grid.jpg"), ".png"),
        (("mnist_cnn@digits",), "mnist_cnn@digits"),
        (("nothing@here",), "unknown model"),
        (("missing/run",), "missing/run"),
    ):
        status, _, err = command("sample", *arguments)
        assert status == 2 and said in err, arguments
    (in_tmp / "samples.png").write_text("somebody's")
    status, _, err = command("sample", "dcgan@digits", "--n", "2")
    assert status == 2 and "samples.png exists" in err
    assert (in_tmp / "samples.png").read_text() == "somebody's"


def test_no_weight_of_the_game_is_updated_before_all_its_readings():
    """By what is computed from what, and not only by TensorFlow's control edges.

    SGD, whose update is computed from the gradient alone; Adam reads its averages again.
    """
    model = kerazoo.build("dcgan")
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    graph = tf.function(model.train_step).get_concrete_function((tf.zeros((2, 28, 28, 1)),)).graph
    inside = {id(outer): inner.name for outer, inner in graph.captures}
    for variable in model.trainable_variables:
        handle = inside[id(variable.value.handle)]
        users = [op for op in graph.get_operations() if handle in [i.name for i in op.inputs]]
        (update,) = (op for op in users if op.type == "AssignSubVariableOp")
        readings = [op for op in users if op.type == "ReadVariableOp"]
        assert readings and all(leads_to(op, update) for op in readings), variable.path


def leads_to(before, after) -> bool:
    """Whether an operation's output goes into another one, directly or through others."""
    seen, waiting = set(), list(before.outputs)
    while waiting:
        tensor = waiting.pop()
        for op in tensor.consumers():
            if op.name == after.name:
                return True
            outputs = op.outputs
            if op.type == "IdentityN":  # only a bundle, which TensorFlow may take apart
                names = [i.name for i in op.inputs]
                outputs = [o for o, name in zip(outputs, names, strict=True) if name == tensor.name]
            new = [o for o in outputs if o.name not in seen]
            seen.update(o.name for o in new)
            waiting += new
    return False
