"""Multi-label classification: any number of labels for each image or table row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from kerazoo._lazy import keras, np
from kerazoo.errors import KerazooError
from kerazoo.registry import register_task
from kerazoo.spec import Data, Dataset, Recipe, Split, Threshold
from kerazoo.tasks import _baselines
from kerazoo.tasks._scores import by_label
from kerazoo.tasks.base import Baselines, Outcome, Task, check_inputs, require_array
from kerazoo.training.optimizer import last_activation

BOOTSTRAPS = 200


class MultiLabel(Task):
    """Targets float32 ``(n, labels)``, 1 where an example has the label, else 0.

    The outputs are one probability per label; from 0.5 on a label is predicted.
    """

    name = "multilabel"
    metrics = ("macro_f1",)
    needs: ClassVar[Mapping[str, str]] = {"labels": "the name of each label"}

    def factory_options(self, dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
        """A classifier with a sigmoid for each label."""
        return {
            "input_shape": dataset.input_shape,
            "classes": dataset.classes,
            "classifier_activation": "sigmoid",
        }

    def check_split(self, info: Dataset, split: str, x: np.ndarray, y: np.ndarray) -> None:
        """Raise KerazooError unless the arrays of a split match the dataset's description."""
        where = check_inputs(info, split, x)
        require_array(y, (len(x), info.classes), "f", f"{where}: y")
        if not np.isin(y, (0, 1)).all():
            raise KerazooError(f"{where}: y must hold 0 and 1 only.")

    def compile_arguments(self, model: keras.Model) -> dict[str, Any]:
        """Binary cross-entropy, the mean over the labels.

        Raises:
            KerazooError: the last layer is no sigmoid.
        """
        if (name := last_activation(model)) != "sigmoid":
            raise KerazooError(
                f"model {model.name!r} ends in activation {name!r}; for several labels it ends in "
                "'sigmoid'."
            )
        return {"loss": keras.losses.BinaryCrossentropy()}

    def predicted(
        self, outputs: np.ndarray, labels: Sequence[str], threshold: Threshold | None
    ) -> list[str]:
        """The labels of each row of ``outputs``, or ``none``."""
        rows = (outputs >= 0.5).tolist()
        names = (", ".join(n for n, has in zip(labels, r, strict=True) if has) for r in rows)
        return [name or "none" for name in names]

    def score(self, outputs: np.ndarray, data: Data) -> Outcome:
        """Macro F1, the mean F1 of the labels that occur, and the share of right answers.

        The standard error comes from 200 bootstrap resamples of the test examples, seed 0.
        """
        guess, true = outputs >= 0.5, data.test.y > 0.5
        random = np.random.RandomState(0)
        draws = (random.randint(0, len(true), len(true)) for _ in range(BOOTSTRAPS))
        again = [_metrics(guess[i], true[i])["macro_f1"] for i in draws]
        values = _metrics(guess, true)
        counts = (guess & true).sum(axis=0), true.sum(axis=0), guess.sum(axis=0)
        return Outcome(
            metric="macro_f1",
            value=values.pop("macro_f1"),
            standard_error=float(np.std(again, ddof=1)),
            examples=len(true),
            also=values,
            extra={"by_class": by_label(data.info.labels, *counts)},
        )

    def baselines(self, train: Split, data: Data) -> Baselines:
        """Every label for each example; and a logistic regression per label."""
        true, linear = data.test.y > 0.5, []
        for has in (train.y > 0.5).T:
            if has.all() or not has.any():  # there is nothing to learn
                linear.append(np.full(len(true), has[0]))
            else:
                one = Split(train.x, has.astype(np.int64))
                linear.append(_baselines.logistic(one, data.test) > 0)
        return Baselines(
            simple={
                "every_label": _metrics(np.ones_like(true), true),
                "linear": _metrics(np.stack(linear, axis=1), true),
            }
        )

    def side_files(self, data: Data, *, natural_units: bool) -> dict[str, Any]:
        """Names of the labels."""
        return {"labels.json": list(data.info.labels)}


def _metrics(guess: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Metrics of predicted and true labels, bool ``(n, labels)`` each.

    Labels that neither occur nor are predicted have no F1 and do not count.
    """
    right, size = (guess & true).sum(axis=0), guess.sum(axis=0) + true.sum(axis=0)
    known = size > 0
    return {
        "macro_f1": float((2 * right[known] / size[known]).mean()) if known.any() else 0.0,
        "label_accuracy": float((guess == true).mean()),
        "exact_match": float((guess == true).all(axis=1).mean()),
    }


register_task(MultiLabel())
