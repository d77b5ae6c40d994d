"""Times and spans of time as people type them."""

import contextlib
import time
from datetime import datetime

import click
import pytest

from librarian_cli.cli.context import DURATION, MOMENT


def convert(text: str) -> float:
    return MOMENT.convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86_400), ("1.5h", 5400), ("0s", 0)]
)
def test_a_time_may_be_so_long_ago(text: str, seconds: float) -> None:
    before = time.time()
    found = convert(text)
    assert before - seconds <= found <= time.time() - seconds


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31)),
        ("2026-01-31T18:30", datetime(2026, 1, 31, 18, 30)),
        ("2026-01-31 18:30:15", datetime(2026, 1, 31, 18, 30, 15)),
        ("2026-01-31T18:30+02:00", datetime.fromisoformat("2026-01-31T16:30+00:00")),
    ],
)
def test_a_time_may_be_a_date_where_people_are_unless_it_names_its_zone(text: str, moment: datetime) -> None:
    assert convert(text) == moment.timestamp()


@pytest.mark.parametrize(
    "text",
    ["", "soon", "10", "m", "10 m", "-5m", "10w", "2026-02-30", "31.01.2026", "1e3s", "9" * 400 + "x"],
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no time; write 10m, 2h, 1d or a date"):
        convert(text)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59:59", "9" * 400 + "d"])
def test_a_time_at_the_edge_of_the_calendar_is_a_time_or_refused(text: str) -> None:
    with contextlib.suppress(click.BadParameter):
        assert isinstance(convert(text), float)


def test_a_default_passes_as_it_is() -> None:
    assert MOMENT.convert(0.0, None, None) == 0.0


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("2h", 7200), ("1d", 86_400), ("1.5h", 5400), ("0.5s", 0.5)]
)
def test_a_span_is_a_number_with_its_unit(text: str, seconds: float) -> None:
    assert DURATION.convert(text, None, None) == seconds


@pytest.mark.parametrize(
    "text", ["", "2", "h", "-1h", "0s", "0.0d", "2 h", "2H", "1h30m", "9" * 400 + "d", "٢h", "2026-01-31"]
)
def test_what_is_no_span_is_refused_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match="90s, 10m, 2h or 1d"):
        DURATION.convert(text, None, None)
