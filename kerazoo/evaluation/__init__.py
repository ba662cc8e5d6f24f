"""Scores, linear models, the Fréchet distance, and every picture that is drawn."""
