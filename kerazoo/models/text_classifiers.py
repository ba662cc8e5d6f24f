"""Small text classifiers: `text_cnn` and `text_lstm`.

    kerazoo verify text_cnn                       trains and judges on IMDB film reviews
    kerazoo predict text_cnn@imdb "what a film"   with the trained weights, offline

Both take token ids; the vocabulary comes with kerazoo, and `predict` takes raw text.
"""

from __future__ import annotations

from collections.abc import Sequence

from kerazoo._lazy import KerasTensor, keras, layers
from kerazoo.errors import KerazooError, require_sizes
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Published, Recipe

CITATION_CNN = """
@inproceedings{kim2014convolutional,
  title     = {Convolutional neural networks for sentence classification},
  author    = {Kim, Yoon},
  booktitle = {Empirical Methods in Natural Language Processing (EMNLP)},
  pages     = {1746--1751}, year = {2014},
  note      = {Section 2: architecture}
}
"""
CITATION_LSTM = """
@article{graves2005framewise,
  title   = {Framewise phoneme classification with bidirectional {LSTM} and other neural network
             architectures},
  author  = {Graves, Alex and Schmidhuber, J{\\"u}rgen},
  journal = {Neural Networks},
  volume  = {18}, number = {5--6}, pages = {602--610}, year = {2005}
}
"""


def embed(
    ids: KerasTensor, vocabulary: int, width: int, word_dropout: float
) -> tuple[KerasTensor, KerasTensor]:
    """Embedded tokens ``(n, length, width)``, zero where there is padding; and which are not.

    ``word_dropout`` is the fraction of whole words that are dropped in training.
    """
    real = keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(ids, 0), "float32"), -1)
    x = layers.Embedding(vocabulary, width, name="embedding")(ids)
    x = layers.Dropout(word_dropout, noise_shape=(None, ids.shape[1], 1), name="word_dropout")(x)
    return x * real, real


def mean_over(x: KerasTensor, real: KerasTensor) -> KerasTensor:
    """Mean over the tokens that are no padding: ``(n, length, width)`` to ``(n, width)``."""
    return keras.ops.sum(x * real, axis=1) / keras.ops.maximum(keras.ops.sum(real, axis=1), 1.0)


def convolutions(
    x: KerasTensor, real: KerasTensor, filters: int, windows: Sequence[int]
) -> KerasTensor:
    """Maximum and mean of convolutions over the words: ``(n, 2 * filters * len(windows))``."""
    pooled = []
    for window in windows:
        name = f"conv{window}"
        y = layers.Conv1D(filters, window, padding="same", activation="relu", name=name)(x)
        # After a ReLU nothing is below zero: padding, put to zero, is never the maximum.
        pooled.append(layers.GlobalMaxPooling1D(name=f"max{window}")(y * real))
        pooled.append(mean_over(y, real))
    return layers.Concatenate(name="pooled")(pooled)


def text_cnn(
    input_shape: tuple[int] = (400,),
    classes: int = 2,
    vocabulary: int = 20_000,
    classifier_activation: str | None = "softmax",
    width: int = 32,
    filters: int = 64,
    windows: Sequence[int] = (2, 3, 4, 5),
    word_dropout: float = 0.3,
    dropout: float = 0.5,
) -> keras.Model:
    """Convolutions over 2 to 5 words, pooled over the whole text; a small classifier of texts.

    Embedding 32, word dropout, four convolutions of 64 filters side by side, the maximum and the
    mean of each over the words, dropout, Dense: 669,954 parameters, nearly all in the embedding.
    The paper pools by the maximum alone; the mean is our addition (it gained 1.4 points on
    validation).

    Args:
        input_shape: ``(length,)`` of the token ids.
        classes: number of outputs.
        vocabulary: number of token ids, 0 for padding and 1 for unknown included.
        classifier_activation: ``"softmax"`` for probabilities, None for logits.
        width: of the embedding.
        filters: of each convolution.
        windows: how many words each convolution sees at once.
        word_dropout: fraction of the words dropped in training.
        dropout: fraction of the pooled features dropped in training.

    Raises:
        KerazooError: ``windows`` is empty, or holds a width twice.

    Source: Kim 2014, section 2.
    """
    require_sizes("text_cnn", "windows", windows)
    if len(set(windows)) < len(windows):
        raise KerazooError(
            f"text_cnn: windows={windows!r}; give the width of one convolution or more, each once."
        )
    ids = keras.Input(input_shape, dtype="int32", name="ids")
    x, real = embed(ids, vocabulary, width, word_dropout)
    x = convolutions(x, real, filters, windows)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(ids, x, name="text_cnn")


