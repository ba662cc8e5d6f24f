"""Card of an entry: everything that is known of it, as data, as sections and as one HTML file.

A card is a list of sections, each a list of parts: text, code, bullets, tables and images. The
terminal, the HTML page and the Markdown card of a fine-tuned model render the same parts. The
index of all cards is itself a card, of tiles.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import inspect
import io
import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import __version__, building, registry
from kerazoo._files import write_bytes, write_text
from kerazoo._lazy import keras
from kerazoo._parts import LONG_TABLE, Bullets, Code, Image, Part, Section, Table, Text, images
from kerazoo.errors import KerazooError
from kerazoo.evidence import caveats
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.reference import Evidence, Reference
from kerazoo.metrics import Metric, best_baseline, duration, metric, plain
from kerazoo.spec import TIERS, Dataset, Entry, networks_of

if TYPE_CHECKING:
    from markupsafe import Markup

KEPT_WIDTH, KEPT_COLORS = 1_000, 48  # of the plots that come with the package
NOT_FOR_SHARING = "worst_errors.png"  # shows test images, which not every license lets us share
PHOTOS = ("worst_errors", "samples_over_training")  # keep their colors on a dark page
HEROES = (*PHOTOS, "forecasts", "predicted_against_true")  # the first of a card's plots is its head
INDEX, TILE_WIDTH = "index.html", 480
LICENSE = "Apache-2.0"  # of the code and the weights that come with it


@dataclass(frozen=True)
class Card:
    """A page.

    Attributes:
        title: name of the entry.
        summary: one sentence.
        result: one line.
        about: one more line.
        sections: those without parts are left out.
        plots: all plots; the most telling one stands at the head.
        measured: there is a result.
        home: address of the index; empty without one.
        groups: other cards, which it links to, by title of their group.
    """

    title: str
    summary: str
    result: str
    about: str
    sections: Sequence[Section]
    plots: Sequence[Part] = ()
    measured: bool = True
    home: str = ""
    groups: Mapping[str, Sequence[Card]] = dataclasses.field(default_factory=dict)

    @property
    def hero(self) -> Image | None:
        """The plot at the head."""
        found = {Path(p.name).stem: p for p in self.plots if isinstance(p, Image)}
        return next((found[name] for name in (*HEROES, *found) if name in found), None)

    def html(self) -> str:
        """The page; every text is escaped by the template."""
        return render("card.html.jinja", card=self, long=LONG_TABLE, photos=PHOTOS)


def entry_row(entry: Entry, survive: bool = False) -> dict[str, Any]:
    """One entry of ``kerazoo list --json``; with ``survive`` a damaged reference is its error."""
    try:
        dataset = registry.get_dataset(entry.dataset)
    except KerazooError as error:
        raise KerazooError(f"entry {entry.name}: {error}") from None
    try:
        recorded, damage = evidence.read(entry), ""
    except KerazooError as error:  # the others can be listed all the same
        if not survive:
            raise
        recorded, damage = evidence.empty(entry), str(error)
    full = recorded.tiers.get("full")
    return {
        "entry": entry.name,
        "model": entry.model,
        "dataset": entry.dataset,
        "task": registry.task_of(entry).name,
        "metric": recorded.metric,
        "higher_is_better": recorded.measure.higher_is_better,
        "mean": full.mean if full else None,
        "std": full.std if full else None,
        "n": full.n if full else 0,
        "parameters": recorded.parameters,
        "baselines": full.baselines if full else {},
        "limits": full.limits if full else {},
        "measured_on": dataset.measured_on,
        "bundled_weights": recorded.weights is not None,
        "train_seconds": statistics.median(r.seconds for r in full.runs) if full else None,
        "offline": dataset.offline,
        "summary": registry.get_model(entry.model).summary,
        "error": damage,
    }


def card(entry: Entry) -> dict[str, Any]:
    """The card as data (``kerazoo show --json``)."""
    model, recorded = registry.get_model(entry.model), evidence.read(entry)
    dataset = registry.get_dataset(entry.dataset)
    names = ("name", "input_shape", "labels", "columns", "targets", "measured_on", "license")
    return {
        **entry_row(entry),
        "description": _doc(model.factory),
        "seeds": entry.seeds,
        "data": {
            **{name: getattr(dataset, name) for name in (*names, "source")},
            "description": _doc(dataset.load),
            "windows": dataclasses.asdict(dataset.windows) if dataset.windows else None,
        },
        "options": dict(entry.options),
        "recipes": {tier: dataclasses.asdict(entry.recipe_for(tier)) for tier in TIERS},
        "reference": {
            tier: dataclasses.asdict(r) | {n: getattr(r, n) for n in ("mean", "std", "n", "also")}
            for tier, r in recorded.tiers.items()
        },
        "weights": dataclasses.asdict(recorded.weights) if recorded.weights else None,
        "published": [
            {**dataclasses.asdict(p), "loses_to": caveats.loses_to(p, recorded)}
            for p in entry.published
        ],
        "usage": [
            {"title": code.title, "language": code.language, "code": code.text}
            for code in usage(entry, recorded)
        ],
        "caveats": caveats.caveats(entry, recorded),
        "citation": model.citation,
    }


def sections(
    entry: Entry, plots: Sequence[Part] | None = None, network: keras.Model | None = None
) -> list[Section]:
    """Sections of a card; without ``plots`` and ``network`` no Keras and Matplotlib is imported."""
    model, recorded = registry.get_model(entry.model), evidence.read(entry)
    dataset = registry.get_dataset(entry.dataset)
    use = (
        f"For teaching, for comparing models and training methods on {dataset.name} under one "
        "protocol, and as a start for fine-tuning. Not tested on other data."
    )
    found = [
        Section("How to use it", usage(entry, recorded)),
        Section("What it is", [Text(_doc(model.factory)), _model_facts(entry, recorded)]),
        Section("Results", _results(entry, recorded, dataset, with_plots=plots is not None)),
        Section("Published elsewhere", _published(entry, recorded)),
        Section("Data", [Text(_doc(dataset.load)), _facts(dataset)]),
        Section("Plots", plots or []),
        Section("Architecture", [] if network is None else layers(network)),
        Section("Recipe", [recipe_table(entry)]),
        Section(
            "Intended use and limits",
            [Text(use), Bullets(caveats.caveats(entry, recorded, network))],
        ),
        Section("Citation", [Code(model.citation, language="bibtex")]),
    ]
    return [section for section in found if section.parts]


def _model_facts(entry: Entry, recorded: Evidence) -> Table:
    """Size, and license of what comes with kerazoo."""
    from rich.filesize import decimal

    ours = registry.get_model(entry.model).evidence == Path(__file__).parent
    path = evidence.weights_path(entry) if recorded.weights else None
    return Table.of_facts(
        {
            "parameters": f"{recorded.parameters:,}" if recorded.parameters else "",
            "license": f"{LICENSE} for code and weights; see below for the data" if ours else "",
            "weights": f"{decimal(path.stat().st_size)}, installed with the model" if path else "",
        }
    )


def _doc(function: Callable[..., Any]) -> str:
    """Docstring without roles of Sphinx."""
    return re.sub(r":\w+:`", "`", inspect.getdoc(function) or "")


def headline(entry: Entry) -> tuple[str, str]:
    """Result in one line, and facts in another."""
    row = entry_row(entry)
    measure = metric(row["metric"])
    about = [f"{plain(row['task'])} on {row['dataset']}"]
    if row["parameters"]:
        about.append(f"{row['parameters']:,} parameters")
    if row["mean"] is None:
        return "not measured yet", about[0]
    best = best_baseline(row["baselines"], measure)
    if best:
        beats = "beats" if measure.is_better(row["mean"], best[1]) else "does NOT beat"
        about.append(f"{beats} its best baseline, {plain(best[0])} ({measure.show(best[1])})")
    result = measure.with_spread(row["mean"], row["std"], row["n"])
    return f"{result} test {measure.title}", " · ".join(about)


def usage(entry: Entry, recorded: Evidence) -> list[Code]:
    """Lines to copy, in Python and for the shell, that work with what is recorded."""
    dataset, task = registry.get_dataset(entry.dataset), registry.task_of(entry)
    module = registry.get_model(entry.model).factory.__module__
    opening, program = ["import kerazoo"], "kerazoo"
    if module.split(".")[0] not in ("kerazoo", "__main__"):  # it registers itself when imported
        opening.append(f"import {module}  # registers {entry.model}")
        program += f" --import {module}"
    opening.append("")
    if recorded.weights is not None:
        title, name, source = "use the trained weights", entry.name, f'"{entry.name}"'
        lines = [f'model = kerazoo.build("{entry.model}", weights="{entry.dataset}")']
        commands = []
    else:
        title, name, source = "train it and use it", "runs/mine", "run.path"
        lines = [f'run = kerazoo.train("{entry.name}", seed=0)', "model = run.model"]
        commands = [f"train {entry.name} --out {name}"]
    example = task.example(dataset, source)
    if any("data." in line for line in example):
        lookback = entry.recipe.lookback
        options = "" if dataset.windows is None or not lookback else f", lookback={lookback}"
        lines.append(f'data = kerazoo.load_data("{dataset.name}"{options})')
    commands += [f"evaluate {name}", task.example_command(dataset, name)]
    commands += [f"verify {entry.name} --tier {tier}" for tier in recorded.tiers]
    if not recorded.tiers:
        commands.append(f"verify {entry.name} --seeds {entry.seeds} --record")
    text = "\n".join(f"{program} {command}" for command in commands if command)
    python = Code("\n".join([*opening, *lines, *example]), title, "python")
    return [python, Code(text, "on the command line", "shell")]


def _results(entry: Entry, recorded: Evidence, dataset: Dataset, with_plots: bool) -> list[Part]:
    parts: list[Part] = []
    for tier, reference in recorded.tiers.items():
        spread = recorded.measure.with_spread(reference.mean, reference.std, reference.n)
        copy = f"; data: {dataset.measured_on}" if dataset.measured_on else ""
        table = reference_table(reference, recorded.measure)
        title = f"tier {tier}: {recorded.measure.title} {spread}"
        note = f"measured with {measured_with(reference)}{copy}"
        parts.append(dataclasses.replace(table, title=title, note=note))
        if with_plots:
            parts.append(_seeds_plot(entry, tier, reference, recorded.measure))
    return parts


def _seeds_plot(entry: Entry, tier: str, reference: Reference, measure: Metric) -> Image:
    """Plot of the seeds of a tier, with baselines, limits and published results."""
    from kerazoo.plots.figure import to_bytes
    from kerazoo.plots.seeds import Mark, seeds_plot

    marks = [Mark("baseline", plain(n), v) for n, v in reference.baselines.items()]
    marks += [Mark("limit", plain(n), v) for n, v in reference.limits.items()]
    if tier == "full":  # nobody else publishes what the short recipe should give
        same = [p for p in entry.published if p.metric == measure.name]
        marks += [Mark("published", p.source, p.value) for p in same]
    content = to_bytes(seeds_plot(measure, [run.value for run in reference.runs], marks), "svg")
    return Image(f"{measure.title} of every seed, tier {tier}", f"{tier}.svg", content)


def reference_table(reference: Reference, measure: Metric) -> Table:
    """Every seed of a reference, the mean, then baselines and limits."""
    others = [metric(name) for name in reference.also]
    columns = ("run", f"test {measure.title}", *(m.title for m in others), "training")
    rows = []
    for run in reference.runs:
        values = (measure.show(run.value), *(m.show(run.also[m.name]) for m in others))
        rows.append((f"seed {run.seed}", *values, duration(run.seconds)))
    spread = measure.with_spread(reference.mean, reference.std, reference.n)
    means = (m.with_spread(*reference.also[m.name]) for m in others)
    rows.append(("mean ± std", spread, *means, ""))
    for kind, values_by_name in (("baseline", reference.baselines), ("limit", reference.limits)):
        for name, value in values_by_name.items():
            also = reference.baseline_metrics.get(name, {})  # not every metric need be recorded
            rest = (m.show(also[m.name]) if m.name in also else "" for m in others)
            rows.append((f"{kind}: {plain(name)}", measure.show(value), *rest, ""))
    return Table(columns, rows, range(1, len(columns)), strong=[reference.n])


def measured_with(reference: Reference) -> str:
    """``Keras 3.15.1 on tensorflow 2.21.0, Python 3.11.2, <machines>, engine auto``."""
    environment = reference.environment
    backend = environment["backend"]
    return (
        f"Keras {environment['keras']} on {backend} {environment.get(backend, '')}, "
        f"Python {environment.get('python', 'unknown')}, {' and '.join(reference.machines)}, "
        f"engine {reference.engine}"
    )


def _published(entry: Entry, recorded: Evidence) -> list[Part]:
    rows = [
        (
            metric(p.metric).title,
            metric(p.metric).as_given(p.value),
            p.source,
            p.conditions,
            caveats.loses_sentence(p.metric, caveats.loses_to(p, recorded)),
        )
        for p in entry.published
    ]
    columns = ("metric", "value", "source", "conditions", "against our baselines")
    note = "Measured by others, under other conditions."
    return [Table(columns, rows, [1], note=note)] if rows else []


def _facts(dataset: Dataset) -> Table:
    values = {
        "name": dataset.name,
        "one example": " × ".join(map(str, dataset.input_shape)),
        "classes": ", ".join(dataset.labels),
        "columns": ", ".join(dataset.columns),
        "targets": ", ".join(dataset.targets),
        "windows": "",
        "license": dataset.license,
        "source": dataset.source,
        "measured on": dataset.measured_on,
        "offline": "yes" if dataset.offline else "after the first load",
    }
    if windows := dataset.windows:
        season = f", season {windows.season}" if windows.season else ""
        values["windows"] = (
            f"lookback {windows.lookback} (a recipe may choose another), horizon {windows.horizon},"
            f" lead {windows.lead}{season}; one step is one {windows.step}"
        )
    return Table.of_facts(values)


def recipe_table(entry: Entry) -> Table:
    """Recipes of all tiers next to each other, after the options that the model is built with.

    One row per field that some tier uses, ``–`` where a tier does not use it.
    """
    used = [entry.recipe_for(tier).in_use() for tier in TIERS]
    names = [name for name in vars(entry.recipe) if any(name in recipe for recipe in used)]
    rows = [
        *((f"model: {name}", *[str(value)] * len(TIERS)) for name, value in entry.options.items()),
        *((name, *(str(recipe.get(name, "–")) for recipe in used)) for name in names),
    ]
    return Table(("field", *TIERS), rows, range(1, len(TIERS) + 1))


def layers(model: keras.Model) -> list[Table]:
    """Layers of each network, and of those inside: name, type, output shape, parameters."""
    columns = ("layer", "type", "output shape", "parameters")
    tables, networks = [], [*networks_of(model).values()]
    for network in networks:
        networks += [layer for layer in network.layers if hasattr(layer, "layers")]
        trainable = sum(math.prod(w.shape) for w in network.trainable_weights)
        title = (
            f"{network.name}: {len(network.layers)} layers, {network.count_params():,} parameters, "
            f"{trainable:,} of them trainable"
        )
        rows = [
            (layer.name, type(layer).__name__, _output_shape(layer), f"{layer.count_params():,}")
            for layer in network.layers
        ]
        tables.append(Table(columns, rows, [3], title=title))
    return tables


def _output_shape(layer: keras.Layer) -> str:
    """Output shape without the batch; ``–`` where a layer is called twice and has no single one."""
    try:
        shapes = [tensor.shape[1:] for tensor in keras.tree.flatten(layer.output)]
    except (AttributeError, ValueError):
        return "–"
    return ", ".join(" × ".join(str(n or "?") for n in shape) or "scalar" for shape in shapes)


def write_card(entry: Entry, path: Path) -> None:
    """Write the card of an entry as one HTML file that needs no network.

    Args:
        entry: the entry.
        path: file that ends in ``.html`` or ``.htm``; replaced if it exists.

    Raises:
        KerazooError: another file name, the model cannot be built, or the file cannot be written.
            ``path`` is then as before.
    """
    if path.suffix.lower() not in (".html", ".htm") or path.is_dir():
        raise KerazooError(f"--html {path}: give the name of a file, ending in .html or .htm.")
    write_text(path, page(entry, kept_plots(entry)).html())


def write_all(directory: Path) -> int:
    """Write the cards of all entries and their gallery, ``index.html``; returns their number.

    Raises:
        KerazooError: a file cannot be written, or a model cannot be built.
    """
    if directory.suffix.lower() in (".html", ".htm") or directory.is_file():
        raise KerazooError(f"--html {directory}: --all takes the name of a directory.")
    groups: dict[str, list[Card]] = {}
    for name in registry.list_entries():
        entry = registry.get_entry(name)
        card = page(entry, kept_plots(entry), INDEX)
        write_text(directory / f"{name}.html", card.html())
        if hero := card.hero:
            hero = dataclasses.replace(hero, content=_in_few_colors(hero.content, TILE_WIDTH))
        tile = dataclasses.replace(card, sections=(), plots=(hero,) if hero else ())
        groups.setdefault(registry.task_of(entry).name, []).append(tile)
    groups, count = dict(sorted(groups.items())), sum(map(len, groups.values()))
    about = "Results are means over all seeds on the test split, with their standard deviation."
    index = Card("kerazoo", "All models of the zoo.", f"{count} cards", about, (), groups=groups)
    write_text(directory / INDEX, index.html())
    return count


def page(entry: Entry, plots: Sequence[Part] = (), home: str = "") -> Card:
    """The card of an entry with all its sections."""
    found = sections(entry, plots, building.build_for(entry))
    summary = registry.get_model(entry.model).summary
    measured = bool(evidence.read(entry).tiers)
    return Card(entry.name, summary, *headline(entry), found, plots, measured, home)


def render(template: str, **content: Any) -> str:
    """A card by a template of this directory; one for HTML escapes all that is inserted."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=jinja2.select_autoescape(["html.jinja"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"inline": _inline, "sha256": _checksum}
    return environment.get_template(template).render(version=__version__, **content)


