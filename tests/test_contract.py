"""Every registered entry goes through the same checks: a new model is tested for free."""

from __future__ import annotations

import functools
import inspect
import json
import statistics
from pathlib import Path

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import building, fingerprint, registry
from kerazoo.datasets._cache import load_data, load_for
from kerazoo.evidence import audit, caveats
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.reference import stale_reasons
from kerazoo.evidence.verify import FreshRun, Report, worst_allowed
from kerazoo.metrics import metric
from kerazoo.spec import TIERS, networks_of
from kerazoo.training.engine import layers_of
from tests.conftest import needs_data

ENTRIES = registry.list_entries()
MODELS = registry.list_models()
# resnet20 has more of the blocks of resnet8, and takes seconds to build.
DEEP = ("resnet20",)
SHALLOW = [registry.get_model(n).main.name for n in MODELS if n not in DEEP]
IMAGE_CLASSIFIERS = [
    name.partition("@")[0]
    for name in SHALLOW
    if registry.task_of(registry.get_entry(name)).name == "classification"
    and len(registry.get_dataset(name.partition("@")[2]).input_shape) == 3
]


def slow_unless(fast, names):
    """Parameters, of which all but the fast ones are marked slow."""
    return [n if fast(n) else pytest.param(n, marks=pytest.mark.slow) for n in names]


@functools.cache
def built(name):
    """The model of an entry, which tests only look at."""
    return building.build_for(registry.get_entry(name))


@pytest.mark.parametrize("name", slow_unless(lambda n: n != "text_lstm@imdb", SHALLOW))
def test_networks_are_plain_keras_and_open_there_with_the_same_outputs(name, tmp_path):
    again = networks_of(building.build_for(registry.get_entry(name)))
    for part, network in networks_of(built(name)).items():
        for layer in (network, *layers_of(network)):
            assert type(layer).__module__.startswith("keras."), layer
            assert not isinstance(layer, keras.layers.Lambda), layer
        names = [layer.name for layer in layers_of(network)]
        assert names == [layer.name for layer in layers_of(again[part])], "Keras numbered a layer"
        network.save(tmp_path / "network.keras")
        plain = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
        (tensor,) = network.inputs
        high = 256 if len(tensor.shape) == 4 or "int" in tensor.dtype else 2
        x = np.random.RandomState(0).randint(0, high, (3, *tensor.shape[1:])).astype(tensor.dtype)
        # In inference mode, without compiling a function that serves once.
        ours, theirs = (np.asarray(net(x, training=False)) for net in (network, plain))
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == np.float32 and np.isfinite(ours).all()


@pytest.mark.parametrize("name", IMAGE_CLASSIFIERS)
def test_model_takes_other_classes_shapes_and_activation(name):
    model = kerazoo.build(name, classes=26, input_shape=(64, 48, 3), classifier_activation=None)
    assert model.input_shape == (None, 64, 48, 3)
    assert model.output_shape == (None, 26)
    assert keras.activations.serialize(model.layers[-1].activation) == "linear"


