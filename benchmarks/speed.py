"""Speed of kerazoo compared with plain Keras, PyTorch and others on this machine.

    python -m benchmarks.speed                       all sections (about 40 minutes on two cores)
    python -m benchmarks.speed throughput            some sections; the others keep their results
    python -m benchmarks.speed throughput --only mlp@mnist
    python -m benchmarks.speed --report              only SPEED.md and its plots

Every comparison is a ratio of medians from interleaved runs. Writes speed.json, SPEED.md and plots.
PyTorch's results are left out where it is not installed. MNIST, CIFAR-10, IMDB and ETTh1 must be
available.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import math
import os
import statistics
import tempfile
import time
import timeit
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import kerazoo
from benchmarks import _tools
from benchmarks._tools import json_of, markdown, median, ratio, spread, worker
from benchmarks.peers.job import TrainingJob
from kerazoo import building, registry
from kerazoo._files import write_json, write_text
from kerazoo.datasets._cache import load_for
from kerazoo.training.machine import environment

RESULTS, REPORT = _tools.HERE / "speed.json", _tools.HERE / "SPEED.md"
HAS_TORCH = importlib.util.find_spec("torch") is not None
Calls = dict[str, Callable[[], Any]]  # what is interleaved in a row
Row = dict[str, list[Any]]  # their results
Rows = dict[str, Row]


@dataclass(frozen=True)
class Section:
    """Interleaved measurements.

    Attributes:
        rows: Names of the rows, which ``--only`` takes.
        calls: Context manager that prepares a row.
        rounds: Number of rounds of each row.
    """

    rows: Iterable[str]
    calls: Callable[[str], AbstractContextManager[Calls]]
    rounds: int


@contextmanager
def job_file(name: str, examples: int, epochs: int, **changes: Any) -> Iterator[str]:
    """Path of a job file: an entry's recipe with a constant rate and without augmentation."""
    entry = registry.get_entry(name)
    recipe = entry.recipe.replace(train_on="train+validation", train_examples=examples)
    data = load_for(entry, recipe)
    options = building.factory_options(entry, recipe)
    arrays = registry.task_of(entry).fit_arguments(data.training_split(recipe))
    same = "batch_size", "optimizer", "learning_rate", "momentum", "weight_decay", "beta_1"
    settings = {**{field: getattr(recipe, field) for field in same}, **changes}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        np.savez(path, **dict(zip("xy", arrays, strict=False)))
        job = TrainingJob(entry=name, arrays=str(path), epochs=epochs, options=options, **settings)
        path = Path(folder) / "job.json"
        path.write_text(json.dumps(dataclasses.asdict(job)), encoding="utf-8")
        yield str(path)


@contextmanager
def workers(modules: Mapping[str, str], name: str, size: tuple[int, int]) -> Iterator[Calls]:
    """Calls of the same job by several workers; PyTorch's only where it is installed."""
    with job_file(name, *size) as job:
        yield {
            who: worker(module, job)
            for who, module in modules.items()
            if HAS_TORCH or module != "pytorch"
        }


# Time to an accuracy

WANTED = 0.99


def accuracy_calls(name: str) -> AbstractContextManager[Calls]:
    """Train until the accuracy."""
    arguments = name.removeprefix("seed "), str(WANTED)
    who = "kerazoo", "keras.io"
    return nullcontext({w: worker("time_to_accuracy", w, *arguments) for w in who})


def seconds_to_accuracy(run: dict[str, Any]) -> float:
    """Seconds at the end of the first epoch with the accuracy; infinite if never reached."""
    pairs = zip(run["seconds"], run["accuracies"], strict=True)
    return next((seconds for seconds, accuracy in pairs if accuracy >= WANTED), math.inf)


# Training throughput

