"""Generation: the networks' losses, and the Fréchet distance of generated images."""

from __future__ import annotations

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.linalg import sqrtm

import kerazoo
from kerazoo import fingerprint, registry
from kerazoo.datasets._cache import load_for
from kerazoo.errors import Diverged, KerazooError
from kerazoo.evidence import reference as evidence
from kerazoo.spec import Split, networks_of
from kerazoo.tasks import _frechet, _judges, generation

SHAPE = (8, 8, 1)
TASK = registry.get_task("generation")


def test_frechet_distance_agrees_with_scipys_matrix_root():
    random = np.random.RandomState(0)
    a = random.normal(size=(500, 6)) @ random.normal(size=(6, 6))
    b = random.normal(size=(400, 6)) @ random.normal(size=(6, 6)) + 1
    ca, cb = np.cov(a.T), np.cov(b.T)
    mean = ((a.mean(0) - b.mean(0)) ** 2).sum()
    expected = mean + np.trace(ca + cb - 2 * sqrtm(ca @ cb).real)
    assert _frechet.frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert _frechet.frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)
    assert _frechet.frechet_distance(a, a) == pytest.approx(0, abs=1e-8)
    constant = np.zeros((50, 3))
    assert _frechet.frechet_distance(constant, constant + 1) == pytest.approx(3)


def test_diversity_falls_when_all_samples_are_alike():
    spread = np.random.RandomState(0).normal(size=(4_000, 5))
    assert _frechet.mean_distance(spread) == pytest.approx(math.sqrt(2 * 5), rel=0.1)
    assert _frechet.mean_distance(np.tile(spread[:1], (100, 1))) == 0


@pytest.mark.parametrize("name", ["dcgan", "vae", "rectified_flow"])
@pytest.mark.parametrize("shape", [(32, 32, 3), (30, 25, 1)])
def test_generators_of_other_shapes(name, shape):
    model = kerazoo.build(name, input_shape=shape)
    images = generation.generate(model, generation.latents(model, 2, 0))
    assert images.shape == (2, *shape) and images.dtype == np.uint8


def test_plain_fit_trains_both_networks_each_with_its_own_loss():
    """The gradient of the discriminator's loss does not reach the generator, nor the reverse."""
    keras.utils.set_random_seed(0)
    model = kerazoo.build("dcgan", input_shape=SHAPE, latent=16, filters=8)
    nets = networks_of(model).values()
    before = [fingerprint.of_weights(net) for net in nets]
    model.compile(keras.optimizers.Adam(2e-4, beta_1=0.5), run_eagerly=True)
    images = np.random.RandomState(0).randint(0, 256, (8, *SHAPE)).astype("uint8")
    logs = model.fit(images, batch_size=8, verbose=0).history
    assert set(logs) >= {"d_loss", "g_loss"} and model(images[:3]).shape == (3, *SHAPE)
    after = [fingerprint.of_weights(net) for net in nets]
    assert all(one != other for one, other in zip(before, after, strict=True))

    x, (generator, discriminator) = images.astype("float32"), nets
    softplus, mean = tf.nn.softplus, tf.reduce_mean
    with tf.GradientTape(persistent=True) as tape:
        fakes = model(x, training=True)
        total = model.compute_loss(x=x, y_pred=fakes, training=True)
        real, fake = discriminator(x, training=True), discriminator(fakes, training=True)
        d_loss = (mean(softplus(-real)) + mean(softplus(fake))) / 2
        g_loss = mean(softplus(-fake))
    for net, loss in ((discriminator, d_loss), (generator, g_loss)):
        for variable in net.trainable_variables:
            ours, alone = (tape.gradient(of, variable.value) for of in (total, loss))
            np.testing.assert_allclose(ours, alone, rtol=1e-3, atol=1e-6, err_msg=variable.path)


def test_no_weight_is_updated_before_all_its_readings():
    """By what is computed from what, not only by TensorFlow's control edges.

    With SGD, whose update is computed from the gradient alone; Adam reads its averages again.
    """
    model = kerazoo.build("dcgan", input_shape=SHAPE, latent=16, filters=8)
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    graph = tf.function(model.train_step).get_concrete_function((tf.zeros((2, *SHAPE)),)).graph
    inside = {id(outer): inner.name for outer, inner in graph.captures}
    for variable in model.trainable_variables:
        handle = inside[id(variable.value.handle)]
        users = [op for op in graph.get_operations() if handle in [i.name for i in op.inputs]]
        (update,) = (op for op in users if op.type == "AssignSubVariableOp")
        readings = {op.name for op in users if op.type == "ReadVariableOp"}
        assert readings and readings <= ancestors(update), variable.path


