"""Books indexed in the forms of their language."""

SCRIPT = """
-- The analysis by which a book's chunks are indexed; NULL: as they stand, by a program that knew of none.
ALTER TABLE books ADD COLUMN analysis TEXT;
-- Filled while the index is checked, and rolled back: what it holds of the chunks that are not indexed as they stand.
CREATE TABLE indexed_texts (id INTEGER PRIMARY KEY, heading TEXT NOT NULL, text TEXT NOT NULL);
DROP VIEW chunk_texts;
CREATE VIEW chunk_texts AS
    SELECT chunks.id AS id, chunks.book AS book,
           coalesce(indexed_texts.heading, chapters.title, '') AS heading,
           coalesce(indexed_texts.text, chunks.text) AS text
    FROM chunks LEFT JOIN chapters ON chapters.book = chunks.book AND chapters.number = chunks.chapter
                LEFT JOIN indexed_texts ON indexed_texts.id = chunks.id;
"""
