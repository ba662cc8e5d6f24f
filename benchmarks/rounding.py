"""Measure by how much rounding changes a result: seed 0 again as if on other machines.

    python benchmarks/rounding.py                          embedded entries, tier smoke
    python benchmarks/rounding.py mlp@digits --tier full

Each variant trains in a process of its own, with fewer instruction sets or the other engine. The
largest difference of the main metric goes to kerazoo/evidence/rounding.json, by which
``kerazoo verify`` judges a repeated seed on another machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import _tools
from kerazoo import registry
from kerazoo._files import write_json
from kerazoo.evidence import reference as evidence
from kerazoo.spec import TIERS

RESULTS = Path(evidence.__file__).parent / "rounding.json"
VARIANTS = {
    "no AVX-512": {"ONEDNN_MAX_CPU_ISA": "AVX2", "OPENBLAS_CORETYPE": "Haswell"},
    "SSE 4.1": {
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL",
    },
    "no oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("entries", nargs="*", metavar="ENTRY", help="default: embedded ones")
    parser.add_argument("--tier", choices=TIERS, default="smoke")
    options = parser.parse_args()
    for name in options.entries or _tools.embedded():
        entry = registry.get_entry(name)
        engine = evidence.read(entry).tiers[options.tier].engine
        other = {"auto": "plain", "plain": "auto"}[engine]
        found = {"here": value(entry.name, options.tier, engine, {})}
        found[f"engine {other}"] = value(entry.name, options.tier, other, {})
        for variant, variables in VARIANTS.items():
            found[variant] = value(entry.name, options.tier, engine, variables)
        largest = max(abs(v - found["here"]) for v in found.values())
        print(f"{entry.name}, {options.tier}: {largest:.3g}  {found}", flush=True)
        results = _tools.read_json(RESULTS)
        results.setdefault(entry.name, {})[options.tier] = largest
        write_json(RESULTS, dict(sorted(results.items())))


def value(name: str, tier: str, engine: str, variables: dict[str, str]) -> float:
    """Main metric of seed 0, trained in a process with these environment variables."""
    command = ["-m", "kerazoo", "train", name, "--tier", tier, "--engine", engine, "--seed", "0"]
    with tempfile.TemporaryDirectory() as out:
        text = _tools.python(*command, "--json", "--out", out, variables=variables)
    return float(json.loads(text)["metrics"]["value"])


if __name__ == "__main__":
    main()