THROUGHPUT = {  # entry: examples per epoch (1 to 4 s on two cores) and epochs
    "mnist_cnn@mnist": (6_400, 4),
    "mlp@mnist": (30_000, 4),
    "stacked_lstm@etth1": (8_000, 25),  # epochs of a fifth of a second need more of them
    "stacked_lstm@mackey_glass": (2_600, 25),
    "dcgan@mnist": (4_800, 4),
    "resnet8@cifar10": (5_120, 4),
    "resnet20@cifar10": (1_280, 4),
    "text_cnn@imdb": (4_800, 4),
}
PEERS = {"kerazoo": "kerazoo_train", "plain Keras": "plain_keras", "PyTorch": "pytorch"}


@contextmanager
def throughput_calls(name: str) -> Iterator[Calls]:
    """Train with each peer, and measure the machine's peak."""
    with workers(PEERS, name, THROUGHPUT[name]) as calls:
        yield {**calls, "matrix product": matrix_product_peak}


def matrix_product_peak() -> float:
    """Floating-point operations per second of NumPy's float32 matrix product, best of five."""
    n = 3000
    a = np.random.default_rng(0).random((n, n), dtype=np.float32)
    return 2 * n**3 / min(timeit.repeat(lambda: a @ a, number=1, repeat=5))


def epoch_seconds(run: dict[str, Any]) -> float:
    """Median seconds of an epoch after the first."""
    return statistics.median(run["epochs"][1:])


def rate(run: dict[str, Any]) -> float:
    """Examples per second after the first epoch."""
    return run["examples"] / epoch_seconds(run)


def first_epochs(row: Row) -> str:
    """Additional seconds of the first epoch with each peer."""
    more = ([run["epochs"][0] - epoch_seconds(run) for run in row[w]] for w in PEERS if w in row)
    return ", ".join(f"{median(seconds):.1f}" for seconds in more) + " s"


def machine_share(row: Row) -> tuple[float, float]:
    """Operations per second of kerazoo's training, and of matrix products."""
    runs = row["kerazoo"]
    return 2 * runs[0]["multiply_adds"] * median(map(rate, runs)), median(row["matrix product"])


# Overhead of the trainer

OVERHEAD = {  # examples per epoch and epochs: about 20 s, so that checkpoints are written as usual
    "mlp@mnist": (30_000, 25),
    "mnist_cnn@mnist": (6_400, 9),
    "dcgan@mnist": (4_800, 10),
}
LOOPS = {"kerazoo": "kerazoo_train", "bare loop": "bare_loop"}


def after_first(run: dict[str, Any]) -> float:
    """Seconds of a run without its first epoch, which compiles."""
    return run.get("seconds", sum(run["epochs"])) - run["epochs"][0]


# Starting, loading, predicting

PROCESSES = {
    "python -c 'import keras'": ["-c", "import keras"],
    "import kerazoo": ["-c", "import kerazoo"],
    "import kerazoo; list_models()": ["-c", "import kerazoo; kerazoo.list_models()"],
    "kerazoo list": ["-m", "kerazoo", "list"],
    "python -c 'pass'": ["-c", "pass"],
}
DATASETS = {"mnist": "mnist", "etth1": None, "cifar10": "cifar10", "imdb": "imdb_reviews"}
# The first of two loads imports what loading needs.
LOAD = """
import json, sys, time
{0}
for _ in range(2):
    data = None
    start = time.perf_counter()
    data = {1}
    seconds = time.perf_counter() - start
print(json.dumps(seconds))
"""
TFDS = "tfds.as_numpy(tfds.load({0!r}, data_dir={1!r}, split=['train', 'test'], batch_size=-1))"
PREDICTED = ("mnist_cnn@digits", "mlp@digits", "resnet_block@digits")


def starting_calls(name: str) -> AbstractContextManager[Calls]:
    """Start each process."""
    return nullcontext({n: _tools.seconds_of(*command) for n, command in PROCESSES.items()})


