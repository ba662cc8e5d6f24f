"""Series: dates, steps, gaps, splits, and forecasts of new files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

import kerazoo
from kerazoo import registry
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._csv import CsvOptions, read_table
from kerazoo.finetuning.readers._dates import times_of
from kerazoo.finetuning.readers.reading import SeriesReading
from kerazoo.finetuning.readers.series import filled, from_series
from kerazoo.predicting._series import SeriesPredictor
from kerazoo.predicting.trained import Trained
from tests.conftest import QUIET, raised


def hours(n=400, **columns):
    t = np.arange(n)
    plain = {
        "when": pd.date_range("2024-01-01", periods=n, freq="h").astype(str),
        "price": 50 + 10 * np.sin(t / 24 * 2 * np.pi) + 0.01 * t,
        "load": 5 + np.cos(t / 24 * 2 * np.pi),
    }
    return pd.DataFrame({**plain, **columns})


def read(source, **options):
    return from_series(source, **{"target": "price", "horizon": 6, "lookback": 24, **options})


def dates_of(rows, *names, **options):
    plain = {"targets": ("price",), "step": "", "lookback": 1}
    reading = SeriesReading(time=names, csv=CsvOptions(**options), **plain)
    return times_of(read_table(rows, least=1).frame, reading, "here")[""]


def test_a_series_is_split_in_time_and_scaled_on_train():
    data = read(hours()).data
    assert data.series.windows.season == 24 and data.series.windows.step == "hour"
    assert [int(s[0]) for s in data.series.starts.values()] == [24, 280, 320]
    assert data.series.mean[0] == pytest.approx(hours().price[:280].mean())
    assert data.test.examples == 80 - 6 + 1


@pytest.mark.parametrize(("resample", "period"), [("day", "D"), ("week", "W"), ("month", "M")])
def test_rows_of_a_day_a_week_or_a_month_are_joined_but_for_incomplete_ones(resample, period):
    dates = pd.Series(pd.date_range("2020-01-06 06:00", periods=4 * 900, freq="6h"))
    sold = 10 + np.sin(np.arange(len(dates)) / 90) + np.arange(len(dates)) % 7
    rows = pd.DataFrame({"at": dates, "sold": sold})
    each = rows.groupby(rows["at"].dt.to_period(period))["sold"]
    options = {"target": "sold", "horizon": 2, "resample": resample, "lookback": 4}
    for how in ("sum", "mean", "last"):
        assert read(rows, duplicates=how, **options).reading.resample == resample
        expected = each.agg(how).iloc[1:-1]
        found = read(rows.sample(frac=1, random_state=0), duplicates=how, **options)
        assert found.reading.low == pytest.approx([expected.min()])
        assert found.reading.high == pytest.approx([expected.max()])
        windows = found.data.info.windows
        assert windows.step == resample
        assert windows.first == str(expected.index[0].start_time)
    raised(["--duplicates"], read, rows, **options)
    raised(["resample"], read, rows, duplicates="sum", **{**options, "resample": "decade"})
    ends = len(rows) - each.size().iloc[1:-1].sum()
    assert any(f"{ends} rows of an incomplete" in line for line in found.report)


def test_days_begin_where_the_time_zone_says():
    """Days in UTC mixed the hours of two days, without a word."""
    when = pd.date_range("2023-08-01", periods=24 * 120, freq="h", tz="Europe/Berlin")
    local = pd.Series(when.tz_localize(None)).dt.day_of_year
    written = pd.DataFrame({"when": when.map(lambda d: d.isoformat()), "price": local})
    days = {"target": "price", "horizon": 2, "resample": "day", "duplicates": "mean"}
    for rows in (written, written.assign(when=when)):
        raised(["--time-zone"], kerazoo.from_series, rows, **days)
        found = kerazoo.from_series(rows, time_zone="Europe/Berlin", **days)
        assert found.reading.low == (213,)


def test_a_step_with_few_of_its_rows_has_a_note():
    rows = hours(24 * 30).assign(price=1.0 + np.arange(720) % 5)
    days = {"resample": "day", "duplicates": "sum", "lookback": 4}
    rows.loc[242:263, "price"] = np.nan
    gone = [read(rows.dropna(), **days), read(rows, gaps="interpolate", **days)]
    for found in gone:
        assert ["2 instead of 24" in note for note in found.warnings].count(True) == 1
    sold = hours(24 * 30).sample(frac=0.3, random_state=0)  # are irregular by nature
    assert not any("instead of" in note for note in read(sold, **days).warnings)


def test_a_horizon_fits_into_each_split_of_a_short_series():
    data = read(hours(200), horizon=24, lookback=None).data
    assert (data.validation.examples, data.test.examples) == (1, 17)
    raised(["90 steps", "--split"], read, hours(90), horizon=24)


@pytest.mark.parametrize(
    ("change", "asked", "names"),
    [
        (lambda f: f, {"target": None}, ["--target", "price"]),
        (lambda f: f, {"horizon": None}, ["--horizon"]),
        (lambda f: f, {"horizon": 500}, ["400 steps"]),
        (lambda f: f, {"lookback": 500}, ["280", "500"]),
        (lambda f: f, {"time": "date"}, ["'date'"]),
        (lambda f: f, {"time": "load"}, ["'load'", "line 2", "--date-format"]),
        (lambda f: f, {"gaps": "drop"}, ["interpolate"]),
        (lambda f: f, {"split": (300, 100, 100)}, ["500 steps"]),
        (lambda f: pd.concat([f[:9], f[8:]]), {}, ["line 11", "--duplicates"]),
        (lambda f: pd.concat([f[:9], f[8:]])[["when", "price"]], {}, ["line 11", "--duplicates"]),
        (lambda f: f, {"duplicates": "first"}, ["mean"]),
        (lambda f: f, {"time_zone": "Europe/Berlim"}, ["--time-zone", "Europe/Berlin"]),
        (lambda f: f.assign(price=1.0), {}, ["'price'", "1"]),
        (lambda f: f.assign(price=f.price.astype(str).where(f.index != 7, "?!")), {}, ["line 9"]),
        (lambda f: f.assign(price=f.price.where(f.index != 7, np.inf)), {}, ["line 9"]),
        (lambda f: f.assign(when=f.when.where(f.index != 3, "soon")), {}, ["line 5", "'soon'"]),
        (lambda f: f.drop(index=[100, 101]), {}, ["line 102", "--gaps"]),
        (lambda f: f.assign(price=f.price.where(f.index != 50)), {}, ["line 52", "--gaps"]),
    ],
)
def test_series_that_nothing_can_be_learnt_from(change, asked, names):
    raised(names, read, change(hours()), **asked)


@pytest.mark.parametrize(
    ("freq", "step", "season"),
    [
        ("15min", "15 minutes", 96),
        ("300s", "300 s", None),
        ("D", "day", 7),
        ("B", "business day", 5),
        ("W", "week", 52),
        ("MS", "month", 12),
        ("QE-FEB", "quarter", 4),
        ("2QS", "6 months", None),
        ("YE-JUN", "year", None),
    ],
)
@pytest.mark.parametrize("gap", [[], [40, 41]])
def test_steps_of_the_calendar(freq, step, season, gap):
    whole = pd.date_range("1950-01-01", periods=100, freq=freq)
    times = dates_of(pd.DataFrame({"when": whole.delete(gap), "price": 1.0}))
    assert (times.step, times.season) == (step, season)
    assert list(times.grid) == list(whole) and len(times.dates) == 100 - len(gap)


@pytest.mark.parametrize(("day", "freq"), [(1, "MS"), (31, "ME"), (15, "")])
def test_the_dates_of_plots_have_a_frequency_that_pandas_reads(day, freq):
    dates = pd.date_range("1950-01-01", periods=400, freq="MS") + pd.DateOffset(days=day - 1)
    if day == 31:
        dates = pd.date_range("1950-01-31", periods=400, freq="ME")
    windows = read(hours(when=dates.astype(str))).data.series.windows
    assert windows.freq == freq and windows.first[:10] == (str(dates[0])[:10] if freq else "")


@pytest.mark.parametrize(("freq", "late"), [("h", "20min"), ("MS", "8D")])
def test_dates_off_the_regular_times_are_refused(freq, late):
    dates = pd.Series(pd.date_range("2024-01-01", periods=100, freq=freq))
    dates[50] += pd.Timedelta(late)
    rows = pd.DataFrame({"when": dates, "price": np.arange(100.0)})
    raised(["'when'", "line"], read, rows, gaps="interpolate")


@pytest.mark.parametrize(
    ("freq", "written"),
    [
        ("D", "%d/%m/%Y"),  # 13/01/2024 cannot be read otherwise
        ("D", "%m/%d/%Y"),
        ("h", "%d.%m.%Y %H:%M"),
        ("D", "%b %d, %Y"),
        ("h", "%Y-%m-%d %H:%M"),
        ("h", "%Y-%m-%dT%H:%M:%SZ"),
    ],
)
def test_ways_to_write_dates(freq, written):
    when = pd.date_range("2024-01-02", periods=400, freq=freq)
    rows = hours(when=when.strftime(written))
    times = dates_of(rows)
    assert list(times.dates) == list(when)
    assert repr(rows["when"][0]) in times.told and f"read as {when[0]:%Y-%m-%d}" in times.told
    found = None if written.startswith("%Y-") else written
    assert read(rows).reading.csv.date_format == times.options.date_format == found


@pytest.mark.parametrize("written", ["%m/%d/%Y %I:%M:%S %p", "%d.%m.%y", "%d-%b-%y", "%H.%M.%S"])
def test_a_format_that_is_not_certain_is_asked_for(written):
    when = pd.date_range("2024-01-02", periods=400, freq="D")
    rows = hours(when=when.strftime(written))
    raised(["--time", "--date-format"], dates_of, rows)
    raised(["line 2", "--date-format"], dates_of, rows, "when")
    if "%d" in written:
        assert list(dates_of(rows, "when", date_format=written).dates) == list(when)


def test_of_two_columns_of_dates_one_is_named():
    rows = hours()
    rows.insert(0, "changed", "2025-01-01 00:00:00")
    raised(["2 columns", "'changed'", "'when'", "--time"], read, rows)
    assert read(rows, time="when").data.sha256 == read(hours()).data.sha256


def test_dates_in_doubt_name_the_options():
    when = pd.date_range("2024-01-01", periods=12, freq="MS")
    rows = hours(12, when=when.strftime("%d/%m/%Y"))
    raised(["line 3", "2024-01-02", "2024-02-01", "--day-first", "--date-format"], dates_of, rows)
    assert list(dates_of(rows, day_first=True).dates) == list(when)
    assert dates_of(rows, day_first=False).dates[1] == pd.Timestamp("2024-01-02")
    typo = hours(when=pd.date_range("2024-01-01", periods=400).strftime("%d/%m/%Y"))
    raised(["line 9", "'05/13/2024'"], dates_of, typo.replace("08/01/2024", "05/13/2024"))
    assert list(dates_of(rows, date_format="%d/%m/%Y").dates) == list(when)
    raised(["line 2", "%Y-%m-%d"], dates_of, rows, "when", date_format="%Y-%m-%d")
    raised(["--date-format", "%Q"], dates_of, rows, "when", date_format="%Q")


@pytest.mark.parametrize("known", [True, False])
def test_dates_of_a_new_file_are_read_as_in_training(known):
    """The hours of one day do not tell the day from the month."""
    day = pd.date_range("2024-04-05" if known else "2024-05-04", periods=24, freq="h")
    written = day.strftime("%d/%m/%Y %H:%M" if known else "%m/%d/%Y %H:%M")
    rows = pd.DataFrame({"when": written, "price": np.arange(24) + 0.5})
    assert list(dates_of(rows, day_first=known).dates) == list(day)


@pytest.mark.parametrize("freq", ["MS", "B", "D"])
@pytest.mark.parametrize("n", [2, 12])
def test_the_year_first_is_never_in_doubt(n, freq):
    """Also of files as short as what is predicted from, and of the first days of months."""
    when = pd.date_range("2024-01-01", periods=n, freq=freq)
    rows = pd.DataFrame({"when": when.strftime("%Y-%m-%d"), "price": np.arange(n) + 0.5})
    assert list(dates_of(rows, day_first=True).dates) == list(dates_of(rows).dates) == list(when)


@pytest.mark.parametrize(
    ("written", "freq", "step"),
    [("{0.year}Q{0.quarter}", "QS", "quarter"), ("{0.year}-Q{0.quarter}", "QS", "quarter"),
     ("{0:%G-W%V}", "W-MON", "week"), ("{0:%GW%V}", "W-MON", "week")],
)  # fmt: skip
def test_quarters_and_weeks_are_dated_by_their_first_days(written, freq, step):
    when = pd.date_range("2000-01-03" if step == "week" else "2000-01-01", periods=100, freq=freq)
    rows = hours(100).assign(when=[written.format(day) for day in when])
    times = dates_of(rows)
    assert list(times.dates) == list(when) and times.step == step
    with pytest.raises(KerazooError):
        dates_of(rows.assign(when=rows["when"].where(rows.index != 7, "2001-W77")))


def test_summer_time_loses_no_row():
    """Hours are counted in UTC; days, from one local midnight to the next, are days."""
    when = pd.date_range("2024-03-29", periods=400, freq="h", tz="Europe/Berlin")
    for column in (when, when.map(lambda d: d.isoformat())):
        times = dates_of(hours(when=column))
        assert times.step == "hour" and list(times.dates) == list(when.tz_convert("UTC"))
    days = pd.date_range("2022-01-10", periods=400, freq="D", tz="Europe/Berlin")
    for column in (days, days.map(lambda d: d.isoformat())):
        times = dates_of(hours(when=column))
        assert times.step == "day" and list(times.dates) == list(days.tz_localize(None))
    clocks = pd.date_range("2024-10-25", periods=400, freq="h", tz="Europe/Berlin")
    rows = hours(when=clocks.tz_localize(None).astype(str))
    raised(["line 53", "--time-zone"], dates_of, rows)
    assert list(dates_of(rows, time_zone="Europe/Berlin").dates) == list(clocks)
    assert list(dates_of(rows[::-1], time_zone="Europe/Berlin").dates) == list(clocks)
    quarters = pd.date_range("2024-10-25", periods=400, freq="15min", tz="Europe/Berlin")
    rows = hours(when=quarters.tz_localize(None).astype(str))
    for order in (rows, rows[::-1]):
        assert list(dates_of(order, time_zone="Europe/Berlin").dates) == list(quarters)
    raised(["line 52", "--time-zone"], read, hours(when=when.tz_localize(None).astype(str)))
    for column in (days.tz_convert("UTC"), days.tz_convert("UTC").as_unit("ms").astype("int64")):
        raised(["line 79", "--time-zone"], dates_of, hours(when=column), "when")
        times = dates_of(hours(when=column), "when", time_zone="Europe/Berlin")
        assert times.step == "day" and list(times.dates) == list(days.tz_localize(None))
    shifts = pd.date_range("2022-03-01", periods=400, freq="6h").tz_localize("Europe/Berlin")
    raised(["line 107"], dates_of, hours(when=shifts.map(lambda d: d.isoformat())))


def test_an_outage_while_clocks_change_is_counted_in_instants():
    """The hour that comes twice is missing too, and lacks in local time."""
    when = pd.date_range("2024-10-20", periods=400, freq="h", tz="Europe/Berlin")
    rows = hours(when=when.map(lambda d: d.isoformat())).drop(index=range(160, 190))
    times = dates_of(rows)
    assert len(times.grid) == 400 and len(times.dates) == 370


HOURS = pd.date_range("2024-01-01", periods=400, freq="h")
DAYS = pd.date_range("2020-01-01", periods=400, freq="D")


@pytest.mark.parametrize("written", [str, int])
@pytest.mark.parametrize(
    ("name", "numbers", "step"),
    [
        ("ts", HOURS.as_unit("s").astype("int64"), "hour"),
        ("Unix time", HOURS.as_unit("ms").astype("int64"), "hour"),
        ("date", HOURS.strftime("%Y%m%d%H").astype("int64"), "hour"),
        ("anything", DAYS.strftime("%Y%m%d").astype("int64"), "day"),
        ("year", pd.RangeIndex(1700, 2100), "year"),
    ],
)
def test_dates_that_are_numbers_are_read_in_a_column_that_is_named(name, numbers, step, written):
    rows = hours().drop(columns="when")
    rows.insert(0, name, list(map(written, numbers)))
    raised([f"'{name}'", "--time"], dates_of, rows)
    times = dates_of(rows, name)
    assert (times.columns, times.step) == ((name,), step)
    assert times.dates[0].year in (1700, 2020, 2024)
    again = dates_of(rows, name, date_format=times.options.date_format)
    mixed = dates_of(rows.sample(frac=1, random_state=0), name)
    assert list(again.dates) == list(mixed.dates) == list(times.dates) and "sorted" in mixed.told


def test_other_numbers_are_no_dates():
    rows = hours().drop(columns=["when", "load"])
    for first in (1, 10**6, 34567890):
        counted = rows.assign(time=range(first, first + 400))
        raised(["'time'", "--time none"], dates_of, counted)
        raised(["line 2", "--date-format"], dates_of, counted, "time")
        assert not dates_of(counted, "none").columns
    broken = hours().assign(when=list(map(str, HOURS.as_unit("s").astype("int64"))))
    broken.loc[118, "when"] = "broken"
    raised(["line 120", "'broken'"], dates_of, broken, "when")
    assert dates_of(rows.assign(**{"0": range(1800, 2200)}), 0).columns == ("0",)


UNKNOWN = {  # dates that are not recognized, and options that read them
    "5. Mai 2024": (
        lambda d: f"{d.day}. {('Jänner', 'Feber', 'März')[d.month % 3]} {d.year}",
        None,
    ),
    "2024年05月05日": ("%Y年%m月%d日", {"date_format": "%Y年%m月%d日"}),
    "Excel": (lambda d: (d - pd.Timestamp("1899-12-30")).days, None),
    "23:00": ("%H:%M", None),
    "2024-05-05 CEST": ("%Y-%m-%d CEST", {"date_format": "%Y-%m-%d CEST"}),
}


@pytest.mark.parametrize("written", UNKNOWN)
def test_rows_whose_dates_are_not_recognized_are_not_taken_for_ordered(written):
    """They may be newest first, or have gaps."""
    how, options = UNKNOWN[written]
    days = pd.date_range("2020-01-01", periods=400)
    texts = [how(day) if callable(how) else day.strftime(how) for day in days]
    rows = hours(column=texts)[["column", "price"]][::-1]
    raised(["column", "--time none", "--date-format"], read, rows)
    assert not read(rows, time="none").reading.time
    if options:
        assert list(dates_of(rows, "column", **options).dates) == list(days)


@pytest.mark.parametrize("between", [". ", " ", ", "])
def test_day_and_month_are_in_doubt_whatever_stands_between_them(between):
    when = pd.date_range("2000-01-01", periods=400, freq="MS")
    rows = hours(when=when.strftime(between.join(("%d", "%m", "%Y"))))
    raised(["line 3", "--day-first"], read, rows)
    assert read(rows, day_first=True).reading.step == "month"


def test_an_index_that_tells_times_or_series_is_read():
    """Names of days were dropped, and a series newest first was learnt backwards."""
    rows = hours()[["when", "price"]]
    wanted = read(rows).data.sha256
    turned = rows.set_index("when")[::-1]
    assert read(turned).data.sha256 == wanted
    assert read(turned.rename_axis(None)).data.sha256 == wanted
    for freq in ("h", "W", "Q"):  # a week is written as two days
        periods = rows[["price"]].set_index(pd.period_range("2000", periods=400, freq=freq))
        assert read(periods[::-1]).data.sha256 == wanted
    assert read(rows.set_index(np.arange(400) + 7)).data.sha256 == wanted
    both = pd.concat({"A": rows, "B": rows}, names=["store"]).set_index("when", append=True)
    raised(["--series-id"], read, both.droplevel(1))
    assert read(both.droplevel(1), series_id="store").reading.ids == ("store",)
    raised(["'year'", "--time"], read, rows[["price"]].set_index(2400 - rows.index.rename("year")))


def test_a_column_that_may_tell_series_apart_is_not_passed_over():
    rows = pd.DataFrame({"price": np.sin(np.arange(300))})
    assert not dates_of(rows).columns
    raised(["store", "--time none"], dates_of, rows.assign(store=["A"] * 150 + ["B"] * 150))
    numbered = rows.assign(row=range(300), store=["A"] * 150 + ["B"] * 150)
    raised(["store", "--time none"], dates_of, numbered)


@pytest.mark.parametrize("names", [["A", "B"] * 200, ["A"] * 200 + ["B"] * 200])
def test_series_whose_times_fit_together_are_noted(names):
    """Two sensors that report in turn, or one after the other."""
    notes = read(hours(sensor=names)).warnings
    assert any("'sensor'" in note and "--series-id" in note for note in notes)
    assert not any("--series-id" in note for note in read(hours()[["when", "price"]]).warnings)


def test_dates_in_several_columns():
    months = pd.date_range("1990-01-01", periods=120, freq="MS")
    rows = pd.DataFrame({"year": months.year, "Month": months.month, "price": np.arange(120.0)})
    raised(["'year'", "'Month'", "--time"], dates_of, rows)
    times = dates_of(rows[::-1], "year", "Month")
    assert times.columns == ("year", "Month") and list(times.dates) == list(months)
    raised(["line 52", "--gaps"], read, rows.drop(index=50), time=("year", "Month"))
    assert dates_of(rows.assign(when=months.astype(str))).columns == ("when",)
    assert dates_of(rows.iloc[::12], "year").step == "year"
    when = pd.date_range("2024-01-05", periods=100, freq="h")
    rows = pd.DataFrame({"Date": when.strftime("%d/%m/%Y"), "price": np.arange(100.0)})
    clock = rows.assign(Time=when.strftime("%H:%M"))
    raised(["line 3", "--time"], dates_of, clock, day_first=True)
    assert list(dates_of(clock, "Date", "Time", day_first=True).dates) == list(when)
    for written, clock in (("%H.%M.%S", when.strftime("%H.%M.%S")), ("%H", when.hour)):
        asked = rows.assign(Time=clock), "Date", "Time"
        raised(["line 2", "--date-format"], dates_of, *asked, day_first=True)
        assert list(dates_of(*asked, date_format=f"%d/%m/%Y {written}").dates) == list(when)
    parts = {n: getattr(when, n) for n in ("year", "month", "day", "hour")}
    assert list(dates_of(pd.DataFrame({**parts, "price": 1.0}), *parts).dates) == list(when)


def test_rows_of_the_same_time_are_joined_as_asked():
    rows = hours(100)
    twice = pd.concat([rows, rows[50:60].assign(price=0.0)])
    own = read(twice, duplicates="last").data.train
    same = read(rows.assign(price=rows.price.where(~rows.index.isin(range(50, 60)), 0.0)))
    np.testing.assert_array_equal(own.x, same.data.train.x)
    mean = read(twice, duplicates="mean")
    assert not np.array_equal(mean.data.train.x, own.x) and mean.reading.duplicates == "mean"


@pytest.mark.parametrize("order", ["glued", "sorted", "parts"])
def test_several_series_in_one_file_are_refused(order):
    when = pd.date_range("2019-01-01", periods=100, freq="MS")
    stores = [pd.DataFrame({"when": when, "store": s, "price": np.arange(100.0)}) for s in "AB"]
    rows = pd.concat(stores)
    if order == "sorted":
        rows = rows.sort_values(["when", "store"])
    if order == "parts":
        rows = rows.assign(year=rows.when.dt.year, month=rows.when.dt.month).drop(columns="when")
    time = ("year", "month") if order == "parts" else ()
    raised(["--series-id"], read, rows)
    raised(["--series-id"], read, rows, time=time)
    assert read(rows, series_id="store", time=time).data.series.names == ("A", "B")


def stores(level=(100.0, 5000.0, 0.1), n=200):
    """Three stores in two towns, each of other size, that the two columns tell apart."""
    when = pd.date_range("2019-01-01", periods=n)
    t = np.arange(n)
    each = [
        pd.DataFrame({"when": when, "town": town, "store": store, "price": size * (t + 1.0)})
        for (town, store), size in zip((("X", 1), ("X", 2), ("Y", 1)), level, strict=True)
    ]
    return pd.concat(each, ignore_index=True)


IDS = ("town", "store")


def test_no_window_crosses_from_a_series_into_another():
    rows = stores()
    raised(["--series-id"], read, rows)
    raised(["'X'", "--series-id"], read, rows, series_id="town")
    data = read(rows.sample(frac=1, random_state=0), series_id=IDS).data
    one = read(rows[:200]).data
    assert set(data.series.names) == {"X/1", "X/2", "Y/1"}
    for split in ("train", "validation", "test"):
        x, y = (a.astype(np.float64) for a in getattr(data, split))
        assert len(x) == 3 * getattr(one, split).examples
        of = data.series.of[split]
        mean, std = (a[of][:, None] for a in (data.series.mean, data.series.std))
        whole = np.concatenate([x * std + mean, y * std + mean], axis=1)[:, :, 0]
        sizes = dict(zip(("X/1", "X/2", "Y/1"), (100.0, 5000.0, 0.1), strict=True))
        size = np.array([sizes[name] for name in data.series.names])[of][:, None]
        np.testing.assert_allclose(np.diff(whole / size), 1, rtol=1e-3)
        first = 1 + data.series.starts[split] - 24
        np.testing.assert_allclose(whole[:, 0] / size[:, 0], first, atol=1e-3)
    np.testing.assert_allclose(data.train.x[: one.train.examples], one.train.x, atol=1e-5)


def test_series_that_are_too_short_or_constant_are_left_out_with_a_note():
    rows = stores()
    short = rows[:10].assign(town="Z")
    flat = rows[:200].assign(town="Q", price=3.0)
    own = read(pd.concat([rows, short, flat]), series_id=IDS, lookback=None)
    assert own.data.series.names == ("X/1", "X/2", "Y/1") and own.reading.lookback == 24
    for name in ("Z/1", "Q/1"):
        assert any(name in note and "left out" in note for note in own.warnings)
    raised(["short"], read, pd.concat([short, short.assign(town="W")]), series_id="town")
    raised(["10 steps"], read, short, series_id="town")
    gone = rows.assign(town=rows.town.where(rows.index != 5))
    raised(["line 7", "'town'"], read, gone, series_id=IDS)
    shifted = rows.assign(when=rows.when + pd.to_timedelta(rows.store * 50, unit="D"))
    apart = read(shifted, series_id=IDS)
    assert any("different times" in note for note in apart.warnings)
    assert not apart.data.series.windows.freq and read(rows, series_id=IDS).data.series.windows.freq
    raised(["'X/2'", "line 302", "--gaps"], read, rows.drop(index=300), series_id=IDS)


@pytest.mark.parametrize("targets", [1, 2])
def test_a_forecaster_of_several_series_follows_the_units_of_the_window(targets):
    options = {"input_shape": (8, targets), "horizon": 3, "targets": targets}
    model = kerazoo.build(
        "stacked_lstm", per_column=targets > 1, subtract_last=True, divide_by_spread=True, **options
    )
    x = np.random.RandomState(0).normal(size=(5, 8, targets)).astype("float32")
    y = model.predict(x, verbose=0)
    np.testing.assert_allclose(model.predict(50 * x + 7, verbose=0), 50 * y + 7, rtol=1e-3)
    assert (model.predict(np.full_like(x, 7), verbose=0) == 7).all(), "nor is it NaN"


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A run on several series, and their rows."""
    rows, path = stores(n=120), tmp_path_factory.mktemp("several") / "run"
    rows["price"] += rows.groupby(["town", "store"]).price.transform("std") * np.sin(rows.index)
    options = {"lookback": 8, "epochs": 1, "progress": False, "plots": True, "scratch": False}
    kerazoo.finetune(
        "stacked_lstm", rows, target="price", horizon=2, series_id=IDS, out=path, **options
    )
    return path, rows


