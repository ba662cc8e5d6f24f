"""Reference files: damage is noticed, older ones stay readable, weights are the first seed's."""

from __future__ import annotations

import json

import pytest

import kerazoo
from kerazoo import registry
from kerazoo._files import sha256_of_json, write_json
from kerazoo.errors import KerazooError
from kerazoo.evidence import reference as evidence


@pytest.mark.parametrize("damage", ["alter", "truncate", "empty", "older"])
def test_a_damaged_reference_file_is_noticed_and_named(recorded, damage):
    path = evidence.reference_path(recorded)
    text = path.read_text()
    damaged = {
        "alter": text.replace('"majority_class": 0.', '"majority_class": 0.0', 1),
        "truncate": text[: len(text) // 2],
        "empty": "",
        "older": text.replace('"format": 1', '"format": 0'),
    }[damage]
    assert damaged != text
    path.write_text(damaged)
    with pytest.raises(KerazooError) as error:
        evidence.read(recorded)
    assert path.name in str(error.value) and "--record" in str(error.value)


@pytest.mark.parametrize("damage", ["alter", "truncate", "remove"])
def test_damaged_weights_are_noticed_and_named(recorded, damage):
    path = evidence.weights_path(recorded)
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage != "remove":
        content[-20] ^= 1
        path.write_bytes(content if damage == "alter" else content[: len(content) // 2])
    with pytest.raises(KerazooError) as error:
        kerazoo.build("bar_net", weights="bars")
    assert path.name in str(error.value)


def test_a_reference_from_before_the_judge_was_recorded_stays_readable(recorded):
    path = evidence.reference_path(recorded)
    content = json.loads(path.read_text())
    del content["checksum"]
    for tier in content["tiers"].values():
        del tier["judge_sha256"]
    write_json(path, {**content, "checksum": sha256_of_json(content)})
    assert evidence.read(recorded).tiers["full"].judge_sha256 == ""


def test_the_judge_of_a_generator_is_recorded():
    entry = registry.get_entry("dcgan@digits")
    weights = evidence.read(registry.get_entry("mnist_cnn@digits")).weights.sha256
    assert (
        evidence.read(entry).tiers["full"].judge_sha256 == evidence.judge_sha256(entry) == weights
    )


@pytest.mark.parametrize("name", registry.list_entries())
def test_bundled_weights_are_those_of_the_first_seed(name):
    recorded = evidence.read(registry.get_entry(name))
    if recorded.weights is None:
        assert not recorded.tiers.get("full")
        return
    assert recorded.weights.seed == min(r.seed for r in recorded.tiers["full"].runs)