def loading_calls(name: str) -> AbstractContextManager[Calls]:
    """Load a dataset twice; the cache is filled before."""
    kerazoo.load_data(name)
    ours = LOAD.format("import kerazoo", f"kerazoo.load_data({name!r})")
    calls = {"kerazoo": json_of("-c", f'{ours}assert "tensorflow" not in sys.modules')}
    if source := DATASETS[name]:
        paths = ":".join(os.environ.get(v, "") for v in ("TFDS_DATA_DIR", "KERAZOO_DATA_DIR"))
        folder = next((f for f in paths.split(":") if (Path(f) / source).is_dir()), None)
        tfds = LOAD.format("import tensorflow_datasets as tfds", TFDS.format(source, folder))
        calls["tfds.load"] = json_of("-c", tfds)
    return nullcontext(calls)


@contextmanager
def predicting_calls(name: str) -> Iterator[Calls]:
    """Predict one example; each call was warmed up."""
    import onnxruntime

    model, _, dataset = name.partition("@")
    network, predictor = kerazoo.build(model, weights=dataset), kerazoo.predictor(name)
    example = kerazoo.load_data(dataset).test.x[:1]
    with tempfile.TemporaryDirectory() as folder:
        path = kerazoo.export(name, "onnx", Path(folder) / "onnx").path
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: example.astype(np.float32)}
    calls = {
        "kerazoo": milliseconds_of(lambda: predictor(list(example))),
        "model.predict": milliseconds_of(lambda: network.predict(example, verbose=0)),
        "ONNX Runtime": milliseconds_of(lambda: session.run(None, feed)),
    }
    for call in [*calls.values()] * 5:
        call()
    yield calls


def milliseconds_of(call: Callable[[], Any]) -> Callable[[], float]:
    """A function that returns the milliseconds of a call."""
    return lambda: 1000 * timeit.timeit(call, number=1)


# Growth

FAST, SIZES = "mnist_cnn_fast@mnist", (3_750, 15_000, 60_000)


@contextmanager
def growth_calls(name: str) -> Iterator[Calls]:
    """Train on three numbers of images with one batch size."""
    with ExitStack() as stack:
        files = [job_file(FAST, size, 4, batch_size=int(name)) for size in SIZES]
        jobs = map(stack.enter_context, files)
        yield {str(s): worker("kerazoo_train", job) for s, job in zip(SIZES, jobs, strict=True)}


def megabytes(runs: list[dict[str, Any]]) -> float:
    """Peak memory of the process, median of the runs."""
    return median(run["peak_mb"] for run in runs)


SECTIONS = {
    "accuracy": Section([f"seed {seed}" for seed in range(5)], accuracy_calls, 1),
    "throughput": Section(THROUGHPUT, throughput_calls, 3),
    "overhead": Section(OVERHEAD, lambda name: workers(LOOPS, name, OVERHEAD[name]), 5),
    "starting": Section(["processes"], starting_calls, 9),
    "loading": Section(DATASETS, loading_calls, 3),
    "predicting": Section(PREDICTED, predicting_calls, 200),
    "growth": Section(["32", "128", "512"], growth_calls, 3),
}