def test_one_model_forecasts_several_series(several):
    path, rows = several
    by_series = kerazoo.load_run(path).metrics["by_series"]
    assert list(by_series) == ["X/1", "X/2", "Y/1"]
    assert {"mse", "mae", "mae_natural", "coverage", "examples"} == set(by_series["X/1"])
    assert by_series["X/2"]["mae_natural"] > 1000 * by_series["Y/1"]["mae_natural"]
    again = kerazoo.evaluate(path, data=rows)
    assert again.same and set(again.by_series) == set(by_series)
    assert "Y/1" in (path / "card.md").read_text() and (path / "forecasts.png").exists()
    new = rows[rows.town == "X"].assign(town="new", price=lambda f: 1e4 * f.price)
    mixed = pd.concat([rows, new, rows[:3].assign(town="short")]).sample(frac=1, random_state=0)
    found = kerazoo.predict(path, mixed)
    assert any("new" in note for note in found.notes)
    assert any("short" in note for note in found.notes)
    frame = found.frame.set_index(["town", "store"])
    columns = ["price", "price-lo-90", "price-hi-90"]
    assert list(frame.columns) == ["when", *columns] and len(frame) == 10
    assert (frame.when.unique() == pd.date_range("2019-05-01", periods=2)).all()
    scaled = frame.loc[("new", 2), columns].to_numpy() / frame.loc[("X", 2), columns].to_numpy()
    np.testing.assert_allclose(scaled, 1e4, rtol=0.02)
    raised(["'store'"], kerazoo.predict, path, rows.drop(columns="store"))


