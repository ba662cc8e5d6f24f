"""The sections of ``benchmarks/speed.py``, a file for each question: ``measure`` and ``lines``."""
