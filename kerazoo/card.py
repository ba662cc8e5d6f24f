"""The model card of an entry as one HTML file that needs nothing else: no network, no script.

``write_card`` builds the model (for the picture of its architecture), gathers what
``tables.card`` says of the entry, and writes the page. Whatever comes from a registration, a
reference or a run is escaped; the texts of the page itself stand here.
"""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from kerazoo import __version__, building, caveats, evidence, fingerprint, tables
from kerazoo.composite import networks_of
from kerazoo.errors import KerazooError
from kerazoo.evaluation import dot_plot, network_drawing
from kerazoo.evaluation.architecture import graph_of, operations_beside_layers, overview, shape_text
from kerazoo.files import write_text
from kerazoo.metrics import Metric, metric
from kerazoo.recipe import Recipe
from kerazoo.spec import Entry
from kerazoo.training import run as runs
from kerazoo.training.progress import duration

if TYPE_CHECKING:
    import keras

PNG = b"\x89PNG\r\n\x1a\n"
MOST_BYTES = 8_000_000  # of one picture; a page must stay one that a browser opens
LONG_TABLE = 30  # rows; a longer table is folded away until it is asked for


@dataclass(frozen=True)
class RunPictures:
    """A finished run whose pictures go onto the card.

    Attributes:
        said: what the run was, in one sentence.
        pictures: caption and PNG content, in the order of the files' names.
    """

    said: str
    pictures: tuple[tuple[str, bytes], ...]


class Markup(str):
    """Text that is HTML already; any other text is escaped."""


def write_card(entry: Entry, path: Path, run: Path | None = None) -> None:
    """Write the card of an entry.

    Args:
        entry: the entry.
        path: a file that ends in ``.html`` or ``.htm``; replaced if it exists.
        run: the folder of a finished run of the entry, whose pictures the card shows.

    Raises:
        KerazooError: another file name; a run that is not finished, damaged, or of another entry;
            the model cannot be built; or the file cannot be written. ``path`` is then as before.
    """
    check_path(path)
    pictures = None if run is None else pictures_of(run, entry)
    write_text(path, page(entry, pictures))


