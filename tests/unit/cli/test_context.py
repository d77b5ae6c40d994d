"""Times and spans of time as people type them."""

import time

import click
import pytest

from librarian_cli.cli.context import DURATION, MOMENT


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("1.5h", 5400), ("0.5s", 0.5)]
)
def test_a_number_with_its_unit_is_a_span_and_a_moment_so_long_ago(text: str, seconds: float) -> None:
    assert DURATION.convert(text, None, None) == seconds
    assert MOMENT.convert(text, None, None) == pytest.approx(time.time() - seconds, abs=5)


@pytest.mark.parametrize(
    "text", ["", "2", "h", "-1h", "0s", "0.0d", "2 h", "2H", "1h30m", "9" * 400 + "d", "٢h", "2026-01-31"]
)
def test_anything_else_is_no_span_and_the_message_says_what_is(text: str) -> None:
    with pytest.raises(click.BadParameter, match="90s, 10m, 2h or 1d"):
        DURATION.convert(text, None, None)


def test_a_moment_may_be_a_date() -> None:
    assert MOMENT.convert("2026-01-31T18:30", None, None) > MOMENT.convert("2026-01-31", None, None)
    with pytest.raises(click.BadParameter, match="2026-01-31"):
        MOMENT.convert("yesterday", None, None)
