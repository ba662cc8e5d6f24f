"""The kinds of task, one file each; a new one is a subclass of ``Task`` in a file of its own."""
