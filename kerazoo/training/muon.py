"""The Muon optimizer for convolutional networks; imported when a recipe wants it.

It needs Keras at its definition, so ``optimizer.py`` must not hold it.
"""

from __future__ import annotations

import math
from typing import Any

from kerazoo._lazy import keras
from kerazoo.errors import KerazooError

NEEDS = 3, 13  # of Keras, see the error
STEPS = 3  # of the Newton-Schulz iteration; with 5 MNIST was learned no better
RATE = 0.2  # times the root of a kernel's longer side: an update is then as large as one of Adam's


class Muon(keras.optimizers.Muon):
    """Muon for the kernels of convolutions, AdamW for every other weight; one learning rate.

    Keras's own class leaves kernels of convolutions to AdamW. Here such a kernel is one matrix of
    ``(height * width * input channels, filters)``, of a transposed convolution with the two
    exchanged, whose momentum is made orthogonal. Dense layers stay with AdamW, as a classifier's
    last one must.

    Source: Jordan et al. 2024, Muon: an optimizer for hidden layers in neural networks (the
    update, and kernels as matrices); Liu et al. 2025, arXiv:2502.16982, section 2.2 (its size).

    Raises:
        KerazooError: Keras is older than 3.13.
    """

    def __init__(
        self, learning_rate: Any, *, momentum: float, weight_decay: float | None, **options: Any
    ) -> None:
        if tuple(map(int, keras.__version__.split(".")[:2])) < NEEDS:
            raise KerazooError(
                f"optimizer 'muon' needs Keras 3.13 or later; this is {keras.__version__}, whose "
                "own Muon stops with TensorFlow."
            )
        super().__init__(
            learning_rate, momentum=momentum, weight_decay=weight_decay, ns_steps=STEPS, **options
        )
        self.adam_weight_decay = weight_decay

    def _should_use_adamw(self, variable: Any) -> bool:
        return len(variable.shape) < 3

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """The orthogonal matrix that is nearest to a momentum, as large as an update of Adam's."""
        matrix = keras.ops.reshape(x, (-1, x.shape[-1]))
        near = super().zeropower_via_newtonschulz5(matrix, steps)
        return keras.ops.reshape(near * RATE * math.sqrt(max(matrix.shape)), x.shape)

    def lr_adjust(self, x: Any) -> Any:
        """No change: an update gets its size above, from the matrix and not from the kernel."""
        return x
