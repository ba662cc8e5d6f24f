"""The datasets of the zoo, one file each; ``cache.py`` keeps what they load."""
