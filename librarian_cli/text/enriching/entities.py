"""Names in a text: runs of capitalised words, each with the evidence of all its places together.

    capitals --not forced by a sentence's start, seldom small elsewhere--> runs --grouped--> names with evidence
    evidence (who speaks, in or at what, titles, endings, quotation marks) --entity_types--> PERSON, PLACE, ORG, WORK

Where evidence is weak the type is UNKNOWN. A language that capitalises every noun shows itself by articles before
its capitals. Scripts without capitals have no names here.
"""

import re
from dataclasses import dataclass

import numpy as np

from librarian_cli.text.enriching import entity_types, spans
from librarian_cli.text.enriching import sentences as cutting
from librarian_cli.text.enriching import tokens as reading
from librarian_cli.text.enriching.arrays import Bools, Ints
from librarian_cli.text.enriching.entity_types import Evidence
from librarian_cli.text.enriching.findings import Entity, key_of
from librarian_cli.text.enriching.sentences import Sentences
from librarian_cli.text.enriching.tokens import Tokens
from librarian_cli.text.enriching.wordset import word_set

_LEAST_COUNT, _SURE_COUNT = 2, 5
_LEAST_SPEECHES = 4
_MOST_WORDS = 5
_CONNECTORS = word_set("of de la le von van der du den del della di da d' dos bin ibn af av zu al el")
_NO_NAMES = word_set(
    "i i'm i'd i'll i've o oh ah yes no well god sir madam madame ma'am sire chapter chap book part vol volume "
    "esq section fig figure table appendix page pages contents illustration preface introduction index note "
    "notes footnote project gutenberg gutenberg-tm license january february march april may june july august "
    "september october november december monday tuesday wednesday thursday friday saturday sunday christmas "
    "easter english french german latin american british italian spanish russian greek roman european mr mrs "
    "miss ms dr ii iii iv vi vii viii ix xi xii xiii xiv xv xvi good poor dear come let well now look see bc ad "
    "pm am ok tv etc isbn http https www com org html pdf url ha hush nay aye alas hello hullo thank thanks damn "
    "hurrah hallo ay eh exit enter ha jan feb mar apr jun jul aug sep sept oct nov dec st nd rd th ed eds et al "
    "christian christians catholic catholics protestant jew jews jewish englishman englishmen englishwoman frenchman "
    "frenchmen frenchwoman irish irishman scotch scottish scotchman dutch dutchman european europeans indian indians "
    "americans germans romans greeks chinese japanese heaven lord almighty providence proceedings journal "
    "abstract conference symposium workshop fall winter spring summer proposition theorem lemma corollary proof remark "
    "definition example examples hence bemerkung beispiel beispiele satz beweis aufgabe abb sei seien ebook ebooks "
    "uncopyright priority homepage copyright scene act curtain enter exeunt exit warning caution tip important "
    "answer question see"
)
_DETERMINERS = word_set(
    "a an the this that these those my your his her its our their no every each any some der die das den dem des "
    "ein eine einen einem einer eines kein keine mein meine sein seine ihr ihre le la les un une l'"
)
_CAPITAL_NOUNS = ("de", "lb")
_ADJECTIVE = re.compile("..(?:er|es|em|[^t]en?)$")
_NOUN = re.compile("..(?:ung|heit|keit|schaft|tion|ion|tät|nis|mus|ik|chen|lein)(?:e|en|se|sen|s)?$")
_MUCH_DETERMINED = 0.1
_MUCH_SMALL = 0.35
"""A word that is written small more often than this, against its capitals, is no name by itself."""


@dataclass(frozen=True, slots=True)
class Names:
    """Entities, most frequent first; `of_mention` and `words` tell where each one is, in reading order."""

    entities: tuple[Entity, ...]
    of_mention: Ints
    words: Ints
    """The first word of each mention."""


def find_names(tokens: Tokens, sentences: Sentences, *, most: int, mentions: int) -> Names:
    """Find the names that a text tells of at least twice, at most so many, with so many of their places each."""
    first, last = _runs(tokens, sentences)
    if not len(first):
        return Names((), first, first)
    shown, of_run = _group(tokens, first, last)
    evidence = _weigh(tokens, sentences, first, last, of_run, shown)
    kept = [number for number, item in enumerate(evidence) if _is_name(item, tokens.language)]
    kept.sort(key=lambda number: (-evidence[number].count, evidence[number].name))
    kept = kept[:most]
    types = entity_types.classify([evidence[number] for number in kept])
    rank = np.full(len(shown), -1, np.int64)
    rank[kept] = np.arange(len(kept))
    of_mention = rank[of_run]
    places = of_mention >= 0
    of_mention, words, ends = of_mention[places], first[places], last[places]
    order = np.argsort(of_mention, kind="stable")
    borders = np.searchsorted(of_mention[order], np.arange(len(kept) + 1)).tolist()
    entities = []
    for place, number in enumerate(kept):
        chosen = order[borders[place] : min(borders[place] + mentions, borders[place + 1])]
        places_of = zip(tokens.starts[words[chosen]].tolist(), tokens.ends[ends[chosen]].tolist(), strict=True)
        item = evidence[number]
        entities.append(Entity(item.name, key_of(item.name), types[place], item.count, spans.pack(places_of)))
    return Names(tuple(entities), of_mention, words)