def test_evidence_lower_bound_is_its_formula():
    """Of networks whose outputs are constant, so that nothing in it is random."""
    model = kerazoo.build("vae", input_shape=SHAPE, latent=2, filters=4)
    mean, log_variance, logit = np.array([0.5, -1.0]), np.array([0.3, -0.2]), 0.4
    for layer, bias in (
        (model.encoder.get_layer("moments"), [*mean, *log_variance]),
        (model.generator.get_layer("up3"), [logit]),
    ):
        layer.set_weights([np.zeros(layer.kernel.shape), np.array(bias)])
    images = np.stack([np.full(SHAPE, 255), np.zeros(SHAPE)]).astype("uint8")
    white = (np.tanh(logit) + 1) / 2
    likelihood = math.prod(SHAPE) * np.log([white, 1 - white])
    divergence = (mean**2 + np.exp(log_variance) - log_variance - 1).sum() / 2
    np.testing.assert_allclose(model(images), likelihood - divergence, rtol=1e-5)
    model.compile()
    loss = model.evaluate(images, verbose=0)
    assert loss == pytest.approx(divergence - likelihood.mean(), rel=1e-5)


def test_gray_pixels_are_black_or_white_at_random():
    """The encoder sees nothing between, and white as often as the gray value says."""
    model, seen = kerazoo.build("vae", input_shape=SHAPE, latent=2, filters=4), []
    encoder = model.encoder
    model.encoder = lambda x, training: seen.append(np.asarray(x)) or encoder(x)
    model(np.full((200, *SHAPE), 51, "uint8"))
    assert set(np.unique(seen[0])) == {0, 255}
    assert (seen[0] == 255).mean() == pytest.approx(0.2, abs=0.02)


def test_latents_have_the_mean_and_the_variance_that_the_encoder_gives():
    model, seen = kerazoo.build("vae", input_shape=SHAPE, latent=2, filters=4), []
    moments, generator = model.encoder.get_layer("moments"), model.generator
    moments.set_weights([np.zeros(moments.kernel.shape), np.array([3.0, -1.0, 1.0, -2.0])])
    model.generator = lambda x, training: seen.append(np.asarray(x)) or generator(x)
    model(np.zeros((4_000, *SHAPE), "uint8"))
    np.testing.assert_allclose(seen[0].mean(axis=0), [3, -1], atol=0.1)
    np.testing.assert_allclose(seen[0].std(axis=0), np.exp([0.5, -1]), rtol=0.05)


@pytest.fixture
def flow():
    """With random weights also where they start at zero, so that every layer has a part."""
    options = {"filters": (8, 8), "blocks": 2, "units": 4, "steps": 3}
    model = kerazoo.build("rectified_flow", input_shape=SHAPE, **options)
    random = np.random.RandomState(0)
    model.set_weights([w + random.normal(0, 0.1, w.shape) for w in model.get_weights()])
    keras.utils.set_random_seed(0)
    return model


def test_a_flow_moves_latents_by_heuns_method(flow):
    latents = generation.latents(flow, 2, seed=0)
    x = latents.reshape(2, *SHAPE)
    for step in range(3):
        first = flow.velocity([x, np.full((2, 1), step / 3)]).numpy()
        after = x + first / 3
        if step < 2:
            second = flow.velocity([after, np.full((2, 1), (step + 1) / 3)]).numpy()
            after = x + (first + second) / 6
        x = after
    images = np.clip(127.5 * x + 127.5, 0, 255)
    np.testing.assert_allclose(flow.generator(latents), images, atol=0.01)


def test_a_velocity_depends_on_the_time_and_on_every_block(flow):
    x, net = np.random.RandomState(1).normal(size=(1, *SHAPE)).astype("float32"), flow.velocity
    at = [net([x, np.full((1, 1), time)]).numpy() for time in (0.0, 0.03, 0.5, 1.0)]
    assert len({one.tobytes() for one in at}) == 4
    embedding = keras.Model(net.inputs[1], net.get_layer("time_embedding").output)
    angles = np.pi * 0.3 * 2 ** np.arange(5)
    expected = [[0.3, *np.sin(angles), *np.cos(angles)]]
    np.testing.assert_allclose(embedding(np.array([[0.3]])), expected, atol=1e-5)
    for number, down in ((1, 2), (2, 1)):  # the last feature maps first
        _, skip = net.get_layer(f"both{number}").input
        assert skip._keras_history.operation.name == f"down{down}_add"
    assert all(np.ptp(gradient) for gradient in gradients_of(flow))


