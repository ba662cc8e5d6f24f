"""Export to other formats, each certified by its own runtime."""
