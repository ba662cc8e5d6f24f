"""A directory of images: how it is understood and split, and what is refused."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

import kerazoo
from kerazoo.datasets._images import eight_bits
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers.arrays import from_arrays
from kerazoo.finetuning.readers.images import as_read, from_images, takes_images
from kerazoo.finetuning.readers.reading import ImageReading
from tests.conftest import raised


def image(seed: int, mode: str = "L", size=(16, 12)) -> Image.Image:
    noise = np.random.RandomState(seed).randint(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def fill(directory: Path, classes=("cat", "dog"), n=10) -> Path:
    for number, name in enumerate(classes):
        (directory / name).mkdir(parents=True, exist_ok=True)
        for i in range(n):
            image(1000 * number + i).save(directory / name / f"{i}.png")
    return directory


def content(directory: Path) -> dict[str, str]:
    return {
        str(p.relative_to(directory)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(directory.rglob("*"))
        if p.is_file()
    }


def read(directory: Path, **options):
    return from_images(directory, **{"size": (12, 10), "channels": 1, **options})


def sizes(user):
    return tuple(s.examples for s in (user.data.train, user.data.validation, user.data.test))


def test_a_directory_per_class_is_split_by_a_fixed_seed(tmp_path):
    directory = fill(tmp_path, n=20)
    before = content(directory)
    user, again = read(directory), read(directory)
    assert user.data.info.labels == ("cat", "dog") and sizes(user) == (28, 4, 8)
    for split in (user.data.train, user.data.validation, user.data.test):
        assert np.bincount(split.y).tolist() == [split.examples // 2] * 2
        assert split.x.shape[1:] == (12, 10, 1) and split.x.dtype == np.uint8
    assert user.data.sha256 == again.data.sha256 and content(directory) == before
    every = np.concatenate([s.x for s in (user.data.train, user.data.validation, user.data.test)])
    assert len({x.tobytes() for x in every}) == 40
    assert "40 images of 2 classes: cat 20; dog 20" in str(user) and "40" in str(user)
    assert "\n" not in repr(user)


def test_the_first_image_decides_where_size_and_channels_are_not_given(tmp_path):
    directory = fill(tmp_path)
    user = from_images(directory)
    assert user.data.info.input_shape == (12, 16, 1)
    for_model = {"size": (8, 9), "channels": 3, "vocabulary": None}
    assert user.read_for(for_model).data.info.input_shape == (8, 9, 3)
    assert from_images(directory, size=5).read_for(for_model).data.info.input_shape == (5, 5, 3)
    assert user.read_for({"progress": True}) is user, "the files are not read again"
    image(1, "RGB", (448, 100)).save(directory / "cat" / "0.png")
    assert from_images(directory).data.info.input_shape == (50, 224, 3)


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        (("Training", "val"), (18, 2, 20)),
        (("train", "test"), (18, 2, 20)),
        (("train",), (14, 2, 4)),
        (("training_set", "test_set"), (18, 2, 20)),
        (("train2017", "val2017"), (18, 2, 20)),
    ],
)
def test_directories_that_name_the_splits(tmp_path, splits, expected):
    for split in splits:
        fill(tmp_path / split)
    user = read(tmp_path)
    assert sizes(user) == expected and f"{splits[0]}/" in user.report[1]
    # All directories hold the same images, which is an error of the user's.
    copies = any("occur in the training split too" in w for w in user.warnings)
    assert copies == (len(splits) > 1)
    assert sizes(read(tmp_path, splits="yes")) == expected


def test_directories_named_like_splits_may_be_classes(tmp_path):
    assert read(fill(tmp_path / "a", ("train", "truck"))).data.info.labels == ("train", "truck")
    flat = fill(tmp_path / "b", ("train", "test"))
    raised(["--splits"], read, flat)
    assert read(flat, splits="no").data.info.labels == ("test", "train")
    raised(["class"], read, flat, splits="yes")
    mixed = fill(fill(tmp_path / "c") / "train")
    raised(["--splits"], read, mixed.parent)
    for number, names in enumerate(
        [
            ("cat", "dog", "test"),
            ("training_set", "test_set"),
            ("train", "val", "more"),
            ("trainA", "trainB", "testA", "testB"),
        ]
    ):
        raised(["--splits"], read, fill(tmp_path / f"d{number}", names))
    assert len(read(tmp_path / "d0", splits="no").data.info.labels) == 3


@pytest.mark.parametrize(
    ("directories", "name", "stops"),
    [
        (("monday", "tuesday"), "{1}.{0}", ("cat", "dog")),  # as Kaggle's dogs and cats
        (("monday", "tuesday"), "{:04}_{}", ("cat", "dog")),
        (("2021", "2022"), "{}", ("2021", "2022")),
        (("fold1", "fold2"), "{}", ("fold1", "fold2")),
        (("cat", "2022"), "left_{}", ()),
        (("cat", "dog"), "{2}_{0}", ()),
    ],
)
def test_directories_that_may_be_no_classes_stop(tmp_path, directories, name, stops):
    words = ("cat", "IMG_left"), ("dog", "DSC_right")
    for i in range(40):
        path = tmp_path / directories[i // 20] / f"{name.format(i, *words[i % 2])}.png"
        path.parent.mkdir(exist_ok=True)
        image(i).save(path)
    if stops:
        raised([*stops, "--splits no", "--target"], read, tmp_path)
    else:
        assert read(tmp_path).data.info.labels == tuple(sorted(directories))
    assert read(tmp_path, splits="no").data.info.labels == tuple(sorted(directories))


def test_masks_and_copies_next_to_their_images_have_a_note(tmp_path):
    fill(tmp_path)
    assert not read(tmp_path).warnings
    for name in ("cat", "dog"):
        for i in range(5):
            image(i).save(tmp_path / name / f"{i}_mask.png")
    assert ["'_mask'" in note for note in read(tmp_path).warnings].count(True) == 1


def test_test_images_unlike_those_of_the_training_have_a_note(tmp_path):
    for split in ("train", "test"):
        ink(tmp_path / split, 40)
    assert not any("test images" in note for note in read(tmp_path).warnings)
    for path in (tmp_path / "test").rglob("*.png"):
        ImageOps.invert(Image.open(path)).save(path)
    assert any("40 of 40 test images" in note for note in read(tmp_path).warnings)


def test_the_light_paper_of_fewer_bits_is_light(tmp_path):
    """Twelve bits in files of sixteen, in which 4,095 is white."""
    for i, path in enumerate(sorted(ink(tmp_path).rglob("*.png"))):
        Image.fromarray(np.asarray(Image.open(path)).astype(np.uint16) * 16 + i % 2).save(path)
    assert read(tmp_path, light_on_dark=True).reading.invert == "yes"


def test_frames_and_transparent_parts_are_reported(tmp_path):
    fill(tmp_path)
    image(1).save(tmp_path / "cat" / "0.tif", save_all=True, append_images=[image(2)])
    for light, name in ((0, "1.png"), (255, "2.png")):
        clear = Image.new("RGBA", (16, 12), (light,) * 3 + (0,))
        clear.putpixel((5, 5), (light,) * 3 + (255,))
        clear.save(tmp_path / "cat" / name)
    Image.new("RGBA", (16, 12), (7, 8, 9, 255)).save(tmp_path / "cat" / "3.png")  # is opaque
    lines = [line for line in read(tmp_path).report if line.startswith("1 ")]
    assert [["frames" in n, "white" in n, "black" in n] for n in sorted(lines)] == [
        [True, False, False], [False, False, True], [False, True, False],
    ]  # fmt: skip


def test_images_that_are_nearly_black_have_a_note(tmp_path):
    x = np.random.RandomState(0).randint(0, 17, (30, 8, 8), dtype=np.uint8)
    notes = [from_arrays(x * factor, np.arange(30) % 3).warnings for factor in (1, 15)]
    assert ["largest pixel" in " ".join(each) for each in notes] == [True, False]


def test_a_split_whose_images_cannot_be_read_is_not_replaced_by_another(tmp_path):
    fill(tmp_path / "train", n=60)
    for name in ("cat", "dog"):
        (tmp_path / "test" / name).mkdir(parents=True)
        (tmp_path / "test" / name / "phone.heic").write_bytes(b"of a kind that Pillow cannot read")
    for labels in (True, False):
        raised(["test", "0 images", "2 .heic"], read, tmp_path, labels=labels, splits="yes")


def test_files_that_cannot_be_read_are_skipped_and_counted(tmp_path):
    directory = fill(tmp_path, n=12)
    cat = directory / "cat"
    (cat / "zero.png").write_bytes(b"")
    (cat / "no image.jpg").write_bytes(b"hello")
    whole = (cat / "0.png").read_bytes()
    (cat / "half.png").write_bytes(whole[: len(whole) // 2])
    for name in ("notes.txt", ".hidden.png", "phone.heic", ".DS_Store"):
        (cat / name).write_bytes(b"")
    (cat / "more").mkdir()
    (cat / "more" / "deep.png").write_bytes(whole)
    (directory / ".cache").mkdir()
    image(5).save(directory / "loose.png")
    user = read(directory)
    assert sum(sizes(user)) == 24
    assert len(user.skipped) == 3 and any("zero.png" in line for line in user.skipped)
    (line,) = [w for w in user.warnings if "skipped" in w]
    parts = ("3 unreadable", "half.png", "1 .txt", "1 .heic", "1 hidden files", "2 images out")
    assert all(part in line for part in parts)


def test_links_that_lead_up_or_nowhere_are_not_followed(tmp_path):
    directory = fill(tmp_path / "images")
    fill(tmp_path / "elsewhere", ("cow",))
    (directory / "cow").symlink_to(tmp_path / "elsewhere" / "cow")
    (directory / "loop").symlink_to(directory / "loop")
    (directory / "cat" / "self.png").symlink_to(directory / "cat" / "self.png")
    (directory / "cat" / "up").symlink_to(directory)
    user = read(directory)
    assert user.data.info.labels == ("cat", "cow", "dog") and sum(sizes(user)) == 30
    assert any("2 links to nothing" in w for w in user.warnings)


def test_every_kind_of_image_is_read(tmp_path):
    directory = fill(tmp_path)
    cat = directory / "cat"
    image(1, "CMYK").save(cat / "cmyk.jpg")
    image(2, "RGBA").save(cat / "ünï cödé and spaces.png")
    image(3, "P").save(cat / "palette.gif")
    image(4, "1").save(cat / "bits.png")
    deep = np.random.RandomState(5).randint(0, 65536, (9, 9), dtype=np.uint16)
    Image.fromarray(deep).save(cat / "sixteen.png")
    frames = [image(i, "P") for i in (6, 7)]
    frames[0].save(cat / "animated.gif", save_all=True, append_images=frames[1:])
    user = read(directory, channels=3)
    assert sum(sizes(user)) == 26 and not user.skipped and "CMYK 1" in str(user)


def test_an_error_of_pillow_names_the_file(tmp_path, monkeypatch):
    def odd(*_):
        raise ZeroDivisionError("odd")

    directory = fill(tmp_path)
    monkeypatch.setattr(ImageOps, "exif_transpose", odd)
    raised(["0.png"], read, directory)


def test_classes_of_different_sizes_are_reported(tmp_path):
    fill(fill(tmp_path, ("rare",), n=5), ("usual",), n=30)
    assert any("rare" in w and "--balance" in w for w in read(tmp_path).warnings)


def ink(directory: Path, n=20, light=()) -> Path:
    """Dark dots on light paper, light ones on black in the images whose numbers are ``light``."""
    for i in range(n):
        dot = Image.new("L", (10, 12), i if i in light else 250 - i)
        dot.putpixel((5, 5), 255 if i in light else 0)
        path = directory / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        dot.save(path)
    return directory


def test_dark_ink_is_inverted_for_a_model_of_light_strokes(tmp_path):
    ink(tmp_path)
    user = read(tmp_path, light_on_dark=True)
    assert user.data.train.x.mean() < 30 and user.data.info.light_on_dark
    assert user.reading.invert == "yes" and any("--invert" in line for line in user.report)
    assert 200 < user.reading.least_mean <= user.reading.most_mean < 251
    for left in (read(tmp_path), read(tmp_path, light_on_dark=True, invert="no")):
        assert left.data.train.x.mean() > 200 and left.reading.invert == "no"


def test_all_images_of_a_set_are_inverted_or_none(tmp_path):
    """Each file was once judged by its own border."""
    options = {"light_on_dark": True}
    most, few, mixed = (ink(tmp_path / str(n), 40, range(n)) for n in (2, 38, 20))
    assert read(most, **options).reading.invert == "yes"
    assert (read(most, **options).data.train.x.mean(axis=(1, 2, 3)) > 200).sum() in (1, 2)
    assert read(few, **options).reading.invert == "no"
    raised(["--invert", "20 of 40"], read, mixed, **options)
    assert read(mixed, **options, invert="yes").reading.invert == "yes"
    assert read(mixed).reading.invert == "no"


def sensor(directory: Path, n=40) -> list[np.ndarray]:
    """Images of 12 bits, one of which has a hot pixel."""
    values = np.random.RandomState(0).randint(2_000, 4_000, (n, 12, 10)).astype(np.uint16)
    values[3, 5, 5] = 60_000
    for i, image in enumerate(values):
        path = directory / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return values


def test_images_whose_grays_fall_together_have_a_note(tmp_path):
    """Sixteen bits with an offset, as of a computed tomography."""
    values = sensor(tmp_path)
    assert not read(tmp_path).warnings
    for path in tmp_path.rglob("*.png"):
        Image.fromarray(values[int(path.stem)] // 16 + 32_768).save(path)
    assert read(tmp_path).warnings
    for path in tmp_path.rglob("*.png"):  # a hot pixel in every image sets the white of all
        image = values[int(path.stem)].copy()
        image[int(path.stem) % 12, 3] = 65_535
        Image.fromarray(image).save(path)
    assert read(tmp_path).warnings


@pytest.mark.parametrize("divided", [1, 16])
def test_images_of_sixteen_bits_have_one_white(tmp_path, divided):
    """Of 12 bits, only 16 of 256 levels were left: 900 and 3,000 became 3 and 11."""
    values = sensor(tmp_path)
    if divided > 1:  # 8 bits, saved with 16
        values //= divided
        for path in tmp_path.rglob("*.png"):
            Image.fromarray(values[int(path.stem)]).save(path)
    user = read(tmp_path)
    white = 4_095 // divided
    assert (user.reading.white, user.reading.sixteen_bits) == (white, True)
    assert any(f"{white:,}" in line for line in user.report)
    every = np.concatenate([s.x for s in (user.data.train, user.data.validation, user.data.test)])
    expected = np.minimum(values, white) * (255 / white)
    pixels = eight_bits(values, white)
    assert {x.tobytes() for x in every} == {x.tobytes() for x in pixels.astype("u1")}
    assert np.abs(pixels - expected).max() < 1
    image(1).resize((10, 12)).save(tmp_path / "a" / "1000.png")
    mixed = read(tmp_path).reading
    assert (mixed.white, mixed.sixteen_bits) == (white, False)


@pytest.mark.parametrize("white", [255, 1_023, 4_095, 16_383, 65_535])
@pytest.mark.parametrize("invert", ["yes", "no"])
def test_the_saved_model_takes_images_as_they_were_read(white, invert):
    """Every value of 16 bits, to the bit."""
    reading = ImageReading(invert=invert, white=white, sixteen_bits=True)
    inputs = keras.Input((256, 256, 1))
    model = takes_images(keras.Model(inputs, keras.layers.Identity()(inputs)), reading)
    x = np.arange(65_536).reshape(1, 256, 256, 1)
    pixels = eight_bits(x, white)
    pixels = 255 - pixels if invert == "yes" else pixels
    np.testing.assert_array_equal(model.predict(x.astype(np.uint16), verbose=0), pixels)
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    again = eight_bits(as_read(levels, reading), white)
    np.testing.assert_array_equal(255 - again if invert == "yes" else again, levels)


def test_unlabeled_images_are_split_as_their_directories_say(tmp_path):
    fill(tmp_path / "train", ("a", "b"), n=60)
    fill(tmp_path / "test", ("a",), n=40)
    image(5).save(tmp_path / "loose.png")
    user = read(tmp_path, labels=False)
    assert user.kind == "unlabeled_images" and user.data.info.task == "generation"
    assert user.data.test.examples == 40 and sum(sizes(user)) == 160
    assert any("1 images outside" in w for w in user.warnings)
    assert sum(sizes(read(tmp_path, labels=False, splits="no"))) == 161


def several(*names, classes=("cat", "dog")):
    return lambda d: [fill(d / name, classes) for name in names]


def one_image(d):
    fill(fill(d, ("dog",), n=1), ("cat",))


def other_classes(d):
    fill(d / "train")
    fill(d / "test", ("cat", "cow"))


def all_broken(d):
    for path in (fill(d) / "dog").iterdir():
        path.write_bytes(b"?")


@pytest.mark.parametrize(
    ("make", "options", "names"),
    [
        (lambda d: None, {}, ["0 directories"]),
        (one_image, {}, ["dog", "1 images", "3"]),
        (several("cat", "dog", classes=("big", "small")), {}, ["cat has 0 images", "below"]),
        (several("all"), {}, ["1 directories", "level deeper"]),
        (other_classes, {}, ["train/cow"]),
        (several("train", "val", "validation"), {}, ["val", "validation"]),
        (all_broken, {}, ["dog", "0 images", "10 unreadable"]),
        (fill, {"labels": False}, ["20 images", "100"]),
        (fill, {"size": 0}, ["size"]),
        (fill, {"invert": "Auto"}, ["invert", "'Auto'"]),
        (fill, {"target": "y"}, ["target", "images"]),
        (fill, {"na_values": ["x"]}, ["--na "]),
    ],
)
def test_directories_and_options_that_are_refused(tmp_path, make, options, names):
    make(tmp_path)
    before = content(tmp_path)
    raised(names, read, tmp_path, **options)
    assert content(tmp_path) == before


def test_a_missing_directory_and_a_file_are_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    for name in ("nowhere", "file"):
        raised([name], read, tmp_path / name)


@pytest.fixture
def listed(tmp_path):
    """Images of two classes in one directory, and a table that names them."""
    directory = fill(tmp_path / "by class")
    rows = []
    for path in sorted(directory.rglob("*.png")):
        name = f"{len(rows):03}.png"
        (tmp_path / "all").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "all" / name)
        rows.append((f"all/{name}", path.parent.name, len(rows)))
    return directory, pd.DataFrame(rows, columns=["photo", "animal", "age"])


def test_a_table_of_file_names_is_read_as_directories_are(listed, tmp_path, monkeypatch):
    directory, rows = listed
    rows.to_csv(tmp_path / "labels.csv", index=False)
    wanted = read(directory)
    for source, options in (
        (tmp_path / "labels.csv", {}),
        (str(tmp_path / "labels.csv"), {"files": "photo"}),
        (rows, {}),
    ):
        monkeypatch.chdir(tmp_path)
        user = read(source, target="animal", **options)
        assert user.data.info.labels == ("cat", "dog")
        assert user.data.sha256 == wanted.data.sha256


def test_a_table_whose_files_are_not_known_stops(listed, tmp_path, monkeypatch):
    _, rows = listed
    monkeypatch.chdir(tmp_path)
    raised(["--files"], read, rows.assign(mask=rows["photo"]), target="animal")
    inside = rows.assign(photo=rows["photo"].str.replace("all/", ""))
    raised(["--files"], read, inside, target="animal")
    for wrong in ("003", "003.jpg", "All/003.png", "https://example.org/003.png"):
        raised([wrong, "all/003.png"], read, rows.replace("all/003.png", wrong), target="animal")
    raised(["nowhere.png"], read, rows.replace("all/003.png", "nowhere.png"), target="animal")
    raised(["all/004.png"], read, rows.replace("all/003.png", "./all/004.png"), target="animal")
    raised(["--target"], read, rows)
    for options in ({"target": "animal"}, {"files": "photo"}, {"sep": ";"}):
        with pytest.raises(KerazooError):
            read(tmp_path / "by class", **options)
    windows = rows.assign(photo=" " + rows["photo"].str.replace("/", "\\"))
    assert sizes(read(windows, target="animal")) == sizes(read(rows, target="animal"))
    assert any("'age'" in note for note in read(rows, target="animal").warnings)
    missing = read(rows.assign(animal=rows["animal"].where(rows["age"] > 1)), target="animal")
    assert sizes(missing) != sizes(read(rows, target="animal")) and missing.warnings


def test_a_model_of_images_takes_a_table_of_file_names(listed, in_tmp, tmp_path, command):
    _, rows = listed
    rows.to_csv(tmp_path / "labels.csv", index=False)
    words = ("finetune", "mlp", str(tmp_path / "labels.csv"), "--target", "animal", "--size", "8")
    status, _, error = command(
        *words, "--files", "photo", "--weights", "none", "--epochs", "1", "--out", "run"
    )
    assert status == 0 and "20 images of 2 classes" in error, error
    assert kerazoo.evaluate("run").same
