"""Every registered entry goes through the same checks: a new model is tested for free."""

from __future__ import annotations

import inspect
import json

import keras
import numpy as np
import pytest
from conftest import mnist_folder

import kerazoo
from kerazoo import building, evidence, fingerprint, registry
from kerazoo.datasets.cache import load_data
from kerazoo.evidence import stale_reasons
from kerazoo.spec import TIERS

ENTRIES = registry.list_entries()
MODELS = registry.list_models()


def needs_data(entry) -> None:
    if not registry.get_dataset(entry.dataset).offline and mnist_folder() is None:
        pytest.skip(f"{entry.dataset} is not prepared here: set TFDS_DATA_DIR")


@pytest.fixture(autouse=True)
def real_data(monkeypatch):
    if mnist_folder() is not None:
        monkeypatch.setenv("TFDS_DATA_DIR", str(mnist_folder()))


@pytest.mark.parametrize("name", MODELS)
def test_model_documents_shapes_and_source(name):
    doc = inspect.getdoc(registry.get_model(name).factory)
    for word in ("Args:", "Returns:", "Source:"):
        assert word in doc
    assert registry.get_model(name).citation.startswith("@")


@pytest.mark.parametrize("name", MODELS)
def test_model_is_made_of_keras_layers_with_names_of_their_own(name):
    model = kerazoo.build(name)
    assert type(model) is keras.Model or type(model).__module__.startswith("keras.")
    for layer in model.layers:
        assert type(layer).__module__.startswith("keras."), layer
        assert not isinstance(layer, keras.layers.Lambda), layer
    again = [layer.name for layer in kerazoo.build(name).layers]
    assert [layer.name for layer in model.layers] == again, "a layer has no name of its own"


@pytest.mark.parametrize("name", MODELS)
def test_model_opens_in_plain_keras_and_says_the_same(name, tmp_path):
    model = kerazoo.build(name)
    model.save(tmp_path / "model.keras")
    plain = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    x = np.random.RandomState(0).randint(0, 256, (3, *model.input_shape[1:])).astype("uint8")
    np.testing.assert_array_equal(
        model.predict_on_batch(x.astype("float32")), plain.predict_on_batch(x.astype("float32"))
    )


@pytest.mark.parametrize("name", MODELS)
def test_model_takes_other_classes_shapes_and_activation(name):
    model = kerazoo.build(name, classes=26, input_shape=(64, 48, 3), classifier_activation=None)
    assert model.input_shape == (None, 64, 48, 3)
    assert model.output_shape == (None, 26)
    assert keras.activations.serialize(model.layers[-1].activation) == "linear"


@pytest.mark.parametrize("name", MODELS)
def test_probabilities_add_up_to_one(name):
    model = kerazoo.build(name)
    x = np.random.RandomState(0).uniform(0, 255, (4, *model.input_shape[1:])).astype("float32")
    out = model.predict_on_batch(x)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize("tier", TIERS)
def test_entry_has_evidence_that_speaks_for_the_code_as_it_is(name, tier):
    entry = registry.get_entry(name)
    recorded = evidence.read(entry)
    assert tier in recorded.tiers, f"{name} has no reference for tier {tier}: record one"
    reference = recorded.tiers[tier]
    assert reference.n >= 5
    assert len({r.seed for r in reference.runs}) == reference.n
    model = building.build_for(entry)
    data = registry.get_dataset(entry.dataset).sha256
    reasons = stale_reasons(reference, entry.recipe_for(tier), fingerprint.of_model(model), data)
    assert not reasons, f"the evidence of {name}, tier {tier}, is stale: {reasons}"
    stamp = fingerprint.of_run(reference.recipe, reference.model, reference.data)
    assert {r.fingerprint for r in reference.runs} == {stamp}
    assert recorded.parameters == model.count_params()


@pytest.mark.parametrize("name", ENTRIES)
def test_entry_beats_its_baselines(name):
    reference = evidence.read(registry.get_entry(name)).tiers["full"]
    assert set(reference.baselines) >= {"majority_class", "linear"}
    assert reference.mean > max(reference.baselines.values())


@pytest.mark.parametrize("name", ENTRIES)
def test_smoke_tier_is_short(name):
    """A recorded figure, not a timing taken here."""
    reference = evidence.read(registry.get_entry(name)).tiers["smoke"]
    assert max(r.seconds for r in reference.runs) < 40


@pytest.mark.parametrize("name", ENTRIES)
def test_bundled_weights_measure_what_is_recorded(name):
    entry = registry.get_entry(name)
    needs_data(entry)
    result = kerazoo.evaluate(name)
    if keras.config.backend() == "tensorflow":
        assert result.value == result.recorded
    else:  # other kernels round differently; a picture or two may fall on the other side
        assert abs(result.value - result.recorded) <= 2 / result.examples


@pytest.mark.parametrize("name", registry.list_datasets())
def test_dataset_is_what_it_says(name):
    info = registry.get_dataset(name)
    if not info.offline and mnist_folder() is None:
        pytest.skip(f"{name} is not prepared here: set TFDS_DATA_DIR")
    data = load_data(name)
    assert data.sha256 == info.sha256
    for split in (data.train, data.validation, data.test):
        x, y = split
        assert x.shape[1:] == info.input_shape and len(x) == len(y)
        assert x.dtype == np.uint8 and y.dtype == np.int64
        assert set(np.unique(y)) == set(range(info.classes))
    assert "(n" in inspect.getdoc(info.load), "the docstring gives shapes"


def test_no_example_lies_in_two_splits_of_digits():
    data = load_data("digits")
    seen = [{x.tobytes() for x in s.x} for s in (data.train, data.validation, data.test)]
    assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]


def test_weights_and_references_belong_to_entries_and_fit_the_wheel():
    folder = registry.get_model("mnist_cnn").evidence
    weights = list((folder / "weights").glob("*"))
    assert {p.name.removesuffix(".weights.h5") for p in weights} <= set(ENTRIES)
    assert {p.stem for p in (folder / "references").glob("*.json")} <= set(ENTRIES)
    assert sum(p.stat().st_size for p in weights) < 18e6


def test_list_json_has_what_programs_read(command):
    status, out, _ = command("list", "--json")
    rows = json.loads(out)
    assert status == 0 and [r["entry"] for r in rows] == ENTRIES
    wanted = {
        *("entry", "model", "dataset", "task", "metric", "mean", "std", "n", "parameters"),
        *("baselines", "bundled_weights"),
    }
    for row in rows:
        assert wanted <= set(row)
        assert row["n"] >= 5 and row["bundled_weights"] is True
