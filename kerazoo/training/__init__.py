"""From a recipe to a run: the loop, the engine settings, exact resume, the run directory."""
