"""What a figure does not say by itself: where it loses, how far it can be trusted.

All of it is derived from recorded data; nobody types it. Standard library only.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from kerazoo import fingerprint, registry
from kerazoo.evidence.reference import Evidence, Reference, judge_sha256, stale_reasons
from kerazoo.metrics import Metric, best_naive, metric, plain
from kerazoo.spec import Entry, Published

if TYPE_CHECKING:
    import keras

EVEN = (0.05, 0.15)  # shares of a digit among samples that are taken as even
ALIKE = 0.7  # of the distance between two real pictures; below, samples show too few kinds


def loses_to(published: Published, recorded: Evidence) -> dict[str, float]:
    """Our naive baselines that are better than a published figure, in its own metric.

    A figure is given to some number of digits; a baseline counts as better only if it is better
    than all that could have been rounded to it. (``0.139`` does not lose to 0.1387.)
    """
    reference = recorded.tiers.get("full")
    if reference is None:
        return {}
    measure = metric(published.metric)
    half = 10.0 ** int(Decimal(repr(published.value)).as_tuple().exponent) / 2
    at_best = published.value + (half if measure.higher_is_better else -half)
    figures = {
        name: value if published.metric == recorded.metric else beside[published.metric]
        for name, value in reference.baselines.items()
        if published.metric in (beside := reference.beside.get(name, {}))
        or published.metric == recorded.metric
    }
    return {name: v for name, v in figures.items() if measure.is_better(v, at_best)}


def loses_sentence(published_metric: str, better: dict[str, float]) -> str:
    """``loses to repeat last (0.0338), linear (0.0278)``; empty if it loses to none."""
    show = metric(published_metric).show
    named = ", ".join(f"{plain(name)} ({show(value)})" for name, value in better.items())
    return f"loses to {named}" if named else ""


def uneven(runs: Sequence[Mapping[str, float]]) -> list[str]:
    """What is odd about samples of ten kinds: a kind that is rare or frequent, or too much alike.

    Args:
        runs: the other metrics of each run, see :func:`kerazoo.tasks._judges.figures`.
    """
    said = []
    small = min((r["smallest_class"] for r in runs if "smallest_class" in r), default=EVEN[0])
    large = max((r["largest_class"] for r in runs if "largest_class" in r), default=EVEN[1])
    if small < EVEN[0] or large > EVEN[1]:
        said.append(
            f"The samples are uneven: of the ten digits one makes up {100 * small:.1f} % of a "
            f"run's samples, one {100 * large:.1f} % (even would be 10 %)."
        )
    alike = min((r["diversity"] for r in runs if "diversity" in r), default=1.0)
    if alike < ALIKE:
        said.append(
            f"The samples of a run are too much alike: two lie {alike:.2f} times as far apart as "
            "two real pictures, which is a sign of mode collapse."
        )
    return said


def caveats(entry: Entry, recorded: Evidence) -> list[str]:
    """What a reader of an entry's figures should know, one sentence or two each."""
    dataset = registry.get_dataset(entry.dataset)
    full = recorded.tiers.get("full")
    said = []
    if full is None:
        why = entry.unmeasured or "no reference of the full recipe has been recorded"
        said.append(f"Not measured yet: {why}.")
    else:
        said += _of_reference(entry, full, recorded.measure)
    said += _out_of_date(entry, recorded)
    smoke = recorded.tiers.get("smoke")
    if smoke is not None:
        said += _loses(smoke, recorded.measure, "In tier smoke, a short recipe, it does not beat")
    if dataset.measured_on:
        kind = "Measured" if full else "The data is pinned"
        said.append(f"{kind} on {dataset.measured_on}; other copies of the data may differ.")
    if len(dataset.targets) > 1 and dataset.task == "forecasting":
        said.append(
            f"Figures in natural units are means over {len(dataset.targets)} columns of different "
            "units and sizes, so the largest ones decide them; kerazoo evaluate says those of each."
        )
    if registry.task_of(entry).name == "generation":
        said += _of_distances(entry)
    if entry.recipe.train_on == "train+validation":
        said.append(
            "The recipe trains on train and validation together, so no figure on unseen validation "
            "data stands beside the test figure (what was tried before: benchmarks/TUNING.md)."
        )
    if entry.not_blind:
        said.append(f"Not decided blind to the test split: {entry.not_blind}.")
    if recorded.weights is not None:
        said.append(
            f"The bundled weights are those of seed {recorded.weights.seed}, the first, whatever "
            "its figure, stored as float16; they measure "
            f"{recorded.measure.show(recorded.weights.value)}."
        )
    if not dataset.offline:
        said.append("The data is loaded from the network, or a copy of yours, at first use.")
    return said


