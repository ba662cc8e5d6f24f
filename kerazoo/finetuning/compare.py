"""The result of a fine-tuned model next to those that it has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kerazoo._files import write_json
from kerazoo._parts import Bullets, Part, Table, group_tables
from kerazoo.evidence import caveats
from kerazoo.finetuning.readers.user_data import UserData
from kerazoo.metrics import Metric, metric, with_rmse
from kerazoo.spec import Threshold
from kerazoo.tasks._intervals import Intervals
from kerazoo.tasks._scores import balanced_standard_error
from kerazoo.tasks.base import Baselines
from kerazoo.training.run_directory import Run

FILE_NAME = "comparison.json"
ADVICE = "try other settings (--epochs, --learning-rate, --weights, --seed)."


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
    """

    data: UserData
    comparison: tuple[Compared, ...]
    warnings: tuple[str, ...]
    use: str

    @property
    def verdict(self) -> str:
        """The simpler way that does better, if one does, and what to do; else empty.

        By balanced accuracy where the accuracy is not what was asked for.
        """
        rows = self.comparison
        if "by_class" in self.metrics and (self.recipe.balance or "threshold" in self.metrics):
            return verdict(balanced(rows, self.metrics), metric("balanced_accuracy"))
        return verdict(rows, metric(self.metrics["metric"]))

    @property
    def caveats(self) -> list[str]:
        """Sentences on what the metrics hide, such as a class that is never predicted."""
        return caveats.of_result(self.metrics, balanced=self.recipe.balance)

    def result(self) -> list[Table]:
        """Fine-tuned model, the same from scratch, and baselines; for a classifier each class."""
        measure, n = metric(self.metrics["metric"]), self.metrics["examples"]
        also = [with_rmse(row.also) for row in self.comparison]
        names = list(with_rmse(self.metrics["also"]))
        largest = {k: max(abs(values.get(k, 0.0)) for values in also) for k in names}
        rows = []
        for row, values in zip(self.comparison, also, strict=True):
            name = f"{row.name} (this model)" if row is self.comparison[-1] else row.name
            value, error = measure.show(row.value), row.standard_error
            if error is not None:
                value = measure.with_error(row.value, error, n)
            rest = (metric(k).show(values[k], largest[k]) if k in values else "" for k in names)
            rows.append((name, value, *rest))
        columns = ("", *(f"{m.short or m.title} {m.arrow}" for m in (measure, *map(metric, names))))
        note = "in parentheses: 95 % interval" if measure.percent else "± standard error"
        if intervals := self.metrics.get("intervals"):
            note += f"; {Intervals(**intervals)}"
        if about := self.metrics.get("calibration"):
            note += (
                f"; calibrated probabilities{', equal classes' * self.recipe.balance}: temperature "
                f"{about['temperature']:.2f} from {about['validation_examples']:,} validation "
                f"examples, ECE before {metric('ece').show(about['ece_before'])}"
            )
        if threshold := self.metrics.get("threshold"):
            note += f"; {Threshold(**threshold)}"
        title = f"{self.entry}: {n:,} test examples, read once at the end"
        tables = [Table(columns, rows, range(1, len(columns)), title=title, note=note)]
        return [*tables, *group_tables(self.metrics)]

    def _parts(self) -> list[Part]:
        notes = Bullets([*([self.verdict] if self.verdict else []), *self.caveats])
        return [*self.result(), notes, *super()._parts()[1:], *self.data._parts()]

    def as_json(self) -> dict[str, Any]:
        """Output of ``kerazoo finetune --json``."""
        return {
            "entry": self.entry,
            "path": str(self.path),
            "seed": self.seed,
            "seconds": self.seconds,
            "peak_memory": self.peak_memory,
            "metrics": self.metrics,
            "comparison": [asdict(row) for row in self.comparison],
            "report": list(self.data.report),
            "warnings": [*self.warnings, *self.caveats],
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


def balanced(rows: Sequence[Compared], metrics: Mapping[str, Any]) -> list[Compared]:
    """The rows with their balanced accuracy as the value; ``metrics`` are the model's."""
    *others, model = (replace(row, value=row.also["balanced_accuracy"]) for row in rows)
    error = balanced_standard_error(metrics["by_class"])
    return [*others, replace(model, standard_error=error)]


def verdict(rows: Sequence[Compared], measure: Metric) -> str:
    """Which simpler way does as well as the model, and what to do; empty if none does.

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
        return f"{best.name} does as well here as {model.name}, and is simpler."
    return f"{model.name} does no better here than {best.name}: {ADVICE}"


def write_comparison(directory: Path, rows: Sequence[Compared], done: Run) -> None:
    """Write the rows to the run directory."""
    content = {name: done.metrics[name] for name in ("metric", "examples")}
    write_json(directory / FILE_NAME, {**content, "rows": [asdict(row) for row in rows]})
