"""Export to other formats, each certified by its runtime."""
