"""Everything that enrichment finds in one text, from one pass over its words.

    text --tokens--> words, sentences --+--> phrases -----> keyphrases of the book and of chapters
                                        +--> relevance ---> summaries, key passages
                                        +--> names -------> entities, relations
                                        +--> lumps -------> terms

Chapters of the two upper levels have findings of their own, from the text up to the next one; one that holds others
is summed up with what was best in those.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from librarian_cli.models import Chapter
from librarian_cli.text.enriching import entities, keyphrases, relations, summary
from librarian_cli.text.enriching import sentences as cutting
from librarian_cli.text.enriching import tokens as reading
from librarian_cli.text.enriching.arrays import Floats, Ints, Places
from librarian_cli.text.enriching.findings import ChapterFindings, Findings, Keyphrase, Span
from librarian_cli.text.enriching.keyphrases import Phrases
from librarian_cli.text.enriching.sentences import Sentences
from librarian_cli.text.enriching.tokens import Tokens

_DEEPEST = 2
_MOST_CHAPTERS = 300
_LEAST_CHAPTER_CHARS = 600
_LONGEST_TITLE = 150
_BOOK_PHRASES, _CHAPTER_PHRASES = 20, 5
_BOOK_SENTENCES, _CHAPTER_SENTENCES = 5, 3
_FROM_EACH_CHAPTER = 4
_MOST_NAMES, _MOST_MENTIONS = 200, 50
_MOST_RELATIONS, _RELATION_PASSAGES = 100, 3
_WINDOW_WORDS = 250
_KEY_PASSAGES, _LEAST_PASSAGE_WORDS = 3, 60
_TERMS, _LEAST_TERM_COUNT = 40, 5


def enrich(text: str, chapters: Sequence[Chapter], language: str) -> Findings:
    """Find everything. A text without words has findings, too: none."""
    tokens = reading.read(text, language)
    if not len(tokens):
        return Findings(0)
    tokens = _titles_apart(tokens, chapters)
    sentences = cutting.find_sentences(tokens)
    windows = cutting.window_starts(tokens, sentences, _WINDOW_WORDS)
    phrases = keyphrases.find_phrases(tokens)
    names = entities.find_names(tokens, sentences, most=_MOST_NAMES, mentions=_MOST_MENTIONS)
    parts = _parts(chapters)
    whole, passages, of_parts = _summaries(tokens, sentences, windows, parts)
    return Findings(
        len(tokens),
        whole,
        passages,
        _terms(tokens),
        keyphrases.of_book(phrases, _BOOK_PHRASES),
        _chapters(tokens, phrases, parts, of_parts),
        names.entities,
        relations.find_relations(names, sentences, windows, most=_MOST_RELATIONS, passages=_RELATION_PASSAGES),
    )


def _titles_apart(tokens: Tokens, chapters: Sequence[Chapter]) -> Tokens:
    """Let a paragraph begin after each chapter's title: in text from pages, only a line's end stands there."""
    ends = []
    for chapter in chapters:
        end = tokens.text.find("\n", chapter.start_char, chapter.end_char)
        if 0 <= end - chapter.start_char <= _LONGEST_TITLE:
            line = tokens.text[chapter.start_char : end].strip()
            goes_on = line and not chapter.title.endswith(line) and line in chapter.title
            ends.append(tokens.text.find("\n", end + 1, chapter.end_char) if goes_on else end)
    gaps = tokens.gaps.copy()
    gaps[np.searchsorted(tokens.starts, np.array([end for end in ends if end >= 0], np.int32))] |= reading.PARAGRAPH
    return replace(tokens, gaps=gaps)


def _parts(chapters: Sequence[Chapter]) -> list[tuple[int, Chapter]]:
    """The chapters that have findings, by number: of the upper levels, and not beyond all number."""
    found = [(number, chapter) for number, chapter in enumerate(chapters) if chapter.level <= _DEEPEST]
    if len(found) > _MOST_CHAPTERS:
        found = [item for item in found if item[1].level == 1]
    longest = sorted(found, key=lambda item: item[1].start_char - item[1].end_char)[:_MOST_CHAPTERS]
    kept = [item for item in longest if item[1].end_char - item[1].start_char >= _LEAST_CHAPTER_CHARS]
    return sorted(kept, key=lambda item: (item[1].start_char, item[1].level))


def _part_at(parts: Sequence[tuple[int, Chapter]], places: Places) -> Ints:
    """The innermost part in which each of ascending places stands, as its index; -1 where there is none."""
    found = np.full(len(places), -1, np.int64)
    for level in range(1, _DEEPEST + 1):
        chosen = [index for index, (_, chapter) in enumerate(parts) if chapter.level == level]
        if not chosen:
            continue
        starts = np.searchsorted(places, np.array([parts[index][1].start_char for index in chosen], places.dtype))
        ends = np.searchsorted(places, np.array([parts[index][1].end_char for index in chosen], places.dtype))
        for index, start, end, following in zip(chosen, starts, ends, [*starts[1:], len(places)], strict=True):
            found[start : min(end, following)] = index
    return found


def _summaries(
    tokens: Tokens, sentences: Sentences, windows: Ints, parts: Sequence[tuple[int, Chapter]]
) -> tuple[tuple[Span, ...], tuple[Span, ...], list[tuple[Span, ...]]]:
    """The book's summary, its key passages, and each part's summary."""
    found = summary.vectors(tokens, sentences)
    count = len(sentences.starts)
    about = summary.relevance(found, np.zeros(count, np.int64), 1)
    of_book = about * found.form
    of_sentence = _part_at(parts, sentences.starts)
    of_part = summary.relevance(found, of_sentence, len(parts)) * found.form
    best = summary.candidates(of_part, of_sentence, len(parts))
    among = _with_inner(parts, best)
    chosen = [summary.choose(found, of_part, some, _CHAPTER_SENTENCES) for some in among]
    pool = [number for some in best for number in some[:_FROM_EACH_CHAPTER] if of_book[number] > 0]
    if len(parts) < _BOOK_SENTENCES:
        pool += summary.candidates(of_book, np.zeros(count, np.int64), 1)[0]
    pool = sorted(set(pool), key=lambda number: (-of_book[number], number))[:_MOST_CHAPTERS]
    whole = summary.choose(found, of_book, pool, _BOOK_SENTENCES)
    passages = summary.best_windows(
        tokens, found, about, sentences, windows, most=_KEY_PASSAGES, least_words=_LEAST_PASSAGE_WORDS
    )
    return summary.spans(sentences, whole), passages, [summary.spans(sentences, some) for some in chosen]


def _with_inner(parts: Sequence[tuple[int, Chapter]], best: list[list[int]]) -> list[list[int]]:
    """The candidates of each part, with the best two of each part inside it."""
    among = [list(some) for some in best]
    outer = -1
    for index, (_, chapter) in enumerate(parts):
        if chapter.level == 1:
            outer = index
        elif outer >= 0 and chapter.end_char <= parts[outer][1].end_char:
            among[outer] += best[index][:2]
    return among


def _chapters(
    tokens: Tokens, phrases: Phrases, parts: Sequence[tuple[int, Chapter]], summaries: list[tuple[Span, ...]]
) -> tuple[ChapterFindings, ...]:
    named: list[tuple[Keyphrase, ...]] = [()] * len(parts)
    for level in range(1, _DEEPEST + 1):  # each among its peers
        peers = [index for index, (_, chapter) in enumerate(parts) if chapter.level == level]
        of_word = _part_at([parts[index] for index in peers], tokens.starts)
        for index, some in zip(
            peers, keyphrases.of_chapters(phrases, of_word, len(peers), _CHAPTER_PHRASES), strict=True
        ):
            named[index] = some
    return tuple(
        ChapterFindings(number, chosen, some)
        for (number, _), chosen, some in zip(parts, summaries, named, strict=True)
        if chosen or some
    )


def _terms(tokens: Tokens) -> tuple[Keyphrase, ...]:
    """Words that come in lumps, by how much their lumps say."""
    spots = np.flatnonzero(keyphrases.usable(tokens))
    ids = tokens.ids[spots]
    counts = np.bincount(ids, minlength=len(tokens.words))
    lumps: Floats = keyphrases.lumpiness(spots, ids, np.maximum(1, counts), len(tokens))
    long = np.array([len(word) > 1 for word in tokens.words], bool)
    scores = np.where((counts >= _LEAST_TERM_COUNT) & long, lumps * np.sqrt(counts), 0.0)
    best = [int(number) for number in np.argsort(-scores, kind="stable")[:_TERMS] if scores[number] > 0]
    return tuple(Keyphrase(tokens.words[number], int(counts[number])) for number in best)