def main() -> None:
    """Measure the wanted sections, then write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--only", metavar="ROW", help="one row of a section")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    options = parser.parse_args()
    for name in options.sections:
        if name not in SECTIONS:
            parser.error(f"no section {name!r}; there are {', '.join(SECTIONS)}")
    results = _tools.read_json(RESULTS)
    for name in () if options.report else options.sections or SECTIONS:
        section = SECTIONS[name]
        kept = results.setdefault(name, {"rows": {}, "environments": {}})
        for row in section.rows:
            if options.only in (None, row):
                with section.calls(row) as calls:
                    result = _tools.interleaved(calls, section.rounds, f"{name}, {row}")
                kept["rows"][row], kept["environments"][row] = result, machine()
                write_json(RESULTS, results)
    write_text(REPORT, report(results))
    plot_throughput(results["throughput"]["rows"], _tools.PLOTS / "speed.png")


def machine() -> dict[str, Any]:
    """Versions, processor, threads, day and load of the machine."""
    torch = {"torch": metadata.version("torch")} if HAS_TORCH else {}
    now = {"day": time.strftime("%Y-%m-%d"), "load": round(os.getloadavg()[0], 1)}
    return {**environment(), **torch, **now}


Values = Callable[[Any], float]  # of a run


def faster(row: Row, peer: str, value: Values = float) -> float:
    """Ratio of a peer's median time to kerazoo's; of rates the reverse."""
    theirs, ours = (list(map(value, row[who])) for who in (peer, "kerazoo"))
    return ratio(ours, theirs) if value is rate else ratio(theirs, ours)


def table(
    rows: Rows,
    first: str,
    value: Values = float,
    form: str = "{:.3g}",
    **more: Callable[[Row], str],
) -> str:
    """Markdown table: kerazoo, then each peer with its ratio, then more columns."""
    peers = [who for who in next(iter(rows.values())) if who not in ("kerazoo", "matrix product")]
    lines = []
    for name, row in rows.items():
        cells = [f"`{name}`", spread(map(value, row["kerazoo"]), form)]
        for peer in peers:
            known = peer in row
            cells.append(spread(map(value, row[peer]), form) if known else "–")
            cells.append(f"**{faster(row, peer, value):.2f}**" if known else "")
        lines.append([*cells, *(column(row) for column in more.values())])
    columns = [cell for peer in peers for cell in (peer, "ratio")]
    return markdown([first, "kerazoo", *columns, *more], lines)


def tables(results: dict[str, Rows]) -> dict[str, str]:
    """Markdown tables by their names in the template."""
    throughput, starting = results["throughput"], results["starting"]["processes"]
    shares = []
    for name, row in throughput.items():
        speed, peak = machine_share(row)
        work = f"{row['kerazoo'][0]['multiply_adds'] / 1e6:.2f} M"
        gflops = f"{speed / 1e9:.0f}", f"{peak / 1e9:.0f}"
        shares.append([f"`{name}`", work, *gflops, f"{100 * speed / peak:.0f} %"])
    keras = starting["python -c 'import keras'"]
    processes = [[f"`{n}`", spread(s), f"{ratio(s, keras):.3f}"] for n, s in starting.items()]
    growth = []
    for batch, row in results["growth"].items():
        cells = [
            (spread(map(epoch_seconds, row[str(n)]), "{:.2f}"), megabytes(row[str(n)]))
            for n in SIZES
        ]
        growth.append([batch, *(f"{seconds} s, {memory:.0f} MB" for seconds, memory in cells)])
    work = "multiply-adds per step and example"
    return {
        "accuracy": table(results["accuracy"], "seed", seconds_to_accuracy, "{:.1f}"),
        "throughput": table(throughput, "entry", rate, "{:,.0f}", **{"first epoch": first_epochs}),
        "share": markdown(["entry", work, "GFLOP/s", "peak, GFLOP/s", "share"], shares),
        "overhead": table(results["overhead"], "entry", after_first),
        "starting": markdown(["process", "seconds", "share of `import keras`"], processes),
        "loading": table(results["loading"], "dataset"),
        "predicting": table(results["predicting"], "entry"),
        "growth": markdown(["batch", *(f"{n:,} images" for n in SIZES)], growth),
    }


def target(
    what: str, value: float, form: str, least: float = -math.inf, most: float = math.inf
) -> list[str]:
    """Row of the targets: name, bounds, value, and ``met`` or ``missed``."""
    low, high = form.format(least), form.format(most)
    wanted = f"≥ {low}" if most == math.inf else f"≤ {high}"
    if math.isfinite(most - least):
        wanted = f"{low} to {high}"
    return [what, wanted, form.format(value), "met" if least <= value <= most else "**missed**"]


def targets(results: dict[str, Rows]) -> Iterator[list[str]]:
    """Targets and measured values."""
    runs = {
        who: [row[who][0] for row in results["accuracy"].values()]
        for who in ("kerazoo", "keras.io")
    }
    mean = statistics.fmean(100 * run["accuracies"][-1] for run in runs["kerazoo"])
    what = "time to 99.0 % on MNIST, keras.io / kerazoo"
    yield target(what, faster(runs, "keras.io", seconds_to_accuracy), "{:.1f}", least=15)
    yield target("final test accuracy of `mnist_cnn_fast`, mean", mean, "{:.2f} %", least=99.2)
    for name, row in results["throughput"].items():
        for peer in filter(row.__contains__, ("plain Keras", "PyTorch")):
            least = 2 if peer == "plain Keras" and name.startswith("stacked_lstm") else 1
            what = f"training throughput, kerazoo / {peer}, `{name}`"
            yield target(what, faster(row, peer, rate), "{:.2f}", least)
    for name in ("mnist_cnn@mnist", "resnet20@cifar10"):
        speed, peak = machine_share(results["throughput"][name])
        yield target(f"share of the machine, `{name}`", 100 * speed / peak, "{:.0f} %", least=50)
    for name, row in results["overhead"].items():
        more = 100 * (1 / faster(row, "bare loop", after_first) - 1)
        yield target(f"overhead of the trainer, `{name}`", more, "{:+.1f} %", most=3)
    for name, most in (("import kerazoo", 0.1), ("kerazoo list", 0.3)):
        seconds = median(results["starting"]["processes"][name])
        yield target(f"`{name}`", seconds, "{:.3g} s", most=most)
    for name, row in results["loading"].items():
        if "tfds.load" in row:
            what = f"second load of `{name}`, tfds / kerazoo"
            yield target(what, faster(row, "tfds.load"), "{:.0f}", least=50)
    for name, row in results["predicting"].items():
        what = f"one warm prediction, `model.predict` / kerazoo, `{name}`"
        yield target(what, faster(row, "model.predict"), "{:.0f}", least=10)
        what = f"one warm prediction, kerazoo / ONNX Runtime, `{name}`"
        yield target(what, 1 / faster(row, "ONNX Runtime"), "{:.1f}", most=1.5)
    small, quarter, whole = map(str, SIZES)
    each = [
        [median(map(epoch_seconds, row[n])) / int(n) for n in (whole, quarter)]
        for row in results["growth"].values()
    ]
    longer = max((all_ / some for all_, some in each), key=lambda x: abs(x - 1))
    what = "epoch time per image, all of MNIST / a quarter of it, worst batch size"
    yield target(what, longer, "{:.2f}", 0.8, 1.25)
    more = max(megabytes(row[whole]) / megabytes(row[small]) for row in results["growth"].values())
    what = "peak memory, all of MNIST / a sixteenth of it, worst batch size"
    yield target(what, more, "{:.2f}", most=1.2)


def report(results: dict[str, Any]) -> str:
    """Content of SPEED.md."""
    rows = {name: section["rows"] for name, section in results.items()}
    texts = tables(rows)
    for name, section in results.items():
        texts[name] += f"\n\n{_tools.measured_with(section['environments'].values())}"
    texts["targets"] = markdown(["what", "target", "measured", ""], targets(rows))
    return _tools.render("SPEED.md", **texts)


def plot_throughput(rows: Rows, path: Path) -> None:
    """Bars of the training throughput, kerazoo being 1."""
    figure = Figure(figsize=(8, 0.55 * len(rows) + 1.6), layout="constrained")
    axes = figure.add_subplot()
    for offset, (who, color) in enumerate(
        zip(PEERS, ("#1f5fa8", "#9aa5b1", "#d9822b"), strict=True)
    ):
        shares = [1 / faster(row, who, rate) if who in row else 0 for row in rows.values()]
        positions = [i + 0.27 * (offset - 1) for i in range(len(rows))]
        axes.barh(positions, shares, height=0.25, label=who, color=color)
    axes.axvline(1, color="black", linewidth=0.6)
    axes.set_yticks(range(len(rows)), rows)
    axes.invert_yaxis()
    axes.set_xlabel("training examples per second, kerazoo = 1 (higher is better)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Training throughput on two CPU cores")
    figure.legend(loc="outside lower center", ncols=len(PEERS), frameon=False)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
