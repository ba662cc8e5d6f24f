"""How to use an entry: lines to copy that work for its task and for what is recorded of it.

Imports no Keras.
"""

from __future__ import annotations

from kerazoo import building, registry
from kerazoo.evidence.reference import Evidence
from kerazoo.spec import Dataset, Entry

MOST_LETTERS = 80  # of a line


def snippets(entry: Entry, recorded: Evidence) -> list[tuple[str, str, str]]:
    """Title, language and lines of what can be done with an entry."""
    parts = [(_what(entry, recorded), "python", _model(entry, recorded))]
    if recorded.weights is None:
        parts.append(("train it", "python", _training(entry)))
    checks = _checks(entry, recorded)
    if checks:
        parts.append(("check the figures", "python", checks))
    parts.append(("on the command line", "shell", _commands(entry, recorded)))
    return parts


def _what(entry: Entry, recorded: Evidence) -> str:
    if recorded.weights is None:
        return "build it with fresh weights, load the data"
    if registry.task_of(entry).name == "generation":
        return "draw pictures with the trained weights"
    return "use the trained weights"


def _opening(entry: Entry) -> list[str]:
    """The imports; a private model registers itself when its module is imported."""
    module = registry.get_model(entry.model).factory.__module__
    if module.split(".")[0] in ("kerazoo", "__main__"):
        return ["import kerazoo", ""]
    return ["import kerazoo", f"import {module}  # registers {entry.model}", ""]


def _load(entry: Entry, dataset: Dataset) -> str:
    """The call that loads the data as the recipe wants it."""
    if dataset.windows is None or entry.recipe.lookback is None:
        return f'kerazoo.load_data("{dataset.name}")'
    return f'kerazoo.load_data("{dataset.name}", lookback={entry.recipe.lookback})'


def _build(entry: Entry, recorded: Evidence) -> list[str]:
    if recorded.weights is not None:
        return [f'model = kerazoo.build("{entry.model}", weights="{entry.dataset}")']
    options = building.factory_options(entry, entry.recipe)
    asked = [f'"{entry.model}"', *(f"{name}={value!r}" for name, value in options.items())]
    call = f"model = kerazoo.build({', '.join(asked)})"
    if len(call) > MOST_LETTERS:
        lines = ["model = kerazoo.build(", *(f"    {part}," for part in asked), ")"]
    else:
        lines = [call]
    return [*lines[:-1], f"{lines[-1]}  # fresh weights"]


def _model(entry: Entry, recorded: Evidence) -> str:
    dataset, task = registry.get_dataset(entry.dataset), registry.task_of(entry).name
    lines = [*_opening(entry), *_build(entry, recorded)]
    if task == "generation":
        if recorded.weights is not None:
            shape = ", ".join(map(str, dataset.input_shape))
            lines.append(
                f'pictures = kerazoo.sample("{entry.name}", 16, seed=0)  # uint8 (16, {shape})'
            )
        lines += ["model.generator.summary()", "model.discriminator.summary()"]
        return "\n".join(lines)
    lines += [f"data = {_load(entry, dataset)}", "x, y = data.test"]
    if task == "classification":
        lines += [
            "probabilities = model.predict(x[:3])",
            "print([data.info.labels[i] for i in probabilities.argmax(axis=1)], y[:3])",
        ]
        if recorded.weights is not None and _takes_files(dataset):
            lines.append(
                f'print(kerazoo.predict("{entry.name}", {_example(dataset)!r}))'.replace("'", '"')
            )
    elif task == "forecasting":
        assert dataset.windows is not None
        columns = list(dataset.windows.targets or range(len(dataset.columns)))
        lines += [
            "forecast = model.predict(x[:1])  # (1, horizon, targets), standardised",
            f"columns = {columns!r}  # the targets; then back to natural units",
            "print(forecast * data.series.std[columns] + data.series.mean[columns])",
        ]
    else:
        lines.append("print(model.predict(x[:3]), y[:3])")
    return "\n".join(lines)


def _takes_files(dataset: Dataset) -> bool:
    """Whether ``predict`` reads pictures or texts for this dataset."""
    pictures = len(dataset.input_shape) == 3 and dataset.input_shape[-1] in (1, 3)
    return pictures or dataset.vocabulary is not None


def _example(dataset: Dataset) -> list[str]:
    return ["A film to remember."] if dataset.vocabulary is not None else ["image.png"]


def _training(entry: Entry) -> str:
    lines = [
        *_opening(entry),
        f'run = kerazoo.train("{entry.name}", seed=0)  # tier="smoke" is the short one',
        'print(run.metrics["value"], run.path)  # run.model is the trained model',
    ]
    if registry.task_of(entry).name == "generation":
        lines.append("pictures = kerazoo.sample(run.path, 16, seed=0)")
    return "\n".join(lines)


def _checks(entry: Entry, recorded: Evidence) -> str:
    lines = []
    if recorded.weights is not None:
        lines.append(f'print(kerazoo.evaluate("{entry.name}"))  # measured now, and recorded')
    tier = "smoke" if "smoke" in recorded.tiers else "full"
    if tier in recorded.tiers:
        lines += [
            f'report = kerazoo.verify("{entry.name}", tier="{tier}")  # train afresh and judge',
            "print(report.table, report.passed)",
        ]
    return "\n".join([*_opening(entry), *lines]) if lines else ""


def _commands(entry: Entry, recorded: Evidence) -> str:
    module = registry.get_model(entry.model).factory.__module__
    private = module.split(".")[0] not in ("kerazoo", "__main__")
    kerazoo = f"kerazoo --import {module}" if private else "kerazoo"
    source, lines = entry.name, []
    if recorded.weights is None:
        source = "runs/mine"
        lines.append(f"{kerazoo} train {entry.name} --out {source}")
    lines.append(f"{kerazoo} evaluate {source}")
    dataset, task = registry.get_dataset(entry.dataset), registry.task_of(entry).name
    if task == "generation":
        lines.append(f"{kerazoo} sample {source} --n 64 --out samples.png")
    elif task == "classification" and _takes_files(dataset):
        example = _example(dataset)[0]
        quoted = f'"{example}"' if " " in example else example
        lines.append(f"{kerazoo} predict {source} {quoted}")
    if recorded.tiers:
        lines += [f"{kerazoo} verify {entry.name} --tier {tier}" for tier in recorded.tiers]
    else:
        lines.append(f"{kerazoo} verify {entry.name} --seeds {entry.seeds} --record")
    return "\n".join(lines)