@pytest.mark.parametrize("name", [n for n in ENTRIES if n.partition("@")[0] not in DEEP])
def test_model_names_its_source_and_fits_its_dataset(name):
    entry, model = registry.get_entry(name), built(name)
    factory = registry.get_model(entry.model)
    assert "Source:" in inspect.getdoc(factory.factory) and factory.citation.startswith("@")
    info = registry.get_dataset(entry.dataset)
    task = registry.task_of(entry).name
    if "generator" in networks_of(model):
        assert model.generator.output_shape[1:] == info.input_shape
    elif task == "forecasting":
        assert model.output_shape[1:] == (info.windows.horizon, len(info.targets))
    else:
        assert model.input_shape[1:] == info.input_shape
        assert model.output_shape[1:] == (info.classes or len(info.targets),)
    if task == "classification":
        assert keras.activations.serialize(model.layers[-1].activation) == "softmax"


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize("tier", TIERS)
def test_entry_has_evidence_of_the_code_as_it_is(name, tier):
    entry = registry.get_entry(name)
    recorded = evidence.read(entry)
    assert tier in recorded.tiers, f"{name} has no reference for tier {tier}: record one"
    reference = recorded.tiers[tier]
    assert reference.n >= entry.seeds
    assert (recorded.weights is not None) is entry.bundled
    if recorded.weights is not None:
        assert recorded.weights.seed == min(r.seed for r in recorded.tiers["full"].runs)
    data = registry.get_dataset(entry.dataset).sha256
    assert bool(reference.judge_sha256) is not registry.task_of(entry).has_targets
    structure = fingerprint.of_model(built(name))
    reasons = stale_reasons(entry, tier, reference, structure, data)
    assert not reasons, f"the evidence of {name}, tier {tier}, is stale: {reasons}"
    stamp = fingerprint.of_run(reference.recipe, reference.model, reference.data)
    assert {r.fingerprint for r in reference.runs} == {stamp}
    assert recorded.parameters == built(name).count_params()
    assert recorded.metric == registry.metric_of(entry).name
    # One by one and together: a verdict that the evidence itself fails would be worth nothing.
    whole = tuple(FreshRun(r.seed, r.value, r.value, Path()) for r in reference.runs)
    for runs in (*((run,) for run in whole), whole):
        bound = worst_allowed(reference, len(runs), recorded.measure, entry.tolerance)
        report = Report(name, tier, recorded.metric, runs, reference, bound, (), ())
        assert report.passed, report.remarks


@pytest.mark.parametrize("name", ENTRIES)
def test_entry_beats_its_baselines_or_its_card_says_so(name):
    entry = registry.get_entry(name)
    recorded = evidence.read(entry)
    reference, said = recorded.tiers["full"], caveats.caveats(entry, recorded)
    assert reference.baselines
    for baseline, value in reference.baselines.items():
        better = recorded.measure.is_better(reference.mean, value)
        assert better or any(baseline in caveat for caveat in said), baseline
    for limit in [v for name, v in reference.limits.items() if name == "least_squares"]:
        values = [run.value for run in reference.runs]
        assert values == pytest.approx([limit] * reference.n, abs=1e-3)


# What the zoo promises of its recorded references: number of runs, and the mean of a metric on the
# test split. A new recipe that falls short of it is no improvement.
PROMISED = [
    ("mlp@mnist", 5, "accuracy", 0.9840),
    ("vae@mnist", 10, "elbo", -94.0),
    ("rectified_flow@mnist", 3, "fd_mnist_cnn_10k", 12.0),
    ("lenet5@mnist", 5, "accuracy", 0.9905),
    ("mnist_cnn@mnist", 5, "accuracy", 0.9940),
    ("mnist_cnn_fast@mnist", 30, "accuracy", 0.9920),
    ("mnist_cnn_narrow@mnist", 10, "accuracy", 0.9940),
    ("strided_cnn@mnist", 4, "accuracy", 0.9955),
    ("mnist_cnn_tiny@mnist", 10, "accuracy", 0.9880),
    ("resnet_block@fashion_mnist", 10, "accuracy", 0.92),
    ("small_vgg@fashion_mnist", 1, "accuracy", 0.94),
    ("resnet_block@mnist", 10, "accuracy", 0.985),  # better than mnist_cnn_small
    ("resnet8@cifar10", 3, "accuracy", 0.85),
    ("resnet20@cifar10", 1, "accuracy", 0.87),  # 91.25 % of the original pixels: not reached
    ("text_cnn@imdb", 5, "accuracy", 0.88),
    ("text_lstm@imdb", 5, "accuracy", 0.86),
    ("nb_svm@imdb", 10, "accuracy", 0.91),
    ("text_wide_deep@imdb", 10, "accuracy", 0.905),
    ("sparse_forecaster@etth1_multivariate_96", 10, "mse", 0.365),
    ("stacked_lstm@etth1", 5, "mse", 0.0262),
    ("stacked_lstm@etth1", 5, "mae", 0.1241),
    ("stacked_lstm@etth1_multivariate", 10, "mse", 0.309),
    ("stacked_lstm@etth1_multivariate", 10, "mae", 0.351),
]