def with_promotion(n=400, ahead=6):
    """Sales that a promotion of the same day raises; the last ``ahead`` days are to come."""
    promotion = np.random.RandomState(0).randint(0, 2, n).astype(float)
    load = np.arange(n) % 5.0
    rows = hours(n, price=10 + 5 * promotion + load, promotion=promotion, load=load)
    rows.loc[rows.index[n - ahead :], ["price", "load"]] = np.nan
    return rows, promotion


COVARIATES = {"past_covariates": "load", "future_covariates": "promotion"}


@pytest.mark.parametrize("ahead", [0, 4, 6, 9])
def test_a_window_holds_covariates_as_far_as_they_are_known(ahead):
    rows, promotion = with_promotion(400 + ahead, ahead)
    data = read(rows, **COVARIATES).data
    assert data.info.columns == ("price", "load", "promotion") and data.info.targets == ("price",)
    for split in (data.train, data.validation, data.test):
        assert split.x.shape[1:] == (24, 3) and split.y.shape[1:] == (6, 1)
    for split, starts in data.series.starts.items():
        x = getattr(data, split).x * data.series.std + data.series.mean
        for window, start in zip(x, starts, strict=True):
            np.testing.assert_allclose(window[:, 1], np.arange(start - 24, start) % 5, atol=1e-5)
            known = promotion[start - 18 : start + 6]
            np.testing.assert_allclose(window[:, 2], known, atol=1e-5)
    assert data.series.starts["test"][-1] == 400 - 6, "no step without a target is tested"
    baselines = registry.get_task("forecasting").baselines(data.train, data).simple
    assert baselines["linear"]["mse"] < 0.01 < baselines["repeat_last"]["mse"]


