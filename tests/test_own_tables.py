"""A user's tables, series and texts: what is found in a CSV file, and what is refused."""

from __future__ import annotations

import hashlib

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import real_data_missing

import kerazoo
from kerazoo import registry
from kerazoo.datasets import _copies as brought
from kerazoo.datasets import _text as text
from kerazoo.datasets import etth1
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers import reading
from kerazoo.finetuning.readers._columns import columns_from, encode, raw_rows, takes_rows
from kerazoo.finetuning.readers._csv import as_numbers, read_table
from kerazoo.finetuning.readers._dates import times_of
from kerazoo.finetuning.readers.series import in_natural_units, series_from
from kerazoo.finetuning.readers.table import table_from
from kerazoo.finetuning.readers.texts import texts_from, write_strings
from kerazoo.finetuning.readers.user_data import Asked
from kerazoo.predicting.tables import TablePredictor


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


TABLE = "".join(
    f"{i * 0.5},{'red' if i % 3 else 'blue'},{i % 7},{'yes' if i % 2 else 'no'}\n"
    for i in range(40)
)
HEADER = "size,colour,count,bought\n"


@pytest.mark.parametrize(
    ("change", "encoding"),
    [
        (lambda t: t, "utf-8"),
        (lambda t: t, "utf-8-sig"),
        (lambda t: t.replace(",", ";"), "utf-8"),
        (lambda t: t.replace(",", "\t"), "utf-8"),
        (lambda t: t.replace(",", ";").replace(".", ","), "utf-8"),
        (lambda t: t.replace("\n", "\r\n"), "utf-8"),
        (lambda t: t.replace(",", ", "), "utf-8"),
        (lambda t: t.replace("size", '"size"'), "utf-8"),
    ],
)
def test_ways_to_write_the_same_table(tmp_path, change, encoding):
    plain = write(tmp_path / "plain.csv", HEADER + TABLE)
    other = write(tmp_path / "other.csv", change(HEADER + TABLE), encoding)
    asked = Asked(target="bought")
    assert table_from(other, asked).data.sha256 == table_from(plain, asked).data.sha256


def test_the_index_that_pandas_writes_is_left_out(tmp_path):
    plain = write(tmp_path / "plain.csv", HEADER + TABLE)
    pd.read_csv(plain).to_csv(tmp_path / "index.csv")
    asked = Asked(target="bought")
    wanted = table_from(plain, asked).data.sha256
    assert table_from(tmp_path / "index.csv", asked).data.sha256 == wanted
    assert table_from(pd.read_csv(plain), asked).data.sha256 == wanted


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"a,b\n", "has 0 row"),
        (b"a,b\n1,2\n", "has 1 row"),
        (b"5.1,3.5\n4.9,3.0\n4.7,3.2\n", "no header"),
        (b"a,b,a\n1,2,3\n4,5,6\n", "more than one column named 'a'"),
        (b"a,,c\n1,2,3\n4,5,6\n", "column 2 has no name"),
        (b"abc\n1\n2\n", "one column only"),
        (b"a,b\n1,2\n3,4,5\n6,7\n", "line 3"),
        (b'id,text\n1,"a\nb\nc"\n2,x\n3,y,z\n', "line 6: 3 fields"),
        (b"price,qty\n1,5,3\n2,5,4\n3,5,9\n", "line 2: 3 fields, .* 2 columns"),
        ("a,b\nä,1\nö,2\n".encode("latin-1"), "line 2: no text in UTF-8"),
        (b"a,b\n" + b"1,2\n" * 40_000 + b"\xe4,1\n", "line 40002: no text in UTF-8 .* Save it as"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "opens in line 3 or later is never closed"),
        (b"a,b\n\0\0,1\n1,2\n", "zero bytes"),
    ],
)
def test_files_that_are_no_table(tmp_path, content, says):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(KerazooError, match=says):
        read_table(path)


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ('id,price\na,"1,234"\nb,"2,500"\nc,950\nd,"12,300"\n', [1234, 2500, 950, 12300]),
        ('id,price\na,"1,5"\nb,"2,25"\nc,3\n', [1.5, 2.25, 3]),
        ("id;price\na;1,234\nb;2\nc;3\nd;4\n", [1.234, 2, 3, 4]),
        ("id;price\na;1.234,5\nb;2.000\nc;7,5\n", [1234.5, 2000, 7.5]),
        ("id;price\na;1,234,567\nb;2\n", [1234567, 2]),
        ("\n\nid,price\na,1\n\nb,2\n", [1, 2]),
    ],
)
def test_marks_between_thousands_and_decimal_commas(tmp_path, content, values):
    rows = read_table(write(tmp_path / "prices.csv", content)).frame
    assert as_numbers(rows["price"], "here")[0].tolist() == values
    lines = content.splitlines()
    assert [lines[line - 1][0] for line in rows.index] == list(rows["id"]), "the index is the line"


def test_the_line_of_a_row_behind_values_of_several_lines(tmp_path):
    content = '\nid,"price\nin euro",what\na,1,"two\nlines"\nb,2,"three\n\nlines"\n\nc,3,x\n'
    rows = read_table(write(tmp_path / "lines.csv", content)).frame
    assert rows.columns.tolist() == ["id", "price\nin euro", "what"]
    lines = content.splitlines()
    assert [lines[line - 1][0] for line in rows.index] == ["a", "b", "c"]


def test_marks_in_a_column_of_categories_and_the_users_frame_stays():
    given = pd.DataFrame({"price": pd.Categorical(["1,234", "5"]), "x": [1, 2]})
    assert as_numbers(read_table(given).frame["price"], "here")[0].tolist() == [1234, 5]
    assert given["price"].tolist() == ["1,234", "5"]


def test_a_header_of_any_length(tmp_path):
    names = [f"gene_{i}".ljust(70, "_") for i in range(2_000)]  # more than csv's 128 KiB
    rows = [names, ["1"] * 2_000, ["2"] * 2_000]
    path = write(tmp_path / "wide.csv", "\n".join(map(",".join, rows)))
    assert read_table(path).frame.shape == (2, 2_000)


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


