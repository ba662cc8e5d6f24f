"""The model card: complete, escaped, self-contained, and plain about where a model is worse."""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image

from benchmarks import reproduce
from kerazoo import building, registry
from kerazoo.cli.arguments import parser
from kerazoo.evidence import card, caveats, evaluate
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.reference import Evidence
from kerazoo.metrics import metric
from kerazoo.plots.figure import BLUE, GREEN, ORANGE
from kerazoo.spec import Published, networks_of
from kerazoo.training.engine import layers_of
from tests.conftest import ROOT
from tests.evidence.forging import made_up
from tests.pages import Page, look_in_a_browser

HOSTILE = '</pre><script>alert("1")</script> & "<b>'


def recorded_as(entry, values, baselines, **fields) -> Evidence:
    """Evidence that a test makes up."""
    environment = {"keras": "3", "backend": "tensorflow", "machine": "here"}
    fields |= {"recipe": dataclasses.asdict(entry.recipe), "environment": environment}
    full = made_up(values, 0.001, baselines=baselines, **fields)
    name = registry.metric_of(entry).name
    return Evidence(entry=entry.name, metric=name, parameters=7, tiers={"full": full})


def page_of(entry) -> Page:
    """The card of an entry, whose script makes the copy buttons."""
    return Page(card.page(entry).html(), scripts=1)


@pytest.fixture
def weak_lstm():
    """Made-up results of the LSTM that lose to a baseline and to published results."""
    entry = registry.get_entry("stacked_lstm@etth1")
    return entry, recorded_as(
        entry,
        [0.025, 0.099],
        {"repeat_last": 0.034, "seasonal_repeat": 0.2},
        baseline_metrics={"repeat_last": {"mae": 0.139}},
        also={"mae": 0.26},
        limits={"linear": 0.0278},
    )


def test_page_holds_every_recorded_value_layer_and_source(command, in_tmp):
    assert command("show", "mnist_cnn@digits", "--html", "cards/card.html")[0] == 0
    source = (in_tmp / "cards" / "card.html").read_text(encoding="utf-8")
    page, entry = Page(source, scripts=1), registry.get_entry("mnist_cnn@digits")
    recorded, dataset = evidence.read(entry), registry.get_dataset("digits")
    model = registry.get_model("mnist_cnn")
    for reference in recorded.tiers.values():
        for row in card.reference_table(reference, recorded.measure).rows:
            assert " ".join(" ".join(row).split()) in page.text
        assert reference.environment["machine"] in page.text
    facts = (model.summary, dataset.license, dataset.source, "1,199,882", *model.citation.split())
    layers = [layer.name for layer in building.build_for(entry).layers]
    assert all(fact in page.text for fact in (*facts, *layers))
    size = evidence.weights_path(entry).stat().st_size / 1e6
    assert f"{size:.1f} MB" in page.text and card.LICENSE in page.text
    assert source.count("data:image/svg+xml") == len(recorded.tiers)
    assert source.count("data:image/png") == len(card.kept_files(entry)) > 1
    assert "prefers-color-scheme: dark" in source and "width=device-width" in source


@pytest.mark.parametrize("name", ["dcgan@digits", "rectified_flow@mnist"])
def test_page_of_a_composite_lists_every_network(name):
    entry = registry.get_entry(name)
    text = page_of(entry).text
    for network in networks_of(building.build_for(entry)).values():
        assert f"{len(network.layers)} layers, {network.count_params():,} parameters" in text
        assert all(layer.name in text for layer in layers_of(network))


def test_card_without_evidence_gives_the_commands_with_the_users_module(private_zoo):
    published = Published(value=0.5, metric="accuracy", source="A paper", conditions="one run")
    entry = dataclasses.replace(registry.get_entry("bar_net"), published=(published,))
    text = page_of(entry).text
    shown = ("--import private_zoo train bar_net@bars", "verify bar_net@bars --seeds")
    for fact in (*shown, "import private_zoo", published.source, published.conditions):
        assert fact in text


