"""The terms of a query in the forms in which the index holds them: one a language of the books that may answer.

    Häuser  --English--> "häuser"  --German--> "hausˢ"     any of them will do
    図書館  --English--> "図書館"  --Chinese, Japanese--> "図書", "書館"

Where all those books are indexed as they stand, a query stays as it was typed.
"""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace

from librarian_cli.models import Book
from librarian_cli.search.syntax import MAX_WORDS, Parsed, Term
from librarian_cli.store import fulltext
from librarian_cli.text import analysis


def spelled(connection: sqlite3.Connection, parsed: Parsed, allowed: Sequence[Book] | None) -> Parsed:
    """Give every term its forms in `allowed` books, or in all. Optional stop words go, by language."""
    names = analyses(connection, allowed)
    if names <= {analysis.AS_IT_STANDS}:
        return parsed
    words = [word for term in parsed.optional if not term.prefix for word in term.words]
    telling = analysis.telling(words, names)
    optional = []
    for term in parsed.optional:
        wanted = [name for name in names if term.prefix or term.words[0] in telling[name]]
        forms = _beginnings(term, wanted) if term.prefix else analysis.anywhere(" ".join(term.words), wanted)
        if forms:
            optional.append(replace(term, forms=tuple(forms[:MAX_WORDS])))
    required, excluded = (
        tuple(replace(term, forms=_in_a_row(term, names)) for term in terms)
        for terms in (parsed.required, parsed.excluded)
    )
    return replace(parsed, optional=tuple(optional) or parsed.optional, required=required, excluded=excluded)


def for_vectors(connection: sqlite3.Connection, text: str, allowed: Sequence[Book] | None) -> str:
    """A text in all the forms in which the terms of the vectors are counted."""
    names = analyses(connection, allowed) or {analysis.AS_IT_STANDS}
    return " ".join(analysis.telling_form(text, name) for name in sorted(names))


def analyses(connection: sqlite3.Connection, allowed: Sequence[Book] | None) -> set[str]:
    """The analyses of the books that may answer, of which this program can make the forms."""
    found = fulltext.analyses(connection, None if allowed is None else [book.row for book in allowed])
    return {name for name in found if analysis.is_known(name)}


def _in_a_row(term: Term, names: Collection[str]) -> tuple[str, ...]:
    if term.prefix:
        return tuple(_beginnings(term, names))
    return tuple(dict.fromkeys(filter(None, (analysis.phrase(" ".join(term.words), name) for name in sorted(names)))))


def _beginnings(term: Term, names: Collection[str]) -> list[str]:
    """The term as typed, going on; and the whole word, whose stem may be shorter than what was typed."""
    whole = (analysis.phrase(" ".join(term.words), name) for name in sorted(names) if name != analysis.AS_IT_STANDS)
    return list(dict.fromkeys([term.fts, *filter(None, whole)]))