@pytest.mark.parametrize(
    ("columns", "target", "says"),
    [
        ({}, None, "choose one of the columns a, b, kind, y"),
        ({}, "yy", "Did you mean 'y'"),
        ({"y": 1.5}, "y", "is 1.5 in every row"),
        ({"y": "same"}, "y", "is 'same' in every row"),
        ({"y": np.nan}, "y", "every row"),
        ({"y": [*["u"] * 59, "v"]}, "y", "fewer than 3 rows"),
        ({"y": [f"row {i}" for i in range(60)]}, "y", "Is it the right column"),
        ({"y": [*np.arange(0.5, 59.5), np.inf]}, "y", "line 61: the value is infinite"),
        ({"a": [np.inf, *range(59)]}, "y", "column 'a', line 2: the value is infinite"),
        ({"y": [*[np.nan] * 55, 1.5, 2.5, 3.5, 4.5, 5.5]}, "y", "it takes 10"),
        ({"y": [*map(str, np.arange(0.5, 59.5)), "abc"]}, "y", "line 61: 'abc' in the target 'y'"),
        (
            {"y": [*[""] * 5, *map(str, np.arange(0.5, 55.5))], "a": [*range(59), np.inf]},
            "y",
            "column 'a', line 61",
        ),
        ({"a": [1e39, *range(59)]}, "y", "line 2: the value is too large"),
        ({}, ("a", "a"), "'a' is given twice"),
        ({"y": np.r_[5.5, 6.5, np.zeros(58)]}, "y", "0 in every row of the test split"),
        ({"y": np.arange(60) * 1e-9}, "y", "column 'y' varies by .*e-08 .* other units"),
        ({"b": np.arange(60) * 1e-9}, "y", "column 'b' varies by"),
    ],
)
def test_targets_and_values_that_nothing_can_be_learnt_from(columns, target, says):
    with pytest.raises(KerazooError, match=says):
        table_from(frame(**columns), Asked(target=target))


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (np.arange(60) % 3, "classification"),
        (np.arange(60) % 3 == 0, "classification"),
        (np.array(["u", "v"])[np.arange(60) % 2], "classification"),
        (np.arange(60), "regression"),
        (np.arange(60) / 7, "regression"),
        ((np.arange(60) % 3) / 2, "regression"),
    ],
)
def test_the_task_is_told_by_the_target_and_said(y, task):
    own = table_from(frame(y=y), Asked(target="y"))
    assert own.data.info.task == task
    assert ("classes" if task == "classification" else "regression") in own.found[1]


def test_truth_is_a_number_in_a_file_and_in_a_frame_alike(tmp_path):
    rows = frame(sunny=np.arange(60) % 3 == 0)
    rows.to_csv(tmp_path / "t.csv", index=False)
    asked = Asked(target="y")
    assert columns_from(table_from(rows, asked).treatment) == columns_from(
        table_from(tmp_path / "t.csv", asked).treatment
    )
    maybe = frame(sunny=pd.array([True, None, False] * 20, dtype="boolean"))
    assert any(c.missing for c in columns_from(table_from(maybe, asked).treatment))


def test_what_varies_by_rounding_only_is_no_tiny_column():
    table_from(frame(b=0.3 + np.arange(60) % 2 * 6e-17), Asked(target="y"))


def test_a_table_of_the_target_alone_is_said():
    with pytest.raises(KerazooError, match="no column to learn from: it has the target only"):
        table_from(frame()[["y"]], Asked(target="y"))


def test_texts_may_be_an_array():
    texts = np.array([f"{word} film number {i}" for i in range(12) for word in ("good", "bad")])
    labels = np.tile([1, 0], 12)
    own = reading.read(registry.get_model("text_cnn"), (texts, labels), Asked(), None)
    assert own.data.info.task == "classification" and own.data.info.labels == ("0", "1")
    sizes = [len(s) for s in (own.data.train, own.data.validation, own.data.test)]
    assert sum(sizes) == 24 and own.data.train.x.dtype == np.int32
    known = text.read_vocabulary(own.data.info.vocabulary)
    assert {"good", "bad", "film"} <= set(known)


def test_a_dense_model_of_ones_own_learns_rows_too(private_registry):
    def dense(input_shape=(28, 28, 1), classes=10, outputs=None, natural_outputs=False):
        """A test's own."""

    entry = kerazoo.Entry(dataset="digits", recipe=kerazoo.Recipe(epochs=1))
    kerazoo.register_model(entries=[entry], citation="@misc{none}")(dense)
    assert reading.kinds_of(registry.get_model("dense")) == ["pictures", "rows"]
    assert reading.kinds_of(registry.get_model("lenet5")) == ["pictures"]


def test_a_frame_of_rows_without_columns_is_said():
    with pytest.raises(KerazooError, match="the DataFrame has no column"):
        table_from(pd.DataFrame(index=range(60)), Asked(target="y"))


def test_a_constant_target_is_told_by_a_value_that_it_has():
    same = np.where(np.arange(60) == 0, np.nan, 7.0)
    with pytest.raises(KerazooError, match="the target 'y' is 7 in every row"):
        table_from(frame(y=same), Asked(target="y", task="regression"))


def test_a_wish_for_classes_is_not_ignored():
    for asked, says in (
        (Asked(target=("y", "kind"), task="classification"), "classes are one target"),
        (Asked(target="y", task="clasification"), "choose 'classification'"),
    ):
        with pytest.raises(KerazooError, match=says):
            table_from(frame(), asked)


def test_the_task_can_be_said():
    own = table_from(frame(y=np.arange(60) % 3), Asked(target="y", task="regression"))
    assert own.data.info.task == "regression"
    assert own.data.train.y.shape == (42, 1)


def test_rows_without_a_target_and_odd_columns_are_left_out_and_said():
    own = table_from(
        frame(
            y=[*np.linspace(0, 1, 57), np.nan, np.nan, np.nan],
            id=np.arange(60),
            note=[f"text {i}" for i in range(60)],
            same="1",
        ),
        Asked(target="y"),
    )
    said = " ".join(own.warnings)
    assert "3 rows have no y" in said
    assert "id (it only counts the rows)" in said
    assert "note (different in nearly every row)" in said
    assert "same (constant)" in said
    assert own.data.info.input_shape == (1 + 1 + 3,)


