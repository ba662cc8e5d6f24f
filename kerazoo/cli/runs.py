"""Run directories as the commands ``show`` and ``runs`` list them, read without Keras."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerazoo import registry
from kerazoo._files import is_leftover, schema
from kerazoo._parts import Bullets, Code, Section, Table
from kerazoo.metrics import duration, metric, result_of
from kerazoo.training import run_directory
from kerazoo.training.run_config import Config, Metrics, Timing


@dataclass(frozen=True)
class Found:
    """A run directory, of a run that need not be finished.

    Attributes:
        path: the directory.
        config: of the run.
        metrics: None until the run is finished.
        seconds: of training; None until the run is finished.
    """

    path: Path
    config: Config
    metrics: Metrics | None = None
    seconds: float | None = None

    @property
    def result(self) -> str:
        """The main metric for readers."""
        if self.metrics is None:
            return "not finished"
        return metric(self.metrics.metric).show(self.metrics.value)

    def as_json(self) -> dict[str, Any]:
        """One item of ``kerazoo runs list --json``."""
        about = {name: getattr(self.config, name) for name in ("entry", "tier", "seed")}
        recipe, metrics = asdict(self.config.recipe), self.metrics and self.metrics.as_dict()
        given = {"recipe": recipe, "metrics": metrics, "seconds": self.seconds}
        return {"path": str(self.path), **about, **given}


def read(directory: Path) -> Found:
    """The run in a directory.

    Raises:
        KerazooError: there is no run, or one of its files is damaged.
    """
    config = run_directory.read_config(directory)
    if not run_directory.is_finished(directory):
        return Found(directory, config)
    timing = schema.read(directory / "timing.json", Timing, run_directory.REMEDY)
    return Found(directory, config, run_directory.read_metrics(directory), timing.seconds)


def find(parent: Path) -> Iterator[Path]:
    """Run directories below a directory, the oldest first; not those inside another run."""
    configs = {p.parent for p in parent.rglob("config.json") if not is_leftover(p)}
    tops = [p for p in configs if not configs & set(p.parents)]
    return iter(sorted(tops, key=lambda p: ((p / "config.json").stat().st_mtime, p)))


def remove(found: Found) -> None:
    """Delete a run directory; raises KerazooError if a process trains in it."""
    with run_directory.held(found.path):
        shutil.rmtree(found.path)


def table(found: list[Found]) -> Table:
    """One row per run; of the recipe the fields in which the runs differ."""
    recipes = [asdict(f.config.recipe) for f in found]
    names = dict.fromkeys(f.config.entry for f in found)
    differ = [k for k in recipes[0] if len({str(r[k]) for r in recipes}) > 1] if found else []
    if len(names) > 1:  # nearly all fields do
        differ = []
    rows = [
        (
            str(f.path),
            f.result,
            str(f.config.seed),
            *(str(recipe[name]) for name in differ),
            metric(f.metrics.metric).short or metric(f.metrics.metric).title if f.metrics else "",
            f.config.entry,
            f.config.tier,
            "" if f.seconds is None else duration(f.seconds),
        )
        for f, recipe in zip(found, recipes, strict=True)
    ]
    columns = ("run", "result", "seed", *differ, "metric", "entry", "tier", "time")
    return Table(columns, rows, [*range(1, 3 + len(differ)), len(columns) - 1])


def sections(found: Found) -> list[Section]:
    """Card of a run."""
    config, path = found.config, shlex.quote(str(found.path))
    commands = [f"kerazoo evaluate {path}"]
    if found.metrics is None:
        commands = [run_directory.command_to_resume(found.path, config)]
    elif config.own is not None:
        from kerazoo.finetuning import run_card

        commands.append(run_card.use(config.own.treatment["kind"], found.path))
    else:
        entry = registry.get_entry(config.entry)
        example = registry.task_of(entry).example_command(registry.get_dataset(entry.dataset), path)
        commands += [f"kerazoo {example}"] if example else []
    facts = {
        "starts from": config.start.entry if config.start else "fresh weights",
        "data": (config.own.path or "given in code") if config.own else "",
        "time": "" if found.seconds is None else duration(found.seconds),
        **{name: getattr(config, name) for name in ("tier", "seed", "engine")},
        **config.recipe.in_use(),
    }
    files = sorted(p for p in found.path.rglob("*") if p.is_file() and not is_leftover(p))
    return [
        Section("How to use it", [Code("\n".join(commands), language="shell")]),
        Section("Recipe", [Table.of_facts(facts)]),
        Section("Files", [Bullets([str(p) for p in files])]),
    ]


def headline(found: Found) -> tuple[str, str]:
    """Result in one line, and facts in another."""
    run = f"{found.config.entry}, seed {found.config.seed}"
    if found.metrics is None:
        return found.result, run
    also = [f"{metric(k).title} {metric(k).show(v)}" for k, v in found.metrics.also.items()]
    return result_of(found.metrics.as_dict()), " · ".join([run, *also])