def _checksum(script: str) -> str:
    """By which a page allows its own script and no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _inline(text: str) -> Markup:
    """Paragraph of a docstring: ``code`` between backticks."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(?s)(`{1,2})(.+?)\1", r"<code>\2</code>", str(escape(text))))


def kept_plots(entry: Entry) -> list[Part]:
    """Plots of the first recorded run, whose weights may come with the package; empty without."""
    recorded, files = evidence.read(entry), kept_files(entry)
    if "full" not in recorded.tiers or not files:
        return []
    seed = min(run.seed for run in recorded.tiers["full"].runs)
    half = ", or its bundled float16 weights" * (recorded.weights is not None)
    return [
        Text(f"Recorded run of seed {seed}, tier full{half}.", "note"),
        *images(files),
    ]


def kept_directory(entry: Entry) -> Path:
    """Directory of the plots that come with an entry, whether there are any or not."""
    return registry.get_model(entry.model).evidence / "references" / "plots" / entry.name


def kept_files(entry: Entry) -> list[Path]:
    """The plots that come with an entry, by name."""
    return sorted(kept_directory(entry).glob("*.png"))


def keep_plots(entry: Entry, run: Path, *, all_there: bool = True) -> None:
    """Write the plots of a run in few colors, and remove those of an earlier one.

    With ``all_there=False`` the directory holds some of a run's plots, and the others stay.
    """
    found = {path.name: path for path in sorted(run.glob("*.png"))}
    if registry.get_dataset(entry.dataset).license.startswith("not stated"):
        found.pop(NOT_FOR_SHARING, None)
    for name, path in found.items():
        write_bytes(kept_directory(entry) / name, _in_few_colors(path.read_bytes(), KEPT_WIDTH))
    for old in kept_files(entry) if all_there else ():
        if old.name not in found:
            old.unlink()


def _in_few_colors(content: bytes, width: int) -> bytes:
    from PIL import Image as Pillow

    with Pillow.open(io.BytesIO(content)) as opened:
        image = opened.convert("RGB")
    image.thumbnail((width, image.height), Pillow.Resampling.LANCZOS)
    # Median cut gives its colors to what covers much, so that thin lines came out gray.
    few = image.quantize(
        KEPT_COLORS, Pillow.Quantize.MAXCOVERAGE, kmeans=3, dither=Pillow.Dither.NONE
    )
    file = io.BytesIO()
    few.save(file, "PNG", optimize=True)
    return file.getvalue()
