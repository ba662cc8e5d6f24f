"""Readers of user data, one file per kind."""
