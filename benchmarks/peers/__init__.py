"""Workers of the speed comparison, one process each.

``python -m benchmarks.peers.NAME JOB.json`` trains the job and prints one JSON object: seconds per
epoch, last loss, peak memory. See :mod:`benchmarks.peers.job`.
"""
