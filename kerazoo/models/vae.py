"""Variational autoencoder of strided convolutions, for small images.

kerazoo verify vae@digits                        trains and evaluates on embedded data
kerazoo sample vae@mnist --n 64 --out grid.png   generates with the trained weights
"""

from __future__ import annotations

from kerazoo._lazy import keras, layers
from kerazoo.errors import require_rank, require_whole
from kerazoo.models.dcgan import generator, norm
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Published, Recipe

CITATION = """
@inproceedings{kingma2014auto,
  title     = {Auto-encoding variational Bayes},
  author    = {Kingma, Diederik P. and Welling, Max},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2014},
  note      = {arXiv:1312.6114; section 2.3: the estimator, appendix C: the likelihood of black and
               white pixels}
}
"""


def encoder(
    image_shape: tuple[int, int, int], latent: int, filters: int, kernel: int, depth: int
) -> keras.Model:
    """Raw images to mean and log-variance of their latents, ``(n, 2 latent)``.

    ``depth`` convolutions with stride 2, batch normalization and ReLU after each; then Dense.
    """
    inputs = keras.Input(image_shape, name="pixels")
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    for number in range(1, depth + 1):
        maps, name = filters * 2 ** (number - 1), f"down{number}"
        x = layers.Conv2D(maps, kernel, 2, "same", use_bias=False, name=name)(x)
        x = norm(x, number)
        x = layers.ReLU(name=f"relu{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(2 * latent, name="moments")(x)
    return keras.Model(inputs, x, name="encoder")


def vae(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    latent: int = 32,
    filters: int = 16,
    kernel: int = 4,
    depth: int = 3,
) -> keras.Model:
    """Encoder and generator of strided convolutions that maximize a bound of the likelihood.

    The encoder gives mean and log-variance of each latent; the generator (the decoder), which is
    as in ``dcgan``, gives the probability of a white pixel, times 255.

    ``model.fit(images)`` trains both after ``model.compile("adam")``; ``model.encoder`` and
    ``model.generator`` are functional models. Called with ``n`` images it gives their evidence
    lower bounds in nats, float32 ``(n,)``.

    Args:
        input_shape: shape of an image.
        latent: length of a latent.
        filters: of the encoder's first convolution and before the generator's last one.
        kernel: side of the kernels.
        depth: how often the size is halved.

    Raises:
        KerazooError: ``input_shape`` is not that of an image, or an option is no positive
            whole number.

    Source: Kingma & Welling 2014, section 3 and appendix C (there of dense layers).
    """
    from kerazoo.models._generative import VAE

    require_rank("vae", input_shape, 3)
    sizes = {"latent": latent, "filters": filters, "kernel": kernel, "depth": depth}
    for name, value in sizes.items():
        require_whole(f"vae: {name}", value)
    networks = [net(input_shape, latent, filters, kernel, depth) for net in (generator, encoder)]
    return VAE(networks, name="vae")


ADAM = Recipe(
    epochs=20,
    learning_rate=5e-3,
    schedule="warmup_cosine",
    warmup=0.05,
    train_on="train+validation",
)
register_model(
    vae,
    citation=CITATION,
    entries=[
        Entry(
            dataset="mnist",
            task="density_estimation",
            judges=("mnist_cnn@mnist",),
            recipe=ADAM,
            published=(
                Published(
                    value=-86.76,
                    metric="log_likelihood",
                    source="Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519, table 1, VAE",
                    conditions="estimated with 5,000 samples of each latent, which gives more than "
                    "one does; dense layers, 3,280 epochs, one run (a re-run, nbip/IWAE: -87.75)",
                ),
            ),
            smoke={"epochs": 3, "train_examples": 8_000, "train_on": "train"},
            seeds=10,
        ),
        Entry(
            dataset="digits",
            task="density_estimation",
            judges=("mnist_cnn@digits",),
            recipe=ADAM.replace(epochs=100, batch_size=32),
            smoke={"epochs": 20},
            seeds=10,
        ),
    ],
)
