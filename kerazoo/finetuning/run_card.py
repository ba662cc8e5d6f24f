"""The model card of a fine-tuned model: what it is, from what, how well, how to use, its limits."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from kerazoo import __version__, registry
from kerazoo._files import write_text
from kerazoo.finetuning.compare import FineTuned, shown_name
from kerazoo.finetuning.readers.user_data import UserData
from kerazoo.finetuning.transfer import Transfer
from kerazoo.metrics import duration, metric
from kerazoo.training.run_directory import Run

FILE_NAME = "card.md"


def write(done: FineTuned, transferred: Transfer | None) -> None:
    """Write ``card.md`` to the run directory, in Markdown."""
    model = registry.get_model(done.entry.partition("@")[0])
    verdict = done.verdict
    parts = [
        f"# {done.entry}",
        f"{model.summary} Trained with kerazoo {__version__} on user data.",
        "## Result",
        _result(done),
        *([verdict[0].upper() + verdict[1:]] if verdict else []),
        "## Data",
        _items([*done.data.report, *done.warnings]),
        "## Training",
        _training(done, transferred),
        "## Plots",
        "\n".join(f"![{p.stem.replace('_', ' ')}]({p.name})" for p in done.pictures) or "None.",
        "## Use",
        f"```bash\n{done.use}\n```",
        _takes(done.data),
        "## Limits",
        _limits(done),
        "## Citation",
        f"```bibtex\n{model.citation}\n```",
    ]
    write_text(done.path / FILE_NAME, "\n\n".join(parts) + "\n")


def use(data: UserData, done: Run) -> str:
    """A command to paste."""
    path = shlex.quote(os.fspath(done.path))
    return {
        "images": f"kerazoo predict {path} photo.jpg",
        "unlabeled_images": f"kerazoo sample {path} --n 64 --out samples.png",
        "texts": f'kerazoo predict {path} "some text"',
        "table": f"kerazoo predict {path} new.csv --out predictions.csv",
        "series": f"kerazoo predict {path} new.csv --out forecast.csv",
    }[data.kind]


def _items(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _result(done: FineTuned) -> str:
    rows = done.comparison
    measure = metric(done.metrics["metric"])
    lines = [
        f"{measure.title} {measure.arrow} on {done.metrics['examples']:,} test examples, read "
        "once, after the last epoch:",
        "",
        "| | test | standard error |",
        "|---|---:|---:|",
    ]
    for row in rows:
        error = "" if row.standard_error is None else f"± {measure.show(row.standard_error)}"
        lines.append(f"| {shown_name(row, rows)} | {measure.show(row.value)} | {error} |")
    return "\n".join(lines)


def _training(done: FineTuned, transferred: Transfer | None) -> str:
    recipe = done.recipe
    if transferred is None:
        start = "Started from fresh weights."
    else:
        fresh = ", ".join(f"`{name}`" for name in transferred.fresh) or "none"
        start = (
            f"Started from the weights of `{transferred.source}`; layers that started fresh: "
            f"{fresh}. The last layers trained alone for {recipe.head_epochs} of {recipe.epochs} "
            "epochs."
        )
    fields = ", ".join(f"{name} {value}" for name, value in recipe.in_use().items())
    return f"{start}\n\nSeed {done.seed}, {duration(done.seconds)}. Recipe: {fields}."


def _takes(data: UserData) -> str:
    shape = " × ".join(map(str, data.data.info.input_shape))
    takes = {
        "images": f"raw pixels, 0 to 255, n × {shape}",
        "unlabeled_images": "latents from a standard normal distribution, and gives images, 0 to "
        "255; `discriminator.keras` takes images",
        "texts": f"token ids, n × {shape}; `model_strings.keras` takes strings, under TensorFlow",
        "table": "raw rows, a dictionary of columns (NaN or an empty string is a missing value)",
        "series": f"windows in natural units, n × {shape}, and forecasts in natural units",
    }[data.kind]
    name = "generator.keras" if data.kind == "unlabeled_images" else "model.keras"
    labels = " `labels.json` names its outputs in order." if data.data.info.labels else ""
    return (
        f"`{name}` opens in plain Keras, in safe mode, without kerazoo: it takes {takes}.{labels}"
    )


def _limits(done: FineTuned) -> str:
    data = done.data.data
    lines = [
        f"One run, seed {done.seed}: another seed gives another result.",
        "Evaluated on the test data that was given; data from elsewhere differs."
        if done.data.test is not None
        else "Evaluated on examples from the same source as those of training; others differ.",
    ]
    if len(data.test) < 200:
        lines.append(
            f"The test split has {len(data.test)} examples only; the standard error above is large "
            "for that reason."
        )
    if data.info.labels:
        lines.append("It always answers with one of its classes, also for something else.")
    return _items(lines)
