"""A text is cut at its chapters into chunks that tile it, in the worker and on its own alike."""

import sqlite3

import pytest

from librarian_cli.models import BookHeading, Extract
from librarian_cli.settings import ChunkSettings, Config, Stages
from librarian_cli.stages import chunk, fingerprints, ingredients
from librarian_cli.store import books, content, fulltext
from tests.support.stored import add_book

SENTENCE = "The tide rises and the tide falls, and the harbour clock says when. "
CHAPTERS = ("First Watch", "Second Watch", "Third Watch")
TEXT = "".join(f"{title}\n\n{SENTENCE * 40}\n\n" for title in CHAPTERS)
HEADINGS = tuple(
    BookHeading(title, 1, TEXT.index(title), TEXT.index(title) + len(title), exact=True) for title in CHAPTERS
)


@pytest.mark.parametrize("max_chars", [200, 1000, 5000])
def test_chunks_tile_the_text_and_none_is_longer_than_allowed(max_chars: int) -> None:
    chunked = chunk.cut(TEXT, HEADINGS, chunk.Chunking("", max_chars))
    pieces = [TEXT[start:end] for start, end in zip(chunked.cuts, chunked.cuts[1:], strict=False)]
    assert "".join(pieces) == TEXT
    assert all(0 < len(piece) <= max_chars for piece in pieces)


def test_no_chunk_crosses_a_chapter() -> None:
    chunked = chunk.cut(TEXT, HEADINGS, chunk.Chunking("", 1000))
    assert [chapter.title for chapter in chunked.chapters] == list(CHAPTERS)
    assert {chapter.start_char for chapter in chunked.chapters} <= set(chunked.cuts)


def test_the_stage_cuts_a_stored_text_just_as_the_fused_call_does(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a.txt")
    content.save_extract(connection, row, Extract(TEXT, (), (), HEADINGS, None), keep_text=True)
    config = Config()
    (task,) = chunk.STAGE.load(connection, books.get(connection, row), config)
    output = chunk.STAGE.run(task)
    assert output == chunk.cut(TEXT, HEADINGS, chunk.Chunking("a.txt", config.stages.chunk.max_chars))
    chunk.STAGE.save(connection, books.get(connection, row), (output,), config)
    assert content.text(connection, row) == TEXT
    assert content.chapters(connection, row) == output.chapters


def test_a_book_can_be_chunked_anew_from_its_own_chunks(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a.txt")
    content.save_extract(connection, row, Extract(TEXT, (), (), HEADINGS, None), keep_text=True)
    counts = []
    for max_chars in (1000, 300):
        config = Config(stages=Stages(chunk=ChunkSettings(max_chars=max_chars)))
        (task,) = chunk.STAGE.load(connection, books.get(connection, row), config)
        chunk.STAGE.save(connection, books.get(connection, row), (chunk.STAGE.run(task),), config)
        counts.append(books.get(connection, row).chunks)
        assert content.text(connection, row) == TEXT
        fulltext.check(connection)
    assert counts[0] < counts[1]


def test_a_changed_chunk_size_outdates_chunking_and_what_follows_only() -> None:
    before = fingerprints(Config())
    after = fingerprints(Config(stages=Stages(chunk=ChunkSettings(max_chars=500))))
    changed = {stage for (stage, _), value in before.items() if after[stage, _] != value}
    assert changed == {"chunk", "enrich", "audit"}


def test_fingerprints_differ_by_stage_and_format_and_are_the_same_every_time() -> None:
    found = fingerprints(Config())
    assert len(set(found.values())) == len(found)
    assert found == fingerprints(Config())


def test_the_ingredients_of_a_fingerprint_name_the_setting_that_changed() -> None:
    smaller = Config(stages=Stages(chunk=ChunkSettings(max_chars=500)))
    before = ingredients(Config())[fingerprints(Config())["chunk", "txt"]]
    after = ingredients(smaller)[fingerprints(smaller)["chunk", "txt"]]
    assert {name for name, value in after.items() if before[name] != value} == {"stages.chunk.max_chars"}


def test_every_fingerprint_has_its_ingredients_and_that_of_a_failure_every_limit() -> None:
    config = Config()
    found = ingredients(config)
    assert set(found) == {*fingerprints(config).values(), *fingerprints(config, failed=True).values()}
    failed = found[fingerprints(config, failed=True)["schema", "pdf"]]
    assert failed["read.max_document_bytes"] == config.read.max_document_bytes
    assert failed["stages.extract.memory_mb"] == config.stages.extract.memory_mb
