"""A generator and a discriminator in one ``keras.Model``; imported when a GAN is built.

It needs Keras at its definition, so ``dcgan.py``, which ``kerazoo list`` imports, must not hold it.
"""

from __future__ import annotations

from typing import Any

from kerazoo._lazy import keras


@keras.saving.register_keras_serializable(package="kerazoo")
class DCGAN(keras.Model):
    """Generator and discriminator, for plain ``compile(optimizer)`` and ``fit(images)``.

    ``call(x)`` generates one image per row of ``x`` from random latents. The loss is the sum of
    two that share no gradient: the discriminator's sees fakes that take none, the generator's (the
    non-saturating one of Goodfellow et al. 2014, section 3) goes through discriminator weights
    that take none. Adam works element by element, so one Adam on the sum is two Adams of equal
    settings, one per network. No backend needs a separate train step.

    Metrics: ``d_loss``, the mean cross-entropy over real and generated images (ln 2 for a coin),
    and ``g_loss``, minus the log of the belief in the generated ones, in nats.
    """

    def __init__(self, generator: Any, discriminator: Any, **options: Any) -> None:
        super().__init__(**options)
        self.generator = generator
        self.discriminator = discriminator
        self.seed_generator = keras.random.SeedGenerator()
        self.d_loss = keras.metrics.Mean(name="d_loss")
        self.g_loss = keras.metrics.Mean(name="g_loss")
        self.built = True  # both networks are

    @property
    def networks(self) -> dict[str, keras.Model]:
        """The two functional models."""
        return {"generator": self.generator, "discriminator": self.discriminator}

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

    def get_config(self) -> dict[str, Any]:
        """Configuration of both networks."""
        nets = {n: keras.saving.serialize_keras_object(m) for n, m in self.networks.items()}
        return {**super().get_config(), **nets}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A new model of ``config``."""
        parts = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects)
            for name in ("generator", "discriminator")
        }
        return cls(**{**config, **parts})
