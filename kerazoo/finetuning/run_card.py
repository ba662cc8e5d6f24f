"""The model card of a fine-tuned model: what it is, from what, how well, how to use, its limits."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from kerazoo import __version__, registry
from kerazoo._files import write_text
from kerazoo.finetuning.compare import Compared, shown_name
from kerazoo.finetuning.readers.user_data import Own
from kerazoo.finetuning.transfer import Transfer
from kerazoo.metrics import duration, metric
from kerazoo.training.run_directory import Run

FILE_NAME = "card.md"


def write(
    folder: Path,
    own: Own,
    rows: Sequence[Compared],
    verdict: str,
    done: Run,
    transferred: Transfer | None,
) -> None:
    """Write ``card.md`` into the run folder, in Markdown."""
    model = registry.get_model(done.entry.partition("@")[0])
    parts = [
        f"# {done.entry}",
        f"{model.summary} Trained with kerazoo {__version__} on data of the user's own.",
        "## Result",
        _result(rows, done),
        *([verdict[0].upper() + verdict[1:]] if verdict else []),
        "## Data",
        _items([*own.found, *own.warnings]),
        "## Training",
        _training(done, transferred),
        "## Pictures",
        "\n".join(f"![{p.stem.replace('_', ' ')}]({p.name})" for p in done.pictures) or "None.",
        "## Use",
        f"```bash\n{use(own, done)}\n```",
        _takes(own),
        "## Limits",
        _limits(own, done),
        "## Citation",
        f"```bibtex\n{model.citation}\n```",
    ]
    write_text(folder / FILE_NAME, "\n\n".join(parts) + "\n")


def use(own: Own, done: Run) -> str:
    """A command to paste."""
    examples = {
        "pictures": "photo.jpg",
        "text": '"some text"',
        "rows": "new.csv --out predictions.csv",
        "series": "new.csv --out forecast.csv",
    }
    kind = own.treatment["kind"]
    path = shlex.quote(os.fspath(done.path))
    if own.data.info.task == "generation":
        return f"kerazoo sample {path} --n 64 --out samples.png"
    return f"kerazoo predict {path} {examples[kind]}"


def _items(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _result(rows: Sequence[Compared], done: Run) -> str:
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


def _training(done: Run, transferred: Transfer | None) -> str:
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


def _takes(own: Own) -> str:
    info, opens = own.data.info, "opens in plain Keras, in safe mode, without kerazoo"
    if info.task == "generation":
        return (
            f"`generator.keras` and `discriminator.keras` {opens}: the one makes pictures, 0 to "
            "255, of latents drawn from a standard normal distribution, the other judges them."
        )
    shape = " × ".join(map(str, info.input_shape))
    takes = {
        "pictures": f"raw pixels, 0 to 255, n × {shape}",
        "text": f"token ids, n × {shape}; `model_strings.keras` takes strings, under TensorFlow",
        "rows": "raw rows, a dictionary of columns (NaN or an empty string is a missing value)",
        "series": f"windows in natural units, n × {shape}, and forecasts in natural units",
    }[own.treatment["kind"]]
    labels = " `labels.json` names its outputs in order." if info.labels else ""
    return f"`model.keras` {opens}: it takes {takes}.{labels}"


def _limits(own: Own, done: Run) -> str:
    lines = [
        f"One run, seed {done.seed}: another seed gives another figure.",
        "Measured on the test data that was given; data from elsewhere differs."
        if own.test_given
        else "Measured on examples from the same source as those of training; others differ.",
    ]
    if len(own.data.test) < 200:
        lines.append(
            f"The test split has {len(own.data.test)} examples only; the standard error above is "
            "large for that reason."
        )
    if own.data.info.labels and own.data.info.task == "classification":
        lines.append("It always answers with one of its classes, also for something else.")
    return _items(lines)
