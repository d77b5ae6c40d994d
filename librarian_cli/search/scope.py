"""Which books may answer: filters of the command and fields of the query, all of which have to hold."""

import sqlite3
from dataclasses import dataclass

from librarian_cli.models import Book
from librarian_cli.search.syntax import BookRule, split_words
from librarian_cli.store import books, order_groups, tags
from librarian_cli.text import language


@dataclass(frozen=True, slots=True)
class Scope:
    """Conditions on books; None leaves one open."""

    book: str | None = None
    author: str | None = None
    language: str | None = None
    collection: str | None = None
    """A folder's name; collections below it belong to it."""
    group: str | None = None
    """An order group."""
    min_trust: float | None = None
    tags: tuple[str, ...] = ()
    """A book has to have all of them."""
    rules: tuple[BookRule, ...] = ()

    def choose(self, connection: sqlite3.Connection) -> list[Book] | None:
        """The books that may answer; None means all. Raises: UsageError: an unknown book, no tag."""
        if self == Scope():
            return None
        chosen = [books.find(connection, self.book)] if self.book else list(books.every(connection))
        if self.group is not None:
            members = order_groups.members(connection, self.group)
            chosen = [book for book in chosen if book.row in members]
        if self.tags:
            members = tags.members(connection, self.tags)
            chosen = [book for book in chosen if book.row in members]
        return [book for book in chosen if book.first_chunk is not None and self._admits(book)]

    def _admits(self, book: Book) -> bool:
        return (
            (self.author is None or self.author.lower() in book.author.lower())
            and (self.language is None or language.normalise_tag(self.language) == book.language)
            and (self.collection is None or _is_below(book.collection, self.collection))
            and (self.min_trust is None or (book.trust_score or 0.0) >= self.min_trust)
            and all(_keeps(book, rule) for rule in self.rules)
        )


def _is_below(collection: str, wanted: str) -> bool:
    wanted = wanted.strip("/").casefold()
    return f"{collection.casefold()}/".startswith(f"{wanted}/")


def _keeps(book: Book, rule: BookRule) -> bool:
    words = split_words({"title": book.title, "author": book.author}[rule.field])
    return rule.term.stands_in(words) != rule.excluded
