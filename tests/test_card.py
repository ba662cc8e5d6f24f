"""The model card: whole, escaped, self-contained, honest; its drawings touch nothing else."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

import kerazoo
from kerazoo import building, registry
from kerazoo.cli import tables
from kerazoo.cli.arguments import parser
from kerazoo.evidence import card, caveats, reference_table
from kerazoo.evidence import record as recording
from kerazoo.evidence import recorded_plots as recorded_pictures
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.reference import Evidence, RecordedRun, Reference
from kerazoo.metrics import metric
from kerazoo.plots import dot_plot
from kerazoo.plots.learning_curves import BLUE, GREEN, ORANGE
from kerazoo.spec import Published, networks_of

VOID = {"meta", "img", "br", "hr", "link", "input"}
HOSTILE = '</pre><script>alert("1")</script> & "<b>'


class Page(HTMLParser):
    """Reads a page strictly: every tag is closed in order; keeps text and what is loaded."""

    def __init__(self, source: str):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.loads += [v for k, v in attributes if k in ("src", "href", "xlink:href", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def read(source: str) -> Page:
    page = Page(source)
    assert all(load.startswith(("#", "data:image/png;base64,")) for load in page.loads)
    assert "script" not in page.tags and "url(" not in source and "@import" not in source
    return page


def recorded_as(entry, values, baselines, *, beside=None, also=None, limits=None) -> Evidence:
    """Evidence that a test makes up."""
    runs = tuple(
        RecordedRun(
            seed=seed,
            value=value,
            standard_error=0.001,
            seconds=1.0,
            weights_sha256="",
            fingerprint="",
            also=also or {},
        )
        for seed, value in enumerate(values)
    )
    reference = Reference(
        recipe=dataclasses.asdict(entry.recipe),
        model="",
        data="",
        runs=runs,
        baselines=baselines,
        beside=beside or {},
        limits=limits or {},
        environment={"keras": "3", "backend": "tensorflow", "machine": "here"},
    )
    name = registry.metric_of(entry).name
    return Evidence(entry=entry.name, metric=name, parameters=7, tiers={"full": reference})


def test_card_of_an_entry_with_evidence_holds_every_recorded_figure(command, in_tmp):
    status, out, _ = command("show", "mnist_cnn@digits", "--html", "cards/card.html")
    assert status == 0 and "cards/card.html" in out
    page = read((in_tmp / "cards" / "card.html").read_text(encoding="utf-8"))
    entry = registry.get_entry("mnist_cnn@digits")
    recorded = evidence.read(entry)
    for tier, reference in recorded.tiers.items():
        assert f"tier {tier}" in page.text
        for run in reference.runs:
            assert f"seed {run.seed} {recorded.measure.show(run.value)}" in page.text
        for name, value in reference.baselines.items():
            shown = f"baseline: {name.replace('_', ' ')} {recorded.measure.show(value)}"
            assert shown in page.text
        assert reference.environment["machine"] in page.text
    full = recorded.tiers["full"]
    assert recorded.measure.with_spread(full.mean, full.std, full.n) in page.text
    dataset, model = registry.get_dataset("digits"), registry.get_model("mnist_cnn")
    for said in (
        model.summary,
        dataset.licence,
        dataset.source,
        f"n = {full.n} seeds",
        "1,199,882",
    ):
        assert said in page.text
    for layer in building.build_for(entry).layers:
        assert layer.name in page.text
    for part in (*model.citation.splitlines(), *registry.get_model("mnist_cnn").summary.split()):
        assert " ".join(part.split()) in page.text
    source = (in_tmp / "cards" / "card.html").read_text(encoding="utf-8")
    dots = re.search(r'<svg class="dots".*?</svg>', source, re.DOTALL)[0]
    assert dots.count('class="seed"') == full.n and 'class="mean"' in dots
    assert "prefers-color-scheme: dark" in source and "width=device-width" in source


def test_card_of_a_composite_shows_both_networks(in_tmp):
    source = card.page(registry.get_entry("dcgan@digits"))
    page = read(source)
    model = kerazoo.build("dcgan")
    for network in (model.generator, model.discriminator):
        assert f"{len(network.layers)} layers" in page.text
        assert all(layer.name in page.text for layer in network.layers)


@pytest.mark.parametrize("name", ["mnist_cnn@fashion_mnist", "resnet110@cifar10"])
def test_card_without_evidence_says_so_and_why(name):
    entry = registry.get_entry(name)
    page = read(card.page(entry))
    assert f"not measured yet: {entry.unmeasured}" in page.text
    assert f"Not measured yet: {entry.unmeasured}" in page.text
    assert f"kerazoo train {name}" in page.text
    for published in entry.published:
        assert published.source in page.text and published.conditions in page.text


def test_hostile_texts_are_escaped(private_zoo):
    entry = registry.get_entry("bar_net")
    model = registry.get_model("bar_net")
    published = Published(value=0.5, metric="accuracy", source=HOSTILE, conditions=HOSTILE)
    entry = dataclasses.replace(entry, published=(published,), unmeasured=HOSTILE)
    hostile = dataclasses.replace(
        model, summary=HOSTILE, citation=HOSTILE, entries={"bars": entry}, factory=model.factory
    )
    registry._models["bar_net"] = hostile
    model.factory.__doc__ = f"{HOSTILE}\n\nTwo.\n\nArgs:\n    x: {HOSTILE}"
    bars = registry.get_dataset("bars")
    bars.load.__doc__ = HOSTILE
    labels = (HOSTILE, "b", "c")
    registry._datasets["bars"] = dataclasses.replace(
        bars, labels=labels, licence=HOSTILE, source=HOSTILE, measured_on=HOSTILE
    )
    page = read(card.page(entry))
    assert page.text.count('<script>alert("1")</script>') >= 8
    assert "b" not in page.tags


def test_a_private_entry_names_its_module(private_zoo):
    page = read(card.page(registry.get_entry("bar_net")))
    assert "import private_zoo # registers bar_net" in page.text
    assert "kerazoo --import private_zoo train bar_net@bars" in page.text


def test_table_of_a_reference_as_plain_data():
    entry = registry.get_entry("stacked_lstm@etth1")
    made_up = recorded_as(
        entry,
        [0.025, 0.027],
        {"repeat_last": 0.034, "seasonal_repeat": 0.2},
        beside={"repeat_last": {"mae": 0.139}},
        also={"mae": 0.12},
        limits={"linear": 0.0278},
    )
    reference, measure = made_up.tiers["full"], made_up.measure
    titles = ("run", f"test {measure.title}", metric("mae").title, "training")
    assert reference_table.columns(reference, measure) == titles
    rows = list(reference_table.rows(reference, measure))
    assert [row.kind for row in rows] == ["seed", "seed", "mean", "baseline", "baseline", "limit"]
    assert all(len(row.cells) == len(titles) for row in rows)
    assert rows[1].cells == ("seed 1", "0.0270", "0.1200", "1 s")
    assert rows[2].figures == ("0.0260 ± 0.0014 (n = 2)", "0.1200 ± 0.0000")
    assert rows[3].cells == ("baseline: repeat last", "0.0340", "0.1390", "")
    assert rows[4].figures == ("0.2000", ""), "not measured in the other metric"
    assert rows[5].title == "limit: linear"


def test_published_figures_that_lose_to_a_naive_baseline_say_so(monkeypatch, command):
    entry = registry.get_entry("stacked_lstm@etth1")
    made_up = recorded_as(
        entry,
        [0.026, 0.027, 0.025],
        {"repeat_last": 0.034, "seasonal_repeat": 0.2},
        beside={"repeat_last": {"mae": 0.139}, "seasonal_repeat": {"mae": 0.4}},
        also={"mae": 0.12},
        limits={"linear": 0.0278},
    )
    monkeypatch.setattr(evidence, "read", lambda entry: made_up)
    page = read(card.page(entry))
    assert "loses to repeat last (0.0340)" in page.text
    assert "loses to repeat last (0.1390)" in page.text, "by the same metric"
    assert "seasonal repeat (0.2000)" not in page.text.replace("baseline: seasonal repeat", "")
    _, out, _ = command("show", "stacked_lstm@etth1")
    assert "loses to repeat last" in " ".join(out.split())


def test_a_published_figure_loses_only_beyond_its_own_rounding():
    entry = registry.get_entry("mnist_cnn@digits")
    made_up = recorded_as(entry, [0.99], {"linear": 0.9638})

    def loses(value, name="accuracy"):
        figure = Published(value=value, metric=name, source="", conditions="")
        return caveats.loses_to(figure, made_up)

    assert loses(0.96) == {} and loses(0.9637) == {"linear": 0.9638}
    assert loses(0.95) == {"linear": 0.9638} and loses(0.1, "mse") == {}


def test_limits_are_derived_from_what_is_recorded(monkeypatch):
    entry = registry.get_entry("mnist_cnn@digits")
    weak = recorded_as(entry, [0.95], {"linear": 0.9638, "majority_class": 0.08})
    said = " ".join(caveats.caveats(entry, weak))
    assert "Does not beat its best naive baseline: linear has 96.38 %" in said
    assert "one seed" in said and "asks for 5 seeds; 1 are recorded" in said
    close = recorded_as(entry, [0.9640, 0.9641, 0.9642, 0.9640, 0.9641], {"linear": 0.9638})
    assert "less than two such standard errors" in " ".join(caveats.caveats(entry, close))
    monkeypatch.setattr(evidence, "read", lambda entry: weak)
    page = read(card.page(entry))
    assert "does NOT beat its best naive baseline, linear" in page.text
    assert "out of date: the model's structure changed" in page.text


def test_dot_plot_holds_every_figure_on_its_sheet():
    marks = [
        dot_plot.Mark("baseline", "majority class", 0.08),
        dot_plot.Mark("baseline", "linear", 0.9638),
        dot_plot.Mark("published", HOSTILE * 3, 0.9925),
    ]
    for values in ([0.9944] * 5, [0.99], [0.98, 0.99, 0.97]):
        seeds = dict(enumerate(values))
        source = dot_plot.svg(metric("accuracy"), seeds, marks, HOSTILE)
        Page(source)
        assert source.count('class="seed"') == len(values)
        places = {tuple(c) for c in re.findall(r'class="seed" cx="(\S+)" cy="(\S+)"', source)}
        assert len(places) == len(values), "equal figures do not hide each other"
        for x in re.findall(r' (?:cx|x1|x2|x)="(\S+)"', source):
            assert 0 <= float(x) <= dot_plot.WIDTH
        assert "8.00 %, beyond this axis" in source and "96.38 %" in source


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    """A run of mnist_cnn_small@digits, one epoch."""
    folder = tmp_path_factory.mktemp("card") / "run"
    kerazoo.train("mnist_cnn_small@digits", epochs=1, out=folder, progress=False)
    return folder


def test_pictures_of_a_run_are_on_the_card(finished_run, command, in_tmp):
    show = ["show", "mnist_cnn_small@digits", "--html"]
    assert command(*show, "card.HTM", "--run", finished_run)[0] == 0
    source = (in_tmp / "card.HTM").read_text(encoding="utf-8")
    page = read(source)
    assert source.count("<img") == len(list(finished_run.glob("*.png"))) > 1
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert f"{metrics['value']:.2%}".replace("%", " %") in page.text
    assert "epochs 1 in place of" in page.text, "it says that the recipe was changed"
    status, out, _ = command(*show, "card.html", "--json")
    assert status == 0 and json.loads(out)["path"] == "card.html"
    source = (in_tmp / "card.html").read_text(encoding="utf-8")
    kept = recorded_pictures.kept(registry.get_entry("mnist_cnn_small@digits"))
    assert source.count("<img") == len(kept) > 1
    assert "Of the recorded run of seed 0, tier full." in read(source).text


def test_recorded_pictures_are_small_and_those_of_the_first_run(tmp_path, finished_run):
    for name in registry.list_entries():
        entry = registry.get_entry(name)
        there = recorded_pictures.kept(entry)
        assert bool(there) is not bool(entry.unmeasured), name
        assert all(p.stat().st_size < 200_000 for p in there)
        shown = registry.get_dataset(entry.dataset).licence
        assert "not stated" not in shown or "worst_mistakes.png" not in {p.name for p in there}
    weights = registry.get_model("mnist_cnn").evidence / "weights"
    whole = [p for f in (weights, weights.parent / "references") for p in f.rglob("*.*")]
    assert sum(p.stat().st_size for p in whole) < 19e6, "the wheel stays under 20 MB"


@pytest.mark.parametrize("dataset", ["etth1", "etth1_multivariate", "mackey_glass", "sine"])
def test_recorded_forecasts_show_their_colours(dataset):
    """A picture of few colours is drawn with thin lines, whose colours must be among the few."""
    folder = recorded_pictures.folder_of(registry.get_entry(f"stacked_lstm@{dataset}"))
    _require_colours(folder / "forecasts.png")


def test_a_picture_that_is_kept_shows_its_colours(tmp_path, monkeypatch):
    """The one of the benchmarks has every colour that there is: it was not made small."""
    monkeypatch.setattr(recorded_pictures, "folder_of", lambda entry: tmp_path / "kept")
    (tmp_path / "run").mkdir()
    whole = ROOT / "benchmarks" / "pictures" / "stacked_lstm@etth1-forecasts.png"
    shutil.copy(whole, tmp_path / "run" / "forecasts.png")
    recorded_pictures.keep(registry.get_entry("stacked_lstm@etth1"), tmp_path / "run")
    with Image.open(tmp_path / "kept" / "forecasts.png") as kept:
        assert kept.mode == "P" and kept.width <= recorded_pictures.WIDEST
    _require_colours(tmp_path / "kept" / "forecasts.png")


def _require_colours(path):
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
    for colour in (BLUE, ORANGE, GREEN):
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        # Where a thin line covers half of a pixel it is half white, but of the same hue.
        off = np.abs((255 - pixels) - (255 - np.array(wanted)) * 0.7).sum(axis=1)
        assert off.min() < 80, colour


def test_pictures_are_drawn_anew_from_the_bundled_weights(tmp_path, monkeypatch):
    entry = registry.get_entry("mnist_cnn_small@digits")
    before = {p.name: p.read_bytes() for p in recorded_pictures.kept(entry)}
    monkeypatch.setattr(recorded_pictures, "folder_of", lambda entry: tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "learning_curves.png").write_bytes(before["learning_curves.png"])
    drawn = recording.redraw(entry, tmp_path / "whole")
    assert [p.name for p in drawn] == ["confusion_matrix.png", "worst_mistakes.png"]
    after = {p.name: p.read_bytes() for p in recorded_pictures.kept(entry)}
    assert after.keys() == before.keys(), "the learning curves stay"
    assert after["learning_curves.png"] == before["learning_curves.png"]


def test_pictures_of_an_earlier_run_do_not_stay(tmp_path, finished_run, monkeypatch):
    entry = registry.get_entry("mnist_cnn_small@digits")
    monkeypatch.setattr(recorded_pictures, "folder_of", lambda entry: tmp_path)
    (tmp_path / "old.png").write_bytes(b"x")
    recorded_pictures.keep(entry, finished_run)
    there = recorded_pictures.kept(entry)
    assert {p.name for p in there} == {p.name for p in finished_run.glob("*.png")}
    whole = sum(p.stat().st_size for p in finished_run.glob("*.png"))
    assert sum(p.stat().st_size for p in there) < whole
    with Image.open(there[0]) as picture:
        assert picture.width <= recorded_pictures.WIDEST


def test_a_published_figure_has_the_digits_that_it_was_given_with(command):
    _, out, _ = command("show", "stacked_lstm@mackey_glass")
    assert "0.00028" in out
    assert metric("accuracy").as_given(0.9925) == "99.25 %"
    assert metric("accuracy").as_given(0.85) == "85 %"
    assert metric("mse").as_given(0.098) == "0.098"


def test_small_figures_in_natural_units_keep_three_digits_that_say_something():
    natural = metric("mae_natural")
    assert natural.with_spread(0.00123456, 0.000111) == "0.00123 ± 0.00011"
    assert natural.show(4.482e-6) == "0.00000448"
    assert [natural.show(v) for v in (0.0, 0.5, 6.2321, 12345.6)] == [
        "0.000", "0.500", "6.232", "12345.600",
    ]  # fmt: skip
    assert metric("mse").show(4.4e-6) == "0.0000", "standardised: one is a standard deviation"


def test_the_card_says_what_the_model_is_built_with(command):
    entry = registry.get_entry("stacked_lstm@etth1_multivariate")
    status, out, _ = command("show", entry.name, "--json")
    assert status == 0 and json.loads(out)["options"] == entry.options
    rows, _ = tables.recipe_rows(entry)
    assert [r for r in rows if r[0] == "model: linear_path"] == [
        ("model: linear_path", "True", "True")
    ]
    said = " ".join(json.loads(out)["caveats"])
    assert "means over 7 columns" in said and "0.309" in said
    assert not any(
        r[0].startswith("model:") for r in tables.recipe_rows(registry.get_entry("mlp"))[0]
    )


def test_the_card_says_where_a_published_figure_is_better():
    def worse(entry, recorded):
        lines = caveats.caveats(entry, recorded)
        return [line for line in lines if line.startswith("Worse than published")]

    resnet20, lstm = (registry.get_entry(n) for n in ("resnet20@cifar10", "stacked_lstm@etth1"))
    (line,) = worse(resnet20, evidence.read(resnet20))
    assert "against 91.25 % of He et al. 2015" in line and "164 epochs" in line
    assert worse(lstm, evidence.read(lstm)) == [], "less is better there, in both metrics"
    weak = recorded_as(lstm, [0.099], {"linear": 0.0278}, also={"mae": 0.26})
    mse, mae = worse(lstm, weak)  # than Informer's; LSTMa's are worse still
    assert "MSE" in mse and "against 0.0980" in mse and "MAE" in mae and "against 0.2470" in mae


def test_the_card_says_what_a_frechet_distance_is():
    entry = registry.get_entry("dcgan@digits")
    said = " ".join(caveats.caveats(entry, evidence.read(entry)))
    assert "Heusel" in said and "last hidden layer of mnist_cnn@digits" in said
    assert "no figure called FID" in said


@pytest.mark.parametrize(
    ("also", "says"),
    [
        ({"smallest_class": 0.04, "largest_class": 0.12, "diversity": 0.9}, ["uneven"]),
        ({"smallest_class": 0.06, "largest_class": 0.2, "diversity": 0.9}, ["uneven"]),
        ({"smallest_class": 0.06, "largest_class": 0.12, "diversity": 0.5}, ["collapse"]),
        ({"smallest_class": 0.06, "largest_class": 0.12, "diversity": 0.9}, []),
        ({"mae": 1.0}, []),
    ],
)
def test_samples_that_are_uneven_or_alike_are_said(also, says):
    said = caveats.uneven([{"smallest_class": 0.1, "largest_class": 0.1, "diversity": 1.0}, also])
    assert len(said) == len(says)
    assert all(word in line for word, line in zip(says, said, strict=True))


def test_what_cannot_be_a_card_is_a_clear_error(finished_run, command, in_tmp):
    (in_tmp / "folder.html").mkdir()
    (in_tmp / "file").write_text("")
    (in_tmp / "empty").mkdir()
    small = "mnist_cnn_small@digits"
    for arguments, why in (
        (["mnist_cn", "--html", "card.html"], "Did you mean"),
        ([small, "--html", "card.pdf"], "ends in .html or .htm"),
        ([small, "--html", "card"], "ends in .html or .htm"),
        ([small, "--html", "folder.html"], "there is a folder of this name"),
        ([small, "--html", "file/card.html"], "cannot write"),
        ([small, "--run", finished_run], "--run goes with --html"),
        ([small, "--html", "card.html", "--run", "nowhere"], "holds no kerazoo run"),
        ([small, "--html", "card.html", "--run", "empty"], "holds no kerazoo run"),
        (["mnist_cnn_deep@digits", "--html", "card.html", "--run", finished_run], "not of mnist"),
    ):
        status, out, err = command("show", *arguments)
        assert status == 2 and why in err and "Traceback" not in err, arguments
        assert not out
    assert sorted(p.name for p in in_tmp.iterdir()) == ["empty", "file", "folder.html"]


def test_a_damaged_run_is_a_clear_error(finished_run, command, tmp_path):
    import shutil

    def broken(name, change):
        folder = tmp_path / name
        shutil.copytree(finished_run, folder)
        change(folder)
        status, _, err = command(
            "show", "mnist_cnn_small@digits", "--html", "card.html", "--run", folder
        )
        assert status == 2 and "Traceback" not in err
        return err

    assert "not finished" in broken("a", lambda f: (f / "metrics.json").unlink())
    assert "damaged" in broken("b", lambda f: (f / "metrics.json").write_text("{}"))
    later = json.loads((finished_run / "config.json").read_text())
    later["recipe"]["courage"] = 1
    said = broken("e", lambda f: (f / "config.json").write_text(json.dumps(later)))
    assert "recipe fields that this kerazoo does not know: courage" in said
    for content in ("{}", "[]"):
        folder = tmp_path / "f"
        shutil.copytree(finished_run, folder, dirs_exist_ok=True)
        (folder / "metrics.json").write_text(content)
        status, _, err = command("evaluate", folder)
        assert status == 2 and "is damaged" in err
    no_png = "is no PNG"
    assert no_png in broken("c", lambda f: (f / "learning_curves.png").write_text("<svg>"))
    assert "no pictures" in broken("d", lambda f: [p.unlink() for p in f.glob("*.png")])


def test_a_card_is_replaced_whole_or_not_at_all(command, in_tmp, monkeypatch):
    (in_tmp / "card.html").write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kerazoo._files.os.fsync", full)
    status, _, err = command("show", "mnist_cnn_small@digits", "--html", "card.html")
    assert status == 2 and "No space left" in err
    assert (in_tmp / "card.html").read_text() == "old" and len(list(in_tmp.iterdir())) == 1


def test_terminal_card_says_what_the_page_says(command):
    _, out, _ = command("show", "mnist_cnn@digits")
    for said in ("n = 5 seeds", "limits", "kerazoo verify mnist_cnn@digits", "kerazoo.build("):
        assert said in out
    status, out, _ = command("show", "dcgan@digits", "--layers")
    assert status == 0
    for network in networks_of(building.build_for(registry.get_entry("dcgan@digits"))).values():
        assert f"{len(network.layers)} layers, {network.count_params():,} parameters" in out
        assert all(layer.name in out for layer in network.layers)
    assert command("show", "dcgan@digits", "--layers", "--json")[0] == 2
    _, out, _ = command("show", "mnist_cnn@digits", "--json")
    content = json.loads(out)
    assert content["caveats"] and content["usage"] and content["published"] == []


@pytest.mark.parametrize("name", registry.list_entries())
def test_commands_on_the_card_exist(name):
    """Each is a command of kerazoo's with options that it has."""
    content = tables.card(registry.get_entry(name))
    commands = next(s["code"] for s in content["usage"] if s["language"] == "shell")
    for line in commands.splitlines():
        words = re.findall(r'"[^"]*"|\S+', line)
        assert words[0] == "kerazoo"
        parser().parse_args([w.strip('"') for w in words[1:]])
    for snippet in content["usage"]:
        if snippet["language"] == "python":
            compile(snippet["code"], name, "exec")


