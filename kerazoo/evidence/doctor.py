"""Report on this machine, and on the recorded runs that it can repeat to the bit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from kerazoo import registry
from kerazoo._parts import Table
from kerazoo.errors import KerazooError
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.audit import machine_of
from kerazoo.evidence.reference import Reference
from kerazoo.training import machine
from kerazoo.training.machine import Machine


@dataclass(frozen=True)
class Diagnosis:
    """The state of this machine.

    Attributes:
        machine: its identity.
        references: how well recorded runs can be repeated, by entry and tier.
    """

    machine: Machine
    references: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Output of ``kerazoo doctor --json``."""
        return asdict(self)

    def tables(self) -> list[Table]:
        """The same as tables; equal answers share a row."""
        answers = [
            [f"{answer}: {', '.join(n for n, a in self.references.items() if a == answer)}"]
            for answer in sorted(set(self.references.values()))
        ]
        facts = list(vars(self.machine).items())
        return [Table(("machine", ""), facts), Table(("recorded runs repeat",), answers)]


def diagnose() -> Diagnosis:
    """Look at this machine; nothing is trained, downloaded or written."""
    here, references = machine.here(), dict[str, str]()
    for name in registry.list_entries():
        try:
            tiers = evidence.read(registry.get_entry(name)).tiers
        except KerazooError as error:
            references[name] = str(error)
            continue
        references |= {f"{name} {tier}": _repeats(here, each) for tier, each in tiers.items()}
    return Diagnosis(here, references)


def _repeats(here: Machine, reference: Reference) -> str:
    answers = set()
    for run in reference.runs:
        why = here.why_not(machine_of(reference, run))
        answers.add(
            f"within rounding ({why})" if why else f"to the bit (--engine {reference.engine})"
        )
    return ", some ".join(sorted(answers, reverse=True))