def test_foreign_texts_are_escaped(private_zoo):
    model, bars = registry.get_model("bar_net"), registry.get_dataset("bars")
    published = Published(value=0.5, metric="accuracy", source=HOSTILE, conditions=HOSTILE)
    entry = registry.get_entry("bar_net")
    entry = dataclasses.replace(entry, published=(published,))
    hostile = {"summary": HOSTILE, "citation": HOSTILE, "entries": {"bars": entry}}
    registry._models["bar_net"] = dataclasses.replace(model, **hostile)
    model.factory.__doc__ = f"{HOSTILE}\n\nTwo.\n\nArgs:\n    x: {HOSTILE}"
    bars.load.__doc__ = HOSTILE
    hostile = {"labels": (HOSTILE, "b", "c"), "source": HOSTILE, "measured_on": HOSTILE}
    registry._datasets["bars"] = dataclasses.replace(bars, license=HOSTILE, **hostile)
    page = page_of(entry)
    assert page.text.count('<script>alert("1")</script>') >= 7 and "b" not in page.tags


def test_reference_table(weak_lstm):
    reference, measure = weak_lstm[1].tiers["full"], weak_lstm[1].measure
    table = card.reference_table(reference, measure)
    assert table.columns == ("run", f"test {measure.title}", metric("mae").title, "training")
    assert table.strong == [2] and table.rows[0][0] == "seed 0"
    assert table.rows[1:] == [
        ("seed 1", "0.0990", "0.2600", "1 s"),
        ("mean ± std", "0.0620 ± 0.0523 (n = 2)", "0.2600 ± 0.0000", ""),
        ("baseline: repeat last", "0.0340", "0.1390", ""),
        ("baseline: seasonal repeat", "0.2000", "", ""),
        ("limit: linear", "0.0278", "", ""),
    ]


def test_card_tells_which_published_results_lose_and_which_win(weak_lstm, monkeypatch, command):
    entry, recorded = weak_lstm
    monkeypatch.setattr(evidence, "read", lambda entry: recorded)
    text = page_of(entry).text
    terminal = " ".join(command("show", entry.name, "--full")[1].replace("│", " ").split())
    for shown in (text, terminal):
        assert "repeat last (0.0340)" in shown and "0.1390" in shown, "each in its own metric"
        assert "seasonal repeat (0.2000)" not in shown
    assert "does NOT beat" in text
    better = [line for line in caveats.caveats(entry, recorded) if "0.2470" in line]
    assert better, "Informer's MAE is better than the made-up 0.26"
    monkeypatch.undo()
    assert not any("Informer" in line for line in caveats.caveats(entry, evidence.read(entry)))


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        (0.96, "accuracy", {}),
        (0.9637, "accuracy", {"linear": 0.9638}),
        (0.95, "accuracy", {"linear": 0.9638}),
        (0.1, "mse", {}),
    ],
)
def test_a_published_result_loses_only_beyond_its_rounding(value, name, expected):
    made_up = recorded_as(registry.get_entry("mnist_cnn@digits"), [0.99], {"linear": 0.9638})
    published = Published(value=value, metric=name, source="", conditions="")
    assert caveats.loses_to(published, made_up) == expected


def test_limits_are_derived_from_what_is_recorded(monkeypatch):
    entry = dataclasses.replace(registry.get_entry("mnist_cnn@digits"), seeds=5)
    weak = recorded_as(entry, [0.95], {"linear": 0.9638, "majority_class": 0.08})
    close = recorded_as(entry, [0.9640, 0.9641, 0.9642, 0.9640, 0.9641], {"linear": 0.9638})
    weak_limits, close_limits = (" ".join(caveats.caveats(entry, e)) for e in (weak, close))
    for fact in ("Does not beat", "linear has 96.38 %", "one seed", f"{entry.seeds} seeds; 1 "):
        assert fact in weak_limits and fact not in close_limits
    assert "two such standard errors" in close_limits
    entry = registry.get_entry("text_lstm@imdb")
    short = [c for c in caveats.caveats(entry, evidence.read(entry)) if "tier smoke" in c]
    assert "linear" in short[0], "the short recipe loses to a baseline"
    monkeypatch.setattr(evidence, "read", lambda entry: weak)
    text = page_of(entry).text
    assert "does NOT beat" in text and "model's structure changed" in text


