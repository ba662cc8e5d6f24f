"""Arrays and ``tf.data.Dataset``: images, rows and texts given in code."""

from __future__ import annotations

import numpy as np
import pytest

from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers import arrays
from kerazoo.finetuning.readers.arrays import frame_from_arrays, from_arrays, pair_of


def images(n=30, shape=(6, 6)):
    random = np.random.RandomState(0)
    return random.randint(0, 256, (n, *shape)).astype("uint8"), np.arange(n) % 3


@pytest.mark.parametrize("names", [False, True])
def test_labels_are_numbers_or_names(names):
    x, y = images()
    user = from_arrays(x, np.array(["b", "a", "c"])[y] if names else y + 7)
    assert user.kind == "images" and user.data.info.input_shape == (6, 6, 1)
    assert user.data.info.labels == (("a", "b", "c") if names else ("7", "8", "9"))
    assert sum(s.examples for s in (user.data.train, user.data.validation, user.data.test)) == 30


def test_a_test_pair_is_the_test_split():
    x, y = images()
    user = from_arrays(x, np.minimum(np.arange(30) // 6, 1), test=(x[:5], [0] * 5))
    assert (user.data.test.x[..., 0] == x[:5]).all() and (user.data.test.y == 0).all()
    assert any("images of the test split occur" in w for w in user.warnings)
    assert any("times as many images" in w for w in user.warnings)
    for test in ((x[:1], [9]), (x[:1, :3], [0]), x[:1]):
        with pytest.raises(KerazooError):
            from_arrays(x, y, test=test)


def test_images_on_a_light_background_are_inverted_for_a_model_of_light_strokes():
    x, y = images(60)
    dark, light = x // 16, 255 - x // 16
    for each, inverted in ((dark, "no"), (light, "yes")):
        user = from_arrays(each, y, light_on_dark=True)
        assert user.reading.invert == inverted and user.data.train.x.mean() < 16
        assert from_arrays(each, y).reading.invert == "no"
    user = from_arrays(light, y, light_on_dark=True, invert="no", test=(dark, y))
    assert user.reading.invert == "no" and user.data.train.x.mean() > 239
    assert ["60 of 60 test images" in note for note in user.warnings].count(True) == 1
    with pytest.raises(KerazooError):
        from_arrays(np.concatenate([dark, light]), np.tile(y, 2), light_on_dark=True)


def test_values_that_are_rounded_are_reported():
    x, y = images()
    assert not any("whole number" in line for line in from_arrays(x.astype(float), y).report)
    x = x // 2 + 0.25
    assert any("1,080 values" in line for line in from_arrays(x, y).report)


def test_rows_and_texts_become_tables():
    x, y = np.random.RandomState(0).rand(40, 3), np.arange(40) % 2
    user = from_arrays(x, y, test=(x[:4], y[:4]), task="regression")
    assert user.kind == "table" and user.reading.targets == ("y",)
    assert user.data.test.examples == 4 and user.data.info.targets == ("y",)
    assert user.options == {"task": "regression"}
    texts = from_arrays(["a good day", "a bad night"] * 9, ["b", "c"] * 9)
    assert texts.kind == "texts" and texts.data.info.labels == ("b", "c")
    two = frame_from_arrays(x, np.ones((40, 2)))
    assert two.columns.tolist() == ["x1", "x2", "x3", "y1", "y2"]
    from_bytes = frame_from_arrays(*pair_of(([b"a", "ä".encode()], np.array([b"no", b"yes"]))))
    assert from_bytes.to_dict("list") == {"text": ["a", "ä"], "y": ["no", "yes"]}
    assert pair_of((["a"] * 9 + ["b" * 10_000], range(10)))[0].dtype == object, "of any length"


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (lambda x, y: (x / 255.0, y), {}),  # as many rescale pixels
        (lambda x, y: (x - 300.0, y), {}),
        (lambda x, y: (np.full(x.shape, np.nan), y), {}),
        (lambda x, y: (x[:-1], y), {}),
        (lambda x, y: (x[:0], y[:0]), {}),
        (lambda x, y: (x, np.eye(3)[y]), {}),
        (lambda x, y: (x, y * 0), {}),
        (lambda x, y: (x, np.minimum(np.arange(len(y)), 1)), {}),
        (lambda x, y: (x, np.array(["a", "b", np.nan] * 10, dtype=object)), {}),
        (lambda x, y: (x, y), {"task": "classification"}),
        (lambda x, y: (x[:, 0], np.eye(30)), {}),
        (lambda x, y: (x[:, 0], np.ones((30, 2, 2))), {}),
        (lambda x, y: ([x[0], x[1, :3]], y[:2]), {}),
        (lambda x, y: (x, None), {}),
    ],
)
def test_arrays_that_nothing_can_be_learnt_from(change, options):
    with pytest.raises(KerazooError):
        from_arrays(*change(*images()), **options)


def test_tensorflow_datasets_batched_or_not_in_any_order():
    tf = pytest.importorskip("tensorflow")
    x, y = images()
    whole = tf.data.Dataset.from_tensor_slices((x, y))
    one = from_arrays(whole).data
    assert sum(s.examples for s in (one.train, one.validation, one.test)) == len(x)
    shuffled = whole.shuffle(len(x))
    for other in (whole.batch(7), whole.batch(10, drop_remainder=True), shuffled.batch(7)):
        assert from_arrays(other).data.sha256 == one.sha256
    inverted = tf.data.Dataset.from_tensor_slices((255 - x, y))
    assert from_arrays(inverted).data.sha256 != one.sha256


@pytest.mark.parametrize("batch", [None, 7])
def test_tensorflow_datasets_of_any_targets_and_names(batch):
    tf = pytest.importorskip("tensorflow")
    x = np.arange(24.0).reshape(12, 2)
    for y in (np.arange(12)[:, None], np.arange(24.0).reshape(12, 2), np.array(["ä", "ö"] * 6)):
        whole = tf.data.Dataset.from_tensor_slices((x, y))
        both = pair_of(whole if batch is None else whole.batch(batch))
        pairs = zip(both[0].tolist(), both[1].tolist(), strict=True)
        assert sorted(pairs) == list(zip(x.tolist(), y.tolist(), strict=True))
    texts = tf.data.Dataset.from_tensor_slices((["a b", "ü"], [0, 1]))
    texts = texts if batch is None else texts.batch(batch)
    assert sorted(zip(*pair_of(texts), strict=True)) == [("a b", 0), ("ü", 1)]


def test_tensorflow_datasets_that_are_refused(monkeypatch):
    tf = pytest.importorskip("tensorflow")
    monkeypatch.setattr(arrays, "MAX_EXAMPLES", 1000)
    x, y = images()
    whole = tf.data.Dataset.from_tensor_slices((x, y))
    ragged = tf.data.Dataset.from_generator(
        lambda: ((np.zeros((n, n)), 0) for n in (4, 5)),
        output_signature=(tf.TensorSpec((None, None)), tf.TensorSpec((), tf.int32)),
    )
    for data in (
        tf.data.Dataset.from_tensor_slices(x),
        whole.take(0),
        whole.repeat(),
        whole.repeat().filter(lambda x, y: True),
        ragged,
        ragged.map(lambda x, y: (x[None], [y])),
    ):
        with pytest.raises(KerazooError):
            from_arrays(data)
