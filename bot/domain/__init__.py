"""The nouns of the field. Nothing here does I/O or looks at a clock."""
