"""All SQL. A library is one SQLite file; every other layer passes records in and gets records out.

connections  how the file is opened, and what SQLite's errors mean for a person
writer       the one thread of a process that writes, and the lock between processes
database     both together, as the rest of the program holds a library
migrations   the schema, as an append-only list
files        where books lie on disk, and what became of each file
tags         labels that people give to books
books        one row a book: what it is, its proposal, its totals
tasks        the durable queue: states, claims, finishes
order_groups who waits for whom before the gate
jobs         requests: what each looked at, which books it waits for
pauses       what begins nothing for now
owners       which processes work on this library, and how their workers are
agents       who worked on what
activity     the log of what happened
content      text, pages, chapters, chunks and their full-text index
vectors      the library-level vector index
generated    what a language model said of books
embedders    models from outside, which books wait for them, and what was asked of their servers
"""
