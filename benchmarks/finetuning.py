"""What fine-tuning gains, measured: against from scratch, and tables beside scikit-learn.

    python benchmarks/finetuning.py            everything that is not measured yet, then the report
    python benchmarks/finetuning.py tables     the same of tables alone
    python benchmarks/finetuning.py tables --again   forget what is recorded of tables first
    python benchmarks/finetuning.py --report   only FINETUNING.md and its picture

Figures are kept in finetuning.json, one per run, so the same command (without --again) goes on
where it was stopped.
Digits, iris, wine, breast cancer and diabetes come with scikit-learn; `photographs` needs CIFAR-10
(the JPEG re-encode, see README) and is left out where it is not there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import textwrap
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import kerazoo
from kerazoo import registry
from kerazoo._files import write_json, write_text
from kerazoo.errors import KerazooError
from kerazoo.evidence import reference as evidence
from kerazoo.training.run_directory import environment

HERE = Path(__file__).parent
FIGURES = HERE / "finetuning.json"
REPORT = HERE / "FINETUNING.md"
PICTURE = HERE / "plots" / "finetuning-digits.png"
GROUPS = ("digits", "tables", "photographs")
STARTS = {"digits": "mnist_cnn@mnist", "photographs": "resnet8@cifar10"}  # trained weights
SEEDS = 5
COUNTS = (10, 50, None)  # pictures of each class; None: all that there are
TABLES = ("iris", "wine", "breast_cancer", "diabetes")
PHOTOGRAPHS = ("cat", "ship")
EACH = 500  # photographs of each class
Case = tuple[str, Callable[[], dict[str, float]]]


def main() -> None:
    """Measure what is missing, then write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--again", action="store_true", help="measure GROUP anew")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    options = parser.parse_args()
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"unknown group {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    if options.again and (options.report or not options.groups):
        parser.error("--again needs the groups to measure anew, and no --report")
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {"runs": {}}
    if options.again:
        kept = {k: v for k, v in figures["runs"].items() if group_of(k) not in options.groups}
        figures["runs"] = kept
    if not options.report:
        drop_stale(figures)
        for name, measure in cases(options.groups or GROUPS):
            if name not in figures["runs"]:
                figures["runs"][name] = measure()
                group = group_of(name)
                figures.setdefault("environments", {})[group] = environment()
                if group in STARTS:
                    figures.setdefault("weights", {})[group] = start_of(group)
                write_json(FIGURES, figures)
                print(name, figures["runs"][name], flush=True)
    write_report(figures)


def _environments(of: dict[str, dict[str, str]]) -> list[str]:
    """A line for each environment, with the groups that were last measured in it."""
    groups: dict[str, list[str]] = {}
    for group in (g for g in GROUPS if g in of):
        groups.setdefault(", ".join(f"{k} {v}" for k, v in of[group].items()), []).append(group)
    return [f"{', '.join(names).capitalize()}: {said}" for said, names in groups.items()]


def start_of(group: str) -> str:
    """The fingerprint of the trained weights that a group starts from."""
    return evidence.weights_sha256(registry.get_entry(STARTS[group]))


def drop_stale(figures: dict[str, Any]) -> None:
    """Forget the runs that started from other weights than those of today."""
    stale = [g for g in STARTS if figures.get("weights", {}).get(g) != start_of(g)]
    kept = {k: v for k, v in figures["runs"].items() if group_of(k) not in stale}
    figures["runs"] = kept


def group_of(name: str) -> str:
    """The group that a run belongs to."""
    return name.partition("/")[0]


def cases(groups: Collection[str]) -> Iterator[Case]:
    """(name, measurement) of every run of the groups."""
    if "digits" in groups:
        for count in COUNTS:
            for seed in range(SEEDS):
                yield f"digits/{count or 'all'}/{seed}", partial(digits, count, seed)
    if "tables" in groups:
        for table in TABLES:
            for seed in range(SEEDS):
                yield f"tables/{table}/{seed}", partial(a_table, table, seed)
    if "photographs" not in groups:
        return
    try:
        kerazoo.build("resnet8", weights="cifar10")
        kerazoo.load_data("cifar10")
    except KerazooError as error:
        print(f"photographs are left out: {error}")
        return
    for seed in range(SEEDS):
        yield f"photographs/{seed}", partial(photographs, seed)


