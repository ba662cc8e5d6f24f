"""Registration, lookup, users' modules, and the public names of the package."""

from __future__ import annotations

import sys

import pytest

import kerazoo
from kerazoo import registry
from kerazoo.errors import KerazooError
from kerazoo.evidence import card
from tests.conftest import raised

ENTRY = kerazoo.Entry(dataset="digits", recipe=kerazoo.Recipe(epochs=1))


def tiny():
    """A model.

    With more to say.
    """


def register(name="other", documented=True, entries=(ENTRY,)):
    def other():
        pass

    other.__name__, other.__doc__ = name, "Documented." if documented else None
    kerazoo.register_model(other, citation="", entries=entries)


def register_points(**changes):
    def points():
        """Points: uint8 ``(n, 4)``."""

    facts = {"license": "", "source": "", "offline": True, "input_shape": [4], "labels": ["a"]}
    kerazoo.register_dataset(**{**facts, **changes})(points)
    return registry.get_dataset("points")


def test_a_model_is_registered_by_a_call_and_by_a_decorator(private_registry):
    assert kerazoo.register_model(tiny, citation="\n@misc{a}\n", entries=[ENTRY]) is tiny
    called = registry.get_model("tiny")
    assert kerazoo.register_model(citation="@misc{a}", entries=[ENTRY])(tiny) is tiny
    assert registry.get_model("tiny") == called, "a reload is no error"
    assert called.summary == "A model." and called.citation == "@misc{a}"
    assert called.main.name == "tiny@digits" and registry.get_entry("tiny") is not ENTRY


SERIES = {"task": "forecasting", "columns": ["a", "b"], "targets": ["a"], "input_shape": ()}
WINDOWS = kerazoo.spec.Windows(lookback=7, horizon=2)


def test_a_dataset_has_the_shape_and_metric_of_its_task(private_registry):
    dataset = register_points(**SERIES, windows=WINDOWS, metric="mae")
    assert dataset.input_shape == (7, 2) and dataset.metric == "mae"
    assert register_points().metric == "accuracy"
    images = register_points(task="generation", input_shape=(8, 8, 1), labels=())
    assert images.metric == "fd_pixels_pca64"


@pytest.mark.parametrize(
    ("call", "argument", "named"),
    [
        (register, {"name": "mnist_cnn"}, "mnist_cnn"),
        (register, {"name": "a@b"}, "a@b"),
        (register, {"documented": False}, "other"),
        (register, {"entries": ()}, "other"),
        (register_points, {"labels": ()}, "labels"),
        (register_points, {"input_shape": ()}, "input_shape"),
        (register_points, {"task": "regression"}, "targets"),
        (register_points, {"task": "regresion"}, "regression"),
        (register_points, {"metric": "mae"}, "mae"),
        (register_points, SERIES, "windows"),
        (register_points, {**SERIES, "windows": WINDOWS, "metric": "accuracy"}, "accuracy"),
        (registry.get_model, {"name": "mnist_cn"}, "mnist_cnn"),
        (registry.get_model, {"name": "digits"}, "mnist_cnn@digits"),
        (registry.get_dataset, {"name": "digit"}, "digits"),
        (registry.get_entry, {"name": "mlp@digit"}, "mlp@digits"),
        (registry.get_task, {"name": "generating"}, "generation"),
    ],
)
def test_an_error_names_what_is_wrong_or_near(call, argument, named, private_registry):
    raised([named], call, **argument)


def test_names_are_found_by_patterns_and_sorted():
    models = registry.list_models("resnet*")
    assert models.index("resnet8") < models.index("resnet20")
    assert registry.list_entries("*@sine") == registry.list_entries("sine") == ["stacked_lstm@sine"]
    assert registry.get_entry("mnist_cnn").name == "mnist_cnn@mnist"


@pytest.mark.parametrize("nothing", [None, 5, ["mnist_cnn"]])
@pytest.mark.parametrize(
    "ask",
    [
        *(kerazoo.build, kerazoo.load_data, kerazoo.train, kerazoo.verify, kerazoo.evaluate),
        *(kerazoo.sample, kerazoo.predictor, lambda x: kerazoo.export(x, "keras")),
        lambda x: kerazoo.finetune(x, "photos"),
    ],
)
def test_what_is_no_name_is_an_error(ask, nothing):
    with pytest.raises(KerazooError):
        ask(nothing)


def test_a_users_file_or_module_is_imported_once(in_tmp, private_registry, monkeypatch):
    """With its neighbor."""
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    (in_tmp / "there").mkdir()
    (in_tmp / "there" / "neighbor_of_zoo.py").write_text("summary = 'Nothing.'")
    path, before = in_tmp / "there" / "users_zoo.py", list(sys.path)
    path.write_text(
        "import kerazoo, neighbor_of_zoo\n"
        "def nothing(): pass\n"
        "nothing.__doc__ = neighbor_of_zoo.summary\n"
        "entry = kerazoo.Entry(dataset='digits', recipe=kerazoo.Recipe(epochs=1))\n"
        "kerazoo.register_model(nothing, citation='', entries=[entry])\n"
    )
    registry.import_module("there/users_zoo.py")
    model = registry.get_model("nothing")
    assert model.summary == "Nothing." and model.evidence == path.parent
    registry.import_module(str(path))
    monkeypatch.chdir(path.parent)
    registry.import_module("users_zoo")
    assert registry.get_model("nothing") is model and sys.path == before


def test_a_module_that_cannot_be_imported_is_named(in_tmp):
    (in_tmp / "broken.py").write_text("x = 1\ny = undefined_name\n")
    (in_tmp / "json.py").write_text("")
    for name, words in (
        ("broken.py", ["undefined_name", "line 2"]),
        ("missing.py", ["missing.py"]),
        ("no.such.module", ["no.such.module"]),
        ("json.py", ["json"]),
    ):
        raised(words, registry.import_module, name)


def test_a_wrong_smoke_field_and_a_missing_dataset_are_named(private_registry):
    recipe = kerazoo.Recipe(epochs=1)
    raised(["'epochs'"], kerazoo.Entry, dataset="digits", recipe=recipe, smoke={"epoch": 3})
    register("lost", entries=[kerazoo.Entry(dataset="digitz", recipe=recipe)])
    raised(["lost@digitz", "'digits'"], card.entry_row, registry.get_entry("lost"))


def test_every_public_name_exists_and_is_documented():
    for name in kerazoo.__all__:
        assert getattr(kerazoo, name).__doc__, name
    assert set(dir(kerazoo)) >= set(kerazoo.__all__)
    with pytest.raises(AttributeError):
        kerazoo.nothing  # noqa: B018
