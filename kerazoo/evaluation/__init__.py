"""Linear models, the Fréchet distance, how samples are judged, and every picture that is drawn."""
