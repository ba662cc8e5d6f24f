"""Atomic writing."""

from __future__ import annotations

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
