"""Others who do the same work: each a program of its own that trains what a job file says.

``python -m benchmarks.peers.NAME JOB.json`` prints one JSON object: seconds of each epoch, the last
loss, peak memory. None of them imports kerazoo's trainer. See :mod:`benchmarks.peers.job`.
"""
