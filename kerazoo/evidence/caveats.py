"""Limits of recorded results: where a model loses, and how far its values can be trusted.

All sentences are derived from recorded data. Standard library only.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kerazoo import fingerprint, registry
from kerazoo.evidence.reference import Evidence, Reference, stale_reasons
from kerazoo.metrics import Metric, best_baseline, metric, plain
from kerazoo.spec import Entry, Published

if TYPE_CHECKING:
    import keras

UNEVEN = 3.0  # ratio of the largest to the smallest class among generated images
NAMED = 5  # classes, of which a sentence names no more
ALIKE = 0.7  # diversity below which generated images show too few kinds


def caveats(entry: Entry, recorded: Evidence, model: keras.Model | None = None) -> list[str]:
    """Sentences that a reader of an entry's results should know; ``model`` is checked if given."""
    structure = None if model is None else fingerprint.of_model(model)
    dataset, measure = registry.get_dataset(entry.dataset), recorded.measure
    full, smoke = recorded.tiers.get("full"), recorded.tiers.get("smoke")
    lines = []
    if full is None:
        lines.append("Not measured yet: no reference of the full recipe has been recorded.")
    else:
        lines += _loses(full, measure, "Does not beat")
        lines += _of_runs(entry, full, measure)
        lines += _below_published(entry, full, measure)
        lines += uneven([run.also for run in full.runs])
    for tier, reference in recorded.tiers.items():
        if reasons := stale_reasons(entry, tier, reference, structure, dataset.sha256):
            lines.append(f"The reference of tier {tier} is out of date: {'; '.join(reasons)}.")
    if smoke is not None:
        lines += _loses(smoke, measure, "In tier smoke, a short recipe, it does not beat")
    if dataset.measured_on:
        verb = "Measured" if full else "The data is pinned"
        lines.append(f"{verb} on {dataset.measured_on}; other copies of the data may differ.")
    lines += registry.task_of(entry).notes(entry, dataset)
    if entry.recipe.train_on == "train+validation":
        lines.append(
            "The recipe trains on train and validation together, so there is no result on unseen "
            "validation data (for earlier trials see benchmarks/TUNING.md)."
        )
    if entry.test_exposure:
        lines.append(f"Not decided blind to the test split: {entry.test_exposure}.")
    if recorded.weights is not None:
        lines.append(
            f"The bundled weights are those of the first seed, {recorded.weights.seed}, stored as "
            f"float16; their result is {measure.show(recorded.weights.value)}."
        )
    if not dataset.offline:
        lines.append("The data is loaded from the network, or a local copy, at first use.")
    return lines


def loses_to(published: Published, recorded: Evidence) -> dict[str, float]:
    """Our baselines that are better than a published value, in its own metric.

    A value is published with some number of digits; a baseline counts as better only if it is
    better than all that could have been rounded to it. (``0.139`` does not lose to 0.1387.)
    """
    reference = recorded.tiers.get("full")
    if reference is None:
        return {}
    measure = metric(published.metric)
    half = 10.0 ** int(Decimal(repr(published.value)).as_tuple().exponent) / 2
    best_case = published.value + (half if measure.higher_is_better else -half)
    found = {}
    for name, value in reference.baselines.items():
        values = {**reference.baseline_metrics.get(name, {}), recorded.metric: value}
        if measure.is_better(values.get(published.metric, math.nan), best_case):
            found[name] = values[published.metric]
    return found


def loses_sentence(published_metric: str, better: dict[str, float]) -> str:
    """``loses to repeat last (0.0338), linear (0.0278)``; empty if it loses to none."""
    show = metric(published_metric).show
    named = ", ".join(f"{plain(name)} ({show(value)})" for name, value in better.items())
    return f"loses to {named}" if named else ""


def uneven(runs: Sequence[Mapping[str, float]]) -> list[str]:
    """Sentences on generated images with a rare or frequent class, or that are too much alike.

    Args:
        runs: other metrics of each run; those of other tasks give no sentence.
    """
    lines = []
    small = min((r["smallest_class"] for r in runs if "smallest_class" in r), default=1.0)
    large = max((r["largest_class"] for r in runs if "largest_class" in r), default=0.0)
    if large > UNEVEN * small:
        lines.append(
            f"The generated images are uneven: the rarest class makes up {100 * small:.1f} % of a "
            f"run's images, the most frequent one {100 * large:.1f} %."
        )
    alike = min((r["diversity"] for r in runs if "diversity" in r), default=1.0)
    if alike < ALIKE:
        lines.append(
            f"The generated images of a run are too much alike: their diversity is {alike:.2f} "
            "(real images: 1), which is a sign of mode collapse or of blur."
        )
    return lines


