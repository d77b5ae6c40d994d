"""Chunks tile a text, keep to their sizes and cross no boundary."""

import random
from itertools import pairwise

import pytest

from librarian_cli.text import chunks

PIECES = (
    "Mr. Smith came in. ", "“Who is there?” she asked.\n\n", "word ", "a\n", "J. K. Rowling wrote it. ", "\n\n\n",
    "   ", "今日はいい天気ですね。", "他走了！", "é́", "x" * 300, "and so they walked on and on, ", "End.\n", "\t",
)  # fmt: skip


def random_text(rng: random.Random) -> str:
    return "".join(rng.choices(PIECES, k=rng.randrange(0, 400)))


def pieces(text: str, cuts: tuple[int, ...]) -> list[str]:
    return [text[a:b] for a, b in pairwise(cuts)]


@pytest.mark.parametrize("seed", range(60))
def test_chunks_of_random_text_tile_it_within_their_bounds(seed: int) -> None:
    rng = random.Random(seed)
    text = random_text(rng)
    boundaries = sorted(rng.sample(range(len(text) + 1), k=min(len(text), rng.randrange(6))))
    most = rng.choice([50, 200, 1_000])
    cuts = chunks.split_chunks(text, boundaries=boundaries, target_chars=most * 8 // 10, max_chars=most)
    assert "".join(pieces(text, cuts)) == text
    assert all(0 < len(piece) <= most for piece in pieces(text, cuts))
    assert {b for b in boundaries if 0 < b < len(text)} <= set(cuts)


@pytest.mark.parametrize("seed", range(20))
def test_only_what_is_left_before_an_end_is_short(seed: int) -> None:
    rng = random.Random(seed)
    text = "".join(rng.choices(("One short sentence. ", "Another, a little longer, follows it. "), k=300))
    sizes = [len(piece) for piece in pieces(text, chunks.split_chunks(text))]
    assert all(800 <= size <= 1_000 for size in sizes[:-2])
    assert all(size >= 350 for size in sizes)


def test_chunks_end_at_paragraphs_when_one_ends_in_reach() -> None:
    paragraph = "A sentence stands here. " * 9 + "The last one.\n\n"
    text = paragraph * 40
    assert all(piece.endswith("\n\n") for piece in pieces(text, chunks.split_chunks(text))[:-2])


def test_long_lines_count_as_paragraphs() -> None:
    text = ("A sentence stands here. " * 12 + "The last one.\n") * 30
    assert all(piece.endswith("\n") for piece in pieces(text, chunks.split_chunks(text))[:-2])


def test_chunks_end_at_sentences_and_not_at_abbreviations_or_initials() -> None:
    text = "Then Dr. J. Smith met Mrs. Gray of St. Ives and they talked of it for a while. " * 60
    assert all(piece.endswith("while. ") for piece in pieces(text, chunks.split_chunks(text)))


def test_chinese_and_japanese_sentences_end_chunks() -> None:
    text = "今日はいい天気ですね。他走了！" * 300
    assert all(piece[-1] in "。！" for piece in pieces(text, chunks.split_chunks(text)))


def test_a_sentence_longer_than_a_chunk_is_cut_between_words() -> None:
    text = "word " * 1_000
    assert all(piece.endswith("word ") for piece in pieces(text, chunks.split_chunks(text)))


def test_text_without_spaces_is_cut_hard_but_not_inside_a_character() -> None:
    text = "e\u0301" * 2_000
    found = pieces(text, chunks.split_chunks(text))
    assert all(not piece.startswith("\u0301") for piece in found)
    assert max(map(len, found)) <= 1_000


def test_white_space_belongs_to_the_chunk_before_it() -> None:
    text = "A sentence stands here.   \n\n   " * 200
    assert all(not piece[0].isspace() for piece in pieces(text, chunks.split_chunks(text)))


def test_a_remainder_is_shared_between_the_last_two_chunks() -> None:
    text = "Ten chars. " * 100  # 1,100 characters
    sizes = [len(piece) for piece in pieces(text, chunks.split_chunks(text))]
    assert len(sizes) == 2
    assert min(sizes) > 400


def test_an_empty_text_has_no_chunks_and_a_short_one_has_one() -> None:
    assert chunks.split_chunks("") == ()
    assert chunks.split_chunks("Short.") == (0, 6)


def test_boundaries_may_be_unsorted_repeated_or_outside() -> None:
    assert chunks.split_chunks("abcdef", boundaries=[4, 2, 2, 0, 6, 9, -1]) == (0, 2, 4, 6)


def test_a_target_above_the_maximum_is_refused() -> None:
    with pytest.raises(ValueError, match="target_chars"):
        chunks.split_chunks("text", target_chars=11, max_chars=10)
