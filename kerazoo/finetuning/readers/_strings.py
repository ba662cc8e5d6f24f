"""Strings to token ids in layers of Keras, as :mod:`kerazoo.datasets._text` does in Python.

TensorFlow has strings; Keras has no operation on them but to split and to look up. So a text is
split into characters, and a word is looked up by a hash of its characters, modulo 2**64.
"""

from __future__ import annotations

import html.entities
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from kerazoo._lazy import keras, np
from kerazoo.datasets import _text

NONE, BLANK, OTHER, FIRST = 0, 1, 2, 3  # codes of characters; OTHER is in no word that is known
WIDEST = 3  # characters that become of one, at most
FACTOR = 6364136223846793005  # of the hash; odd, so that it has an inverse
INVERSE = pow(FACTOR, -1, 2**64)
MAX_NUMBERED = 0x2100  # characters up to this one may be written as &#39;
END = 2**40  # behind every place in a text
PLANES = (range(1, 0x3400), range(0xA000, 0xAC00), range(0xF900, 0x10000), range(0x1F000, 0x1FB00))
IDEOGRAPHS = range(0x3400, 0xA000)


def token_ids(texts: Any, tokens: Sequence[str], length: int, how: _text.Standardization) -> Any:
    """Token ids int32 ``(n, length)`` of strings ``(n,)`` in Unicode's composed form (NFC).

    Args:
        texts: input of a model.
        tokens: the vocabulary.
        length: tokens of a text; the last ones are taken.
        how: standardization of the texts.
    """
    ops = keras.ops
    letters, table = _characters(tokens, how)
    places = {c: i for i, c in enumerate(table, 2)}  # 0 is the end of a text, 1 any other character
    raw = keras.layers.TextVectorization(
        standardize=None, split="character", vocabulary=list(table), name="characters"
    )(texts)
    raw = _closed_up(_without_entities(ops.pad(raw, [[0, 0], [0, 1]]), places))
    inside, first = _in_tags(raw, places)
    rows = [[NONE], [OTHER], *table.values()]
    codes = _table([[*row, *[NONE] * (WIDEST - len(row))] for row in rows], "codes")
    code = ops.cast(codes(ops.where(inside, 0, raw)), "int64")
    code = ops.where(ops.expand_dims(first, -1), BLANK, code)
    code = _closed_up(keras.layers.Reshape((-1,), name="in_a_row")(code))
    is_letter = code > BLANK
    is_last = ops.logical_and(is_letter, ops.roll(code, -1, axis=1) <= BLANK)
    n = ops.sum(ops.cast(is_last, "int64"), axis=1, keepdims=True)
    order = ops.arange(length, dtype="int64")
    ends = ops.sort(ops.where(is_last, _counted(code), END), axis=1)
    ends = ops.pad(ends, [[0, 0], [1, length]], constant_values=-1)
    chosen = ops.add(ops.maximum(n - length, 0), order)
    before, end = _take(ends, chosen), _take(ends, chosen + 1)
    there = ops.less(order, n)
    hashes = _hashes(
        ops.where(is_letter, code, 0), ops.where(there, before, -1), ops.where(there, end, 0)
    )
    known = [_hash([letters[c] for c in token]) for token in tokens]
    found = keras.layers.IntegerLookup(vocabulary=known, name="words")(hashes)
    return ops.cast(ops.where(there, found + _text.UNKNOWN, _text.PADDING), "int32")


def _characters(
    tokens: Sequence[str], how: _text.Standardization
) -> tuple[dict[str, int], dict[str, list[int]]]:
    """Codes of the characters of all tokens; and of what becomes of characters of a text."""
    letters = {c: i for i, c in enumerate(sorted({c for t in tokens for c in t}), FIRST)}
    points: Iterable[int] = (point for plane in PLANES for point in plane)
    if any(ord(c) in IDEOGRAPHS for c in letters):
        points = (*points, *IDEOGRAPHS)
    more = {v for c in letters for v in (c, c.upper(), c.title()) if len(v) == 1}
    table = {}
    for c in dict.fromkeys((*map(chr, points), *sorted(more))):
        if unicodedata.category(c) in ("Cn", "Co"):  # are no characters yet
            continue
        codes = [
            letters.get(part, BLANK if part.isspace() else OTHER)
            for part in _text.standardize(c, how)
            if not (part.isascii() and _text.PUNCTUATION.match(part.encode()))
        ]
        if c.isascii() or (codes != [OTHER] and len(codes) <= WIDEST):
            table[c] = codes
    return letters, table