def test_few_values_that_are_no_numbers_are_missing_and_said():
    b = [*map(str, range(58)), "n/a", "broken"]
    own = table_from(frame(b=b), Asked(target="y"))
    assert any("line 61: 'broken'" in w for w in own.warnings)


def test_columns_may_be_called_as_layers_are():
    names = {"a": "features", "b": "where", "kind": "string_lookup"}
    rows = frame(b=[np.nan, *range(59)]).rename(columns=names).assign(where_1=range(60, 0, -1))
    own = table_from(rows, Asked(target="y"))
    core = kerazoo.build("mlp", input_shape=own.data.info.input_shape, outputs=1)
    inputs = set(takes_rows(core, columns_from(own.treatment)).input)
    assert inputs == {"features_", "where_", "where_1_", "string_lookup_"}


def test_a_prediction_names_the_value_that_is_no_number():
    columns = columns_from(table_from(frame(), Asked(target="y")).treatment)
    new = pd.DataFrame({"a": ["1.5", "2.0", "abc"], "b": 1, "kind": "x"})
    new = read_table(new, least=1).frame
    with pytest.raises(KerazooError, match="line 4 holds 'abc'"):
        encode(new, columns, "new.csv")


def test_the_saved_model_reads_raw_rows_as_the_training_did():
    raw = frame(
        kind=[None, *np.random.RandomState(1).choice(["x", "y", "z"], 59)],
        b=[np.nan, np.nan, *range(58)],
        **{"with / slash": np.linspace(-1, 1, 60) ** 3},
    )
    own = table_from(raw, Asked(target="y"))
    columns = columns_from(own.treatment)
    x = encode(raw, columns, "here")
    core = keras.Sequential([keras.Input((x.shape[1],)), keras.layers.Identity()])
    model = own.delivered(core)
    inputs = {
        c.input: np.array(raw[c.name].fillna("") if c.categories is not None else raw[c.name])
        for c in columns
    }
    import tensorflow as tf

    fed = {
        k: tf.constant(v.astype(str if v.dtype == object else "float32")[:, None])
        for k, v in inputs.items()
    }
    np.testing.assert_allclose(model(fed), x, rtol=1e-6)
    back = {k: tf.constant(v) for k, v in raw_rows(x, columns).items()}
    np.testing.assert_array_equal(model(back), x, "features, turned back into rows, are the same")
    unseen = {k: v[:1] for k, v in fed.items()} | {"kind": tf.constant([["never seen"]])}
    new = raw.iloc[:1].assign(kind="never seen")
    np.testing.assert_allclose(model(unseen), encode(new, columns, "here"), rtol=1e-6)


def test_means_are_those_of_the_training_rows_alone():
    raw = frame(b=[np.nan if i % 5 == 0 else i for i in range(60)])
    own = table_from(raw, Asked(target="y"))
    (b,) = [c for c in columns_from(own.treatment) if c.name == "b"]
    train = {row.tobytes() for row in own.data.train.x}
    rows = encode(raw, columns_from(own.treatment), "here")
    chosen = [i for i, row in enumerate(rows) if row.tobytes() in train]
    assert len(chosen) == len(own.data.train)
    assert b.mean == pytest.approx(raw["b"].iloc[chosen].mean())
    assert b.mean != pytest.approx(raw["b"].mean())


def test_none_may_be_a_class_and_other_words_for_nothing_are_said():
    y = [*["none"] * 30, *["dent"] * 20, *["?"] * 10]
    own = table_from(frame(y=y), Asked(target="y"))
    assert own.data.info.labels == ("dent", "none")
    assert any("10 rows have no y (they hold '?')" in w for w in own.warnings)


def hours(n=400, **columns):
    t = np.arange(n)
    plain = {
        "when": pd.date_range("2024-01-01", periods=n, freq="h").astype(str),
        "price": 50 + 10 * np.sin(t / 24 * 2 * np.pi) + 0.01 * t,
        "load": 5 + np.cos(t / 24 * 2 * np.pi),
    }
    return pd.DataFrame({**plain, **columns})


ASKED = Asked(target="price", horizon=6, lookback=24)


def test_a_series_is_split_in_time_scaled_on_train_and_says_so():
    own = series_from(hours(), ASKED)
    series = own.data.series
    assert series.windows.season == 24
    assert series.windows.step == "hour"
    assert [int(s[0]) for s in series.starts.values()] == [24, 280, 320]
    assert series.mean[0] == pytest.approx(hours().price[:280].mean())
    assert len(own.data.test) == 80 - 6 + 1
    assert "280 train, 40 validation, 80 test" in own.found[1]


@pytest.mark.parametrize("freq", ["15min", "D", "W", "MS", "YS"])
def test_steps_of_the_calendar_are_regular(freq):
    when = pd.date_range("1800-01-01", periods=200, freq=freq)
    own = series_from(hours(200, when=when.astype(str)), ASKED)
    season = {"15min": None, "D": 7, "W": None, "MS": 12, "YS": None}[freq]
    assert own.data.series.windows.season == season  # of those no longer than the look-back


@pytest.mark.parametrize(
    ("freq", "written", "step", "season", "day_first"),
    [
        ("D", "%d/%m/%Y", "day", 7, True),  # 13/01/2024 cannot be read otherwise
        ("D", "%m/%d/%Y", "day", 7, False),
        ("B", "%Y-%m-%d", "business day", 5, None),
        ("h", "%d.%m.%Y %H:%M", "hour", 24, True),
    ],
)
def test_dates_as_they_are_written_in_europe_and_america(freq, written, step, season, day_first):
    when = pd.date_range("2024-01-01", periods=400, freq=freq)
    own = series_from(hours(when=when.strftime(written)), ASKED)
    assert own.treatment["step"] == step and own.data.series.windows.season == season
    assert own.treatment["day_first"] is day_first
    assert "from 2024-01-01T00:00:00" in own.found[0] and str(when[-1].date()) in own.found[0]


