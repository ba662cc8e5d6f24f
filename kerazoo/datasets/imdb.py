"""IMDB film reviews as token ids, through tensorflow-datasets."""

from __future__ import annotations

from pathlib import Path

from kerazoo.datasets import _text as text
from kerazoo.datasets._sources import tfds_splits
from kerazoo.registry import register_dataset
from kerazoo.spec import Splits

LENGTH = 400  # tokens
TOKENS = 20_000  # ids, padding and unknown included
VOCABULARY = Path(__file__).parent / "imdb_vocabulary.txt.xz"


@register_dataset(
    task="classification",
    input_shape=(LENGTH,),
    labels=("negative", "positive"),
    license="not stated by its authors; free for research",
    source="Maas, Daly, Pham, Huang, Ng & Potts 2011, Learning word vectors for sentiment "
    "analysis, ACL; tensorflow-datasets imdb_reviews/plain_text 1.0.0",
    offline=False,
    vocabulary=VOCABULARY,
    fewest_words=10,
    sha256="28f48e56db5ff832311ef46beed6152e90072f4c8427142f9313e52897b0069f",
)
def imdb() -> Splits:
    """50,000 film reviews in English, good or bad, as token ids; needs tensorflow-datasets once.

    Examples are int32 ``(n, 400)``: the last 400 tokens of a review, padded with 0 at the end; id
    1 is any token outside the vocabulary, which holds the 19,998 most frequent tokens of the
    training split and comes with kerazoo. Tokens: ASCII letters in lower case, ASCII punctuation
    left out, split at blanks. Labels int64 ``(n,)``: 0 negative, 1 positive, of the test split as
    many of each. 20,000 train, 5,000 validation (carved from the original 25,000 by a fixed seed)
    and the original 25,000 test. The original holds some reviews more than once: 123 test examples
    (0.5 %) are the same as one of train or validation; train and validation have 30 in common.
    """
    raw = texts()
    known = text.read_vocabulary(VOCABULARY)
    return {name: (text.encode(x, known, LENGTH), y) for name, (x, y) in raw.items()}


def texts() -> Splits:
    """The raw reviews, as bytes, and their labels, by split; needs tensorflow-datasets."""
    return tfds_splits(
        "imdb_reviews/plain_text:1.0.0", host="ai.stanford.edu", validation=5_000, feature="text"
    )


def build_vocabulary() -> list[str]:
    """The vocabulary of the training split, as the file holds it."""
    return text.build_vocabulary(texts()["train"][0], TOKENS)