def _without_entities(raw: Any, places: dict[str, int]) -> Any:
    """Characters, with one for each entity of HTML such as ``&nbsp;`` or ``&#39;``."""
    ops = keras.ops
    names = {name: c for name, c in html.entities.html5.items() if c in places}
    for c in (c for c in places if ord(c) < MAX_NUMBERED):
        names |= {f"#{ord(c)};": c, f"#x{ord(c):x};": c, f"#x{ord(c):X};": c}
    names = {name: c for name, c in names.items() if name.endswith(";") and name.isascii()}
    begin, end = _between(raw, places["&"], [places[";"]])
    known = [_hash([places[k] for k in name]) for name in names]
    found = keras.layers.IntegerLookup(vocabulary=known, name="entities")(_hashes(raw, begin, end))
    meaning = _table([[NONE], *([places[c]] for c in names.values())], "meanings")(found)
    here = _counted(raw)
    inside = ops.logical_and(found > 0, here <= end)
    first = ops.cast(ops.squeeze(meaning, -1), "int64")
    return ops.where(inside, ops.where(ops.equal(here, begin), first, NONE), raw)


def _in_tags(raw: Any, places: dict[str, int]) -> tuple[Any, Any]:
    """Where characters are in a tag of HTML, and where they begin one: bool ``(n, characters)``."""
    ops = keras.ops
    after, name = ops.roll(raw, -1, axis=1), []
    for first, last in ("AZ", "az", "//", "!!"):
        name.append(ops.logical_and(after >= places[first], after <= places[last]))
    begins = ops.cast(ops.any(ops.stack(name), axis=0), "int64")
    begin, end = _between(raw, places["<"], [places["<"], places[">"]])
    closed = ops.equal(_take(raw, ops.maximum(end, 0)), places[">"])
    here = _counted(raw)
    is_tag = ops.logical_and(_take(begins, begin) > 0, closed)
    inside = ops.logical_and(is_tag, here <= end)
    return inside, ops.logical_and(inside, ops.equal(here, begin))


def _between(raw: Any, opening: int, closing: list[int]) -> tuple[Any, Any]:
    """For each character the last opening one up to it, and the next closing one behind that.

    The places are 0 and -1 where there are none.
    """
    ops = keras.ops
    opens = ops.equal(raw, opening)
    closes = ops.any(ops.stack([ops.equal(raw, each) for each in closing]), axis=0)
    begins = ops.sort(ops.where(opens, _counted(raw), END), axis=1)
    begins = ops.pad(begins, [[0, 0], [1, 0]], constant_values=-1)
    begin = _take(begins, _sums(opens))
    ends = ops.sort(ops.where(closes, _counted(raw), END), axis=1)
    ends = ops.pad(ends, [[0, 0], [0, 1]], constant_values=END)
    end = _take(ends, _take(_sums(closes), ops.maximum(begin, 0)))
    there = ops.logical_and(begin >= 0, end < END)
    return ops.where(there, begin, 0), ops.where(there, end, -1)


def _closed_up(x: Any) -> Any:
    """The values that are not ``NONE`` in a row, and ``NONE`` behind them."""
    ops = keras.ops
    kept = ops.sort(ops.where(x > NONE, _counted(x), END), axis=1)
    x = ops.where(kept < END, _take(x, ops.where(kept < END, kept, 0)), NONE)
    return ops.pad(x, [[0, 0], [0, 1]])


def _hashes(values: Any, begin: Any, end: Any) -> Any:
    """Hashes of the values behind ``begin`` up to ``end``, as :func:`_hash` gives them."""
    ops = keras.ops
    powers = ops.cumprod(ops.ones_like(values) * _signed(FACTOR), axis=1)
    inverses = ops.cumprod(ops.ones_like(values) * _signed(INVERSE), axis=1)
    sums = ops.pad(_sums(values * powers), [[0, 0], [1, 0]])
    return (_take(sums, end + 1) - _take(sums, begin + 1)) * _take(inverses, ops.maximum(end, 0))


def _hash(values: Sequence[int]) -> int:
    """Hash of some values, int64: the last one counts once, the one before ``INVERSE`` times."""
    powers = (pow(INVERSE, i, 2**64) for i in reversed(range(len(values))))
    return _signed(sum(v * p for v, p in zip(values, powers, strict=True)))


def _signed(number: int) -> int:
    """A number modulo 2**64 as int64."""
    return (number + 2**63) % 2**64 - 2**63


def _table(rows: Sequence[Sequence[int]], name: str) -> keras.layers.Layer:
    """A layer that gives a row for each number."""
    layer = keras.layers.Embedding(
        len(rows), len(rows[0]), dtype="float32", trainable=False, name=name
    )
    layer.build()
    layer.set_weights([np.array(rows)])
    return layer


def _take(x: Any, places: Any) -> Any:
    return keras.ops.take_along_axis(x, places, axis=1)


def _sums(x: Any) -> Any:
    return keras.ops.cumsum(keras.ops.cast(x, "int64"), axis=1)


def _counted(x: Any) -> Any:
    """The place of each character, int64."""
    return _sums(keras.ops.ones_like(x)) - 1
