"""All SQL. A library is one SQLite file; every other layer passes records in and gets records out.

database    connections, the one writer thread, the cross-process writer lock
migrations  the schema, as an append-only list
files       where books lie on disk, and what became of each file
books       one row a book: what it is, its proposal, its totals
tasks       the durable queue: states, claims, finishes
content     text, pages, chapters, chunks and their full-text index
vectors     the library-level vector index
"""
