"""Recorded results: read, evaluated, verified, recorded and shown on cards."""