def comparison(name: str, data: Any, **options: Any) -> dict[str, float]:
    """The rows that a fine-tuning ends with."""
    with tempfile.TemporaryDirectory() as folder:
        done = kerazoo.finetune(name, data, out=Path(folder) / "run", progress=False, **options)
        return {row.name: row.value for row in done.comparison}


def digits(count: int | None, seed: int) -> dict[str, float]:
    """``mnist_cnn`` on so many digits of each class, drawn by the seed; tested on all 360."""
    data = kerazoo.load_data("digits")
    x = np.concatenate([data.train.x, data.validation.x])
    y = np.concatenate([data.train.y, data.validation.y])
    order = np.random.RandomState(seed).permutation(len(y))
    chosen = np.concatenate([order[y[order] == c][:count] for c in range(10)])
    return comparison("mnist_cnn", (x[chosen], y[chosen]), test=tuple(data.test), seed=seed)


def a_table(name: str, seed: int) -> dict[str, float]:
    """``mlp`` on a table as CSV; logistic or linear regression and boosting on the same rows."""
    from sklearn import datasets

    options = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(datasets, f"load_{name}")(as_frame=True, **options)
    frame = bunch.frame
    if name != "diabetes":
        frame["target"] = bunch.target_names[frame["target"]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.csv"
        frame.to_csv(path, index=False)
        ours = comparison("mlp", path, target="target", seed=seed)
        return {"mlp": ours["from scratch"], **scikit_learn(path, seed)}


def scikit_learn(path: Path, seed: int) -> dict[str, float]:
    """What scikit-learn's pipelines reach on the split that kerazoo makes of a file."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from kerazoo.finetuning.readers.table import table_from
    from kerazoo.finetuning.readers.user_data import Asked

    data = table_from(path, Asked(target="target")).data
    classes = data.info.task == "classification"
    linear = LogisticRegression(max_iter=1000) if classes else RidgeCV()
    boosting = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    models = {
        "linear pipeline": make_pipeline(StandardScaler(), linear),
        "gradient boosting": boosting(random_state=seed),
    }
    said = {}
    for name, model in models.items():
        model.fit(data.train.x, data.train.y.ravel())
        said[name] = float(model.score(data.test.x, data.test.y.ravel()))
    return said


def photographs(seed: int) -> dict[str, float]:
    """``resnet8`` on a folder of JPEG files of two classes of CIFAR-10, the re-encode's pixels."""
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(Path(folder), EACH)
        return comparison("resnet8", folder, seed=seed)


def write_photographs(folder: Path, each: int) -> None:
    """So many JPEG files of each of two classes of CIFAR-10, in a folder per class.

    The trained weights know these classes from the training split; the files are of the test
    split, which no weights have seen.
    """
    from PIL import Image

    data = kerazoo.load_data("cifar10")
    for label in PHOTOGRAPHS:
        (folder / label).mkdir()
        for i in np.flatnonzero(data.test.y == data.info.labels.index(label))[:each]:
            picture = Image.fromarray(data.test.x[i])
            picture.save(folder / label / f"{i}.jpg", quality=95)


def gathered(figures: dict[str, Any], group: str) -> dict[str, dict[str, list[float]]]:
    """By case and row name the figures of all seeds."""
    found: dict[str, dict[str, list[float]]] = {}
    for name, rows in figures["runs"].items():
        kind, *case, _ = name.split("/")
        if kind == group:
            for row, value in rows.items():
                found.setdefault("/".join(case), {}).setdefault(row, []).append(value)
    return found


def shown(values: list[float] | None, percent: bool = True) -> str:
    """Mean ± sample standard deviation."""
    if not values:
        return "–"
    factor, digits = (100, 2) if percent else (1, 4)
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    unit = " %" if percent else ""
    return f"{factor * statistics.fmean(values):.{digits}f} ± {factor * spread:.{digits}f}{unit}"


def paragraph(text: str) -> str:
    """Text broken into lines of 120 letters."""
    return textwrap.fill(" ".join(text.split()), 120)


def markdown(header: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table."""
    lines = [f"| {' | '.join(header)} |", f"|---|{'---:|' * (len(header) - 1)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def write_report(figures: dict[str, Any]) -> None:
    """Write FINETUNING.md and the plot of accuracy against count."""
    lines = [
        "# Fine-tuning, measured",
        "",
        paragraph(
            """Written by `python benchmarks/finetuning.py`; every run stands in finetuning.json.
            Mean ± sample standard deviation over seeds, test split, last epoch, `kerazoo finetune`
            with its defaults."""
        ),
        "",
        *(paragraph(line) + "\n" for line in _environments(figures.get("environments", {}))),
    ]
    found = gathered(figures, "digits")
    if found:
        lines += [
            "## mnist_cnn on scikit-learn's digits",
            "",
            paragraph(
                """Trained weights of `mnist_cnn@mnist` against the same model from scratch, with so
                many pictures of each class (the seed draws them; a tenth of them is the validation
                split). Tested on the 360 test digits. `all` is about 144 of each class:
                scikit-learn's digits have no more."""
            ),
            "",
            "![Accuracy against count](plots/finetuning-digits.png)",
            "",
            *_rows(found, ["from scratch", "fine-tuned", "linear"], "pictures of each class"),
        ]
        draw(found)
    found = gathered(figures, "tables")
    if found:
        names = ["mlp", "linear pipeline", "gradient boosting"]
        lines += [
            "## mlp on tables",
            "",
            paragraph(
                """scikit-learn's tables written as CSV, `kerazoo finetune mlp FILE --target
                target`; beside it pipelines of scikit-learn on the same split (logistic regression
                or ridge, standardised; histogram gradient boosting). Accuracy; of diabetes R². The
                split is the same for every seed, so the linear pipeline has no spread. The last
                column is mlp's mean less that of the better pipeline, in points (of R²:
                hundredths); [TUNING.md](TUNING.md) says how far chance alone takes it on so few
                test rows."""
            ),
            "",
            *_rows(found, names, "table", plain=("diabetes",), against=names[1:]),
        ]
    found = gathered(figures, "photographs")
    if found:
        lines += [
            "## resnet8 on a folder of photographs",
            "",
            paragraph(
                f"""Classes {" and ".join(PHOTOGRAPHS)}, {EACH} JPEG files each, of CIFAR-10's test
                split (JPEG re-encode): the weights know these classes, from other photographs. A
                fifth of the files is the test split."""
            ),
            "",
            *_rows(
                {f"{' / '.join(PHOTOGRAPHS)}": found[""]},
                ["majority class", "linear", "from scratch", "fine-tuned"],
                "classes",
            ),
        ]
    write_text(REPORT, "\n".join(lines).rstrip() + "\n")


