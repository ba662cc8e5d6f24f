"""Small text classifiers: `text_cnn` and `text_lstm`.

    kerazoo verify text_cnn                       trains and judges on IMDB film reviews
    kerazoo predict text_cnn@imdb "what a film"   with the trained weights, offline

Both take token ids; the vocabulary comes with kerazoo, and `predict` takes raw text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo._lazy import keras

if TYPE_CHECKING:
    from keras import KerasTensor

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
    ids: KerasTensor, vocabulary: int, width: int, word_dropout: float, dropout: float
) -> tuple[KerasTensor, KerasTensor]:
    """Embedded tokens ``(n, length, width)``, zero where there is padding; and which are not.

    ``word_dropout`` drops whole tokens, ``dropout`` whole channels.
    """
    real = keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(ids, 0), "float32"), -1)
    x = keras.layers.Embedding(vocabulary, width, name="embedding")(ids)
    x = keras.layers.Dropout(
        word_dropout, noise_shape=(None, ids.shape[1], 1), name="word_dropout"
    )(x)
    x = keras.layers.SpatialDropout1D(dropout, name="channel_dropout")(x)
    return x * real, real


def mean_over(x: KerasTensor, real: KerasTensor) -> KerasTensor:
    """Mean over the tokens that are no padding: ``(n, length, width)`` to ``(n, width)``."""
    return keras.ops.sum(x * real, axis=1) / keras.ops.maximum(keras.ops.sum(real, axis=1), 1.0)
