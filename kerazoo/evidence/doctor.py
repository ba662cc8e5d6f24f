"""Report on this machine, and on the recorded runs that it can repeat to the bit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from kerazoo import registry
from kerazoo._parts import Table
from kerazoo.datasets import _cache
from kerazoo.errors import KerazooError
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.audit import machine_of
from kerazoo.evidence.reference import Reference
from kerazoo.spec import Dataset
from kerazoo.training import machine
from kerazoo.training.machine import Machine

PACKAGES = (
    *("keras", "tensorflow", "jax", "torch", "numpy", "scipy", "scikit-learn", "pandas"),
    *("tensorflow-datasets", "tensorboard", "onnx", "onnxruntime", "tf2onnx", "ai-edge-litert"),
)


@dataclass(frozen=True)
class Diagnosis:
    """The state of this machine.

    Attributes:
        machine: its identity.
        packages: versions by name; empty for one that is not installed.
        datasets: ``embedded``, ``cached`` or ``not cached`` by name.
        references: how well recorded runs can be repeated, by entry, or by entry and tier.
    """

    machine: Machine
    packages: dict[str, str]
    datasets: dict[str, str]
    references: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Output of ``kerazoo doctor --json``."""
        return asdict(self)

    def tables(self) -> list[Table]:
        """The same as tables; equal answers share a row."""
        parts = {
            "machine": vars(self.machine),
            "packages": {name: version or "–" for name, version in self.packages.items()},
            "data without the network": self.datasets,
        }
        found = [Table((title, ""), list(rows.items())) for title, rows in parts.items()]
        answers = [
            [f"{answer}: {', '.join(n for n, a in self.references.items() if a == answer)}"]
            for answer in sorted(set(self.references.values()))
        ]
        return [*found, Table(("recorded runs repeat",), answers)]


def diagnose() -> Diagnosis:
    """Look at this machine; nothing is trained, downloaded or written."""
    datasets = {name: _copy_of(registry.get_dataset(name)) for name in registry.list_datasets()}
    here, references = machine.here(), {}
    for name in registry.list_entries():
        try:
            tiers = evidence.read(registry.get_entry(name)).tiers
        except KerazooError as error:
            references[name] = str(error)
            continue
        answers = {tier: _repeats(here, reference) for tier, reference in tiers.items()}
        if len(set(answers.values())) == 1:
            answers = {"": answers.popitem()[1]}
        references |= {f"{name} {tier}".strip(): answer for tier, answer in answers.items()}
    packages = {name: _version(name) for name in PACKAGES}
    return Diagnosis(here, packages, datasets, references)


def _repeats(here: Machine, reference: Reference) -> str:
    answers = set()
    for run in reference.runs:
        why = here.why_not(machine_of(reference, run))
        answers.add(
            f"within rounding ({why})" if why else f"to the bit (--engine {reference.engine})"
        )
    return ", some ".join(sorted(answers, reverse=True))


def _copy_of(info: Dataset) -> str:
    """Where a dataset is on this machine."""
    if info.offline:
        return "embedded"
    cached = (_cache.home() / "datasets" / info.name / "about.json").is_file()
    return "cached" if cached else "not cached"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
