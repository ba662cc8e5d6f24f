"""The command line: bad input is a clear error with status 2, and nothing on disk is lost."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kerazoo
from kerazoo import _files as files
from kerazoo import _lazy, registry
from kerazoo.cli import main as cli
from kerazoo.evidence import evaluate as evaluating
from kerazoo.evidence import reference as evidence
from kerazoo.metrics import METRICS
from kerazoo.spec import Recipe
from kerazoo.training import checkpoint
from kerazoo.training import train as trainer
from kerazoo.training.run_directory import Run

HEAVY = ("keras", "tensorflow", "jax", "torch", "matplotlib", "sklearn", "numpy")


@pytest.mark.parametrize(
    "code",
    [
        "import kerazoo; kerazoo.list_models()",
        "from kerazoo.cli.main import main; main(['list'])",
        "from kerazoo.cli.main import main; main(['list', '--json'])",
        "from kerazoo.cli.main import main; main(['show', 'mnist_cnn@digits'])",
    ],
)
def test_what_only_looks_imports_nothing_heavy(code):
    code += f"; import sys; assert not set({HEAVY!r}) & set(sys.modules), sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


MISTAKES = {
    ("train", "mnist_cn"): "Did you mean 'mnist_cnn'",
    ("train", "mnist_cnn@digit"): "Did you mean 'mnist_cnn@digits'",
    ("train", "mnist_cnn@imdb"): "unknown entry",
    ("show", "resnet"): "unknown model",
    ("show", "etth1"): "'etth1' is a dataset; name a model, or an entry: stacked_lstm@etth1.",
    ("evaluate", "mnist_cn"): "Did you mean",
    ("evaluate", "no/such/run"): "no/such/run",
    ("predict", "mnist_cn", "x.png"): "Did you mean",
    ("verify", "mnist_cnn@digits", "--tier", "smok"): "Did you mean 'smoke'",
    ("verify", "mnist_cnn@digits", "--seeds", "0"): "whole number from 1",
    ("verify", "mnist_cnn@digits", "--record", "--set", "epochs=1"): "cannot be recorded",
    ("verify", "mnist_cnn@digits", "--resume"): "--out",
    ("finetune", "mlp", "x.csv", "--split", "1,2"): "three whole numbers",
    ("train", "mnist_cnn@digits", "--resume"): "--out",
    ("train", "mnist_cnn@digits", "--seed", "-1"): "seed is -1",
    ("train", "mnist_cnn@digits", "--epochs", "0"): "epochs is 0",
    ("train", "mnist_cnn@digits", "--checkpoint-seconds", "nan"): "seconds from 0 up",
    ("train", "mnist_cnn@digits", "--checkpoint-seconds", "-1"): "seconds from 0 up",
    ("verify", "resnet110"): "--seeds 3 --record",
    ("train", "mnist_cnn@digits", "--set", "lerning_rate=1"): "Did you mean 'learning_rate'",
    ("train", "stacked_lstm@sine", "--set", "horizon=5000"): "is the entry's own",
    ("train", "linear_regression@diabetes", "--set", "balance=true"): "has none",
    ("train", "mnist_cnn@digits", "--set", "learning_rate"): "FIELD=VALUE",
    ("train", "mnist_cnn@digits", "--set", "learning_rate=fast"): "must be a number",
    ("train", "mnist_cnn@digits", "--set", "learning_rate=nan"): "must be finite",
    ("train", "mnist_cnn@digits", "--set", "learning_rate=-1"): "must lie",
    ("train", "mnist_cnn@digits", "--set", "batch_size=0"): "must lie between 1 and",
    ("train", "mnist_cnn@digits", "--set", "batch_size=1.5"): "whole number",
    ("train", "mnist_cnn@digits", "--set", "train_examples=0"): "must lie from 1 up",
    ("train", "mnist_cnn@digits", "--set", "optimizer=adamm"): "choose one of",
    ("train", "mnist_cnn@digits", "--set", "momentum=0.9"): "optimizer='sgd'",
    ("--import", "no_such_module", "list"): "cannot import",
    ("--import", "no_such_file.py", "list"): "no such file",
}


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_mistake_is_a_clear_error_with_status_2(arguments, command, in_tmp):
    status, out, err = command(*arguments)
    assert status == 2
    assert MISTAKES[arguments] in err
    assert not out and "Traceback" not in err
    assert not list(in_tmp.iterdir()), "a mistake leaves nothing behind"


@pytest.mark.parametrize("arguments", [[], ["fly"], ["train"], ["train", "x", "--seed", "one"]])
def test_usage_errors_are_status_2_too(arguments, command):
    status, out, err = command(*arguments)
    assert status == 2 and not out and "usage:" in err


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"classes": 0}, "classes is 0"),
        ({"classes": 2.5}, "classes is 2.5"),
        ({"input_shape": (28, 0, 1)}, "input_shape"),
        ({"input_shape": (2, 2, 1)}, "too small"),
        ({"input_shape": 28}, "input_shape"),
        ({"class": 3}, "unknown option"),
        ({"weights": "mnit"}, "Did you mean 'mnist'"),
        ({"weights": "nowhere.weights.h5"}, "no weights file"),
        ({"weights": "digits", "classes": 26}, "classes=10"),
        ({"weights": "digits", "input_shape": (32, 32, 1)}, "input_shape=(28, 28, 1)"),
    ],
)
def test_build_refuses_what_cannot_be(options, why):
    with pytest.raises(kerazoo.KerazooError) as error:
        kerazoo.build("mnist_cnn", **options)
    assert why in str(error.value)


def test_show_says_where_the_short_recipe_loses_to_a_naive_model(command):
    _, out, _ = command("show", "text_lstm@imdb", "--json")
    told = json.loads(out)
    smoke = told["reference"]["smoke"]
    assert smoke["mean"] < smoke["baselines"]["linear"]
    assert any(c.startswith("In tier smoke") and "linear" in c for c in told["caveats"])


def test_only_an_input_shape_is_said_to_be_too_small():
    """A misspelt activation has nothing to do with the shape, whether one was given or not."""
    for options in ({}, {"input_shape": (28, 28, 1)}):
        with pytest.raises(kerazoo.KerazooError, match="sofmax") as error:
            kerazoo.build("mnist_cnn", classifier_activation="sofmax", **options)
        assert "too small" not in str(error.value)


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("text_cnn", {"weights": "imdb", "width": 16}, "width=16 was asked for, and .* width="),
        ("stacked_lstm", {"weights": "etth1", "horizon": 12}, "horizon=12 .* for horizon=24"),
        ("mnist_cnn", {"weights": "digits", "classes": 26}, "classes=26 .* for classes=10"),
        (
            "mnist_cnn",
            {"weights": "digits", "input_shape": [32, 32, 1], "classes": 10},
            r"input_shape=\[32, 32, 1\] .* for input_shape=\(28, 28, 1\)\. ",
        ),
    ],
)
def test_weights_that_do_not_fit_name_the_option_that_differs(model, options, said):
    with pytest.raises(kerazoo.KerazooError, match=said) as error:
        kerazoo.build(model, **options)
    assert "does not fit" in str(error.value) and "Skipping" not in str(error.value)


def test_build_loads_a_weights_file_of_ones_own(in_tmp):
    import numpy as np

    source = kerazoo.build("mnist_cnn_small", classes=3)
    source.save_weights("mine.weights.h5")
    loaded = kerazoo.build("mnist_cnn_small", classes=3, weights="mine.weights.h5")
    np.testing.assert_array_equal(source.get_weights()[0], loaded.get_weights()[0])
    with pytest.raises(kerazoo.KerazooError, match="does not fit"):
        kerazoo.build("mnist_cnn_small", classes=4, weights=in_tmp / "mine.weights.h5")
    (in_tmp / "mine.weights.h5").write_bytes(b"broken")
    with pytest.raises(kerazoo.KerazooError, match="does not fit"):
        kerazoo.build("mnist_cnn_small", classes=3, weights="mine.weights.h5")


def test_output_folder_in_use_is_left_alone(command, in_tmp):
    (in_tmp / "mine").mkdir()
    (in_tmp / "mine" / "thesis.txt").write_text("three years")
    for extra in ([], ["--resume"]):
        status, _, err = command("train", "mnist_cnn_small@digits", "--out", "mine", *extra)
        assert status == 2 and "mine" in err
    assert [p.name for p in (in_tmp / "mine").iterdir()] == ["thesis.txt"]
    status, _, err = command("train", "mnist_cnn_small@digits", "--out", "mine/thesis.txt")
    assert status == 2 and "is a file" in err


def test_resume_refuses_the_run_of_another_entry_recipe_or_version(command, in_tmp, monkeypatch):
    assert command("train", "mnist_cnn_small@digits", "--epochs", "1", "--out", "run")[0] == 0
    before = {p.name: p.read_bytes() for p in (in_tmp / "run").iterdir()}
    for arguments, why in [
        (["mnist_cnn_deep@digits", "--epochs", "1"], "entry was 'mnist_cnn_small@digits'"),
        (["mnist_cnn_small@digits", "--epochs", "2"], "recipe.epochs was 1, is 2"),
        (["mnist_cnn_small@digits", "--epochs", "1", "--seed", "1"], "seed was 0, is 1"),
    ]:
        status, _, err = command("train", *arguments, "--out", "run", "--resume")
        assert status == 2 and why in err
    same = ["train", "mnist_cnn_small@digits", "--epochs", "1", "--out", "run", "--resume"]
    assert command(*same)[0] == 0
    path = in_tmp / "run" / "config.json"
    config = json.loads(path.read_text())
    config["environment"]["keras"] = "3.0.0"
    path.write_text(json.dumps(config))
    status, _, err = command(*same)
    assert status == 2 and "environment.keras was '3.0.0'" in err
    path.write_bytes(before["config.json"])
    assert before == {p.name: p.read_bytes() for p in (in_tmp / "run").iterdir()}
    path.write_text("{")
    status, _, err = command(*same)
    assert status == 2 and "config.json" in err


def test_full_disk_is_a_clear_error(command, in_tmp, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    status, _, err = command("train", "mnist_cnn_small@digits", "--epochs", "1", "--out", "run")
    assert status == 2 and "No space left" in err and "Traceback" not in err
    assert not [p for p in (in_tmp / "run").rglob("*") if p.is_file()], "no half-written file"


WIRES = [
    (
        "finetune mlp rows.csv --target y --text t --test more.csv --task regression --time day "
        "--horizon 3 --lookback 4 --gaps interpolate --split 5,6,7 --size 8 --invert yes --weights "
        "none --freeze --balance --no-augment --no-scratch --epochs 2 --learning-rate 0.5 --seed 9 "
        "--set beta_1=0.5 --out run --elsewhere --engine plain",
        "kerazoo.finetuning.finetune.finetune",
        ("mlp", "rows.csv"),
        {
            "target": "y", "text": "t", "test": "more.csv", "task": "regression", "time": "day",
            "horizon": 3, "lookback": 4, "gaps": "interpolate", "split": (5, 6, 7), "size": 8,
            "invert": "yes", "weights": None, "freeze": True, "balance": True, "augment": False,
            "scratch": False, "epochs": 2, "learning_rate": 0.5, "seed": 9, "out": "run",
            "settings": {"beta_1": 0.5}, "resume": "elsewhere", "engine": "plain",
        },
    ),
    (
        "finetune stacked_lstm rows.csv --target y --target z --weights etth1",
        "kerazoo.finetuning.finetune.finetune",
        ("stacked_lstm", "rows.csv"),
        {
            "target": ["y", "z"], "text": None, "test": None, "task": None, "time": None,
            "horizon": None, "lookback": None, "gaps": "refuse", "split": None, "size": None,
            "invert": "auto", "weights": "etth1", "freeze": False, "balance": False,
            "augment": True, "scratch": True, "epochs": None, "learning_rate": None, "seed": 0,
            "out": None, "settings": {}, "resume": False, "engine": "auto",
        },
    ),
    (
        "train mlp@digits --seed 2 --epochs 3 --tensorboard --validate --checkpoint-seconds 7 "
        "--tier smoke --set batch_size=8 --out run --resume --engine plain",
        "kerazoo.training.train.train",
        ("mlp@digits",),
        {
            "seed": 2, "epochs": 3, "tensorboard": True, "validate": True,
            "checkpoint_seconds": 7.0, "tier": "smoke", "settings": {"batch_size": 8},
            "out": "run", "resume": True, "engine": "plain",
        },
    ),
    (
        "verify mlp@digits --seeds 2 --first-seed 0 --tier smoke --out run --elsewhere "
        "--engine plain --record",
        "kerazoo.evidence.verify.verify",
        ("mlp@digits",),
        {
            "seeds": 2, "first_seed": 0, "tier": "smoke", "settings": {}, "record": True,
            "out": "run", "resume": "elsewhere", "engine": "plain",
        },
    ),
    (
        "verify --all *@digits --tier smoke --seeds 2 --offline --out run --resume --engine plain",
        "kerazoo.evidence.verify_all.verify_all",
        ("*@digits",),
        {
            "tier": "smoke", "seeds": 2, "offline": True, "out": "run", "resume": True,
            "engine": "plain",
        },
    ),
    (
        "predict run a.csv --invert no --text body --gaps interpolate",
        "kerazoo.predicting.predict.predict",
        ("run", ["a.csv"]),
        {"invert": "no", "text": "body", "gaps": "interpolate"},
    ),
    (
        "sample dcgan@digits --n 5 --seed 3 --out five.png",
        "kerazoo.predicting.sample.sample",
        ("dcgan@digits", 5),
        {"seed": 3},
    ),
    (
        "export mlp@digits --format onnx --out out --rows 30 --force",
        "kerazoo.exporting.export.export",
        ("mlp@digits", "onnx", "out"),
        {"rows": 30, "force": True},
    ),
    ("evaluate run", "kerazoo.evidence.evaluate.evaluate", ("run",), {}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "function", "given", "named"), WIRES)
def test_every_option_arrives(command, monkeypatch, line, function, given, named):
    asked = []

    def recorder(*positional, **keywords):
        asked.append((positional, keywords))
        raise kerazoo.KerazooError("recorded")

    monkeypatch.setattr(function, recorder)
    status, _, err = command(*line.split())
    assert status == 2 and "recorded" in err
    assert asked == [(given, named)]


@pytest.mark.slow
def test_full_disk_at_a_later_checkpoint_keeps_the_earlier_one(private_zoo, command, monkeypatch):
    honest, calls = files.os.fsync, []

    def fills(handle):
        calls.append(handle)
        if len(calls) > 12:  # two per file: some epochs were written before
            raise OSError(28, "No space left on device")
        return honest(handle)

    arguments = ["train", "bar_net", "--checkpoint-seconds", "0", "--out", "run"]
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", fills)
        status, _, err = command(*arguments)
        assert status == 2 and "No space left" in err
    assert checkpoint.read(Path("run")).epochs >= 2
    assert command(*arguments, "--resume")[0] == 0
    assert command("train", "bar_net", "--out", "straight")[0] == 0
    for name in ("history.csv", "metrics.json"):
        assert Path("run", name).read_text() == Path("straight", name).read_text()


def test_what_a_killed_process_left_behind_is_no_run(private_zoo, command, in_tmp):
    (in_tmp / "run").mkdir()
    (in_tmp / "run" / ".ab12.part.config.json").write_text("{")
    assert command("train", "bar_net", "--epochs", "1", "--out", "run")[0] == 0
    assert not list((in_tmp / "run").glob(".*"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_a_clear_error(command, in_tmp):
    (in_tmp / "locked").mkdir(mode=0o555)
    status, _, err = command("train", "mnist_cnn_small@digits", "--out", "locked/run")
    assert status == 2 and "cannot write" in err


def test_unwritable_parent_is_a_clear_error(command, in_tmp):
    (in_tmp / "file").write_text("")
    status, _, err = command("train", "mnist_cnn_small@digits", "--out", "file/run")
    assert status == 2 and "cannot write" in err


def test_a_file_is_old_or_new_never_half(in_tmp):
    path = in_tmp / "file.txt"
    files.write_text(path, "old")

    def breaks(aside):
        aside.write_bytes(b"ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(kerazoo.KerazooError, match="No space left"):
        files.save_atomic(path, breaks)
    assert path.read_text() == "old" and list(in_tmp.iterdir()) == [path]
    for save in (files.save_atomic, files.save_folder_atomic):
        with pytest.raises(kerazoo.KerazooError, match="no name that could stand"):
            save(Path("."), breaks)


def test_json_is_one_document_on_standard_output(command):
    for arguments in (
        ["list", "--json"],
        ["list", "*deep*", "--json"],
        ["show", "mnist_cnn", "--json"],
        ["evaluate", "mnist_cnn_small@digits", "--json"],
        ["train", "mnist_cnn_small@digits", "--epochs", "1", "--out", "run", "--json"],
        ["evaluate", "run", "--json"],
        ["verify", "mnist_cnn_small@digits", "--tier", "smoke", "--json"],
    ):
        status, out, err = command(*arguments)
        content = json.loads(out)
        assert status == 0, err
        if arguments[0] == "evaluate":
            assert content["value"] == content["recorded"] and content["metric"] == "accuracy"
        if arguments[0] == "verify":
            assert content["passed"] is True


@pytest.mark.slow
@pytest.mark.parametrize("way", [["--import", "my_zoo.py"], []])
def test_a_users_module_is_imported_without_tensorflows_logs(in_tmp, way):
    source = "import sys\nimport keras\nprint('the module speaks', file=sys.stderr)\n"
    (in_tmp / "my_zoo.py").write_text(source)
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    if not way:
        environment["KERAZOO_IMPORT"] = "my_zoo.py"
    command = [sys.executable, "-m", "kerazoo", *way, "list", "mlp"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == "the module speaks\n"


@pytest.mark.parametrize("width", [63, 80, 90, 100, 140])
def test_list_cuts_no_figure_short(command, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = command("list")
    entries = out.partition("datasets")[0]
    assert "…" not in entries
    full = evidence.read(registry.get_entry("resnet_block@mnist")).tiers["full"]
    figure = re.escape(METRICS["accuracy"].with_spread(full.mean, full.std))
    assert re.search(rf"resnet_block@mnist .*{figure} +{full.n}\b", entries), "n beside the figure"
    assert ("offline" in entries) == (width > 100)


def test_train_and_evaluate_say_that_samples_are_too_much_alike(command, monkeypatch):
    """What ``verify`` says, where only one run is looked at."""
    also = {"smallest_class": 0.0, "largest_class": 0.42, "diversity": 0.5}
    seen = evaluating.Evaluation("dcgan@digits", "dcgan@digits", "fd_mnist_cnn_digits_10k", 300.0,
                                 300.0, 1.0, 360, also)  # fmt: skip
    monkeypatch.setattr(evaluating, "evaluate", lambda source: seen)
    _, out, _ = command("evaluate", "dcgan@digits")
    assert "samples are uneven" in out and "mode collapse" in out
    metrics = {"metric": seen.metric, "value": 300.0, "examples": 360, "also": also}
    done = Run(path=Path("run"), model=None, history=[], metrics=metrics, entry="dcgan@digits",
               tier="full", seed=0, recipe=Recipe(epochs=1), seconds=1.0)  # fmt: skip
    monkeypatch.setattr(trainer, "train", lambda *a, **k: done)
    _, out, _ = command("train", "dcgan@digits")
    assert "samples are uneven" in out and "mode collapse" in out


def test_list_and_show_read_well(command):
    status, out, _ = command("list")
    assert status == 0
    for entry in registry.list_entries():
        assert entry in out
    status, out, _ = command("show", "mnist_cnn")
    assert status == 0 and "@article" in out and "99.25 %" in out and "seed 4" in out
    status, out, err = command("list", "nothing*")
    assert status == 0 and "no entry matches" in err


@pytest.mark.slow
def test_user_module_from_the_command_line_and_the_environment(private_zoo, command, monkeypatch):
    for environment, arguments in (
        ({}, ["--import", "private_zoo"]),
        ({"KERAZOO_IMPORT": str(private_zoo)}, []),
    ):
        said = subprocess.run(
            [sys.executable, "-m", "kerazoo", *arguments, "list", "bar*", "--json"],
            capture_output=True,
            text=True,
            check=True,
            cwd=private_zoo.parent,
            env={**os.environ, **environment},
        )
        assert [r["entry"] for r in json.loads(said.stdout)] == ["bar_net@bars"]


def test_names_that_are_taken_or_impossible_are_refused(private_registry):
    def mnist_cnn():
        """Not the real one."""

    def undocumented():
        pass

    entries = [kerazoo.Entry(dataset="digits", recipe=kerazoo.Recipe(epochs=1))]
    with pytest.raises(kerazoo.KerazooError, match="already registered"):
        kerazoo.register_model(entries=entries, citation="")(mnist_cnn)
    with pytest.raises(kerazoo.KerazooError, match="docstring"):
        kerazoo.register_model(entries=entries, citation="")(undocumented)
    mnist_cnn.__name__ = "other"
    with pytest.raises(kerazoo.KerazooError, match="no entry"):
        kerazoo.register_model(entries=[], citation="")(mnist_cnn)


def test_import_logs_are_kept_back_unless_the_import_fails(tmp_path, monkeypatch, capfd):
    (tmp_path / "noisy_module.py").write_text("import os; os.write(2, b'native noise')")
    (tmp_path / "failing_module.py").write_text("import os; os.write(2, b'the reason'); 1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(_lazy, "_quiet", True)
    _lazy.load("noisy_module")
    assert capfd.readouterr().err == ""
    with pytest.raises(ZeroDivisionError):
        _lazy.load("failing_module")
    assert "the reason" in capfd.readouterr().err


def test_a_closed_pipe_is_no_error():
    code = "from kerazoo.cli.main import main; import sys; sys.exit(main(['list', '--json']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait() in (0, 120)


def test_a_mistake_of_kerazoo_is_neither_fail_nor_yours(command, monkeypatch):
    def breaks(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(cli.card, "entry_row", breaks)
    status, out, err = command("list")
    assert status == 70 and not out and "RuntimeError: a bug" in err


def test_markup_in_paths_is_left_alone(private_zoo, command, in_tmp):
    name = "run[red]x[/b]:cat:"
    status, out, _ = command("train", "bar_net", "--epochs", "1", "--out", name)
    assert status == 0 and f"{name}/model.keras" in out


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_an_output_that_lacks_letters_is_no_mistake(in_tmp, monkeypatch, encoding):
    """Redirected on Windows, or in a locale of the past."""
    for arguments in (["list"], ["show", "dcgan@digits"], ["list", "--json"]):
        whole = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(whole, encoding=encoding))
        assert cli.main(arguments) == 0
        sys.stdout.flush()
        said = whole.getvalue().decode(encoding)
        assert "dcgan@digits" in said
        if "--json" in arguments:
            assert {row["mean"] for row in json.loads(said)} > {None}


def test_what_libraries_print_does_not_spoil_json(private_zoo, command, monkeypatch):
    honest = kerazoo.train

    def chatty(*args, **options):
        print("downloading")
        return honest(*args, **options)

    monkeypatch.setattr("kerazoo.training.train.train", chatty)
    _, out, err = command("train", "bar_net", "--epochs", "1", "--out", "run", "--json")
    assert json.loads(out)["entry"] == "bar_net@bars" and "downloading" in err


def test_wrong_smoke_field_and_missing_dataset_name_the_place(private_registry):
    with pytest.raises(kerazoo.KerazooError, match="Did you mean 'epochs'"):
        kerazoo.Entry(dataset="digits", recipe=kerazoo.Recipe(epochs=1), smoke={"epoch": 3})

    def lost():
        """A model on a dataset that there is not."""

    entry = kerazoo.Entry(dataset="digitz", recipe=kerazoo.Recipe(epochs=1))
    kerazoo.register_model(entries=[entry], citation="")(lost)
    with pytest.raises(kerazoo.KerazooError, match=r"entry lost@digitz.*Did you mean 'digits'"):
        cli.card.entry_row(registry.get_entry("lost"))


def test_a_module_that_fails_says_where(command, in_tmp):
    (in_tmp / "broken.py").write_text("x = 1\ny = undefined_name\n")
    status, _, err = command("--import", "broken.py", "list")
    assert status == 2 and "undefined_name" in err and "line 2" in err


def test_every_public_name_is_there_and_documented():
    for name in kerazoo.__all__:
        assert getattr(kerazoo, name).__doc__, name
    assert set(dir(kerazoo)) >= set(kerazoo.__all__)
    with pytest.raises(AttributeError):
        kerazoo.nothing  # noqa: B018
