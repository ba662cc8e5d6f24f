"""CSV files and DataFrames: what is read, reported, or refused with the option that decides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kerazoo.errors import KerazooError
from kerazoo.finetuning.readers import _csv, _numbers
from kerazoo.finetuning.readers._csv import CsvOptions, read_table
from kerazoo.finetuning.readers._numbers import as_numbers
from kerazoo.finetuning.readers.table import from_table
from tests.conftest import raised


def write(path, text, encoding="utf-8"):
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def numbers(table, name):
    read = as_numbers(table.frame[name], "here")
    return None if read is None else read[0].tolist()


PLAIN = "size,color,count\n0.5,red,1\n1.25,blue,\n-3.0,red,2\n"


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (lambda t: t.encode("utf-8-sig"), {}),
        (lambda t: t.replace(",", ";"), {}),
        (lambda t: t.replace(",", "\t"), {}),
        (lambda t: t.replace(",", "~"), {"sep": "~"}),
        (lambda t: t.replace(",", ";").replace(".", ","), {}),
        (lambda t: t.replace(",", ", "), {}),
        (lambda t: "\n\n" + t.replace("\n", "\n\n") + ",,\n,,\n", {}),
        (lambda t: t.replace("\n", ",,\n"), {}),
        (lambda t: t.replace(",\n", ",-999\n"), {"na_values": ["-999", "x"]}),
        (lambda t: t.encode("utf-16"), {"encoding": "utf-16"}),
        (lambda t: t.replace("-", "\u2212"), {}),
    ],
)
def test_ways_to_write_the_same_table(tmp_path, change, options):
    table = read_table(write(tmp_path / "t.csv", change(PLAIN)), CsvOptions(**options))
    assert list(table.frame.columns) == ["size", "color", "count"]
    assert numbers(table, "size") == [0.5, 1.25, -3.0]
    assert table.frame["color"].tolist() == ["red", "blue", "red"]
    np.testing.assert_array_equal(numbers(table, "count"), [1, np.nan, 2])


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"", []),
        (b",,\n,,\n", []),
        (b"5.1,3.5\n4.9,3.0\n4.7,3.2\n", ["5.1"]),
        (b"a,b,a\n1,2,3\n4,5,6\n", ["'a'"]),
        (b"a,b\n1,2\n3,4,5\n6,7\n", ["line 3", "--sep"]),
        (b'id,text\n1,"a\nb\nc"\n2,x\n3,y,z\n', ["line 6"]),
        (b"price,qty\n1,5,3\n2,5,4\n3,5,9\n", ["line 2"]),
        ("a,b\nä,1\nö,2\n".encode("latin-1"), ["line 2", "--encoding"]),
        (b"a,b\n" + b"1,2\n" * 40_000 + b"\xe4,1\n", ["line 40002", "--encoding"]),
        (b'a,b\n1,2\n3,"4\n5,6\n', ["line 3"]),
        (b"a,b\n\0\0,1\n1,2\n", ["utf-16"]),
    ],
)
def test_files_that_are_no_table(tmp_path, content, names):
    raised(["bad.csv", *names], read_table, write(tmp_path / "bad.csv", content))


@pytest.mark.parametrize(
    ("column", "options", "values"),
    [
        (["1,234,567", "2,500", "950"], {}, [1234567, 2500, 950]),
        (["1,234.5", "2,000"], {}, [1234.5, 2000]),
        (["1.234,5", "2.000"], {}, [1234.5, 2000]),
        (["1,5", "2,250"], {}, [1.5, 2.25]),
        (["1,234", "950"], {"thousands": ","}, [1234, 950]),
        (["1.234", "950"], {"decimal": "."}, [1.234, 950]),
        (["3,5E-04", "12,34", "1,500"], {}, [3.5e-4, 12.34, 1.5]),
        (["1 234", "-12 345 678", "5"], {}, [1234, -12345678, 5]),
        (["1'234", "1’000"], {}, [1234, 1000]),
        (["(12)", "3"], {}, [-12, 3]),
        (["$1,234,000", "$5", "-$7"], {}, [1234000, 5, -7]),
        (["01.03.2004", "02.03.2004"], {}, None),
        (["12 34", "5 6"], {}, None),
    ],
)
@pytest.mark.parametrize("kind", ["file", "frame"])
def test_forms_of_numbers(tmp_path, column, options, values, kind):
    rows = pd.DataFrame({"x": column, "name": ["u", "v", "w"][: len(column)]})
    given = rows
    if kind == "file":
        given = tmp_path / "t.csv"
        rows.to_csv(given, sep=";", index=False)
    table = read_table(given, CsvOptions(**options))
    assert numbers(table, "x") == values
    assert rows["x"].tolist() == column, "the user's own data stays as it is"
    if values is None:
        assert table.frame["x"].tolist() == column
    elif column != [str(v) for v in values] and "decimal" not in options:
        assert any(note.startswith("x: ") and repr(column[0]) in note for note in table.notes)


def test_a_number_in_doubt_stops_where_commas_separate_too(tmp_path):
    path = write(tmp_path / "t.csv", 'x,y\n"1,234",1\n950,2\n')
    raised(["line 2", "column 'x'", "'1,234'", "--decimal", "--thousands"], read_table, path)


@pytest.mark.parametrize(
    ("content", "first"),
    [
        ("x,y\n1.234,1\n5.678,2\n", 1.234),  # a comma separates: the point is a decimal one
        ("x;y\n1,234;0,5\n2,000;1,5\n", 1.234),  # another column decides
        ("x;y\n" + "1.234;a\n" * 2_000 + "5,5;b\n", 1234),  # so does a row far below
    ],
)
def test_other_values_decide(tmp_path, content, first):
    assert numbers(read_table(write(tmp_path / "t.csv", content)), "x")[0] == first
    if "0,5" in content:
        raised(["'y'"], read_table, tmp_path / "t.csv", CsvOptions(thousands=","))


@pytest.mark.parametrize(
    ("training", "later", "value"),
    [
        ("price;k\n1.234,50;a\n2.000;b\n7,5;a\n", "price;k\n2.000;a\n", 2000.0),
        ('price,k\n"1,5",a\n"2,25",b\n"1,234",a\n', 'price,k\n"1,234",a\n', 1.234),
        ('price,k\n"1,234.5",a\n"2,000",b\n5,a\n', "price;k\n1,234;a\n", 1234.0),
    ],
)
def test_later_files_are_read_as_the_training_was(tmp_path, training, later, value):
    known = read_table(write(tmp_path / "train.csv", training)).options
    new = read_table(write(tmp_path / "new.csv", later), known, least=1)
    assert numbers(new, "price") == [value]


@pytest.mark.parametrize(
    "option", ["sep=", "sep=ab", "decimal=;", "thousands=x", "encoding=utf-99", "encoding=base64"]
)
def test_options_that_are_none(option):
    name, value = option.split("=")
    raised([f"--{name}"], CsvOptions, **{name: value})


def test_columns_without_a_name(tmp_path):
    """As the Kaggle spam.csv has three, with the rest of texts that hold commas in a few rows."""
    path = write(tmp_path / "spam.csv", 'v1,v2,,\nham,see you,,\nspam,free,"call now",\n')
    table = read_table(path)
    assert list(table.frame.columns) == ["v1", "v2"]
    assert ["line 3: 'call now'" in note for note in table.notes] == [True]


def test_rows_of_delimiters_keep_their_place_but_not_at_the_end(tmp_path):
    rows = read_table(write(tmp_path / "t.csv", "a,b\n1,2\n,\n\n3,4\n,\n,\n")).frame
    assert rows.to_numpy().tolist() == [["1", "2"], ["", ""], ["3", "4"]]
    assert rows.index.tolist() == [2, 3, 5]


def test_the_line_of_a_row_behind_values_of_several_lines(tmp_path):
    content = '\nid,"price\nin euro",what\na,1,"two\nlines"\nb,2,"three\n\nlines"\n\nc,3,x\n'
    rows = read_table(write(tmp_path / "lines.csv", content)).frame
    assert rows.columns.tolist() == ["id", "price\nin euro", "what"]
    lines = content.splitlines()
    assert [lines[line - 1][0] for line in rows.index] == ["a", "b", "c"]


def test_an_index_is_left_out_but_one_of_dates_is_a_column(tmp_path):
    part = pd.DataFrame({"a": [0.5, 1.5, 2.5], "y": ["u", "v", "u"]})
    pd.concat([part, part]).to_csv(tmp_path / "twice.csv")
    assert list(read_table(tmp_path / "twice.csv").frame.columns) == ["a", "y"]
    dates = pd.date_range("2024-01-01", periods=3)
    for index, name in ((dates.to_period("D"), "date"), (dates.rename("day"), "day")):
        assert list(read_table(part.set_axis(index)).frame.columns) == [name, "a", "y"]
    part.set_axis(dates).to_csv(tmp_path / "dates.csv")
    assert read_table(tmp_path / "dates.csv").frame.columns[0] == "date"
    assert list(read_table(part.rename_axis("id")).frame.columns) == ["a", "y"]


def test_missing_values_of_a_frame():
    rows = pd.DataFrame({"a": [1, -9, 3], "b": ["x", "-9", "z"], "c": pd.Categorical(["-9"] * 3)})
    frame = read_table(rows, CsvOptions(na_values=["-9"])).frame
    np.testing.assert_array_equal(numbers(read_table(rows), "a"), [1, -9, 3])
    assert np.isnan(frame["a"][3]) and frame["b"].isna().tolist() == [False, True, False]


def test_lines_that_end_early_and_many_columns_of_marked_numbers_are_reported(tmp_path):
    table = read_table(write(tmp_path / "t.csv", "a,b\n1,x\n2\n"))
    assert table.frame["b"].tolist() == ["x", ""] and any("line 3" in n for n in table.notes)
    wide = pd.DataFrame({f"c{i}": ["1,5", "2,5"] for i in range(20)})
    assert len(read_table(wide).notes) == 7


MANY = "when,size,code,price,kind\n" + "".join(
    f'2024-01-{i:02d},{1.5 * i if i % 4 else ""},{i:03d},"1.{i:03d},50",{"ab"[i % 2]}\n'
    for i in range(1, 25)
)


@pytest.mark.parametrize(
    "content",
    [
        MANY,
        MANY.replace("001,", "1e-3,").replace(",,", ",n/a,", 2),
        MANY.replace("b\n", '"b\nb"\n').replace("a\n", "a\n\n"),
        MANY.replace(",a\n", "\n"),
        "sep=;\r\n" + MANY.replace(",", ";").replace("\n", "\r\n"),
        MANY + ",,,,\n" * 5 + "2024-02-01,1,1,1,a\n" + ",,,,\n" * 9,
        MANY + "2024-02-01,1,1,1,a,more\n",
        MANY + '2024-02-01,1,1,1,"a\n',
        MANY.replace("2024-01-20,", "2024-01-20,x"),
    ],
)
def test_a_file_that_is_read_in_parts_is_the_same(tmp_path, monkeypatch, content):
    path = write(tmp_path / "t.csv", content)

    def found():
        try:
            table = read_table(path)
            data = from_table(path, target="kind")
        except KerazooError as error:
            return str(error), None
        columns = table.frame.reset_index().to_dict("list")
        return repr((columns, table.notes, table.options, str(data))), data.data.sha256

    whole = found()
    monkeypatch.setattr(_csv, "ROWS", 3)
    monkeypatch.setattr(_csv, "HEAD", 40)
    monkeypatch.setattr(_numbers, "PART", 2)
    assert found() == whole


@pytest.mark.parametrize("last", ["1.234,5", "+1,5", "1,5e3"])
def test_decimal_commas_alone_are_read_as_those_among_others(last):
    rows = pd.DataFrame({"x": [" 1,5", "-0,25", "3", "007,50", "1,234", "n/a", "0,0", last]})
    before = rows.copy()
    alone, mixed = read_table(rows[:-1], columns=1), read_table(rows, columns=1)
    pd.testing.assert_frame_equal(alone.frame, mixed.frame[:-1])
    assert numbers(alone, "x")[:5] == [1.5, -0.25, 3, 7.5, 1.234]
    assert (alone.options, alone.notes) == (mixed.options, mixed.notes)
    pd.testing.assert_frame_equal(rows, before)


def test_a_missing_number_changes_nothing_else_of_its_column(tmp_path):
    values = ["007", "012", "1e3", "-5", "0.50"]
    tables = [
        read_table(write(tmp_path / "t.csv", "x,y\n" + "".join(f"{v},u\n" for v in each)))
        for each in (values, [*values, "", "n/a"])
    ]
    assert tables[0].frame["x"].tolist() == tables[1].frame["x"].tolist()[:5] == values
    assert tables[0].options == tables[1].options
    assert ["'n/a'" in table.notes[0] for table in tables] == [False, True]


ALIEN = 'id,title,x\n1,Up,2\n2,"Alien,3\n3,Solaris,4\n'
REVIEWS = 'label,text\npos,"one, two"\nneg,"a first line\nand a second one, with a comma"\n'


@pytest.mark.parametrize(
    ("content", "rows", "quotes"),
    [
        (ALIEN + '4,Blade Runner",5\n', 4, False),
        ('label\ttext\nham\t"see\nham\tyou"\nspam\tfree\n', 3, False),
        (REVIEWS + "pos,fine\n", 3, True),  # other marks enclose a delimiter: a text
        (REVIEWS + 'neg,"a\nb, c\nd, e\nf, g"\npos,fine\n', 4, True),
        (REVIEWS.replace('"one, two"', "one") + "pos,fine\n", 4, False),
        ('id,text\n1,"a\nb\nc"\n2,x\n', 2, True),
        ('id,text\n1,"a "" b"\n2,x\n', 2, True),
    ],
)
def test_quotation_marks_never_join_rows_in_silence(tmp_path, content, rows, quotes):
    path = write(tmp_path / "t.csv", content)
    if quotes:
        table = read_table(path)
        assert len(table.frame) == rows
        assert sum("several lines" in n for n in table.notes) == ("\n" in table.frame.iat[-2, 1])
        return
    raised(["t.csv", "--quotes"], read_table, path)
    assert len(read_table(path, CsvOptions(quotes=False)).frame) == rows
    assert len(read_table(path, CsvOptions(quotes=True)).frame) < rows


@pytest.mark.parametrize("first", [[2019, 2018, 2016], [17, 3, 99], [0.5, 1.5, 2.5]])
def test_a_first_column_without_a_name_is_left_out_with_a_note_unless_it_counts(tmp_path, first):
    rows = pd.DataFrame({"a": ["u", "v", "w"], "b": [1, 2, 3]})
    table = read_table(write(tmp_path / "t.csv", rows.set_axis(first).to_csv()))
    assert list(table.frame.columns) == ["a", "b"]
    assert any("column 1" in note and repr(str(first[0])) in note for note in table.notes)
    for counts in (range(3), range(1, 4)):
        assert not read_table(write(tmp_path / "t.csv", rows.set_axis(counts).to_csv())).notes
    several = rows.assign(a=["u\nv", "w,x", "y"])  # takes four lines
    notes = read_table(write(tmp_path / "t.csv", several.to_csv())).notes
    assert not any("no name" in note for note in notes)


def test_an_index_with_a_name_has_a_note():
    rows = pd.DataFrame(
        {"a": ["u", "v"], "b": [1, 2]}, index=pd.Index(["Ulm", "Kiel"], name="city")
    )
    assert ["city" in note for note in read_table(rows).notes] == [True]


@pytest.mark.parametrize("first", [b"PAR1", b"\x1f\x8b\x08", b"\xd0\xcf\x11\xe0", b"PK\x03\x04"])
def test_files_of_other_programs_are_no_text(tmp_path, first):
    raised(["t.csv", "save"], read_table, write(tmp_path / "t.csv", first + b"rest"))


@pytest.mark.parametrize("total", ["Total", "Grand total:", "Summe", "合計"])
def test_a_last_row_of_totals_is_refused(tmp_path, total):
    rows = f"shop,sales\nNorth,3\nSouth,4\n{total},7\n"
    path = write(tmp_path / "t.csv", rows)
    raised(["line 4", f"'{total}'", "--category shop"], read_table, path)
    trained = read_table(path, CsvOptions(category=("shop",)))
    assert len(trained.frame) == 3
    later = read_table(write(path, "shop,sales\nNorth,3\nSouth,4\n")).options
    assert len(read_table(write(path, rows), later).frame) == 3, "it is predicted like others"
    assert len(read_table(write(path, f"{rows}{total},9\n")).frame) == 4, "it is a name"
