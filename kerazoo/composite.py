"""Models that consist of several networks, such as a generator and its discriminator.

Such a model says so in a property ``networks``: a dictionary of functional models by name. Each is
saved, described and fingerprinted by itself, so that plain Keras opens it without kerazoo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def networks_of(model: keras.Model) -> dict[str, keras.Model]:
    """The functional models that a model consists of; one named ``model`` for most."""
    return getattr(model, "networks", None) or {"model": model}
