"""README and docs: code runs, commands and links exist, the generated table is current."""

from __future__ import annotations

import re
import sys

import pytest

import kerazoo
from benchmarks import reproduce
from kerazoo import registry
from kerazoo.cli.arguments import parser
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```\n(?:```\n(.*?)```)?", README, re.DOTALL)
USAGE = [block for block in PYTHON if "def " not in block[0]]
MODEL = next(code for code, _ in PYTHON if "def " in code)


def trains(code: str) -> bool:
    """Whether a block takes long."""
    return any(call in code for call in ("kerazoo.train(", "kerazoo.finetune(", ".fit("))


def masked(output: str) -> str:
    """Output without numbers and names of run directories, which differ from run to run."""
    return re.sub(r"[\d.]+", "0", re.sub(r"(runs/[^/]+)/\S+", r"\1", output))


@pytest.mark.parametrize(
    ("code", "output"),
    [
        pytest.param(*block, id=str(place), marks=[pytest.mark.slow] if trains(block[0]) else [])
        for place, block in enumerate(USAGE)
    ],
)
def test_code_of_the_readme_gives_its_output(code, output, in_tmp, capsys):
    exec(compile(code, "README.md", "exec"), {})
    assert masked(capsys.readouterr().out) == masked(output)


@pytest.mark.slow
def test_model_of_the_readme_goes_through_everything(private_registry, in_tmp, monkeypatch):
    assert len(MODEL.strip().splitlines()) <= 20
    (in_tmp / "my_zoo.py").write_text(MODEL)
    monkeypatch.delitem(sys.modules, "my_zoo", raising=False)
    registry.import_module("my_zoo.py")
    assert kerazoo.build("tiny_cnn").count_params() == 12_810
    kerazoo.verify("tiny_cnn", seeds=2, record=True, progress=False, plots=False)
    assert kerazoo.verify("tiny_cnn", progress=False, plots=False).passed
    found = kerazoo.evaluate("tiny_cnn")  # with the recorded weights
    assert found.same and found.value > 0.96  # linear: 0.9583
    del sys.modules["my_zoo"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page):
    (commands,) = (a.choices for a in parser()._actions if isinstance(a.choices, dict))
    blocks = page.read_text(encoding="utf-8").split("```")[1::2]
    shell = [block for block in blocks if not block.startswith("python")]
    lines = [line for block in shell for line in block.splitlines() if "kerazoo " in line]
    for line in lines:
        call = line.partition("kerazoo ")[2].partition("#")[0]
        name, *words = re.sub(r"--import \S+ ", "", call).split()
        if name in commands:
            options = set(re.findall(r"--[a-z-]+", " ".join(words)))
            assert options <= set(commands[name]._option_string_actions), line


def test_generated_tables_are_current():
    assert reproduce.check_tables() == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_images_and_links_exist(page):
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
