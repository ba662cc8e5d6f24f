"""The linear baseline of texts."""

from __future__ import annotations

import numpy as np
import pytest

from kerazoo.spec import Data, Split
from kerazoo.tasks import _baselines as linear_models


def test_the_linear_model_of_words_has_the_penalty_that_validates_best():
    """Many rare words that say nothing: the weakest penalty learns them by heart."""
    random = np.random.RandomState(0)

    def split(n):
        y = random.randint(0, 2, n)
        x = random.randint(10, 5_000, (n, 60))
        x[:, 0] = np.where(random.uniform(size=n) < 0.8, 2 + y, 3 - y)  # a word that says much
        return Split(x.astype("int32"), y)

    data = Data(split(600), split(300), split(2_000), None, "")
    accuracy = linear_models.bag_of_words(data.train, data)
    fixed = {}
    for c in linear_models.WORD_CS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(linear_models, "WORD_CS", (c,))
            fixed[c] = linear_models.bag_of_words(data.train, data)
    assert accuracy in fixed.values() and accuracy > fixed[1.0]
