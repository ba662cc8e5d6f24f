"""Report on user data: what was planted in it is found, and nothing else."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_breast_cancer

import kerazoo
from kerazoo.finetuning.checks import label_errors
from tests.user_data import KINDS


def digits(n=None):
    data = kerazoo.load_data("digits")
    x, y = (
        np.concatenate(parts) for parts in zip(data.train, data.validation, data.test, strict=True)
    )
    return x[:n], y[:n]


def cancer():
    data = load_breast_cancer()
    return data.data, data.target


def found_of(inspection):
    return {int(suspect.example.name) for suspect in inspection.suspects}


@pytest.mark.parametrize("read", [digits, cancer])
def test_planted_label_errors_are_found(read):
    x, y = read()
    random, classes = np.random.RandomState(0), len(np.unique(y))
    planted = random.choice(len(y), len(y) // 20, replace=False)
    wrong = y.copy()
    wrong[planted] = (y[planted] + random.randint(1, classes, len(planted))) % classes
    found = kerazoo.inspect_data((x, wrong), label_errors=True)
    right = found_of(found) & set(planted.tolist())
    assert len(right) >= 0.8 * len(planted)
    assert len(right) >= 0.5 * len(found.suspects)
    first = found.suspects[0]
    assert first.suggested_probability > first.given_probability
    assert first.suggested == str(y[int(first.example.name)])
    assert first.example.label == str(wrong[int(first.example.name)])


def jpeg(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1)).save(file, "JPEG", quality=80)
    return np.asarray(Image.open(file))[..., None]


CHANGES = {
    "identical": (digits, lambda x: x),
    "JPEG": (digits, lambda x: np.stack([jpeg(image) for image in x])),
    "darker": (digits, lambda x: (x * 0.8).astype(np.uint8)),
    "identical row": (cancer, lambda x: x),
    "rounded": (cancer, lambda x: np.round(x, 4)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_all_planted_copies_are_found_and_no_others(change):
    read, changed = CHANGES[change]
    x, y = read()
    x, y, n = x[:500], y[:500], 40
    found = kerazoo.inspect_data((np.concatenate([x, changed(x[:n])]), np.append(y, y[:n])))
    groups = {frozenset(int(e.name) for e in group.examples) for group in found.copies}
    assert groups == {frozenset((i, len(x) + i)) for i in range(n)}
    of = {int(i) - 2: split for split, names in found.data.names.items() for i in names}
    across = {g for g in groups if len({of[i] for i in g}) > 1}
    reported = {
        frozenset(int(e.name) for e in g.examples) for g in found.copies if len(g.splits) > 1
    }
    assert across and across == reported
    assert all(group.identical for group in found.copies) is ("identical" in change)


@pytest.mark.parametrize("columns", [1, 4, 5, 20])
def test_independent_rows_are_no_copies(columns):
    """Rows of few columns are near to each other by chance."""
    random = np.random.RandomState(0)
    rows = np.exp(random.normal(size=(2000, columns)))
    found = kerazoo.inspect_data((rows, random.normal(size=2000)))
    assert not found.copies and not found.leaks


def test_copies_of_several_classes_and_images_of_one_color_are_told_apart():
    x, y = digits(300)
    x, y = np.concatenate([x, x[:1], x[:1] * 0, x[:1] * 0 + 200]), [*y, 9 - y[0], 1, 1]
    found = kerazoo.inspect_data((x, np.array(y)))
    (group,) = found.copies  # black and light images are no copies
    assert {e.name for e in group.examples} == {"0", "300"} and len(group.labels) == 2
    assert "301; 302" in str(found) or "302; 301" in str(found)


def rows(n=300):
    random = np.random.RandomState(0)
    return pd.DataFrame(
        {
            "size": random.normal(size=n),
            "age": random.randint(20, 60, n),
            "kind": random.choice(["a", "b", "c"], n),
        }
    )


def test_columns_that_give_the_target_away_and_identifiers_are_named():
    frame = rows()
    frame["code"] = frame["kind"].map({"a": 5.0, "b": 1.0, "c": 3.0}) + frame["size"] / 100
    frame["customer"] = np.random.RandomState(1).permutation(10**6)[: len(frame)]
    found = kerazoo.inspect_data(frame, target="kind")
    assert list(found.leaks) == ["code"] and found.leaks["code"] > 0.98
    assert [line.split()[0] for line in found.notes] == ["code"]
    assert found.data.identifiers == ("customer",) and "customer" in found.data.warnings[-1]
    numbers = frame.drop(columns="code").assign(price=3 - frame["size"], twice=frame["size"] * 2)
    assert set(kerazoo.inspect_data(numbers, target="price").leaks) == {"size", "twice"}


def test_copies_with_identifiers_of_their_own_are_found(tmp_path):
    frame = pd.concat([rows(), rows()[:10]], ignore_index=True)
    random = np.random.RandomState(0)
    frame["number"] = random.randint(0, 10**9, len(frame))
    frame["code"] = [f"C{n}" for n in frame["number"]]
    frame.to_csv(tmp_path / "rows.csv", index=False)
    found = kerazoo.inspect_data(tmp_path / "rows.csv", target="kind")
    groups = {frozenset(int(e.name) for e in group.examples) for group in found.copies}
    assert groups == {frozenset((i + 2, i + 302)) for i in range(10)}


def test_a_class_that_the_size_of_its_files_gives_away(tmp_path):
    random = np.random.RandomState(0)
    for label, side in (("a", 20), ("b", 24)):
        (tmp_path / label).mkdir()
        for i in range(20):
            image = Image.fromarray(random.randint(0, 255, (side, side), dtype=np.uint8))
            image.save(tmp_path / label / f"{i}.png")
    table = pd.DataFrame({"at": [f"{c}/{i}.png" for c in "ab" for i in range(20)]})
    table.assign(kind=table["at"].str[0]).to_csv(tmp_path / "names.csv", index=False)
    found = kerazoo.inspect_data(tmp_path / "names.csv", target="kind", files="at")
    assert found.data.kind == "images" and {"width", "height"} <= set(found.leaks)
    found = kerazoo.inspect_data(tmp_path)
    assert {"width", "height"} <= set(found.leaks) <= {"width", "height", "contrast"}
    assert found.classes == {c: {"train": 14, "validation": 2, "test": 4} for c in "ab"}


def test_suspects_are_named_by_their_line_also_of_a_test_file(tmp_path):
    x, y = cancer()
    frame = pd.DataFrame(x[:, :8]).add_prefix("x").assign(kind=np.where(y, "benign", "malignant"))
    frame.insert(0, "id", [f"patient {i}" for i in range(len(frame))])
    expected = set()
    for name, rows in (("train", frame[:400]), ("test", frame[400:])):
        part = rows.reset_index(drop=True)
        place = part.index[part["kind"] == "benign"][[3, 8]]
        part.loc[place, "kind"] = "malignant"
        part.to_csv(tmp_path / f"{name}.csv", index=False)
        splits = ("test",) if name == "test" else ("train", "validation")
        expected |= {(split, str(i + 2)) for split in splits for i in place}
    options = {"target": "kind", "test": tmp_path / "test.csv", "label_errors": True}
    found = kerazoo.inspect_data(tmp_path / "train.csv", **options)
    assert len({(s.example.split, s.example.name) for s in found.suspects} & expected) >= 3
    assert found.frame.columns[0] == "line"


def test_confident_learning_takes_as_many_as_the_counts_say():
    """A rule by the most probable class alone would list every doubtful example."""
    sure, doubtful, wrong = [0.9, 0.1], [0.45, 0.55], [0.05, 0.95]
    p = np.array([sure] * 20 + [doubtful] * 20 + [wrong] + [sure[::-1]] * 40)
    y = np.repeat([0, 1], [41, 40])
    found = label_errors(p, y).tolist()
    assert found[0] == 40 and len(found) < 10
    assert label_errors(np.eye(2)[y], y).tolist() == []


READ = {
    "table": {"target": "kind"},
    "series": {"target": "price", "horizon": 3},
    "texts": {"target": "label", "text": "body"},
    "images": {},
    "unlabeled": {},
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read_without_a_model(kind, user_file, command):
    path = user_file(kind)
    found = kerazoo.inspect_data(path, **READ[kind])
    assert found.data.kind.startswith(kind)
    assert found._repr_html_() and str(found).startswith(found.data.report[0])
    options = [word for name, value in READ[kind].items() for word in (f"--{name}", value)]
    status, out, _ = command("inspect", path, *options, "--json")
    expected = json.loads(json.dumps(found.as_json() | {"paths": []}))
    assert status == 0 and json.loads(out) == expected


def test_nothing_loads_keras(user_file):
    code = (
        f"import kerazoo, sys; kerazoo.inspect_data({str(user_file('table'))!r}, target='kind', "
        f"label_errors=True); kerazoo.inspect_data({str(user_file('images'))!r}); "
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_suspects_become_a_table_and_a_sheet_of_images(in_tmp, command):
    x, y = digits(400)
    for i, (image, label) in enumerate(zip(x, y, strict=True)):
        path = in_tmp / "data" / str(label if i else 9 - label) / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.squeeze(-1)).save(path)
    assert command("inspect", "data", "--labels")[0] == 0
    assert [p.name for p in in_tmp.iterdir()] == ["data"]
    status, out, _ = command("inspect", "data", "--labels", "--out", "suspects.csv")
    table = pd.read_csv("suspects.csv", dtype=str)
    assert status == 0 and f"{9 - y[0]}/0.png" in table["file"][:3].tolist()
    assert f"{9 - y[0]}/0.png" in out and Image.open("suspects.png").format == "PNG"


BAD = {
    ("nothing.csv",): "nothing.csv",
    ("rows.csv",): "--target",
    ("rows.csv", "--target", "sise"): "'size'",
    ("rows.csv", "--target", "size", "--labels"): "no classes",
    ("rows.csv", "--target", "kind", "--out", "x.csv"): "--labels",
    ("rows.csv", "--target", "kind", "--labels", "--out", "x.txt"): ".csv",
    ("rows.csv", "--target", "size", "--horizon", "3", "--text", "kind"): "--",
}


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_what_cannot_be_read_or_asked_has_status_2(arguments, command, in_tmp):
    rows(30).to_csv("rows.csv", index=False)
    status, out, err = command("inspect", *arguments)
    assert status == 2 and BAD[arguments] in err and not out and "Traceback" not in err


def test_without_a_model_that_can_tell_no_label_is_called_wrong():
    random = np.random.RandomState(0)
    found = kerazoo.inspect_data((random.rand(200, 5), np.arange(200) % 2), label_errors=True)
    assert found.suspects == () and "hard" in found.notes[-1]
