"""scikit-learn's diabetes table: real, small, and installed with scikit-learn itself."""

from __future__ import annotations

from kerazoo._lazy import np
from kerazoo.datasets._splits import three_splits
from kerazoo.registry import register_dataset
from kerazoo.spec import Splits

HELD_OUT = 88  # a fifth of the 442 patients, once for test and once for validation


@register_dataset(
    task="regression",
    input_shape=(10,),
    columns=(
        *("age (years)", "sex (1 or 2)", "body mass index (kg/m²)", "blood pressure (mmHg)"),
        *("s1 (total cholesterol)", "s2 (LDL)", "s3 (HDL)", "s4 (cholesterol/HDL)"),
        *("s5 (log triglycerides)", "s6 (glucose)"),
    ),
    targets=("disease progression after one year",),
    license="not stated by its authors; distributed with scikit-learn (BSD-3-Clause)",
    source="Efron, Hastie, Johnstone & Tibshirani 2004, Least angle regression, Annals of "
    "Statistics 32(2), 407-499; the copy in scikit-learn (sklearn.datasets.load_diabetes, "
    "unscaled)",
    offline=True,
    sha256="29b71fc41119c61e62d32b485a511bc17f875c2c60ee116a895acfd02f9e6f27",
)
def diabetes() -> Splits:
    """442 patients, ten measurements each, and how far their diabetes went; embedded, offline.

    ``x`` is float32 ``(n, 10)`` in natural units (columns as named), ``y`` float32 ``(n, 1)``, a
    measure of progression from 25 to 346. There is no official split; ours is 266 train, 88
    validation and 88 test, by a fixed seed. So few test rows make R² uncertain by about 0.1.
    """
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True, scaled=False)
    return three_splits(x.astype(np.float32), y.astype(np.float32)[:, None], HELD_OUT)
