"""What the full-text index holds of a text: its words in the forms that its language gives them.

Owns: which analysis a text needs, the forms of its words, and how a query asks for them. Must not know: how the
index is stored.

    English, unknown    ""             the text as it stands; FTS5's `porter unicode61` does the rest
    other alphabets     "de 2 3.1.0"   Häuser steht -> hausˢ stehtˢ      (Snowball stem and a mark)
    Chinese, Japanese,  "cjk 2"        図書館です -> 図書 書館 館で で すˢ   (each character with the one after it, but
    Korean                                                                those of grammar alone)

Characters of grammar stand so often in a passage that their places in one list take less room than in a list for
each of their pairs. A phrase finds pairs of them all the same: what is found, and its BM25, are as if all were pairs.

An analysis is known by its name, which changes when it would give other forms: its own version and, where it stems,
that of the stemmer. The mark keeps stems of other languages apart from English words, and from Porter's rules.
"""

import re
import threading
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from itertools import pairwise

from librarian_cli.text import language

AS_IT_STANDS = ""

_CJK_NAME = "cjk 2"
_STEMS_VERSION = 2
_STEMMERS = {
    "cs": "czech", "da": "danish", "de": "german", "el": "greek", "es": "spanish", "fi": "finnish", "fr": "french",
    "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip
_OTHER_ALPHABETS = frozenset({"el", "ru"})
"""Words in plain Latin letters are English there more often than not, and stay as they stand."""
_MARK = "ˢ"
"""Of stems and of the ends of runs. A letter to Unicode and FTS5, and in no word of these languages."""
_MAX_CACHED_WORDS = 1 << 18
_WORD = re.compile(r"[^\W_]+")
_CJK = (
    "\u3005-\u3007\u3041-\u312f\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af"
)
_CJK_LEADS = (*range(0xE3, 0xEE), 0xEF, 0xF0)
_CJK_CHARACTER = re.compile(f"[{_CJK}]")
TOKEN = re.compile(rf"[{_CJK}]|(?:(?![{_CJK}])\w)+")
"""A word, or a CJK character."""
_PIECE = re.compile(f"[{_CJK}]+|[^{_CJK}]+")
_HIRAGANA_ONLY = re.compile("[\u3041-\u309f]+")
_ALONE = frozenset(map(chr, range(0x3041, 0x30A0))) | frozenset(
    "的一是不了在有我你他她它这這那个個们們吗嗎呢吧着著和与與及或也都就而以于於之其为為所被把从從到对對来來上下中得过過会會可能要"
)
"""Characters of grammar: tokens of their own, whatever follows."""


def choose(text: str, code: str) -> str:
    """Name the analysis that a text in a language (ISO 639-1 or "") needs."""
    if code in _STEMMERS:
        return _stems_name(code)
    return _CJK_NAME if _may_be_cjk(text) and _CJK_CHARACTER.search(text) else AS_IT_STANDS


def _may_be_cjk(text: str) -> bool:
    """Whether a text holds a byte in UTF-8 with which such a character begins: no pattern is looked up as quickly."""
    if text.isascii():
        return False
    data = text.encode("utf-8", "surrogatepass")
    return any(lead in data for lead in _CJK_LEADS)


def is_known(name: str) -> bool:
    """Whether the forms that an analysis gave can be made again."""
    return name in (AS_IT_STANDS, _CJK_NAME) or (language_of(name) in _STEMMERS and name == _stems_name(name[:2]))


def language_of(name: str) -> str:
    """The language whose stems an analysis gives; English where it gives none."""
    return "en" if name in (AS_IT_STANDS, _CJK_NAME) else name.partition(" ")[0]


def indexed_form(text: str, name: str) -> str:
    """Put a text into the form in which the index holds it; `name` must be known."""
    if name == AS_IT_STANDS:
        return text
    return " ".join(map(_forms(name, _ALONE).__getitem__, _words(text)))


def telling_form(text: str, name: str) -> str:
    """The indexed form without the stop words of its language, and with all pairs, for counting terms."""
    if name == AS_IT_STANDS:
        return text
    stop_words = language.STOP_WORDS[language_of(name)]
    forms = _forms(name, frozenset())
    return " ".join(map(forms.__getitem__, (word for word in _words(text) if word not in stop_words)))


def phrase(text: str, name: str) -> str:
    """An FTS5 expression for these words in a row, in one analysis; "" where there is no word."""
    if name == AS_IT_STANDS:
        return _quoted(text) if _WORD.search(text) else ""
    *tokens, last = indexed_form(text, name).split() or [""]
    if not _CJK_CHARACTER.match(last):
        return _quoted(" ".join([*tokens, last])) if last else ""
    # The run may go on in the book: its last character begins a pair there, or has no mark.
    last = last[0]
    if tokens and tokens[-1][1:] == last:
        return _quoted(" ".join(tokens))
    return _quoted(" ".join([*tokens, last])) + " *"


def anywhere(word: str, names: Collection[str]) -> list[str]:
    """FTS5 expressions for a word in the forms of some analyses, of which one is enough; the more hold, the better.

    A run of Chinese or Japanese is not cut at words: it asks for its pairs.
    """
    found: dict[str, None] = {}
    for name in sorted(names):
        asked = [word] if name == AS_IT_STANDS else pieces(word)
        found.update(dict.fromkeys(filter(None, (phrase(piece, name) for piece in asked))))
    return list(found)


def telling(words: Collection[str], names: Collection[str]) -> dict[str, set[str]]:
    """For each analysis the words that are no stop words of its language; all, where all are.

    As an English word one counts unless it is a stop word of another language and means nothing in English.
    """
    found = {}
    codes = {language_of(name) for name in names}
    for name in names:
        stopped = language.STOP_WORDS[language_of(name)]
        if language_of(name) == "en":
            others = frozenset().union(*(language.STOP_WORDS[code] for code in codes))
            stopped = stopped | (others - language.ENGLISH_TOO)
        found[name] = {word for word in words if word.lower() not in stopped} or set(words)
    return found


def pieces(word: str) -> list[str]:
    """Cut a word into pairs of CJK characters and what is between.

    Pairs of hiragana are mostly particles and endings: they are left out where there is anything else.
    """
    found: list[str] = []
    for piece in (piece for part in _words(word) for piece in _PIECE.findall(part)):
        found += [piece[at : at + 2] for at in range(max(1, len(piece) - 1))] if is_cjk(piece) else [piece]
    return [piece for piece in found if not _HIRAGANA_ONLY.fullmatch(piece)] or found


def is_cjk(text: str) -> bool:
    """Whether a text begins with a Chinese, Japanese or Korean character."""
    return _CJK_CHARACTER.match(text) is not None


class _Forms(dict[str, str]):
    """The indexed form of each word, made once. Words with CJK characters are made each time: few come twice.

    Characters that are `alone` are tokens of their own, whatever follows.
    """

    def __init__(self, code: str, alone: Collection[str]) -> None:
        self._alone = alone
        self._stemmer = None
        self._keeps_latin = code in _OTHER_ALPHABETS
        self._lock = threading.Lock()  # a stemmer serves one thread at a time
        if code in _STEMMERS:
            import Stemmer  # English alone does without

            self._stemmer = Stemmer.Stemmer(_STEMMERS[code], 0)

    def __missing__(self, word: str) -> str:
        if not word.isascii() and _CJK_CHARACTER.search(word):
            runs = _PIECE.findall(word)
            return " ".join(_cut(run, self._alone) if _CJK_CHARACTER.match(run) else self[run] for run in runs)
        if self._stemmer is None or not word.isalpha() or (self._keeps_latin and word.isascii()):
            return word
        with self._lock:
            form = str(self._stemmer.stemWord(word)) + _MARK
            if len(self) >= _MAX_CACHED_WORDS:
                self.clear()
            self[word] = form
        return form


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def _cut(run: str, alone: Collection[str]) -> str:
    """Each character with the one after it, but those that are alone: every character begins one token.

    One that is alone at the end has a mark: what follows it there, after a full stop, makes no pair with it.
    """
    tokens = [one if one in alone else one + after for one, after in pairwise(run)]
    return " ".join([*tokens, run[-1] + _MARK if run[-1] in alone else run[-1]])


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@lru_cache(maxsize=32)
def _forms(name: str, alone: frozenset[str]) -> _Forms:
    return _Forms(name.partition(" ")[0], alone)


@lru_cache(maxsize=32)
def _stems_name(code: str) -> str:
    import Stemmer

    return f"{code} {_STEMS_VERSION} {Stemmer.version()}"
