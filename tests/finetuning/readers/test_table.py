"""Tables: which columns are learnt from, how, and what is refused."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest

import kerazoo
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._columns import encode, raw_rows, takes_rows
from kerazoo.finetuning.readers._csv import read_table
from kerazoo.finetuning.readers.series import in_natural_units
from tests.conftest import raised


def frame(**columns):
    n = 60
    random = np.random.RandomState(0)
    plain = {
        "a": random.normal(size=n),
        "b": random.randint(0, 9, n),
        "kind": random.choice(["x", "y"], n),
        "y": random.normal(size=n),
    }
    return pd.DataFrame({**plain, **columns})


def read(source, **options):
    return kerazoo.from_table(source, **{"target": "y", **options})


def columns_of(own):
    return {c.name: c for c in own.reading.columns}


@pytest.mark.parametrize(
    ("columns", "target", "names"),
    [
        ({}, None, ["--target", "a, b, kind, y"]),
        ({}, "yy", ["'y'"]),
        ({"y": "same"}, "y", ["'y'", "'same'"]),
        ({"y": [*["u"] * 59, "v"]}, "y", ["'v'"]),
        ({"y": [f"row {i}" for i in range(60)]}, "y", ["'y'"]),
        ({"y": [*np.arange(0.5, 59.5), np.inf]}, "y", ["'y'", "line 61"]),
        ({"a": [np.inf, *range(59)]}, "y", ["'a'", "line 2"]),
        ({"y": [*[np.nan] * 55, 1.5, 2.5, 3.5, 4.5, 5.5]}, "y", ["5 rows"]),
        ({"y": [*map(str, np.arange(0.5, 59.5)), "abc"]}, "y", ["'y'", "line 61", "'abc'"]),
        ({"a": [1e39, *range(59)]}, "y", ["'a'", "line 2"]),
        ({}, ("a", "a"), ["'a'"]),
        ({"y": np.r_[5.5, 6.5, np.zeros(58)]}, "y", ["test split"]),
        ({"y": np.arange(60) * 1e-9}, "y", ["'y'"]),
    ],
)
def test_targets_and_values_that_nothing_can_be_learnt_from(columns, target, names):
    raised(names, read, frame(**columns), target=target)


@pytest.mark.parametrize(
    ("y", "labels"),
    [
        (np.arange(60) % 3, ("0", "1", "2")),
        (np.arange(60) % 3 == 0, ("False", "True")),
        (["inf", "sup", "med"] * 20, ("inf", "med", "sup")),
        # One class, written in two ways, and a missing one that makes floats of it.
        (["0", "1", "2"] * 15 + ["0.0", "1.0", "2.0"] * 5, ("0", "1", "2")),
        (pd.Series([0, 1, 2.0] * 20).mask(np.arange(60) == 7), ("0", "1", "2")),
        (["none"] * 30 + ["dent"] * 20 + ["?"] * 10, ("dent", "none")),
        (np.arange(60), ()),
        ((np.arange(60) % 3) / 2, ()),
    ],
)
def test_the_target_tells_the_task(y, labels):
    own = read(frame(y=y))
    assert own.data.info.task == ("classification" if labels else "regression")
    assert own.data.info.labels == labels


def test_the_task_can_be_given():
    own = read(frame(y=np.arange(60) % 3), task="regression")
    assert own.data.info.task == "regression" and own.data.train.y.shape == (42, 1)
    assert read(frame(), target=("y", "a")).data.train.y.shape == (42, 2)
    for asked in ({"target": ("y", "kind"), "task": "classification"}, {"task": "clasification"}):
        with pytest.raises(KerazooError):
            read(frame(), **asked)


def test_numbers_taken_for_classes_name_the_other_task():
    rooms = frame(y=[1 + i % 8 for i in range(59)] + [12])
    raised(["--task regression"], read, rooms)
    with pytest.raises(KerazooError) as error:
        read(rooms, task="classification")
    assert "regression" not in str(error.value)


def test_a_file_and_a_frame_give_the_same_splits(tmp_path):
    rows = frame(sunny=np.arange(60) % 3 == 0)
    rows.to_csv(tmp_path / "t.csv", index=False)
    rows.to_csv(tmp_path / "index.csv")
    wanted = read(rows)
    for name in ("t.csv", "index.csv"):
        own = read(tmp_path / name)
        assert own.data.sha256 == wanted.data.sha256 and columns_of(own) == columns_of(wanted)
    maybe = frame(sunny=pd.array([True, None, False] * 20, dtype="boolean"))
    assert columns_of(read(maybe))["sunny"].missing


def test_columns_that_are_left_out_are_reported():
    own = read(
        frame(
            y=[*np.linspace(0, 1, 57), np.nan, np.nan, np.nan],
            id=np.arange(60),
            note=[f"text {i}" for i in range(60)],
            same="1",
            rounded=0.3 + np.arange(60) % 2 * 6e-17,
        )
    )
    assert set(columns_of(own)) == {"a", "b", "kind"}
    warnings = " ".join(own.warnings)
    for name in ("3 rows", "id (", "note (", "same (", "rounded ("):
        assert name in warnings
    with pytest.raises(KerazooError):
        read(frame()[["y"]])
    missing = frame(id=range(1, 61), y=["u", "v", None, *["u", "v"] * 28, "v"])
    assert "id" not in columns_of(read(missing))


def test_few_values_that_are_no_numbers_are_missing():
    own = read(frame(b=[*map(str, range(58)), "n/a", "broken"]))
    assert any("line 61: 'broken'" in w for w in own.warnings) and "b" in columns_of(own)
    own = read(frame(b=[*map(str, range(50)), *["-9"] * 10]), na_values=["-9"])
    assert columns_of(own)["b"].missing and own.reading.csv.na_values == ("-9",)


def test_numbers_with_marks_are_kept_with_the_run(tmp_path):
    path, later = tmp_path / "t.csv", tmp_path / "later.csv"
    rows = "".join(f"{1 + i % 9}.{i:03},5;{'ab'[i % 2]}\n" for i in range(40))
    path.write_text("price;k\n" + rows, encoding="utf-8")
    tests = []
    for thousands in (".", ""):
        later.write_text(f"price;k\n2{thousands}000;a\n5{thousands}000;b\n", encoding="utf-8")
        tests.append(read(path, test=later, target="k").data.test.x)
    np.testing.assert_array_equal(*tests)


def test_a_prediction_names_the_value_that_is_no_number():
    columns = read(frame()).reading.columns
    new = read_table(pd.DataFrame({"a": ["1.5", "2.0", "abc"], "b": 1, "kind": "x"})).frame
    raised(["column 'a', line 4: 'abc'"], encode, new, columns, "new.csv")


def test_time_stamps_keep_their_seconds():
    """float32 alone would round them to two minutes."""
    seconds = 1_700_000_000 + np.arange(60) * 7
    own = read(frame(stamp=seconds).drop(columns=["a", "b", "kind"]).sample(frac=1, random_state=0))
    assert len(np.unique(own.data.train.x)) == 42
    (column,) = own.reading.columns
    model = own.serving_model(keras.Sequential([keras.Input((1,)), keras.layers.Identity()]))
    if keras.config.backend() != "jax":  # which has no float64
        x = np.unique(keras.ops.convert_to_numpy(model({"stamp": seconds[:, None].astype(float)})))
        assert len(x) == 60 and column.dtype == "float64"


@pytest.mark.parametrize("policy", ["mixed_float16", "float16"])
def test_natural_units_beyond_float16(policy):
    """It ends at 65,504: the saved model gave NaN after a good result."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        net = kerazoo.build("mlp", input_shape=(2,), outputs=1, natural_outputs=True, hidden=(3,))
        core = keras.Sequential([keras.Input((2, 1)), keras.layers.Identity()])
        forecaster = in_natural_units(core, [2e5], [3e4])
    finally:
        keras.config.set_dtype_policy(before)
    net.get_layer("natural_outputs").adapt(np.array([[1e5], [9e5]], dtype="float32"))
    for weight in net.trainable_weights:
        weight.assign(weight * 0)  # so that the output is the mean
    values = keras.ops.convert_to_numpy(net(np.ones((1, 2), "float32")))
    assert values.item() == pytest.approx(5e5)
    window = np.array([[[1.7e5], [2.3e5]]], dtype="float32")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(forecaster(window)), window, rtol=1e-3)