RUN_HERE = (
    "mnist_cnn@digits",
    "dcgan@digits",
    "linear_regression@diabetes",
    "mlp@digits",
    "stacked_lstm@sine",
)


@pytest.mark.parametrize("name", [n for n in RUN_HERE if n in registry.list_entries()])
def test_python_on_the_card_runs(name, in_tmp, capsys):
    """All but the training, which the tests of training run."""
    from PIL import Image

    Image.fromarray(np.zeros((28, 28), np.uint8)).save(in_tmp / "picture.png")
    for snippet in tables.card(registry.get_entry(name))["usage"]:
        if snippet["language"] == "python" and "kerazoo.train(" not in snippet["code"]:
            code = re.sub(r"report(?s:.*)", "", snippet["code"])  # verify trains; see below
            exec(compile(code, name, "exec"), {})
    assert capsys.readouterr().out


def test_the_verify_call_on_the_card_runs(in_tmp, monkeypatch):
    asked = []
    monkeypatch.setattr(kerazoo, "verify", lambda *a, **o: asked.append((a, o)) or Report())
    monkeypatch.setattr(kerazoo, "evaluate", lambda name: name)

    class Report:
        table = passed = ""

    content = tables.card(registry.get_entry("mnist_cnn@digits"))
    code = next(s["code"] for s in content["usage"] if "kerazoo.verify" in s["code"])
    exec(compile(code, "card", "exec"), {})
    assert asked == [(("mnist_cnn@digits",), {"tier": "smoke"})]
