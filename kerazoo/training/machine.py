"""The machine and the versions that results are computed with, and their identity.

On the CPU the same seed gives the same bits on an equal identity, and the same within rounding
elsewhere.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from kerazoo._lazy import keras, np
from kerazoo.training import engine

# Parts of the environment that may differ if a run is resumed with "elsewhere".
MAY_MOVE = (
    *("kerazoo", "python", "numpy", "scipy", "blas", "machine", "processor"),
    *("instruction_sets", "threads"),
)
# Instruction sets that numerical libraries choose their kernels by, as /proc/cpuinfo names them.
INSTRUCTION_SETS = ("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")
# Variables that make oneDNN, NumPy and OpenBLAS use fewer of them, or other kernels.
LIMITS = (
    *("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS"),
    *("NPY_DISABLE_CPU_FEATURES", "OPENBLAS_CORETYPE"),
)
UNKNOWN = "unknown"


def peak_memory() -> int | None:
    """Largest resident memory of the process so far, in bytes; None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@dataclass(frozen=True)
class Machine:
    """Everything that decides how a result rounds; "unknown" where it was not recorded.

    Attributes:
        machine: operating system and brand name of the processor.
        processor: vendor, family, model and stepping.
        instruction_sets: those of the processor, and variables that limit their use.
        threads: per operation of the backend.
        keras: version.
        backend: name and version.
        dtype_policy: Keras's.
        numpy: version.
        scipy: version.
        blas: linear algebra of NumPy and of SciPy.
    """

    machine: str
    processor: str
    instruction_sets: str
    threads: str
    keras: str
    backend: str
    dtype_policy: str
    numpy: str
    scipy: str
    blas: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Machine:
        """Identity in an environment as :func:`environment` gives it, or an older one."""
        names = [field.name for field in dataclasses.fields(cls)]
        known = {name: environment.get(name, UNKNOWN) for name in names}
        known["backend"] += f" {environment.get(known['backend'], '')}".rstrip()
        return cls(**known)

    def why_not(self, recorded: Machine) -> str:
        """Reason why bits recorded on another machine need not repeat here; empty if they do."""
        here, there = vars(self), vars(recorded)
        unknown = [n for n in here if UNKNOWN in here[n] or UNKNOWN in there[n]]
        if other := [n for n in here if there[n] != here[n] and n not in unknown]:
            return "recorded with " + ", ".join(f"{n} {there[n]}" for n in other)
        return f"not recorded: {', '.join(unknown)}" if unknown else ""


def here() -> Machine:
    """Identity of this machine."""
    return Machine.of(environment())


def environment() -> dict[str, str]:
    """Versions, backend and machine, as recorded with every result."""
    backend = keras.config.backend()
    versions = {"kerazoo": metadata.version("kerazoo"), "keras": keras.__version__}
    if backend in ("tensorflow", "jax", "torch"):
        versions[backend] = metadata.version(backend)
    return {
        **versions,
        "backend": backend,
        "dtype_policy": keras.config.dtype_policy().name,
        "python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "scipy": metadata.version("scipy"),
        "blas": blas(),
        "machine": f"{platform.system()} {platform.machine()}, {brand()}",
        "processor": processor(),
        "instruction_sets": instruction_sets(),
        "threads": str(engine.threads()),
    }


def brand() -> str:
    """Brand name of the processor."""
    return _cpuinfo("model name") or platform.processor() or "unknown processor"


def processor() -> str:
    """``AuthenticAMD 25/17/1``: vendor, family, model, stepping; "unknown" off Linux."""
    vendor, *numbers = map(_cpuinfo, ("vendor_id", "cpu family", "model", "stepping"))
    return f"{vendor} {'/'.join(numbers)}" if vendor else UNKNOWN


def instruction_sets() -> str:
    """Instruction sets that decide how results round, with what limits them; "unknown" off Linux.

    One brand name covers processors with and without AVX-512, whose results differ in the last
    bits.
    """
    flags = _cpuinfo("flags").split()
    found = " ".join(name for name in INSTRUCTION_SETS if name in flags) or UNKNOWN
    limits = [f"{name}={os.environ[name]}" for name in LIMITS if os.environ.get(name)]
    return "; ".join([found, *limits])


def blas() -> str:
    """Linear algebra that NumPy and SciPy were built with."""
    import scipy

    def of(package: Any) -> str:
        built: Any = package.show_config(mode="dicts")
        library = built.get("Build Dependencies", {}).get("blas", {})
        return f"{library.get('name', UNKNOWN)} {library.get('version', '')}".rstrip()

    return f"{of(np)} (NumPy), {of(scipy)} (SciPy)"


def _cpuinfo(field: str) -> str:
    """First value of a field of /proc/cpuinfo; empty where there is none."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == field), "")
