"""Data that the user has brought: folders named in ``KERAZOO_DATA_DIR``."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "KERAZOO_DATA_DIR"


def folders() -> list[Path]:
    """The folders of ``KERAZOO_DATA_DIR`` (separated as in ``PATH``), in order."""
    named = os.environ.get(VARIABLE, "").split(os.pathsep)
    return [Path(name).expanduser() for name in named if name]


def find(name: str) -> Path | None:
    """The first file of this name in the folders, or None."""
    return next((f / name for f in folders() if (f / name).is_file()), None)
