"""Classes of images, from files or arrays."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerazoo._lazy import np
from kerazoo.datasets._images import (
    INVERT,
    WHITE,
    Invert,
    eight_bits,
    known_suffixes,
    light_borders,
    read_image,
    require_raw_pixels,
)
from kerazoo.errors import KerazooError, require_choice
from kerazoo.finetuning.readers._drift import image_drift
from kerazoo.finetuning.readers.reading import ImageReading
from kerazoo.predicting._tables import is_table
from kerazoo.predicting.predictions import NAMED, OWN_TABLE, PredictionList, Predictor


class ImagePredictor(Predictor):
    """A classifier of images."""

    def predict(self, inputs: Any, invert: Invert | None = None) -> PredictionList:
        """Classify image files and arrays of raw pixels."""
        if is_table(inputs):
            raise KerazooError(f"{self.trained.source} takes images, no table. {OWN_TABLE}")
        reading = self._reading
        if invert is not None:
            require_choice("invert", invert, INVERT)
            reading = replace(reading, invert=invert if invert != "auto" else reading.invert)
        return self.classify(inputs, lambda given: self._pixels(given, reading))

    def pixels(self, inputs: Any) -> dict[str, tuple[np.ndarray, str]]:
        """Images by name as the trained network takes them, and a note on each.

        They are uint8 ``(height, width, channels)``.

        Raises:
            KerazooError: one cannot be read.
        """
        found = {}
        for i, given in enumerate(self._several(inputs)[0], start=1):
            name = str(given) if isinstance(given, NAMED) else f"image {i}"
            image, note = self._pixels(given, self._reading)
            found[name] = image.astype(np.uint8), note
        return found

    @property
    def _reading(self) -> ImageReading:
        """How images are read; those of the zoo all have black and white."""
        reading = self.trained.reading
        return reading if isinstance(reading, ImageReading) else ImageReading(invert="auto")

    def suffixes(self) -> Collection[str]:
        """Suffixes of images."""
        return known_suffixes()

    def is_one(self, array: np.ndarray) -> bool:
        """True for an array in the shape of one image, also without its one channel."""
        shape = self.trained.model.input_shape[1:]
        return array.shape == shape or (array.shape == shape[:-1] and shape[-1] == 1)

    def _pixels(self, given: Any, reading: ImageReading) -> tuple[np.ndarray, str]:
        """Pixels ``(height, width, channels)`` of a file or an array, and a note."""
        shape, notes = self.trained.model.input_shape[1:], []
        if isinstance(given, (str, os.PathLike)) and os.fspath(given):
            image = read_image(Path(given), shape, white=reading.white)
            pixels = image.pixels
            if image.frames > 1:
                notes.append(f"the first of {image.frames} frames")
            if (image.largest or 0) > reading.white:
                notes.append(f"values above {reading.white:,} are taken as white, as in training")
        elif isinstance(given, str) or not hasattr(given, "shape"):
            raise KerazooError(f"{given!r} is neither an image file nor an array.")
        else:
            pixels = self._array(np.asarray(given), shape, reading)
        notes += image_drift(pixels, reading)
        inverted = reading.invert == "yes" or (
            reading.invert == "auto"
            and self.trained.light_on_dark
            and light_borders(pixels[None])[0]
        )
        if inverted and self._reading.invert != "yes":  # with which the saved model does so
            notes.append("dark and light inverted (--invert no: leave as it is)")
        return 255 - pixels if inverted else pixels, "; ".join(notes)

    def _array(
        self, pixels: np.ndarray, shape: tuple[int, ...], reading: ImageReading
    ) -> np.ndarray:
        """Pixels from 0 to 255 of an array as the saved model takes it."""
        if pixels.shape == shape[:-1] and shape[-1] == 1:
            pixels = pixels[..., None]
        if pixels.shape != shape:
            raise KerazooError(f"The array has shape {pixels.shape}; the model takes {shape}.")
        require_raw_pixels(pixels, "The array", WHITE if reading.sixteen_bits else 255)
        return eight_bits(pixels, reading.white) if reading.sixteen_bits else pixels
