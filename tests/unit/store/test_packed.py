"""Packed values come back as they were, those of older programs too, and damage is told as such."""

import json
import sqlite3

import pytest

from librarian_cli.store.packed import pack, unpack

VALUES = [
    {},
    [["george", 10], ["Θουκυδίδης", 7]],
    {"kind": {"value": 0.88, "reasons": ["readable text, too short for a book"]}, "page_count": None},
    {"title": "lone \ud800 half, 図書館, \x00"},
    ["word " * 20_000],
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    assert unpack(pack(value)) == value
    assert len(pack(value)) <= len(json.dumps(value)) + 2


@pytest.mark.parametrize("value", VALUES)
def test_text_that_an_older_program_stored_is_read(value: object) -> None:
    assert unpack(json.dumps(value)) == value


def test_what_was_packed_before_stays_readable() -> None:
    """Its bytes refer to a list of words that must never change."""
    packed = bytes.fromhex("c39b346a89310300")
    assert unpack(packed) == {"gates": {"text_rebuilt": True}, "reasons": ["the text reads as en"]}


@pytest.mark.parametrize("damage", [b"", b"\xff" * 9, pack(VALUES[2])[:-4], b"\x03\x00"])
def test_damaged_bytes_are_damage_to_the_library(damage: bytes) -> None:
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        unpack(damage)
