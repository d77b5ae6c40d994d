"""A watch as a service: how it is started, told to reload, asked how it is, stopped; and its log."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Start
from tests.support.filed import rows
from tests.support.live import stays
from tests.support.program import Ran, librarian
from tests.support.running import Running
from tests.support.trees import write_text
from tests.support.watched import Watched

REST_SECONDS = 2.0
PERIOD_SECONDS = 10.0


class Manager:
    """Listens to what a service tells, as systemd does."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(self.path)

    @property
    def states(self) -> list[str]:
        """The first line of each message so far."""
        while True:
            try:
                self._heard.append(self._socket.recv(4096).decode().split("\n")[0])
            except BlockingIOError:
                return self._heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    found = Manager(Path(os.path.relpath(tmp_path / "notify")) if len(str(tmp_path)) > 90 else tmp_path / "notify")
    yield found
    found.close()


def cpu_seconds(running: Running) -> float:
    """What the process and all that it forked have used."""
    total = 0
    for pid in running.members():
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def end(watched: Watched, signum: int = signal.SIGTERM) -> Ran:
    assert watched.running is not None
    watched.running.signal(signum)
    return watched.running.wait(10.0)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_its_code_and_leaves_a_clean_library(watched: Watched, signum: int, code: int) -> None:
    watched.write("a.txt")
    running = watched.begin()
    watched.wait_for_all({"a.txt": "ok"})
    assert end(watched, signum).code == code
    running.wait_for_none(2.0)
    assert not (watched.library / "library.db-wal").exists(), "the log of writes was merged"
    assert rows(watched.library, "SELECT count(*) FROM tasks WHERE state = 'leased'") == [(0,)]
    assert list((watched.library / "owners").iterdir()) == []
    assert librarian("check", "--read-data", library=watched.library).code == 0


def test_a_manager_hears_of_the_start_of_reloads_and_of_the_end(watched: Watched, manager: Manager) -> None:
    """A reload is no end: a manager that hears of one begins to count down."""
    running = watched.begin(NOTIFY_SOCKET=manager.path)
    watched.wait(lambda: manager.states == ["READY=1"])
    running.signal(signal.SIGHUP)
    watched.wait(lambda: manager.states == ["READY=1", "RELOADING=1", "READY=1"])
    watched.write("after.txt")
    watched.wait_for_all({"after.txt": "ok"})
    assert end(watched).code == 143
    assert manager.states == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]


def test_sighup_takes_the_settings_as_they_are_now(watched: Watched, manager: Manager) -> None:
    watched.settings.write_text('[ingest]\nexclude = ["*.md"]\n')
    running = watched.begin(NOTIFY_SOCKET=manager.path)
    watched.write("a.md")
    watched.write("a.txt")
    watched.wait_for_all({"a.txt": "ok"})
    watched.settings.write_text('[ingest]\nexclude = ["*.html"]\n')
    running.signal(signal.SIGHUP)
    watched.wait_for_all({"a.txt": "ok", "a.md": "ok"})
    watched.write("b.md")
    watched.wait_for_all({"a.txt": "ok", "a.md": "ok", "b.md": "ok"})


def test_settings_that_cannot_be_read_leave_the_old_ones_in_force(watched: Watched, manager: Manager) -> None:
    watched.settings.write_text('[ingest]\nexclude = ["*.md"]\n')
    running = watched.begin(NOTIFY_SOCKET=manager.path)
    watched.settings.write_text("[ingest\n")
    running.signal(signal.SIGHUP)
    watched.wait(lambda: manager.states.count("READY=1") == 2)
    assert "the watch goes on with its old settings" in running.err
    watched.write("a.md")
    watched.write("a.txt")
    watched.wait_for_all({"a.txt": "ok"})


def test_many_hangups_at_once_do_not_end_it(watched: Watched, manager: Manager) -> None:
    running = watched.begin(NOTIFY_SOCKET=manager.path)
    pause = threading.Event()
    for _ in range(20):
        running.signal(signal.SIGHUP)
        pause.wait(0.02)
    watched.wait(lambda: manager.states.count("READY=1") >= 2 and manager.states[-1] == "READY=1")
    watched.write("a.txt")
    watched.wait_for_all({"a.txt": "ok"})
    assert end(watched).code == 143


def test_sigusr1_tells_what_goes_on(watched: Watched) -> None:
    running = watched.begin()
    watched.write("a.txt")
    watched.wait_for_all({"a.txt": "ok"})
    running.signal(signal.SIGUSR1)
    watched.wait(lambda: "tasks: " in running.err and "worker: " in running.err)


def test_once_ends_after_what_is_there_has_settled_and_is_done(watched: Watched) -> None:
    watched.write("old.txt")
    os.utime(watched.tree / "old.txt", (1e9, 1e9))
    watched.write("young.txt")
    ran = watched.begin("--once", events=False).wait()
    assert ran.code == 0, ran.err
    assert watched.outcomes() == {"old.txt": "ok", "young.txt": "ok"}
    again = watched.begin("--once", events=False).wait()
    assert (again.code, again.out, again.err) == (0, "", "")


