"""The command line: bad input is an error with status 2, output is whole, nothing is lost."""

from __future__ import annotations

import dataclasses
import importlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kerazoo import _lazy, registry
from kerazoo._parts import Table
from kerazoo.cli import main as cli
from kerazoo.cli import tables
from kerazoo.cli.main import COMMANDS
from kerazoo.errors import Interrupted
from kerazoo.evidence import reference as evidence
from kerazoo.metrics import METRICS
from kerazoo.training import checkpoint, run_directory

HEAVY = ("keras", "tensorflow", "jax", "torch", "matplotlib", "sklearn", "numpy", "argcomplete")


def test_what_only_looks_imports_nothing_heavy():
    code = (
        "import kerazoo, sys; kerazoo.list_models(); from kerazoo.cli.main import main; "
        "main(['list']); main(['list', '--json']); main(['show', 'mnist_cnn@digits']); "
        "main(['export', 'mlp@digits', '--format', 'onx']); "
        "[main([c, 'typo']) for c in ('show', 'train', 'evaluate', 'verify', 'sample')]; "
        "main(['predict', 'typo', 'x.png']); main(['finetune', 'typo', 'x.csv']); "
        f"assert not set({HEAVY!r}) & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# The wrong arguments, and the name, option or suggestion that the error has to show.
ERRORS = {
    ("train", "mnist_cn"): "'mnist_cnn'",
    ("show", "etth1"): "stacked_lstm@etth1",
    ("evaluate", "no/such/run"): "no/such/run",
    ("verify", "mnist_cnn@digits", "--tier", "smok"): "'smoke'",
    ("verify", "mnist_cnn@digits", "--record", "--set", "epochs=1"): "recipe",
    ("verify", "mnist_cnn@digits", "--resume"): "--out",
    ("verify", "mnist_cnn@digits", "--offline"): "--all",
    ("verify", "--all", "--first-seed", "0"): "--first-seed",
    ("verify",): "--all",
    ("finetune", "mlp", "x.csv", "--split", "1,b"): "--split",
    ("train", "mnist_cnn@digits", "--resume"): "--out",
    ("train", "mnist_cnn@digits", "--seed", "-1"): "seed is -1",
    ("train", "mnist_cnn@digits", "--checkpoint-seconds", "nan"): "seconds",
    ("train", "mnist_cnn@digits", "--set", "lerning_rate=1"): "'learning_rate'",
    ("train", "mnist_cnn@digits", "--set", "learning_rate"): "FIELD=VALUE",
    ("train", "mnist_cnn@digits", "--set", "learning_rate=fast"): "learning_rate",
    ("train", "stacked_lstm@sine", "--set", "horizon=5000"): "horizon",
    ("predict", "mnist_cnn@digits", "x.png", "--out", "x.csv"): "--out",
    ("--import", "no_such_module", "list"): "no_such_module",
    ("finetune",): "MODEL",
    ("finetune", "mnist_cnn", __file__): "mlp",
    ("show", "no/such/run"): "no/such/run",
    ("list", "--task", "clasification"): "'classification'",
    ("runs", "compare"): "run",
    ("predict", "mnist_cnn@digits", "x.png", "--top", "0"): "top",
    ("export", "mlp@digits", "--format", "keras", "--out", "."): ".",
    ("export", "mlp@digits", "--format", "onx"): "'onnx'",
    ("export", "mlp@digits", "--format", "keras", "--rows", "0"): "rows",
    ("export", "mlp@digits", "--format", "onnx", "--out", "digits.onnx"): ".onnx",
    **{
        ("export", name, "--format", format): "images"
        for name in ("dcgan@digits", "stacked_lstm@sine", "linear_regression@diabetes")
        for format in ("litert_int8", "onnx_int8")
    },
}


@pytest.mark.parametrize("arguments", ERRORS, ids=" ".join)
def test_bad_input_is_an_error_with_status_2_and_leaves_nothing(arguments, refused, in_tmp):
    assert ERRORS[arguments] in refused(*arguments) and not list(in_tmp.iterdir())


@pytest.mark.parametrize(
    "options", [("--thousands", ".", "--decimal", "."), ("--na", "a", "--na", "b", "--size", "28")]
)
def test_reading_options_reach_the_reader(options, refused, in_tmp):
    (in_tmp / "rows.csv").write_text("a;b\n" + "1,5;2\n" * 20)
    err = refused("finetune", "mlp", "rows.csv", "--target", "b", *options)
    assert options[-2].removeprefix("--") in err


def test_ctrl_c_prints_the_whole_command_that_resumes(command, monkeypatch):
    def stops(*_, **__):
        raise Interrupted("stopped", Path("runs/a b"))

    monkeypatch.setattr("kerazoo.training.train.train", stops)
    for given in (["--out", "old"], ["--out=old", "--resume"], []):
        status, _, err = command("train", "mlp@digits", *given, "--seed", "3")
        words = shlex.split(err.splitlines()[-1])
        assert status == 130 and words[:5] == ["kerazoo", "train", "mlp@digits", "--seed", "3"]
        assert words[5:] == ["--out", "runs/a b", "--resume"]


def test_open_opens_the_page_that_was_written(command, in_tmp, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(cli.card, "write_card", lambda *_: None)
    assert command("show", "mlp@digits", "--html", "a b.html", "--open")[0] == 0
    assert opened == [(in_tmp / "a b.html").as_uri()]


def test_predictions_do_not_overwrite_what_is_read(refused, in_tmp, monkeypatch):
    monkeypatch.setattr("kerazoo.predicting.predict.predict", None)  # it is not called
    Path("x.csv").write_text("a\n1\n")
    refused("predict", "text_cnn@imdb", "x.csv", "--out", "x.csv")
    assert Path("x.csv").read_text() == "a\n1\n"


def test_an_internal_error_has_its_own_status(command, monkeypatch):
    def breaks(*_, **__):
        raise RuntimeError("a bug")

    monkeypatch.setattr(cli.card, "entry_row", breaks)
    status, out, err = command("list")
    assert status == 70 and not out and "RuntimeError: a bug" in err


def test_foreign_text_cannot_control_the_terminal(command, refused, capsys):
    err = refused("show", "a\x1b[31m\nname")
    assert "\x1b" not in err and err.count("\n") == 1
    assert "\x1b" not in command("list", "a", "b\x1b[31m")[2]
    name = "a\x1b[2J"
    cli.Output(json=False)(None, Table([name], [["b\x07\nc"]]), "d\x1be")
    out = capsys.readouterr().out
    assert not any(c in out for c in "\x1b\x07") and "d\\x1be" in out and "b\\x07\\nc" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "{}"),
        ("export", "{}", "--format", "keras"),
        ("predict", "mlp@digits", "{}.png"),
        ("predict", "mlp@digits", "{}"),
        ("finetune", "mlp", "{}.csv", "--target", "b"),
        ("finetune", "mlp", "{}.csv", "--target", "{}", "--epochs", "1", "--out", "{}r"),
        ("train", "mlp@digits", "--out", "{}", "--resume"),
    ],
)
def test_names_of_files_and_columns_cannot_control_the_terminal(arguments, command, in_tmp):
    name = "n\x1b[31m\na\u202e"
    (in_tmp / name).mkdir()
    (in_tmp / name / "config.json").write_text('{"\x1b": 1}')
    (in_tmp / f"{name}.png").write_text("no image")
    rows = "\n".join(f"{i},{'xy'[i % 2]}" for i in range(40))
    (in_tmp / f"{name}.csv").write_text(f'a,"{name}"\n{rows}\n')
    _, out, err = command(*(word.format(name) for word in arguments))
    assert "n\\x1b[31m\\na\\u202e" in out + err
    assert "\x1b" not in out + err and "\u202e" not in out + err and "[31m\na" not in out + err


