"""A scan makes each content one book, files its tasks, and leaves what did not change alone."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from librarian_cli import discover
from librarian_cli.discover import Selection
from librarian_cli.events import Bus, Event, FilesFound, StagePlanned
from librarian_cli.identify import identify
from librarian_cli.models import Candidate, ReadLimits
from librarian_cli.pipeline.intake import Intake, Request
from librarian_cli.settings import Config, EnrichSettings, Stages
from librarian_cli.stages import STAGES, fingerprints
from librarian_cli.store import books, files, jobs, tags, tasks
from librarian_cli.store.database import Database

TEXT = "The tide table hangs beside the door of the harbour office.\n" * 20


class Scene:
    """A tree, a library beside it, and scans of the one into the other."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "books"
        self.tree.mkdir()
        self.database = Database(folder / "library", create=True)
        self.config = Config()
        self.events: list[Event] = []
        self.woken = 0

    def make(self, name: str, content: str = TEXT) -> Path:
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def scan(
        self,
        *,
        force: str | None = None,
        selection: Selection | None = None,
        root: Path | None = None,
        tag: tuple[str, ...] = (),
    ) -> int:
        job = self.open_job()
        request = Request((os.fsencode(root or self.tree),), selection or Selection(), force, tags=tag)
        self.intake(job).run(request, 2, lambda: False)
        return job

    def open_job(self) -> int:
        return self.database.write_now(lambda connection: jobs.start(connection, "ingest", "me"))

    def intake(self, job: int) -> Intake:
        bus = Bus()
        bus.subscribe(self.events.append)
        return Intake(self.database, self.config, bus, job=job, wake=self.wake)

    def wake(self) -> None:
        self.woken += 1

    def outcomes(self, job: int | None = None) -> dict[str, str]:
        found = files.outcomes(self.database.reader(), job=job)
        return {os.path.relpath(os.fsdecode(item.path), self.tree): item.text for item in found}

    def tags(self) -> dict[str, tuple[str, ...]]:
        """The tags of each book, by its title."""
        reader = self.database.reader()
        return {book.title: tags.of_book(reader, book.row) for book in books.every(reader)}

    def count(self, what: str) -> int:
        return int(self.database.reader().execute(f"SELECT count(*) FROM {what}").fetchone()[0])

    def finish(self, status: str = "ok") -> None:
        def operation(connection: sqlite3.Connection) -> None:
            for book in list(books.every(connection)):
                books.set_status(connection, book.row, status, 1)

        self.database.write_now(operation)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.database.close()


def candidate_of(path: Path) -> Candidate:
    (found,) = discover.walk(os.fsencode(path), Selection(), discover.Listing())
    return found


def test_a_new_file_becomes_a_book_with_a_task_for_each_stage(scene: Scene) -> None:
    path = scene.make("tides.txt")
    job = scene.scan()
    (book,) = books.every(scene.database.reader())
    assert book.id == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (book.size, book.format, book.status) == (path.stat().st_size, "txt", "pending")
    assert scene.count("tasks") == len(STAGES)
    assert scene.outcomes(job) == {"tides.txt": "waiting:queued"}
    assert scene.woken > 0


def test_subscribers_hear_of_the_files_and_of_the_work_ahead(scene: Scene) -> None:
    scene.make("a.txt")
    scene.make("b.txt", TEXT + "more\n")
    scene.scan()
    planned = [event.stage for event in scene.events if isinstance(event, StagePlanned)]
    assert sorted(planned) == sorted(2 * [stage.name for stage in STAGES])
    assert scene.events[-1] == FilesFound(2, 2, finished=True)


def test_equal_contents_are_one_book_and_the_first_path_is_its_own(scene: Scene) -> None:
    for name in ("c.txt", "a.txt", "b/a.txt"):
        scene.make(name)
    os.link(scene.tree / "c.txt", scene.tree / "d.txt")
    scene.scan()
    scene.finish()
    assert scene.count("books") == 1
    outcomes = scene.outcomes()
    assert outcomes.pop("a.txt") == "ok"
    assert {text.split(":")[0] for text in outcomes.values()} == {"duplicate"}


