"""Where a classifier of images looks, in Python and on the command line."""

from __future__ import annotations

import json

import pytest
from PIL import Image

import kerazoo


def test_hiding_the_stroke_lowers_the_probability_and_hiding_the_background_does_not():
    data = kerazoo.load_data("digits")
    one = data.test.x[data.test.y == 1][0]
    (found,) = kerazoo.explain("mnist_cnn_small@digits", one)
    assert found.label == "1" and found.drop.shape == (28, 28)
    # A square that hides nothing changes nothing, so the corners of these digits do not count.
    assert found.drop.max() > 1 > 100 * abs(found.drop[:3, :3]).max()
    assert found.lowest < found.probability
    stroke = one[..., 0] > 128
    assert found.drop[stroke].mean() > 2 * found.drop[~stroke].mean()
    (other,) = kerazoo.explain("mnist_cnn_small@digits", one, label="7")
    assert other.label == "7" and other.probability < found.probability
    several = kerazoo.explain("mnist_cnn@digits", data.test.x[:12])
    sure = min(several, key=lambda e: e.probability - e.lowest)
    assert sure.probability - sure.lowest < 0.05 and sure.drop.max() > 1, "also where it is certain"
    chances = kerazoo.predict("mnist_cnn_small@digits", one)[0].probabilities
    assert other.probability == pytest.approx(chances["7"], rel=1e-4)
    (paper,) = kerazoo.explain("mnist_cnn_small@digits", 255 - one)
    assert paper.label == "1" and "--invert" in paper.note and not found.note


def test_command_writes_a_plot(command, refused, in_tmp):
    x = kerazoo.load_data("digits").test.x
    for i in range(2):
        Image.fromarray(x[i, ..., 0]).save(f"{i}.png")
    status, out, err = command("explain", "mnist_cnn_small@digits", "0.png", "1.png", "--json")
    assert status == 0, err
    assert [image["input"] for image in json.loads(out)["images"]] == ["0.png", "1.png"]
    with Image.open("explained.png") as plot:
        assert plot.width > 300
    for out in ([], ["--out", "x.jpg"]):  # without a name it would be that of the file there
        refused("explain", "mnist_cnn_small@digits", "0.png", *out)