def feed(rows, columns):
    import tensorflow as tf

    return {
        c.input: tf.constant(
            rows[c.name].fillna("").to_numpy(str)[:, None]
            if c.categories is not None
            else rows[c.name].to_numpy("float32")[:, None]
        )
        for c in columns
    }


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="only TensorFlow has strings")
def test_the_saved_model_reads_raw_rows_as_the_training_did():
    import tensorflow as tf

    raw = frame(
        kind=[None, *np.random.RandomState(1).choice(["[other]", "y", "z"], 59)],
        b=[np.nan, np.nan, *range(58)],
        **{"with / slash": np.linspace(-1, 1, 60) ** 3, "large": 1e5 + np.arange(60) % 7},
    )
    own = read(raw)
    columns = own.reading.columns
    x = encode(raw.copy(), columns, "here")
    core = keras.Sequential([keras.Input((x.shape[1],)), keras.layers.Identity()])
    model = own.serving_model(core)
    fed = feed(raw, columns)
    np.testing.assert_allclose(model(fed), x, atol=1e-6)
    back = {k: tf.constant(v) for k, v in raw_rows(x, columns).items()}
    np.testing.assert_allclose(model(back), x, atol=1e-6)
    unseen = {k: v[:1] for k, v in fed.items()} | {"kind": tf.constant([["never seen"]])}
    new = raw.iloc[:1].assign(kind="never seen")
    np.testing.assert_allclose(model(unseen), encode(new, columns, "here"), atol=1e-6)
    assert list(new) == ["y"], "a text goes where its features come"


