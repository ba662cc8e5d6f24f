"""How people write numbers: with a decimal comma, or with marks between thousands.

A column has one kind of marks. It is found in the training data and kept, since a file of few rows
does not tell: ``1,234`` alone may be either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import pandas as pd

Marks = Literal["1,234.5", "1.234,5"]
_DECIMAL_COMMA = r"[-+]?\d+,\d+"  # 1234,5
_GROUPED_BY_COMMAS = r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"  # 1,234.5
_GROUPED_BY_DOTS = r"[-+]?\d{1,3}(?:\.\d{3})+(?:,\d+)?"  # 1.234,5
_MARKED: dict[Marks, str] = {
    "1,234.5": _GROUPED_BY_COMMAS,
    "1.234,5": f"{_DECIMAL_COMMA}|{_GROUPED_BY_DOTS}",
}


def is_text(values: pd.Series) -> bool:
    """Whether a column holds text rather than numbers or dates."""
    return values.dtype == object or str(values.dtype) in ("str", "string", "category")


def marks_of(values: pd.Series, *, decimal_comma: bool) -> Marks | None:
    """How a column writes its numbers; None if none of them has a mark, or the marks differ.

    Args:
        values: a column.
        decimal_comma: which kind is meant where all can be read in both (``1,234``).
    """
    if not is_text(values):
        return None
    text = values.astype(str).str.strip()
    commas = text[text.str.contains(",", regex=False)]
    if commas.empty:
        return None
    can_be = [kind for kind in get_args(Marks) if commas.str.fullmatch(_MARKED[kind]).all()]
    if len(can_be) == 2:
        return "1.234,5" if decimal_comma else "1,234.5"
    return can_be[0] if can_be else None


def without_marks(frame: pd.DataFrame, marks: Mapping[str, Marks]) -> pd.DataFrame:
    """The frame with numbers as Python writes them, in the columns that have marks."""
    changed = {}
    for name in (n for n in marks if n in frame.columns and is_text(frame[n])):
        kind, values = marks[name], frame[name].astype(object)
        text = values.astype(str).str.strip()
        marked = text[text.str.fullmatch(_MARKED[kind])]
        plain = marked.str.replace("," if kind == "1,234.5" else ".", "", regex=False)
        values.loc[marked.index] = plain.str.replace(",", ".", regex=False)
        changed[name] = values
    return frame.assign(**changed) if changed else frame
