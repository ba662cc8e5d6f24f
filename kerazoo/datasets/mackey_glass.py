"""The Mackey-Glass series, a standard test of long-range prediction, integrated here."""

from __future__ import annotations

from kerazoo._lazy import np
from kerazoo.datasets._splits import in_order
from kerazoo.registry import register_dataset
from kerazoo.spec import Splits, Windows

TAU, BETA, GAMMA = 17, 0.2, 0.1  # the usual parameters; the exponent is 10
START = 1.2  # x(t) for t up to 0
PER_UNIT = 10  # integration steps in one unit of time
TRANSIENT = 1_000  # units dropped from the beginning
SIZES = {"train": 3_000, "validation": 1_000, "test": 2_000}


@register_dataset(
    task="forecasting",
    metric="nrmse",
    columns=("x",),
    targets=("x",),
    windows=Windows(lookback=96, horizon=1, lead=84, step="time step"),
    license="none needed: generated",
    source="Mackey & Glass 1977, Oscillation and chaos in physiological control systems, Science "
    "197, 287-289; integrated by kerazoo",
    offline=True,
    sha256="b9df426fc6b3ba38d88591b05ad555ea5d230adf61a4e608bf2a263fca12f2de",
)
def mackey_glass() -> Splits:
    """A chaotic series with delay 17, to be predicted 84 steps ahead; generated, offline.

    dx/dt = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x(t), with x = 1.2 up to time 0. Integrated
    with the classical fourth-order Runge-Kutta method in steps of 0.1; the delayed value at half a
    step comes from cubic Hermite interpolation of the stored solution. The first 1,000 units of
    time are dropped, then one value is taken per unit: float64 ``(n, 1)``, 3,000 train, 1,000
    validation, 2,000 test, in order of time. Without noise.

    Only additions, multiplications and divisions are used (no ``pow``), so that every machine gets
    the same series, although it is chaotic.
    """
    values = np.array(integrate(sum(SIZES.values())), dtype=np.float64)[:, None]
    return in_order(values, SIZES)


def integrate(length: int) -> list[float]:
    """``length`` values of the series after the transient, one per unit of time."""
    step, delay = 1 / PER_UNIT, TAU * PER_UNIT
    x = [START] * (delay + 1)  # the constant past; x[i] is x at time (i - delay) · step
    slope = [0.0] * delay + [_production(START) - GAMMA * START]
    now = START
    for i in range((TRANSIENT + length - 1) * PER_UNIT):
        past, next_past = x[i], x[i + 1]
        # The past's slope is 0 up to time 0 and jumps there: an interval that ends at 0 keeps 0.
        next_slope = 0.0 if i + 1 == delay else slope[i + 1]
        middle = (past + next_past) / 2 + step / 8 * (slope[i] - next_slope)
        f0, fm, f1 = _production(past), _production(middle), _production(next_past)
        k1 = f0 - GAMMA * now
        k2 = fm - GAMMA * (now + step / 2 * k1)
        k3 = fm - GAMMA * (now + step / 2 * k2)
        k4 = f1 - GAMMA * (now + step * k3)
        now += step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        x.append(now)
        slope.append(f1 - GAMMA * now)
    return x[delay + TRANSIENT * PER_UNIT :: PER_UNIT]


def _production(x: float) -> float:
    square = x * x
    fourth = square * square
    return BETA * x / (1.0 + fourth * fourth * square)