def test_columns_may_have_the_names_of_layers():
    names = {"a": "features", "b": "where", "kind": "string_lookup"}
    rows = frame(b=[np.nan, *range(59)]).rename(columns=names)
    own = read(rows.assign(where_1=range(60, 0, -1), subtract=range(7, 67)))
    core = kerazoo.build("mlp", input_shape=own.data.info.input_shape, outputs=1)
    inputs = set(takes_rows(core, own.reading.columns).input)
    assert inputs == {"features_", "where_", "where_1_", "string_lookup_", "subtract_"}


def test_means_are_those_of_the_training_rows_alone():
    raw = frame(b=[np.nan if i % 5 == 0 else i for i in range(60)])
    own = read(raw)
    b = columns_of(own)["b"]
    train = {row.tobytes() for row in own.data.train.x}
    rows = encode(raw.copy(), own.reading.columns, "here")
    chosen = [i for i, row in enumerate(rows) if row.tobytes() in train]
    assert len(chosen) == own.data.train.examples
    assert b.mean == pytest.approx(raw["b"].iloc[chosen].mean())
    assert b.mean != pytest.approx(raw["b"].mean())


def test_given_test_rows_are_the_test_split():
    train, test = frame(y=["u", "v", "w"] * 20), frame(y=["v", "u", "w"] * 20).iloc[:10]
    own = read(train, test=test[test.columns[::-1]])
    a = columns_of(own)["a"]
    assert own.test is not None and own.data.test.y.tolist() == [1, 0, 2, 1, 0, 2, 1, 0, 2, 1]
    assert own.data.test.x[:, 0] * a.std + a.mean == pytest.approx(test["a"].to_numpy(), rel=1e-5)
    assert own.data.train.examples + own.data.validation.examples == 60


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"y": ["u", "new"] * 30}, ["line 3", "'new'", "'y'"]),
        ({"y": [None] * 60}, ["target"]),
        ({"a": np.inf}, ["'a'", "line 2"]),
        ({"a": "big"}, ["'a'", "'big'"]),
        ("a", ["'a'"]),
        ("y", ["'y'"]),
    ],
)
def test_test_rows_that_do_not_go_with_the_others_are_refused(change, names):
    train = test = frame(y=["u", "v"] * 30)
    test = train.assign(**change) if isinstance(change, dict) else train.drop(columns=change)
    raised(names, read, train, test=test)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, None),
        ({"a": lambda f: f["a"] * 1000}, "a: "),
        ({"y": lambda f: f["y"] * 1000}, "y: "),
        ({"kind": "new"}, "kind: "),
        ({"a": lambda f: f["a"].where(f.index > 3)}, "a: "),
    ],
)
def test_test_rows_unlike_those_of_the_training_have_a_note(change, says):
    train = frame(y=np.linspace(1, 9, 60))
    notes = [n for n in read(train, test=train.assign(**change)).warnings if "test DataFrame" in n]
    assert [says in note for note in notes] == [True] * (says is not None)


def test_nothing_is_learnt_from_test_rows():
    """Neither what a column holds, nor its categories, means, classes or task."""
    train = frame(y=np.arange(60) % 3, code=[str(i % 7) for i in range(60)], id=range(1, 61))
    odd = frame(y=1.0, code=["8", "9", "9"] * 20, id=range(1, 61), a=1e6, kind="z")
    raised(["'code'"], read, train, test=odd.assign(code="x7"))
    own, alone = read(train, test=odd), read(train)
    assert own.data.info.labels == ("0", "1", "2") and own.data.test.y.tolist() == [1] * 60
    assert list(columns_of(own)) == list(columns_of(alone)) == ["a", "b", "kind", "code"]
    assert max(c.mean for c in columns_of(own).values()) < 10
    raised(["'y'"], read, frame(), test=frame(y=1.0))


def test_copies_in_the_test_split_are_reported():
    rows = frame(y=["u", "v"] * 30)
    assert any("rows of the test split" in w for w in read(rows, test=rows).warnings)
    assert not any("rows of the test split" in w for w in read(rows).warnings)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([*range(40), -999, -999], "-999"),
        ([0.5, 0.75, 0.25] * 14 + [99, 99], "99"),
        ([*range(1000), 9999, 9999], "9999"),
        ([*range(40), -999], ""),  # once it may be a value
        ([*range(90, 100), 99, 99], ""),
        ([0, 1] * 20, ""),
    ],
)
def test_a_repeated_value_far_from_all_others_is_noted(values, code):
    frame = pd.DataFrame({"a": values, "b": np.random.RandomState(0).normal(size=len(values))})
    kinds = ["x", "y"] * (len(values) // 2) + ["x"] * (len(values) % 2)
    warnings = kerazoo.from_table(frame.assign(kind=kinds), target="kind").warnings
    noted = [line for line in warnings if line.startswith("a: ") and "--na" in line]
    assert [f"--na {code} " in line for line in noted] == [True] * bool(code)
    number = kerazoo.from_table(frame, target="a", task="regression").warnings
    assert any("--na" in line for line in number) is bool(code)


def test_complex_numbers_are_refused():
    frame = pd.DataFrame({"z": np.arange(12) + 1j, "kind": ["x", "y"] * 6})
    raised(["'z'"], kerazoo.from_table, frame, target="kind")
