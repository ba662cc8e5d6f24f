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
from kerazoo.datasets import _sources as sources
from kerazoo.datasets import _text as text
from kerazoo.datasets import etth1
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers import reading
from kerazoo.finetuning.readers._dates import times_of
from kerazoo.finetuning.readers.series import in_natural_units, series_from
from kerazoo.finetuning.readers.texts import texts_from, write_strings
from kerazoo.finetuning.readers.user_data import Asked
from kerazoo.predicting.tables import TablePredictor
from kerazoo.predicting.trained import Trained


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


TABLE = "".join(
    f"{i * 0.5},{'red' if i % 3 else 'blue'},{i % 7},{'yes' if i % 2 else 'no'}\n"
    for i in range(40)
)
HEADER = "size,colour,count,bought\n"


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
    path = sources.find(etth1.FILE)
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
    return TablePredictor(
        Trained(
            source="run", model=core, task=registry.get_task("forecasting"), labels=(),
            light_on_dark=False, fewest_words=0, config={"own": {"treatment": treatment}},
        )
    )  # fmt: skip


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
