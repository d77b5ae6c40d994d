"""The writer groups, rolls back and waits as it says, and refuses what is no library of ours."""

import fcntl
import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from librarian_cli.errors import EnvironmentFault, LibraryLocked
from librarian_cli.store.connections import open_read_only
from librarian_cli.store.database import Database
from tests.support import program

PATIENCE = 20.0
ENOUGH = 1 << 30  # more than any bulk waits for
Operation = Callable[[sqlite3.Connection], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    opened = Database(folder, create=True)
    yield opened
    opened.close()


def put(name: str) -> Operation:
    return lambda connection: connection.execute("INSERT INTO facts VALUES (?, '')", (name,))


def names(folder: Path) -> set[str]:
    connection = open_read_only(folder / "library.db")
    found = {row[0] for row in connection.execute("SELECT name FROM facts")}
    connection.close()
    return found


class Gate:
    """Keeps the writer busy, so that what is written meanwhile meets in its queue."""

    def __init__(self, database: Database) -> None:
        self._entered, self._open = threading.Event(), threading.Event()
        self.future = database.write(self._wait)
        assert self._entered.wait(PATIENCE)

    def _wait(self, connection: sqlite3.Connection) -> None:
        self._entered.set()
        assert self._open.wait(PATIENCE)

    def open(self) -> None:
        self._open.set()


def results(futures: list[Future[object]]) -> list[BaseException | None]:
    return [future.exception(PATIENCE) for future in futures]


def committed_when_run(folder: Path, seen: list[set[str]], name: str) -> Operation:
    """An operation that notes what others could read at the moment at which it ran."""

    def operation(connection: sqlite3.Connection) -> None:
        seen.append(names(folder))
        put(name)(connection)

    return operation


def test_a_new_library_is_for_its_owner_only(database: Database, folder: Path) -> None:
    database.write_now(put("a"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_file()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert set(modes) >= {"library.db", "writer.lock"}
    assert set(modes.values()) == {0o600}


def test_what_a_write_did_can_be_read_elsewhere_once_it_is_acknowledged(database: Database, folder: Path) -> None:
    assert database.write(lambda connection: 42).result(PATIENCE) == 42
    database.write_now(put("a"))
    assert names(folder) == {"a"}


@pytest.mark.parametrize(
    "error",
    [
        ValueError("an operation's own"),
        sqlite3.IntegrityError("a broken constraint"),
        KeyboardInterrupt(),  # not even this may end the writer
    ],
)
def test_an_operation_that_raises_is_rolled_back_while_its_group_commits(
    database: Database, folder: Path, error: BaseException
) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        put("bad")(connection)
        raise error

    gate = Gate(database)
    futures = [database.write(operation) for operation in (put("before"), fail, put("after"))]
    gate.open()
    assert results(futures) == [None, error, None]
    assert names(folder) == {"before", "after"}


def test_operations_that_meet_share_one_transaction(database: Database, folder: Path) -> None:
    seen: list[set[str]] = []
    gate = Gate(database)
    futures = [database.write(committed_when_run(folder, seen, name)) for name in "abc"]
    gate.open()
    assert results(futures) == [None] * 3
    assert seen == [set()] * 3
    assert names(folder) == {"a", "b", "c"}


def test_many_threads_write_at_once_and_nothing_is_lost(database: Database, folder: Path) -> None:
    def write(thread: int) -> None:
        for number in range(50):
            database.write(put(f"{thread}-{number}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    database.close()
    assert len(names(folder)) == 400


def test_a_bulk_operation_waits_while_others_pass_it(database: Database, folder: Path) -> None:
    seen: list[set[str]] = []
    gate = Gate(database)
    bulk = database.write(put("bulk"), bulk_bytes=1)
    small = database.write(committed_when_run(folder, seen, "small"))
    gate.open()
    assert results([small, bulk]) == [None, None]
    assert seen == [set()]
    assert names(folder) == {"bulk", "small"}


def test_bulk_operations_that_are_enough_together_share_one_transaction(database: Database, folder: Path) -> None:
    seen: list[set[str]] = []
    gate = Gate(database)
    first = database.write(put("first"), bulk_bytes=1)
    second = database.write(committed_when_run(folder, seen, "second"), bulk_bytes=ENOUGH)
    gate.open()
    assert results([first, second]) == [None, None]
    assert seen == [set()]


def test_a_lone_bulk_operation_is_committed_after_a_while(database: Database, folder: Path) -> None:
    database.write(put("bulk"), bulk_bytes=1).result(PATIENCE)
    assert names(folder) == {"bulk"}


def test_a_flush_ends_the_wait_of_bulk(database: Database) -> None:
    gate = Gate(database)
    database.write(put("bulk"), bulk_bytes=1)
    database.flush()
    later = database.write(lambda connection: connection.execute("SELECT name FROM facts").fetchall())
    gate.open()
    assert later.result(PATIENCE) == [("bulk",)], "without the flush it would have passed"


def test_closing_commits_what_waits_in_bulk(database: Database, folder: Path) -> None:
    future = database.write(put("bulk"), bulk_bytes=1)
    database.close()
    assert future.done()
    assert names(folder) == {"bulk"}


def test_closing_leaves_everything_in_the_one_file(database: Database, folder: Path) -> None:
    database.write_now(put("a"))
    database.close()
    database.close()
    log = folder / "library.db-wal"
    assert not log.exists() or log.stat().st_size == 0


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        put("a")(database.reader())


def test_each_thread_has_one_reader_of_its_own(database: Database) -> None:
    others: list[sqlite3.Connection] = []
    thread = threading.Thread(target=lambda: others.append(database.reader()))
    thread.start()
    thread.join(PATIENCE)
    assert database.reader() is database.reader()
    assert others[0] is not database.reader()


def test_a_library_opened_read_only_refuses_writes(database: Database, folder: Path) -> None:
    reading = Database(folder, read_only=True)
    with pytest.raises(EnvironmentFault, match="read-only"):
        reading.write_now(put("a"))
    reading.close()


@pytest.mark.parametrize("read_only", [True, False])
def test_where_there_is_no_library_the_message_says_how_to_make_one(folder: Path, *, read_only: bool) -> None:
    with pytest.raises(EnvironmentFault, match=r"library.*librarian ingest"):
        Database(folder, read_only=read_only)
    assert not folder.exists()


def test_a_library_whose_making_was_cut_short_reads_as_none(folder: Path) -> None:
    """A kill between the file's creation and its first table leaves an empty file."""
    folder.mkdir()
    (folder / "library.db").touch()
    with pytest.raises(EnvironmentFault, match="librarian ingest"):
        Database(folder, read_only=True).reader()


class Holder:
    """Holds a library's writer lock, as another process would."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / "writer.lock", os.O_RDWR)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def release(self) -> None:
        os.close(self._descriptor)


def test_a_lock_that_is_held_too_long_ends_the_opening_with_code_11(database: Database, folder: Path) -> None:
    holder = Holder(folder)
    with pytest.raises(LibraryLocked, match="lock_wait_seconds") as caught:
        Database(folder, lock_wait_seconds=0.05, create=True)
    holder.release()
    assert caught.value.exit_code == 11
    assert str(folder) in str(caught.value)


def test_a_write_that_found_the_lock_held_fails_and_the_next_one_succeeds(folder: Path) -> None:
    database = Database(folder, lock_wait_seconds=0.05, create=True)
    holder = Holder(folder)
    with pytest.raises(LibraryLocked):
        database.write_now(put("early"))
    holder.release()
    database.write_now(put("later"))
    database.close()
    assert names(folder) == {"later"}


def test_closing_while_another_process_holds_the_lock_is_quiet(folder: Path) -> None:
    """What was acknowledged is in the log already: somebody else may fold it in."""
    database = Database(folder, lock_wait_seconds=0.05, create=True)
    database.write_now(put("a"))
    holder = Holder(folder)
    loud: list[object] = []
    previous, threading.excepthook = threading.excepthook, loud.append
    try:
        database.close()
    finally:
        threading.excepthook = previous
        holder.release()
    assert loud == []
    assert names(folder) == {"a"}


def test_a_write_waits_for_the_lock_of_another_process(database: Database, folder: Path) -> None:
    holder = Holder(folder)
    future = database.write(put("a"))
    assert not future.done()
    holder.release()
    future.result(PATIENCE)
    assert names(folder) == {"a"}


WRITER = """
import sys
from pathlib import Path
from librarian_cli.store.database import Database
database = Database(Path(sys.argv[1]), create=True)
for number in range(100):
    name = f"{sys.argv[2]}-{number}"
    database.write_now(lambda connection: connection.execute("INSERT INTO facts VALUES (?, '')", (name,)))
database.close()
"""


def test_two_processes_that_write_at_once_lose_nothing(folder: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(folder), name]) for name in "ab"]
    assert [process.wait(PATIENCE) for process in running] == [0, 0]
    assert names(folder) == {f"{name}-{number}" for name in "ab" for number in range(100)}
    checked = open_read_only(folder / "library.db")
    assert checked.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    checked.close()


def test_what_was_acknowledged_survives_a_process_that_dies_without_closing(folder: Path) -> None:
    ended = program.python(WRITER.replace("database.close()", "import os; os._exit(9)"), folder, "a")
    assert ended.code == 9
    assert len(names(folder)) == 100
    again = Database(folder)
    again.write_now(put("more"))
    again.close()
    assert len(names(folder)) == 101


def test_closing_gives_back_the_room_of_what_was_removed(folder: Path) -> None:
    database = Database(folder, create=True)
    database.write_now(lambda conn: conn.execute("INSERT INTO facts VALUES ('bulk', ?)", ("x" * 2_000_000,)))
    database.write_now(lambda conn: conn.execute("DELETE FROM facts"))
    database.close()
    assert (folder / "library.db").stat().st_size < 1_000_000


def test_closing_fills_the_pages_that_many_changes_left_half_empty(folder: Path) -> None:
    keys = [f"{number:08}" + "x" * 192 for number in range(8_000)]
    gone = set(keys[::3])
    database = Database(folder, create=True)
    database.write_now(lambda conn: conn.executemany("INSERT INTO facts VALUES (?, '')", ((key,) for key in keys)))
    database.write_now(lambda conn: conn.executemany("DELETE FROM facts WHERE name = ?", ((key,) for key in gone)))
    (before,) = database.reader().execute("PRAGMA page_count").fetchone()
    database.close()
    connection = open_read_only(folder / "library.db")
    assert connection.execute("PRAGMA page_count").fetchone()[0] < 0.9 * before
    assert connection.execute("SELECT name FROM facts").fetchall() == [(key,) for key in keys if key not in gone]
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)  # incremental, as before
    connection.close()


def make_noise(path: Path) -> None:
    path.write_bytes(random.Random(3).randbytes(8192))


def make_foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()


def make_newer(path: Path) -> None:
    Database(path.parent, create=True).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_noise, "not a library"),
        (make_foreign, "not a Librarian library"),  # some other program's tables
        (make_newer, "newer Librarian"),
    ],
)
def test_a_file_that_is_no_library_of_ours_is_named_and_left_alone(
    folder: Path, make: Callable[[Path], None], words: str, *, read_only: bool
) -> None:
    folder.mkdir()
    path = folder / "library.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(EnvironmentFault, match=words) as caught:
        Database(folder, read_only=read_only).reader()
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 4
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault, match=r"file/library: cannot make"):
        Database(tmp_path / "file" / "library", create=True)


OPENER = """
import sys
from pathlib import Path
from librarian_cli.errors import EnvironmentFault
from librarian_cli.store.database import Database
try:
    database = Database(Path(sys.argv[1]), read_only=sys.argv[2] == "read-only")
    print([row[0] for row in database.reader().execute("SELECT name FROM facts")])
except EnvironmentFault as exc:
    print("fault:", exc)
"""


def test_a_read_only_folder_can_be_read_and_its_refusal_to_be_written_is_clear(
    database: Database, folder: Path
) -> None:
    database.write_now(put("a"))
    database.close()
    for path in (*folder.iterdir(), folder):
        path.chmod(0o500 if path.is_dir() else 0o400)
    read = program.python(OPENER, folder, "read-only", privileged=False)
    written = program.python(OPENER, folder, "writable", privileged=False)
    folder.chmod(0o700)
    assert read.out == "['a']\n"
    assert written.out.startswith(f"fault: {folder}")
    assert "permission" in written.out.lower()
