"""Signals raise the wish to end, wake whoever waits, and are put back afterwards."""

import signal
import threading

import pytest

from librarian_cli.pipeline.shutdown import Shutdown


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_raises_the_level_and_gives_the_exit_code(number: signal.Signals, code: int) -> None:
    shutdown, woken = Shutdown(), threading.Event()
    shutdown.on_change(woken.set)
    with shutdown.on_signals():
        assert shutdown.level == 0
        signal.raise_signal(number)
        assert (shutdown.level, shutdown.signal, shutdown.exit_code) == (1, number, code)
        assert woken.is_set()


def test_a_second_signal_raises_it_again_but_the_first_names_the_code() -> None:
    shutdown, levels = Shutdown(), []
    shutdown.on_change(lambda: levels.append(shutdown.level))
    with shutdown.on_signals():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert levels == [1, 2]
    assert shutdown.exit_code == 143


def test_handlers_are_put_back_even_after_an_exception() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    seen = []

    def fail() -> None:
        with Shutdown().on_signals():
            seen.append(signal.getsignal(signal.SIGINT))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert seen != before[:1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_signal_that_the_shell_had_ignored_counts_as_well() -> None:
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        shutdown = Shutdown()
        with shutdown.on_signals():
            signal.raise_signal(signal.SIGINT)
        assert shutdown.level == 1
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, previous)


def test_outside_the_main_thread_it_is_asked_directly() -> None:
    shutdown, before = Shutdown(), signal.getsignal(signal.SIGINT)

    def run() -> None:
        with shutdown.on_signals():
            assert signal.getsignal(signal.SIGINT) == before
            shutdown.request()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert (shutdown.level, shutdown.exit_code) == (1, 130)


def test_when_the_time_is_up_the_level_rises_without_a_signal() -> None:
    shutdown, woken = Shutdown(), threading.Event()
    shutdown.on_change(woken.set)
    with shutdown.after(0.001):
        assert woken.wait(20)
    assert (shutdown.level, shutdown.signal, shutdown.out_of_time) == (1, None, True)


def test_time_that_is_left_or_has_no_end_asks_for_nothing() -> None:
    shutdown = Shutdown()
    with shutdown.after(3600), shutdown.after(None):
        timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert len(timers) == 1
    timers[0].join(20)
    assert not timers[0].is_alive()
    assert (shutdown.level, shutdown.out_of_time) == (0, False)


def test_time_that_is_up_after_a_signal_changes_nothing() -> None:
    shutdown = Shutdown()
    shutdown.request(signal.SIGTERM)
    shutdown.expire()
    assert (shutdown.level, shutdown.out_of_time, shutdown.exit_code) == (1, False, 143)


def test_a_signal_after_the_time_is_up_ends_it_at_once() -> None:
    shutdown = Shutdown()
    shutdown.expire()
    shutdown.request(signal.SIGINT)
    assert (shutdown.level, shutdown.out_of_time, shutdown.exit_code) == (2, True, 130)


def test_hangups_ask_for_one_reload_however_many_they_are() -> None:
    shutdown = Shutdown(reloads=True)
    with shutdown.on_signals():
        for _ in range(3):
            signal.raise_signal(signal.SIGHUP)
    assert (shutdown.level, shutdown.reload_asked) == (1, True)


def test_an_end_outweighs_a_reload_whichever_comes_first() -> None:
    for signals in ([signal.SIGHUP, signal.SIGTERM], [signal.SIGTERM, signal.SIGHUP]):
        shutdown = Shutdown(reloads=True)
        with shutdown.on_signals():
            for number in signals:
                signal.raise_signal(number)
        assert (shutdown.reload_asked, shutdown.exit_code) == (False, 143)
