"""Librarian turns a folder of books into one searchable, verified SQLite library."""

__version__ = "0.1.0"
