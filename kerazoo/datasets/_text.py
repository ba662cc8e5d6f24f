"""Text to token ids in plain Python, the same on every machine and without TensorFlow.

The rules are those of ``keras.layers.TextVectorization`` with ``lower_and_strip_punctuation`` and
``split="whitespace"``, after each ``<br />`` became a space, so that a TensorFlow graph can do the
same.
"""

from __future__ import annotations

import functools
import lzma
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from kerazoo._lazy import np
from kerazoo.errors import DamagedFile, first_line

MOST = 2**26  # bytes of a vocabulary
KEPT = "the last"  # of a text that is longer than the model takes
PADDING, UNKNOWN, FIRST = 0, 1, 2  # token ids; FIRST is that of the vocabulary's first token
PUNCTUATION = re.compile(rb"[!\"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~']")

TAG = re.compile(r"<[a-zA-Z/!][^<>]*>")
# Quotes, dashes and the ellipsis: NFKC leaves them as they are, or joins words with them.
QUOTES, DOUBLE_QUOTES, BLANKS = "‘’‚‛′", "“”„«»", "–—―…"
PLAIN = str.maketrans(
    dict.fromkeys(QUOTES, "'") | dict.fromkeys(DOUBLE_QUOTES, '"') | dict.fromkeys(BLANKS, " ")
)
APOSTROPHES = str.maketrans(dict.fromkeys("‘’‚‛′´ʼ", "'"))
# Thai to Burmese, Khmer, kana and Chinese are written without blanks between words.
WITHOUT_BLANKS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff]")
IDEOGRAPH = "CJK "  # begins the Unicode name of a Chinese character
NO_LETTERS = "\u0307\ufe0e\ufe0f"  # a dot of the Turkish i in lower case; variants of symbols
Standardization = Literal["latin", "unicode"]


def standardize(text: str, how: Standardization = "unicode") -> str:
    """A user's text without HTML, in lower case, with plain quotes, blanks and letters (NFKC).

    The zoo's datasets do without, as their references are recorded so.

    Args:
        text: as the user wrote it.
        how: ``"unicode"``: a character of a script without blanks between words, and a symbol,
            is a word; punctuation of any script is a blank. ``"latin"``, of earlier runs, knows
            neither.
    """
    import html

    if how == "latin":
        plain = html.unescape(TAG.sub(" ", text)).translate(PLAIN)
        return unicodedata.normalize("NFKC", plain).lower()
    plain = TAG.sub(" ", html.unescape(text)).translate(APOSTROPHES)
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", plain).casefold())
    return plain if plain.isascii() else "".join(map(_in_words, plain))


@functools.cache
def _in_words(c: str) -> str:
    """A character with the blanks around it that make words."""
    kind = unicodedata.category(c)[0]
    if c.isascii():
        return c
    if kind == "C" or c in NO_LETTERS:
        return ""
    if kind in "PZ":
        return " "
    alone = WITHOUT_BLANKS.match(c) or unicodedata.name(c, "").startswith(IDEOGRAPH)
    return f" {c} " if alone or kind == "S" else c


def tokens_of(text: str | bytes) -> list[bytes]:
    """The tokens of a text: ASCII letters in lower case, no ASCII punctuation, split at blanks."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", errors="replace")
    return PUNCTUATION.sub(b"", raw.replace(b"<br />", b" ").lower()).split()


def build_vocabulary(texts: Iterable[str | bytes], size: int) -> list[str]:
    """The most frequent tokens, ties in alphabetical order; ``size`` counts padding and unknown."""
    counts = Counter(token for text in texts for token in tokens_of(text))
    ranked = sorted(counts, key=lambda token: (-counts[token], token))
    return [token.decode(errors="replace") for token in ranked[: size - FIRST]]


def encode(texts: Iterable[str | bytes], vocabulary: Sequence[str], length: int) -> np.ndarray:
    """Token ids of texts: int32 ``(n, length)``; the last ``length`` tokens, padded at the end.

    The end of a review says more than its beginning, so that is kept of a long one. Id 0 is
    padding, 1 any token that is not in the vocabulary, 2 the vocabulary's first token.
    """
    place = _ids(tuple(vocabulary))
    rows = []
    for text in texts:
        known = [place.get(token, UNKNOWN) for token in tokens_of(text)[-length:]]
        rows.append(np.pad(np.array(known, dtype=np.int32), (0, length - len(known))))
    return np.stack(rows)


@functools.lru_cache(maxsize=2)  # one text after the other is predicted with the same one
def _ids(vocabulary: tuple[str, ...]) -> dict[bytes, int]:
    return {token.encode(): i for i, token in enumerate(vocabulary, start=FIRST)}


def known_words(ids: np.ndarray) -> np.ndarray:
    """Number of tokens of each text in the vocabulary: ids ``(…, length)`` to counts ``(…)``."""
    return (ids >= FIRST).sum(axis=-1)


def known_share(ids: np.ndarray) -> float:
    """Share of the tokens that are in the vocabulary."""
    return float((ids >= FIRST).sum() / max(1, (ids != PADDING).sum()))


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """The tokens of a vocabulary file (one per line, ``.xz``), in the order of their ids.

    Raises:
        DamagedFile: the file is missing or damaged.
    """
    try:
        with lzma.open(path) as file:
            content = file.read(MOST + 1)
        if len(content) > MOST:
            raise ValueError(f"it has more than {MOST:,} bytes")
        return tuple(content.decode().split("\n"))
    except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
        remedy = "Restore it: a run's by training again, kerazoo's by reinstalling it."
        raise DamagedFile(path, first_line(error), remedy) from error


def vocabulary_bytes(tokens: Sequence[str]) -> bytes:
    """Content of a vocabulary file."""
    return lzma.compress("\n".join(tokens).encode(), preset=9)


def vocabulary_size(path: Path) -> int:
    """Number of token ids of a vocabulary file, padding and unknown included."""
    return len(read_vocabulary(path)) + FIRST