def _runs(tokens: Tokens, sentences: Sentences) -> tuple[Ints, Ints]:
    """First and last words of runs of capitalised words."""
    count, width = len(tokens), len(tokens.words)
    empty = np.zeros(0, np.int64)
    if not tokens.upper.any():
        return empty, empty
    opens = _opens(tokens, sentences)
    trusted = tokens.upper & ~opens & ~tokens.shouted
    capital = np.bincount(tokens.ids[trusted], minlength=width)
    small = np.bincount(tokens.ids[~tokens.upper & ~tokens.shouted], minlength=width)
    noun = _after(tokens, _DETERMINERS) & trusted
    determined = np.bincount(tokens.ids[noun], minlength=width)
    titled = tokens.named(entity_types.HONORIFICS)
    nameless = (tokens.named(_NO_NAMES) | tokens.is_number) & ~titled
    long_shout = tokens.shouted & (tokens.ends - tokens.starts > 5)
    common = _common_nouns(tokens, trusted, capital, determined)
    is_part = tokens.upper & ~(tokens.is_stop | nameless | common)[tokens.ids] & ~long_shout
    # At a sentence's start everything has a capital: it takes the word's other places to tell.
    followed = np.append(
        tokens.upper[1:] & ~tokens.is_stop[tokens.ids[1:]] & (tokens.gaps[1:-1] & reading.MARK == 0), False
    )
    is_part &= ~opens | ((capital > small) | titled)[tokens.ids] | ((small == 0)[tokens.ids] & followed)
    is_part &= ~_in_headings(tokens, sentences)
    is_part |= _labels(tokens) & ~(tokens.is_stop | nameless)[tokens.ids]
    is_part &= ~tokens.is_aside
    glued = _glued(tokens)
    joined = np.zeros(count, bool)
    joined[1:] = is_part[1:] & is_part[:-1] & glued[1:]
    connects = tokens.named(_CONNECTORS)[tokens.ids] & ~tokens.upper
    between = np.zeros(count, bool)
    between[1:-1] = connects[1:-1] & is_part[:-2] & is_part[2:] & glued[1:-1] & glued[2:]
    member = is_part | between
    joined[1:] |= between[1:] | between[:-1]
    first = np.flatnonzero(member & ~joined)
    last = np.flatnonzero(member & np.append(~joined[1:], True))
    short = last - first < _MOST_WORDS
    single = (last == first) & (
        titled[tokens.ids[first]] | (small > _MUCH_SMALL * np.maximum(1, capital))[tokens.ids[first]]
    )
    keep = short & ~single
    return first[keep], last[keep]


def _labels(tokens: Tokens) -> Bools:
    """Words in capitals alone at the beginning of a paragraph, before a mark: of a play, who speaks."""
    gaps = tokens.gaps
    alone = tokens.shouted & (gaps[:-1] & reading.PARAGRAPH > 0) & (gaps[1:] & reading.MARK > 0)
    alone &= gaps[1:] & reading.PARAGRAPH == 0
    often = np.bincount(tokens.ids[alone], minlength=len(tokens.words)) >= _LEAST_SPEECHES
    found: Bools = alone & often[tokens.ids]
    return found


def _common_nouns(tokens: Tokens, trusted: Bools, capital: Ints, determined: Ints) -> Bools:
    """By id, in a language that gives every noun a capital: those that articles and adjectives stand before."""
    width = len(tokens.words)
    if tokens.language not in _CAPITAL_NOUNS:
        return np.zeros(width, bool)
    adjective = np.array([bool(_ADJECTIVE.search(word)) for word in tokens.words], bool) & ~tokens.is_stop
    after = np.zeros(len(tokens), bool)
    after[1:] = (adjective[tokens.ids] & ~tokens.upper)[:-1] & (tokens.gaps[1:-1] & reading.MARK == 0)
    described = np.bincount(tokens.ids[after & trusted], minlength=width)
    formed = np.array([bool(_NOUN.search(word)) for word in tokens.words], bool)
    found: Bools = formed | (determined + described > _MUCH_DETERMINED * capital)
    return found


def _opens(tokens: Tokens, sentences: Sentences) -> Bools:
    """Words that would have a capital anyway: at a sentence's start, after a quotation mark, colon, dash or line."""
    gaps = tokens.gaps[:-1]
    opens = gaps & (reading.OPEN | reading.STRAIGHT | reading.PARAGRAPH) > 0
    opens |= (gaps & reading.MARK > 0) & (gaps & reading.SPACE == 0)
    opens |= (gaps & reading.LINE > 0) & (gaps & (reading.MARK | reading.ITALIC) > 0)
    number = tokens.is_number[tokens.ids]
    opens[1:] |= (gaps[1:] & reading.LINE > 0) & number[:-1]
    opens[sentences.first[:-1]] = True
    return opens


