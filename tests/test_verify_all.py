"""Verify every entry in one go: what runs, what is skipped and why, and the exit status."""

from __future__ import annotations

import inspect
import json

import pytest

import kerazoo
from kerazoo import registry
from kerazoo.cli.arguments import parser
from kerazoo.errors import Interrupted, NotAvailable
from kerazoo.evidence import verify_all as verifying_all
from kerazoo.evidence.verify_all import verify_all
from tests.conftest import record_once


@pytest.fixture
def both_recorded(recorded, private_zoo, shared_folder):
    """``bar_net`` with evidence of both tiers, which is recorded once for all tests."""
    return record_once(shared_folder / "both-tiers", private_zoo.parent, "smoke")


def test_all_runs_what_it_can_and_says_why_not(both_recorded, command, monkeypatch, in_tmp):
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
    for part in ("offline was asked for", "TFDS_DATA_DIR", "mnist_cnn@digits"):
        assert part in said["mnist_cnn@mnist"]["skipped"], "what is missing and how to bring it"
    assert "not measured yet: the data" in said["mnist_cnn@fashion_mnist"]["skipped"]
    status, out, _ = command("verify", "--all", "--tier", "smoke", "--offline")
    assert status == 0 and "1 passed, 0 failed, 2 skipped" in out and "PASS" in out
    for name in ("mnist_cnn@mnist", "mnist_cnn@fashion_mnist"):
        assert f"{name}: skipped: {said[name]['skipped']}" in out, "the whole reason"


def test_one_failure_fails_all(both_recorded, command, monkeypatch):
    from kerazoo.evidence import verify as verifying

    honest = verifying.worst_allowed

    def strict(*arguments):
        return verifying.Bound(1.01, f"out of reach; was {honest(*arguments).value}")

    monkeypatch.setattr(verifying, "worst_allowed", strict)
    status, out, _ = command("verify", "--all", "bar_net*", "--tier", "smoke")
    assert status == 1 and "FAIL" in out and "0 passed, 1 failed" in out


def stopping(monkeypatch, error):
    """``verify --all`` sees bar_net twice; the second time it is stopped by an error."""
    honest, calls = verifying_all.verify, []

    def verify(name, **options):
        calls.append(options)
        if len(calls) == 2:
            raise error
        return honest(name, **{**options, "out": options["out"] / str(len(calls))})

    monkeypatch.setattr(verifying_all, "verify", verify)
    monkeypatch.setattr(registry, "list_entries", lambda _: ["bar_net@bars"] * 3)


def test_the_error_of_one_entry_is_its_verdict(both_recorded, command, monkeypatch):
    stopping(monkeypatch, kerazoo.KerazooError("its folder is in use"))
    status, out, _ = command("verify", "--all", "--tier", "smoke")
    assert status == 1 and out.count("PASS") == 2 and out.count("ERROR") == 1
    assert "bar_net@bars: error: its folder is in use" in out
    assert "2 passed, 1 failed, 0 skipped" in out


@pytest.mark.slow
def test_an_error_is_in_the_json(both_recorded, command, monkeypatch):
    stopping(monkeypatch, kerazoo.KerazooError("its folder is in use"))
    status, out, _ = command("verify", "--all", "--tier", "smoke", "--json")
    said = json.loads(out)
    assert status == 1 and [row["passed"] for row in said] == [True, False, True]
    assert [row["error"] for row in said] == [None, "its folder is in use", None]


@pytest.mark.parametrize("json_too", [False, True])
def test_ctrl_c_shows_what_there_is_and_how_to_go_on(both_recorded, command, monkeypatch, json_too):
    stopping(monkeypatch, Interrupted("stopped in the run of seed 3"))
    asked = ("verify", "--all", "--tier", "smoke", "--out", "here", *(["--json"] * json_too))
    status, out, err = command(*asked)
    assert status == 130 and "--out here --resume" in err and "2 of 3" in err
    if json_too:
        assert [row["passed"] for row in json.loads(out)] == [True]
    else:
        assert "PASS" in out and "1 passed, 0 failed" in out


def test_resume_trains_nothing_again(both_recorded, command, monkeypatch):
    from kerazoo.training import loop

    asked = ("verify", "--all", "bar_net", "--tier", "smoke", "--out", "here")
    assert command(*asked)[0] == 0
    status, out, _ = command(*asked)
    assert status == 1 and "not empty" in out, "without --resume the folder is in use"
    monkeypatch.setattr(loop, "fit", None)  # would fail if it were called
    status, out, _ = command(*asked, "--resume")
    assert status == 0 and "PASS" in out
    status, _, err = command("verify", "--all", "bar_net", "--resume")
    assert status == 2 and "--out" in err


def test_function_and_command_have_the_same_default_tier():
    asked = parser().parse_args(["verify", "--all"]).tier
    assert inspect.signature(verify_all).parameters["tier"].default == asked == "full"


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


def test_verdicts_come_one_by_one(both_recorded):
    verdicts = verify_all("bar_net*", tier="smoke", progress=False)
    first = next(verdicts)
    assert first.entry == "bar_net@bars" and first.report.passed and first.seconds > 0


def test_data_that_is_not_at_hand_is_skipped_but_wrong_data_is_an_error(
    both_recorded, command, monkeypatch
):
    def load(error):
        def load_data(name):
            raise error

        monkeypatch.setattr(verifying_all, "load_data", load_data)
        return command("verify", "--all", "bar_net", "--tier", "smoke")

    status, out, _ = load(NotAvailable("bars are not prepared on this machine"))
    assert status == 2 and "bars are not prepared" in out
    status, out, _ = load(kerazoo.KerazooError("bars.csv, line 7: a gap"))
    assert status == 1 and "bars.csv, line 7" in out and "0 skipped" in out
