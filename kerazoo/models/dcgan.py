"""DCGAN: a generator and a discriminator of strided convolutions, for small pictures.

kerazoo verify dcgan@digits                        trains and judges on embedded data
kerazoo sample dcgan@mnist --n 64 --out grid.png   draws with the trained weights
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import keras
from kerazoo.errors import require_positive, require_rank
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Recipe

if TYPE_CHECKING:
    from keras import KerasTensor

CITATION = """
@inproceedings{radford2016unsupervised,
  title     = {Unsupervised representation learning with deep convolutional generative adversarial
               networks},
  author    = {Radford, Alec and Metz, Luke and Chintala, Soumith},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2016},
  note      = {arXiv:1511.06434; section 3: architecture, section 4: training}
}
"""


def initial() -> keras.initializers.Initializer:
    """The paper's initial weights, N(0, 0.02), section 4; a new one each, else they repeat."""
    return keras.initializers.RandomNormal(0.0, 0.02)


def halvings(height: int, width: int, depth: int) -> list[tuple[int, int]]:
    """A picture's size and its ``depth`` halvings, rounded up: 28, 14, 7."""
    sizes = [(height, width)]
    for _ in range(depth):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def norm(x: KerasTensor, number: int) -> KerasTensor:
    """Batch normalisation."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"norm{number}")(x)


def generator(
    picture_shape: tuple[int, int, int], latent: int, filters: int, kernel: int, depth: int
) -> keras.Model:
    """Latents ``(n, latent)`` to pictures ``(n, height, width, channels)``, 0 to 255.

    Dense to the smallest size, then ``depth`` transposed convolutions with stride 2, the last to
    tanh; before each, batch normalisation and ReLU.
    """
    sizes = halvings(*picture_shape[:2], depth)
    height, width = sizes[-1]
    channels = filters * 2 ** (depth - 1)
    inputs = keras.Input((latent,), name="latent")
    x = keras.layers.Dense(
        height * width * channels, use_bias=False, kernel_initializer=initial(), name="project"
    )(inputs)
    x = keras.layers.Reshape((height, width, channels), name="reshape")(x)
    for number in range(1, depth + 1):
        last = number == depth
        x = norm(x, number)
        x = keras.layers.ReLU(name=f"relu{number}")(x)
        x = keras.layers.Conv2DTranspose(
            picture_shape[2] if last else channels // 2**number,
            kernel,
            strides=2,
            padding="same",
            use_bias=last,
            kernel_initializer=initial(),
            name=f"up{number}",
        )(x)
        (height, width), (wanted_height, wanted_width) = (
            sizes[depth - number + 1],
            sizes[depth - number],
        )
        extra = (2 * height - wanted_height, 2 * width - wanted_width)
        if any(extra):  # a size that was odd: 7 from 4, over 8
            crop = ((0, extra[0]), (0, extra[1]))
            x = keras.layers.Cropping2D(crop, name=f"crop{number}")(x)
    x = keras.layers.Activation("tanh", name="tanh")(x)
    x = keras.layers.Rescaling(127.5, 127.5, name="pixels")(x)
    return keras.Model(inputs, x, name="generator")


def discriminator(
    picture_shape: tuple[int, int, int], filters: int, kernel: int, depth: int
) -> keras.Model:
    """Raw pictures ``(n, height, width, channels)``, 0 to 255, to one logit ``(n, 1)``: real?

    ``depth`` convolutions with stride 2, LeakyReLU 0.2 after each, batch normalisation in all but
    the first; then one dense unit.
    """
    inputs = keras.Input(picture_shape, name="pixels")
    x = keras.layers.Rescaling(1 / 127.5, -1.0, name="rescaling")(inputs)
    for number in range(1, depth + 1):
        x = keras.layers.Conv2D(
            filters * 2 ** (number - 1),
            kernel,
            strides=2,
            padding="same",
            use_bias=number == 1,
            kernel_initializer=initial(),
            name=f"down{number}",
        )(x)
        if number > 1:
            x = norm(x, number)
        x = keras.layers.LeakyReLU(0.2, name=f"leaky{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(1, kernel_initializer=initial(), name="logit")(x)
    return keras.Model(inputs, x, name="discriminator")


@functools.cache
def game() -> type[keras.Model]:
    """The class of the two nets and their game; made at first use, since it needs Keras."""

    @keras.saving.register_keras_serializable(package="kerazoo")
    class DCGAN(keras.Model):
        """Generator and discriminator, for plain ``compile(optimizer)`` and ``fit(pictures)``.

        ``call(x)`` draws one latent per row of ``x`` and gives the generator's pictures. The loss
        is the sum of two that share no gradient: the discriminator's sees fakes that take none,
        the generator's (the non-saturating one of Goodfellow et al. 2014, section 3) goes through
        discriminator weights that take none. Adam works element by element, so one Adam on the
        sum is two Adams of equal settings, each on its own net. No backend needs a train step of
        its own.

        Metrics: ``d_loss``, the mean cross-entropy over real and generated pictures (ln 2 for a
        coin), and ``g_loss``, minus the log of the belief in the generated ones, in nats.
        """

        def __init__(self, generator: Any, discriminator: Any, **options: Any) -> None:
            super().__init__(**options)
            self.generator = generator
            self.discriminator = discriminator
            self.seed_generator = keras.random.SeedGenerator()
            self.d_loss = keras.metrics.Mean(name="d_loss")
            self.g_loss = keras.metrics.Mean(name="g_loss")
            self.built = True  # both nets are

        @property
        def networks(self) -> dict[str, keras.Model]:
            """The two functional models."""
            return {"generator": self.generator, "discriminator": self.discriminator}

        def call(self, x: Any, training: bool = False) -> Any:
            """As many new pictures as ``x`` has rows."""
            shape = (keras.ops.shape(x)[0], self.generator.input_shape[-1])
            latents = keras.random.normal(shape, seed=self.seed_generator)
            return self.generator(latents, training=training)

        def compute_loss(
            self,
            x: Any = None,
            y: Any = None,
            y_pred: Any = None,
            sample_weight: Any = None,
            training: bool = True,
        ) -> Any:
            """The sum of both losses; ``y`` and ``sample_weight`` play no part."""
            net, ops, stop = self.discriminator, keras.ops, keras.ops.stop_gradient
            # The same net with weights that take no gradient; its updates are thrown away.
            judged, _ = net.stateless_call(
                [stop(v.value) for v in net.trainable_variables],
                [stop(v.value) for v in net.non_trainable_variables],
                y_pred,
                training=training,
            )
            # softplus(-logit) is -log sigmoid(logit); softplus(logit) is -log(1 - sigmoid(logit)).
            g_loss = ops.mean(ops.softplus(-judged))
            # Nothing in d_loss needs the weights that are read for g_loss. On TensorFlow 9 of 88
            # trainings gave other bits than their seed had before, as if the weights had been
            # updated ahead of that reading. Since d_loss waits for g_loss, by adding zero: 0 of 96.
            pictures = stop(y_pred + 0 * g_loss)
            # Real and generated apart: batch normalisation must not see them mixed.
            real = net(x, training=training)
            fake = net(pictures, training=training)
            d_loss = (ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))) / 2
            rows = ops.shape(x)[0]
            self.d_loss.update_state(d_loss, sample_weight=rows)
            self.g_loss.update_state(g_loss, sample_weight=rows)
            return d_loss + g_loss

        def get_config(self) -> dict[str, Any]:
            """Both nets by their own configurations."""
            nets = {n: keras.saving.serialize_keras_object(m) for n, m in self.networks.items()}
            return {**super().get_config(), **nets}

        @classmethod
        def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
            """A new model of ``config``."""
            config = dict(config)
            for part in ("generator", "discriminator"):
                config[part] = keras.saving.deserialize_keras_object(config[part], custom_objects)
            return cls(**config)

    return DCGAN


@register_model(
    entries=[
        Entry(
            dataset="mnist",
            task="generation",
            recipe=Recipe(
                epochs=15,
                batch_size=64,
                learning_rate=2e-4,
                beta_1=0.5,
                train_on="train+validation",
            ),
            smoke={"epochs": 5, "batch_size": 32, "train_examples": 8_000, "train_on": "train"},
            seeds=3,
        ),
        Entry(
            dataset="digits",
            task="generation",
            recipe=Recipe(
                epochs=70,
                batch_size=32,
                learning_rate=2e-4,
                beta_1=0.5,
                train_on="train+validation",
            ),
            smoke={"epochs": 15},
            seeds=3,
        ),
    ],
    citation=CITATION,
)
def dcgan(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    latent: int = 100,
    filters: int = 32,
    kernel: int = 4,
    depth: int = 3,
) -> keras.Model:
    """Generator and discriminator of strided convolutions that learn from each other.

    As in the paper: strided and transposed convolutions and no pooling, batch normalisation but
    in the generator's output and the discriminator's input layer, ReLU and tanh in the generator,
    LeakyReLU 0.2 in the discriminator, N(0, 0.02) initial weights; Adam 2e-4, β₁ 0.5. Where it
    differs: smaller, three steps from 4 × 4 to 28 × 28, 537,250 parameters for both nets; kernels
    of 4 × 4 and not 5 × 5; latents of a normal distribution and not a uniform one; both nets are
    updated in the same step and not in turn.

    ``model.fit(pictures)`` trains both after ``model.compile(keras.optimizers.Adam(2e-4,
    beta_1=0.5))``; ``model.generator`` and ``model.discriminator`` are functional models.

    Args:
        input_shape: ``(height, width, channels)`` of raw pictures.
        latent: length of a latent.
        filters: of the discriminator's first convolution and before the generator's last one.
        kernel: side of the kernels.
        depth: how often the size is halved.

    Returns:
        One ``keras.Model``; called with ``n`` rows it gives ``n`` new pictures, float32, 0 to
        255, ``(n, height, width, channels)``.

    Raises:
        KerazooError: ``input_shape`` is none of a picture, or an option no positive whole number.

    Source: Radford, Metz & Chintala 2016, sections 3 and 4.
    """
    require_rank("dcgan", input_shape, 3)
    sizes = {"latent": latent, "filters": filters, "kernel": kernel, "depth": depth}
    for name, value in sizes.items():
        require_positive("dcgan", name, value)
    return game()(
        generator(input_shape, latent, filters, kernel, depth),
        discriminator(input_shape, filters, kernel, depth),
        name="dcgan",
    )
