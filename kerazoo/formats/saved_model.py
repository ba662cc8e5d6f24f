"""TensorFlow SavedModel, read back by TensorFlow alone.

The signature ``serve`` (also ``serving_default``) takes what the network takes; of a text model
``serve_texts`` takes strings ``(n,)`` and turns them into token ids inside the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import keras
from kerazoo.datasets import text
from kerazoo.formats._copies import copy_for_conversion

if TYPE_CHECKING:
    import numpy as np

    from kerazoo.formats import Runner

TITLE = "TensorFlow SavedModel"
SUFFIX = ".saved_model"
PACKAGES: tuple[str, ...] = ()
ANY_BACKEND = False


def refusal(network: keras.Model) -> str | None:
    """Nothing is refused."""
    return None


def write(network: keras.Model, path: Path, vocabulary: Sequence[str] | None) -> tuple[str, ...]:
    """Write the network; with a vocabulary also ``serve_texts``."""
    copy = copy_for_conversion(network)
    if vocabulary is None:
        copy.export(path, format="tf_saved_model", verbose=False)
        return ()
    _write_for_texts(copy, path, vocabulary)
    return ("serve takes token ids (n, length), serve_texts takes strings (n,)",)


def _write_for_texts(copy: keras.Model, path: Path, vocabulary: Sequence[str]) -> None:
    import tensorflow as tf

    ids, length = copy.inputs[0], copy.input_shape[1]
    tokens = tf.constant([token.encode() for token in vocabulary])
    places = tf.range(text.FIRST, text.FIRST + len(vocabulary), dtype=tf.int32)
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tokens, places), text.UNKNOWN
    )

    def encode(texts: Any) -> Any:
        """What ``kerazoo.datasets.text.encode`` does, as a TensorFlow graph."""
        plain = tf.strings.lower(tf.strings.regex_replace(texts, "<br />", " "))
        plain = tf.strings.regex_replace(plain, text.PUNCTUATION.pattern.decode(), "")
        found = table.lookup(tf.strings.split(plain)[:, -length:])
        return found.to_tensor(text.PADDING, shape=(None, length))

    archive = keras.export.ExportArchive()
    archive.track(copy)
    archive.track(table)
    archive.add_endpoint(
        "serve",
        lambda x: copy(x, training=False),
        input_signature=[tf.TensorSpec((None, length), ids.dtype, name=ids.name)],
    )
    archive.add_endpoint(
        "serve_texts",
        lambda texts: copy(encode(texts), training=False),
        input_signature=[tf.TensorSpec((None,), tf.string, name="texts")],
    )
    archive.write_out(str(path), verbose=False)


def load(path: Path) -> Runner:
    """Open the signature ``serve``; TensorFlow raises OSError where there is none."""
    return _runner(path, "serve")


def load_texts(path: Path) -> Callable[[Any], np.ndarray]:
    """Open the signature ``serve_texts``: ``n`` UTF-8 texts as bytes to outputs ``(n, …)``."""
    return _runner(path, "serve_texts")


def _runner(path: Path, signature: str) -> Callable[[Any], np.ndarray]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures[signature]
    (name,) = serve.structured_input_signature[1]
    (output,) = serve.structured_outputs

    def run(x: Any, _keep: Any = loaded) -> np.ndarray:  # its variables live as long as it does
        return serve(**{name: tf.constant(x)})[output].numpy()

    return run
