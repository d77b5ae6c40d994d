"""Rates are kept over any minute, and a server that fails is left alone. Time is a number here."""

from librarian_cli.endpoint.pace import Breaker, Rate


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_calls_are_spread_over_the_minute() -> None:
    rate = Rate(60, Clock())
    assert [rate.reserve(1) for _ in range(3)] == [0.0, 1.0, 2.0]


def test_a_rate_that_was_not_used_does_not_add_up() -> None:
    clock = Clock()
    rate = Rate(60, clock)
    rate.reserve(1)
    clock.now += 3600
    assert [rate.reserve(1) for _ in range(2)] == [0.0, 1.0]


def test_units_are_taken_by_size_and_corrected_afterwards() -> None:
    rate = Rate(6000, Clock())
    assert rate.reserve(500) == 0.0
    rate.correct(-300)
    assert rate.reserve(100) == 2.0


def test_no_rate_is_no_wait() -> None:
    rate = Rate(0, Clock())
    assert [rate.reserve(1e9) for _ in range(3)] == [0.0] * 3


def test_after_five_failures_in_a_row_one_call_in_five_seconds_is_let_through() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(5):
        assert breaker.admit() == 0.0
        breaker.failed()
    assert breaker.admit() == 5.0
    clock.now += 5
    assert breaker.admit() == 0.0  # the trial
    assert breaker.admit() == 5.0  # whoever comes after it


def test_a_trial_that_succeeds_lets_everyone_through() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(5):
        breaker.failed()
    clock.now += 5
    assert breaker.admit() == 0.0
    breaker.succeeded()
    assert [breaker.admit() for _ in range(3)] == [0.0] * 3


def test_a_success_between_failures_keeps_the_server_in_use() -> None:
    breaker = Breaker(Clock())
    for _ in range(4):
        breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.admit() == 0.0


def test_rest_that_the_server_asked_for_is_kept_whatever_else_succeeds() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.rest(20)
    breaker.succeeded()
    assert breaker.admit() == 20.0
    clock.now += 20
    assert breaker.admit() == 0.0
