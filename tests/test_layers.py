"""Every import of the package against the layers of docs/architecture.md."""

from __future__ import annotations

import ast
import functools
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "kerazoo"


def name_of(path: Path) -> str:
    """The dotted name of a module's file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


@functools.cache
def imports_of(path: Path) -> set[str]:
    """The modules of kerazoo that a file imports, inside functions too; not those for types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in MODULES else node.module)
    return {name for name in found if name in MODULES} - {name_of(path), "kerazoo"}


@functools.cache
def stated() -> dict[str, int]:
    """Layer of each part, from the top."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = re.search(r"```\n(.*?)```", text, re.DOTALL)[1]
    lines = [line.split(", ") for line in block.splitlines()]
    return {name: i for i, line in enumerate(lines) for name in line}


def part_of(module: str) -> str:
    """Longest stated part that a module belongs to; ``kerazoo.a.b.c`` is in ``a.b`` or ``a``."""
    if module == "kerazoo.__main__":
        return "cli"
    parts = module.split(".")[1:]
    nested = ".".join(parts[:2])
    return nested if nested in stated() else parts[0]


BELOW_ROOT = sorted(set(MODULES) - {"kerazoo"})  # which only hands out the public names


def test_every_part_stands_on_one_line():
    assert set(stated()) == {part_of(module) for module in BELOW_ROOT}


@pytest.mark.parametrize("module", BELOW_ROOT)
def test_nothing_is_imported_from_a_line_above(module):
    level = stated()[part_of(module)]
    assert not [m for m in imports_of(MODULES[module]) if stated()[part_of(m)] < level]


def test_no_module_imports_keras_when_it_is_imported():
    """But two modules, of generative models and of Muon, which are imported when one is needed."""
    needed = {"kerazoo.models._generative", "kerazoo.training.muon"}
    lazy = sorted(set(MODULES) - {"kerazoo.__main__", *needed})
    code = f"import sys, {', '.join(lazy)}; assert not {{'keras', 'tensorflow'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_circle():
    graph = {module: imports_of(path) for module, path in MODULES.items()}
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names it


@pytest.mark.parametrize("module", [m for m in BELOW_ROOT if m.startswith("kerazoo.models.")])
def test_a_model_file_knows_little(module):
    allowed = {"models", "registry", "spec", "errors", "_lazy"}
    assert {part_of(m) for m in imports_of(MODULES[module])} <= allowed
