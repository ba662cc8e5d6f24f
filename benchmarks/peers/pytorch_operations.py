"""Where the time of the PyTorch peer's training goes, by kind of operation.

python -m benchmarks.peers.pytorch_operations JOB.json
"""

from __future__ import annotations

import dataclasses
import json

import torch

from benchmarks.peers.job import job_from_command_line
from benchmarks.peers.pytorch import trained


def main() -> None:
    """Print milliseconds of an epoch by kind, without what it calls, as JSON."""
    job = dataclasses.replace(job_from_command_line(), epochs=1)
    trained(job)  # warms up
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        trained(job)
    rows = sorted(profile.key_averages(), key=lambda row: -row.self_cpu_time_total)
    print(json.dumps({row.key: row.self_cpu_time_total / 1e3 for row in rows}))


if __name__ == "__main__":
    main()
