"""Where the time of kerazoo's training goes, by kind of TensorFlow operation.

python -m benchmarks.peers.kerazoo_operations JOB.json
"""

from __future__ import annotations

import collections
import json
import tempfile
from pathlib import Path

import tensorflow as tf

from benchmarks.peers.bare_loop import ready
from benchmarks.peers.job import job_from_command_line


def main() -> None:
    """Print milliseconds of an epoch by kind, all threads together, as JSON."""
    with tempfile.TemporaryDirectory() as folder, ready(job_from_command_line()) as fit:
        fit(1)  # traces
        tf.profiler.experimental.start(folder)
        fit(1)
        tf.profiler.experimental.stop()
        print(json.dumps(milliseconds_by_kind(Path(folder))))


def milliseconds_by_kind(folder: Path) -> dict[str, float]:
    """The operations in the trace that TensorFlow's profiler wrote to a folder."""
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    space = XSpace()
    (path,) = folder.rglob("*.xplane.pb")
    space.ParseFromString(path.read_bytes())
    total: collections.Counter[str] = collections.Counter()
    for plane in space.planes:
        for thread in plane.lines:
            if not thread.name.startswith("tf_Compute"):
                continue  # Eigen's threads hold pieces of operations that are counted here
            for event in thread.events:
                name, _, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                if name and not name.endswith(":"):  # ``name:Kind``; not ``Executor::Process``
                    total[kind] += event.duration_ps / 1e9
    return dict(total.most_common())


if __name__ == "__main__":
    main()
