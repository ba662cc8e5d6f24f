"""Rectified flow: noise becomes small images by following a learned velocity.

kerazoo verify rectified_flow                    trains and evaluates on MNIST
kerazoo train rectified_flow --out runs/flow     trains, for `kerazoo sample runs/flow`
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from kerazoo._lazy import KerasTensor, keras, layers
from kerazoo.errors import KerazooError, require_rank, require_sizes, require_whole
from kerazoo.models.dcgan import crop, halvings
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Recipe

CITATION = """
@inproceedings{liu2023flow,
  title     = {Flow straight and fast: learning to generate and transfer data with rectified flow},
  author    = {Liu, Xingchao and Gong, Chengyue and Liu, Qiang},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2023},
  note      = {arXiv:2209.03003, section 2.1. Random times near the middle: Esser et al. 2024,
               arXiv:2403.03206, section 3.1. Scale and shift of channels: Perez et al. 2018,
               arXiv:1709.07871, section 2.1. U-Net: Ronneberger et al. 2015, arXiv:1505.04597,
               section 2. Heun's method: Karras et al. 2022, arXiv:2206.00364, algorithm 1}
}
"""
FREQUENCIES = 5  # of the embedding of the time


def modulate(x: KerasTensor, time: KerasTensor, name: str) -> KerasTensor:
    """A scale and a shift of each channel that depend on the time, then SiLU."""
    channels, zeros = x.shape[-1], {"kernel_initializer": "zeros"}
    scale = layers.Dense(channels, bias_initializer="ones", name=f"{name}_scale", **zeros)(time)
    shift = layers.Dense(channels, name=f"{name}_shift", **zeros)(time)
    x = layers.Multiply(name=f"{name}_scaled")([x, scale])
    x = layers.Add(name=f"{name}_shifted")([x, shift])
    return layers.Activation("silu", name=f"{name}_silu")(x)


def block(x: KerasTensor, time: KerasTensor, filters: int, name: str) -> KerasTensor:
    """Two 3 × 3 convolutions and a shortcut: ``(n, h, w, c)`` to ``(n, h, w, filters)``.

    The second one starts at zero, so that the block starts as its shortcut.
    """
    if x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, name=f"{name}_shortcut")(x)
    y = modulate(x, time, f"{name}_in")
    y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv1")(y)
    y = layers.Activation("silu", name=f"{name}_silu")(y)
    zeros = {"kernel_initializer": "zeros", "name": f"{name}_conv2"}
    y = layers.Conv2D(filters, 3, padding="same", **zeros)(y)
    return layers.Add(name=f"{name}_add")([x, y])


def time_embedding(times: KerasTensor) -> KerasTensor:
    """Times of 0 to 1, ``(n, 1)``, with their sines and cosines of half a period to eight."""
    angles = [layers.Rescaling(math.pi * 2**n, name=f"angle{n}")(times) for n in range(FREQUENCIES)]
    waves = [wave(angle) for wave in (keras.ops.sin, keras.ops.cos) for angle in angles]
    return layers.Concatenate(name="time_embedding")([times, *waves])


def velocity(
    image_shape: tuple[int, int, int], filters: Sequence[int], blocks: int, units: int
) -> keras.Model:
    """Images, -1 to 1, and times ``(n, 1)``, 0 to 1, to the velocities of the pixels.

    A U-Net of two sizes: ``blocks`` at half of the height and width, ``blocks + 1`` at a quarter,
    and ``blocks`` at half again, which also see the feature maps of the first ones.
    """
    _, half, _ = halvings(*image_shape[:2], 2)
    images = keras.Input(image_shape, name="images")
    times = keras.Input((1,), name="times")
    time = time_embedding(times)
    time = layers.Reshape((1, 1, time.shape[1]), name="time")(time)
    for number in (1, 2):
        time = layers.Dense(units, activation="silu", name=f"time{number}")(time)
    x = layers.Conv2D(filters[0], 4, 2, "same", name="in")(images)
    skips = []
    for number in range(1, blocks + 1):
        x = block(x, time, filters[0], f"down{number}")
        skips.append(x)
    x = layers.Conv2D(filters[1], 2, 2, "same", name="halve")(x)
    for number in range(1, blocks + 2):
        x = block(x, time, filters[1], f"middle{number}")
    x = layers.Conv2DTranspose(filters[0], 2, 2, name="double")(x)
    x = crop(x, half, 1)
    for number in range(1, blocks + 1):
        x = layers.Concatenate(name=f"both{number}")([x, skips.pop()])
        x = block(x, time, filters[0], f"up{number}")
    x = modulate(x, time, "out")
    zeros = {"kernel_initializer": "zeros", "name": "change"}
    x = layers.Conv2DTranspose(image_shape[2], 4, 2, "same", **zeros)(x)
    x = crop(x, image_shape[:2], 2)
    # Part of the velocity is a multiple of the image, which the network then need not copy.
    share = layers.Dense(1, name="share")(time)
    x = layers.Add(name="velocity")([x, layers.Multiply(name="shared")([images, share])])
    return keras.Model([images, times], x, name="velocity")


def generator(net: keras.Model, image_shape: tuple[int, int, int], steps: int) -> keras.Model:
    """Latents ``(n, height · width · channels)`` to images, 0 to 255, by Heun's method.

    Each step goes by the mean of two velocities: at its start, and at the point that Euler's method
    reaches from there. The last one is a step of Euler's method.
    """
    inputs = keras.Input((math.prod(image_shape),), name="latent")
    # A zero for each latent, by layers of Keras alone; the times are added to it.
    column = layers.Reshape((inputs.shape[1], 1), name="column")(inputs)
    start = layers.Rescaling(0.0, name="start")(layers.GlobalAveragePooling1D(name="one")(column))
    times = [start]
    for number in range(1, steps):
        times.append(layers.Rescaling(1.0, number / steps, name=f"time{number}")(start))
    x = layers.Reshape(image_shape, name="noise")(inputs)
    for number, time in enumerate(times, start=1):
        first = net([x, time])
        x1 = move(x, [first], 1 / steps, f"step{number}")
        if number < steps:
            second = net([x1, times[number]])
            x1 = move(x, [first, second], 1 / steps, f"heun{number}")
        x = x1
    x = layers.Rescaling(127.5, 127.5, name="pixels")(x)
    x = layers.ReLU(255.0, name="clip")(x)
    return keras.Model(inputs, x, name="generator")


def move(x: KerasTensor, velocities: Sequence[KerasTensor], time: float, name: str) -> KerasTensor:
    """``x`` after ``time`` at the mean of the velocities."""
    scaled = [
        layers.Rescaling(time / len(velocities), name=f"{name}_{number}")(v)
        for number, v in enumerate(velocities, start=1)
    ]
    return layers.Add(name=name)([x, *scaled])


def rectified_flow(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    filters: Sequence[int] = (32, 64),
    blocks: int = 3,
    units: int = 128,
    steps: int = 8,
) -> keras.Model:
    """A U-Net that learns the velocity from noise to images, and a generator that follows it.

    A training example is a point on the straight line from noise to an image, at a random time; the
    network learns the velocity there, which is image minus noise. 572,194 parameters for MNIST. The
    latents of the generator are the noise, from which it goes to an image in ``steps`` steps.

    ``model.fit(images)`` trains it after ``model.compile("adam")``; ``model.generator`` is a
    functional model, ``model.velocity`` a layer of it. Called with ``n`` images, the model gives
    the squared errors of their velocities, float32 ``(n,)``.

    Args:
        input_shape: shape of an image.
        filters: of the convolutions at half and at a quarter of the size.
        blocks: residual blocks at half of the size, before and again after the ``blocks + 1`` at a
            quarter.
        units: of the two dense layers that the time passes.
        steps: of the generator, which evaluates the network ``2 * steps - 1`` times.

    Raises:
        KerazooError: ``input_shape`` is not that of an image, an option is no positive whole
            number, or ``filters`` are not two.

    Source: Liu, Gong & Liu 2023, section 2.1; Esser et al. 2024, section 3.1 (random times);
    Ronneberger et al. 2015, section 2 (U-Net); Perez et al. 2018, section 2.1 (scale and shift);
    Karras et al. 2022, algorithm 1 (the steps).
    """
    from kerazoo.models._generative import RectifiedFlow

    require_rank("rectified_flow", input_shape, 3)
    require_sizes("rectified_flow", "filters", filters)
    if len(filters) != 2:
        raise KerazooError(f"rectified_flow: filters is {filters!r}; give two numbers.")
    for name, value in {"blocks": blocks, "units": units, "steps": steps}.items():
        require_whole(f"rectified_flow: {name}", value)
    net = velocity(input_shape, filters, blocks, units)
    return RectifiedFlow([generator(net, input_shape, steps)], name="rectified_flow")


register_model(
    rectified_flow,
    citation=CITATION,
    entries=[
        Entry(
            dataset="mnist",
            task="generation",
            judges=("mnist_cnn@mnist", "strided_cnn@mnist"),
            recipe=Recipe(
                epochs=12,
                batch_size=64,
                optimizer="muon",
                momentum=0.9,
                learning_rate=8e-3,
                schedule="warmup_cosine",
                warmup=0.05,
                train_on="train+validation",
            ),
            smoke={"epochs": 1, "train_examples": 16_000, "train_on": "train"},
            seeds=3,  # 25 minutes each on two CPU cores
            # Rounding grows over 15 evaluations: outputs of an export differ by 0.064, and its
            # certificate allows 0.026.
            bundled=False,
            test_exposure="a smaller network of this kind had been compared with test images, with "
            "8, 16 and 32 steps, before this network and its recipe were chosen",
        ),
    ],
)
