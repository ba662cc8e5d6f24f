"""Numbers and files as people write them: read right and reported, or stopped with an option."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import kerazoo
from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers._csv import CsvOptions, read_table
from kerazoo.finetuning.readers._numbers import as_numbers
from tests.conftest import raised

NAN = float("nan")


def write(path, column):
    """A file with the column `x`."""
    rows = ["x;k", *(f"{value};u" for value in column)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def table(path, column, **options):
    return read_table(write(path, column), CsvOptions(**options))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (["1,23,456", "12,34,567", "5"], [123456, 1234567, 5]),  # India
        (["1 234,5", "2\u2009000", "3\u202f000,25"], [1234.5, 2000, 3000.25]),
        (["1\u00a0234\u00a0567", "12"], [1234567, 12]),
        (["1'234.50", "7"], [1234.5, 7]),
        (["1.234.567,89", "0,5"], [1234567.89, 0.5]),
        (["1,234,567.89", "0.5"], [1234567.89, 0.5]),
        (["3,5e3", "1,25E-02", "7"], [3500, 0.0125, 7]),
        (["1,5E−04", "−2,5"], [1.5e-4, -2.5]),
        (["1.5D+03", "2.0d-1"], [1500, 0.2]),
        (["-1,768E+02", "2,282E+02"], [-176.8, 228.2]),
        (["–5", "‐6", "－7", "+8"], [-5, -6, -7, 8]),
        (["1.234,56-", "12,5"], [-1234.56, 12.5]),
        (["($1,234.50)", "$-7.25", "-$3", "$0.5"], [-1234.5, -7.25, -3, 0.5]),
        (["US$ 1,200.50", "US$ 3"], [1200.5, 3]),
        (["12,5 %", "3 %", "0"], [12.5, 3, 0]),
        (["5 ‰", "7‰"], [5, 7]),
        (["1.000,50 €", "3\u00a0€"], [1000.5, 3]),
        (["EUR 12,50", "EUR 7"], [12.5, 7]),
        (["5 kg", "12.5 kg"], [5, 12.5]),
        (["80km/h", "120km/h"], [80, 120]),
        (["12,5°C", "-3,0°C"], [12.5, -3]),
        (["30 m²", "85 m²"], [30, 85]),
        (["10,000+", "1,000,000+", "0"], [10000, 1000000, 0]),
        (["１２３", "٤٥", "6"], [123, 45, 6]),  # fullwidth, Arabic
        (["٣٫٥", "٤٫٢٥"], [3.5, 4.25]),
        (["\u200b5", "6\u200e", "\ufeff7"], [5, 6, 7]),
        (['="5"', '="6"'], [5, 6]),
        ([",5", "1,25"], [0.5, 1.25]),
        (["n/a", "-", ".", "#N/A", "—", "5", "6"], [NAN] * 5 + [5, 6]),
        (["0123", "4567"], [123, 4567]),
        (["01", "12", "971"], [1, 12, 971]),
        (["01098", "80331", "01099"], [1098, 80331, 1099]),
        (['="01067"', '="80331"'], [1067, 80331]),
        (["50,-", "100,—", "49,90"], [50, 100, 49.9]),
        (["CHF 311.-", "CHF 12.50"], [311, 12.5]),
    ],
)
def test_notations_that_are_certain(tmp_path, column, values):
    read = table(tmp_path / "t.csv", column)
    np.testing.assert_array_equal(as_numbers(read.frame["x"], "here")[0], values)
    assert any(note.startswith("x: ") and repr(column[0]) in note for note in read.notes)


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (["1,5", "1.5"], ["line 2", "'1,5'", "--decimal"]),
        (["1.234,5", "1,234.5"], ["--decimal"]),
        (["1,234", "950"], ["--decimal", "--thousands"]),
        (["1.234", "950"], ["'1.234'", "--decimal", "--thousands"]),
        (["5 $", "5 €"], ["line 3", "'5 €'", "--category x"]),
        (["5%", "0.06"], ["line 3", "'0.06'", "--category x"]),
        ([*(f"{i} kg" for i in range(1, 30)), "700 g"], ["'700 g'", "line 31", "--category x"]),
        ([f"{i}.5{'kM'[i % 2]}" for i in range(30)], ["--category x"]),
        ([*range(30), *["unknown"] * 10], ["'unknown'", "--na", "--category x"]),
        ([f"{i}/16" for i in range(30)], ["/16'", "--category x"]),
        ([*(f"<{i}" for i in range(30)), *range(30)], ["'<", "--category x"]),
        ([f"{i} ± 1" for i in range(30)], ["--category x"]),
        ([f"{i}×10^3" for i in range(30)], ["--category x"]),
    ],
)
def test_notations_that_stop(tmp_path, column, names):
    raised(["t.csv", "column 'x'", *names], table, tmp_path / "t.csv", column)
    read = table(tmp_path / "t.csv", column, category="x")
    assert read.frame["x"].tolist() == [str(value) for value in column]


@pytest.mark.parametrize(
    "column",
    [
        [f"2024-01-{i:02}" for i in range(1, 32)],
        [f"{i}.03.2024" for i in range(1, 32)],
        [f"12:{i}" for i in range(10, 50)],
        [f"555-{i}" for i in range(1000, 1040)],
        [f"10.0.0.{i}" for i in range(40)],
        [f"PC {i}" for i in range(10)] + [str(i) for i in range(20)],
        ["Main Street 5", "Elm Street 7"] * 20,
    ],
)
def test_dates_codes_and_words_stay_as_they_are(tmp_path, column):
    read = table(tmp_path / "t.csv", column)
    assert read.frame["x"].tolist() == column and not any(n.startswith("x:") for n in read.notes)


@pytest.mark.parametrize("other", ["0.25;", "0.25,", "7,", "7;"])
def test_thousands_next_to_numbers_without_a_mark_stop_whatever_others_say(tmp_path, other):
    sep = other[-1]
    path = tmp_path / "t.csv"
    path.write_text(f"k{sep}x\n{other}91.167\n{other}182.234\n{other}896\n")
    raised(["'91.167'", "column 'x'", "--thousands .", "--decimal ."], read_table, path)
    read = read_table(path, CsvOptions(decimal="."))
    np.testing.assert_array_equal(as_numbers(read.frame["x"], "")[0], [91.167, 182.234, 896])


def test_no_reading_is_hidden_behind_those_of_other_columns(tmp_path):
    names = [f"x{i}" for i in range(9)]
    rows = [[f"{i},5" for i in range(9)] for _ in range(3)]
    content = [";".join([*names, "price"])] + [";".join([*row, "10,-"]) for row in rows]
    (tmp_path / "t.csv").write_text("\n".join(content) + "\n")
    notes = read_table(tmp_path / "t.csv").notes
    assert any("'10,-' read as 10" in note for note in notes)
    assert [note.startswith("3 more columns") for note in notes].count(True) == 1


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (["1E1", "2E3", "12"], "'1E1' read as 10 "),
        (["1.9", "1.10", "1.11"], "'1.10' read as 1.1 "),
        (["1,9", "1,10", "1,11"], "'1,10' read as 1.1 "),
        (["007", "8"], "'007' read as 7 "),
        (["1.50", "2.25", "3.10"], None),
        (["5", "2.50", "3"], None),
        (["1.5e-5", "2.1e+5"], None),
    ],
)
def test_a_number_that_may_be_a_name_is_told(column, shown, tmp_path):
    told = [n for n in table(tmp_path / "t.csv", column).notes if "--category x" in n]
    assert not told if shown is None else shown in told[0]


@pytest.mark.parametrize("written", ["-999", "-999,0", "-9,99E+02"])
def test_a_missing_number_is_one_by_its_value(tmp_path, written):
    read = table(tmp_path / "t.csv", ["1,5", written, "2,5"], na_values="-999")
    np.testing.assert_array_equal(as_numbers(read.frame["x"], "")[0], [1.5, NAN, 2.5])
    assert not any("--na" in note for note in read.notes)
    read = table(tmp_path / "t.csv", ["1,5", "2,5"], na_values="-99")
    assert any("--na" in note for note in read.notes)


@pytest.mark.parametrize(
    "column", [["kr 100", "kr 250"], ["ca. 5", "7"], ["1½", "2"], ["5 kg", "700 g"]]
)
def test_categories_that_hold_numbers_have_a_note(column):
    rows = pd.DataFrame({"x": column * 20, "y": range(40)})
    warnings = kerazoo.from_table(rows, target="y").warnings
    assert any(f"x: {column[0]!r}" in note for note in warnings)


def test_a_category_called_as_missing_has_a_note():
    rows = pd.DataFrame({"x": ["NA", "EU", "AS", ""] * 10, "y": range(40)})
    assert any("x: 'NA' is missing" in n for n in kerazoo.from_table(rows, target="y").warnings)


def test_each_column_has_its_notation(tmp_path):
    """A file of two programs; a number in doubt next to both marks stops."""
    path = tmp_path / "t.csv"
    path.write_text("x;y\n1,5;2.5\n1.000,25;3.25\n")
    read = read_table(path)
    assert read.frame.to_numpy().tolist() == [["1.5", "2.5"], ["1000.25", "3.25"]]
    assert read.options.notations == {"x": (",", ""), "y": (".", "")}
    path.write_text("x;y;z\n1,5;2.5;1.234\n1,75;3.25;5.678\n")
    raised(["'z'", "--decimal"], read_table, path)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("sep=;\r\nx;k\r\n1,5;u\r\n2,5;v\r\n", "utf-8"),
        ("sep=;\nx;k\n1,5;u\n2,5;v\n", "utf-8-sig"),
        ("x\tk\r\n1,5\tu\r\n2,5\tv\r\n", "utf-16"),
        ('\ufeff"x";"k"\n"1,5";"u"\n"2,5";"v"\n', "utf-16-be"),
        (" x ; k \n 1,5 ; u \n 2,5 ; v \n", "utf-8"),
        ("x|k|\n1,5|u|\n2,5|v|\n", "utf-8"),
    ],
)
def test_files_as_spreadsheets_write_them(tmp_path, content, encoding):
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode(encoding))
    frame = read_table(path).frame
    assert list(frame.columns) == ["x", "k"] and frame["x"].tolist() == ["1.5", "2.5"]
    line = path.read_bytes().decode(encoding).splitlines()[frame.index[1] - 1]
    assert line.strip()[:3] in ("2,5", '"2,')


@pytest.mark.parametrize(
    ("trained", "later"),
    [
        (["1,5", "2,25"], ["1.5"]),
        (["1.5", "2.25"], ["1,5"]),
        (["1.5", "2.25"], ["1.234,5"]),
        (["12%", "7%"], ["0.12"]),
        (["12%", "7%"], ["12"]),
        (["0.12", "0.07"], ["12%"]),
        (["5 €", "7 €"], ["$5"]),
        (["5 kg", "7 kg"], ["5000 g"]),
        (["5", "7"], ["1.234"]),
    ],
)
def test_later_files_in_another_notation_are_refused(tmp_path, trained, later):
    known = table(tmp_path / "t.csv", trained).options
    same = read_table(write(tmp_path / "same.csv", trained[:1]), known, least=1)
    assert as_numbers(same.frame["x"], "here")
    new = write(tmp_path / "new.csv", later)
    raised(["new.csv", "'x'", repr(later[0])], read_table, new, known, least=1)


def test_columns_that_were_no_numbers_are_none_later(tmp_path):
    known = table(tmp_path / "t.csv", ["5%", "none", "low", "10%"]).options
    new = read_table(write(tmp_path / "new.csv", ["5%"]), known, least=1)
    assert new.frame["x"].tolist() == ["5%"]


def test_numbers_without_the_unit_of_the_training_are_noted(tmp_path):
    known = table(tmp_path / "t.csv", ["12%", "7%"]).options
    read = read_table(pd.DataFrame({"x": [0.12], "k": "u"}), known, least=1)
    assert any("'%'" in note for note in read.notes)


def test_codes_are_categories_if_asked_for(tmp_path):
    rows = pd.DataFrame({"zip": [f"0{i % 3}067" for i in range(60)], "y": np.arange(60) % 2})
    rows.to_csv(tmp_path / "t.csv", index=False)
    (column,) = kerazoo.from_table(tmp_path / "t.csv", target="y", category="zip").reading.columns
    assert column.categories == ("00067", "01067", "02067")
    assert kerazoo.from_table(tmp_path / "t.csv", target="y").reading.columns[0].mean > 0
    with pytest.raises(KerazooError):
        kerazoo.from_table(tmp_path / "t.csv", target="y", category=["zip", "zap"])


def test_a_column_of_texts_is_never_rewritten():
    texts = pd.DataFrame({"body": ["5 %", "7 %", "12 %"] * 9, "label": ["a", "b", "c"] * 9})
    data = kerazoo.from_texts(texts, text="body", target="label")
    assert data.reading.csv.notations == {}
