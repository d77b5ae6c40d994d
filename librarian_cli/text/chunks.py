"""Chunks: the pieces of a book that are indexed and found, packed by sentence.

Owns where a text is cut. It must not know chapters, only offsets that no chunk may cross.

    [start ........ target ..|.. max]   the last paragraph end in |..|, else sentence end, else one before target,
                                        else line, else space, else hard
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

MAX_CHARS = 1_000
TARGET_CHARS = 800
_LONG_LINE_CHARS = 120
_MIN_SHARE = 0.4
_MAX_CLUSTER_CHARS = 32
_WINDOW_CHARS = 64
_ZERO_WIDTH_JOINER = "\u200d"
_ABBREVIATIONS = (
    "Mr Mrs Ms Dr St Sr Jr Mt Prof Rev Hon Gen Col Capt Lt Sgt Esq Messrs Mme Mlle vs cf viz etc vol Vol pp No Nos "
    "Fig Figs Eq Sec Ch ed eds al e.g i.e z.B d.h u.a bzw ca Nr Bd"
)
_BY_LENGTH = groupby(sorted(_ABBREVIATIONS.split(), key=len), key=len)
_NO_ABBREVIATION = "".join(rf"(?<!\b(?:{'|'.join(map(re.escape, words))})\.)" for _, words in _BY_LENGTH)
# It begins with one set of characters, for which the engine looks much faster than for one of several beginnings.
_SENTENCE_END = re.compile(
    r"[.!?…。！？](?:(?<=[。！？])[。！？]*[」』”’）》]*\s*(?=\S)"
    rf"|{_NO_ABBREVIATION}(?<!\b[A-Z]\.)[\"'”’»›)\]*_]*\s+(?=[^\sa-z]))"
)
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n\s*(?=\S)")
_LINE_END = re.compile(r"\n\s*(?=\S)")


def split_chunks(
    text: str, *, boundaries: Sequence[int] = (), target_chars: int = TARGET_CHARS, max_chars: int = MAX_CHARS
) -> tuple[int, ...]:
    """Cut a text into chunks of `target_chars` to `max_chars` characters that tile it.

    Chunk i is `text[cuts[i]:cuts[i + 1]]`; joined they are the text. None crosses a boundary; before one, and at the
    end, what is left is shared evenly between the last two. White space belongs to the chunk before it.
    Returns: cuts, ascending from 0 to len(text), or () for an empty text.
    Raises: ValueError: unless 0 < target_chars <= max_chars.
    """
    if not 0 < target_chars <= max_chars:
        raise ValueError(f"target_chars must lie between 1 and max_chars, not {target_chars} of {max_chars}")
    if not text:
        return ()
    edges = sorted({0, len(text), *(b for b in boundaries if 0 < b < len(text))})
    paragraph_end = _paragraph_end(text)
    cuts = [0]
    for start, end in pairwise(edges):
        cuts.extend(_cut_section(text, start, end, (target_chars, max_chars), paragraph_end))
    return tuple(cuts)


def sentence_starts(text: str) -> tuple[int, ...]:
    """Where sentences and paragraphs begin after the first one, ascending."""
    ends = {match.end() for pattern in (_SENTENCE_END, _PARAGRAPH_END) for match in pattern.finditer(text)}
    return tuple(sorted(ends))


def _cut_section(
    text: str, start: int, end: int, limits: tuple[int, int], paragraph_end: re.Pattern[str]
) -> Iterator[int]:
    target, most = limits
    while end - start > most:
        left = end - start
        if left < target + most:
            half = (left + 1) // 2
            low, high = max(left - most, half - most // 8), min(most, half + most // 8)
        else:
            low, high = target, most
        start = _best_cut(text, start, start + low, start + high, paragraph_end)
        yield start
    yield end


def _paragraph_end(text: str) -> re.Pattern[str]:
    """Lines that are long on average are paragraphs; wrapped lines need a blank one between them."""
    return _LINE_END if len(text) > _LONG_LINE_CHARS * (text.count("\n") + 1) else _PARAGRAPH_END


def _best_cut(text: str, start: int, low: int, high: int, paragraph_end: re.Pattern[str]) -> int:
    """Choose the cut in [low, high], or before low when only there a sentence ends. Always beyond `start`."""
    cut = _last_end(paragraph_end, text, low, high) or _last_end(_SENTENCE_END, text, low, high)
    if cut:
        return cut
    floor = start + max(1, int((low - start) * _MIN_SHARE))
    cut = _last_end(_SENTENCE_END, text, floor, low) or _last_end(_LINE_END, text, low, high)
    return cut or _hard_cut(text, low, high)


def _last_end(pattern: re.Pattern[str], text: str, low: int, high: int) -> int:
    """The last end of a match in [low, high], or 0, looked for from the end. A match may begin a little before low."""
    stop = high
    while stop > low:
        start, end = max(low, stop - _WINDOW_CHARS), 0
        at = max(0, start - 8)
        while match := pattern.search(text, at, stop + 1):
            at = end = match.end()
        if end >= start:
            return end
        stop = start
    return 0


def _hard_cut(text: str, low: int, high: int) -> int:
    space = text.rfind(" ", low, high)
    if space >= 0:
        return space + 1
    cut = high
    while cut > max(low, high - _MAX_CLUSTER_CHARS) and _joined(text, cut):
        cut -= 1
    return high if _joined(text, cut) else cut


def _joined(text: str, cut: int) -> bool:
    """Whether the characters around a cut belong to one grapheme, as far as that is cheap to tell."""
    char = text[cut]
    return (
        unicodedata.combining(char) > 0 or _ZERO_WIDTH_JOINER in (char, text[cut - 1]) or "\ufe00" <= char <= "\ufe0f"
    )
