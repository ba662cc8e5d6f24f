"""TensorFlow SavedModel, read back by TensorFlow alone.

The signature ``serve`` (also ``serving_default``) takes what the network takes; of a text model
``serve_texts`` takes strings ``(n,)`` and turns them into token ids inside the graph. Of a model of
raw rows it has one named input for each column.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._lazy import keras
from kerazoo.datasets import _text as text
from kerazoo.exporting.formats._copies import copy_for_conversion, quietly

if TYPE_CHECKING:
    import numpy as np

    from kerazoo.exporting.formats import Runner

TITLE = "TensorFlow SavedModel"
SUFFIX = ".saved_model"
PACKAGES: tuple[str, ...] = ()
ANY_BACKEND = False
ROWS = True


def refusal(network: keras.Model) -> str | None:
    """Nothing is refused."""
    return None


def write(network: keras.Model, path: Path, vocabulary: Sequence[str] | None) -> tuple[str, ...]:
    """Write the network; with a vocabulary also ``serve_texts``."""
    copy = copy_for_conversion(network)
    if isinstance(copy.input, dict):
        _write_for_rows(copy, path)
        return ()
    if vocabulary is None:
        copy.export(path, format="tf_saved_model", verbose=False)
        return ()
    _write_for_texts(copy, path, vocabulary)
    return ("serve takes token ids (n, length), serve_texts takes strings (n,)",)


def input_names(network: keras.Model) -> dict[str, str]:
    """How the signature calls the inputs of raw rows.

    TensorFlow wants names as Python has them, that differ in more than case.
    """
    names: dict[str, str] = {}
    used = {"self"}
    for name in network.input:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        plain = re.sub(r"\W+", "_", plain).strip("_") or "column"
        if plain[0].isdigit() or keyword.iskeyword(plain):
            plain = f"column_{plain}"
        while plain.lower() in used:
            plain += "_"
        used.add(plain.lower())
        names[name] = plain
    return names


def _write_for_rows(copy: keras.Model, path: Path) -> None:
    import tensorflow as tf

    names = input_names(copy)
    specs = {
        name: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype, name=names[name])
        for name, tensor in copy.input.items()
    }
    archive = keras.export.ExportArchive()
    archive.track(copy)
    archive.add_endpoint("serve", lambda rows: copy(rows, training=False), input_signature=[specs])
    with quietly():
        archive.write_out(str(path), verbose=False)


def _write_for_texts(copy: keras.Model, path: Path, vocabulary: Sequence[str]) -> None:
    import tensorflow as tf

    ids, length = copy.inputs[0], copy.input_shape[1]
    tokens = tf.constant([token.encode() for token in vocabulary])
    places = tf.range(text.FIRST, text.FIRST + len(vocabulary), dtype=tf.int32)
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tokens, places), text.UNKNOWN
    )

    def encode(texts: Any) -> Any:
        """What ``kerazoo.datasets._text.encode`` does, as a TensorFlow graph."""
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
    with quietly():
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
    names = list(serve.structured_input_signature[1])
    (output,) = serve.structured_outputs

    def run(x: Any, _keep: Any = loaded) -> np.ndarray:  # its variables live as long as it does
        given = x if isinstance(x, dict) else {names[0]: x}
        return serve(**{name: tf.constant(v) for name, v in given.items()})[output].numpy()

    return run
