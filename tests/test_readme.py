"""What the README says is run: its code, its commands' options, its generated table."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from conftest import ROOT

import kerazoo
from kerazoo import registry

README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
USAGE = [block for block in PYTHON if "def " not in block]
MODEL = next(block for block in PYTHON if "def " in block)


def trains(code: str) -> bool:
    """Whether a block takes long."""
    return "kerazoo.train(" in code or "kerazoo.finetune(" in code


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, id=str(place), marks=[pytest.mark.slow] if trains(code) else [])
        for place, code in enumerate(USAGE)
    ],
)
def test_code_of_the_readme_runs(code, in_tmp):
    exec(compile(code, "README.md", "exec"), {})


@pytest.mark.slow
def test_model_of_the_readme_goes_through_everything(private_registry, in_tmp, monkeypatch):
    assert len(MODEL.strip().splitlines()) <= 20
    (in_tmp / "my_zoo.py").write_text(MODEL)
    monkeypatch.delitem(sys.modules, "my_zoo", raising=False)
    registry.import_module("my_zoo.py")
    assert kerazoo.build("tiny_mlp").count_params() == 25_450
    run = kerazoo.train("tiny_mlp", out="run", progress=False)
    assert run.metrics["value"] > 0.9
    kerazoo.verify("tiny_mlp", seeds=3, record=True, progress=False)
    assert kerazoo.verify("tiny_mlp", progress=False).passed
    assert kerazoo.evaluate("tiny_mlp").same
    assert (in_tmp / "references" / "tiny_mlp@digits.json").exists()
    assert (in_tmp / "weights" / "tiny_mlp@digits.weights.h5").exists()
    del sys.modules["my_zoo"]


def test_options_of_the_readme_exist(command):
    section = README.split("## On the command line")[1].split("```")[1]
    for line in section.strip().splitlines():
        name = line.split()[1]
        _, said, _ = command(name, "--help")
        for option in re.findall(r"--[a-z-]+", line):
            assert option in said, f"{name} {option}"


def test_options_for_own_data_exist(command):
    section = README.split("## Your own data")[1].split("## ")[0]
    _, said, _ = command("finetune", "--help")
    options = set(re.findall(r"--[a-z-]+", section)) - {"--out"}
    assert len(options) > 15
    for option in options:
        assert option in said, option


def test_generated_tables_are_current():
    script = ROOT / "benchmarks" / "reproduce.py"
    said = subprocess.run(
        [sys.executable, script, "--check"], check=False, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stdout


def test_pictures_and_links_of_the_readme_exist():
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).exists(), target
