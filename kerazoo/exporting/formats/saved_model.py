"""TensorFlow SavedModel, read back by TensorFlow alone.

The signature ``serve`` (also ``serving_default``) takes what the network takes: for a model of raw
rows one named input per column. For a text model ``serve_texts`` takes strings ``(n,)`` and turns
them into token ids inside the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kerazoo._lazy import keras, np
from kerazoo.datasets import _text as text
from kerazoo.exporting.formats import Format, Notes, Runner, Vocabulary, register_format
from kerazoo.exporting.formats._copies import copy_for_conversion


class SavedModel(Format):
    """A directory of TensorFlow's."""

    name = "saved_model"
    title = "TensorFlow SavedModel"
    suffix = ".saved_model"
    takes_rows = takes_strings = True

    def write(self, network: keras.Model, path: Path, vocabulary: Vocabulary = None) -> Notes:
        """Write the network; with a vocabulary also the signature ``serve_texts``."""
        import tensorflow as tf

        copy = copy_for_conversion(network)
        inputs = keras.tree.map_structure(
            lambda x: tf.TensorSpec((None, *x.shape[1:]), x.dtype, name=x.name), copy.input
        )
        archive = keras.export.ExportArchive()
        archive.track(copy)
        archive.add_endpoint("serve", lambda x: copy(x, training=False), input_signature=[inputs])
        if vocabulary is not None:
            table, encode = _tokenizer(vocabulary, copy.input_shape[1])
            archive.track(table)
            archive.add_endpoint(
                "serve_texts",
                lambda texts: copy(encode(texts), training=False),
                input_signature=[tf.TensorSpec((None,), tf.string, name="texts")],
            )
        archive.write_out(str(path), verbose=False)
        if vocabulary is None:
            return ()
        return ("serve takes token ids (n, length), serve_texts takes strings (n,)",)

    def load(self, path: Path) -> Runner:
        """Open the signature ``serve``."""
        return _runner(path, "serve")

    def load_texts(self, path: Path) -> Callable[[Sequence[bytes]], np.ndarray]:
        """Open the signature ``serve_texts``."""
        return _runner(path, "serve_texts")


def _tokenizer(vocabulary: Sequence[str], length: int) -> tuple[Any, Callable[[Any], Any]]:
    """``kerazoo.datasets._text.encode`` as a TensorFlow graph, with its lookup table."""
    import tensorflow as tf

    tokens = tf.constant([token.encode() for token in vocabulary])
    places = tf.range(text.FIRST, text.FIRST + len(vocabulary), dtype=tf.int32)
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tokens, places), text.UNKNOWN
    )

    def encode(texts: Any) -> Any:
        plain = tf.strings.lower(tf.strings.regex_replace(texts, "<br />", " "))
        plain = tf.strings.regex_replace(plain, text.PUNCTUATION.pattern.decode(), "")
        found = table.lookup(tf.strings.split(plain)[:, -length:])
        return found.to_tensor(text.PADDING, shape=(None, length))

    return table, encode


def _runner(path: Path, signature: str) -> Runner:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures[signature]
    names = list(serve.structured_input_signature[1])
    (output,) = serve.structured_outputs

    def run(x: Any, _keep: Any = loaded) -> np.ndarray:  # its variables live as long as it does
        inputs = x if isinstance(x, dict) else {names[0]: x}
        return serve(**{name: tf.constant(v) for name, v in inputs.items()})[output].numpy()

    return run


register_format(SavedModel())