def _in_headings(tokens: Tokens, sentences: Sentences) -> Bools:
    """Words of sentences in which most begin with a capital, or that shout."""
    words = np.diff(sentences.first)
    capitals = np.bincount(sentences.of_word[tokens.upper], minlength=len(words))
    shouts = np.bincount(sentences.of_word[tokens.shouted], minlength=len(words))
    heading = ((capitals > 0.6 * words) & (words > 3)) | ((shouts > 0.5 * words) & (words > 1))
    found: Bools = heading[sentences.of_word]
    return found


def _glued(tokens: Tokens) -> Bools:
    """Words with nothing but space before them, or the full stop of a title or an initial."""
    gaps = tokens.gaps[:-1]
    bare = gaps & (reading.MARK | reading.PARAGRAPH) == 0
    initial = np.zeros(len(tokens), bool)
    short = (tokens.ends - tokens.starts == 1) & tokens.upper
    shortened = tokens.named(cutting.ABBREVIATIONS)
    initial[1:] = (short | shortened[tokens.ids])[:-1]
    glued: Bools = bare | (
        initial & (gaps & (reading.OPEN | reading.CLOSE | reading.STRAIGHT | reading.PARAGRAPH) == 0)
    )
    return glued


def _after(tokens: Tokens, words: frozenset[str]) -> Bools:
    """Words that stand right after one of these."""
    chosen = tokens.named(words)
    found = np.zeros(len(tokens), bool)
    found[1:] = chosen[tokens.ids[:-1]] & (tokens.gaps[1:-1] & reading.MARK == 0)
    return found


def _group(tokens: Tokens, first: Ints, last: Ints) -> tuple[list[str], Ints]:
    """Runs by what they say: the names, and the name of each run."""
    numbers: dict[str, int] = {}
    text = tokens.text
    spans = zip(tokens.starts[first].tolist(), tokens.ends[last].tolist(), strict=True)
    shown = [text[start:end] for start, end in spans]
    label = _labels(tokens)[first].tolist()
    shown = [name.title() if speaks else name for name, speaks in zip(shown, label, strict=True)]
    shown = [name if name.isalpha() else " ".join(name.split()).replace("’", "'") for name in shown]
    of_run = [numbers.setdefault(name, len(numbers)) for name in shown]
    return list(numbers), np.array(of_run, np.int64)


def _weigh(
    tokens: Tokens, sentences: Sentences, first: Ints, last: Ints, of_run: Ints, shown: list[str]
) -> list[Evidence]:
    """Count what speaks for each name's being one, and for its type."""
    gaps, count = tokens.gaps, len(tokens)
    following, before = last + 1, first - 1
    bare_after = gaps[following] & (reading.END | reading.PARAGRAPH) == 0
    bare_before = (gaps[first] & reading.MARK == 0) & (before >= 0)

    def counted(which: Bools) -> list[int]:
        return [int(n) for n in np.bincount(of_run[which], minlength=len(shown))]

    def near(places: Ints, bare: Bools, words: frozenset[str]) -> Bools:
        chosen = tokens.named(words)
        inside = (places >= 0) & (places < count)
        found: Bools = inside & bare & chosen[tokens.ids[np.clip(places, 0, count - 1)]]
        return found

    label = _labels(tokens)[first]
    says = label | near(following, bare_after, entity_types.SAYING) | near(before, bare_before, entity_types.SAYING)
    acts = near(following, bare_after & (gaps[following] & reading.MARK == 0), entity_types.PERSONAL_VERBS)
    places = near(before, bare_before, entity_types.PLACE_BEFORE)
    opens = _opens(tokens, sentences)
    around = reading.OPEN | reading.STRAIGHT | reading.ITALIC
    titles = (gaps[first] & around > 0) & (gaps[following] & (reading.CLOSE | reading.STRAIGHT | reading.ITALIC) > 0)
    trusted = label | ~opens[first] | ((last > first) & ~opens[last])
    everywhere = np.ones(len(first), bool)
    after_the = near(before, bare_before, _THE)
    facts = (everywhere, trusted, says, acts, places, titles & ~says, after_the)
    found = zip(shown, *map(counted, facts), strict=True)
    return [Evidence(*item) for item in found]


_THE = frozenset({"the"})


def _is_name(item: Evidence, language: str) -> bool:
    if item.count < _LEAST_COUNT or len(item.name) < 3 or "_" in item.name:
        return False
    if max(map(len, item.name.replace(".", " ").split())) < 3:
        return False  # initials
    if language in _CAPITAL_NOUNS and " " not in item.name and not item.says and item.count < _SURE_COUNT:
        return False  # it may be any noun
    return item.trusted >= 2 or (item.trusted >= 1 and item.trusted >= 0.2 * item.count) or item.has_title
