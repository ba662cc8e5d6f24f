"""A user's pictures: what is found in a folder or in arrays, how it is split, what is refused."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from kerazoo.datasets import _images as pictures
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers.arrays import frame_from_arrays, pair_of, pictures_from_arrays
from kerazoo.finetuning.readers.images import classes_from_folder, pictures_from_folder

SHAPE = (12, 10, 1)


def picture(seed: int, mode: str = "L", size=(16, 12)) -> Image.Image:
    noise = np.random.RandomState(seed).randint(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def fill(folder: Path, classes=("cat", "dog"), n=10, **options) -> Path:
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(n):
            picture(1000 * number + i, **options).save(folder / name / f"{i}.png")
    return folder


def content(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def read(folder: Path, **options):
    return classes_from_folder(folder, SHAPE, tell=lambda line: None, **options)


def test_folder_per_class_is_split_alike_and_always_the_same(tmp_path):
    folder = fill(tmp_path, n=20)
    before = content(folder)
    own, again = read(folder), read(folder)
    assert own.data.info.labels == ("cat", "dog")
    sizes = [len(s) for s in (own.data.train, own.data.validation, own.data.test)]
    assert sizes == [28, 4, 8]
    for split in (own.data.train, own.data.validation, own.data.test):
        assert np.bincount(split.y).tolist() == [len(split) // 2] * 2
        assert split.x.shape[1:] == SHAPE
        assert split.x.dtype == np.uint8
    assert own.data.sha256 == again.data.sha256
    assert content(folder) == before
    assert "40 pictures of 2 classes: cat 20; dog 20" in own.found[0]
    every = np.concatenate([s.x for s in (own.data.train, own.data.validation, own.data.test)])
    assert len({x.tobytes() for x in every}) == 40


@pytest.mark.parametrize(
    ("splits", "sizes"),
    [
        (("train", "validation", "test"), (20, 20, 20)),
        (("Training", "val"), (18, 2, 20)),
        (("train", "test"), (18, 2, 20)),
        (("train",), (14, 2, 4)),
    ],
)
def test_folders_that_name_the_splits(tmp_path, splits, sizes):
    for split in splits:
        fill(tmp_path / split)
    own = read(tmp_path)
    found = (len(own.data.train), len(own.data.validation), len(own.data.test))
    assert found == sizes
    # All folders hold the same pictures, which is a mistake that must be said.
    assert any("occur in the training split too" in w for w in own.warnings) == (len(splits) > 1)


def test_how_the_folders_of_the_splits_are_called_is_said(tmp_path):
    for split in ("Training", "val"):
        fill(tmp_path / split)
    assert "test is val/, validation a tenth of Training/" in read(tmp_path).found[-1]


def test_a_split_whose_pictures_cannot_be_read_is_not_replaced_by_another(tmp_path):
    fill(tmp_path / "train")
    for name in ("cat", "dog"):
        (tmp_path / "test" / name).mkdir(parents=True)
        (tmp_path / "test" / name / "phone.heic").write_bytes(b"of a kind that Pillow cannot read")
    with pytest.raises(KerazooError, match=r"class 'cat' in .*test has 0 pictures .* 2 .heic"):
        read(tmp_path)
    fill(tmp_path / "train", n=60)
    with pytest.raises(KerazooError, match=r"test has no picture that can be read"):
        pictures_from_folder(tmp_path, (12, 10, 1), tell=lambda line: None)


def test_train_and_truck_may_be_classes(tmp_path):
    own = read(fill(tmp_path, ("train", "truck")))
    assert own.data.info.labels == ("train", "truck")


def test_what_cannot_be_read_is_left_out_and_said(tmp_path):
    folder = fill(tmp_path, n=12)
    cat = folder / "cat"
    (cat / "zero.png").write_bytes(b"")
    (cat / "no picture.jpg").write_bytes(b"hello")
    whole = (cat / "0.png").read_bytes()
    (cat / "half.png").write_bytes(whole[: len(whole) // 2])
    (cat / "notes.txt").write_text("not a picture by its name, so not even a problem")
    (cat / ".hidden.png").write_bytes(b"")
    (cat / "phone.heic").write_bytes(b"a kind that Pillow alone does not read")
    (cat / "more").mkdir()
    (cat / ".DS_Store").write_bytes(b"not a picture, and nobody's wish")
    (folder / ".cache").mkdir()
    (folder / ".cow").mkdir()
    (folder / ".cow" / "0.png").write_bytes(whole)
    own = read(folder)
    assert "24 pictures" in own.found[0]
    assert len(own.left_out) == 4 and any("zero.png" in line for line in own.left_out)
    assert f"{cat / '.hidden.png'} is hidden: its name begins with a dot" in own.left_out
    (problem,) = [w for w in own.warnings if "cannot be read" in w]
    assert problem.startswith("3 files")
    assert all(name in problem for name in ("zero.png", "no picture.jpg", "half.png"))
    assert "left_out.txt" in problem, "the hidden one is only named there"
    for kind in ("1 .txt files", "1 .heic files", "1 folders in a class", "1 hidden pictures"):
        assert kind in problem


def test_every_kind_of_picture_is_read(tmp_path):
    folder = fill(tmp_path)
    cat = folder / "cat"
    picture(1, "CMYK").save(cat / "cmyk.jpg")
    picture(2, "RGBA").save(cat / "ünï cödé and spaces.png")
    picture(3, "P").save(cat / "palette.gif")
    picture(4, "1").save(cat / "bits.png")
    deep = np.random.RandomState(5).randint(0, 65536, (9, 9), dtype=np.uint16)
    Image.fromarray(deep).save(cat / "sixteen.png")
    frames = [picture(i, "P") for i in (6, 7)]
    frames[0].save(cat / "animated.gif", save_all=True, append_images=frames[1:])
    own = classes_from_folder(folder, (12, 10, 3), tell=lambda line: None)
    assert "26 pictures" in own.found[0]
    assert "CMYK 1" in own.found[1]
    assert not any("cannot be read" in w for w in own.warnings)


def test_a_huge_picture_is_left_out_not_decoded(tmp_path, monkeypatch):
    folder = fill(tmp_path)
    picture(1, size=(400, 400)).save(folder / "cat" / "huge.png")
    monkeypatch.setattr(pictures, "MAX_PIXELS", 100_000)
    (problem,) = [w for w in read(folder).warnings if "cannot be read" in w]
    assert "huge.png is too large" in problem


def test_links_that_lead_round_or_nowhere_do_not_hang(tmp_path):
    folder = fill(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "gone").symlink_to(tmp_path / "not there")
    (folder / "cat" / "self.png").symlink_to(folder / "cat" / "self.png")
    (folder / "cat" / "up").symlink_to(folder)
    own = read(folder)
    assert own.data.info.labels == ("cat", "dog")
    assert "20 pictures" in own.found[0]
    assert own.left_out == (f"{folder / 'cat' / 'self.png'} is a link to nothing",)
    assert any("1 links that lead nowhere" in w for w in own.warnings)


def test_hidden_folders_and_pictures_to_draw_are_said_and_never_in_the_way(tmp_path, monkeypatch):
    folder = fill(tmp_path, n=60)
    (folder / ".Trashes").mkdir()
    look = Path.iterdir

    def refused(path):
        if path.name == ".Trashes":
            raise PermissionError(13, "Permission denied")
        return look(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    assert "120 pictures" in read(folder).found[0]
    (folder / "cat" / ".hidden.png").write_bytes(b"")
    (folder / ".Trashes").rmdir()
    own = pictures_from_folder(folder, (12, 10, 3), tell=lambda line: None)
    assert len(own.left_out) == 1 and "is hidden" in own.left_out[0]
    assert "1 hidden pictures" in own.warnings[0]


def test_imbalance_is_said(tmp_path):
    fill(tmp_path, ("rare",), n=5)
    fill(tmp_path, ("usual",), n=30)
    assert any("6.0 times as many" in w and "--balance" in w for w in read(tmp_path).warnings)


def test_dark_ink_is_turned_for_a_model_of_light_strokes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(10):
            ink = Image.new("L", (10, 12), 250 - i)
            ink.putpixel((5, 5), 0)
            ink.save(tmp_path / name / f"{i}.png")
    own = read(tmp_path, light_on_dark=True)
    assert own.data.train.x.mean() < 30
    assert any("dark and light exchanged in 20" in line for line in own.found)
    assert read(tmp_path, light_on_dark=True, invert="no").data.train.x.mean() > 200


def nothing(folder):
    pass


def one_class(folder):
    fill(folder, ("cat",))


def one_picture(folder):
    fill(folder)
    for i in range(1, 10):
        (folder / "dog" / f"{i}.png").unlink()


def too_deep(folder):
    fill(folder / "cat", ("tabby", "siamese"))
    fill(folder / "dog", ("poodle", "boxer"))


def other_classes(folder):
    fill(folder / "train")
    fill(folder / "test", ("cat", "cow"))


def twice_the_same_split(folder):
    fill(folder / "train")
    fill(folder / "val")
    fill(folder / "validation")


def all_broken(folder):
    fill(folder)
    for path in (folder / "dog").iterdir():
        path.write_bytes(b"?")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (nothing, "no folder in it"),
        (one_class, "one folder in it"),
        (one_picture, "class 'dog' .* has 1 picture .* at least 3"),
        (too_deep, "one level deeper"),
        (lambda folder: fill(folder / "all"), r"Do the classes lie in .*all\? Then give"),
        (other_classes, "no folder for the class"),
        (twice_the_same_split, "both val/ and validation/|both validation/ and val/"),
        (all_broken, r"class 'dog' .* has 0 pictures .*10 files cannot be read"),
    ],
)
def test_folders_that_nothing_can_be_learnt_from(tmp_path, make, says):
    make(tmp_path)
    before = content(tmp_path)
    with pytest.raises(KerazooError, match=says):
        read(tmp_path)
    assert content(tmp_path) == before


def test_a_missing_folder_and_a_file_are_said(tmp_path):
    with pytest.raises(KerazooError, match="there is no folder"):
        read(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(KerazooError, match="is a file"):
        read(tmp_path / "file")


def arrays(n=30, shape=(6, 6)):
    random = np.random.RandomState(0)
    return random.randint(0, 256, (n, *shape)).astype("uint8"), np.arange(n) % 3


@pytest.mark.parametrize("names", [False, True])
def test_arrays_with_numbers_or_names_as_labels(names):
    x, y = arrays()
    own = pictures_from_arrays((x, np.array(["b", "a", "c"])[y] if names else y + 7))
    assert own.data.info.labels == (("a", "b", "c") if names else ("7", "8", "9"))
    assert own.data.train.x.shape[1:] == (6, 6, 1)
    assert len(own.data.train) + len(own.data.validation) + len(own.data.test) == 30


def test_arrays_with_a_test_pair_measure_on_it():
    x, y = arrays()
    own = pictures_from_arrays((x, y), test=(x[:5], y[:5]))
    assert (own.data.test.x[..., 0] == x[:5]).all()
    assert (own.data.test.y == y[:5]).all()
    with pytest.raises(KerazooError, match="hold '9'"):
        pictures_from_arrays((x, y), test=(x[:1], [9]))


def test_tensorflow_datasets_batched_or_not():
    tf = pytest.importorskip("tensorflow")
    x, y = arrays()
    whole = tf.data.Dataset.from_tensor_slices((x, y))
    one = pictures_from_arrays(whole).data
    assert sum(map(len, (one.train, one.validation, one.test))) == len(x)
    assert pictures_from_arrays(whole.batch(7)).data.sha256 == one.sha256
    shuffling = whole.shuffle(len(x))
    orders = {b"".join(y.tobytes() for _, y in shuffling.as_numpy_iterator()) for _ in range(3)}
    assert len(orders) > 1, "another order each time"
    assert pictures_from_arrays(shuffling.batch(7)).data.sha256 == one.sha256
    other = tf.data.Dataset.from_tensor_slices((255 - x, y))
    assert pictures_from_arrays(other).data.sha256 != one.sha256
    with pytest.raises(KerazooError, match="pairs"):
        pictures_from_arrays(tf.data.Dataset.from_tensor_slices(x))
    with pytest.raises(KerazooError, match="is empty"):
        pictures_from_arrays(whole.take(0))


def test_tensorflow_datasets_without_end_are_refused(monkeypatch):
    tf = pytest.importorskip("tensorflow")
    x, y = arrays()
    whole = tf.data.Dataset.from_tensor_slices((x, y))
    with pytest.raises(KerazooError, match="repeats without end"):
        pair_of(whole.repeat())
    monkeypatch.setattr("kerazoo.finetuning.readers.arrays.MOST_BYTES", 10 * x.nbytes)
    with pytest.raises(KerazooError, match="does not end within"):  # it does not know that itself
        pair_of(whole.repeat().filter(lambda x, y: True))


@pytest.mark.parametrize("batch", [None, 7, 12])
def test_tensorflow_datasets_of_any_targets_and_names(batch):
    tf = pytest.importorskip("tensorflow")
    x = np.arange(24.0).reshape(12, 2)
    for y in (np.arange(12)[:, None], np.arange(24.0).reshape(12, 2), np.array(["ä", "ö"] * 6)):
        whole = tf.data.Dataset.from_tensor_slices((x, y))
        said = pair_of(whole if batch is None else whole.batch(batch))
        pairs = zip(said[0].tolist(), said[1].tolist(), strict=True)
        assert sorted(pairs) == list(zip(x.tolist(), y.tolist(), strict=True))
    texts = tf.data.Dataset.from_tensor_slices((["a b", "ü"], [0, 1])).batch(2)
    assert sorted(zip(*pair_of(texts), strict=True)) == [("a b", 0), ("ü", 1)]


def test_what_is_no_pair_of_arrays_is_said():
    tf = pytest.importorskip("tensorflow")
    pictures = [np.zeros((4, 4)), np.zeros((5, 5))]
    ragged = tf.data.Dataset.from_generator(
        lambda: ((p, 0) for p in pictures),
        output_signature=(tf.TensorSpec((None, None)), tf.TensorSpec((), tf.int32)),
    )
    for data, says in (
        ((pictures, [0, 1]), "parts of different shapes"),
        (ragged, "parts of different shapes"),
        (ragged.map(lambda x, y: (x[None], [y])), "differ in the shape"),
        (tf.data.Dataset.from_tensor_slices(({"a": [1, 2]}, [0, 1])), "pairs .x, y. of arrays"),
    ):
        with pytest.raises(KerazooError, match=says):
            pair_of(data)


def test_texts_take_the_room_they_need():
    texts = ["a"] * 1000 + ["b" * 100_000]
    assert pair_of((texts, range(1001)))[0].dtype == object


def test_notes_on_arrays():
    x, _ = arrays()
    own = pictures_from_arrays((x, np.minimum(np.arange(30) // 6, 1)), test=(x[:5], [0] * 5))
    assert any("times as many pictures as '0'" in w for w in own.warnings)
    assert any("pictures of the test split occur" in w for w in own.warnings)


def test_pictures_to_draw_are_split_as_their_folders_say(tmp_path):
    fill(tmp_path / "train", ("a", "b"), n=60)
    fill(tmp_path / "test", ("a",), n=40)
    picture(5).save(tmp_path / "loose.png")
    own = pictures_from_folder(tmp_path, SHAPE, tell=lambda line: None)
    assert len(own.data.test) == 40 and len(own.data.train) + len(own.data.validation) == 120
    assert any("1 pictures outside the folders" in w for w in own.warnings)


def test_pictures_beside_the_classes_are_said(tmp_path):
    folder = fill(tmp_path)
    picture(5).save(folder / "loose.png")
    assert any("outside the folders of the classes" in w for w in read(folder).warnings)


def test_rows_and_texts_given_as_arrays_become_a_table():
    x = np.arange(12.0).reshape(4, 3)
    rows = frame_from_arrays(x, np.array([1, 2, 3, 4])[:, None])
    assert rows.columns.tolist() == ["x1", "x2", "x3", "y"]
    assert rows["x2"].tolist() == [1, 4, 7, 10]
    assert rows["y"].tolist() == [1, 2, 3, 4]
    two = frame_from_arrays(x, np.ones((4, 2)))
    assert two.columns.tolist()[-2:] == ["y1", "y2"]
    texts = frame_from_arrays(*pair_of(([b"a", "ä".encode()], np.array([b"no", b"yes"]))))
    assert texts.to_dict("list") == {"text": ["a", "ä"], "y": ["no", "yes"]}
    for rows, y, says in (
        (x, np.eye(4), "one-hot"),
        (x, np.ones((4, 2, 2)), "give .n,."),
        (np.ones(4), np.ones(4), "texts are strings"),
        (np.ones((4, 0)), np.ones(4), "rows of a table"),
    ):
        with pytest.raises(KerazooError, match=says):
            frame_from_arrays(rows, y)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x, y: (x / 255.0, y), "Multiply by 255"),
        (lambda x, y: (x - 300.0, y), "from 0 to 255"),
        (lambda x, y: (np.full(x.shape, np.nan), y), "NaN"),
        (lambda x, y: (x[:-1], y), "as many in both"),
        (lambda x, y: (x[:0], y[:0]), "empty"),
        (lambda x, y: (x[:, 0], y), "shape"),
        (lambda x, y: (x, np.eye(3)[y]), "argmax"),
        (lambda x, y: (x, y + 0.5), "not whole"),
        (lambda x, y: (x, y * 0), "two classes"),
        (lambda x, y: (x, np.minimum(np.arange(len(y)), 1)), "at least 3"),
    ],
)
def test_arrays_that_nothing_can_be_learnt_from(change, says):
    with pytest.raises(KerazooError, match=says):
        pictures_from_arrays(change(*arrays()))


def test_a_name_that_is_no_text_is_refused(tmp_path):
    folder = fill(tmp_path)
    try:
        (folder / "cat").rename(folder / os.fsdecode(b"caf\xe9"))
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(KerazooError, match="rename it"):
        read(folder)


def test_whatever_a_reader_of_pictures_raises_names_the_file(tmp_path, monkeypatch):
    def odd(*_):
        raise struct.error("required argument is not an integer")

    folder = fill(tmp_path)
    monkeypatch.setattr(ImageOps, "exif_transpose", odd)
    with pytest.raises(KerazooError, match=r"0\.png cannot be read: required argument"):
        read(folder)


@pytest.mark.parametrize("labels", [["a", "b", None] * 4, ["a", "b", float("nan")] * 4])
def test_a_missing_label_is_said(labels):
    with pytest.raises(KerazooError, match="no label at place 2"):
        pictures_from_arrays((np.zeros((12, 8, 8), "uint8"), np.array(labels, dtype=object)))