@pytest.mark.parametrize("ids", [(), IDS])
def test_a_forecast_follows_what_is_known_of_the_future(ids, tmp_path):
    rows, promotion = with_promotion()
    if ids:
        other = rows.assign(price=100 * rows.price)
        rows = pd.concat([rows.assign(town="X", store=1), other.assign(town="Y", store=1)])
    options = {"target": "price", "horizon": 6, "lookback": 24, "series_id": ids, **COVARIATES}
    more = {"epochs": 40, "scratch": False, "out": tmp_path / "run", **QUIET}
    run = kerazoo.finetune("stacked_lstm", rows, **options, **more)
    assert run.metrics["value"] < 0.1
    frame = kerazoo.predict(run, rows).frame
    true = (10 + 5 * promotion + np.arange(400) % 5)[394:]
    np.testing.assert_allclose(frame.price[:6], true, atol=2.5)
    assert str(frame.when[0]) == rows.when.iloc[394]
    if ids:
        np.testing.assert_allclose(frame.price[6:] / 100, true, atol=2.5)
    raised(["6", "promotion"], kerazoo.predict, run, rows.iloc[:396])
    hole = rows.assign(promotion=rows.promotion.where(np.arange(len(rows)) != 397))
    raised(["promotion"], kerazoo.predict, run, hole)
    raised(["promotion"], kerazoo.predict, run, rows.drop(columns="promotion"))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"past_covariates": "price"}, ["'price'"]),
        ({"past_covariates": "promotion", "future_covariates": "promotion"}, ["'promotion'"]),
        ({"past_covariates": "weather"}, ["'weather'"]),
        ({"past_covariates": "sky"}, ["'sky'", "'clear'"]),
        ({"future_covariates": "promotion", "lookback": 5}, ["--lookback"]),
    ],
)
def test_covariates_that_cannot_be_used_are_refused(change, names):
    raised(names, read, with_promotion()[0].assign(sky="clear"), **change)


