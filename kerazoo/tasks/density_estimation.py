"""Density estimation: a bound of the likelihood of images, by a model that also generates them.

A model of this task is one of the task generation that, called with images, gives the evidence
lower bound (ELBO) of each, in nats.
"""

from __future__ import annotations

import dataclasses
import math

from kerazoo._lazy import keras, np
from kerazoo.plots.learning_curves import Curve
from kerazoo.registry import register_task
from kerazoo.spec import Data, Dataset, Entry, Split
from kerazoo.tasks.base import Baselines, Finished, Outcome
from kerazoo.tasks.generation import Generation
from kerazoo.training import checkpoint, engine

FEWEST = 1e-3  # and one minus it: probability of a pixel that was never, or always, white


class DensityEstimation(Generation):
    """Images, uint8 ``(n, height, width, channels)``, whose pixels are sampled as black or white.

    A gray value is the probability of white.
    """

    name = "density_estimation"
    metrics = ("elbo",)

    def metric_of(self, entry: Entry) -> str:
        """The evidence lower bound."""
        return "elbo"

    def evaluate(self, model: keras.Model, data: Data) -> Outcome:
        """Mean ELBO of the test images, seed 0; and the metrics of generated images."""
        generated = super().evaluate(model, data)
        checkpoint.set_random_state(model, seed=0, epoch=0)
        bounds = engine.predict(model, data.test.x).astype(np.float64)
        return dataclasses.replace(
            generated,
            metric="elbo",
            value=float(bounds.mean()),
            standard_error=float(bounds.std(ddof=1) / math.sqrt(len(bounds))),
            also={generated.metric: generated.value, **generated.also},
        )

    def baselines(self, train: Split, data: Data) -> Baselines:
        """Independent pixels, whose likelihood is known."""
        found = super().baselines(train, data)
        white = np.clip(train.x.mean(axis=0, dtype=np.float64) / 255, FEWEST, 1 - FEWEST)
        share = data.test.x.mean(axis=0, dtype=np.float64) / 255
        mean = float((share * np.log(white) + (1 - share) * np.log(1 - white)).sum())
        return Baselines(
            simple={name: {"elbo": mean, **values} for name, values in found.simple.items()}
        )

    def notes(self, entry: Entry, dataset: Dataset) -> list[str]:
        """Meaning of the bound, then those of generated images."""
        return [
            "The ELBO (Kingma & Welling 2014, arXiv:1312.6114, section 2.2) is a lower bound of "
            "the log-likelihood of an image whose pixels are sampled as black or white, each "
            "with its gray value as the probability of white. Pixels and latents are sampled once "
            "per image, seed 0. It cannot be compared with likelihoods of gray values.",
            *super().notes(entry, dataset),
        ]

    def curves(self, run: Finished) -> tuple[str, list[Curve]]:
        """The loss, which is minus the bound."""
        title, _ = super().curves(run)
        return title, [Curve("loss", "minus ELBO, nats")]


register_task(DensityEstimation())
