"""Generative models: functional networks in one ``keras.Model`` that ``fit(images)`` trains.

They need Keras at their definition, so the model files, which ``kerazoo list`` imports, import them
when a model is built.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kerazoo._lazy import keras


class Generative(keras.Model):
    """Functional networks, of which ``generator`` makes images, 0 to 255, from normal latents.

    Subclasses define ``call``, from which ``compute_loss`` computes the loss.
    """

    def __init__(self, networks: Iterable[keras.Model], **options: Any) -> None:
        super().__init__(**options)
        for network in networks:
            setattr(self, network.name, network)
        self.seed_generator = keras.random.SeedGenerator()
        self.built = True  # the networks are

    @property
    def networks(self) -> dict[str, keras.Model]:
        """The functional models by their names, each also an attribute."""
        return {network.name: network for network in self.layers}

    def get_config(self) -> dict[str, Any]:
        """Configuration of the networks."""
        nets = [keras.saving.serialize_keras_object(network) for network in self.layers]
        return {**super().get_config(), "networks": nets}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A new model of ``config``."""
        read = keras.saving.deserialize_keras_object
        nets = [read(network, custom_objects) for network in config["networks"]]
        return cls(**{**config, "networks": nets})


@keras.saving.register_keras_serializable(package="kerazoo")
class DCGAN(Generative):
    """Generator and discriminator, for plain ``compile(optimizer)`` and ``fit(images)``.

    ``call(x)`` generates one image per row of ``x`` from random latents. The loss is the sum of
    two that share no gradient: the discriminator's sees fakes that take none, the generator's (the
    non-saturating one of Goodfellow et al. 2014, section 3) goes through discriminator weights
    that take none. Adam works element by element, so one Adam on the sum is two Adams of equal
    settings, one per network. No backend needs a separate train step.

    Metrics: ``d_loss``, the mean cross-entropy over real and generated images (ln 2 for a coin),
    and ``g_loss``, minus the log of the belief in the generated ones, in nats.
    """

    def __init__(self, networks: Iterable[keras.Model], **options: Any) -> None:
        super().__init__(networks, **options)
        self.d_loss = keras.metrics.Mean(name="d_loss")
        self.g_loss = keras.metrics.Mean(name="g_loss")

    def call(self, x: Any, training: bool = False) -> Any:
        """As many new images as ``x`` has rows."""
        shape = (keras.ops.shape(x)[0], self.generator.input_shape[-1])
        latents = keras.random.normal(shape, seed=self.seed_generator)
        return self.generator(latents, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The sum of both losses; ``y`` and ``sample_weight`` play no part."""
        net, ops, stop = self.discriminator, keras.ops, keras.ops.stop_gradient
        # The same network with weights that take no gradient; its updates are thrown away.
        judged, _ = net.stateless_call(
            [stop(v.value) for v in net.trainable_variables],
            [stop(v.value) for v in net.non_trainable_variables],
            y_pred,
            training=training,
        )
        # softplus(-logit) is -log sigmoid(logit); softplus(logit) is -log(1 - sigmoid(logit)).
        g_loss = ops.mean(ops.softplus(-judged))
        # Nothing in d_loss needs the weights that are read for g_loss. On TensorFlow 9 of 88
        # training runs gave other bits than their seed had before, as if the weights had been
        # updated ahead of that reading. Since d_loss waits for g_loss, by adding zero: 0 of 96.
        images = stop(y_pred + 0 * g_loss)
        # Real and generated apart: batch normalization must not see them mixed.
        real = net(x, training=training)
        fake = net(images, training=training)
        d_loss = (ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))) / 2
        rows = ops.shape(x)[0]
        self.d_loss.update_state(d_loss, sample_weight=rows)
        self.g_loss.update_state(g_loss, sample_weight=rows)
        return d_loss + g_loss


@keras.saving.register_keras_serializable(package="kerazoo")
class VAE(Generative):
    """Encoder and generator, for plain ``compile(optimizer)`` and ``fit(images)``.

    ``call(x)`` gives the evidence lower bound (ELBO) of the log-likelihood of each image, in nats;
    the loss is minus its mean. Gray values are probabilities: each time an image is seen, its
    pixels are sampled as black or white (Salakhutdinov & Murray 2008, section 4).
    """

    def call(self, x: Any, training: bool = False) -> Any:
        """ELBO of each image: float32 ``(n,)``, with one random latent for each."""
        ops, random, seed = keras.ops, keras.random, self.seed_generator
        probabilities = ops.cast(x, "float32") / 255
        pixels = random.uniform(ops.shape(probabilities), seed=seed) < probabilities
        pixels = ops.cast(pixels, "float32")
        moments = ops.cast(self.encoder(255 * pixels, training=training), "float32")
        mean, log_variance = ops.split(moments, 2, axis=1)
        noise = random.normal(ops.shape(mean), seed=seed)
        images = self.generator(mean + ops.exp(log_variance / 2) * noise, training=training)
        means = ops.cast(images, "float32") / 255
        likelihood = -ops.sum(ops.binary_crossentropy(pixels, means), axis=(1, 2, 3))
        divergence = ops.sum(mean**2 + ops.exp(log_variance) - log_variance - 1, axis=1) / 2
        return likelihood - divergence

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Minus the mean ELBO; ``y`` and ``sample_weight`` play no part."""
        return -keras.ops.mean(y_pred)


@keras.saving.register_keras_serializable(package="kerazoo")
class RectifiedFlow(Generative):
    """A generator that follows a velocity network, for ``compile(optimizer)`` and ``fit(images)``.

    ``call(x)`` gives the squared error of the velocity, mean over pixels, at one point between each
    image and noise (Liu et al. 2023, equation 1); the loss is its mean. Times are sigmoids of
    normal values, so more of them lie near the middle, where the velocity is hardest to predict.
    """

    @property
    def velocity(self) -> keras.Model:
        """The network that learns: images, -1 to 1, and times ``(n, 1)`` to velocities."""
        return self.generator.get_layer("velocity")

    def call(self, x: Any, training: bool = False) -> Any:
        """Squared error of each image: float32 ``(n,)``, at a random time and with random noise."""
        ops, random, seed = keras.ops, keras.random, self.seed_generator
        images = ops.cast(x, "float32") / 127.5 - 1
        noise = random.normal(ops.shape(images), seed=seed)
        times = ops.sigmoid(random.normal((ops.shape(images)[0], 1), seed=seed))
        time = ops.reshape(times, (-1, 1, 1, 1))
        between = time * images + (1 - time) * noise
        found = ops.cast(self.velocity([between, times], training=training), "float32")
        return ops.mean((found - (images - noise)) ** 2, axis=(1, 2, 3))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The mean squared error; ``y`` and ``sample_weight`` play no part."""
        return keras.ops.mean(y_pred)