def test_a_second_scan_finds_nothing_to_do(scene: Scene) -> None:
    scene.make("a.txt")
    scene.make("picture.png", "\x89PNG\r\n\x1a\n\x00\x00")
    scene.scan()
    scene.finish()
    scene.events.clear()
    job = scene.scan()
    assert scene.outcomes(job) == {"a.txt": "unchanged", "picture.png": scene.outcomes(job)["picture.png"]}
    assert scene.outcomes(job)["picture.png"].startswith("unchanged:")
    assert scene.events[-1] == FilesFound(2, 0, finished=True)
    assert scene.count("tasks") == len(STAGES)


def test_a_renamed_file_costs_one_row_and_no_work(scene: Scene) -> None:
    scene.make("old.txt")
    scene.scan()
    scene.finish()
    (scene.tree / "old.txt").rename(scene.tree / "new.txt")
    job = scene.scan()
    assert scene.count("books") == 1
    assert scene.count("tasks") == len(STAGES)
    assert list(scene.outcomes(job)) == ["new.txt"]


def test_an_edited_file_is_another_book(scene: Scene) -> None:
    scene.make("a.txt")
    scene.scan()
    scene.finish()
    scene.make("a.txt", TEXT + "a new last line\n")
    job = scene.scan()
    assert scene.count("books") == 2
    assert scene.outcomes(job) == {"a.txt": "waiting:queued"}


def test_a_deleted_file_is_marked_but_an_empty_listing_is_not_believed(scene: Scene) -> None:
    scene.make("a.txt")
    scene.make("b.txt", TEXT * 2)
    scene.scan()
    (scene.tree / "a.txt").unlink()
    scene.scan()
    assert set(scene.outcomes()) == {"b.txt"}
    (scene.tree / "b.txt").unlink()
    scene.scan()
    assert set(scene.outcomes()) == {"b.txt"}, "the disk may not be mounted"


def test_files_outside_the_selection_are_not_taken_for_deleted(scene: Scene) -> None:
    scene.make("a.txt")
    scene.make("b.md", TEXT * 2)
    scene.scan()
    scene.scan(selection=Selection(include=("*.txt",)))
    assert set(scene.outcomes()) == {"a.txt", "b.md"}


def test_an_emptied_tree_beside_a_full_one_is_not_believed_either(scene: Scene, tmp_path: Path) -> None:
    scene.make("a.txt")
    scene.scan()
    (scene.tree / "a.txt").unlink()
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.txt").write_text(TEXT * 3)
    job = scene.open_job()
    request = Request((os.fsencode(scene.tree), os.fsencode(other)))
    scene.intake(job).run(request, 2, lambda: False)
    assert "a.txt" in scene.outcomes()


@pytest.mark.parametrize(
    ("name", "content", "outcome"),
    [
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "skipped:unsupported"),
        ("program", b"\x7fELF\2\1\1\0\0\0\0\0\0", "skipped:unsupported"),
        ("broken.pdf", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "failed:corrupt"),  # not what its name says
        ("empty.txt", b"", "failed:empty"),
    ],
)
def test_what_cannot_be_a_book_has_its_outcome_at_once(scene: Scene, name: str, content: bytes, outcome: str) -> None:
    (scene.tree / name).write_bytes(content)
    job = scene.scan()
    assert scene.outcomes(job) == {name: outcome}
    assert scene.count("books") == scene.count("tasks") == 0


def test_a_file_above_the_size_limit_is_refused_with_both_sizes(scene: Scene) -> None:
    path = scene.make("big.txt", "x " * (1 << 20))
    config = replace(Config(), read=ReadLimits(max_text_bytes=1 << 20))
    outcome = identify(candidate_of(path), config).outcome
    assert outcome is not None
    assert outcome.text == "failed:limit"
    assert "2 MiB" in outcome.detail
    assert "1 MiB" in outcome.detail


def test_the_stat_is_that_of_the_bytes_that_were_hashed(scene: Scene) -> None:
    path = scene.make("a.txt")
    seen = candidate_of(path)
    path.write_text(TEXT + "written since\n")
    hashed = identify(seen, Config())
    assert hashed.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (hashed.candidate.size, hashed.candidate.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)


