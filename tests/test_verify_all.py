"""Verify every entry in one go: what runs, what is skipped and why, and the exit status."""

from __future__ import annotations

import json

import pytest

import kerazoo
from kerazoo import registry
from kerazoo.verifying_all import verify_all


@pytest.fixture
def recorded(private_zoo, in_tmp):
    kerazoo.verify("bar_net", seeds=3, record=True, progress=False)
    kerazoo.verify("bar_net", seeds=3, tier="smoke", record=True, progress=False)


def test_all_runs_what_it_can_and_says_why_not(recorded, command, monkeypatch, in_tmp):
    monkeypatch.setenv("KERAZOO_HOME", str(in_tmp / "empty"))
    for name in ("TFDS_DATA_DIR", "KERAZOO_DATA_DIR"):
        monkeypatch.setenv(name, str(in_tmp / "nothing"))

    def only(pattern="*"):
        return ["bar_net@bars", "mnist_cnn@mnist", "mnist_cnn@fashion_mnist"]

    monkeypatch.setattr(registry, "list_entries", only)
    status, out, err = command("verify", "--all", "--tier", "smoke", "--offline", "--json")
    assert status == 0, err
    said = {row["entry"]: row for row in json.loads(out)}
    assert said["bar_net@bars"]["passed"] is True and said["bar_net@bars"]["skipped"] is None
    assert "offline was asked for" in said["mnist_cnn@mnist"]["skipped"]
    assert "not measured yet: the data" in said["mnist_cnn@fashion_mnist"]["skipped"]
    status, out, _ = command("verify", "--all", "--tier", "smoke", "--offline")
    assert status == 0 and "1 passed, 0 failed, 2 skipped" in out and "PASS" in out


def test_one_failure_fails_all(recorded, command, monkeypatch):
    from kerazoo import verifying

    honest = verifying.worst_allowed

    def strict(*arguments):
        return verifying.Bound(1.01, f"out of reach; was {honest(*arguments).value}")

    monkeypatch.setattr(verifying, "worst_allowed", strict)
    status, out, _ = command("verify", "--all", "bar_net*", "--tier", "smoke")
    assert status == 1 and "FAIL" in out and "0 passed, 1 failed" in out


def test_what_does_not_go_together_is_refused(command):
    for arguments, said in (
        (("--all", "nothing*"), "no entry matches"),
        (("--all", "--record"), "--record does not go with --all"),
        (("--all", "--set", "epochs=1"), "--set does not go with --all"),
        (("--all", "*@fashion_mnist"), "nothing could be verified"),
        (("--all", "*@digits", "--tier", "half"), "unknown tier"),
        (("--offline", "mnist_cnn@digits"), "--offline goes with --all"),
        ((), "needs an ENTRY"),
    ):
        status, _, err = command("verify", *arguments)
        assert status == 2 and said in err, (arguments, err)


def test_verdicts_come_one_by_one(recorded):
    verdicts = verify_all("bar_net*", tier="smoke", progress=False)
    first = next(verdicts)
    assert first.entry == "bar_net@bars" and first.report.passed and first.seconds > 0
