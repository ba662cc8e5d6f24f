"""Data of the user's own: folders of pictures, arrays, tables, series, texts."""