@pytest.mark.parametrize("known", [True, False])
def test_dates_of_a_new_file_are_read_as_in_training(known):
    """The hours of one day do not tell the day from the month; the year first needs no telling."""
    day = pd.date_range("2024-04-05" if known else "2024-05-04", periods=24, freq="h")
    for written in ("%d/%m/%Y %H:%M" if known else "%m/%d/%Y %H:%M", "%Y-%m-%d %H:%M"):
        rows = pd.DataFrame({"when": day.strftime(written), "x": np.arange(24) + 0.5})
        assert list(times_of(rows, None, ["x"], "here", known)[1]) == list(day)
    later = pd.date_range("2024-04-13", periods=24, freq="h")  # there is no 13th month
    rows = pd.DataFrame({"when": later.strftime("%d/%m/%Y %H:%M"), "x": np.arange(24) + 0.5})
    assert list(times_of(rows, None, ["x"], "here", known)[1]) == list(later)


def test_a_horizon_fits_into_each_split_of_a_short_series():
    own = series_from(hours(200), Asked(target="price", horizon=24))
    assert own.found[1] == "split in time order: 136 train, 24 validation, 40 test"
    with pytest.raises(KerazooError, match="has 90 steps, too few to learn and measure"):
        series_from(hours(90), Asked(target="price", horizon=24))


def test_infinite_is_a_word_among_words():
    words = ["inf", "sup", "med"] * 20
    own = table_from(frame(position=words), Asked(target="y"))
    kept = next(c for c in own.treatment["columns"] if c["name"] == "position")
    assert kept["categories"] == ("inf", "med", "sup")
    assert table_from(frame(y=words), Asked(target="y")).data.info.labels == ("inf", "med", "sup")


def test_numbers_taken_for_classes_say_what_else_they_may_be():
    rooms = [1 + i % 8 for i in range(59)] + [12]
    with pytest.raises(KerazooError, match=r"'12' .1. .* join classes. --task regression takes"):
        table_from(frame(y=rooms), Asked(target="y"))
    with pytest.raises(KerazooError) as error:
        table_from(frame(y=rooms), Asked(target="y", task="classification"))
    assert "regression" not in str(error.value)


def test_dates_that_can_be_read_in_two_ways_are_refused():
    when = pd.date_range("2024-01-01", periods=12, freq="MS").strftime("%d/%m/%Y")
    with pytest.raises(KerazooError, match=r"line 3: .* 2024-01-02 or 2024-02-01; .* year"):
        series_from(hours(12, when=when), Asked(target="price", horizon=1, lookback=2))


@pytest.mark.parametrize("n", [2, 5, 12])
def test_dates_with_the_year_first_are_never_guessed_at(n):
    """Also of files as short as what is predicted from, and of the first days of months."""
    for when in (
        pd.date_range("2024-01-01", periods=n, freq="MS"),
        pd.date_range("2024-01-01", periods=n, freq="B"),
        pd.DatetimeIndex([f"2024-{month:02}-05" for month in range(1, n + 1)]),
    ):
        rows = pd.DataFrame({"when": when.strftime("%Y-%m-%d"), "x": np.arange(n) + 0.5})
        times, dates = times_of(rows, None, ["x"], "here")
        assert times.column == "when" and list(dates) == list(when)


def test_a_gap_is_filled_among_days_that_could_be_months():
    when = pd.date_range("2024-03-01", periods=96, freq="h").astype(str)
    asked = Asked(target="price", horizon=1, lookback=4, gaps="interpolate")
    own = series_from(drop(hours(96, when=when), 40), asked)
    assert any("1 missing steps" in w for w in own.warnings)


def test_dates_across_a_change_of_the_clock_are_read():
    when = pd.date_range("2024-03-29", periods=400, freq="h", tz="Europe/Berlin").astype(str)
    own = series_from(hours(when=when), ASKED)
    assert own.treatment["step"] == "hour"


def test_a_blank_date_is_said_wherever_it_stands():
    rows = hours()
    with pytest.raises(KerazooError, match="line 7: '' in column 'when' is no date"):
        series_from(rows.assign(when=rows.when.where(rows.index != 5, "")), ASKED)


def test_the_dates_of_an_index_are_a_column(tmp_path):
    plain = hours(when=pd.date_range("2024-01-01", periods=400, freq="h"))
    own = series_from(plain.set_index("when"), ASKED)
    assert own.data.sha256 == series_from(plain, ASKED).data.sha256
    assert own.treatment["time"] == "when"
    unnamed = plain.set_index(plain["when"].dt.to_period("h").rename(None)).drop(columns="when")
    assert series_from(unnamed, ASKED).treatment["time"] == "date"
    plain.set_index("when").rename_axis(None).to_csv(tmp_path / "index.csv")
    written = series_from(tmp_path / "index.csv", ASKED)
    assert written.treatment["time"] == "date" and written.data.sha256 == own.data.sha256


def drop(frame, *rows):
    return frame.drop(index=list(rows)).reset_index(drop=True)


def test_gaps_are_refused_or_filled_as_asked():
    whole = hours()
    gap = drop(whole, 100, 101)
    with pytest.raises(KerazooError, match=r"line 102: .* --gaps interpolate"):
        series_from(gap, ASKED)
    hole = whole.assign(price=whole.price.where(whole.index != 50))
    with pytest.raises(KerazooError, match="line 52: 'price' has no value"):
        series_from(hole, ASKED)
    filled = series_from(drop(hole, 100, 101), Asked(**{**vars(ASKED), "gaps": "interpolate"}))
    assert any("2 missing steps" in w for w in filled.warnings)
    assert any("1 missing values" in w for w in filled.warnings)
    wanted = series_from(whole, ASKED).data
    assert len(filled.data.train) == len(wanted.train)
    np.testing.assert_allclose(filled.data.train.x, wanted.train.x, atol=0.3)


