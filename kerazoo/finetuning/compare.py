"""A fine-tuned model's figure beside those that it has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kerazoo._files import write_json
from kerazoo.metrics import Metric
from kerazoo.tasks.base import Baselines
from kerazoo.training.run_directory import Run

FILE_NAME = "comparison.json"


@dataclass(frozen=True)
class Compared:
    """One row: a way to solve the task, and how well it does on the test split.

    Attributes:
        name: such as ``"fine-tuned"``, ``"from scratch"`` or ``"majority class"``.
        value: of the main metric.
        standard_error: over the test examples; None for a naive model.
        also: the other metrics.
    """

    name: str
    value: float
    standard_error: float | None
    also: dict[str, float]


def compare(measure: Metric, runs: Mapping[str, Run], baselines: Baselines) -> tuple[Compared, ...]:
    """Naive models first, then the trainings, the fine-tuned one last."""
    rows = []
    for name, figures in {**baselines.naive, **baselines.limits}.items():
        also = {k: v for k, v in figures.items() if k != measure.name}
        rows.append(Compared(name.replace("_", " "), figures[measure.name], None, also))
    for name in ("from scratch", "fine-tuned"):
        if name in runs:
            m = runs[name].metrics
            rows.append(Compared(name, m["value"], m["standard_error"], dict(m["also"])))
    return tuple(rows)


def shown_name(row: Compared, rows: Sequence[Compared]) -> str:
    """The name of a row for a reader, who is to see which one the saved model is: the last."""
    return f"{row.name} (this model)" if row is rows[-1] else row.name


def verdict(rows: Sequence[Compared], measure: Metric) -> str:
    """What to make of it where something else does better than the model; empty where it is best.

    Args:
        rows: as :func:`compare` gives them; the last one is the model.
        measure: their metric.
    """
    *others, model = rows
    best = model
    for row in others:
        if measure.is_better(row.value, best.value):
            best = row
    if best is model:
        return ""
    said = f"{best.name} does better here than {model.name}"
    if model.standard_error and abs(best.value - model.value) < model.standard_error:
        return f"{said}, but by less than one standard error."
    if best.name == "from scratch":
        return f"{said}: train longer (--epochs), or start from nothing (--weights none)."
    return f"{said}: take that, or try other settings (--epochs, --learning-rate, another seed)."


def write_comparison(folder: Path, rows: Sequence[Compared], done: Run) -> None:
    """Write the rows into the run folder."""
    content = {
        "metric": done.metrics["metric"],
        "examples": done.metrics["examples"],
        "rows": [asdict(row) for row in rows],
    }
    write_json(folder / FILE_NAME, content)
