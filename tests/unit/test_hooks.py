"""Commands get each event once and in order, and neither a bad nor a slow one holds up the books."""

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from librarian_cli.events import Bus, Event, FileRefused, Notice, RunEnded, StageEnded
from librarian_cli.hooks import QUEUED, Hooks
from librarian_cli.settings import HookSettings
from tests.support.running import wait_until

DRAIN_SECONDS = 30.0
RUN = RunEnded(7, {"ok": 2, "failed": 1}, 1.23456, interrupted=False)


def ended(number: int = 0, *, stage: str = "audit", outcome: str = "ok", reason: str = "") -> StageEnded:
    return StageEnded(stage, f"book{number}", f"{number}.txt", outcome, reason, 100, 0.1)


def describe(book: str) -> dict[str, object]:
    return {"job": 7, "book": book, "title": 'Tide "tables"; $(rm -rf /) \udcff', "outcome": "ok", "reason": ""}


class Scene:
    """Hooks on a bus, with a file that commands may write to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.bus = Bus()

    def start(self, **settings: Any) -> Hooks:
        return Hooks(self.bus, HookSettings(**settings), library=self.folder, describe=describe)

    def publish(self, *events: Event) -> None:
        for event in events:
            self.bus.publish(event)

    @property
    def documents(self) -> list[dict[str, Any]]:
        """What commands that run `self.copy` were given."""
        return [json.loads(line) for line in self.out.read_text().splitlines()] if self.out.exists() else []

    @property
    def copy(self) -> str:
        return f"cat >> '{self.out}'"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_each_event_comes_once_in_order_with_its_facts(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    hooks = scene.start(on_book_ingested=scene.copy, on_failure=scene.copy, on_run_finished=scene.copy)
    scene.publish(
        ended(1, stage="schema"),
        ended(1),
        Notice("paused"),
        ended(2, stage="extract", outcome="retry", reason="crash"),
        ended(2, stage="extract", outcome="failed", reason="crash"),
        ended(3, stage="extract", outcome="failed", reason="changed"),
        FileRefused(7, "/books/huge.txt", "limit"),
        RUN,
    )
    hooks.close(DRAIN_SECONDS)
    assert [(item["event"], item.get("book")) for item in scene.documents] == [
        ("book_ingested", "book1"), ("failure", "book2"), ("failure", None), ("run_finished", None)
    ]  # fmt: skip
    assert all(item["version"] == 1 and item["job"] == 7 for item in scene.documents)
    assert scene.documents[0]["title"] == describe("")["title"]
    assert scene.documents[2]["path"] == "/books/huge.txt"
    assert (scene.documents[2]["outcome"], scene.documents[2]["reason"]) == ("failed", "limit")
    assert scene.documents[3] | {"seconds": 1.235, "interrupted": False} == scene.documents[3]
    assert warnings(caplog) == []


def test_the_environment_names_the_event_and_the_library(scene: Scene) -> None:
    hooks = scene.start(on_book_ingested=f'echo "$LIBRARIAN_EVENT $LIBRARIAN_LIBRARY" > {scene.out}')
    scene.publish(ended())
    hooks.close(DRAIN_SECONDS)
    assert scene.out.read_text() == f"book_ingested {scene.folder}\n"


def test_a_python_program_may_be_a_hook(scene: Scene) -> None:
    source = f"import json, sys; open({str(scene.out)!r}, 'w').write(json.dumps(json.load(sys.stdin)))"
    hooks = scene.start(on_book_ingested=f'{sys.executable} -c "{source}"')
    scene.publish(ended(5))
    hooks.close(DRAIN_SECONDS)
    assert scene.documents[0]["book"] == "book5"


def test_output_goes_to_the_log_with_its_control_characters_taken_out(
    scene: Scene, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    hooks = scene.start(on_book_ingested="printf 'one\\033[31m\\n'; echo two >&2")
    scene.publish(ended())
    hooks.close(DRAIN_SECONDS)
    assert [record.getMessage() for record in caplog.records] == ["hook on_book_ingested: one\ufffd[31m\ntwo"]
    assert capfd.readouterr() == ("", "")


def test_only_the_end_of_much_output_is_kept(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    hooks = scene.start(on_book_ingested="yes filler | head -c 3000000; echo; echo the end")
    scene.publish(ended())
    hooks.close(DRAIN_SECONDS)
    (record,) = caplog.records
    assert record.getMessage().endswith("the end")
    assert len(record.getMessage()) < 5000


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo no luck; exit 3", "exit code 3: no luck"),
        ("no-such-program-anywhere", "exit code 127"),
        ("kill -TERM $$", "signal 15"),
    ],
)
def test_a_failing_hook_is_warned_about_and_the_next_one_runs(
    scene: Scene, caplog: pytest.LogCaptureFixture, command: str, words: str
) -> None:
    hooks = scene.start(on_failure=command, on_book_ingested=scene.copy)
    scene.publish(ended(1, outcome="failed", reason="audit"), ended(2))
    hooks.close(DRAIN_SECONDS)
    (warning,) = warnings(caplog)
    assert words in warning
    assert len(scene.documents) == 1


def test_a_book_that_cannot_be_looked_up_is_warned_about(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    def fail(book: str) -> dict[str, object]:
        raise LookupError(book)

    settings = HookSettings(on_book_ingested=scene.copy, on_run_finished=scene.copy)
    hooks = Hooks(scene.bus, settings, library=scene.folder, describe=fail)
    scene.publish(ended(), RUN)
    hooks.close(DRAIN_SECONDS)
    assert warnings(caplog) == ["hook on_book_ingested could not be run"]
    assert [item["event"] for item in scene.documents] == ["run_finished"]


def test_a_hanging_hook_is_killed_with_what_it_started(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    pids = scene.folder / "pids"
    hang = f"sleep 300 & echo $! $$ > {pids}; wait"
    hooks = scene.start(on_failure=hang, on_book_ingested=scene.copy, timeout_seconds=0.3)
    scene.publish(ended(1, outcome="failed", reason="audit"), ended(2))
    hooks.close(DRAIN_SECONDS)
    assert warnings(caplog) == ["hook on_failure was killed: it did not end in time"]
    assert len(scene.documents) == 1
    for pid in pids.read_text().split():
        wait_until(gone(int(pid)), 5)


def gone(pid: int) -> Callable[[], bool]:
    def check() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True

    return check


@pytest.mark.parametrize("command", ["sleep 5 & exit 0", "exec <&- >&- 2>&-; sleep 0.1"], ids=["child", "closed"])
def test_a_hook_is_over_when_its_own_process_is(scene: Scene, caplog: pytest.LogCaptureFixture, command: str) -> None:
    hooks = scene.start(on_book_ingested=command)
    started = time.monotonic()
    scene.publish(ended())
    hooks.close(DRAIN_SECONDS)
    assert time.monotonic() - started < 4
    assert warnings(caplog) == []


def test_a_thousand_events_all_reach_their_command(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    hooks = scene.start(on_book_ingested=scene.copy)
    scene.publish(*(ended(number) for number in range(QUEUED)))
    hooks.close(120)
    assert [item["book"] for item in scene.documents] == [f"book{number}" for number in range(QUEUED)]
    assert warnings(caplog) == []


def test_publishing_never_waits_and_what_does_not_fit_is_dropped(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = scene.start(on_book_ingested="sleep 300", on_run_finished=scene.copy)
    started = time.monotonic()
    scene.publish(*(ended(number) for number in range(3 * QUEUED)), RUN)
    assert time.monotonic() - started < 2
    hooks.close(1.0)
    assert time.monotonic() - started < 5
    first, killed, last = warnings(caplog)
    assert first == f"{QUEUED} events wait for their hooks; further ones are dropped until there is room"
    assert killed == "hook on_book_ingested was killed: it did not end in time"
    assert last.startswith(f"{3 * QUEUED - 1} events were dropped")
    assert [item["event"] for item in scene.documents] == ["run_finished"], "its part of the time is its own"


def test_closing_takes_no_longer_than_it_may(scene: Scene) -> None:
    hooks = scene.start(on_book_ingested="sleep 300", on_run_finished="sleep 300")
    scene.publish(ended(), RUN)
    started = time.monotonic()
    hooks.close(0.6)
    assert 0.5 < time.monotonic() - started < 3


def test_a_signal_cuts_the_wait_short(scene: Scene) -> None:
    hooks = scene.start(on_book_ingested=f"touch {scene.out}; sleep 300")
    scene.publish(ended())
    wait_until(scene.out.exists, 10)
    hooks.hurry()  # before the end it has no meaning
    started = time.monotonic()

    timer = threading.Timer(0.3, hooks.hurry)
    timer.start()
    hooks.close(DRAIN_SECONDS)
    timer.join()
    assert 0.2 < time.monotonic() - started < 5


def test_without_commands_nothing_listens_and_after_the_end_nothing_runs(scene: Scene) -> None:
    scene.start().close(DRAIN_SECONDS)
    hooks = scene.start(on_book_ingested=scene.copy)
    hooks.close(DRAIN_SECONDS)
    scene.publish(ended())
    assert scene.bus._subscribers == ()
    assert not os.path.exists(scene.out)