@pytest.mark.parametrize(
    ("change", "asked", "says"),
    [
        (lambda f: f, {"target": None}, "choose one of the columns"),
        (lambda f: f, {"horizon": None}, "--horizon"),
        (lambda f: f, {"horizon": 0}, "horizon is 0"),
        (lambda f: f, {"horizon": 500}, "has 400 steps, too few to learn"),
        (lambda f: f, {"lookback": 500}, "need 506 values"),
        (lambda f: f, {"lookback": 0}, "look-back is 0"),
        (lambda f: f, {"time": "date"}, "unknown the time column"),
        (lambda f: f, {"time": "load"}, "dates must rise|is no date"),
        (lambda f: f, {"gaps": "drop"}, "interpolate"),
        (lambda f: f, {"split": (300, 100, 100)}, "needs 500 steps"),
        (lambda f: f, {"split": (300, 0, 100)}, "from 1 up"),
        (lambda f: f.iloc[::-1], {}, "line 3: .* comes after"),
        (lambda f: pd.concat([f[:9], f[8:]]), {}, "line 11: .* comes again"),
        (lambda f: f.assign(price=1.0), {}, "is 1 in the whole training split"),
        (lambda f: f.assign(price=f.price.astype(str).where(f.index != 7, "?!")), {}, "line 9"),
        (lambda f: f.assign(price=f.price.where(f.index != 7, np.inf)), {}, "infinite"),
        (lambda f: f[:20], {}, "too few to learn and measure forecasts of 6"),
        (lambda f: f[:30], {}, "need 30 values"),
        (lambda f: f.assign(when=f.when.where(f.index != 3, "soon")), {"time": "when"}, "line 5"),
    ],
)
def test_series_that_nothing_can_be_learnt_from(change, asked, says):
    with pytest.raises(KerazooError, match=says):
        series_from(change(hours()), Asked(**{**vars(ASKED), **asked}))


@pytest.mark.slow
def test_etth1_as_a_users_csv_is_the_entry_to_the_bit(real_data, in_tmp):
    missing = real_data_missing("etth1")
    if missing:
        pytest.skip(missing)
    path = brought.find(etth1.FILE)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    done = kerazoo.finetune(
        "stacked_lstm", path, target="OT", horizon=24, split=(8640, 2880, 2880), epochs=1,
        out="own", progress=False,
    )  # fmt: skip
    entry = kerazoo.train("stacked_lstm@etth1", epochs=1, out="entry", progress=False)
    for figure in ("value", "standard_error", "also", "examples"):
        assert done.metrics[figure] == entry.metrics[figure]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert kerazoo.evaluate("own").same
    ahead = kerazoo.predict("own", path).frame
    assert len(ahead) == 24
    assert str(ahead["date"].iloc[0]) == "2018-06-26 20:00:00"


def test_the_saved_forecaster_takes_and_gives_natural_units():
    own = series_from(hours(), ASKED)
    core = kerazoo.build("stacked_lstm", input_shape=(24, 1), horizon=6, subtract_last=True)
    model = own.delivered(core)
    mean, std = own.data.series.mean, own.data.series.std
    window = hours().price.to_numpy()[None, :24, None]
    wanted = core.predict((window - mean) / std, verbose=0) * std + mean
    np.testing.assert_allclose(model.predict(window, verbose=0), wanted, rtol=1e-5)
    assert in_natural_units(core, mean.tolist(), std.tolist()).output_shape == (None, 6, 1)


def reviews(n=40):
    words = np.random.RandomState(0)
    good, bad = ["lovely", "great", "warm"], ["dull", "poor", "grey"]
    rows = [
        (" ".join(words.choice(good if i % 2 else bad, 6)), "good" if i % 2 else "bad")
        for i in range(n)
    ]
    return pd.DataFrame(rows, columns=["body", "label"])


def test_texts_get_a_vocabulary_of_the_training_texts():
    own = texts_from(reviews(), Asked(text="body", target="label"), None)
    assert set(text.read_vocabulary(own.data.info.vocabulary)) == {
        "lovely", "great", "warm", "dull", "poor", "grey",
    }  # fmt: skip
    assert own.data.info.labels == ("bad", "good")


def test_a_class_without_words_is_none(tmp_path):
    rows = reviews()
    rows["label"] = rows["label"].where(rows.index > 1, "m")
    rows["body"] = rows["body"].where(rows.index != 0, "...")
    with pytest.raises(KerazooError, match="'m'"):
        texts_from(rows, Asked(text="body", target="label"), None)


@pytest.mark.parametrize(
    ("asked", "change", "says"),
    [
        ({"text": None}, lambda f: f, "column of texts"),
        ({"target": None}, lambda f: f, "the target"),
        ({"target": "body"}, lambda f: f, "both 'body'"),
        ({}, lambda f: f.assign(body="..."), "hold no word"),
        ({}, lambda f: f.assign(label="x"), "every row"),
        ({}, lambda f: f.assign(label=f.label.where(f.index < 14)), "have no 'label'"),
    ],
)
def test_texts_that_nothing_can_be_learnt_from(asked, change, says):
    with pytest.raises(KerazooError, match=says):
        texts_from(change(reviews()), Asked(**{"text": "body", "target": "label", **asked}), None)


def test_the_file_of_strings_reads_as_the_training_did(tmp_path):
    if keras.config.backend() != "tensorflow":
        pytest.skip("only TensorFlow has strings")
    import tensorflow as tf

    own = texts_from(reviews(), Asked(text="body", target="label"), None)
    tokens = text.read_vocabulary(own.data.info.vocabulary)
    model = kerazoo.build("text_cnn", input_shape=(5,), vocabulary=len(tokens) + 2)
    write_strings(tmp_path, model, tokens)
    whole = keras.saving.load_model(tmp_path / "model_strings.keras")
    said = ["Lovely, warm!", "dull", "poor " * 9 + "great, new words", "none known here"]
    wanted = model.predict(text.encode(said, tokens, 5), verbose=0)
    np.testing.assert_allclose(whole(tf.constant(said)), wanted, rtol=1e-5)


