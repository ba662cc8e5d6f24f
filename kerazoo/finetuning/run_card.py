"""Model card of a fine-tuned model: result, data, training, how to use it, limits."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from kerazoo import __version__, registry
from kerazoo._files import write_text
from kerazoo._parts import Bullets, Code, Section, Text, images
from kerazoo.evidence.card import LICENSE, Card, layers, render
from kerazoo.finetuning.compare import FineTuned
from kerazoo.finetuning.readers.reading import ImageReading
from kerazoo.finetuning.readers.user_data import Kind
from kerazoo.metrics import metric
from kerazoo.pretrained import Transfer
from kerazoo.spec import Recipe, networks_of

FEW = 200  # test examples; with fewer, the card points to the standard error


def write(done: FineTuned, transferred: Transfer | None) -> None:
    """Write ``card.html`` and, in Markdown, ``card.md`` to the run directory."""
    from rich.filesize import decimal

    model = registry.get_model(done.entry.partition("@")[0])
    verdict = f"{done.verdict[:1].upper()}{done.verdict[1:]}"
    plots, measure = images(done.plots), metric(done.metrics["metric"])
    sections = [
        Section("Result", [*done.result(), Text(verdict), Bullets(done.caveats)]),
        Section("Data", [Bullets([*done.data.report, *done.warnings])]),
        Section("Training", [Text(start_line(transferred, done.recipe)), Text(_recipe(done))]),
        Section("Plots", plots),
        Section("Use", [Code(done.use, language="bash"), Text(_takes(done))]),
        Section("Architecture", layers(done.model)),
        Section("Intended use and limits", [Bullets(_limits(done))]),
        Section("Citation", [Code(model.citation, language="bibtex")]),
    ]
    summary = f"{model.summary} Trained with kerazoo {__version__} on user data."
    result = measure.show(done.metrics["value"]) + f" test {measure.title}"
    size = decimal(sum(path.stat().st_size for path in done.path.glob("*.keras")))
    about = f"{done.metrics['examples']:,} test examples · one run, seed {done.seed} · {size}"
    card = Card(done.entry, summary, result, about, sections, plots)
    write_text(done.path / "card.html", card.html())
    write_text(done.path / "card.md", render("card.md.jinja", card=card))


def use(kind: Kind, directory: Path) -> str:
    """A command to paste that uses a run on a kind of data."""
    path = shlex.quote(os.fspath(directory))
    return {
        "images": f"kerazoo predict {path} photo.jpg",
        "unlabeled_images": f"kerazoo sample {path} --n 64 --out samples.png",
        "texts": f'kerazoo predict {path} "some text"',
        "table": f"kerazoo predict {path} new.csv --out predictions.csv",
        "series": f"kerazoo predict {path} new.csv --out forecast.csv",
    }[kind]


def start_line(transferred: Transfer | None, recipe: Recipe) -> str:
    """Where the training starts, and which layers train when."""
    if transferred is None:
        return "Starts from fresh weights."
    fresh = ", ".join(transferred.fresh) or "none"
    alone = f" The last layers train alone for {recipe.head_epochs:,} of {recipe.epochs:,} epochs."
    first = alone * bool(recipe.head_epochs)
    return f"Starts from the weights of {transferred.source}; fresh layers: {fresh}.{first}"


def _recipe(done: FineTuned) -> str:
    fields = ", ".join(f"{name} {value}" for name, value in done.recipe.in_use().items())
    best = done.metrics.get("best_epoch")
    kept = f" Early stopping: epoch {best} of {len(done.history)} is kept." if best else ""
    return f"Seed {done.seed}, {done.cost}.{kept} Recipe: {fields}."


def _takes(done: FineTuned) -> str:
    data, (*_, last) = done.data, networks_of(done.model)
    shape = " × ".join(map(str, data.data.info.input_shape))
    pixels = "0 to 255"
    if isinstance(data.reading, ImageReading):
        pixels = "0 to 65,535" if data.reading.sixteen_bits else pixels
        pixels += ", dark on light as in the files" * (data.reading.invert == "yes")
    takes = {
        "images": f"raw pixels, {pixels}, n × {shape}",
        "unlabeled_images": "latents from a standard normal distribution, and gives images, 0 to "
        f"255{f'; `{last}.keras` takes images' * (last != 'generator')}",
        "texts": f"token ids, n × {shape}; `model_strings.keras` takes strings as they "
        "are, n, in Unicode's composed form (NFC), under TensorFlow",
        "table": "raw rows, a dictionary of values, n × 1, for each name in `model.input`: "
        "float32, or a tensor of strings without blanks around them; NaN or an empty string is a "
        "missing value",
        "series": f"windows in natural units, n × {shape}, and forecasts in natural units",
    }[data.kind]
    name = "generator.keras" if data.kind == "unlabeled_images" else "model.keras"
    labels = " `labels.json` names its outputs in order." if data.data.info.labels else ""
    return f"`{name}` opens in plain Keras 3.12 or later, in safe mode; it takes {takes}.{labels}"


def _limits(done: FineTuned) -> list[str]:
    lines = [
        "For inputs like those of the data above; untested on others.",
        f"Code and weights of kerazoo are under {LICENSE}; the terms of your data come on top.",
        f"One run, seed {done.seed}: another seed gives another result.",
    ]
    if done.data.test is None:
        lines.append("The test examples are from the same source as the training examples.")
    if (n := done.metrics["examples"]) < FEW:
        lines.append(f"The test split has only {n} examples, so the standard error is large.")
    if done.data.data.info.by_class:
        lines.append("It always answers with one of its classes, also for something else.")
    return lines
