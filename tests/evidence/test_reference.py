"""Reference files: damage is noticed, older ones stay readable, weights are the first seed's."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

import kerazoo
from kerazoo import registry
from kerazoo.errors import DamagedFile
from kerazoo.evidence import consistency
from kerazoo.evidence import reference as evidence
from kerazoo.evidence.consistency import Inconsistent
from tests.conftest import flip_a_bit, raised
from tests.evidence.forging import rewrite


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
    with pytest.raises(DamagedFile) as error:
        evidence.read(recorded)
    assert error.value.path == path and "--record" in str(error.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tiers.full.runs[1].value", "0.9"),
        ("tiers.full.runs[1]", 1.5),  # a metric out of its range is the run's
        ("tiers.full.runs[1].seconds", -1.0),
        ("tiers.full.runs[1].seed", True),
        ("tiers.full.runs[1].weights_sha256", "abc"),
        ("tiers.full.runs", []),
        ("tiers.full.baselines.majority_class", None),
        ("tiers.full.engine", "fast"),
        ("tiers.smoke", 3),
        ("entry", "mlp@digits"),
        ("weights.sha256", 5),
        ("tiers.full.luck", 7),
        ("tiers.full.runs[1].value", 0.9972),  # no whole number of 200 images
        ("tiers.full.runs[1].standard_error", 0.001),
        ("tiers.full.runs[1].seed", 0),
        ("tiers.full.baselines.linear", 0.1234),
        ("weights.value", 0.9999),
        ("weights.seed", 9),
    ],
)
def test_a_wrong_field_is_named_though_the_checksum_fits(recorded, field, value):
    def change(content):
        *parents, last = re.findall(r"[^.\[\]]+", f"{field}.value" if value == 1.5 else field)
        for part in parents:
            content = content[int(part) if isinstance(content, list) else part]
        content[last] = value

    rewrite(recorded, change)
    with pytest.raises(DamagedFile) as error:
        evidence.read(recorded)
    assert error.value.path == evidence.reference_path(recorded) and error.value.field == field


@pytest.mark.parametrize("damage", ["alter", "truncate", "remove"])
def test_damaged_weights_are_noticed_and_named(recorded, damage):
    path = evidence.weights_path(recorded)
    content = flip_a_bit(path)
    if damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    if damage == "remove":
        path.unlink()
    raised([path.name], kerazoo.build, "bar_net", weights="bars")


def test_a_reference_from_before_the_judge_was_recorded_stays_readable(recorded):
    rewrite(recorded, lambda content: content["tiers"]["full"].pop("judge_sha256"))
    assert evidence.read(recorded).tiers["full"].judge_sha256 == ""


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("linear_regression@diabetes", {"value": 0.34}),
        ("stacked_lstm@sine", {"value": 0.001}),
        ("stacked_lstm@etth1_multivariate", {"value": 0.3}),
    ],
)
def test_metrics_of_the_same_errors_must_agree(name, change):
    entry = registry.get_entry(name)
    recorded = evidence.read(entry)
    first, second, *rest = recorded.tiers["full"].runs
    forged = dataclasses.replace(
        recorded.tiers["full"], runs=(first, dataclasses.replace(second, **change), *rest)
    )
    with pytest.raises(Inconsistent) as error:
        consistency.check(dataclasses.replace(recorded, tiers={"full": forged}), entry)
    assert error.value.field == "tiers.full.runs[1]"


def test_the_list_survives_a_damaged_reference(recorded, command):
    rewrite(recorded, lambda content: content["weights"].update(value=0.9999))
    status, out, err = command("list", "--json")
    rows = {row["entry"]: row for row in json.loads(out)}
    assert status == 2 and "bar_net@bars.json" in err
    assert rows["bar_net@bars"]["error"] and rows["bar_net@bars"]["mean"] is None
    assert rows["mlp@digits"]["mean"] > 0.9 and not rows["mlp@digits"]["error"]
