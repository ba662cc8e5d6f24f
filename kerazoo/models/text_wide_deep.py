"""A linear model of n-grams and a convolutional network of words, trained together.

kerazoo verify text_wide_deep     trains and evaluates on IMDB film reviews
"""

from __future__ import annotations

from kerazoo._lazy import keras, layers, np
from kerazoo.models.nb_svm import GAIN, fit_ratios, kept_ngrams
from kerazoo.models.text_classifiers import convolutions, embed
from kerazoo.registry import register_model
from kerazoo.spec import Entry, Published, Recipe, Split

CITATION = """
@inproceedings{cheng2016wide,
  title     = {Wide & deep learning for recommender systems},
  author    = {Cheng, Heng-Tze and Koc, Levent and Harmsen, Jeremiah and others},
  booktitle = {Workshop on Deep Learning for Recommender Systems (DLRS)},
  pages     = {7--10}, year = {2016},
  note      = {arXiv:1606.07792; section 3: a linear model of crossed features and a network of
               embeddings, trained together. The linear part: Wang & Manning 2012, ACL; the
               convolutions: Kim 2014, EMNLP}
}
"""
BUCKETS = 130_003  # a prime
SPEED = 10.0  # of the n-grams' weights, which learn at so many times the recipe's rate


def text_wide_deep(
    input_shape: tuple[int] = (400,),
    classes: int = 2,
    vocabulary: int = 20_000,
    classifier_activation: str | None = "softmax",
    ngrams: int = 3,
    buckets: int = BUCKETS,
    width: int = 8,
    filters: int = 64,
    word_dropout: float = 0.3,
    dropout: float = 0.5,
) -> keras.Model:
    """`nb_svm` and a small `text_cnn` side by side, and one classifier of both.

    In training the sums of the n-grams are dropped for half of the texts, so that the convolutions
    learn to classify by themselves. 688,470 parameters, 298,458 of them trainable.

    Args:
        input_shape: ``(length,)`` of the token ids.
        classes: number of outputs.
        vocabulary: number of token ids, 0 for padding and 1 for unknown included.
        classifier_activation: ``"softmax"`` for probabilities, None for logits.
        ngrams: longest n-gram.
        buckets: rows of the tables of n-grams, a prime.
        width: of the embedding.
        filters: of each convolution.
        word_dropout: fraction of the words that the convolutions lose in training.
        dropout: fraction of their pooled features dropped in training, and of the texts whose
            n-grams are.

    Source: Cheng et al. 2016, section 3; Wang & Manning 2012, section 2; Kim 2014, section 2.
    """
    ids = keras.Input(input_shape, dtype="int32", name="ids")
    found, new = kept_ngrams(ids, ngrams, buckets)
    ratios = layers.Embedding(buckets + 1, classes, "zeros", trainable=False, name="ratios")(found)
    start = keras.initializers.Constant(1 / SPEED)
    weights = layers.Embedding(buckets + 1, 1, start, name="weights")(found) * SPEED
    wide = keras.ops.sum(ratios * weights * keras.ops.expand_dims(new, -1), axis=1)
    wide = layers.Dropout(dropout, noise_shape=(None, 1), name="wide_dropout")(wide)
    x, real = embed(ids, vocabulary, width, word_dropout)
    x = convolutions(x, real, filters, windows=(2, 3, 4, 5))
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Concatenate(name="wide_and_deep")([wide, x])
    x = layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(ids, x, name="text_wide_deep")


def fit_ngrams(model: keras.Model, split: Split) -> None:
    """Fill in the n-grams of a training split, and let the classifier start with their sums."""
    fit_ratios(model, split)
    classifier = model.get_layer("classifier")
    kernel, *bias = classifier.get_weights()
    classes = kernel.shape[1]
    kernel[:classes] = GAIN * np.eye(classes)
    classifier.set_weights([kernel, *bias])


register_model(
    text_wide_deep,
    citation=CITATION,
    prepare=fit_ngrams,
    entries=[
        Entry(
            dataset="imdb",
            seeds=10,
            recipe=Recipe(
                epochs=4,
                batch_size=64,
                learning_rate=2e-3,
                schedule="cosine",
                train_on="train+validation",
            ),
            smoke={"epochs": 3, "train_examples": 4_000, "train_on": "train"},
            published=(
                Published(
                    value=0.9056,
                    metric="accuracy",
                    source="Keras 1 and 2, examples/imdb_fasttext.py, the comment at its head",
                    conditions="mean of embedded words and word pairs, 5 epochs, one run, epoch "
                    "and seed not stated",
                ),
            ),
        ),
    ],
)