def check_path(path: Path) -> None:
    """Raise KerazooError unless a card may have this name."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise KerazooError(f"--html {path}: give a file name that ends in .html or .htm.")
    if path.is_dir():
        raise KerazooError(f"--html {path}: there is a folder of this name.")


def pictures_of(folder: Path, entry: Entry) -> RunPictures:
    """The pictures of a finished run of an entry.

    Raises:
        KerazooError: no finished run, a run of another entry, or a damaged file.
    """
    config = runs.read_config(folder)
    if config.get("entry") != entry.name:
        raise KerazooError(
            f"the run in {folder} is one of {config.get('entry')}, not of {entry.name}; its "
            "pictures do not belong onto this card."
        )
    if not runs.is_finished(folder):
        raise KerazooError(f"the run in {folder} is not finished; there is nothing to show yet.")
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        said = _of_run(entry, config, metrics)
        files = [(p.stem.replace("_", " "), p) for p in sorted(folder.glob("*.png"))]
        pictures = tuple((caption, _png(file)) for caption, file in files)
    except KerazooError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise KerazooError(f"the run in {folder} is damaged: {error!r}.") from error
    if not pictures:
        raise KerazooError(f"the run in {folder} has no pictures (*.png).")
    return RunPictures(said, pictures)


def _of_run(entry: Entry, config: dict[str, Any], metrics: dict[str, Any]) -> str:
    """One sentence on a run: seed, tier, figure, and where it differs from the recipe."""
    measure = metric(metrics["metric"])
    wanted = dataclasses.asdict(entry.recipe_for(config["tier"]))
    changed = [
        f"{name} {config['recipe'].get(name)!r} in place of {value!r}"
        for name, value in wanted.items()
        if config["recipe"].get(name) != value
    ]
    return (
        f"One run: seed {config['seed']}, tier {config['tier']}, {measure.title} "
        f"{measure.show(metrics['value'])} on {metrics['examples']:,} test examples"
        + (f"; not with the recipe as it stands: {', '.join(changed)}" if changed else "")
        + "."
    )


def _png(path: Path) -> bytes:
    content = path.read_bytes()
    if not content.startswith(PNG) or len(content) > MOST_BYTES:
        raise KerazooError(f"{path} is no PNG picture of at most {MOST_BYTES // 1_000_000} MB.")
    return content


def page(entry: Entry, pictures: RunPictures | None = None) -> str:
    """The whole card as HTML."""
    content = tables.card(entry)
    model = building.build_for(entry)
    content["caveats"] += _staleness(entry, model)
    measure = metric(content["metric"])
    sections = [
        ("use", "How to use it", _usage(content)),
        ("what", "What it is", _prose(content["description"])),
        ("architecture", "Architecture", _architecture(model)),
        ("results", "Results", _results(content, measure)),
        ("published", "Published elsewhere", _published(content)),
        ("pictures", "Pictures", _pictures(pictures)),
        ("data", "Data", _data(content)),
        ("recipe", "Recipe", _recipe(content["recipes"])),
        ("limits", "Limits", _list(content["caveats"])),
        ("citation", "Citation", _tag("pre", content["citation"])),
    ]
    shown = [(key, title, body) for key, title, body in sections if body]
    return PAGE.substitute(
        title=escape(content["entry"]),
        summary=_inline(content["summary"]),
        headline=_headline(content, measure),
        links=" ".join(f'<a href="#{key}">{escape(title)}</a>' for key, title, _ in shown),
        sections="\n".join(
            f'<section id="{key}">\n<h2>{escape(title)}</h2>\n{body}\n</section>'
            for key, title, body in shown
        ),
        version=escape(__version__),
        style=STYLE,
    )


def _staleness(entry: Entry, model: keras.Model) -> list[str]:
    """One caveat for each tier whose model changed; what else may have, ``caveats`` says."""
    structure = fingerprint.of_model(model)
    return [
        caveats.out_of_date(tier, ["the model's structure changed"])
        for tier, reference in evidence.read(entry).tiers.items()
        if reference.model != structure
    ]


def escape(text: object) -> str:
    """Text as HTML: markup is kept, everything else is escaped."""
    return text if isinstance(text, Markup) else html.escape(str(text))


def _tag(name: str, content: object, kind: str = "") -> Markup:
    attribute = f' class="{kind}"' if kind else ""
    return Markup(f"<{name}{attribute}>{escape(content)}</{name}>")


def _inline(text: str) -> Markup:
    """One paragraph of a docstring: ``code`` between double backticks."""
    parts = re.split(r"``(.+?)``", text)
    return Markup(
        "".join(_tag("code", p) if i % 2 else html.escape(p) for i, p in enumerate(parts))
    )


def _prose(docstring: str) -> str:
    """A docstring: its paragraphs flow, its indented sections stay as they are."""
    parts = re.split(r"\n\s*\n", docstring.strip())
    return "\n".join(
        _tag("pre", part, "doc") if re.search(r"\n\s", part) else _tag("p", _inline(part))
        for part in parts
    )


def _table(
    head: Sequence[object], rows: Iterable[Sequence[object]], numbers: Iterable[int] = ()
) -> Markup:
    """A table; ``numbers`` are the columns that are set to the right."""
    right = set(numbers)

    def cells(kind: str, row: Sequence[object]) -> str:
        return "".join(_tag(kind, c, "number" if i in right else "") for i, c in enumerate(row))

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return Markup(
        f'<div class="scroll"><table><thead><tr>{cells("th", head)}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _list(lines: Sequence[str]) -> str:
    return "<ul>\n" + "\n".join(_tag("li", line) for line in lines) + "\n</ul>" if lines else ""


def _folded(title: str, body: str, *, shut: bool) -> Markup:
    opened = "" if shut else " open"
    return Markup(f"<details{opened}><summary>{escape(title)}</summary>\n{body}\n</details>")


def _headline(content: dict[str, Any], measure: Metric) -> str:
    """The main figure, or that there is none yet, and the best naive model beside it."""
    parameters = content["parameters"]
    facts = [f"{content['task']} on {content['dataset']}"]
    if parameters:
        facts.append(f"{parameters:,} parameters")
    if content["mean"] is None:
        why = f": {content['unmeasured']}" if content["unmeasured"] else ""
        figure = _tag("p", f"not measured yet{why}", "figure none")
    else:
        shown = measure.with_spread(content["mean"], content["std"], content["n"])
        figure = _tag(
            "p", Markup(f"{_tag('strong', shown)} test {escape(measure.title)}"), "figure"
        )
        naive = tables.best_baseline(content)
        if naive:
            beats = measure.is_better(content["mean"], naive[1])
            facts.append(
                f"{'beats' if beats else 'does NOT beat'} its best naive baseline, {naive[0]} "
                f"({measure.show(naive[1])})"
            )
    return f"{figure}\n{_tag('p', ' · '.join(facts), 'facts')}"


def _usage(content: dict[str, Any]) -> str:
    return "\n".join(
        f"{_tag('h3', snippet['title'])}\n{_tag('pre', snippet['code'], snippet['language'])}"
        for snippet in content["usage"]
    )


def _architecture(model: keras.Model) -> str:
    """Picture and layer table of each network of a model."""
    networks = networks_of(model)
    parts: list[str] = []
    for name, network in networks.items():
        if len(networks) > 1:
            parts.append(_tag("h3", name))
        parts += [_picture(name, network), _layers(network)]
    return "\n".join(parts)


def _picture(name: str, network: keras.Model) -> str:
    """The drawing of a network, and of the inside of its blocks where it was folded."""
    graph = graph_of(network)
    if graph is None:
        return _tag("p", "No picture: the network is not made of Keras's functional layers.")
    folded = overview(graph)
    parts: list[str] = [_drawing(network_drawing.svg(folded.graph, f"architecture of {name}"))]
    if folded.inside:
        inside = "\n".join(
            f"<figure>{_drawing(network_drawing.svg(part, title))}"
            f"{_tag('figcaption', title)}</figure>"
            for title, part in folded.inside
        )
        parts.append(_tag("div", Markup(inside), "beside"))
    operations = operations_beside_layers(graph)
    if operations:
        note = (
            f"Operations of keras.ops or slices, without parameters, between layers: {operations}."
        )
        parts.append(_tag("p", note, "note"))
    return "\n".join(parts)


def _drawing(svg: str) -> Markup:
    return Markup(f'<div class="scroll">{svg}</div>')


def _layers(network: keras.Model) -> str:
    rows = [
        (layer.name, type(layer).__name__, _output_shape(layer), f"{layer.count_params():,}")
        for layer in network.layers
    ]
    trained = sum(_size(w.shape) for w in network.trainable_weights)
    total = network.count_params()
    table = _table(("layer", "type", "output shape", "parameters"), rows, numbers=[3])
    title = (
        f"{len(rows)} layers, {total:,} parameters, {trained:,} of them trainable"
        if trained != total
        else f"{len(rows)} layers, {total:,} parameters"
    )
    return _folded(title, table, shut=len(rows) > LONG_TABLE)


def _output_shape(layer: Any) -> str:
    """As for the picture; a layer that is called twice has no single shape."""
    try:
        output = layer.output
    except (AttributeError, ValueError):
        return "–"
    tensors = output if isinstance(output, (list, tuple)) else [output]
    return ", ".join(shape_text(t.shape) for t in tensors if hasattr(t, "shape"))


def _size(shape: Sequence[int]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def _results(content: dict[str, Any], measure: Metric) -> str:
    if not content["reference"]:
        why = content["unmeasured"] or "no reference has been recorded"
        command = f"kerazoo verify {content['entry']} --seeds {content['seeds']} --record"
        ask = Markup(f"Not measured yet: {escape(why)}. {_tag('code', command)} records one.")
        return _tag("p", ask, "warning")
    parts = []
    for tier, reference in content["reference"].items():
        heading = measure.with_spread(reference["mean"], reference["std"], reference["n"])
        parts.append(_tag("h3", f"tier {tier}: {measure.title} {heading}"))
        if tier == "smoke":
            parts.append(_tag("p", "A short recipe, to see that all works.", "note"))
        parts.append(_dots(content, tier, reference, measure))
        parts.append(_seeds(reference, measure))
        parts.append(_environment(reference["environment"], content["data"]["measured_on"]))
    return "\n".join(parts)


def _dots(content: dict[str, Any], tier: str, reference: dict[str, Any], measure: Metric) -> Markup:
    marks = [
        dot_plot.Mark(kind, caveats.plain(name), value)
        for kind, figures in (("baseline", reference["baselines"]), ("limit", reference["limits"]))
        for name, value in figures.items()
    ]
    if tier == "full":  # nobody else publishes what the short recipe should give
        marks += [
            dot_plot.Mark("published", p["source"], p["value"])
            for p in content["published"]
            if p["metric"] == measure.name
        ]
    seeds = {r["seed"]: r["value"] for r in reference["runs"]}
    title = f"{measure.title} of {content['entry']}, tier {tier}, by seed"
    key = "● a seed of ours   ■ naive baseline or limit   ◆ published elsewhere"
    return Markup(
        f"<figure>{dot_plot.svg(measure, seeds, marks, title)}"
        f"{_tag('figcaption', f'{measure.title}: {key}')}</figure>"
    )


def _seeds(reference: dict[str, Any], measure: Metric) -> Markup:
    """Every seed, their mean, then baselines and limits, in the main metric and the others."""
    others = [metric(name) for name in reference["also"]]
    rows: list[list[object]] = [
        [
            f"seed {r['seed']}",
            measure.show(r["value"]),
            *(m.show(r["also"][m.name]) for m in others),
            duration(r["seconds"]),
        ]
        for r in reference["runs"]
    ]
    means = (m.with_spread(*reference["also"][m.name]) for m in others)
    spread = measure.with_spread(reference["mean"], reference["std"], reference["n"])
    rows.append([_tag("strong", cell) for cell in ("mean ± std", spread, *means, "")])
    for kind, figures in (("baseline", reference["baselines"]), ("limit", reference["limits"])):
        for name, value in figures.items():
            beside = reference["beside"].get(name, {})
            also = [m.show(beside[m.name]) if m.name in beside else "" for m in others]
            rows.append([f"{kind}: {caveats.plain(name)}", measure.show(value), *also, ""])
    titles = [f"test {measure.title}", *(m.title for m in others), "training"]
    return _table(["run", *titles], rows, numbers=range(1, len(titles) + 1))


def _environment(environment: dict[str, str], measured_on: str) -> Markup:
    facts = [f"{name.replace('_', ' ')}: {value}" for name, value in environment.items()]
    data = f"; data: {measured_on}" if measured_on else ""
    return _tag("p", f"Measured in: {', '.join(facts)}{data}.", "note")


def _published(content: dict[str, Any]) -> str:
    """Figures of others, and which of them lose to a naive baseline of ours."""
    rows = []
    for p in content["published"]:
        measure = metric(p["metric"])
        said = caveats.loses_sentence(p["metric"], p["loses_to"])
        verdict = _tag("strong", said, "loses") if said else ""
        rows.append(
            (measure.title, measure.show(p["value"]), p["source"], p["conditions"], verdict)
        )
    if not rows:
        return ""
    note = (
        "Not ours, and not measured as ours are: read the conditions. The last column says where a "
        "figure is worse than a naive baseline that we measured, in the same metric."
    )
    head = ("metric", "figure", "source", "conditions", "beside our naive baselines")
    return f"{_tag('p', note, 'note')}\n{_table(head, rows, numbers=[1])}"


def _pictures(pictures: RunPictures | None) -> str:
    if pictures is None:
        return ""
    figures = (
        f'<figure><img alt="{html.escape(caption)}" '
        f'src="data:image/png;base64,{base64.b64encode(content).decode()}">'
        f"{_tag('figcaption', caption)}</figure>"
        for caption, content in pictures.pictures
    )
    return "\n".join([_tag("p", pictures.said, "note"), *figures])


def _data(content: dict[str, Any]) -> str:
    data = content["data"]
    facts = [
        ("name", data["name"]),
        ("one example", " × ".join(map(str, data["input_shape"]))),
        ("classes", ", ".join(data["labels"])),
        ("columns", ", ".join(data["columns"])),
        ("targets", ", ".join(data["targets"])),
        ("windows", _windows(data["windows"])),
        ("licence", data["licence"]),
        ("source", data["source"]),
        ("measured on", data["measured_on"]),
        ("offline", "yes" if content["offline"] else "after the first load"),
    ]
    table = _table(("what", "of the data"), [f for f in facts if f[1]])
    return f"{_prose(data['description'])}\n{table}"


def _windows(windows: dict[str, Any] | None) -> str:
    if windows is None:
        return ""
    season = f", season of {windows['season']}" if windows["season"] else ""
    return (
        f"look-back of {windows['lookback']} (the recipe may choose another), horizon of "
        f"{windows['horizon']}, lead {windows['lead']}{season}; one step is one {windows['step']}"
    )


def _recipe(recipes: dict[str, dict[str, Any]]) -> str:
    """Both tiers; fields that are off in both are named below the table."""
    defaults = {f.name: f.default for f in dataclasses.fields(Recipe)}
    rows, unused = [], []
    for name in next(iter(recipes.values())):
        values = [recipe[name] for recipe in recipes.values()]
        if all(v == defaults[name] and not v for v in values):
            unused.append(name)
        else:
            rows.append((name, *values))
    note = _tag("p", f"Off in both tiers: {', '.join(unused)}.", "note") if unused else ""
    numbers = range(1, len(recipes) + 1)
    return f"{_table(('field', *recipes), rows, numbers)}\n{note}"


STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c1f23; --soft: #5b6470;
  --line: #d7dce2; --code: #f3f5f7; --accent: #1f5f9e; --bad: #a3341f;
  --input: #e4e8ed; --conv: #d5e6f7; --dense: #ffe3c4; --recurrent: #e3dbf6; --norm: #eef3d2;
  --merge: #fbd3d8; --shape: #e8edf1; --operation: #f4f4f4; --block: #cfe9e3; --other: #f6efdf;
  --seed: #1f5f9e; --baseline: #8a5a00; --limit: #3c6e3f; --published: #8c3a86; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e8eaed; --soft: #a3adb8;
  --line: #394049; --code: #1f242a; --accent: #82b8ee; --bad: #ff9a84;
  --input: #30363d; --conv: #1f3c5a; --dense: #573a17; --recurrent: #3c3163; --norm: #3f4518;
  --merge: #5e2a33; --shape: #2a3037; --operation: #24272b; --block: #1d4a41; --other: #443b25;
  --seed: #82b8ee; --baseline: #e0b35a; --limit: #8fcf93; --published: #e0a0da; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main, footer { max-width: 56rem; margin: 0 auto; padding: 0 1rem; }
main { padding-top: 1.5rem; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.4rem 0 .6rem; padding-top: .6rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { margin: .5rem 0; overflow-wrap: anywhere; }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .9rem; margin: 1rem 0; }
.summary { font-size: 1.1rem; }
.figure { font-size: 1.25rem; margin: 1rem 0 0; }
.none, .warning, .loses { color: var(--bad); }
.facts, .note, figcaption { color: var(--soft); font-size: .9rem; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  font-size: .86rem; background: var(--code); border-radius: 4px; }
code { padding: .1em .3em; overflow-wrap: anywhere; }
pre { padding: .8rem; overflow-x: auto; margin: .5rem 0; }
pre.doc { white-space: pre-wrap; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { margin: .8rem 0; }
summary { cursor: pointer; color: var(--accent); }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; background: #ffffff; border-radius: 4px; }
.beside { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.beside figure { max-width: 100%; margin: .5rem 0; }
svg text { fill: var(--ink); font-family: system-ui, -apple-system, "Segoe UI", sans-serif; }
svg.network { display: block; }
.network .name { font-size: 12.5px; font-weight: 600; }
.network .kind { font-size: 11.5px; }
.network .size { font-size: 11px; fill: var(--soft); }
.network rect { stroke: var(--soft); stroke-width: 1; }
.arrow { fill: none; stroke: var(--soft); stroke-width: 1.4; stroke-linejoin: round; }
.head { fill: var(--soft); }
rect.input { fill: var(--input); } rect.conv { fill: var(--conv); }
rect.dense { fill: var(--dense); } rect.recurrent { fill: var(--recurrent); }
rect.norm { fill: var(--norm); } rect.merge { fill: var(--merge); }
rect.shape { fill: var(--shape); } rect.operation { fill: var(--operation); }
rect.block { fill: var(--block); } rect.other { fill: var(--other); }
svg.dots { display: block; width: 100%; max-width: 34rem; }
.dots text { font-size: 12.5px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
.dots .end { font-size: 11px; } .dots .label, .dots .end { fill: var(--soft); }
.axis { stroke: var(--line); } .mean { stroke: var(--seed); stroke-width: 2; }
.seed { fill: var(--seed); fill-opacity: .7; stroke: var(--paper); stroke-width: 1; }
.rule { stroke-width: 1.2; stroke-dasharray: 4 3; }
.baseline .rule { stroke: var(--baseline); } .limit .rule { stroke: var(--limit); }
.published .rule { stroke: var(--published); stroke-dasharray: 1 4; }
.baseline rect, .baseline polygon { fill: var(--baseline); }
.limit rect, .limit polygon { fill: var(--limit); }
.published polygon { fill: var(--published); }
footer { color: var(--soft); font-size: .85rem; margin-top: 3rem; padding-bottom: 2rem; }
@media print { nav { display: none; } pre { white-space: pre-wrap; } }
"""

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>$title – kerazoo model card</title>
<style>$style</style>
</head>
<body>
<main>
<h1>$title</h1>
<p class="summary">$summary</p>
$headline
<nav>$links</nav>
$sections
</main>
<footer>Model card of $title, written by kerazoo $version. Figures come from recorded references;
nobody types them.</footer>
</body>
</html>
""")
