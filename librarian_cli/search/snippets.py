"""The stretch of a passage that is shown under a hit, with the query's words marked.

Whole sentences, as many as fit; a sentence that alone is too long is cut between words, with an ellipsis.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from librarian_cli.text import chunks

MATCH_START, MATCH_END = "\x02", "\x03"
"""Around matched words in snippets; the front end turns them into what its medium has, or into nothing."""

_MAX_WORDS = 32
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    matches: bool
    sentence: int
    """Where its sentence begins."""


def snippet(text: str, words: Sequence[str], prefixes: Sequence[str] = ()) -> str:
    """Cut the sentences of a passage that hold most of the query's words, and mark these.

    Words match by a common beginning, as the index stems them; prefixes as they are.
    """
    found = _words(text, (*(_beginning(word) for word in words), *prefixes))
    if not found:
        return " ".join(text.split())
    first, last = _best_sentences(found) or _best_window(found)
    opens = first == 0 or found[first - 1].sentence < found[first].sentence
    closes = last == len(found) - 1 or found[last].sentence < found[last + 1].sentence
    start = found[first].sentence if opens else found[first].start
    end = found[last].end if not closes else len(text) if last == len(found) - 1 else found[last + 1].sentence
    marked = _mark(text, found[first : last + 1], start, end)
    return "… " * (not opens) + " ".join(marked.split()) + " …" * (not closes)


def _beginning(word: str) -> str:
    return word[: max(3, len(word) - 2)] if len(word) > 3 else word


def _words(text: str, beginnings: tuple[str, ...]) -> list[_Word]:
    borders = (0, *chunks.sentence_starts(text), len(text) + 1)
    found, place = [], 0
    for token in _WORD.finditer(text):
        while token.start() >= borders[place + 1]:
            place += 1
        found.append(_Word(token.start(), token.end(), token[0].lower().startswith(beginnings), borders[place]))
    return found


def _best_sentences(found: Sequence[_Word]) -> tuple[int, int] | None:
    """The run of whole sentences within the limit with most matches, the first of equals; (first, last) word.

    None where it has less than half of the matches that a cut through sentences could show.
    """
    firsts = [place for place, word in enumerate(found) if not place or found[place - 1].sentence < word.sentence]
    firsts.append(len(found))
    best, best_count = None, -1
    for number, start in enumerate(firsts[:-1]):
        end = start
        for border in firsts[number + 1 :]:
            if border - start > _MAX_WORDS:
                break
            end = border
        count = sum(word.matches for word in found[start:end])
        if end > start and count > best_count:
            best, best_count = (start, end - 1), count
    first, last = _best_window(found)
    most = sum(word.matches for word in found[first : last + 1])
    return best if 2 * best_count >= most else None


def _best_window(found: Sequence[_Word]) -> tuple[int, int]:
    count = sum(word.matches for word in found[:_MAX_WORDS])
    best, best_count = 0, count
    for start in range(1, len(found) - _MAX_WORDS + 1):
        count += found[start + _MAX_WORDS - 1].matches - found[start - 1].matches
        if count > best_count:
            best, best_count = start, count
    return best, min(best + _MAX_WORDS, len(found)) - 1


def _mark(text: str, words: Sequence[_Word], start: int, end: int) -> str:
    pieces, at = [], start
    for word in words:
        pieces.append(text[at : word.start])
        shown = text[word.start : word.end]
        pieces.append(f"{MATCH_START}{shown}{MATCH_END}" if word.matches else shown)
        at = word.end
    return "".join([*pieces, text[at:end]])
