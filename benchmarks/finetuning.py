"""Measure what fine-tuning gains over training from scratch, and compare tables with scikit-learn.

    python benchmarks/finetuning.py                  all runs that are missing, then the report
    python benchmarks/finetuning.py tables           missing runs of one group
    python benchmarks/finetuning.py tables --again   all runs of one group
    python benchmarks/finetuning.py --report         only FINETUNING.md and its plot

Results are kept in finetuning.json by run, so the same command without --again continues where it
was stopped. `photographs` needs CIFAR-10; the other data comes with scikit-learn.
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
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).parent.parent))

import kerazoo
from benchmarks import _tools
from kerazoo import registry
from kerazoo._files import write_json, write_text
from kerazoo.evidence import reference as evidence
from kerazoo.training.machine import environment

RESULTS, REPORT = _tools.HERE / "finetuning.json", _tools.HERE / "FINETUNING.md"
PLOT = _tools.PLOTS / "finetuning-digits.png"
STARTS = {"digits": "mnist_cnn@mnist", "photographs": "resnet8@cifar10"}  # trained weights
CASES = {  # of each group
    "digits": ("10", "50", "all"),  # images per class
    "tables": ("iris", "wine", "breast_cancer", "diabetes"),
    "photographs": ("cat / ship",),
}
TABLE_MODELS = ("mlp", "linear pipeline", "gradient boosting")
SEEDS = range(5)
EACH = 500  # photographs per class
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
        if options.again or results["weights"].get(group) != weights:
            results["runs"][group] = {}
        for case in CASES[group]:
            runs = results["runs"][group].setdefault(case, {})
            for seed in SEEDS:
                if str(seed) not in runs:
                    runs[str(seed)] = MEASURE[group](case, seed)
                    results["weights"][group] = weights
                    results["environments"][group] = environment()
                    write_json(RESULTS, results)
                    print(group, case, seed, runs[str(seed)], flush=True)
    write_text(REPORT, report(results))
    plot(gathered(results, "digits"))


def start_of(group: str) -> str | None:
    """Fingerprint of the trained weights that a group starts from; None for tables."""
    start = STARTS.get(group)
    return start and evidence.weights_sha256(registry.get_entry(start))


def compare(name: str, data: Any, **options: Any) -> dict[str, float]:
    """Values in the table that a fine-tuning ends with, by row."""
    with tempfile.TemporaryDirectory() as folder:
        done = kerazoo.finetune(name, data, out=Path(folder) / "run", progress=False, **options)
        return {row.name: row.value for row in done.comparison}


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
    from sklearn import datasets

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.csv"
        getattr(datasets, f"load_{name}")(as_frame=True).frame.to_csv(path, index=False)
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


MEASURE: dict[str, Callable[[str, int], dict[str, float]]] = {
    "digits": digits,
    "tables": table,
    "photographs": photographs,
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
