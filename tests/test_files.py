"""Atomic writing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import kerazoo
from kerazoo import _files


def test_a_file_is_old_or_new_never_half(in_tmp):
    path = in_tmp / "file.txt"
    _files.write_text(path, "old")

    def breaks(aside):
        aside.write_bytes(b"ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(kerazoo.KerazooError):
        _files.save_atomic(path, breaks)
    assert path.read_text() == "old" and list(in_tmp.iterdir()) == [path]
    for save in (_files.save_atomic, _files.save_directory_atomic):
        with pytest.raises(kerazoo.KerazooError):
            save(Path("."), breaks)


KILLED = """
import os, sys
from pathlib import Path
from kerazoo import _files
if sys.argv[1] == "while it is written":
    _files._flush = lambda file: os._exit(9)
elif sys.argv[1] == "before the old one is removed":
    _files._remove = lambda directory: os._exit(9)
else:  # between the two steps of a system that cannot exchange
    _files._exchange = lambda one, other: False
    replace, ends = os.replace, lambda: os._exit(9)
    os.replace = lambda a, b: replace(a, b) if b.name == _files.OLD else ends()
_files.save_directory_atomic(Path("export"), lambda d: (d / "file").write_text("new"))
"""


@pytest.mark.parametrize(
    ("moment", "left"),
    [
        ("while it is written", "old"),
        ("before the old one is removed", "new"),
        ("between two steps", None),
    ],
)
def test_a_kill_leaves_the_old_or_the_new_directory(in_tmp, moment, left):
    def content():
        return (in_tmp / "export" / "file").read_text()

    _files.save_directory_atomic(in_tmp / "export", lambda d: (d / "file").write_text("old"))
    killed = subprocess.run([sys.executable, "-c", KILLED, moment], check=False)
    assert killed.returncode == 9 and len(list(in_tmp.iterdir())) == (1 if left is None else 2)
    if left is not None:
        assert content() == left
    _files.remove_leftovers(in_tmp)
    assert content() == (left or "old") and list(in_tmp.iterdir()) == [in_tmp / "export"]


def test_what_another_process_is_writing_stays(in_tmp):
    def save(directory):
        (directory / "file").write_text("1")
        _files.remove_leftovers(in_tmp)
        _files.save_directory_atomic(in_tmp / "export", lambda d: (d / "file").write_text("2"))
        assert (directory / "file").read_text() == "1"

    _files.save_directory_atomic(in_tmp / "export", save)
    assert (in_tmp / "export" / "file").read_text() == "1"
    assert list(in_tmp.iterdir()) == [in_tmp / "export"]
