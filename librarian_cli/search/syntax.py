"""The query language: what a person typed -> what must, may and must not occur, and in which books.

    words                any of them may occur; rare ones count more
    "a phrase"           must occur, word after word
    begin*               any word that begins so may occur
    -word  -"a phrase"   must not occur
    title:word  author:"two words"  -title:word    which books may answer

Owns: parsing, and the FTS5 expression of what was parsed. Must not know: the store, scores, vectors. Any text parses:
what is no syntax is a word or a gap between words, and every word reaches FTS5 in quotes, so none can be an operator.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from librarian_cli.errors import UsageError
from librarian_cli.text import language

MAX_CHARS = 4000
MAX_WORDS = 64
MIN_PREFIX_CHARS = 2
"""`a*` would stand for a tenth of all words."""

_WORD = re.compile(r"[^\W_]+")
_QUOTES = str.maketrans("“”„‟«»\0", '"""""" ')
_ITEM = re.compile(
    r"(?:(?<!\S)(?P<minus>-))?(?:(?<!\w)(?P<field>title|author):)?"
    r'(?:(?<!\w)"(?P<phrase>[^"]*)"|(?P<run>[^\W_]+(?:[-_.\'’/][^\W_]+)*)(?P<star>\*)?)'
)


@dataclass(frozen=True, slots=True)
class Term:
    """One word, or several that follow each other; with `prefix` the last one may go on."""

    words: tuple[str, ...]
    prefix: bool = False
    forms: tuple[str, ...] = ()
    """What FTS5 is asked for, any of it, where that is not the words as they stand. See forms.py."""

    @property
    def fts(self) -> str:
        """The term as FTS5 reads it: words are letters and digits only, so quotes hold them safely."""
        if self.forms:
            return f"({' OR '.join(self.forms)})"
        return f'"{" ".join(self.words)}"' + "*" * self.prefix

    def stands_in(self, words: Sequence[str]) -> bool:
        """Whether the term occurs in a text that was split by `split_words`."""
        size, last = len(self.words), self.words[-1]
        for start in range(len(words) - size + 1):
            found = words[start : start + size]
            if tuple(found[:-1]) == self.words[:-1] and (
                found[-1] == last or (self.prefix and found[-1].startswith(last))
            ):
                return True
        return False


@dataclass(frozen=True, slots=True)
class BookRule:
    """Books have to have, or with `excluded` not to have, this term in a field (title or author)."""

    field: str
    term: Term
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query taken apart."""

    optional: tuple[Term, ...] = ()
    """In the order typed; one that is typed twice counts twice."""
    required: tuple[Term, ...] = ()
    excluded: tuple[Term, ...] = ()
    rules: tuple[BookRule, ...] = field(default=())

    @property
    def wanted(self) -> tuple[Term, ...]:
        """Everything that makes a passage a better answer."""
        return self.optional + self.required

    @property
    def text(self) -> str:
        """The words that are looked for, as plain text."""
        return " ".join(word for term in self.wanted for word in term.words)


def parse(text: str) -> Parsed:
    """Take a query apart. Stop words go where something more telling remains.

    Raises: UsageError: too long, nothing to search for, or more phrases and exclusions than allowed.
    """
    if len(text) > MAX_CHARS:
        raise UsageError(f"the query has {len(text)} characters; at most {MAX_CHARS} are allowed, so shorten it")
    words: list[Term] = []
    required: list[Term] = []
    excluded: list[Term] = []
    rules: list[BookRule] = []
    for item in _ITEM.finditer(_normalise(text)):
        term, minus = _term(item), item["minus"] is not None
        if not term.words:
            continue
        if item["field"]:
            rules.append(BookRule(item["field"], term, minus))
        elif minus:
            excluded.append(term)
        elif item["phrase"] is not None:
            required.append(term)
        else:
            words += [term] if term.prefix else [Term((word,)) for word in term.words]
    _require_sense(words, required, excluded, rules)
    telling = [term for term in words if term.prefix or term.words[0] not in language.STOP_WORDS["en"]]
    optional = telling if telling or required else words
    return Parsed(tuple(optional[:MAX_WORDS]), tuple(required), tuple(excluded), tuple(rules))


def split_words(text: str) -> list[str]:
    """Split a title or a name into words that compare with those of a Term, accents dropped."""
    return _WORD.findall(_bare(_normalise(text)))


def expression(optional: Iterable[Term], required: Sequence[Term], excluded: Sequence[Term]) -> str:
    """Write an FTS5 expression: any of `optional` or `required`, all of `required`, none of `excluded`."""
    wanted = " OR ".join(term.fts for term in (*optional, *required))
    every = " AND ".join([f"({wanted})", *(term.fts for term in required)])
    return f"({every}) NOT ({any_of(excluded)})" if excluded else every


def any_of(terms: Iterable[Term]) -> str:
    """Write an FTS5 expression for what holds any of the terms."""
    return " OR ".join(term.fts for term in terms)


def all_of(terms: Iterable[Term]) -> str:
    """Write an FTS5 expression for what holds all of the terms."""
    return " AND ".join(term.fts for term in terms)


def _term(item: re.Match[str]) -> Term:
    words = _WORD.findall(item["run"] if item["phrase"] is None else item["phrase"])
    if item["field"]:
        words = [_bare(word) for word in words]
    return Term(tuple(words), prefix=item["star"] is not None and len(words[-1]) >= MIN_PREFIX_CHARS)


def _require_sense(
    words: Sequence[Term], required: Sequence[Term], excluded: Sequence[Term], rules: Sequence[BookRule]
) -> None:
    if not words and not required:
        if excluded or rules:
            raise UsageError(
                "the query says only what must not occur, or in which books; add words to search for, "
                "see `librarian search --help`"
            )
        raise UsageError("the query has no words to search for; write at least one")
    count = sum(len(term.words) for term in (*required, *excluded, *(rule.term for rule in rules)))
    if count > MAX_WORDS:
        raise UsageError(
            f"the query has {count} words in phrases, exclusions and fields; at most {MAX_WORDS} are allowed, "
            "so shorten it"
        )


def _normalise(text: str) -> str:
    return unicodedata.normalize("NFC", text.translate(_QUOTES).lower())


def _bare(text: str) -> str:
    return "".join(_letters(text))


def _letters(text: str) -> Iterator[str]:
    return (char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))
