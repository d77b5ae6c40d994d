"""The near end of what a worker prints, on a pipe of the test's own."""

import os
from collections.abc import Iterator

import pytest

from librarian_cli.pipeline.output import KEPT_BYTES, Output


@pytest.fixture
def pipe() -> Iterator[tuple[Output, int]]:
    output_r, output_w = os.pipe()
    output = Output(output_r)
    yield output, output_w
    output.close()
    os.close(output_w)


def test_what_was_printed_is_told_once(pipe: tuple[Output, int]) -> None:
    output, output_w = pipe
    assert output.take() == ""
    os.write(output_w, b"one")
    assert output.drain()
    os.write(output_w, b", two")
    assert [output.take(), output.take()] == ["one, two", ""]


def test_the_last_bytes_are_kept_and_a_cut_character_is_replaced(pipe: tuple[Output, int]) -> None:
    output, output_w = pipe
    os.write(output_w, "é".encode() * KEPT_BYTES)
    assert output.drain()
    os.write(output_w, b".")
    assert output.take() == "\N{REPLACEMENT CHARACTER}" + "é" * (KEPT_BYTES // 2 - 1) + "."


def test_what_is_left_at_the_end_can_be_taken_afterwards() -> None:
    output_r, output_w = os.pipe()
    output = Output(output_r)
    os.write(output_w, b"last words")
    os.close(output_w)
    output.close()
    assert output.take() == "last words"


def test_the_end_of_file_is_told() -> None:
    output_r, output_w = os.pipe()
    output = Output(output_r)
    assert output.drain()
    os.close(output_w)
    assert not output.drain()
    output.close()