def text_lstm(
    input_shape: tuple[int] = (400,),
    classes: int = 2,
    vocabulary: int = 20_000,
    classifier_activation: str | None = "softmax",
    width: int = 32,
    units: int = 32,
    word_dropout: float = 0.3,
    dropout: float = 0.5,
) -> keras.Model:
    """A bidirectional LSTM over the words, its largest outputs, a classifier.

    Embedding 32, word dropout, LSTM 32 in each direction, the maximum over the words, dropout,
    Dense: 656,770 parameters, nearly all in the embedding.

    Args:
        input_shape: ``(length,)`` of the token ids.
        classes: number of outputs.
        vocabulary: number of token ids, 0 for padding and 1 for unknown included.
        classifier_activation: ``"softmax"`` for probabilities, None for logits.
        width: of the embedding.
        units: of the LSTM in each direction.
        word_dropout: fraction of the words dropped in training.
        dropout: fraction of the pooled features dropped in training.

    Source: Graves & Schmidhuber 2005 (bidirectional LSTM); the pooling over time as in Kim 2014.
    """
    ids = keras.Input(input_shape, dtype="int32", name="ids")
    x, real = embed(ids, vocabulary, width, word_dropout)
    lstm = layers.LSTM(units, return_sequences=True, name="lstm")
    x = layers.Bidirectional(lstm, name="bidirectional")(x, mask=keras.ops.not_equal(ids, 0))
    # An LSTM's outputs lie in (-1, 1): padding, lowered by 2, is never the maximum.
    x = layers.GlobalMaxPooling1D(name="max")(x + (real - 1.0) * 2.0)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(ids, x, name="text_lstm")


register_model(
    text_cnn,
    citation=CITATION_CNN,
    entries=[
        Entry(
            dataset="imdb",
            recipe=Recipe(
                epochs=4,
                batch_size=64,
                learning_rate=2e-3,
                schedule="cosine",
                train_on="train+validation",
            ),
            smoke={"epochs": 5, "train_examples": 4_000, "train_on": "train"},
            published=(
                Published(
                    value=0.8642,
                    metric="accuracy",
                    source="keras.io, Text classification from scratch",
                    conditions="two strided convolutions of width 7, 128-wide embedding, 500 "
                    "tokens, 20,000 training reviews, 3 epochs, one run",
                ),
                Published(
                    value=0.89,
                    metric="accuracy",
                    source="Keras 1 and 2, examples/imdb_cnn.py, the comment at its head",
                    conditions="250 filters of width 3, their maximum, Dense 250; 5,000 words, the "
                    "last 400 of a review; 25,000 training reviews, 2 epochs, one run, epoch and "
                    "seed not stated",
                ),
                Published(
                    value=0.9056,
                    metric="accuracy",
                    source="Keras 1 and 2, examples/imdb_fasttext.py, the comment at its head",
                    conditions="no convolutions: mean of embedded words and word pairs, 5 epochs, "
                    "one run, epoch and seed not stated",
                ),
            ),
        ),
    ],
)
register_model(
    text_lstm,
    citation=CITATION_LSTM,
    entries=[
        Entry(
            dataset="imdb",
            recipe=Recipe(
                epochs=3,
                batch_size=64,
                learning_rate=2e-3,
                schedule="cosine",
                train_on="train+validation",
            ),
            smoke={"epochs": 5, "train_examples": 2_000, "train_on": "train"},
            bundled=False,
            published=(
                Published(
                    value=0.8428,
                    metric="accuracy",
                    source="keras.io, Bidirectional LSTM on IMDB",
                    conditions="two bidirectional LSTMs of 64 units, 200 tokens, 2 epochs, one run",
                ),
            ),
        ),
    ],
)
