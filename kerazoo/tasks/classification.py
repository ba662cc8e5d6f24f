"""Classification: one of several classes for each image, text or table row."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar

from kerazoo._lazy import Figure, keras, np
from kerazoo.datasets import _text
from kerazoo.errors import KerazooError
from kerazoo.plots.confusion_matrix import confusion_matrix
from kerazoo.plots.images import worst_errors
from kerazoo.plots.learning_curves import Curve
from kerazoo.registry import register_task
from kerazoo.spec import Data, Dataset, Recipe, Split, Threshold, is_image
from kerazoo.tasks import _baselines
from kerazoo.tasks._calibration import (
    at_temperature,
    expected_calibration_error,
    fit_temperature,
)
from kerazoo.tasks._scores import (
    Scores,
    balanced_accuracy,
    binomial_standard_error,
    by_class,
    confusion_of,
    decide,
)
from kerazoo.tasks._threshold import choose
from kerazoo.tasks.base import Baselines, Finished, Outcome, Task, check_inputs, require_array
from kerazoo.training import engine
from kerazoo.training.batches import class_weights
from kerazoo.training.optimizer import last_activation


class Classification(Task):
    """Integer labels ``(n,)``, probabilities of the classes as outputs."""

    name = "classification"
    metrics = ("accuracy",)
    needs: ClassVar[Mapping[str, str]] = {"labels": "the name of each class"}
    has_classes = True

    def factory_options(self, dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
        """Input shape and number of classes; for texts also the size of the vocabulary."""
        options = {"input_shape": dataset.input_shape, "classes": dataset.classes}
        if dataset.vocabulary is not None:
            options["vocabulary"] = _text.vocabulary_size(dataset.vocabulary)
        return options

    def check_split(self, info: Dataset, split: str, x: np.ndarray, y: np.ndarray) -> None:
        """Raise KerazooError unless the arrays of a split match the dataset's description."""
        where = check_inputs(info, split, x)
        require_array(y, (len(x),), "iu", f"{where}: y")
        if y.min() < 0 or y.max() >= info.classes:
            raise KerazooError(
                f"{where}: labels range from {y.min()} to {y.max()}; with {info.classes} class "
                f"names they must be in 0 to {info.classes - 1}."
            )

    def compile_arguments(self, model: keras.Model) -> dict[str, Any]:
        """Cross-entropy that fits the model's last activation, and accuracy.

        ``softmax`` gives probabilities, no activation gives logits, so that ``softmax`` with
        ``from_logits=True`` cannot be written.

        Raises:
            KerazooError: the last layer has another activation.
        """
        name = last_activation(model)
        if name not in ("softmax", "linear"):
            raise KerazooError(
                f"model {model.name!r} ends in activation {name!r}; a classifier ends in "
                "'softmax' (probabilities) or 'linear' (logits)."
            )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=name == "linear")
        return {"loss": loss, "metrics": ["accuracy"]}

    def postprocess(self, model: keras.Model, raw: np.ndarray) -> np.ndarray:
        """Probabilities, float32 ``(n, classes)``; logits go through a softmax."""
        if last_activation(model) == "softmax":
            return raw
        exponential = np.exp(raw - raw.max(axis=1, keepdims=True))
        return exponential / exponential.sum(axis=1, keepdims=True)

    def predicted(
        self, outputs: np.ndarray, labels: Sequence[str], threshold: Threshold | None
    ) -> list[str]:
        """The class of each row of probabilities."""
        return [labels[i] for i in decide(outputs, threshold).tolist()]

    def score(self, outputs: np.ndarray, data: Data) -> Outcome:
        """Accuracy, cross-entropy and confusion matrix of probabilities.

        Where the data asks for it, calibration error and metrics of each class too.
        """
        scores = Scores(outputs, data.test.y, data.threshold)
        also = _also(scores.confusion, data.info)
        extra: dict[str, Any] = {"loss": scores.loss, "confusion": scores.confusion.tolist()}
        if data.info.by_class:
            also["ece"] = expected_calibration_error(scores)
            extra["by_class"] = by_class(scores.confusion, data.info.labels)
        if data.threshold is not None:
            extra["threshold"] = asdict(data.threshold)
        return Outcome(
            metric="accuracy",
            value=scores.accuracy,
            standard_error=binomial_standard_error(scores.accuracy, data.test.examples),
            examples=data.test.examples,
            also=also,
            extra=extra,
            raw=scores,
        )

    def calibrate(self, model: keras.Model, data: Data, recipe: Recipe) -> Outcome:
        """Divide the logits by a temperature that is fitted on validation.

        It goes into the weights of the last layer, so that whatever opens the model, in whatever
        format, gives calibrated probabilities. Models without a Dense layer at the end keep
        theirs. The threshold, where one is asked for, is chosen on validation too.
        """
        layer, temperature = model.layers[-1], 1.0
        chances = self.postprocess(model, engine.predict(model, data.validation.x))
        if is_dense := isinstance(layer, keras.layers.Dense):
            weights = class_weights(data.train.y) if recipe.balance else None
            temperature = fit_temperature(Scores(chances, data.validation.y), weights)
            layer.set_weights([w / temperature for w in layer.get_weights()])
        if data.threshold is not None:
            calibrated = Scores(at_temperature(chances, temperature), data.validation.y)
            data = replace(data, threshold=choose(data.threshold, calibrated))
        outcome = self.evaluate(model, data)
        if not is_dense:
            return outcome
        before = at_temperature(outcome.raw.probabilities, 1 / temperature)
        calibration = {
            "temperature": temperature,
            "validation_examples": data.validation.examples,
            "ece_before": expected_calibration_error(Scores(before, data.test.y)),
        }
        return replace(outcome, extra={**outcome.extra, "calibration": calibration})

    def baselines(self, train: Split, data: Data) -> Baselines:
        """The most frequent class; and a linear model of the raw values."""
        predicted = {"majority_class": _baselines.majority_class(train, data.test)}
        if data.info.vocabulary is not None:
            predicted["linear"] = _baselines.bag_of_words(train, data)
        else:
            fitted = _baselines.sample(train)
            sampled = f"_of_{fitted.examples:,}_examples" * (fitted is not train)
            predicted[f"linear{sampled}"] = _baselines.logistic(fitted, data.test)

        def values(classes: np.ndarray) -> dict[str, float]:
            counts = confusion_of(data.test.y, classes, data.info.classes)
            return {
                "accuracy": float(np.trace(counts) / counts.sum()),
                **_also(counts, data.info),
            }

        return Baselines(simple={name: values(classes) for name, classes in predicted.items()})

    def side_files(self, data: Data, *, natural_units: bool) -> dict[str, Any]:
        """Names of the classes, and the decision threshold if there is one."""
        files = super().side_files(data, natural_units=natural_units)
        return files | ({"threshold.json": asdict(data.threshold)} if data.threshold else {})

    def example(self, dataset: Dataset, source: str) -> list[str]:
        """Names of predicted classes."""
        lines = [
            "best = model.predict(data.test.x[:3]).argmax(axis=1)",
            "print([data.info.labels[i] for i in best], data.test.y[:3])",
        ]
        if inputs := _example_input(dataset):
            lines.append(f'print(kerazoo.predict({source}, ["{inputs}"]))')
        return lines

    def example_command(self, dataset: Dataset, source: str) -> str:
        """Class of an image or a text."""
        inputs = _example_input(dataset)
        return f"predict {source} {shlex.quote(inputs)}" if inputs else ""

    def curves(self, run: Finished) -> tuple[str, list[Curve]]:
        """Cross-entropy and error."""
        scores: Scores = run.outcome.raw
        return f"test accuracy {scores.accuracy:.2%}", [
            Curve("loss", "cross-entropy, nats", scores.loss),
            Curve("accuracy", "error, %", scores.accuracy, lambda v: 100 * (1 - v)),
        ]

    def plots(self, run: Finished) -> dict[str, Figure]:
        """Confusion matrix and, for images, the worst errors."""
        scores: Scores = run.outcome.raw
        info = run.data.info
        plots = {"confusion_matrix": confusion_matrix(run.name, scores, info.labels)}
        if is_image(info.input_shape):
            plots["worst_errors"] = worst_errors(run.name, scores, run.data)
        return plots


def _also(confusion: np.ndarray, info: Dataset) -> dict[str, float]:
    """Further metrics of predicted classes, those that the data asks for."""
    return {"balanced_accuracy": balanced_accuracy(confusion)} if info.by_class else {}


def _example_input(dataset: Dataset) -> str:
    """An input of ``kerazoo predict``; empty for data that it does not read."""
    if dataset.vocabulary is not None:
        return "A film to remember."
    return "image.png" if is_image(dataset.input_shape) else ""


register_task(Classification())
