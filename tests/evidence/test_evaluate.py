"""Evaluation of bundled weights and runs against the recorded value."""

from __future__ import annotations

import dataclasses
import json

import kerazoo


def test_bundled_weights_of_an_entry(command):
    result = kerazoo.evaluate("mlp@digits")
    assert result.same and (result.entry, result.split) == ("mlp@digits", "test")
    assert result.examples == kerazoo.load_data("digits").test.examples
    status, out, _ = command("evaluate", "mlp@digits", "--json")
    assert status == 0
    assert json.loads(out) == {**dataclasses.asdict(result), "same": True}
