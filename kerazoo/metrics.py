"""Metrics: direction, title and format.

Standard library only, since ``kerazoo list`` shows results without Keras.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Metric:
    """A metric of a trained model on a split.

    Attributes:
        name: as in references and ``metrics.json``.
        title: name for readers.
        higher_is_better: a larger value is better.
        digits: digits after the decimal point; small values in natural units get more.
        percent: the value is a fraction, shown as a percentage.
        short: title for narrow columns; the title itself if empty.
        natural_units: the unit may be of any size.
        low: least possible value.
        high: largest possible value.
    """

    name: str
    title: str
    higher_is_better: bool = False
    digits: int = 4
    percent: bool = False
    short: str = ""
    natural_units: bool = False
    low: float = 0.0
    high: float = math.inf

    @property
    def arrow(self) -> str:
        """Direction of better values."""
        return "↑" if self.higher_is_better else "↓"

    def show(self, value: float, like: float | None = None) -> str:
        """A value with its unit: ``99.45 %`` or ``0.0262``."""
        return f"{self.number(value, like)} %" if self.percent else self.number(value, like)

    def number(self, value: float, like: float | None = None) -> str:
        """A value without its unit, with the digits of ``like`` if given."""
        size, digits = abs(value if like is None else like), self.digits
        if self.natural_units and 0 < size < 1:  # three significant digits
            digits = max(digits, 2 - math.floor(math.log10(size)))
        elif self.natural_units and size >= 1000:
            digits = 0
        return f"{100 * value if self.percent else value:,.{digits}f}"

    def with_error(self, value: float, standard_error: float, n: int) -> str:
        """A value on ``n`` examples and how sure it is.

        A proportion has Wilson's interval of 95 %, which stays inside [0, 1], other metrics their
        standard error.
        """
        if not self.percent:
            return f"{self.show(value)} ± {self.number(standard_error, value)}"
        z2 = 1.96**2 / n
        middle, half = value + z2 / 2, math.sqrt(z2 * (value * (1 - value) + z2 / 4))
        low, high = (min(1.0, max(0.0, (middle + s * half) / (1 + z2))) for s in (-1, 1))
        return f"{self.show(value)} ({100 * low:.1f} to {100 * high:.1f})"

    def as_given(self, value: float) -> str:
        """A published value with all its digits and its unit."""
        digits = -int(Decimal(repr(value)).as_tuple().exponent)
        if self.percent:
            return f"{100 * value:.{max(0, digits - 2)}f} %"
        return f"{value:.{max(0, digits)}f}"

    def with_spread(self, mean: float, std: float | None = None, n: int = 0) -> str:
        """A recorded mean, its spread and number of runs: ``99.45 ± 0.04 % (n = 5)``."""
        spread = "" if std is None else f" ± {self.number(std, mean)}"
        unit = " %" if self.percent else ""
        return f"{self.number(mean)}{spread}{unit}" + (f" (n = {n})" if n else "")

    def is_better(self, value: float, other: float) -> bool:
        """True if ``value`` is strictly better than ``other``; False for NaN."""
        return value > other if self.higher_is_better else value < other


_ALL = (
    Metric("accuracy", "accuracy", higher_is_better=True, digits=2, percent=True, high=1.0),
    Metric("balanced_accuracy", "balanced accuracy", True, digits=2, percent=True, high=1.0),
    Metric("ece", "expected calibration error", digits=2, percent=True, short="ECE", high=1.0),
    Metric("precision", "precision", True, digits=1, percent=True, high=1.0),
    Metric("recall", "recall", True, digits=1, percent=True, high=1.0),
    Metric("f1", "F1", True, digits=1, percent=True, high=1.0),
    Metric("macro_f1", "macro F1", higher_is_better=True, high=1.0),
    Metric("label_accuracy", "right labels", True, digits=2, percent=True, high=1.0),
    Metric("exact_match", "all labels right", True, digits=2, percent=True, high=1.0),
    Metric("coverage", "coverage of intervals", True, digits=1, percent=True, high=1.0),
    Metric("r2", "R²", higher_is_better=True, low=-math.inf, high=1.0),
    Metric("mse", "MSE (standardized)", short="MSE"),
    Metric("mae", "MAE (standardized)", short="MAE"),
    Metric("mse_natural", "MSE (natural units)", digits=3, natural_units=True),
    Metric("rmse_natural", "RMSE (natural units)", digits=3, natural_units=True),
    Metric("mae_natural", "MAE (natural units)", digits=3, natural_units=True),
    Metric("nrmse", "NRMSE"),
    Metric(
        "fd_pixels_pca64",
        "Fréchet distance in 64 principal components of the pixels",
        digits=2,
        short="FD (pixels)",
    ),
    Metric("smallest_class", "smallest class", True, digits=1, percent=True, high=1.0),
    Metric("largest_class", "largest class", digits=1, percent=True, high=1.0),
    Metric("elbo", "ELBO (nats)", True, 2, short="ELBO", low=-math.inf, high=0.0),
    Metric("diversity", "diversity (real: 1)", higher_is_better=True, digits=3),
)
METRICS = {m.name: m for m in _ALL}


def metric(name: str) -> Metric:
    """The metric of a name; for an unknown one higher is better."""
    if name in METRICS:
        return METRICS[name]
    if judged := re.fullmatch(r"fd_(\w+)_10k", name):
        title = f"Fréchet distance in {judged[1]} features, 10,000 samples"
        return Metric(name, title, digits=2, short="FD")
    return Metric(name, name.replace("_", " "), higher_is_better=True, low=-math.inf)


def result_of(metrics: Mapping[str, Any]) -> str:
    """The main result in ``metrics.json`` for readers: ``accuracy 98.06 % on 360 test examples``.

    Files of earlier versions, which name no split, are of the test split.
    """
    measure, split = metric(metrics["metric"]), metrics.get("split", "test")
    result = f"{measure.title} {measure.show(metrics['value'])}"
    return f"{result} on {metrics['examples']:,} {split} examples"


def logged(name: str, value: float) -> str:
    """A value that Keras logs for an epoch, such as ``val_accuracy``."""
    if name == "epoch":
        return f"{value:.0f}"
    measure = METRICS.get(name.removeprefix("val_"))
    if measure and measure.percent:
        return measure.show(value)
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"


def with_rmse(values: Mapping[str, float]) -> dict[str, float]:
    """Metrics for readers: next to a mean squared error its root, which has the targets' unit."""
    pairs: list[tuple[str, float]] = []
    for name, value in values.items():
        pairs.append((name, value))
        if name == "mse_natural":
            pairs.append(("rmse_natural", math.sqrt(value)))
    return dict(pairs)


def first_impossible(values: Mapping[str, float]) -> str | None:
    """The first metric whose value it cannot have; None if there is none."""
    return next((m for m, v in values.items() if not metric(m).low <= v <= metric(m).high), None)


def best_baseline(baselines: Mapping[str, float], measure: Metric) -> tuple[str, float] | None:
    """Name and value of the best baseline in the main metric; None without baselines."""
    if not baselines:
        return None
    choose = max if measure.higher_is_better else min
    name = choose(baselines, key=baselines.__getitem__)
    return name, baselines[name]


def plain(name: str) -> str:
    """Name of a baseline or limit for readers: ``repeat last``."""
    return name.replace("_", " ")


def duration(seconds: float) -> str:
    """Seconds for readers: ``40 s``, ``12 min``, ``1.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