def test_output_directory_in_use_is_left_alone(refused, in_tmp):
    (in_tmp / "mine").mkdir()
    (in_tmp / "mine" / "thesis.txt").write_text("three years")
    for out in ("mine", "mine/thesis.txt", "mine/thesis.txt/run"):
        for extra in ([], ["--resume"]):
            assert out in refused("train", "mnist_cnn_small@digits", "--out", out, *extra)
    assert [p.name for p in (in_tmp / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_directory_is_an_error(refused, in_tmp):
    (in_tmp / "locked").mkdir(mode=0o555)
    refused("train", "mnist_cnn_small@digits", "--out", "locked/run")


def test_resume_refuses_the_run_of_another_recipe_and_leaves_it_alone(
    private_zoo, command, refused, in_tmp, whole
):
    run = shutil.copytree(whole, in_tmp / "run[red]x[bold]:cat:")  # the markup is left alone
    before = {p.name: p.read_bytes() for p in run.iterdir()}
    train = ("train", "bar_net", "--out", run.name, "--resume")
    assert "epochs was 6, is 2" in refused(*train, "--epochs", "2")
    status, out, _ = command(*train)
    assert status == 0 and f"{run.name}/model.keras" in out, "a finished run stays as it is"
    config = json.loads(before["config.json"])
    config["environment"]["keras"] = "3.0.0"
    altered = json.dumps(config)
    del config["checksum"]  # as before there was one
    for content, difference in (
        (json.dumps(config), "'3.0.0'"),
        (altered, "checksum"),
        ("{", "config.json"),
    ):
        (run / "config.json").write_text(content)
        assert difference in refused(*train)
    (run / "config.json").write_bytes(before["config.json"])
    assert before == {p.name: p.read_bytes() for p in run.iterdir()}


@pytest.mark.slow
def test_a_full_disk_at_a_later_checkpoint_keeps_the_earlier_one(
    private_zoo, command, refused, monkeypatch, whole
):
    honest, calls = os.fsync, []

    def fills(handle):
        calls.append(handle)
        if len(calls) > 12:  # two per file: some epochs were written before
            raise OSError(28, "No space left on device")
        honest(handle)

    arguments = ("train", "bar_net", "--checkpoint-seconds", "0", "--out", "run")
    with monkeypatch.context() as patch:
        patch.setattr("kerazoo._files.os.fsync", fills)
        assert "No space left" in refused(*arguments)
    assert checkpoint.read(Path("run")).epochs >= 2
    assert not list(Path("run").glob("*.part.*.*")), "no half file is left"
    assert command(*arguments, "--resume")[0] == 0
    assert Path("run", "history.csv").read_text() == (whole / "history.csv").read_text()


def test_json_is_one_document_whatever_libraries_print(bars_run, command, monkeypatch):
    def chatty(*_, **__):
        print("downloading")
        return run_directory.load(bars_run)

    monkeypatch.setattr("kerazoo.training.train.train", chatty)
    for arguments in (("list",), ("list", "no*"), ("show", "mnist_cnn"), ("train", "mlp@digits")):
        status, out, err = command(*arguments, "--json")
        assert status == (arguments[-1] == "no*") and json.loads(out) is not None
        assert ("downloading" in err) == (arguments[0] == "train")


@pytest.mark.parametrize("width", [63, 90, 140])
def test_list_shows_whole_values_at_any_width(command, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    entries = command("list")[1]
    assert "…" not in entries and all(name in entries for name in registry.list_entries())
    full = evidence.read(registry.get_entry("resnet_block@mnist")).tiers["full"]
    value = re.escape(METRICS["accuracy"].with_spread(full.mean, full.std))
    assert re.search(rf"resnet_block@mnist .*{value} +{full.n}\b", entries), "n next to the value"
    assert (" yes" in entries) == (width > 100), "the column offline"
    assert max(map(len, entries.splitlines())) <= width


def test_list_filters_sorts_and_suggests(command):
    def entries(*arguments):
        return [row["entry"] for row in json.loads(command("list", *arguments, "--json")[1])]

    assert "mnist_cnn_deep@digits" in entries("deep") and entries("*@sine") == ["stacked_lstm@sine"]
    assert {e.split("@")[1] for e in entries("--dataset", "digits")} == {"digits"}
    assert entries("--task", "generation", "--offline") == ["dcgan@digits"]
    fastest = entries("@mnist", "--sort", "time")
    assert fastest[0] == "mnist_cnn_fast@mnist" and set(fastest) == set(entries("@mnist"))
    by_result = entries("*@cifar10", "--sort", "result")
    assert by_result == ["resnet20@cifar10", "resnet8@cifar10"]
    status, _, err = command("list", "mnst")
    assert status == 1 and "'mnist'" in err
    assert all(name in command("list", "--datasets")[1] for name in registry.list_datasets())


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_80_columns_and_has_examples(name, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = command(*([name, "--help"] if name else []))
    assert not status and f"kerazoo {name}" in out and max(map(len, out.splitlines())) <= 80
    if not name:
        assert all(re.search(rf"^  {each}\b", out, re.MULTILINE) for each in COMMANDS)
    elif name not in ("doctor", "completion"):
        assert f"  kerazoo {name} " in out.partition("examples:")[2]


def test_a_narrow_table_keeps_its_verdict_and_never_breaks_a_number(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    entry = "linear_regression@make_regression"
    values = ("-12345.6789", "≥ 0.1234", "0.1234 (10)", "R²", "source", "12 min")
    table = dataclasses.replace(tables.verdicts_table([]), rows=[(entry, "PASS", *values)])
    cli.Output(json=False)(None, table, "a sentence of words " * 9)
    out = capsys.readouterr().out
    assert re.search(rf"{entry} +PASS +-12345.6789", out) and "too narrow for: " in out
    assert max(map(len, out.splitlines())) <= 80


def test_titles_of_numbers_break_before_anything_is_left_out(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    columns = ("", "R²", *(f"{name} (natural units) ↓" for name in ("MSE", "RMSE", "MAE")))
    row = ("from scratch (this model)", "0.5030 ± 0.0659", "2.131", "1.460", "1.273")
    cli.Output(json=False)(None, Table(columns, [row], range(1, 5)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split() == " ".join(row).split() and max(map(len, lines)) <= 80


def test_at_80_columns_the_zoo_stands_next_to_its_baselines(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    head = command("list")[1].splitlines()[1].split()
    assert {"entry", "metric", "test", "n", "baseline"} <= set(head)


def test_options_of_a_model_stay_indented_where_they_wrap(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    options = command("show", "stacked_lstm@etth1", "--full")[1].partition("\nArgs:\n")[2]
    lines = options.partition("\n\n")[0].splitlines()
    assert max(map(len, lines)) <= 80 and all(line.startswith("    ") for line in lines)
    assert any(line.startswith(" " * 8) for line in lines)


def test_a_long_path_is_folded_next_to_its_value(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    path = "runs/20261127-180803-e592-verify-all-smoke/mnist_cnn_small@digits/seed-5"
    cli.Output(json=False)(None, Table(("run", "value"), [(path, "12345")], [1]))
    out = capsys.readouterr().out
    first, *more = out.partition("─\n")[2].splitlines()
    assert "".join([*first.split(), *more]).replace("12345", "").replace(" ", "") == path
    assert first.endswith(" 12345") and max(map(len, out.splitlines())) <= 40


def test_runs_are_listed_shown_compared_and_removed(private_zoo, command, refused, whole, in_tmp):
    for name in ("a", "b"):
        shutil.copytree(whole, in_tmp / "runs" / name)
    (in_tmp / "runs" / "c").mkdir()
    _, out, _ = command("runs", "list", "--json")
    assert [Path(run["path"]).name for run in json.loads(out)] == ["a", "b"]
    for arguments in (("runs", "list"), ("runs", "compare", "runs/a", "runs/b")):
        status, out, _ = command(*arguments)
        assert status == 0 and "runs/a" in out and "runs/b" in out and "bar_net@bars" in out
    status, out, _ = command("show", "runs/a", "--full")
    assert status == 0 and "kerazoo evaluate runs/a" in out and "runs/a/model.keras" in out
    assert "runs/c" in refused("runs", "remove", "runs/a", "runs/c")
    assert (in_tmp / "runs" / "a").is_dir(), "all or none"
    assert command("runs", "remove", "runs/a")[0] == 0
    assert sorted(p.name for p in (in_tmp / "runs").iterdir()) == ["b", "c"]


def test_terminal_card(command, monkeypatch):
    short, full = (command("show", "mnist_cnn", *more)[1] for more in ([], ["--full"]))
    assert "kerazoo.build(" in short and "kerazoo verify mnist_cnn" in short
    for fact in ("@article", "99.25 %", "seed 4"):
        assert fact in full and fact not in short
    monkeypatch.setenv("COLUMNS", "80")
    for entry in registry.list_entries():
        for more in ([], ["--full"]):
            out = command("show", entry, *more)[1]
            assert "``" not in out and not re.search(r":\w+:`", out)
        shown = out.partition("What it is")[2].partition("Citation")[0]
        assert max(map(len, shown.splitlines()), default=0) <= 80


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_an_output_that_lacks_letters_is_no_error(in_tmp, monkeypatch, encoding):
    for arguments in (["list"], ["show", "dcgan@digits"], ["list", "--json"]):
        whole = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(whole, encoding=encoding))
        assert cli.main(arguments) == 0
        sys.stdout.flush()
        text = whole.getvalue().decode(encoding)
        assert "dcgan@digits" in text
        if "--json" in arguments:
            assert all(row["mean"] is not None for row in json.loads(text))


def test_a_closed_pipe_is_no_error():
    code = "from kerazoo.cli.main import main; import sys; sys.exit(main(['list', '--json']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait() in (0, 120)


def test_completion_scripts(command):
    scripts = {command("completion", shell)[:2] for shell in ("bash", "zsh", "fish")}
    assert len(scripts) > 1 and all(not s and "_ARGCOMPLETE" in out for s, out in scripts)


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("kerazoo sh", ["show"]),
        ("kerazoo show mnist_cnn@di", ["mnist_cnn@digits"]),
        ("kerazoo evaluate ru", ["runs/"]),
    ],
)
def test_completion_offers_commands_options_entries_and_runs(line, completed, in_tmp):
    (in_tmp / "runs").mkdir()
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(in_tmp / "answer"),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    call = [sys.executable, "-m", "kerazoo"]
    subprocess.run(call, env={**os.environ, **asked}, check=True, capture_output=True)
    answer = (in_tmp / "answer").read_text().split("\n")
    assert [word.replace("\\", "") for word in answer] == completed


@pytest.mark.slow
def test_a_users_module_is_imported_without_tensorflows_logs(in_tmp):
    (in_tmp / "my_zoo.py").write_text("import sys, keras\nprint('module', file=sys.stderr)\n")
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    environment["KERAZOO_IMPORT"] = "my_zoo.py"
    call = [sys.executable, "-m", "kerazoo", "list", "mlp"]
    done = subprocess.run(call, capture_output=True, text=True, check=True, env=environment)
    assert [line for line in done.stderr.splitlines() if "loading" not in line] == ["module"]


@pytest.mark.slow
def test_python_shows_no_logs_that_nobody_asked_for(in_tmp):
    code = """
import kerazoo
data = kerazoo.load_data("digits").test
for n in range(1, 9):
    kerazoo.predict("mlp@digits", data.x[:n])
kerazoo.train("mlp@digits", tier="smoke", epochs=1, progress=False, plots=False)
"""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    call = [sys.executable, "-c", code]
    done = subprocess.run(call, capture_output=True, text=True, check=True, env=environment)
    assert (done.stdout, done.stderr) == ("", "")


def test_import_logs_are_kept_back_unless_the_import_fails(tmp_path, monkeypatch, capfd):
    (tmp_path / "noisy_module.py").write_text("import os; os.write(2, b'native noise')")
    (tmp_path / "failing_module.py").write_text("import os; os.write(2, b'the reason'); 1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with _lazy.standard_error_aside():
        importlib.import_module("noisy_module")
    assert capfd.readouterr().err == ""
    with pytest.raises(ZeroDivisionError), _lazy.standard_error_aside():
        importlib.import_module("failing_module")
    assert "the reason" in capfd.readouterr().err
