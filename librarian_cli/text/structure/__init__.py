"""Chapters: from the structure of a file, and from the text itself."""
