"""Mutations of every JSON file that kerazoo reads: each is noticed, and none is believed.

The slow tests make 1,000 of them, and run every command on fine-tuned runs.
"""

from __future__ import annotations

import copy
import json
import random
import re
import shutil

import pytest

import kerazoo
from kerazoo import registry
from kerazoo._files import schema, sha256_of_json
from kerazoo.datasets._cache import About
from kerazoo.errors import DamagedFile
from kerazoo.evidence import reference
from kerazoo.exporting.export import Listed
from kerazoo.finetuning.readers.reading import reading_of
from kerazoo.spec import Recipe
from kerazoo.training import run_directory
from kerazoo.training.run_config import Config, Facts, Fingerprints, Metrics, Own, Start, Timing

SHA256 = "ab" * 32
VALUES = (None, True, "text", "\x1b[31m\n", "", -1, -0.5, 10**400, 1e300, [], {}, [[[{"": [{}]}]]])
TEXTS = ("NaN", "Infinity", "-Infinity", "1e999", "", "[" * 100_000)  # in place of a value
TREATMENTS = {
    "images": {"kind": "images", "invert": "auto"},
    "table": {
        "kind": "table", "targets": ["y"], "csv": {"sep": ";", "na_values": ["x"]},
        "columns": [{"name": "a", "input": "a", "mean": 1.5, "std": 2.0, "missing": True},
                    {"name": "b", "input": "b", "categories": ["", "x"]}],
    },
    "series": {"kind": "series", "targets": ["y"], "time": "t", "step": "hour", "lookback": 24},
    "texts": {"kind": "texts", "text": "body", "targets": ["y"]},
}  # fmt: skip
# Where any value may stand: options that their readers check, and what a task or a reference adds.
FREE = r"own\.(asked|options)|horizon|passed|\.recipe(\.|$)|^(metrics|certificate) luck$"
NULL = r"(^|\.)(own|path|test|reader|read_for|start|clip_norm|train_examples|lookback|time|std"
NULL += r"|categories|sep|quotes|decimal|thousands|day_first|date_format|parameters|weights|run)$"
SIGNED = r"columns\[\d+\]\.mean|r2"


def config_of(kind):
    """A configuration as a run on this kind of data has it; None: of an entry."""
    own = kind and Own(
        path="/data", reader="from_images", test=None, asked={"invert": "auto"}, model="mlp",
        options={"classes": 3}, treatment=TREATMENTS[kind],
    )  # fmt: skip
    return Config(
        entry="mlp@data", tier="full", seed=1, engine="auto", recipe=Recipe(epochs=3),
        networks=("model",),
        fingerprints=Fingerprints(model=SHA256, data=SHA256), environment={"keras": "3.15.1"},
        data=Facts(
            labels=("a", "b"), light_on_dark=True, task="classification", text=False, fewest_words=3
        ),
        own=own, start=Start(entry="mlp@digits", head=("top",)) if kind else None,
    )  # fmt: skip


def read_config(path):
    config = run_directory.read_config(path.parent)
    if config.own is not None:
        reading_of(config.own, path)
    return config


METRICS = Metrics(
    metric="mse", value=0.5, standard_error=0.1, examples=90, weights_sha256=SHA256,
    also={"mae": 0.4}, by_target={"y": {"mse": 0.5}}, extra={"horizon": [1, 2]},
)  # fmt: skip
FILES = {
    **{
        f"config of {kind or 'an entry'}": ("config.json", config_of(kind), read_config)
        for kind in (None, *TREATMENTS)
    },
    "metrics": ("metrics.json", METRICS, lambda path: run_directory.read_metrics(path.parent)),
    "timing": ("timing.json", Timing(seconds=3.5, epochs=(1.5, 2.0)), Timing),
    "cache": ("about.json", About(sha256=SHA256, crc32={"train_x": 5}), About),
    "certificate": ("c.json", Listed(files={"a.onnx": SHA256}, rest={"passed": True}), Listed),
}


def mutate(content, chance):
    """The text of a mutated JSON object, and the place and kind of the mutation."""

    def places(value, at=()):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*at, key)
            if isinstance(value[key], (dict, list)):
                yield from places(value[key], (*at, key))

    content = copy.deepcopy(content)
    checksum = content.pop("checksum")
    *parents, last = chance.choice(list(places(content)))
    parent = content
    for key in parents:
        parent = parent[key]
    kind = chance.choice(["delete", "add", "value", "value", "value", "value", "text", "cut"])
    before = parent[last]
    if kind == "delete":
        del parent[last]
    elif kind == "add" and isinstance(parent, dict):
        last = "luck"
        parent["luck"] = chance.choice(VALUES)
    elif kind in ("value", "add"):
        kind = "value"
        new = [v for v in VALUES if v != before or isinstance(v, bool) != isinstance(before, bool)]
        parent[last] = chance.choice(new)
    elif kind == "text":
        parent[last] = "MARK"
    where = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in (*parents, last))[1:]
    new = parent[last] if kind in ("value", "add") else None
    seal = chance.choice(["fresh", "fresh", "fresh", "stale"])
    content["checksum"] = sha256_of_json(content) if seal == "fresh" else checksum
    text = json.dumps(content)
    if kind == "text":
        text = text.replace('"MARK"', chance.choice(TEXTS))
    elif kind == "cut":
        text = text[: chance.randrange(len(text))]
    return text, where, kind, before, new, seal


