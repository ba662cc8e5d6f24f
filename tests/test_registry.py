"""Registration: names, facts, users' modules, and the public names of the package."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import kerazoo
from kerazoo import registry
from kerazoo.evidence import card


def test_names_that_are_taken_or_impossible_are_refused(private_registry):
    def mnist_cnn():
        """Another one."""

    def undocumented():
        pass

    entries = [kerazoo.Entry(dataset="digits", recipe=kerazoo.Recipe(epochs=1))]
    for factory, given in ((mnist_cnn, entries), (undocumented, entries), (lambda: None, [])):
        with pytest.raises(kerazoo.KerazooError):
            kerazoo.register_model(factory, entries=given, citation="")


def test_a_wrong_smoke_field_and_a_missing_dataset_are_named(private_registry):
    with pytest.raises(kerazoo.KerazooError, match="'epochs'"):
        kerazoo.Entry(dataset="digits", recipe=kerazoo.Recipe(epochs=1), smoke={"epoch": 3})

    def lost():
        """A model on a dataset that does not exist."""

    entry = kerazoo.Entry(dataset="digitz", recipe=kerazoo.Recipe(epochs=1))
    kerazoo.register_model(lost, entries=[entry], citation="")
    with pytest.raises(kerazoo.KerazooError, match=r"lost@digitz.*'digits'"):
        card.entry_row(registry.get_entry("lost"))


@pytest.mark.slow
def test_a_users_module_from_the_command_line_and_the_environment(private_zoo):
    for environment, arguments in (
        ({}, ["--import", "private_zoo"]),
        ({"KERAZOO_IMPORT": str(private_zoo)}, []),
    ):
        listed = subprocess.run(
            [sys.executable, "-m", "kerazoo", *arguments, "list", "bar*", "--json"],
            capture_output=True,
            text=True,
            check=True,
            cwd=private_zoo.parent,
            env={**os.environ, **environment},
        )
        assert [row["entry"] for row in json.loads(listed.stdout)] == ["bar_net@bars"]


def test_every_public_name_exists_and_is_documented():
    for name in kerazoo.__all__:
        assert getattr(kerazoo, name).__doc__, name
    assert set(dir(kerazoo)) >= set(kerazoo.__all__)
    with pytest.raises(AttributeError):
        kerazoo.nothing  # noqa: B018
