"""DCGAN: a generator and a discriminator of strided convolutions, for small images.

kerazoo verify dcgan@digits                        trains and evaluates on embedded data
kerazoo sample dcgan@mnist --n 64 --out grid.png   generates with the trained weights
"""

from __future__ import annotations

from kerazoo._lazy import KerasTensor, keras, layers
from kerazoo.errors import require_rank, require_whole
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Recipe

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


def norm(x: KerasTensor, number: int) -> KerasTensor:
    """Batch normalization."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"norm{number}")(x)


def halvings(height: int, width: int, depth: int) -> list[tuple[int, int]]:
    """An image's size and its ``depth`` halvings, rounded up: 28, 14, 7."""
    sizes = [(height, width)]
    for _ in range(depth):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def crop(x: KerasTensor, size: tuple[int, int], number: int) -> KerasTensor:
    """``x`` without what exceeds ``size``, which was odd: 7 from 4, over 8."""
    extra = [have - wanted for have, wanted in zip(x.shape[1:3], size, strict=True)]
    if not any(extra):
        return x
    return layers.Cropping2D(((0, extra[0]), (0, extra[1])), name=f"crop{number}")(x)


def generator(
    image_shape: tuple[int, int, int], latent: int, filters: int, kernel: int, depth: int
) -> keras.Model:
    """Latents ``(n, latent)`` to images ``(n, height, width, channels)``, 0 to 255.

    Dense to the smallest size, then ``depth`` transposed convolutions with stride 2, the last to
    tanh; before each, batch normalization and ReLU.
    """
    *sizes, (height, width) = halvings(*image_shape[:2], depth)
    channels = filters * 2 ** (depth - 1)
    inputs = keras.Input((latent,), name="latent")
    x = layers.Dense(
        height * width * channels, use_bias=False, kernel_initializer=initial(), name="project"
    )(inputs)
    x = layers.Reshape((height, width, channels), name="reshape")(x)
    for number in range(1, depth + 1):
        last = number == depth
        x = norm(x, number)
        x = layers.ReLU(name=f"relu{number}")(x)
        maps = image_shape[2] if last else channels // 2**number
        up = {"use_bias": last, "kernel_initializer": initial(), "name": f"up{number}"}
        x = layers.Conv2DTranspose(maps, kernel, 2, "same", **up)(x)
        x = crop(x, sizes[depth - number], number)
    x = layers.Activation("tanh", name="tanh")(x)
    x = layers.Rescaling(127.5, 127.5, name="pixels")(x)
    return keras.Model(inputs, x, name="generator")


def discriminator(
    image_shape: tuple[int, int, int], filters: int, kernel: int, depth: int
) -> keras.Model:
    """Raw images ``(n, height, width, channels)``, 0 to 255, to one logit ``(n, 1)``: real?

    ``depth`` convolutions with stride 2, LeakyReLU 0.2 after each, batch normalization in all but
    the first; then one dense unit.
    """
    inputs = keras.Input(image_shape, name="pixels")
    x = layers.Rescaling(1 / 127.5, -1.0, name="rescaling")(inputs)
    for number in range(1, depth + 1):
        maps = filters * 2 ** (number - 1)
        down = {"use_bias": number == 1, "kernel_initializer": initial(), "name": f"down{number}"}
        x = layers.Conv2D(maps, kernel, 2, "same", **down)(x)
        if number > 1:
            x = norm(x, number)
        x = layers.LeakyReLU(0.2, name=f"leaky{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(1, kernel_initializer=initial(), name="logit")(x)
    return keras.Model(inputs, x, name="discriminator")


def dcgan(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    latent: int = 100,
    filters: int = 32,
    kernel: int = 4,
    depth: int = 3,
) -> keras.Model:
    """Generator and discriminator of strided convolutions that learn from each other.

    As in the paper: strided and transposed convolutions and no pooling, batch normalization except
    in the generator's output and the discriminator's input layer, ReLU and tanh in the generator,
    LeakyReLU 0.2 in the discriminator, N(0, 0.02) initial weights; Adam 2e-4, β₁ 0.5. Where it
    differs: smaller, three steps from 4 × 4 to 28 × 28, 537,250 parameters for both networks;
    kernels of 4 × 4 and not 5 × 5; latents of a normal distribution and not a uniform one; both
    networks are updated in the same step and not in turn.

    ``model.fit(images)`` trains both after ``model.compile(keras.optimizers.Adam(2e-4,
    beta_1=0.5))``; ``model.generator`` and ``model.discriminator`` are functional models. Called
    with ``n`` rows it gives ``n`` new images, float32, 0 to 255, ``(n, height, width, channels)``.

    Args:
        input_shape: shape of an image.
        latent: length of a latent.
        filters: of the discriminator's first convolution and before the generator's last one.
        kernel: side of the kernels.
        depth: how often the size is halved.

    Raises:
        KerazooError: ``input_shape`` is not that of an image, or an option is no positive
            whole number.

    Source: Radford, Metz & Chintala 2016, sections 3 and 4.
    """
    from kerazoo.models._generative import DCGAN

    require_rank("dcgan", input_shape, 3)
    sizes = {"latent": latent, "filters": filters, "kernel": kernel, "depth": depth}
    for name, value in sizes.items():
        require_whole(f"dcgan: {name}", value)
    made = generator(input_shape, latent, filters, kernel, depth)
    return DCGAN([made, discriminator(input_shape, filters, kernel, depth)], name="dcgan")


ADAM = Recipe(epochs=15, batch_size=64, learning_rate=2e-4, beta_1=0.5, train_on="train+validation")
register_model(
    dcgan,
    citation=CITATION,
    entries=[
        Entry(
            dataset="mnist",
            task="generation",
            judges=("mnist_cnn@mnist",),
            recipe=ADAM,
            smoke={"epochs": 5, "batch_size": 32, "train_examples": 8_000, "train_on": "train"},
            seeds=3,
        ),
        Entry(
            dataset="digits",
            task="generation",
            judges=("mnist_cnn@digits",),
            recipe=ADAM.replace(epochs=70, batch_size=32),
            smoke={"epochs": 15},
            seeds=3,
        ),
    ],
)