@pytest.mark.parametrize(("name", "n", "measure", "bound"), PROMISED)
def test_recorded_results_are_what_is_promised(name, n, measure, bound):
    recorded = evidence.read(registry.get_entry(name))
    reference = recorded.tiers["full"]
    also = {key: mean for key, (mean, *_) in reference.also.items()}
    value = {**also, recorded.metric: reference.mean}[measure]
    assert reference.n >= n
    assert not metric(measure).is_better(bound, value)


@pytest.mark.parametrize(("name", "n"), [("dcgan@mnist", 3), ("rectified_flow@mnist", 3)])
def test_the_recorded_generators_generate_every_digit(name, n):
    runs = evidence.read(registry.get_entry(name)).tiers["full"].runs
    assert len(runs) >= n
    for run in runs:
        assert run.also["smallest_class"] >= 0.05 and run.also["largest_class"] <= 0.15


@pytest.mark.parametrize("name", ENTRIES)
def test_smoke_tier_is_short(name):
    """Recorded times, not a timing taken here: under a minute, and 75 s where other work ran."""
    seconds = [r.seconds for r in evidence.read(registry.get_entry(name)).tiers["smoke"].runs]
    assert statistics.median(seconds) < 60 and max(seconds) < 75


def is_embedded(name):
    generates = name in ("dcgan@digits", "vae@digits")
    return registry.get_dataset(name.partition("@")[2]).offline and not generates


# The longest: the code is that of dcgan@digits and resnet8@cifar10, and loading checks the file.
LONGEST = ("dcgan@mnist", "rectified_flow@mnist", "resnet20@cifar10")


@pytest.mark.parametrize("name", slow_unless(is_embedded, [n for n in ENTRIES if n not in LONGEST]))
def test_bundled_weights_and_quick_baselines_give_the_recorded_results(name):
    entry = registry.get_entry(name)
    needs_data(entry.dataset)
    recorded, data = evidence.read(entry), load_for(entry, entry.recipe)
    assert audit.audit(entry, "full", recorded, data) == ([], [])


# Where no test has loaded them before, tensorflow-datasets takes many seconds.
SLOW_TO_LOAD = ("cifar10", "fashion_mnist", "imdb", "mnist")


@pytest.mark.parametrize(
    "name",
    slow_unless(lambda n: n not in SLOW_TO_LOAD, registry.list_datasets()),
)
def test_dataset_is_as_described(name):
    info = registry.get_dataset(name)
    assert "(n" in inspect.getdoc(info.load), "the docstring gives shapes"
    needs_data(name)
    data = load_data(name)
    assert data.sha256 == info.sha256
    for split in (data.train, data.validation, data.test):
        x, y = split
        assert np.isfinite(x).all() and np.isfinite(y).all()
        kinds = ("i4" if info.vocabulary else "u1", "i8") if info.classes else ("f4", "f4")
        assert (x.dtype.str[1:], y.dtype.str[1:]) == kinds
        assert not info.classes or set(np.unique(y)) == set(range(info.classes))


def test_weights_and_references_belong_to_entries_and_fit_the_wheel():
    folder = registry.get_model("mnist_cnn").evidence
    weights = list((folder / "weights").glob("*"))
    assert {p.name.removesuffix(".weights.h5") for p in weights} <= set(ENTRIES)
    assert {p.stem for p in (folder / "references").glob("*.json")} <= set(ENTRIES)
    assert sum(p.stat().st_size for p in weights) < 19e6


def test_list_json_has_what_programs_read_and_every_entry_is_measured(command):
    status, out, _ = command("list", "--json")
    rows = json.loads(out)
    assert status == 0 and [r["entry"] for r in rows] == ENTRIES
    wanted = {
        *("entry", "model", "dataset", "task", "metric", "mean", "std", "n", "parameters"),
        *("baselines", "bundled_weights"),
    }
    for row in rows:
        assert wanted <= set(row)
        bundled = registry.get_entry(row["entry"]).bundled
        assert row["n"] > 0 and row["bundled_weights"] is bundled