def test_card_tells_that_a_reference_is_out_of_date(command, private_registry):
    model = registry.get_model("mnist_cnn_small")
    entry = model.entries["digits"]
    changed = dataclasses.replace(entry, recipe=entry.recipe.replace(batch_size=16))
    entries = {**model.entries, "digits": changed}
    registry._models["mnist_cnn_small"] = dataclasses.replace(model, entries=entries)
    stale = f"recipe field batch_size was {entry.recipe.batch_size}, is 16"
    told = json.loads(command("show", "mnist_cnn_small@digits", "--json")[1])["caveats"]
    assert sum(stale in line for line in told) == 2, "both tiers"
    assert stale in " ".join(command("show", "mnist_cnn_small@digits", "--full")[1].split())


@pytest.mark.parametrize(
    ("also", "count"),
    [
        ({"smallest_class": 0.03, "largest_class": 0.12, "diversity": 0.9}, 1),
        ({"smallest_class": 0.06, "largest_class": 0.2, "diversity": 0.9}, 1),
        ({"smallest_class": 0.0, "largest_class": 0.9, "diversity": 0.5}, 2),
        ({"smallest_class": 0.06, "largest_class": 0.12, "diversity": 0.9}, 0),
        ({"mae": 1.0}, 0),
    ],
)
def test_uneven_and_alike_images_are_reported(also, count, command, monkeypatch):
    runs = [{"smallest_class": 0.1, "largest_class": 0.1, "diversity": 1.0}, also]
    assert len(caveats.uneven(runs)) == count
    result = evaluate.Evaluation(
        "dcgan@digits", "dcgan@digits", "fd_mnist_cnn_digits_10k", 300.0, 300.0, 1.0, 360, also
    )
    monkeypatch.setattr(evaluate, "evaluate", lambda source: result)
    assert command("evaluate", "dcgan@digits")[1].count("note: ") == count


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """The index and the cards of a few entries of different make."""
    names = [
        *("stacked_lstm@etth1_multivariate", "linear_regression@diabetes", "dcgan@digits"),
        *("mnist_cnn@digits", "mnist_cnn_fast@fashion_mnist"),
    ]
    directory = tmp_path_factory.mktemp("gallery")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "list_entries", lambda: names)
        assert card.write_all(directory) == len(names)
    return directory


def test_the_index_links_to_every_card_and_shows_its_plot_and_result(gallery):
    pages = {
        path.name: Page(path.read_text(encoding="utf-8"), scripts=1) for path in gallery.iterdir()
    }
    index = pages.pop(card.INDEX)
    assert sorted(index.links) == sorted(pages)
    assert index.tags.count("img") == len(pages)
    for name, page in pages.items():
        entry = registry.get_entry(name.removesuffix(".html"))
        assert page.links == [card.INDEX] and card.headline(entry)[0] in index.text
        assert page.tags.count("img") >= len(card.kept_files(entry)), "the hero is not lost"


def test_cards_fit_the_screen_in_a_browser(gallery, tmp_path):
    look_in_a_browser(gallery.iterdir(), tmp_path)


@pytest.mark.slow
def test_all_cards_fit_the_screen_in_a_browser(tmp_path):
    cards = tmp_path / "cards"
    assert card.write_all(cards) == len(registry.list_entries())
    look_in_a_browser(cards.iterdir(), tmp_path)


def test_what_cannot_be_a_card_is_an_error(refused, in_tmp):
    (in_tmp / "folder.html").mkdir()
    (in_tmp / "file").write_text("")
    for arguments in (
        ["mnist_cn", "--html", "card.html"],
        ["mnist_cnn", "--html", "card.pdf"],
        ["mnist_cnn", "--html", "folder.html"],
        ["mnist_cnn_small@digits", "--html", "file/card.html"],
        ["--all"],
        ["mnist_cnn", "--all", "--html", "cards"],
        ["--all", "--html", "card.html"],
        ["--all", "--html", "file"],
    ):
        refused("show", *arguments)
    assert sorted(p.name for p in in_tmp.iterdir()) == ["file", "folder.html"]