def test_a_covariate_with_gaps_is_refused_or_filled():
    rows, _ = with_promotion()
    hole = rows.assign(load=rows.load.where(rows.index != 50))
    raised(["'load'", "line 52"], read, hole, **COVARIATES)
    assert any("'load'" in note for note in read(hole, gaps="interpolate", **COVARIATES).warnings)


def test_a_model_that_cannot_scale_each_series_is_refused():
    options = {"target": "price", "horizon": 24, "lookback": 24, "series_id": IDS}
    raised(["several series"], kerazoo.finetune, "sparse_forecaster", stores(), **options)


def test_gaps_are_filled_as_asked():
    whole = hours()
    hole = whole.assign(price=whole.price.where(whole.index != 50)).drop(index=[100, 101])
    own, wanted = read(hole, gaps="interpolate"), read(whole)
    assert len(own.warnings) == 3 and own.data.train.examples == wanted.data.train.examples
    np.testing.assert_allclose(own.data.train.x, wanted.data.train.x, atol=0.3)
    assert own.reading.gaps == "interpolate"


def test_no_gap_is_filled_from_behind_the_border_of_its_split():
    values = np.arange(100.0)
    values[[0, 68, 69, 70, 71, 85, 99]] = np.nan
    table = pd.DataFrame({"price": values})
    said = filled(table, {"train": 70, "validation": 10, "test": 20})["price"]
    assert said[[0, 68, 69]].tolist() == [1, 67, 67], "no line leads into the validation split"
    assert said[[70, 71]].tolist() == [67, 67], "validation begins with what was known before"
    assert said[[85, 99]].tolist() == [85, 98]
    rest = filled(table, {"train": 60, "validation": 10, "test": 15})["price"]
    assert rest[85] == 84, "nor into steps that --split leaves out"


