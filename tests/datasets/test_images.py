"""Image files of every kind as the pixels of a model."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from kerazoo.datasets import _images as images
from tests.conftest import raised

SHAPE = (28, 28, 1)


@pytest.fixture
def ring():
    """A light ring on a dark background: uint8 ``(28, 28)``."""
    y, x = np.mgrid[:28, :28] - 13.5
    radius = np.hypot(x, y)
    return (np.exp(-((radius - 7) ** 2) / 4) * 250).astype(np.uint8)


@pytest.fixture
def read(tmp_path):
    """Save an image and read it."""

    def save_and_read(image, name="image.png", shape=SHAPE):
        image = image if isinstance(image, Image.Image) else Image.fromarray(image)
        image.save(tmp_path / name)
        return images.read_image(tmp_path / name, shape)

    return save_and_read


def test_an_image_of_the_right_size_is_left_as_it_is(read, ring):
    image = read(ring)
    np.testing.assert_array_equal(image.pixels[..., 0], ring)
    assert image.size == (28, 28) and image.mode == "L" and image.background == ""


def test_a_light_border_is_that_of_dark_ink_on_light_paper(ring):
    both = np.stack([ring, 255 - ring])[..., None]
    assert images.light_borders(both).tolist() == [False, True]
    assert images.light_borders(np.repeat(both, 3, axis=-1)).tolist() == [False, True]


def test_an_image_is_as_large_as_it_is_viewed(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("L", (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert images.read_image(tmp_path / "turned.jpg", SHAPE).size == (20, 40)


def test_every_kind_of_file_is_the_same_image(read, ring):
    gray = Image.fromarray(ring)
    black, white = Image.new("L", gray.size, 0), Image.new("L", gray.size, 255)
    large = gray.resize((280, 280), Image.Resampling.NEAREST)
    kinds = {
        "large.png": large,
        "color.jpg": large.convert("RGB"),
        "sixteen.png": Image.fromarray(ring.astype(np.uint16) * 257),
        "ink.png": Image.merge("RGBA", [black, black, black, gray]),
        "light ink é.png": Image.merge("RGBA", [white, white, white, gray]),
        "cmyk.tif": gray.convert("CMYK"),
        "palette.gif": gray.convert("P"),
    }
    for name, image in kinds.items():
        found = read(image, name)
        pixels = found.pixels[..., 0].astype(int)
        pixels = 255 - pixels if images.light_borders(found.pixels[None])[0] else pixels
        assert np.abs(pixels - ring).mean() < 8, name
        assert found.background == {"ink.png": "white", "light ink é.png": "black"}.get(name, "")


def test_sixteen_bits_are_scaled_alike_in_every_file(read):
    """One hot pixel of a sensor must not change the scale of its whole image."""
    sensor = np.random.RandomState(0).randint(2_000, 4_000, (28, 28)).astype(np.uint16)
    hot = sensor.copy()
    hot[5, 5] = 60_000
    one, other = (read(values).pixels[..., 0] for values in (sensor, hot))
    assert (one != other).sum() == 1
    np.testing.assert_array_equal(one, sensor.astype(int) * 255 // 65_535)


def test_the_first_frame_of_an_animation_is_read(tmp_path, ring):
    first, second = Image.fromarray(ring), Image.new("L", (28, 28))
    first.save(tmp_path / "moving.gif", save_all=True, append_images=[second])
    image = images.read_image(tmp_path / "moving.gif", SHAPE)
    assert image.frames == 2
    np.testing.assert_array_equal(image.pixels[..., 0], ring)


def test_proportions_are_kept_and_the_border_pads(read):
    wide = np.full((28, 56), 40, np.uint8)
    wide[7:21, 14:42] = 200
    pixels = read(wide).pixels[..., 0]
    assert (pixels[:7] == 40).all() and (pixels[-7:] == 40).all() and pixels[14, 14] == 200
    for size in ((1000, 1), (1, 1000), (1, 1)):
        assert (read(Image.new("L", size, 7)).pixels == 7).all()


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.png").touch()
    Image.new("L", (90, 90), 7).save(tmp_path / "cut.png")
    os.truncate(tmp_path / "cut.png", (tmp_path / "cut.png").stat().st_size - 60)
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "floats.tif")
    Image.fromarray(np.full((4, 4), 70_000, np.int32)).save(tmp_path / "beyond.tif")
    Image.new("1", (10_000, 8_500)).save(tmp_path / "large.png")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    for name in ("missing.png", *(path.name for path in tmp_path.iterdir())):
        raised([name], images.read_image, tmp_path / name, SHAPE)


def test_heic_without_its_plugin_names_it(tmp_path):
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic")
    raised(["pillow-heif"], images.read_image, tmp_path / "photo.heic", (8, 8, 3))
