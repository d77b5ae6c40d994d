"""A third signal ends the process at once; SIGUSR1 asks for a report and ends nothing."""

import signal
import sys
from pathlib import Path

import pytest

from librarian_cli.pipeline.shutdown import Shutdown
from tests.support.running import Running, wait_until

DEAF = """
import sys
import threading
from librarian_cli.pipeline.shutdown import Shutdown
shutdown, forever = Shutdown(), threading.Event()
with shutdown.on_signals():
    print("ready", flush=True)
    said = 0
    while not forever.wait(0.01):
        if shutdown.level > said:
            said = shutdown.level
            print("level", said, flush=True)
"""


@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ((signal.SIGINT, signal.SIGINT, signal.SIGINT), 130),
        ((signal.SIGTERM, signal.SIGINT, signal.SIGINT), 143),  # the first names the code
    ],
)
def test_a_third_signal_ends_a_process_that_does_not_listen(
    tmp_path: Path, signals: tuple[signal.Signals, ...], code: int
) -> None:
    running = Running(tmp_path, (sys.executable, "-c", DEAF))
    try:
        wait_until(lambda: "ready" in running.out, 20.0, lambda: running.err)
        for level, number in enumerate(signals[:-1], start=1):
            running.signal(number)
            wait_until(lambda level=level: f"level {level}" in running.out, 20.0)  # type: ignore[misc]  # a default
        assert running.process.poll() is None, "two do not end it"
        running.signal(signals[-1])
        assert running.wait(20.0).code == code
    finally:
        running.end()


def test_a_wish_for_a_report_wakes_and_ends_nothing() -> None:
    shutdown, woken = Shutdown(), []
    shutdown.on_change(lambda: woken.append(shutdown.report_asked))
    before = signal.getsignal(signal.SIGUSR1)
    with shutdown.on_signals():
        assert not shutdown.report_asked
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGUSR1)
    assert woken == [True, True]
    assert (shutdown.level, shutdown.signal) == (0, None)
    assert signal.getsignal(signal.SIGUSR1) == before
