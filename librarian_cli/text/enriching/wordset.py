"""Word lists, written as one text."""


def word_set(words: str) -> frozenset[str]:
    """Split words at white space."""
    return frozenset(words.split())