def test_a_file_that_became_a_link_is_unreadable_rather_than_followed(scene: Scene) -> None:
    path = scene.make("a.txt")
    seen = candidate_of(path)
    path.rename(scene.tree / "b.txt")
    path.symlink_to(scene.tree / "b.txt")
    outcome = identify(seen, Config()).outcome
    assert outcome is not None
    assert outcome.text == "failed:unreadable"


def test_a_file_that_vanished_before_it_was_opened_is_read_should_it_come_back(scene: Scene) -> None:
    path = scene.make("a.txt")
    seen = candidate_of(path)
    path.unlink()
    hashed = identify(seen, Config())
    assert hashed.outcome is not None
    assert hashed.outcome.text == "skipped:vanished"
    assert hashed.candidate != seen  # what is stored matches no file, so the next scan does not take it for known


def test_force_runs_a_finished_book_again_from_the_stage_that_is_named(scene: Scene) -> None:
    scene.make("a.txt")
    scene.scan()
    prints = [(value, stage) for (stage, kind), value in fingerprints(scene.config).items() if kind == "txt"]
    scene.database.write_now(
        lambda connection: connection.executemany(
            "UPDATE tasks SET state = 'done', fingerprint = ? WHERE stage = ?", prints
        )
    )
    scene.finish()
    job = scene.scan(force="chunk")
    found = scene.database.reader().execute("SELECT stage, state FROM tasks ORDER BY id").fetchall()
    assert found == [
        ("schema", "done"),
        ("extract", "done"),
        ("chunk", "ready"),
        ("enrich", "waiting"),
        ("audit", "waiting"),
    ]
    assert tasks.unfinished(scene.database.reader(), job) == 1


def test_force_leaves_a_book_alone_that_never_came_to_the_stage(scene: Scene) -> None:
    scene.make("a.txt")
    scene.scan()
    states = {
        "schema": "failed",
        "extract": "cancelled",
        "chunk": "cancelled",
        "enrich": "cancelled",
        "audit": "cancelled",
    }
    prints = fingerprints(scene.config, failed=True)
    scene.database.write_now(
        lambda connection: connection.executemany(
            "UPDATE tasks SET state = ?, fingerprint = ? WHERE stage = ?",
            [(state, prints[stage, "txt"], stage) for stage, state in states.items()],
        )
    )
    scene.finish("failed")
    scene.scan(force="chunk")
    assert dict(scene.database.reader().execute("SELECT stage, state FROM tasks")) == states


def test_a_removed_book_is_ignored_until_it_is_forced(scene: Scene) -> None:
    scene.make("a.txt")
    scene.scan()
    (book,) = books.every(scene.database.reader())

    scene.database.write_now(lambda connection: tasks.forget(connection, book.row))
    scene.finish("removed")
    job = scene.scan()
    assert scene.outcomes() == {"a.txt": "skipped:removed"}
    assert tasks.unfinished(scene.database.reader(), job) == 0
    forced = scene.scan(force="schema")
    assert scene.outcomes() == {"a.txt": "waiting:queued"}
    assert tasks.unfinished(scene.database.reader(), forced) == 1


def done(scene: Scene) -> None:
    """Let every task that is filed be done, with the settings in force."""
    prints = [(value, stage, f) for (stage, f), value in fingerprints(scene.config).items() if f == "txt"]
    scene.database.write_now(
        lambda connection: connection.executemany(
            "UPDATE tasks SET state = 'done', fingerprint = ? WHERE stage = ? AND ? = 'txt'", prints
        )
    )
    scene.finish()


def stages_of(scene: Scene) -> dict[str, str]:
    return dict(scene.database.reader().execute("SELECT stage, state FROM tasks"))


WITHOUT = Config(stages=Stages(enrich=EnrichSettings(enabled=False)))


def test_a_stage_that_is_off_is_absent_from_the_plan(scene: Scene) -> None:
    scene.config = WITHOUT
    scene.make("a.txt")
    scene.scan()
    assert list(stages_of(scene)) == ["schema", "extract", "chunk", "audit"]
    assert {event.stage for event in scene.events if isinstance(event, StagePlanned)} == set(stages_of(scene))