def test_plots_in_the_package_are_small_and_may_be_shared():
    for name in registry.list_entries():
        entry = registry.get_entry(name)
        kept = card.kept_files(entry)
        assert kept, name
        assert all(p.stat().st_size < 200_000 and p.read_bytes()[1:4] == b"PNG" for p in kept)
        shared = "not stated" not in registry.get_dataset(entry.dataset).license
        assert shared or card.NOT_FOR_SHARING not in {p.name for p in kept}


def test_kept_plots_are_small_colored_and_those_of_the_last_run(tmp_path, monkeypatch):
    monkeypatch.setattr(card, "kept_directory", lambda entry: tmp_path / "kept")
    run, entry = tmp_path / "run", registry.get_entry("stacked_lstm@etth1")
    run.mkdir()
    whole = ROOT / "benchmarks" / "plots" / "stacked_lstm@etth1-forecasts.png"
    for name in ("forecasts.png", "older.png"):
        shutil.copy(whole, run / name)
    card.keep_plots(entry, run)
    (run / "older.png").unlink()
    card.keep_plots(entry, run)
    (kept,) = card.kept_files(entry)
    assert kept.stat().st_size < whole.stat().st_size
    with Image.open(kept) as image:
        assert image.mode == "P" and image.width <= card.KEPT_WIDTH
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    for color in (BLUE, ORANGE, GREEN):  # thin lines keep their hue, if half white
        hue = (255 - np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])) * 0.7
        assert np.abs((255 - pixels) - hue).sum(axis=1).min() < 80, color


def test_plots_are_made_again_from_the_bundled_weights(tmp_path, monkeypatch):
    entry = registry.get_entry("mnist_cnn_small@digits")
    before = {p.name: p.read_bytes() for p in card.kept_files(entry)}
    monkeypatch.setattr(card, "kept_directory", lambda entry: tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "learning_curves.png").write_bytes(before["learning_curves.png"])
    reproduce.plot_again([entry])
    after = {p.name: p.read_bytes() for p in card.kept_files(entry)}
    assert after.keys() == before.keys()
    assert after["learning_curves.png"] == before["learning_curves.png"]


@pytest.mark.parametrize("name", registry.list_entries())
def test_code_on_the_card_is_valid(name):
    for snippet in card.card(registry.get_entry(name))["usage"]:
        if snippet["language"] == "python":
            compile(snippet["code"], name, "exec")
            continue
        for line in snippet["code"].splitlines():
            program, *arguments = shlex.split(line)
            assert program == "kerazoo"
            parser().parse_args(arguments)


@pytest.mark.parametrize(
    "name",
    [
        "mnist_cnn@digits",
        "linear_regression@diabetes",
        "stacked_lstm@sine",
        pytest.param("dcgan@digits", marks=pytest.mark.slow),
    ],
)
def test_python_on_the_card_runs(name, in_tmp, capsys):
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(in_tmp / "image.png")
    for snippet in card.card(registry.get_entry(name))["usage"]:
        if snippet["language"] == "python":
            exec(compile(snippet["code"], name, "exec"), {})
    assert capsys.readouterr().out


@pytest.mark.parametrize(("missed", "weights_help"), [(6, True), (94, False)])
def test_balance_is_advised_only_where_the_missed_class_is_smaller(missed, weights_help):
    found = {"examples": 94, "precision": 0.5}
    classes = {"a": found, "b": {"examples": missed, "precision": None}}
    metrics = {"metric": "accuracy", "also": {}, "by_class": classes}
    metrics |= {"examples": 94 + missed, "value": 0.9}
    never = caveats.of_result(metrics, balanced=False)[0]
    assert ("--balance" in never) == weights_help
