"""Registration, lookup, users' modules, and the public names of the package."""

from __future__ import annotations

import sys

import pytest

import kerazoo
from kerazoo import registry
from kerazoo.errors import KerazooError
from kerazoo.evidence import card

ENTRY = kerazoo.Entry(dataset="digits", recipe=kerazoo.Recipe(epochs=1))
FACTS = {"license": "", "source": "", "offline": True, "input_shape": [4], "labels": ["a"]}


def tiny():
    """A model.

    With more to say.
    """


def points():
    """Points: uint8 ``(n, 4)``."""


def register_points(**changes):
    kerazoo.register_dataset(**{**FACTS, **changes})(points)
    return registry.get_dataset("points")


def test_a_model_is_registered_by_a_call_and_by_a_decorator(private_registry):
    assert kerazoo.register_model(tiny, citation="\n@misc{a}\n", entries=[ENTRY]) is tiny
    called = registry.get_model("tiny")
    assert kerazoo.register_model(citation="@misc{a}", entries=[ENTRY])(tiny) is tiny
    assert registry.get_model("tiny") == called, "a reload is no error"
    assert called.summary == "A model." and called.citation == "@misc{a}"
    assert called.main.name == "tiny@digits" and registry.get_entry("tiny") is not ENTRY


def test_names_that_are_taken_or_impossible_are_refused(private_registry):
    def mnist_cnn():
        """Another one."""

    def undocumented():
        pass

    def no_entry():
        """Nothing to train on."""

    for function, entries in ((mnist_cnn, [ENTRY]), (undocumented, [ENTRY]), (no_entry, [])):
        with pytest.raises(KerazooError, match=function.__name__):
            kerazoo.register_model(function, citation="", entries=entries)
    mnist_cnn.__name__ = "a@b"
    with pytest.raises(KerazooError, match="a@b"):
        kerazoo.register_model(mnist_cnn, citation="", entries=[ENTRY])


def test_a_dataset_has_what_its_task_needs(private_registry):
    series = {"task": "forecasting", "columns": ["a", "b"], "targets": ["a"], "input_shape": ()}
    windows = kerazoo.spec.Windows(lookback=7, horizon=2)
    dataset = register_points(**series, windows=windows, metric="mae")
    assert dataset.input_shape == (7, 2) and dataset.metric == "mae"
    assert register_points().metric == "accuracy"
    for changes, names in (
        ({"labels": ()}, "labels"),
        ({"input_shape": ()}, "input_shape"),
        ({"task": "regression"}, "targets"),
        (series, "windows"),
        ({"task": "regresion"}, "regression"),
        ({"metric": "mae"}, "mae"),
        ({**series, "windows": windows, "metric": "accuracy"}, "accuracy"),
    ):
        with pytest.raises(KerazooError, match=names):
            register_points(**changes)


def test_names_are_found_or_near_ones_are_suggested(private_registry):
    models = registry.list_models("resnet*")
    assert models.index("resnet8") < models.index("resnet20") < models.index("resnet110")
    assert registry.list_entries("*@sine") == registry.list_entries("sine") == ["stacked_lstm@sine"]
    assert registry.get_entry("mnist_cnn").name == "mnist_cnn@mnist"
    for ask, wrong, near in (
        (registry.get_model, "mnist_cn", "mnist_cnn"),
        (registry.get_model, "digits", "mnist_cnn@digits"),
        (registry.get_dataset, "digit", "digits"),
        (registry.get_entry, "mlp@digit", "mlp@digits"),
        (registry.get_task, "generating", "generation"),
    ):
        with pytest.raises(KerazooError, match=near):
            ask(wrong)


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


@pytest.fixture
def zoo_file(in_tmp, private_registry, monkeypatch):
    """A user's module that imports its neighbor."""
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    (in_tmp / "there").mkdir()
    (in_tmp / "there" / "neighbor_of_zoo.py").write_text("summary = 'Nothing.'")
    lines = [
        "import kerazoo, neighbor_of_zoo",
        "def nothing(): pass",
        "nothing.__doc__ = neighbor_of_zoo.summary",
        "entry = kerazoo.Entry(dataset='digits', recipe=kerazoo.Recipe(epochs=1))",
        "kerazoo.register_model(nothing, citation='', entries=[entry])",
    ]
    path = in_tmp / "there" / "users_zoo.py"
    path.write_text("\n".join(lines))
    return path


def test_a_users_file_or_module_is_imported_once(zoo_file, monkeypatch):
    before = list(sys.path)
    registry.import_module("there/users_zoo.py")
    model = registry.get_model("nothing")
    assert model.summary == "Nothing." and model.evidence == zoo_file.parent
    registry.import_module(str(zoo_file))
    monkeypatch.chdir(zoo_file.parent)
    registry.import_module("users_zoo")
    assert registry.get_model("nothing") is model and sys.path == before


def test_a_module_that_cannot_be_imported_is_named(zoo_file, in_tmp):
    (in_tmp / "broken.py").write_text("x = 1\ny = undefined_name\n")
    (in_tmp / "numpy.py").write_text("")
    for name, words in (
        ("broken.py", ("undefined_name", "line 2")),
        ("missing.py", ("missing.py",)),
        ("no.such.module", ("no.such.module",)),
        ("numpy.py", ("numpy",)),
    ):
        with pytest.raises(KerazooError) as error:
            registry.import_module(name)
        assert all(word in str(error.value) for word in words)


def test_a_wrong_smoke_field_and_a_missing_dataset_are_named(private_registry):
    with pytest.raises(kerazoo.KerazooError, match="'epochs'"):
        kerazoo.Entry(dataset="digits", recipe=kerazoo.Recipe(epochs=1), smoke={"epoch": 3})

    def lost():
        """A model on a dataset that does not exist."""

    entry = kerazoo.Entry(dataset="digitz", recipe=kerazoo.Recipe(epochs=1))
    kerazoo.register_model(lost, entries=[entry], citation="")
    with pytest.raises(kerazoo.KerazooError, match=r"lost@digitz.*'digits'"):
        card.entry_row(registry.get_entry("lost"))


def test_every_public_name_exists_and_is_documented():
    for name in kerazoo.__all__:
        assert getattr(kerazoo, name).__doc__, name
    assert set(dir(kerazoo)) >= set(kerazoo.__all__)
    with pytest.raises(AttributeError):
        kerazoo.nothing  # noqa: B018
