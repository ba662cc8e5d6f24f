"""JSON files as dataclasses: one function checks types, ranges and fields when a file is read.

A field's annotation is its type: ``Any``, ``str``, ``bool``, ``int``, ``float``, ``Literal``,
another dataclass, ``tuple``, ``dict`` or ``… | None`` of these. Its metadata narrows the values,
see :func:`limited`. A file may be sealed by its checksum.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import re
import types
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from kerazoo._files import sha256_of_json, write_json
from kerazoo.errors import DamagedFile, KerazooError, first_line, shown

Content = TypeVar("Content")
CHECKSUM = "checksum"
LARGEST = 1e100  # of a number; no result of float32 comes near
SHA256 = "[0-9a-f]{64}"
NAMES: dict[Any, str] = {str: "a string", bool: "true or false", int: "an integer"}
NAMES |= {float: "a number", dict: "an object", tuple: "a list"}


def limited(
    low: float = -LARGEST,
    high: float = LARGEST,
    default: Any = dataclasses.MISSING,
    **metadata: Any,
) -> Any:
    """A field of a dataclass whose values are limited, those in a tuple or dictionary likewise.

    Args:
        low: the least number.
        high: the largest number.
        default: of the field.
        metadata: ``pattern``: regular expression of a string; ``filled=True``: a tuple or
            dictionary is not empty; ``rest=True``: a dictionary of all fields that no other names.
    """
    return dataclasses.field(default=default, metadata={"range": (low, high), **metadata})


def read(path: Path, kind: type[Content], remedy: str, *, sealed: bool = False) -> Content:
    """Read a JSON file as a dataclass.

    Args:
        path: the file.
        kind: the dataclass.
        remedy: what to do about a damaged file; ends the message.
        sealed: refuse a file without a checksum.

    Raises:
        DamagedFile: the file is missing, is no JSON, was altered since it was sealed, or has a
            field that is missing, unknown, or of another type or range.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except FileNotFoundError as error:
        raise DamagedFile(path, "it is missing", remedy) from error
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedFile(path, first_line(error), remedy) from error
    if isinstance(content, dict) and (sealed or CHECKSUM in content):
        checksum = content.pop(CHECKSUM, None)
        if checksum != sha256_of_json(content):
            raise DamagedFile(path, "it was altered: its checksum differs", remedy, CHECKSUM)
    return parse(content, kind, path, remedy)


def parse(content: Any, kind: type[Content], path: Path, remedy: str, at: str = "") -> Content:
    """A JSON value from a file, below the field ``at``, as a dataclass; raises DamagedFile."""
    try:
        return checked(content, kind, at, {})
    except Unfit as error:
        raise DamagedFile(path, error.problem, remedy, error.at) from error


def write(path: Path, content: Any) -> None:
    """Write a dataclass as a JSON file, sealed by its checksum."""
    values = plain(content)
    write_json(path, {**values, CHECKSUM: sha256_of_json(values)})


def plain(content: Any) -> dict[str, Any]:
    """A dataclass as a reader of its file gets it: lists, not tuples."""
    values = json.loads(json.dumps(dataclasses.asdict(content)))
    rest = [values.pop(f.name) for f in dataclasses.fields(content) if f.metadata.get("rest")]
    return {**values, **{name: value for fields in rest for name, value in fields.items()}}


class Unfit(Exception):
    """A value that is not of its type, or out of its range."""

    def __init__(self, at: str, problem: str):
        self.at, self.problem = at, problem


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text[:20]} is not a number in JSON")
    return value


def checked(value: Any, hint: Any, at: str, limits: Any) -> Any:
    """A JSON value as the type ``hint``; raises Unfit for another."""
    origin, args = get_origin(hint) or hint, get_args(hint)
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return _dataclass(value, hint, at)
    if origin in (Union, types.UnionType):
        (hint,) = (a for a in args if a is not types.NoneType)
        return None if value is None else checked(value, hint, at, limits)
    if origin is Literal:
        if not isinstance(value, (str, int)) or isinstance(value, bool) or value not in args:
            raise Unfit(at, f"it is {shown(value)}, not {' or '.join(map(repr, args))}")
        return value
    accepted: Any = {float: (int, float), tuple: list}.get(origin, origin)
    if not isinstance(value, accepted) or (isinstance(value, bool) and origin is not bool):
        raise Unfit(at, f"it is {shown(value)}, not {NAMES[origin]}")
    if origin in (dict, tuple):
        if not value and limits.get("filled"):
            raise Unfit(at, "it is empty")
        if origin is tuple:
            return tuple(checked(v, args[0], f"{at}[{i}]", limits) for i, v in enumerate(value))
        return {k: checked(v, args[1], _join(at, k), limits) for k, v in value.items()}
    if origin is str and not re.fullmatch(pattern := limits.get("pattern", "(?s).*"), value):
        raise Unfit(at, f"it is {shown(value)}, not {pattern}")
    if origin in (int, float):
        low, high = limits.get("range", (-LARGEST, LARGEST))
        if not low <= value <= min(high, LARGEST):
            raise Unfit(at, f"it is {shown(value)}, not between {low:g} and {high:g}")
    return float(value) if origin is float else value


def _dataclass(value: Any, kind: Any, at: str) -> Any:
    content = dict(checked(value, dict[str, Any], at, {}))
    given = {}
    for f, hint in fields_of(kind):
        if f.metadata.get("rest"):
            given[f.name], content = content, {}
        elif f.name in content:
            given[f.name] = checked(content.pop(f.name), hint, _join(at, f.name), f.metadata)
        elif f.default is f.default_factory is dataclasses.MISSING:
            raise Unfit(_join(at, f.name), "it is missing")
    if content:
        raise Unfit(_join(at, min(content)), "it is unknown; is it of a later version of kerazoo?")
    try:
        return kind(**given)
    except KerazooError as error:  # fields that contradict each other
        raise Unfit(at, str(error)) from error


@functools.cache  # evaluating annotations is slow
def fields_of(kind: Any) -> tuple[tuple[dataclasses.Field[Any], Any], ...]:
    """The fields of a dataclass with their types; the one of all others comes last."""
    hints = get_type_hints(kind)
    found = sorted(dataclasses.fields(kind), key=lambda f: bool(f.metadata.get("rest")))
    return tuple((f, hints[f.name]) for f in found)


def _join(at: str, name: str) -> str:
    return f"{at}.{shown(name)[1:-1]}".lstrip(".")
