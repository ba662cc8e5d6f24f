"""A linear relation with noise, generated."""

from __future__ import annotations

from kerazoo._lazy import np
from kerazoo.datasets._splits import in_order
from kerazoo.registry import register_dataset
from kerazoo.spec import Splits

FEATURES = 10
SIZES = {"train": 600, "validation": 200, "test": 200}
NOISE = 20.0


@register_dataset(
    task="regression",
    input_shape=(FEATURES,),
    columns=tuple(f"x{i}" for i in range(FEATURES)),
    targets=("y",),
    license="none needed: generated",
    source="scikit-learn, sklearn.datasets.make_regression, random_state=0",
    offline=True,
    sha256="fdbfd7d9d105a08d21f7e8da71ac82964d1fd7e4fec8e939892fa2260e29469a",
)
def make_regression() -> Splits:
    """1,000 rows of a linear relation of ten numbers with noise; generated, offline.

    ``x`` is float32 ``(n, 10)``, from a standard normal distribution; ``y`` float32 ``(n,
    1)``, a linear map of the seven informative columns plus Gaussian noise of standard deviation
    20. 600 train, 200 validation and 200 test, in the order of generation. Values are rounded to
    four decimals, so that every machine gets the same ones.
    """
    from sklearn import datasets

    x, y = datasets.make_regression(
        n_samples=sum(SIZES.values()),
        n_features=FEATURES,
        n_informative=7,
        noise=NOISE,
        random_state=0,
    )
    x, y = np.round(x, 4).astype(np.float32), np.round(y, 4).astype(np.float32)[:, None]
    rows, results = in_order(x, SIZES), in_order(y, SIZES)
    return {name: (rows[name], results[name]) for name in SIZES}
