"""Benchmark programs: each writes its results and its report into this directory."""
