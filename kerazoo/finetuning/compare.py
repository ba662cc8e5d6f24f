"""The result of a fine-tuned model next to those that it has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerazoo._files import write_json
from kerazoo._parts import Part, Table
from kerazoo.finetuning.readers.user_data import UserData
from kerazoo.metrics import Metric, metric
from kerazoo.tasks.base import Baselines
from kerazoo.training.run_directory import Run

FILE_NAME = "comparison.json"


@dataclass(frozen=True)
class Compared:
    """One row: a way to solve the task, and its result on the test split.

    Attributes:
        name: such as ``"fine-tuned"``, ``"from scratch"`` or ``"majority class"``.
        value: of the main metric.
        standard_error: over the test examples; None for a baseline.
        also: the other metrics.
        limit: it cannot be beaten, such as real against real images.
    """

    name: str
    value: float
    standard_error: float | None
    also: dict[str, float]
    limit: bool = False


@dataclass(frozen=True, repr=False)
class FineTuned(Run):
    """A finished fine-tuning: the run that started from the zoo's weights.

    Attributes:
        data: the user's data, with what was found in it and how it was read.
        comparison: the result next to those of the baselines and of the same model from scratch.
        warnings: what may be wrong with the data, or is missing in the comparison.
        use: a command that uses the model, to paste.
        verdict: the simpler way that does better, if one does, and what to do; else empty.
    """

    data: UserData
    comparison: tuple[Compared, ...]
    warnings: tuple[str, ...]
    use: str
    verdict: str

    def _parts(self) -> list[Part]:
        return [*super()._parts(), *self.data._parts()]

    def _result(self) -> Table:
        measure = metric(self.metrics["metric"])
        rows = [(shown_name(r, self.comparison), measure.show(r.value)) for r in self.comparison]
        return Table(("", measure.title), rows, [1], note=self.verdict)

    def as_json(self) -> dict[str, Any]:
        """Output of ``kerazoo finetune --json``."""
        return {
            "entry": self.entry,
            "path": str(self.path),
            "seed": self.seed,
            "metrics": self.metrics,
            "comparison": [asdict(row) for row in self.comparison],
            "report": list(self.data.report),
            "warnings": list(self.warnings),
            "skipped": list(self.data.skipped),
            "plots": [str(p) for p in self.plots],
            "use": self.use,
            "verdict": self.verdict,
        }


def compare(measure: Metric, runs: Mapping[str, Run], baselines: Baselines) -> tuple[Compared, ...]:
    """Baselines first, then the runs, the fine-tuned one last."""
    rows = []
    for name, values in {**baselines.simple, **baselines.limits}.items():
        also = {k: v for k, v in values.items() if k != measure.name}
        limit = name in baselines.limits
        rows.append(Compared(name.replace("_", " "), values[measure.name], None, also, limit))
    for name in ("from scratch", "fine-tuned"):
        if name in runs:
            m = runs[name].metrics
            rows.append(Compared(name, m["value"], m["standard_error"], dict(m["also"])))
    return tuple(rows)


def shown_name(row: Compared, rows: Sequence[Compared]) -> str:
    """The name of a row; that of the last, which is the saved model, says so."""
    return f"{row.name} (this model)" if row is rows[-1] else row.name


def verdict(rows: Sequence[Compared], measure: Metric) -> str:
    """Which simpler way does better than the model, and what to do; empty if it is the best.

    Args:
        rows: as :func:`compare` gives them; the last one is the model.
        measure: their metric.
    """
    model = best = rows[-1]
    for row in rows[:-1]:
        tie = row.value == model.value == best.value and row.standard_error is None
        if not row.limit and (tie or measure.is_better(row.value, best.value)):
            best = row
    if best is model:
        return ""
    if best.value == model.value:
        return f"{model.name} does no better here than {best.name}: try other settings (--epochs)."
    better = f"{best.name} does better here than {model.name}"
    if model.standard_error and abs(best.value - model.value) < model.standard_error:
        return f"{better}, but by less than one standard error."
    if best.name == "from scratch":
        return f"{better}: train longer (--epochs), or without trained weights (--weights none)."
    return f"{better}: take that, or try other settings (--epochs, --learning-rate, another seed)."


def write_comparison(directory: Path, rows: Sequence[Compared], done: Run) -> None:
    """Write the rows to the run directory."""
    content = {name: done.metrics[name] for name in ("metric", "examples")}
    write_json(directory / FILE_NAME, {**content, "rows": [asdict(row) for row in rows]})
