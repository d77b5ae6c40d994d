"""Tags of books.

A tag is of a book, not of a file: a book is a content, so its copies share its tags, and they go where its files are
moved or renamed to, outlast every new reading, and go with the book. An edited file is a book of its own, which would
lose them. So a file that ceases to hold a book keeps its tags, for the new book that it becomes; whether it was read
well at once, was empty for a moment, or changed while it was read.

There is no table of the tags themselves: a tag is there for as long as a book has it.
"""

SCRIPT = """
-- `key` is what is compared, `name` what is shown; all rows of a key have the same name.
CREATE TABLE tags (
    key TEXT NOT NULL,
    book INTEGER NOT NULL REFERENCES books ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (key, book)
) WITHOUT ROWID;
CREATE INDEX tags_by_book ON tags (book);
CREATE TABLE kept_tags (
    file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (file, key)
) WITHOUT ROWID;
"""
