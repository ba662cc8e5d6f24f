"""Measure fine-tuning, its prediction intervals and probabilities, and the search for label errors.

    python benchmarks/finetuning.py                  all runs that are missing, then the report
    python benchmarks/finetuning.py tables           missing runs of one group
    python benchmarks/finetuning.py tables --again   all runs of one group
    python benchmarks/finetuning.py --report         only FINETUNING.md and its plot

Results are kept in finetuning.json by run, so the same command without --again continues where it
was stopped. Some groups need ETTh1, MNIST, Fashion-MNIST, CIFAR-10 or IMDB.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn.datasets
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).parent.parent))

import kerazoo
from benchmarks import _tools
from kerazoo import registry
from kerazoo._files import write_json, write_text
from kerazoo.datasets import _text
from kerazoo.evidence import reference as evidence
from kerazoo.finetuning.compare import FineTuned
from kerazoo.training.machine import environment

RESULTS, REPORT = _tools.HERE / "finetuning.json", _tools.HERE / "FINETUNING.md"
PLOT = _tools.PLOTS / "finetuning-digits.png"
STARTS = {  # trained weights
    "digits": "mnist_cnn@mnist",
    "photographs": "resnet8@cifar10",
    "calibration": "mnist_cnn_small@mnist",
}
CASES = {  # of each group
    "digits": ("10", "50", "all"),  # images per class
    "tables": ("iris", "wine", "breast_cancer", "diabetes"),
    "photographs": ("cat / ship",),
    "labels": ("digits", "mnist", "fashion_mnist", "iris", "wine", "breast_cancer", "imdb"),
    "intervals": ("etth1", "sine", "mackey_glass", "friedman1"),
    "calibration": ("fashion_mnist", "cifar10"),
}
TABLE_MODELS = ("mlp", "linear pipeline", "gradient boosting")
SEEDS = range(5)
EACH = 500  # photographs per class
PLANTED = 0.05  # share of the labels that are made wrong
MOST = {"imdb": 3_000}  # examples that labels are planted in; of other data 10,000
CALIBRATED = {"fashion_mnist": "mnist_cnn_small", "cifar10": "resnet8"}  # trained on 10,000 images
Values = dict[str, list[float]]  # of all seeds by row


def main() -> None:
    """Measure what is missing, then write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(CASES))
    parser.add_argument("--again", action="store_true", help="measure the groups again")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    options = parser.parse_args()
    if unknown := set(options.groups) - set(CASES):
        parser.error(f"no group {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    results = _tools.read_json(RESULTS)
    for group in () if options.report else options.groups or CASES:
        weights = start_of(group)
        measured = results["runs"].setdefault(group, {})
        if options.again or results["weights"].get(group) != weights:
            measured.clear()
        for case in CASES[group]:
            runs = measured.setdefault(case, {})
            for seed in SEEDS:
                if str(seed) not in runs:
                    runs[str(seed)] = MEASURE[group](case, seed)
                    results["weights"] |= {group: weights} if weights else {}
                    results["environments"][group] = environment()
                    write_json(RESULTS, results)
                    print(group, case, seed, runs[str(seed)], flush=True)
    write_text(REPORT, report(results))
    plot(gathered(results, "digits"))


def start_of(group: str) -> str | None:
    """Fingerprint of the trained weights that a group starts from; None for tables."""
    start = STARTS.get(group)
    return start and evidence.weights_sha256(registry.get_entry(start))


def finetuned(name: str, data: Any, **options: Any) -> FineTuned:
    """A fine-tuning of which no file is kept."""
    with tempfile.TemporaryDirectory() as folder:
        return kerazoo.finetune(name, data, out=Path(folder) / "run", progress=False, **options)


def compare(name: str, data: Any, **options: Any) -> dict[str, float]:
    """Values in the table that a fine-tuning ends with, by row."""
    return {row.name: row.value for row in finetuned(name, data, **options).comparison}


def digits(count: str, seed: int) -> dict[str, float]:
    """``mnist_cnn`` on so many digits per class, tested on all 360."""
    data = kerazoo.load_data("digits")
    x = np.concatenate([data.train.x, data.validation.x])
    y = np.concatenate([data.train.y, data.validation.y])
    order = np.random.RandomState(seed).permutation(len(y))
    most = None if count == "all" else int(count)
    chosen = np.concatenate([order[y[order] == label][:most] for label in range(10)])
    return compare("mnist_cnn", (x[chosen], y[chosen]), test=tuple(data.test), seed=seed)


def table(name: str, seed: int) -> dict[str, float]:
    """``mlp`` on one of scikit-learn's tables, with scikit-learn's pipelines."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.csv"
        getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame.to_csv(path, index=False)
        ours = compare("mlp", path, target="target", seed=seed)
        return {"mlp": ours["from scratch"], **scikit_learn(path, seed)}


def scikit_learn(path: Path, seed: int) -> dict[str, float]:
    """Scores of scikit-learn's pipelines on the split that kerazoo makes of a file."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = kerazoo.from_table(path, target="target").data
    (x, y), test = data.train, data.test
    classes = data.info.task == "classification"
    linear = LogisticRegression(max_iter=1000) if classes else RidgeCV()
    boosting = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    models = {
        "linear pipeline": make_pipeline(StandardScaler(), linear),
        "gradient boosting": boosting(random_state=seed),
    }
    return {
        name: float(model.fit(x, y.ravel()).score(test.x, test.y.ravel()))
        for name, model in models.items()
    }


def photographs(case: str, seed: int) -> dict[str, float]:
    """``resnet8`` on a folder of JPEG files of two classes of CIFAR-10."""
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(Path(folder), EACH)
        return compare("resnet8", folder, seed=seed)


def write_photographs(folder: Path, each: int) -> None:
    """Write JPEG files of CIFAR-10's test split, which no weights have seen, by class."""
    from PIL import Image

    data = kerazoo.load_data("cifar10")
    for label in ("cat", "ship"):
        (folder / label).mkdir()
        for i in np.flatnonzero(data.test.y == data.info.labels.index(label))[:each]:
            Image.fromarray(data.test.x[i]).save(folder / label / f"{i}.jpg", quality=95)


def labels(name: str, seed: int) -> dict[str, float]:
    """Planted label errors that ``inspect`` finds, and the share of its suspects that are."""
    random = np.random.RandomState(seed)
    x, y, options = labeled(name)
    wrong = random.choice(len(y), round(PLANTED * len(y)), replace=False)
    planted, classes = y.copy(), int(y.max()) + 1
    planted[wrong] = (y[wrong] + random.randint(1, classes, len(wrong))) % classes
    if isinstance(x, pd.DataFrame):
        data: Any = x.assign(target=[f"class {label}" for label in planted])
    else:
        data = (x, planted)
    suspects = kerazoo.inspect_data(data, label_errors=True, **options).suspects or ()
    named = {int(suspect.example.name) for suspect in suspects}
    right = len(named & set(wrong.tolist()))
    return {"found": right / len(wrong), "precision": right / max(1, len(named))}


def labeled(name: str) -> tuple[Any, np.ndarray, dict[str, Any]]:
    """Images, rows or texts, their classes, and the reader's options."""
    if hasattr(sklearn.datasets, f"load_{name}") and name != "digits":
        table = getattr(sklearn.datasets, f"load_{name}")(as_frame=True)
        return table.data, table.target.to_numpy(), {"target": "target"}
    train = kerazoo.load_data(name).train
    x, y = train.x[: MOST.get(name, 10_000)], train.y[: MOST.get(name, 10_000)]
    vocabulary = registry.get_dataset(name).vocabulary
    if vocabulary is None:
        return x, y, {}
    words = ["", "unknown", *_text.read_vocabulary(vocabulary)]
    texts = [" ".join(words[i] for i in row if i) for row in x.tolist()]
    return pd.DataFrame({"text": texts}), y, {"text": "text", "target": "target"}


def intervals(name: str, seed: int) -> dict[str, float]:
    """Share of the test values inside the 90 % prediction intervals of a fine-tuning."""
    options: dict[str, Any] = {"target": "target"}
    if name == "friedman1":
        x, y = sklearn.datasets.make_friedman1(2_000, noise=1.0, random_state=seed)
        data, model = pd.DataFrame(x, columns=list("abcdefghij")).assign(target=y), "mlp"
    else:
        info, model = registry.get_dataset(name), "stacked_lstm"
        assert info.windows is not None
        parts = info.load()
        data = pd.DataFrame({"target": np.concatenate([*parts.values()])[:, 0]})
        options |= {"horizon": info.windows.horizon, "time": "none"}
        options["split"] = tuple(len(part) for part in parts.values())
    metrics = finetuned(model, data, seed=seed, scratch=False, **options).metrics
    return {"coverage": statistics.fmean(metrics["intervals"]["coverage"])}


def calibration(name: str, seed: int) -> dict[str, float]:
    """Calibration error before and after the temperature, on the 10,000 test images."""
    data, model = kerazoo.load_data(name), CALIBRATED[name]
    some = np.random.RandomState(seed).permutation(data.train.examples)[:10_000]
    options: dict[str, Any] = {"weights": None, "epochs": 8} if model == "resnet8" else {}
    given = data.train.x[some], data.train.y[some]
    options |= {"test": tuple(data.test), "seed": seed, "scratch": False}
    metrics = finetuned(model, given, **options).metrics
    return {
        "accuracy": metrics["value"],
        "temperature": metrics["calibration"]["temperature"],
        "before": metrics["calibration"]["ece_before"],
        "after": metrics["also"]["ece"],
    }


MEASURE: dict[str, Callable[[str, int], dict[str, float]]] = {
    "digits": digits,
    "tables": table,
    "photographs": photographs,
    "labels": labels,
    "intervals": intervals,
    "calibration": calibration,
}


def gathered(results: dict[str, Any], group: str) -> dict[str, Values]:
    """Values of all seeds by case and row."""
    return {
        case: {row: [run[row] for run in runs.values()] for row in next(iter(runs.values()))}
        for case, runs in results["runs"][group].items()
    }


def shown(values: list[float], percent: bool = True) -> str:
    """Mean ± sample standard deviation."""
    mean, spread = statistics.fmean(values), statistics.stdev(values)
    return f"{100 * mean:.2f} ± {100 * spread:.2f} %" if percent else f"{mean:.4f} ± {spread:.4f}"


def lead(values: Values) -> str:
    """Mean of ``mlp`` minus that of the better pipeline, in points."""
    ours, *others = (100 * statistics.fmean(values[name]) for name in TABLE_MODELS)
    return f"{ours - max(others):+.1f}"


def report(results: dict[str, Any]) -> str:
    """Content of FINETUNING.md."""
    return _tools.render(
        "FINETUNING.md",
        groups={group: gathered(results, group) for group in CASES},
        environments={
            group: _tools.measured_with([results["environments"][group]]) for group in CASES
        },
        models=TABLE_MODELS,
        shown=shown,
        lead=lead,
    )


def plot(found: dict[str, Values]) -> None:
    """Test accuracy by number of images, with a dot for every run."""
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes = figure.add_subplot()
    counts = [144 if case == "all" else int(case) for case in found]
    colors = {"linear": "#6b6b6b", "from scratch": "#2f6fab", "fine-tuned": "#d9822b"}
    for name, color in colors.items():
        values = [[100 * v for v in by_row[name]] for by_row in found.values()]
        axes.plot(counts, [*map(statistics.fmean, values)], color=color, label=name)
        axes.plot(counts, values, "o", ms=3, color=color, alpha=0.6)
    axes.set_xscale("log")
    axes.set_xticks(counts, [*map(str, counts)])
    axes.minorticks_off()
    axes.set(xlabel="images per class", ylabel="test accuracy, % (higher is better)")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title("mnist_cnn on digits: trained weights compared with from scratch")
    figure.savefig(PLOT, dpi=120)


if __name__ == "__main__":
    main()
