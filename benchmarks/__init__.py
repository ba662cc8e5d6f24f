"""Programs that measure: each writes what it found beside itself."""