def test_once_waits_for_a_file_that_changed_while_it_was_read(watched: Watched) -> None:
    watched.write("a.txt", head="FAULT:grow\n")
    ran = watched.begin("--once", events=False).wait()
    assert watched.outcomes() == {"a.txt": "ok"}, ran.err
    assert ran.code == 0, ran.err


@pytest.mark.slow
def test_once_ends_with_3_where_a_file_failed(watched: Watched) -> None:
    watched.write("good.txt")
    (watched.tree / "empty.txt").touch()
    assert watched.begin("--once", events=False).wait().code == 3
    assert watched.outcomes() == {"good.txt": "ok", "empty.txt": "failed:empty"}


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path, library: Path) -> None:
    ran = librarian("watch", tmp_path / "Bokos", library=library)
    assert ran.code == 2
    assert "Bokos: no such file or folder" in ran.err


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda tree: None, 0),
        (lambda tree: (tree / "closed").mkdir(mode=0), 4),
    ],
    ids=["well", "a folder that cannot be listed"],
)
def test_the_doctor_says_by_its_code_whether_all_is_well(tmp_path: Path, library: Path, prepare, code: int) -> None:  # type: ignore[no-untyped-def]  # a small act
    write_text(tmp_path / "tree/a.txt", 1)
    prepare(tmp_path / "tree")
    ran = librarian("watch", "--doctor", tmp_path / "tree", library=library, privileged=False)
    assert ran.code == code, ran.out
    assert ("bad  " in ran.out) == (code == 4)
    assert not library.exists()


def test_the_log_keeps_books_and_notices_and_rotates(tmp_path: Path, start: Start) -> None:
    watched = Watched(tmp_path, start)
    log = tmp_path / "logs/watch.log"
    log.parent.mkdir()
    log.write_text("x" * (1 << 20))
    watched.begin(LIBRARIAN_LOG_PATH=str(log), LIBRARIAN_LOG_MAX_MB="1")
    watched.write("good.txt")
    (watched.tree / "bad.txt").write_text("FAULT:error\n" + "The tide turns.\n" * 40)
    watched.wait_for_all({"good.txt": "ok", "bad.txt": "failed:internal"})
    watched.wait(lambda: "good.txt" in log.read_text() and "bad.txt" in log.read_text())
    assert "failed:internal" in log.read_text()
    assert (tmp_path / "logs/watch.log.1").stat().st_size >= 1 << 20


def test_a_log_that_cannot_be_written_is_said_with_the_next_step(watched: Watched) -> None:
    ran = watched.begin(events=False, LIBRARIAN_LOG_PATH=f"{watched.settings}/watch.log").wait()
    assert ran.code == 4
    assert "no log can be written" in ran.err
    assert "set log.path" in ran.err


def test_a_quiet_watch_prints_nothing_of_books_that_are_well(watched: Watched, start: Start, tmp_path: Path) -> None:
    running = watched.running = start(
        "-q", "watch", "--settle", "0.1", watched.tree, env={"LIBRARIAN_LOG_PATH": str(tmp_path / "log")}
    )
    watched.write("a.txt")
    watched.wait_for_all({"a.txt": "ok"})
    watched.wait(lambda: "a.txt" in (tmp_path / "log").read_text())
    watched.wait(lambda: rows(watched.library, "SELECT count(*) FROM vectors") == [(1,)])
    stays(lambda: running.process.poll() is None, 0.5)
    ran = end(watched)
    assert (ran.out, ran.err) == ("", "")


def test_a_dropped_book_can_be_searched_within_two_seconds_of_settling(watched: Watched) -> None:
    settle = 1.0
    watched.write("before.txt")
    watched.begin(settle=settle)
    watched.wait_for_all({"before.txt": "ok"})
    (watched.tree / "new.txt").write_text("The cormorant dries its wings above the harbour.\n" * 20)
    began = time.monotonic()

    def is_found() -> bool:
        ran = librarian("search", "cormorant", "--json", library=watched.library)
        return ran.code == 0 and bool(ran.document["hits"])

    watched.wait(is_found, settle + 2.0)
    print(f"{time.monotonic() - began:.2f} s")  # noqa: T201  # a figure


@pytest.mark.slow
def test_a_watch_without_changes_uses_less_than_a_hundredth_of_a_core(watched: Watched) -> None:
    for number in range(200):
        watched.write(f"{number // 20}/{number}.txt")
    running = watched.begin()
    watched.wait(lambda: list(watched.outcomes().values()) == 200 * ["ok"])
    watched.wait(lambda: rows(watched.library, "SELECT count(*) FROM vectors") == [(200,)])
    stays(lambda: running.process.poll() is None, REST_SECONDS)
    before, began = cpu_seconds(running), time.monotonic()
    stays(lambda: running.process.poll() is None, PERIOD_SECONDS)
    used = (cpu_seconds(running) - before) / (time.monotonic() - began)
    print(f"{used:.2%} of a core")  # noqa: T201  # a figure
    assert used < 0.01
