"""Card of an entry: everything that is known of it, as data, as sections and as one HTML file.

A card is a list of sections, each a list of parts: text, code, bullets, tables and images. The
terminal, the HTML page and the Markdown card of a fine-tuned model render the same parts.
"""

from __future__ import annotations

import dataclasses
import inspect
import io
import math
import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import __version__, building, registry
from kerazoo._files import write_bytes, write_text
from kerazoo._lazy import keras
from kerazoo._parts import LONG_TABLE, MOST_BYTES, Bullets, Code, Image, Part, Section, Table, Text
from kerazoo.errors import KerazooError
from kerazoo.evidence import caveats
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.reference import Evidence, Reference
from kerazoo.metrics import Metric, best_baseline, duration, metric, plain
from kerazoo.spec import TIERS, Dataset, Entry, networks_of

if TYPE_CHECKING:
    from markupsafe import Markup

PNG = b"\x89PNG\r\n\x1a\n"
KEPT_WIDTH, KEPT_COLORS = 1_000, 48  # of the plots that come with the package
NOT_FOR_SHARING = "worst_errors.png"  # shows test images, which not every license lets us share


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
        "unmeasured": entry.unmeasured,
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
    facts = ("name", "input_shape", "labels", "columns", "targets", "measured_on", "license")
    return {
        **entry_row(entry),
        "description": _doc(model.factory),
        "seeds": entry.seeds,
        "data": {
            **{name: getattr(dataset, name) for name in (*facts, "source")},
            "description": _doc(dataset.load),
            "windows": dataclasses.asdict(dataset.windows) if dataset.windows else None,
        },
        "options": dict(entry.options),
        "recipes": {tier: dataclasses.asdict(entry.recipe_for(tier)) for tier in TIERS},
        "reference": {
            tier: {
                **{name: getattr(r, name) for name in ("mean", "std", "n", "also")},
                **{name: getattr(r, name) for name in ("baselines", "limits", "beside")},
                "runs": [dataclasses.asdict(run) for run in r.runs],
                "environment": r.environment,
            }
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
    found = [
        Section("How to use it", usage(entry, recorded)),
        Section("What it is", [Text(_doc(model.factory))]),
        Section("Results", _results(entry, recorded, dataset, with_plots=plots is not None)),
        Section("Published elsewhere", _published(entry, recorded)),
        Section("Data", [Text(_doc(dataset.load)), _facts(dataset)]),
        Section("Plots", plots or []),
        Section("Architecture", [] if network is None else layers(network)),
        Section("Recipe", [recipe_table(entry)]),
        Section("Limits", [Bullets(caveats.caveats(entry, recorded, network))]),
        Section("Citation", [Code(model.citation, language="bibtex")]),
    ]
    return [section for section in found if section.parts]


def _doc(function: Callable[..., Any]) -> str:
    """Docstring without roles of Sphinx."""
    return re.sub(r":\w+:`", "`", inspect.getdoc(function) or "")


def headline(entry: Entry) -> tuple[str, str]:
    """Result in one line, and facts in another."""
    row = entry_row(entry)
    measure = metric(row["metric"])
    facts = [f"{row['task']} on {row['dataset']}"]
    if row["parameters"]:
        facts.append(f"{row['parameters']:,} parameters")
    if row["mean"] is None:
        return "not measured yet" + (f": {entry.unmeasured}" if entry.unmeasured else ""), facts[0]
    best = best_baseline(row["baselines"], measure)
    if best:
        beats = "beats" if measure.is_better(row["mean"], best[1]) else "does NOT beat"
        facts.append(f"{beats} its best baseline, {plain(best[0])} ({measure.show(best[1])})")
    result = measure.with_spread(row["mean"], row["std"], row["n"])
    return f"{result} test {measure.title}", " · ".join(facts)


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
    if not recorded.tiers:
        why = entry.unmeasured or "no reference has been recorded"
        command = f"kerazoo verify {entry.name} --seeds {entry.seeds} --record"
        return [Text(f"Not measured yet: {why}. ``{command}`` records a reference.", "warning")]
    parts: list[Part] = []
    for tier, reference in recorded.tiers.items():
        spread = recorded.measure.with_spread(reference.mean, reference.std, reference.n)
        copy = f"; data: {dataset.measured_on}" if dataset.measured_on else ""
        parts.append(
            dataclasses.replace(
                reference_table(reference, recorded.measure),
                title=f"tier {tier}: {recorded.measure.title} {spread}",
                note=f"measured with {measured_with(reference)}{copy}",
            )
        )
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
    plot = seeds_plot(measure, [run.value for run in reference.runs], marks)
    return Image(
        f"{measure.title} of every seed, tier {tier}", f"{tier}.svg", to_bytes(plot, "svg")
    )


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
            also = reference.beside.get(name, {})  # not every metric need be recorded
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
    note = (
        "Results of others, measured under other conditions. The last column says where a baseline "
        "that we measured is better in the same metric."
    )
    return [Table(columns, rows, [1], note=note)] if rows else []


def _facts(dataset: Dataset) -> Table:
    facts = {
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
        facts["windows"] = (
            f"lookback {windows.lookback} (a recipe may choose another), horizon {windows.horizon},"
            f" lead {windows.lead}{season}; one step is one {windows.step}"
        )
    return Table(("fact", "value"), [fact for fact in facts.items() if fact[1]])


def recipe_table(entry: Entry) -> Table:
    """Recipes of all tiers next to each other, after the options that the model is built with.

    One row per field that some tier uses, ``–`` where a tier does not use it.
    """
    recipes = [entry.recipe_for(tier) for tier in TIERS]
    used, fields = [recipe.in_use() for recipe in recipes], vars(recipes[0])
    names = [name for name in fields if any(name in recipe for recipe in used)]
    rows = [
        *((f"model: {name}", *[str(value)] * len(TIERS)) for name, value in entry.options.items()),
        *((name, *(str(recipe.get(name, "–")) for recipe in used)) for name in names),
    ]
    note = f"unused fields: {', '.join(name for name in fields if name not in names)}"
    return Table(("field", *TIERS), rows, range(1, len(TIERS) + 1), note=note)


def layers(model: keras.Model) -> list[Table]:
    """Layers of each network of a model: name, type, output shape, parameters."""
    columns = ("layer", "type", "output shape", "parameters")
    tables = []
    for network in networks_of(model).values():
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


def write_card(entry: Entry, path: Path, run: Path | None = None) -> None:
    """Write the card of an entry as one HTML file that needs no network and no script.

    Args:
        entry: the entry.
        path: file that ends in ``.html`` or ``.htm``; replaced if it exists.
        run: directory of a finished run of the entry, whose plots the card shows; by default
            those of the first recorded run, where they come with the package.

    Raises:
        KerazooError: another file name; a run that is not finished, damaged, or of another entry;
            the model cannot be built; or the file cannot be written. ``path`` is then as before.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise KerazooError(f"--html {path}: give a file name that ends in .html or .htm.")
    if path.is_dir():
        raise KerazooError(f"--html {path}: there is a directory of this name.")
    write_text(path, page(entry, kept_plots(entry) if run is None else run_plots(run, entry)))


def page(entry: Entry, plots: Sequence[Part] = ()) -> str:
    """The whole card as HTML; every text is escaped by the template."""
    result, facts = headline(entry)
    return render(
        "card.html.jinja",
        title=entry.name,
        summary=registry.get_model(entry.model).summary,
        result=result,
        facts=facts,
        measured=bool(evidence.read(entry).tiers),
        sections=sections(entry, plots, building.build_for(entry)),
        long_table=LONG_TABLE,
        version=__version__,
    )


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
    environment.filters["inline"] = _inline
    return environment.get_template(template).render(**content)


def _inline(text: str) -> Markup:
    """Paragraph of a docstring: ``code`` between double backticks."""
    from markupsafe import Markup

    parts = re.split(r"``(.+?)``", text, flags=re.DOTALL)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts)
    )


def run_plots(directory: Path, entry: Entry) -> list[Part]:
    """Plots of a finished run of an entry, after one sentence about the run.

    Raises:
        KerazooError: no finished run, a run of another entry, or a damaged file.
    """
    from kerazoo.training import run_directory  # which takes a while to import

    run = run_directory.load(directory)
    if run.entry != entry.name:
        raise KerazooError(
            f"the run in {directory} is one of {run.entry}, not of {entry.name}; its plots do not "
            "belong onto this card."
        )
    files = sorted(directory.glob("*.png"))
    if not files:
        raise KerazooError(f"the run in {directory} has no plots (*.png).")
    measure, recipe = metric(run.metrics["metric"]), vars(entry.recipe_for(run.tier))
    changes = [(k, v) for k, v in vars(run.recipe).items() if v != recipe[k]]
    changed = ", ".join(f"{k} {v!r} instead of {recipe[k]!r}" for k, v in changes)
    about = (
        f"One run: seed {run.seed}, tier {run.tier}, {measure.title} "
        f"{measure.show(run.metrics['value'])} on {run.metrics['examples']:,} "
        f"{run.metrics.get('split', 'test')} examples"
        + (f"; changed recipe: {changed}." if changed else ".")
    )
    return [Text(about, "note"), *map(_png, files)]


def kept_plots(entry: Entry) -> list[Part]:
    """Plots of the recorded run whose weights come with the package; empty without any."""
    weights, files = evidence.read(entry).weights, kept_files(entry)
    if weights is None or not files:
        return []
    about = Text(f"Recorded run of seed {weights.seed}, tier full.", "note")
    return [about, *(_png(path) for path in files)]


def _png(path: Path) -> Image:
    content = path.read_bytes()
    if not content.startswith(PNG) or len(content) > MOST_BYTES:
        raise KerazooError(f"{path} is no PNG image of at most {MOST_BYTES // 1_000_000} MB.")
    return Image(path.stem.replace("_", " "), path.name, content)


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
        write_bytes(kept_directory(entry) / name, _in_few_colors(path))
    for old in kept_files(entry) if all_there else ():
        if old.name not in found:
            old.unlink()


def _in_few_colors(path: Path) -> bytes:
    from PIL import Image as Pillow

    with Pillow.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((KEPT_WIDTH, image.height), Pillow.Resampling.LANCZOS)
    # Median cut gives its colors to what covers much, so that thin lines came out gray.
    few = image.quantize(
        KEPT_COLORS, Pillow.Quantize.MAXCOVERAGE, kmeans=3, dither=Pillow.Dither.NONE
    )
    content = io.BytesIO()
    few.save(content, "PNG", optimize=True)
    return content.getvalue()