@pytest.mark.parametrize("kind", ["file", "frame"])
def test_a_table_is_measured_on_test_rows_of_its_own(tmp_path, kind):
    train, test = frame(y=["u", "v", "w"] * 20), frame(y=["v", "u", "w"] * 20).iloc[:10]
    test = test[test.columns[::-1]]
    sources = [train, test]
    if kind == "file":
        for i, rows in enumerate(sources):
            rows.to_csv(tmp_path / f"{i}.csv", index=False)
            sources[i] = tmp_path / f"{i}.csv"
    own = table_from(sources[0], Asked(target="y"), sources[1])
    assert own.data.test.y.tolist() == [1, 0, 2, 1, 0, 2, 1, 0, 2, 1]
    assert own.data.test.x[:, 0] == pytest.approx(test["a"].to_numpy(), rel=1e-6)
    assert len(own.data.train) + len(own.data.validation) == 60
    assert "test as given" in own.found[-1]


def test_test_rows_that_do_not_go_with_the_others_are_refused(tmp_path):
    train, asked = frame(y=["u", "v"] * 30), Asked(target="y")
    for change, says in (
        ({"y": ["u", "new"] * 30}, "test DataFrame, line 3: 'new' is no class of 'y'"),
        ({"y": [None] * 60}, "no row of the test data has a target"),
        ({"a": np.inf}, "test DataFrame, column 'a', line 2: the value is infinite"),
        ({"a": "big"}, "test DataFrame, column 'a': the model was trained with numbers here"),
    ):
        with pytest.raises(KerazooError, match=says):
            table_from(train, asked, frame(**{"y": ["u", "v"] * 30, **change}))
    with pytest.raises(KerazooError, match="test DataFrame has no column 'a'"):
        table_from(train, asked, train.drop(columns="a"))
    with pytest.raises(KerazooError, match="the target in the test DataFrame"):
        table_from(train, asked, train.drop(columns="y"))
    with pytest.raises(KerazooError, match="a CSV file or a DataFrame, not int"):
        table_from(train, asked, 5)
    with pytest.raises(KerazooError, match="'y' is 1 in every row of the test split"):
        table_from(frame(), asked, frame(y=1.0))
    texts = pd.DataFrame({"t": ["good day", "bad night", "so so"] * 9, "c": ["a", "b", "c"] * 9})
    own = texts_from(texts, Asked(text="t", target="c"), None, texts.iloc[:6])
    assert own.data.test.y.tolist() == [0, 1, 2, 0, 1, 2]
    with pytest.raises(KerazooError, match="no text of the test data"):
        texts_from(texts, Asked(text="t", target="c"), None, texts.iloc[:1].assign(t="..."))


def test_a_header_that_may_be_none_is_said():
    rows = pd.DataFrame([[4.9, 3.0, "setosa"]] * 12, columns=["5.1", "3.5", "virginica"])
    with pytest.raises(KerazooError, match="does the first line hold the names"):
        table_from(rows, Asked(target="species"))


def test_nothing_is_learnt_from_test_rows():
    """Neither what a column holds, nor its categories, means, classes or task."""
    train = frame(y=np.arange(60) % 3, code=[str(i % 7) for i in range(60)], id=range(1, 61))
    plain = table_from(train, Asked(target="y"))
    odd = frame(y=1.0, code=["8", "9", "9"] * 20, id=range(1, 61), a=1e6, kind="z")
    with pytest.raises(KerazooError, match="'code': the model was trained with numbers"):
        table_from(train, Asked(target="y"), odd.assign(code="x7"))
    own = table_from(train, Asked(target="y"), odd)
    assert own.data.info.labels == ("0", "1", "2")
    assert own.data.test.y.tolist() == [1] * 60
    names = [c["name"] for c in own.treatment["columns"]]
    assert names == [c["name"] for c in plain.treatment["columns"]] == ["a", "b", "kind", "code"]
    assert max(c["mean"] for c in own.treatment["columns"]) < 10
    assert own.found[0].startswith("the DataFrame: 60 rows; ")
    assert own.found[1] == "the test DataFrame: 60 rows to test on"
    assert own.found[2].endswith("0 20; 1 20; 2 20")


def test_a_column_that_counts_the_rows_is_no_feature_though_targets_are_missing():
    y = ["u", "v"] * 30
    rows = frame(id=range(1, 61), y=[*y[:3], None, *y[4:]])
    own = table_from(rows, Asked(target="y"))
    assert "id" not in [c["name"] for c in own.treatment["columns"]]
    assert any("id (it only counts the rows)" in w for w in own.warnings)


@pytest.mark.parametrize(
    ("training", "later", "value"),
    [
        ("price;k\n1.234,50;a\n2.000;b\n7,5;a\n", "price;k\n2.000;a\n", 2000.0),
        ('price,k\n"1,5",a\n"2,25",b\n"1,234",a\n', 'price,k\n"1,234",a\n', 1.234),
        ('price,k\n"1,234.5",a\n"2,000",b\n5,a\n', "price;k\n1,234;a\n", 1234.0),
    ],
)
def test_numbers_are_written_later_as_in_training(tmp_path, training, later, value):
    known = read_table(write(tmp_path / "train.csv", training))
    new = read_table(write(tmp_path / "new.csv", later), 1, known.marks)
    assert as_numbers(new.frame["price"], "here")[0].tolist() == [value]


def test_what_was_known_of_numbers_is_kept_with_the_model(tmp_path):
    rows = "".join(f"{1 + i % 9}.{i:03},5;{'ab'[i % 2]}\n" for i in range(40))
    own = table_from(write(tmp_path / "t.csv", "price;k\n" + rows), Asked(target="k"))
    assert own.treatment["marks"] == {"price": "1.234,5"}
    # In the test file alone 2.000 would be two.
    later = write(tmp_path / "test.csv", "price;k\n2.000;a\n5.000;b\n")
    test = table_from(tmp_path / "t.csv", Asked(target="k"), later).data.test.x
    later.write_text("price;k\n2000;a\n5000;b\n", encoding="utf-8")
    plain = table_from(tmp_path / "t.csv", Asked(target="k"), later).data.test.x
    np.testing.assert_array_equal(test, plain)
    steps = "".join(f"{1 + i % 9}.{i:03},5;{i}\n" for i in range(100, 260))
    series = write(tmp_path / "s.csv", "price;k\n" + steps)
    own = series_from(series, Asked(target="price", horizon=2, lookback=4))
    assert own.treatment["marks"] == {"price": "1.234,5"}


