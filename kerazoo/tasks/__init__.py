"""The kinds of task, one file each; a new one is one file with a subclass of ``Task``."""
