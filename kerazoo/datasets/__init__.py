"""The datasets of the zoo, one file each; ``_cache.py`` keeps what they load."""