def _rows(
    found: dict[str, dict[str, list[float]]],
    names: list[str],
    first: str,
    plain: tuple[str, ...] = (),
    against: Sequence[str] = (),
) -> list[str]:
    """A row for each case; with ``against``, how far the first name is before the best of those."""
    rows = [
        [
            case,
            str(max(map(len, by.values()))),
            *(shown(by.get(n), case not in plain) for n in names),
        ]
        for case, by in found.items()
    ]
    if not against:
        return [*markdown([first, "n", *names], rows), ""]
    for row, by in zip(rows, found.values(), strict=True):
        means = {name: 100 * statistics.fmean(values) for name, values in by.items()}
        row.append(f"{means[names[0]] - max(means[name] for name in against):+.1f}")
    return [*markdown([first, "n", *names, "difference"], rows), ""]


def draw(found: dict[str, dict[str, list[float]]]) -> None:
    """Accuracy against the number of pictures, every run a dot."""
    from kerazoo.plots.figure import BLUE, GRAY, ORANGE, new_figure, save, tidy

    figure = new_figure(6.5, 4)
    axes = figure.add_subplot()
    at = {case: 144 if case == "all" else int(case) for case in found}
    for name, colour in (("linear", GRAY), ("from scratch", BLUE), ("fine-tuned", ORANGE)):
        means = [100 * statistics.fmean(found[c][name]) for c in found]
        axes.plot(list(at.values()), means, "-", color=colour, label=name)
        for case, x in at.items():
            values = [100 * v for v in found[case][name]]
            axes.plot([x] * len(values), values, "o", ms=3, color=colour, alpha=0.6)
    axes.set_xscale("log")
    axes.set_xticks(list(at.values()), [f"{x}" for x in at.values()])
    axes.minorticks_off()
    axes.set_xlabel("pictures of each class")
    axes.set_ylabel("test accuracy, %")
    axes.legend(frameon=False)
    tidy(axes)
    figure.suptitle("mnist_cnn on digits: trained weights against from scratch")
    save(figure, PICTURE)


if __name__ == "__main__":
    main()
