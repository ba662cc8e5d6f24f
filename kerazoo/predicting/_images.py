"""Classes of images, from files or arrays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kerazoo._lazy import np
from kerazoo.datasets._images import INVERT, Invert, read_image, require_raw_pixels
from kerazoo.errors import KerazooError, require_choice
from kerazoo.finetuning.readers.reading import ImageReading
from kerazoo.predicting._tables import is_table
from kerazoo.predicting.predictions import OWN_TABLE, PredictionList, Predictor


class ImagePredictor(Predictor):
    """A classifier of images."""

    def predict(self, inputs: Any, invert: Invert | None = None) -> PredictionList:
        """Classify image files and arrays of raw pixels."""
        if is_table(inputs):
            raise KerazooError(f"{self.trained.source} takes images, no table. {OWN_TABLE}")
        if invert is None:
            reading = self.trained.reading
            invert = reading.invert if isinstance(reading, ImageReading) else "auto"
        require_choice("invert", invert, INVERT)
        return self.classify(inputs, lambda given: self._pixels(given, invert))

    def _pixels(self, given: Any, invert: Invert) -> tuple[np.ndarray, str]:
        """Pixels ``(height, width, channels)`` of a file or an array, and a note."""
        shape = self.trained.model.input_shape[1:]
        if isinstance(given, (str, os.PathLike)) and os.fspath(given):
            image = read_image(
                Path(given), shape, light_on_dark=self.trained.light_on_dark, invert=invert
            )
            notes = [f"the first of {image.frames} frames"] if image.frames > 1 else []
            if image.inverted:
                notes.append("dark and light inverted (--invert no: leave as it is)")
            return image.pixels, "; ".join(notes)
        if isinstance(given, str) or not hasattr(given, "shape"):
            raise KerazooError(f"{given!r} is neither an image file nor an array.")
        pixels = np.asarray(given)
        if pixels.shape == shape[:-1] and shape[-1] == 1:
            pixels = pixels[..., None]
        if pixels.shape != shape:
            raise KerazooError(f"The array has shape {pixels.shape}; the model takes {shape}.")
        require_raw_pixels(pixels, "The array")
        return pixels, ""