def test_rows_of_delimiters_keep_their_place_but_not_at_the_end(tmp_path):
    rows = read_table(write(tmp_path / "t.csv", "a,b\n1,2\n,\n\n3,4\n,\n,\n")).frame
    assert rows.to_numpy().tolist() == [["1", "2"], ["", ""], ["3", "4"]]
    assert rows.index.tolist() == [2, 3, 5]
    content = "t,price\n" + "".join(",\n" if i == 9 else f"x,{i}\n" for i in range(60))
    with pytest.raises(KerazooError, match="line 11: 'price' has no value"):
        series_from(write(tmp_path / "s.csv", content), Asked(target="price", horizon=2))


def test_an_index_that_repeats_is_left_out_and_one_of_texts_is_a_column(tmp_path):
    part = frame(y=["u", "v"] * 30)
    pd.concat([part[:30], part[:30]]).to_csv(tmp_path / "twice.csv")
    assert "index" not in read_table(tmp_path / "twice.csv").frame.columns
    dates = pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d")
    named = part.set_axis(dates.rename("day"))
    assert read_table(named).frame.columns[0] == "day"
    assert "id" not in read_table(part.rename_axis("id")).frame.columns


def test_copies_in_the_test_split_are_said():
    rows = frame(y=["u", "v"] * 30)
    own = table_from(rows, Asked(target="y"), rows)
    assert any("of the test split occur in the training split" in w for w in own.warnings)
    assert not any("occur" in w for w in table_from(rows, Asked(target="y")).warnings)
    texts = pd.DataFrame({"t": ["good day", "bad night"] * 15, "c": ["a", "b"] * 15})
    own = texts_from(texts, Asked(text="t", target="c"), None)
    assert any("6 texts of the test split occur" in w for w in own.warnings)


@pytest.mark.parametrize("y", [["0", "1", "2"] * 15 + ["0.0", "1.0", "2.0"] * 5, [0, 1, 2.0] * 20])
def test_a_class_written_in_two_ways_is_one(y):
    own = table_from(frame(y=pd.Series(y).mask(pd.Series(range(60)) == 7)), Asked(target="y"))
    assert own.data.info.labels == ("0", "1", "2")


def test_a_category_may_be_called_as_what_is_none():
    rows = frame(kind=["[other]", "x", "y"] * 20, y=["u", "v"] * 30)
    own = table_from(rows, Asked(target="y"))
    columns = columns_from(own.treatment)
    core = keras.Sequential([keras.layers.Dense(2)])
    core.build((None, own.data.train.x.shape[1]))
    if keras.config.backend() != "tensorflow":
        pytest.skip("strings need TensorFlow")
    model = takes_rows(core, columns)
    raw = {c.input: rows[[c.name]].to_numpy() for c in columns}
    raw = {k: v.astype("float32") if v.dtype != object else v for k, v in raw.items()}
    features = keras.Model(model.inputs, model.get_layer("features").output)
    import tensorflow as tf

    said = features({k: tf.constant(v.tolist()) for k, v in raw.items()})
    np.testing.assert_allclose(said, encode(rows, columns, "here"), rtol=1e-6)


def test_years_are_dates_and_other_numbers_are_none():
    rows = pd.DataFrame({"year": range(1800, 2000), "price": np.arange(200.0) % 7})
    assert times_of(rows, "year", ["price"], "here")[0].step == "year"
    with pytest.raises(KerazooError, match="is no date"):
        times_of(rows.assign(year=range(10**6, 10**6 + 200)), "year", ["price"], "here")


HOURS = pd.date_range("2024-01-01", periods=400, freq="h")
DAYS = pd.date_range("2020-01-01", periods=400, freq="D")


@pytest.mark.parametrize("written", [str, int])
@pytest.mark.parametrize(
    ("name", "numbers", "step"),
    [
        (
            "ts",
            HOURS.as_unit("s").astype("int64"),
            "hour",
        ),
        ("Unix time", HOURS.as_unit("ms").astype("int64"), "hour"),
        ("date", HOURS.strftime("%Y%m%d%H").astype("int64"), "hour"),
        ("anything", DAYS.strftime("%Y%m%d").astype("int64"), "day"),
        ("year", pd.RangeIndex(1600, 2000), "year"),
    ],
)
def test_dates_that_are_numbers_are_found(name, numbers, step, written):
    rows = hours().drop(columns="when")
    rows.insert(0, name, list(map(written, numbers)))
    times, dates = times_of(rows, None, ["price"], "here")
    assert (times.column, times.step) == (name, step)
    assert dates[0].year in (1600, 2020, 2024)
    with pytest.raises(KerazooError, match="dates must rise"):
        times_of(rows.sample(frac=1, random_state=0), None, ["price"], "here")


def test_years_beside_months_or_dates_are_no_dates():
    months = pd.date_range("1990-01-01", periods=120, freq="MS")
    rows = pd.DataFrame({"year": months.year, "month": months.month, "price": np.arange(120.0)})
    assert times_of(rows, None, ["price"], "here")[0].column is None
    rows["when"] = months.astype(str)
    assert times_of(rows, None, ["price"], "here")[0].column == "when"
    one_a_year = rows.iloc[::12].drop(columns="when")
    assert times_of(one_a_year, None, ["price"], "here")[0].column == "year"


def test_a_broken_value_among_seconds_is_named():
    rows = hours().assign(when=list(map(str, HOURS.as_unit("s").astype("int64"))))
    rows.loc[120, "when"] = "broken"
    with pytest.raises(KerazooError, match="line 120: 'broken'"):
        times_of(rows, "when", ["price"], "here")
    numbered = hours().drop(columns="when").assign(**{"0": range(1800, 2200)})
    assert times_of(numbered, 0, ["price"], "here")[0].column == "0"