def _of_distances(entry: Entry) -> list[str]:
    """What the figures of generated pictures mean."""
    judge = entry.judge
    features = f"the last hidden layer of {judge}" if judge else "principal components of pixels"
    said = [
        "The Fréchet distance (Heusel et al. 2017, Advances in Neural Information Processing "
        "Systems, arXiv:1706.08500) compares mean and covariance of the features of samples and "
        f"of test pictures; here of {features}, not of an Inception network, so no figure called "
        "FID can be compared with it. It says nothing of samples that repeat training pictures.",
        "Diversity is the mean distance of two samples' features over that of two test pictures'.",
    ]
    if judge:
        said.append(
            "Smallest and largest class are shares of the samples as the same classifier reads "
            "them; it was trained on the pictures that the generator learns from."
        )
    return said


def _out_of_date(entry: Entry, recorded: Evidence) -> list[str]:
    """Each tier whose recipe, data or judge changed since; the model is not built to look."""
    judge = judge_sha256(entry)
    data = registry.get_dataset(entry.dataset).sha256
    reasons = {
        tier: stale_reasons(reference, entry.recipe_for(tier), None, data, judge)
        for tier, reference in recorded.tiers.items()
    }
    return [out_of_date(tier, why) for tier, why in reasons.items() if why]


def changed_model(recorded: Evidence, model: keras.Model) -> list[str]:
    """One caveat for each tier whose model changed since; ``caveats`` has the other changes."""
    structure = fingerprint.of_model(model)
    return [
        out_of_date(tier, ["the model's structure changed"])
        for tier, reference in recorded.tiers.items()
        if reference.model != structure
    ]


def out_of_date(tier: str, reasons: list[str]) -> str:
    """That the reference of a tier does not speak for the code as it is."""
    return f"The reference of tier {tier} is out of date: {'; '.join(reasons)}."


def _loses(reference: Reference, measure: Metric, opening: str) -> list[str]:
    naive = best_naive(reference.baselines, measure)
    if naive is None or measure.is_better(reference.mean, naive[1]):
        return []
    return [
        f"{opening} its best naive baseline: {plain(naive[0])} has {measure.show(naive[1])}, this "
        f"model {measure.show(reference.mean)}."
    ]


def _below_published(entry: Entry, full: Reference, measure: Metric) -> list[str]:
    """The published figures that are better than ours, each in its own metric."""
    ours = {name: mean for name, (mean, _) in full.also.items()} | {measure.name: full.mean}
    said = []
    for figure in entry.published:
        theirs = metric(figure.metric)
        if figure.metric in ours and theirs.is_better(figure.value, ours[figure.metric]):
            said.append(
                f"Worse than published: {theirs.title} {theirs.show(ours[figure.metric])}, "
                f"against {theirs.show(figure.value)} of {figure.source}, measured so: "
                f"{figure.conditions}."
            )
    return said


def _machines(reference: Reference) -> str:
    names = reference.machines
    number = "one machine" if len(names) == 1 else f"{len(names)} machines"
    return f"{number} ({'; '.join(names)})"


def _of_reference(entry: Entry, full: Reference, measure: Metric) -> list[str]:
    said = []
    naive = best_naive(full.baselines, measure)
    said += _loses(full, measure, "Does not beat")
    count = "one seed" if full.n == 1 else f"n = {full.n} seeds"
    said.append(
        f"The figures are of {count} on {_machines(full)}"
        + (", so nothing is known of the spread between seeds." if full.n == 1 else ".")
    )
    said += _below_published(entry, full, measure)
    if full.n < entry.seeds:
        said.append(f"The entry asks for {entry.seeds} seeds; {full.n} are recorded.")
    said += uneven([r.also for r in full.runs])
    error = statistics.fmean(r.standard_error for r in full.runs)
    if error > 0:
        spread = ""
        if full.std is not None and error > full.std:
            spread = ", more than the spread between the seeds"
        unit = " %" if measure.percent else ""
        said.append(
            "The test split is a sample of limited size: its own standard error is "
            f"± {measure.number(error)}{unit}{spread}."
        )
        lead = abs(full.mean - naive[1]) if naive else None
        if naive and lead is not None and lead < 2 * error:
            said.append(
                f"The distance to {plain(naive[0])}, {measure.number(lead)}{unit}, is less than "
                "two such standard errors."
            )
    return said