def is_nonsense(file, where, kind, before, new):
    """True unless the mutated file holds what a file of another run might hold too."""
    if re.search(FREE, where) or re.search(FREE, f"{file} {where}"):
        return False
    is_number = isinstance(new, (int, float)) and not isinstance(new, bool) and abs(new) < 1e99
    if kind == "add":  # a number may be a further metric, a text a further version
        further = {"environment": str, "by_target": dict}.get(where.split(".")[-2:][0])
        return not (is_number or (further and isinstance(new, further)))
    if kind == "value":
        if new is None or (before is None and isinstance(new, str)):
            return not re.search(NULL, where)
        if isinstance(before, (int, float)) and not isinstance(before, bool):
            return not (is_number and re.search(SIGNED, where))
        return type(new) is not type(before)
    return kind in ("text", "cut")


def outcome(read, path):
    """The error of a damaged file; None if it was read."""
    try:
        read(path)
    except DamagedFile as error:
        assert error.path == path and str(path) in str(error) and len(str(error)) < 2_000
        return error
    return None


def check(name, path, content, read, chance):
    text, where, kind, before, new, seal = mutate(content, chance)
    path.write_text(text)
    error = outcome(read, path)
    if seal == "stale" or is_nonsense(name, where, kind, before, new):
        assert error is not None, (where, kind, new)
        assert error.field or seal == "stale" or kind in ("text", "cut"), (where, kind, new)


@pytest.mark.parametrize("number", [5, pytest.param(90, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", FILES)
def test_a_mutated_file_is_noticed(name, number, tmp_path):
    file, content, read = FILES[name]
    if isinstance(read, type):
        kind, read = read, lambda path: schema.read(path, kind, "")
    path, chance = tmp_path / file, random.Random(f"{name} {number}")
    schema.write(path, content)
    whole = json.loads(path.read_text())
    assert outcome(read, path) is None
    for _ in range(number):
        check(name, path, whole, read, chance)


@pytest.mark.parametrize("number", [5, pytest.param(90, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["mlp@digits", "linear_regression@diabetes"])
def test_a_mutated_reference_is_noticed(name, number, tmp_path, monkeypatch):
    entry, chance = registry.get_entry(name), random.Random(f"{name} {number}")
    whole = json.loads(reference.reference_path(entry).read_text())
    path = tmp_path / "reference.json"
    monkeypatch.setattr(reference, "reference_path", lambda entry: path)
    for _ in range(number):
        check(name, path, whole, lambda path: reference.read(entry), chance)


@pytest.fixture(scope="module")
def zoo_run(tmp_path_factory):
    """A run of an entry."""
    path = tmp_path_factory.mktemp("runs") / "run"
    kerazoo.train("linear_regression@diabetes", out=path, epochs=1, progress=False)
    return path


PREDICT = ("predict", "RUN", "DATA", "--out", "p.csv")
COMMANDS = {
    "an entry": [
        ("train", "linear_regression@diabetes", "--epochs", "1", "--resume", "--out", "RUN"),
        ("show", "RUN", "--full"),
    ],
    "table": [PREDICT],
    "series": [PREDICT],
    "texts": [("predict", "RUN", "a wonderful film")],
    "images": [("predict", "RUN", "DATA/one/0.png")],
    "unlabeled": [("sample", "RUN", "--n", "2", "--out", "p.png")],
}
EVERY = [("evaluate", "RUN"), ("export", "RUN", "--format", "keras", "--force", "--out", "e")]


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_fails_on_a_mutated_run(name, zoo_run, tuned, user_file, tmp_path, command):
    chance, of_entry = random.Random(name), name == "an entry"
    places = {"DATA": "" if of_entry else str(user_file(name))}
    for _ in range(60):
        run = shutil.copytree(zoo_run if of_entry else tuned(name), tmp_path / "run")
        file = chance.choice(["config.json", "config.json", "config.json", "metrics.json"])
        text, where, kind, _, new, seal = mutate(json.loads((run / file).read_text()), chance)
        (run / file).write_text(text)
        places["RUN"] = str(run)
        words = chance.choice([*EVERY, *COMMANDS[name]])
        words = [re.sub("RUN|DATA", lambda found: places[found[0]], word) for word in words]
        status, _, err = command(*words)
        assert status in (0, 1, 2) and "Traceback" not in err, (where, kind, new, words, err)
        assert status == 2 or seal == "fresh"
        shutil.rmtree(run)
        (tmp_path / "p.csv").unlink(missing_ok=True)