def of_result(metrics: Mapping[str, Any], *, balanced: bool | None = None) -> list[str]:
    """Sentences on what the metrics of a run hide: uneven images, classes that are not found.

    Args:
        metrics: content of ``metrics.json``.
        balanced: all classes had the same weight in training; None if that is not known.
    """
    lines = uneven([metrics["also"]])
    classes: Mapping[str, Mapping[str, Any]] = metrics.get("by_class", {})
    if metrics["metric"] != "accuracy":
        balanced = None  # no option of that task
    never = [k for k, m in classes.items() if m["examples"] and m["precision"] is None]
    if never:
        most = max(m["examples"] for m in classes.values())
        if balanced is False:  # as if weighted, where the classes that are missed are no smaller
            balanced = all(classes[name]["examples"] == most for name in never)
        remedies = {None: "", False: "; --balance may help", True: "; train longer (--epochs)"}
        names = ", ".join(map(repr, never[:NAMED])) + f" and {len(never) - NAMED} more" * (
            len(never) > NAMED
        )
        missed = sum(classes[name]["examples"] for name in never)
        lines.append(
            f"Never predicted: {names}; {missed:,} test examples are missed{remedies[balanced]}."
        )
    if classes and metrics["metric"] == "accuracy":
        largest = max(classes, key=lambda name: classes[name]["examples"])
        share, measure = classes[largest]["examples"] / metrics["examples"], metric("accuracy")
        if metrics["value"] <= share:
            lines.append(
                f"The accuracy, {measure.show(metrics['value'])}, is no better than that of always "
                f"predicting {largest!r}, {measure.show(share)}: look at the balanced accuracy and "
                "the recall of each class."
            )
    return lines


def _loses(reference: Reference, measure: Metric, opening: str) -> list[str]:
    best = best_baseline(reference.baselines, measure)
    if best is None or measure.is_better(reference.mean, best[1]):
        return []
    return [
        f"{opening} its best baseline: {plain(best[0])} has {measure.show(best[1])}, this model "
        f"{measure.show(reference.mean)}."
    ]


def _of_runs(entry: Entry, full: Reference, measure: Metric) -> list[str]:
    """Number of runs, their machines and their errors."""
    machines = full.machines
    number = "one machine" if len(machines) == 1 else f"{len(machines)} machines"
    seeds = "one seed" if full.n == 1 else f"n = {full.n} seeds"
    unknown = ", so the spread between seeds is unknown" if full.n == 1 else ""
    lines = [f"The results are from {seeds} on {number} ({'; '.join(machines)}){unknown}."]
    if full.n < entry.seeds:
        lines.append(f"The entry asks for {entry.seeds} seeds; {full.n} are recorded.")
    error = statistics.fmean(run.standard_error for run in full.runs)
    if error > 0:
        unit = " %" if measure.percent else ""
        larger = full.std is not None and error > full.std
        lines.append(
            f"The test split is a sample of limited size: its standard error is ± "
            f"{measure.number(error)}{unit}"
            + (", more than the spread between the seeds." if larger else ".")
        )
        best = best_baseline(full.baselines, measure)
        if best and (lead := abs(full.mean - best[1])) < 2 * error:
            lines.append(
                f"The distance to {plain(best[0])}, {measure.number(lead)}{unit}, is less than two "
                "such standard errors."
            )
    return lines


def _below_published(entry: Entry, full: Reference, measure: Metric) -> list[str]:
    """Published values that are better than ours, each in its own metric."""
    ours = {name: mean for name, (mean, _) in full.also.items()} | {measure.name: full.mean}
    return [
        f"Worse than published: {metric(p.metric).title} {metric(p.metric).show(ours[p.metric])}, "
        f"against {metric(p.metric).show(p.value)} of {p.source}; conditions: {p.conditions}."
        for p in entry.published
        if p.metric in ours and metric(p.metric).is_better(p.value, ours[p.metric])
    ]
