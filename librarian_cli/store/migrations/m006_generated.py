"""What a language model said of books, with the model and the task that was put to it."""

SCRIPT = """
CREATE TABLE generated_tasks (id TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE generated (
    book INTEGER PRIMARY KEY REFERENCES books ON DELETE CASCADE,
    text_sha256 TEXT NOT NULL, -- of the book's text that it was made from
    model TEXT NOT NULL,
    task TEXT NOT NULL REFERENCES generated_tasks,
    summary TEXT NOT NULL,
    entities TEXT NOT NULL,
    relations TEXT NOT NULL,
    created_at REAL NOT NULL
);
"""