def test_filled_values_of_the_test_split_are_counted():
    price = np.sin(np.arange(100.0))
    rows = pd.DataFrame({"price": price, "load": price})
    rows.loc[[3, 85, 86], "price"] = np.nan
    asked = {"target": ("price", "load"), "horizon": 2, "lookback": 4, "gaps": "interpolate"}
    assert any("2 of the 40 values" in w for w in read(rows, **asked).warnings)
    early = rows.assign(price=np.where(np.arange(100) == 3, np.nan, price))
    assert not any("of the 40 values" in w for w in read(early, **asked).warnings)


def forecaster(step, lookback, gaps="refuse", time="date"):
    """A predictor that repeats the last value twice."""
    treatment = {
        "kind": "series", "targets": ["price"], "time": time, "step": step, "lookback": lookback,
        "gaps": gaps,
    }  # fmt: skip
    own, run = SimpleNamespace(treatment=treatment), SimpleNamespace(path=Path("run"), metrics={})
    last = keras.layers.Cropping1D((lookback - 1, 0))
    core = keras.Sequential([keras.Input((lookback, 1)), last, keras.layers.UpSampling1D(2)])
    return SeriesPredictor(
        Trained(
            source="run", model=core, task=registry.get_task("forecasting"), labels=(),
            light_on_dark=False, fewest_words=0, config=SimpleNamespace(own=own), run=run,
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("frequency", "step", "lookback"),
    [
        ("B", "business day", 5),  # Monday to Friday
        ("B", "business day", 1),
        ("ME", "month", 1),
        ("QE-FEB", "quarter", 2),
        ("300s", "300 s", 1),
    ],
)
def test_a_forecast_from_few_rows_has_the_steps_of_the_training(frequency, step, lookback):
    first = pd.date_range("2024-01-01", periods=1, freq=frequency)[0]
    dates = pd.date_range(first, periods=lookback + 2, freq=frequency)
    rows = pd.DataFrame({"date": dates[:lookback], "price": np.arange(float(lookback))})
    predicted = forecaster(step, lookback)(rows).frame
    assert list(predicted["date"]) == list(dates[lookback:])


@pytest.mark.parametrize(
    ("frequency", "rows", "step"),
    [("MS", 2, "quarter"), ("D", 6, "business day"), ("h", 2, "300 s")],
)
def test_rows_of_another_step_than_in_training_are_refused(frequency, rows, step):
    dates = pd.date_range("2024-01-01", periods=rows, freq=frequency)
    table = pd.DataFrame({"date": dates, "price": np.arange(float(rows))})
    raised([f"one {step}"], forecaster(step, rows), table)


@pytest.mark.parametrize(
    ("frequency", "step", "gone"), [("MS", "month", [90, 91]), ("B", "business day", [95])]
)
def test_a_forecast_with_gaps_is_dated_by_the_regular_times(frequency, step, gone):
    dates = pd.Series(pd.date_range("2015-01-01", periods=102, freq=frequency))
    rows = pd.DataFrame({"date": dates, "price": np.arange(102.0)})[:100].drop(index=gone)
    predicted = forecaster(step, 4, gaps="interpolate")(rows)
    assert list(predicted.frame["date"]) == list(dates[100:]) and predicted.notes
    raised(["--gaps"], forecaster(step, 4), rows)


@pytest.mark.parametrize(
    "change",
    [
        {"price": ["1.5", "2.5", "x", "3.5"]},
        {"price": ["1,234", "2", "3", "4"]},
        {"date": "soon"},
        {"date": "01/02/2024"},
        {"date": "2024-02-01"},  # four times
    ],
)
def test_an_error_of_a_prediction_names_no_option_that_it_does_not_have(change):
    """The file has to be written as that of the training was."""
    rows = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=4), "price": np.arange(4.0)})
    with pytest.raises(KerazooError, match="decimal") as error:
        forecaster("day", 4)(rows.assign(**change))
    assert "--" not in str(error.value)


def test_forecasts_without_dates_and_from_too_few_rows():
    rows = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=4), "price": np.arange(4.0)})
    assert list(forecaster("step", 4, time=None)(rows).frame["step"]) == [1, 2]
    raised(["1 steps", "4"], forecaster("day", 4, gaps="interpolate"), rows[:1])
