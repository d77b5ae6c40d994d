"""Chapters say whether they are front matter, body or back matter."""

SCRIPT = """
ALTER TABLE chapters ADD COLUMN kind TEXT NOT NULL DEFAULT 'body' CHECK (kind IN ('front', 'body', 'back'));
"""
