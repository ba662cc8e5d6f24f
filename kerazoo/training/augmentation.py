"""Random changes of the training images, as Keras layers that the saved model lacks."""

from __future__ import annotations

from kerazoo._lazy import keras
from kerazoo.errors import KerazooError
from kerazoo.spec import Recipe

ERASED = 0.02, 0.25  # smallest and largest area, of the image's: sides of 14 to 50 %


def with_augmentation(model: keras.Model, recipe: Recipe) -> keras.Model:
    """The model behind the recipe's random layers, if it has any, sharing its weights.

    It is always another model, so that compiling it does not change the original. What a shift,
    rotation or zoom uncovers is filled with zeros.

    Raises:
        KerazooError: the recipe changes images, but the model takes none.
    """
    shape = model.input_shape[1:]
    if recipe.augments and len(shape) != 3:
        raise KerazooError(
            f"the recipe's augment_* fields change images; {model.name!r} takes examples of "
            f"shape {shape}."
        )
    how = {"fill_mode": "constant", "interpolation": recipe.augment_interpolation}
    inputs = keras.Input(shape, dtype=model.inputs[0].dtype, name="raw_input")
    x = inputs
    if recipe.augment_flip:
        x = keras.layers.RandomFlip("horizontal", name="flip")(x)
    if recipe.augment_rotate:
        turn = recipe.augment_rotate / 360  # Keras counts in full circles
        x = keras.layers.RandomRotation(turn, name="rotate", **how)(x)
    if recipe.augment_zoom:
        x = keras.layers.RandomZoom(recipe.augment_zoom, name="zoom", **how)(x)
    if recipe.augment_shift:
        shift = recipe.augment_shift
        x = keras.layers.RandomTranslation(shift, shift, name="shift", **how)(x)
    if recipe.augment_erase:
        probability = (recipe.augment_erase,) * 2  # a single number would be its upper limit
        x = keras.layers.RandomErasing(probability, ERASED, fill_value=0.0, name="erase")(x)
    return keras.Model(inputs, model(x), name=f"{model.name}_in_training")