def gradients_of(flow):
    images = np.random.RandomState(2).randint(0, 256, (4, *SHAPE)).astype("uint8")
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(flow(images, training=True))
    weights = [w for w in flow.trainable_variables if w.shape.num_elements() > 1]
    return tape.gradient(loss, [w.value for w in weights])


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_error_of_a_flow_is_that_of_its_velocity(flow, share):
    """Of a velocity that is 0 or the point itself; times are sigmoids of normal values."""
    flow.set_weights([0 * w for w in flow.get_weights()])
    flow.velocity.get_layer("share").set_weights([np.zeros((4, 1)), np.array([share])])
    left = 1 - 1 / (1 + np.exp(-np.random.RandomState(0).normal(size=10**6)))
    x = 191 / 127.5 - 1
    expected = [1 + x**2, ((left * x) ** 2 + (1 + left) ** 2).mean()][int(share)]
    gray = np.full((8_000, *SHAPE), 191, "uint8")
    assert flow(gray).numpy().mean() == pytest.approx(expected, rel=0.01)
    flow.compile()
    assert flow.evaluate(gray, verbose=0) == pytest.approx(expected, rel=0.01)


def test_points_of_a_flow_are_noise_at_time_0_and_images_at_time_1(flow, monkeypatch):
    seen = []

    def velocity(inputs, training):
        seen.extend(map(np.asarray, inputs))
        return inputs[0]

    monkeypatch.setattr(type(flow), "velocity", staticmethod(velocity))
    flow(np.full((500, *SHAPE), 191, "uint8"))
    points, (times,) = seen[0], seen[1].T
    np.testing.assert_allclose(points.std(axis=(1, 2, 3)), 1 - times, rtol=0.5)
    np.testing.assert_allclose(points.mean(axis=(1, 2, 3)), 0.498 * times, atol=0.6)


def test_a_flow_learns_to_generate_what_it_sees(flow):
    flow.compile(keras.optimizers.Adam(0.01))
    flow.fit(np.full((6_400, *SHAPE), 64, "uint8"), batch_size=64, epochs=3, verbose=0)
    images = generation.generate(flow, generation.latents(flow, 8, seed=0))
    assert abs(images.mean() - 64) < 10 and images.std() < 20


def test_a_second_judge_gives_another_distance(monkeypatch):
    monkeypatch.setattr(_judges, "SAMPLES", 300)
    entry = registry.get_entry("dcgan@digits")
    two = dataclasses.replace(entry, judges=("mnist_cnn@digits", "mnist_cnn_deep@digits"))
    data = load_for(two, entry.recipe)
    second = "fd_mnist_cnn_deep_digits_10k"
    found = TASK.score(data.train.x[:300], data)
    baselines = TASK.baselines(data.train, data)
    assert found.metric == TASK.metric_of(two) == "fd_mnist_cnn_digits_10k"
    assert 0 < found.also[second] < baselines.simple["independent_pixels"][second]
    assert TASK.score(data.test.x, data).also[second] == pytest.approx(0, abs=1e-3)
    known = found.extra["judge_sha256"]
    assert known == evidence.judges_sha256(two.judges) != evidence.judges_sha256(entry.judges)


@pytest.mark.parametrize(
    ("name", "filters"), [("dcgan", 4), ("vae", 4), ("rectified_flow", (8, 8))]
)
def test_a_whole_generative_model_is_saved_and_loaded(name, filters, tmp_path):
    model = kerazoo.build(name, input_shape=SHAPE, filters=filters)
    model.save(tmp_path / "whole.keras")
    loaded = keras.saving.load_model(tmp_path / "whole.keras")
    for part, network in networks_of(model).items():
        assert fingerprint.of_weights(network) == fingerprint.of_weights(networks_of(loaded)[part])


@pytest.mark.usefixtures("few_samples")
def test_density_of_independent_pixels_is_a_baseline_and_the_bound_repeats():
    task, entry = registry.get_task("density_estimation"), registry.get_entry("vae@digits")
    data = load_for(entry, entry.recipe)
    gray, dark = (np.full((20, 28, 28, 1), value, "uint8") for value in (51, 0))
    data = dataclasses.replace(data, test=Split(gray, np.zeros(20)))
    found = task.baselines(data.test, data)
    assert found.simple["independent_pixels"]["elbo"] == pytest.approx(
        784 * (0.2 * math.log(0.2) + 0.8 * math.log(0.8)), rel=1e-6
    )
    least = task.baselines(Split(dark, np.zeros(20)), data).simple["independent_pixels"]["elbo"]
    assert least == pytest.approx(784 * (0.2 * math.log(1e-3) + 0.8 * math.log(0.999)), rel=1e-6)
    model = kerazoo.build("vae", filters=4)
    one, two = (task.evaluate(model, data) for _ in range(2))
    assert one.value == two.value < 0
    spread = np.std([model(gray) for _ in range(5)])
    assert one.standard_error == pytest.approx(spread / math.sqrt(20), rel=0.5)
    assert one.metric == "elbo" and "fd_mnist_cnn_digits_10k" in one.also


