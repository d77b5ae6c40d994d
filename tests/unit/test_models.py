"""The few values that records derive from themselves."""

import pytest

from librarian_cli import models


@pytest.mark.parametrize(
    ("root", "path", "absolute"),
    [
        (b"/home/me/Books", b"sea/tides.txt", b"/home/me/Books/sea/tides.txt"),
        (b"/", b"tides.txt", b"/tides.txt"),
        (b"/books/", b"\xff\n.txt", b"/books/\xff\n.txt"),
    ],
)
def test_a_candidates_path_is_its_root_and_what_is_below(root: bytes, path: bytes, absolute: bytes) -> None:
    candidate = models.Candidate(root, path, 1, 2, 3, 4)
    assert candidate.absolute == absolute
    assert candidate.source == models.Source(absolute, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("outcome", "reason", "text"),
    [("ok", "", "ok"), ("failed", "corrupt", "failed:corrupt"), ("ok-with-warning", "a,b", "ok-with-warning:a,b")],
)
def test_an_outcome_reads_with_its_reason(outcome: str, reason: str, text: str) -> None:
    assert models.FileOutcome(b"/a", outcome, reason, "", None, 0.0).text == text
    assert outcome in models.OUTCOMES
