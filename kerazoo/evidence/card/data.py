"""The section on the dataset."""

from __future__ import annotations

from typing import Any

from kerazoo.evidence.card.markup import prose, table


def section(content: dict[str, Any]) -> str:
    """What the loader's docstring says, and the facts in a table."""
    data = content["data"]
    facts = [
        ("name", data["name"]),
        ("one example", " × ".join(map(str, data["input_shape"]))),
        ("classes", ", ".join(data["labels"])),
        ("columns", ", ".join(data["columns"])),
        ("targets", ", ".join(data["targets"])),
        ("windows", _windows(data["windows"])),
        ("licence", data["licence"]),
        ("source", data["source"]),
        ("measured on", data["measured_on"]),
        ("offline", "yes" if content["offline"] else "after the first load"),
    ]
    shown = [fact for fact in facts if fact[1]]
    return f"{prose(data['description'])}\n{table(('what', 'of the data'), shown)}"


def _windows(windows: dict[str, Any] | None) -> str:
    if windows is None:
        return ""
    season = f", season of {windows['season']}" if windows["season"] else ""
    return (
        f"look-back of {windows['lookback']} (the recipe may choose another), horizon of "
        f"{windows['horizon']}, lead {windows['lead']}{season}; one step is one {windows['step']}"
    )
