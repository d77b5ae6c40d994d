"""Pure functions on text. Nothing here knows of files, stores or processes."""