@pytest.mark.parametrize("name", ["load", "time"])
def test_other_numbers_are_no_dates(name):
    rows = hours().drop(columns="when")
    for numbers in (range(1, 401), range(10**6, 10**6 + 400), range(34567890, 34567890 + 400)):
        rows[name] = list(numbers)
        assert times_of(rows, None, ["price"], "here")[0].column is None


@pytest.mark.parametrize(
    ("frequency", "step"),
    [
        ("MS", "month"),
        ("ME", "month"),
        ("QS-FEB", "quarter"),
        ("QE-FEB", "quarter"),
        ("YS-JUL", "year"),
        ("YE-JUN", "year"),
        ("B", "business day"),
    ],
)
def test_a_gap_among_months_or_business_days_is_filled_by_their_calendar(frequency, step):
    dates = pd.date_range("2015-01-01", periods=100, freq=frequency)
    whole = pd.DataFrame({"date": dates, "price": np.arange(100.0)})
    asked = Asked(target="price", horizon=2, lookback=4, gaps="interpolate")
    own = series_from(whole.drop(index=[40, 41]), asked)
    assert any("2 missing steps were filled" in w for w in own.warnings)
    assert own.data.sha256 == series_from(whole, asked).data.sha256
    assert f"a step is one {step}" in own.found[0]


def test_a_gap_among_half_years_is_not_filled_by_quarters():
    dates = pd.date_range("1950-01-01", periods=100, freq="2QS")
    rows = pd.DataFrame({"date": dates, "price": np.arange(100.0)}).drop(index=40)
    with pytest.raises(KerazooError, match="do not lie on a grid"):
        series_from(rows, Asked(target="price", horizon=2, lookback=4, gaps="interpolate"))


def test_values_of_the_test_split_that_were_filled_are_counted():
    price = np.sin(np.arange(100.0))
    rows = pd.DataFrame({"price": price, "load": price})
    rows.loc[[3, 85, 86], "price"] = np.nan
    asked = Asked(target=("price", "load"), horizon=2, lookback=4, gaps="interpolate")
    warnings = series_from(rows, asked).warnings
    assert "3 missing values were filled by straight lines" in warnings
    (note,) = [w for w in warnings if "test split" in w]
    assert note.startswith("2 of the 40 values of the test split are such lines")
    early = rows.assign(price=price)
    early.loc[3, "price"] = np.nan
    assert not any("test split" in w for w in series_from(early, asked).warnings)


@pytest.mark.parametrize(
    ("frequency", "step", "lookback"),
    [
        ("B", "business day", 5),  # Monday to Friday
        ("B", "business day", 1),
        ("MS", "month", 2),
        ("ME", "month", 1),
        ("QE-FEB", "quarter", 2),
        ("YS-JUL", "year", 1),
        ("h", "hour", 1),
        ("10min", "10 minutes", 1),
        ("300s", "300 s", 1),
    ],
)
def test_a_forecast_from_few_rows_has_the_steps_of_the_training(frequency, step, lookback):
    first = pd.date_range("2024-01-01", periods=1, freq=frequency)[0]
    dates = pd.date_range(first, periods=lookback + 2, freq=frequency)
    rows = pd.DataFrame({"date": dates[:lookback], "price": np.arange(float(lookback))})
    for gaps in ("refuse", "interpolate"):
        said = forecaster(step, lookback, gaps=gaps)(rows)
        assert list(said.frame["date"]) == list(dates[lookback:])


@pytest.mark.parametrize(
    ("frequency", "rows", "step"),
    [("B", 5, "hour"), ("MS", 2, "quarter"), ("D", 6, "business day"), ("h", 2, "300 s")],
)
def test_rows_of_another_step_than_in_training_are_refused(frequency, rows, step):
    dates = pd.date_range("2024-01-01", periods=rows, freq=frequency)
    with pytest.raises(KerazooError, match=f"but the model was trained on steps of one {step}"):
        forecaster(step, rows)(pd.DataFrame({"date": dates, "price": np.arange(float(rows))}))


def test_a_forecaster_of_rows_without_dates_takes_rows_that_have_some():
    rows = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=4), "price": np.arange(4.0)})
    assert list(forecaster("step", 4, time=None)(rows).frame["step"]) == [1, 2]


def test_too_few_rows_are_said_also_where_gaps_would_be_filled():
    rows = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=1), "price": [1.0]})
    with pytest.raises(KerazooError, match="has 1 steps; the model looks back 4"):
        forecaster("day", 4, gaps="interpolate")(rows)


def forecaster(step, lookback, gaps="refuse", time="date"):
    """A predictor that repeats the last value twice."""
    treatment = {
        "kind": "series", "targets": ["price"], "time": time, "step": step, "day_first": None,
        "lookback": lookback, "gaps": gaps, "marks": {},
    }  # fmt: skip
    last = keras.layers.Cropping1D((lookback - 1, 0))
    core = keras.Sequential([keras.Input((lookback, 1)), last, keras.layers.UpSampling1D(2)])
    return TablePredictor(core, {"own": {"treatment": treatment}}, "the model")


@pytest.mark.parametrize(
    ("frequency", "step", "gone", "odd"),
    [
        ("MS", "month", [90, 91], {}),
        ("B", "business day", [95], {}),
        ("h", "hour", [], {99: pd.Timedelta(minutes=20)}),
    ],
)
def test_a_forecast_with_gaps_is_dated_by_the_regular_times(frequency, step, gone, odd):
    """The last 50 dates are not regular, or the last one is no regular time."""
    dates = pd.Series(pd.date_range("2015-01-01", periods=100, freq=frequency))
    later = pd.date_range(dates.iloc[-1], periods=3, freq=frequency)
    given = dates.copy()
    for row, late in odd.items():
        given[row] += late
    rows = pd.DataFrame({"date": given, "price": np.arange(100.0)}).drop(index=gone)
    said = forecaster(step, 4, gaps="interpolate")(rows)
    assert list(said.frame["date"]) == list(later[1:])
    if odd:
        assert "1 rows between the regular times were left out" in said.notes
