"""The stretch of a passage that is shown under a hit, with the query's words marked.

Whole sentences, as many as fit; a sentence that alone is too long is cut between words, with an ellipsis.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from librarian_cli.text import analysis, chunks

MATCH_START, MATCH_END = "\x02", "\x03"
"""Around matched words in snippets; the front end turns them into what its medium has, or into nothing."""

_MAX_WORDS = 32
_MAX_CJK_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    matches: bool
    sentence: int
    """Where its sentence begins."""


def snippet(
    text: str,
    words: Sequence[str],
    prefixes: Sequence[str] = (),
    name: str = analysis.AS_IT_STANDS,
    phrases: Sequence[Sequence[str]] = (),
) -> str:
    """Cut the sentences of a passage that hold most of the query's words, and mark these.

    Words match by the stems of the analysis `name`, or where that has none by a common beginning; prefixes as they
    are; Chinese and Japanese by the pairs of characters that are looked for. The words of a phrase match where they
    follow each other, and each by itself in a passage where they never do (the title may hold the phrase).
    """
    found = _words(text, words, prefixes, name, phrases)
    if not found:
        return " ".join(text.split())
    most = _MAX_CJK_CHARACTERS if 2 * sum(map(analysis.is_cjk, text)) > len(text) else _MAX_WORDS
    first, last = _best_sentences(found, most) or _best_window(found, most)
    opens = first == 0 or found[first - 1].sentence < found[first].sentence
    closes = last == len(found) - 1 or found[last].sentence < found[last + 1].sentence
    start = found[first].sentence if opens else found[first].start
    end = found[last].end if not closes else len(text) if last == len(found) - 1 else found[last + 1].sentence
    marked = _mark(text, found[first : last + 1], start, end)
    return "… " * (not opens) + " ".join(marked.split()) + " …" * (not closes)


def _beginning(word: str) -> str:
    return word[: max(3, len(word) - 2)] if len(word) > 3 else word


def _words(
    text: str, words: Sequence[str], prefixes: Sequence[str], name: str, phrases: Sequence[Sequence[str]]
) -> list[_Word]:
    borders = (0, *chunks.sentence_starts(text), len(text) + 1)
    tokens = list(analysis.TOKEN.finditer(text))
    in_phrases: set[int] = set()
    for phrase in phrases:
        places = set(_places_of(phrase, tokens, name))
        in_phrases |= places
        words = words if places else [*words, *phrase]
    covered = set(_covered(text, words))
    matches = _matcher(words, prefixes, name)
    found, border = [], 0
    for place, token in enumerate(tokens):
        while token.start() >= borders[border + 1]:
            border += 1
        is_match = token.start() in covered if analysis.is_cjk(token[0]) else matches(token[0].lower())
        found.append(_Word(token.start(), token.end(), is_match or place in in_phrases, borders[border]))
    return found


def _places_of(phrase: Sequence[str], tokens: Sequence[re.Match[str]], name: str) -> Iterator[int]:
    """The tokens that stand where a phrase does."""
    checks = [_matcher([word], (), name) for word in phrase]
    shown = [token[0].lower() for token in tokens]
    for start in range(len(shown) - len(checks) + 1):
        if all(check(word) for check, word in zip(checks, shown[start:], strict=False)):
            yield from range(start, start + len(checks))


def _matcher(words: Sequence[str], prefixes: Sequence[str], name: str) -> Callable[[str], bool]:
    pieces = [piece for word in words for piece in analysis.pieces(word) if not analysis.is_cjk(piece)]
    if analysis.language_of(name) == "en" or not analysis.is_known(name):
        beginnings = (*map(_beginning, pieces), *prefixes)
        return lambda word: word.startswith(beginnings)
    stems = {_bare(analysis.indexed_form(piece, name)) for piece in pieces}
    return lambda word: word.startswith(tuple(prefixes)) or _bare(analysis.indexed_form(word, name)) in stems


def _covered(text: str, words: Sequence[str]) -> Iterator[int]:
    """The places of the CJK characters that are part of a pair that is looked for."""
    for pair in {piece for word in words for piece in analysis.pieces(word) if analysis.is_cjk(piece)}:
        at = text.find(pair)
        while at >= 0:
            yield from range(at, at + len(pair))
            at = text.find(pair, at + 1)


def _bare(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


def _best_sentences(found: Sequence[_Word], limit: int) -> tuple[int, int] | None:
    """The run of whole sentences within the limit with most matches, the first of equals; (first, last) word.

    None where it has less than half of the matches that a cut through sentences could show.
    """
    firsts = [place for place, word in enumerate(found) if not place or found[place - 1].sentence < word.sentence]
    firsts.append(len(found))
    best, best_count = None, -1
    for number, start in enumerate(firsts[:-1]):
        end = start
        for border in firsts[number + 1 :]:
            if border - start > limit:
                break
            end = border
        count = sum(word.matches for word in found[start:end])
        if end > start and count > best_count:
            best, best_count = (start, end - 1), count
    first, last = _best_window(found, limit)
    most = sum(word.matches for word in found[first : last + 1])
    return best if 2 * best_count >= most else None


def _best_window(found: Sequence[_Word], limit: int) -> tuple[int, int]:
    count = sum(word.matches for word in found[:limit])
    best, best_count = 0, count
    for start in range(1, len(found) - limit + 1):
        count += found[start + limit - 1].matches - found[start - 1].matches
        if count > best_count:
            best, best_count = start, count
    return best, min(best + limit, len(found)) - 1


def _mark(text: str, words: Sequence[_Word], start: int, end: int) -> str:
    pieces, at = [], start
    for word in words:
        pieces.append(text[at : word.start])
        shown = text[word.start : word.end]
        pieces.append(f"{MATCH_START}{shown}{MATCH_END}" if word.matches else shown)
        at = word.end
    return "".join([*pieces, text[at:end]]).replace(MATCH_END + MATCH_START, "")
