"""The table that answers millions of keys: every key added is found, no other is."""

import numpy as np

from librarian_cli.text import wordtable


def test_every_key_is_found_after_growth_and_no_other() -> None:
    keys = np.unique(np.random.default_rng(1).integers(1, 2**63, 40_000, dtype=np.uint64))
    values = np.arange(len(keys), dtype=np.int32)
    table = wordtable.WordTable()
    for start in range(0, 20_000, 3_000):
        table.add(keys[start : start + 3_000], values[start : start + 3_000])
    added = len(table)
    assert table.find(keys[:added]).tolist() == values[:added].tolist()
    assert set(table.find(keys[added:]).tolist()) == {wordtable.MISSING}


def test_a_cleared_table_finds_nothing_and_can_be_filled_again() -> None:
    table = wordtable.WordTable()
    key = np.array([7], np.uint64)
    table.add(key, np.array([1], np.int32))
    table.clear()
    assert (len(table), table.find(key).tolist()) == (0, [wordtable.MISSING])
    table.add(key, np.array([2], np.int32))
    assert table.find(key).tolist() == [2]


def test_an_empty_question_has_an_empty_answer() -> None:
    table = wordtable.WordTable()
    table.add(np.empty(0, np.uint64), np.empty(0, np.int32))
    assert len(table.find(np.empty(0, np.uint64))) == 0