def ancestors(op) -> set[str]:
    """Names of the operations that an operation is computed from, directly or through others."""
    seen, waiting = set(), list(op.inputs)
    while waiting:
        tensor = waiting.pop()
        while tensor.op.type == "IdentityN":  # only a bundle, which TensorFlow may take apart
            tensor = tensor.op.inputs[tensor.value_index]
        if tensor.op.name not in seen:
            seen.add(tensor.op.name)
            waiting += tensor.op.inputs
    return seen


def test_what_is_no_generator_is_refused():
    with pytest.raises(KerazooError):
        TASK.training_network(None, kerazoo.Recipe(epochs=1, augment_rotate=5.0))
    for use in (TASK.network, lambda model: generation.generate(model, np.zeros((1, 4)))):
        with pytest.raises(KerazooError):
            use(kerazoo.build("mlp"))


@pytest.mark.usefixtures("tiny_gan")
def test_baseline_and_limit_of_a_judge_lie_in_order(monkeypatch):
    """Real images are nearer to real ones than independent pixels."""
    monkeypatch.setattr(_judges, "SAMPLES", 500)
    entry = registry.get_entry("dcgan@digits")
    data = load_for(entry, entry.recipe)
    found = TASK.baselines(data.train, data)
    limit, metric = found.limits["real_against_real"], "fd_mnist_cnn_digits_10k"
    assert limit[metric] < 0.2 * found.simple["independent_pixels"][metric]
    assert limit["diversity"] == pytest.approx(1, abs=0.1)


def test_independent_pixels_are_those_of_the_recorded_references():
    """In one call, which takes more memory."""
    x = kerazoo.load_data("digits").train.x
    flat, random = x.reshape(len(x), -1), np.random.RandomState(0)
    chosen = flat[random.randint(0, len(flat), (50, flat.shape[1])), np.arange(flat.shape[1])]
    np.testing.assert_array_equal(generation.independent_pixels(x, 50).reshape(50, -1), chosen)


def test_a_generator_without_a_judge_is_evaluated_by_pixels(tiny_gan, in_tmp, monkeypatch):
    """And a collapsed discriminator stops the training."""
    few = {"settings": {"epochs": 2, "train_examples": 64}, "progress": False}
    run = kerazoo.train("tiny", out="run", **few)
    assert (run.metrics["metric"], run.metrics["samples"]) == ("fd_pixels_pca64", 200)
    assert run.metrics["standard_error"] > 0 and set(run.metrics["also"]) == {"diversity"}
    assert "class_balance" not in run.metrics and "judge" not in run.metrics
    assert kerazoo.evaluate("run").same
    data = kerazoo.load_data("digits")
    found = TASK.baselines(data.train, data)
    limit, pixels = found.limits["real_against_real"], found.simple["independent_pixels"]
    assert limit["fd_pixels_pca64"] < 0.3 * pixels["fd_pixels_pca64"]
    assert limit["fd_pixels_pca64"] < run.metrics["value"], "two epochs generate no digits"
    assert limit["diversity"] == pytest.approx(1, abs=0.15) and pixels["diversity"] < 0.9
    assert TASK.problem({"d_loss": 0.5, "g_loss": 1.0}) is None
    monkeypatch.setattr(generation, "COLLAPSED", 10.0)
    with pytest.raises(Diverged):
        kerazoo.train("tiny", out="collapsed", **few)


def test_components_come_from_the_training_split_alone():
    def features(x, **splits):
        return _judges.judges_of(dataclasses.replace(data, **splits))[0].extract(x).values

    data = kerazoo.load_data("digits")
    inverted = Split(255 - data.test.x, data.test.y)
    x = data.validation.x
    np.testing.assert_array_equal(features(x), features(x, test=inverted))
    few = Split(data.train.x[:10], data.train.y[:10])
    assert features(x, train=few).shape == (len(x), 9), "10 images allow no more"


@pytest.mark.parametrize(("n", "dtype"), [(1, "uint8"), (9, "float32")])
def test_images_that_cannot_be_evaluated_are_refused(n, dtype):
    images = np.zeros((n, 28, 28, 1), dtype)
    with pytest.raises(KerazooError):
        TASK.check_split(registry.get_dataset("digits"), "test", images, np.zeros(n))