def test_switched_on_again_it_is_caught_up_with(scene: Scene) -> None:
    scene.config = WITHOUT
    scene.make("a.txt")
    scene.scan()
    done(scene)
    scene.config = Config()
    job = scene.scan()
    assert stages_of(scene) == dict.fromkeys(("schema", "extract", "chunk", "audit"), "done") | {"enrich": "ready"}
    assert tasks.unfinished(scene.database.reader(), job) == 1


def test_switched_off_it_is_waited_for_no_longer(scene: Scene) -> None:
    scene.make("a.txt")
    scene.scan()
    done(scene)
    scene.database.write_now(lambda c: c.execute("UPDATE tasks SET state = 'ready' WHERE stage = 'enrich'"))
    scene.finish("pending")
    scene.config = WITHOUT
    job = scene.scan()
    assert "enrich" not in stages_of(scene)
    assert tasks.unfinished(scene.database.reader(), job) == 0
    assert [book.status for book in books.every(scene.database.reader())] == ["ok"]


def test_files_that_changed_under_us_are_taken_up_again(scene: Scene) -> None:
    path = scene.make("a.txt")
    job = scene.scan()
    stale = candidate_of(path)
    path.write_text(TEXT + "and more\n")
    scene.intake(job).rescan([stale, replace(stale, path=b"gone.txt")])
    (known,) = files.known(scene.database.reader(), [candidate_of(path)])
    assert known is not None
    assert known.same
    assert scene.count("books") == 2


def test_every_book_of_a_scan_is_given_its_tags_whether_it_is_new_or_not(scene: Scene) -> None:
    scene.make("old.txt", TEXT + "old")
    scene.scan()
    scene.make("new.txt", TEXT + "new")
    elsewhere = scene.make("elsewhere/c.txt", TEXT + "c")
    (scene.tree / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    scene.scan(tag=("sea", "Maps"), selection=Selection(exclude=("elsewhere",)))
    assert scene.tags() == {"old": ("Maps", "sea"), "new": ("Maps", "sea")}
    scene.scan(tag=("SEA",), root=elsewhere)
    scene.scan()
    assert scene.tags() == {"old": ("Maps", "sea"), "new": ("Maps", "sea"), "c": ("sea",)}


def test_a_removed_book_is_tagged_only_once_it_is_forced_back(scene: Scene) -> None:
    scene.make("a.txt")
    scene.scan(tag=("sea",))

    def remove(connection: sqlite3.Connection) -> None:
        tags.clear(connection, 1)
        tasks.forget(connection, 1)
        books.set_status(connection, 1, "removed", None)

    scene.database.write_now(remove)
    scene.scan(tag=("sea",))
    assert scene.count("tags") == 0
    scene.scan(tag=("maps",), force="schema")
    assert scene.tags() == {"a": ("maps",)}


def test_files_that_changed_under_us_are_given_the_tags_of_the_scan_too(scene: Scene) -> None:
    path = scene.make("a.txt")
    intake = scene.intake(scene.open_job())
    intake.run(Request((os.fsencode(scene.tree),), tags=("sea",)), 2, lambda: False)
    stale = candidate_of(path)
    scene.database.write_now(lambda connection: tags.clear(connection, 1))  # as if it had changed before the end
    path.write_text(TEXT + "and more\n")
    intake.rescan([stale])
    assert scene.count("books") == 2
    assert tags.members(scene.database.reader(), ["sea"]) == {2}


@pytest.mark.parametrize("between", [b"", b"\xff\xd8\xff", b"%PDF-1.4"])
def test_a_file_that_is_no_book_for_a_while_keeps_its_tags(scene: Scene, between: bytes) -> None:
    path = scene.make("a.txt")
    scene.scan(tag=("sea",))
    for content in (between, (TEXT + "edited").encode()):
        path.write_bytes(content)
        scene.scan()
        for row in books.orphans(scene.database.reader()):
            scene.database.write_now(partial(books.delete, row=row))
    assert scene.tags() == {"a": ("sea",)}


def test_a_stopped_scan_ends_early(scene: Scene) -> None:
    for number in range(5):
        scene.make(f"{number}.txt", TEXT + str(number))
    scene.intake(scene.open_job()).run(Request((os.fsencode(scene.tree),)), 2, lambda: True)
    assert scene.count("files") == 0
