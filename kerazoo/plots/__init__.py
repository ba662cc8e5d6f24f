"""Plots, one file per kind."""
