"""What the formats of 8-bit integers share: their examples, their tolerance, their refusals."""

from __future__ import annotations

import copy
from typing import Any, Self

from kerazoo._lazy import keras, np
from kerazoo.exporting.formats import Format, Notes
from kerazoo.spec import Split, is_image

EXAMPLES = 512
BATCH = 64


class Int8(Format):
    """A format of 8-bit integers, to be mixed into one of float32.

    Weights have a scale for each output channel. The ranges of the values between the layers come
    from training examples.
    """

    metric_tolerance = 0.002
    examples: np.ndarray

    def calibrated(self, examples: np.ndarray) -> Self:
        """This format with examples, inputs ``(n, …)`` of the exported model in random order."""
        chosen = copy.copy(self)
        chosen.examples = examples
        return chosen

    def refusal(self, network: keras.Model, has_classes: bool) -> str | None:
        """Anything but a classifier of images."""
        if not (has_classes and all(is_image(x.shape[1:]) for x in network.inputs)):
            return (
                "8-bit integers are for classifiers of images, whose inputs have a fixed range and "
                "whose accuracy can be certified"
            )
        return super().refusal(network, has_classes)

    @property
    def note(self) -> Notes:
        """Note on the calibration."""
        n = len(self.examples)
        return (f"8-bit integers, inputs and outputs float32; calibrated on {n} training examples",)


def calibration_examples(train: Split) -> Any:
    """Inputs of up to 512 training examples, chosen and ordered with seed 0."""
    return train.x[np.random.RandomState(0).permutation(train.examples)[:EXAMPLES]]
