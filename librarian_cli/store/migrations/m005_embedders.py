"""Vectors of models from outside, and what was asked of their servers."""

SCRIPT = """
-- A model that made vectors; its id stands in vectors.basis. A basis without a row here is a built-in one.
-- `canary` is the vector of a fixed text, by which it is seen whether a model is still the same.
CREATE TABLE embedders (
    id TEXT PRIMARY KEY,
    signature TEXT NOT NULL,
    kind TEXT NOT NULL,
    model TEXT NOT NULL,
    dimensions INTEGER NOT NULL,
    canary BLOB NOT NULL,
    created_at REAL NOT NULL
) WITHOUT ROWID;

-- Vectors of some chunks of a book, from the one numbered `start` on, until those of all are there.
CREATE TABLE vector_parts (
    book INTEGER NOT NULL REFERENCES books ON DELETE CASCADE,
    basis TEXT NOT NULL,
    start INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    codes BLOB NOT NULL,
    PRIMARY KEY (book, basis, start)
);

CREATE TABLE endpoint_usage (
    host TEXT NOT NULL,
    model TEXT NOT NULL,
    calls INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    limited INTEGER NOT NULL DEFAULT 0,
    tokens INTEGER NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    updated_at REAL NOT NULL,
    PRIMARY KEY (host, model)
) WITHOUT ROWID;
"""
