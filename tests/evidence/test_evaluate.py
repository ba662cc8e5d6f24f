"""Evaluation of bundled weights and runs against the recorded value."""

from __future__ import annotations

import dataclasses
import json

import kerazoo


def test_bundled_weights_of_an_entry(command):
    result = kerazoo.evaluate("mlp@digits")
    assert result.same and (result.entry, result.split) == ("mlp@digits", "test")
    assert result.examples == len(kerazoo.load_data("digits").test)
    status, out, _ = command("evaluate", "mlp@digits", "--json")
    assert status == 0
    assert json.loads(out) == {**dataclasses.asdict(result), "same": True}


def test_a_run_is_evaluated_on_the_split_of_its_metrics(bars_run, private_zoo):
    result = kerazoo.evaluate(bars_run)
    assert result.same and (result.entry, result.split) == ("bar_net@bars", "validation")
    assert result.examples == len(kerazoo.load_data("bars").validation)


def test_what_does_not_exist_ends_with_status_2(command):
    for source in ("no/such/run", "mlp@nothing"):
        status, _, error = command("evaluate", source)
        assert status == 2 and source.rpartition("@")[2] in error
