"""Vectors for chunks and queries. One file per embedder."""
