"""Decision threshold of a classifier for two classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from kerazoo._lazy import np
from kerazoo.errors import KerazooError, unknown
from kerazoo.spec import Threshold
from kerazoo.tasks._scores import Scores

# Pairs of names of which the first is the positive class.
POSITIVE = {("1", "0"), ("true", "false"), ("yes", "no"), ("positive", "negative")}


def threshold_of(rule: str | float, positive: str | None, labels: Sequence[str]) -> Threshold:
    """A threshold as the user asks for it: a probability, or a rule to choose one on validation.

    Args:
        rule: ``"f1"``, the best F1; ``"recall=0.9"``, the highest threshold with that recall; or a
            probability between 0 and 1.
        positive: name of the positive class; None where the names tell, such as ``yes`` and ``no``.
        labels: names of the classes.

    Raises:
        KerazooError: another rule; there are not two classes; or it is not known which one counts
            as positive.
    """
    if len(labels) != 2:
        raise KerazooError(f"threshold is for two classes; this data has {len(labels)}.")
    if positive is None:
        names = [name.lower() for name in labels]
        found = [i for i in (0, 1) if (names[i], names[1 - i]) in POSITIVE]
        if not found:
            raise KerazooError(
                f"threshold needs the class to find: --positive {labels[0]!r} or {labels[1]!r}."
            )
        positive = labels[found[0]]
    if positive not in labels:
        raise unknown("positive class", positive, labels)
    text = str(rule)
    if match := re.fullmatch(r"f1|(?:recall=)?(0?\.\d+|\d\.?\d*e-\d+)", text):
        chosen = text != "f1" and "=" not in text
        if match[1] is None or 0 < float(match[1]) < 1:
            value = float(text) if chosen else None
            return Threshold(
                positive=positive, column=labels.index(positive), rule=text, value=value
            )
    raise KerazooError(
        f"threshold is {rule!r}; give f1, recall=0.9 or a probability between 0 and 1."
    )


def choose(threshold: Threshold, scores: Scores) -> Threshold:
    """The threshold with a value, chosen by its rule on the scores of a validation split.

    It lies in the middle between two probabilities of the split.
    """
    if threshold.value is not None:
        return threshold
    chances = scores.probabilities[:, threshold.column].astype(np.float64)
    order = np.argsort(-chances, kind="stable")
    chances, true = chances[order], (scores.labels == threshold.column)[order]
    if not true.any():
        raise KerazooError(f"no validation example is {threshold.positive!r}; give a probability.")
    below = np.append(chances[1:], 0.0)
    found, several = np.cumsum(true), np.arange(1, len(true) + 1)
    if threshold.rule == "f1":
        good = np.where(chances > below, found / (several + true.sum()), -1)
        last = int(good.argmax())  # the highest threshold of equal ones
    else:
        wanted = float(threshold.rule.partition("=")[2]) * true.sum()
        last = int(np.flatnonzero((found >= wanted - 1e-9) & (chances > below))[0])
    return replace(
        threshold,
        value=float((chances[last] + below[last]) / 2),
        validation_examples=len(true),
        validation_positives=int(true.sum()),
    )
