"""What enrichment finds: a row for a book, one for each of its chapters and one for each of its names."""

SCRIPT = """
-- Spans are packed (text/enriching/spans.py), lists are JSON: both are read a book at a time.
CREATE TABLE findings (
    book INTEGER PRIMARY KEY REFERENCES books ON DELETE CASCADE,
    words INTEGER NOT NULL,
    summary BLOB NOT NULL,
    passages BLOB NOT NULL,
    terms TEXT NOT NULL,
    keyphrases TEXT NOT NULL,
    relations TEXT NOT NULL
);
CREATE TABLE chapter_findings (
    book INTEGER NOT NULL REFERENCES books ON DELETE CASCADE,
    chapter INTEGER NOT NULL,
    summary BLOB NOT NULL,
    keyphrases TEXT NOT NULL,
    PRIMARY KEY (book, chapter)
) WITHOUT ROWID;
CREATE TABLE entities (
    book INTEGER NOT NULL REFERENCES books ON DELETE CASCADE,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    type INTEGER NOT NULL,
    count INTEGER NOT NULL,
    mentions BLOB NOT NULL,
    PRIMARY KEY (book, number)
) WITHOUT ROWID;
CREATE INDEX entities_by_key ON entities (key);
"""
