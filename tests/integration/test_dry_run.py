"""`ingest --dry-run` tells, file by file, what the same command then does without it, and leaves no trace."""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pypdf
import pytest

from librarian_cli import config
from librarian_cli.app import Librarian
from librarian_cli.discover import Selection
from librarian_cli.events import Bus, Event, StageEnded
from librarian_cli.pipeline.intake import Request
from librarian_cli.plan import ACTIONS, FilePlan
from tests.support.cli import TEXT, make
from tests.support.inline import InlinePools
from tests.support.program import librarian
from tests.support.running import start, wait_until
from tests.support.trees import SAMPLES, write_text

WORK = ("new", "changed", "rerun", "retry", "approve", "queued")
OUTCOMES = {
    **dict.fromkeys(WORK, ("ok", "ok-with-warning", "failed", "waiting")),
    "duplicate": ("duplicate",),
    "refused": ("failed",),
    "waiting": ("unchanged",),
    "failed": ("unchanged",),
    "skipped": ("skipped", "unchanged"),
    "unchanged": ("unchanged",),
}
"""What may become of a file in the run for which an action was planned."""
FIRST_SETTINGS = {"read.max_text_bytes": 40_000, "ingest.approve_confidence": 0.885}
"""Short texts wait for a person."""


@dataclass
class Case:
    """A tree with files in every state, and a library that knows them."""

    library: Path
    tree: Path
    settings: dict[str, Any] = field(default_factory=lambda: dict(FIRST_SETTINGS))
    passwords: dict[str, str] = field(default_factory=dict)

    def open(self, bus: Bus | None = None) -> Librarian:
        loaded = config.load({"library.path": str(self.library), **self.settings})
        return Librarian(replace(loaded, passwords=self.passwords), bus=bus)

    def request(self, **wishes: Any) -> Request:
        return Request((os.fsencode(self.tree),), **wishes)

    def book(self, name: str) -> str:
        """The id of the book that a file holds."""
        with self.open() as opened:
            return next(item.book.id for item in opened.books() if item.paths[0].endswith(name.encode()))

    def plan(self, request: Request) -> dict[str, FilePlan]:
        with self.open() as opened:
            return {os.path.basename(os.fsdecode(item.path)): item for item in opened.plan(request).files}

    def ingest(self, request: Request) -> tuple[dict[str, str], dict[str, set[str]]]:
        """Returns: each file's outcome, and the stages that each file's book passed."""
        bus, passed = Bus(), dict[str, set[str]]()

        def note(event: Event) -> None:
            if isinstance(event, StageEnded):
                passed.setdefault(event.book, set()).add(event.stage)

        bus.subscribe(note)
        with self.open(bus) as opened:
            job = opened.ingest(request, pools=InlinePools(opened.config)).job
            outcomes = {os.path.basename(os.fsdecode(item.path)): item.outcome for item in opened.files(job=job)}
        return outcomes, passed


@pytest.fixture
def case(tmp_path: Path) -> Case:
    tree = tmp_path / "books"
    for name in ("kept", "edited", "touched", "old-place", "removed", "cancelled", "vanished"):
        write_text(tree / f"{name}.txt", name, paragraphs=30)
    make(tree, short_txt=TEXT[:900])
    write_text(tree / "too-long.txt", "too-long", paragraphs=200)
    (tree / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0 picture")
    shutil.copy(SAMPLES / "manuals/the-grey-of-the-page.pdf", tree / "broken.pdf")
    writer = pypdf.PdfWriter(clone_from=SAMPLES / "science/flattening-the-globe.pdf")
    writer.encrypt("sesame", algorithm="RC4-128")
    writer.write(tree / "locked.pdf")
    (tree / "forbidden.txt").write_text(TEXT)
    made = Case(tmp_path / "library", tree)
    made.ingest(made.request())
    with made.open() as opened:
        opened.remove([made.book("removed.txt")])
    for name in ("queued", "dropped"):
        write_text(tree / f"{name}.txt", name, paragraphs=30)
        with made.open() as opened:
            opened.enqueue(made.request())
    with made.open() as opened:
        opened.cancel([made.book("dropped.txt")])
    change(tree)
    return made


def change(tree: Path) -> None:
    """Do to a tree what people do between two runs."""
    write_text(tree / "edited.txt", "edited anew", paragraphs=30)
    os.utime(tree / "touched.txt", (1, 1))
    (tree / "old-place.txt").rename(tree / "new-place.txt")
    (tree / "vanished.txt").unlink()
    write_text(tree / "fresh.txt", "fresh", paragraphs=30)
    shutil.copy(tree / "fresh.txt", tree / "fresh2.txt")
    shutil.copy(tree / "kept.txt", tree / "kept-again.txt")
    write_text(tree / "fresh-too-long.txt", "fresh-too-long", paragraphs=200)
    (tree / "fresh-broken.epub").write_bytes(b"this is no archive" * 10)
    (tree / "fresh-picture.jpg").write_bytes(b"\xff\xd8\xff\xe0 another")


PLAIN = {
    "broken.pdf": ("failed", "failed before: corrupt, unchanged"),
    "cancelled.txt": ("unchanged", "as it was"),
    "dropped.txt": ("skipped", "cancelled; `librarian retry` takes it up"),
    "edited.txt": ("changed", "changed content; it held"),
    "forbidden.txt": ("waiting", "waiting for approval"),
    "fresh2.txt": ("duplicate", "another path of"),
    "fresh-broken.epub": ("refused", "corrupt: not what its name says"),
    "fresh-picture.jpg": ("skipped", "unsupported"),
    "fresh-too-long.txt": ("refused", "limit: "),
    "fresh.txt": ("new", "not seen before"),
    "kept-again.txt": ("duplicate", "another path of"),
    "kept.txt": ("unchanged", "as it was"),
    "locked.pdf": ("failed", "failed before: encrypted, unchanged"),
    "new-place.txt": ("unchanged", "moved from "),
    "picture.jpg": ("skipped", "unsupported"),
    "queued.txt": ("queued", "filed before and not done"),
    "removed.txt": ("skipped", "removed; --force takes it back"),
    "short.txt": ("waiting", "waiting for approval"),
    "too-long.txt": ("failed", "failed before: limit, unchanged"),
    "touched.txt": ("unchanged", "same content, other times"),
}


def test_every_file_has_its_action_and_its_reason(case: Case) -> None:
    plan = case.plan(case.request())
    assert {name: item.action for name, item in plan.items()} == {name: action for name, (action, _) in PLAIN.items()}
    for name, (_, why) in PLAIN.items():
        assert plan[name].why.startswith(why), name


def no_change(case: Case) -> Request:
    return case.request()


def chunk_size(case: Case) -> Request:
    case.settings["stages.chunk.max_chars"] = 500
    return case.request()


def limits(case: Case) -> Request:
    case.settings["read.max_text_bytes"] = 1 << 20
    return case.request()


def approval(case: Case) -> Request:
    return case.request(approve=True)


def confidence(case: Case) -> Request:
    case.settings["ingest.approve_confidence"] = 0.5
    return case.request()


def password(case: Case) -> Request:
    case.passwords["locked*"] = "sesame"
    return case.request()


def force_chunk(case: Case) -> Request:
    return case.request(force="chunk")


def force_all_with_a_limit(case: Case) -> Request:
    case.settings["read.max_book_chars"] = 5_000
    return case.request(force="schema")


def some_files(case: Case) -> Request:
    case.settings["stages.chunk.max_chars"] = 500
    return case.request(selection=Selection(include=("*.pdf", "k*.txt", "fresh*")))


def one_file(case: Case) -> Request:
    return Request((os.fsencode(case.tree / "new-place.txt"), os.fsencode(case.tree / "edited.txt")))


def what_waits(case: Case) -> Request:
    return Request(())


WISHES = (
    no_change, chunk_size, limits, approval, confidence, password, force_chunk, force_all_with_a_limit, some_files,
    one_file, what_waits,
)  # fmt: skip


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: wish.__name__)
def test_the_run_does_what_was_planned_for_each_file(case: Case, wish: Callable[[Case], Request]) -> None:
    request = wish(case)
    plan = case.plan(request)
    outcomes, passed = case.ingest(request)
    assert set(plan) == set(outcomes)
    wrong = {name: (item.action, item.why, outcomes[name]) for name, item in plan.items()
             if outcomes[name] not in OUTCOMES[item.action]}  # fmt: skip
    assert not wrong
    for name, item in plan.items():
        if item.stages:
            ran = passed.get(item.book or "", set())
            ends_early = outcomes[name] in ("failed", "waiting")
            assert ran == set(item.stages) or (ends_early and ran <= set(item.stages)), name
            assert item.seconds > 0
    planned = {item.book for item in plan.values()}  # a run may also do what waits from others
    assert {item.book for item in plan.values() if item.stages} == set(passed) & planned


def test_the_setting_that_changed_is_named_with_both_values(case: Case) -> None:
    kept = case.plan(chunk_size(case))["kept.txt"]
    assert (kept.action, kept.stages) == ("rerun", ("chunk", "enrich", "audit"))
    assert kept.why == "chunk: stages.chunk.max_chars changed from 1000 to 500"


def test_a_failure_says_which_limit_lets_it_try_again(case: Case) -> None:
    plan = case.plan(limits(case))
    assert plan["broken.pdf"].action == plan["too-long.txt"].action == "retry"
    assert plan["broken.pdf"].why == "failed before: corrupt; read.max_text_bytes changed from 40000 to 1048576"
    assert plan["too-long.txt"].why == "failed before: limit; it passes now"


def test_a_library_that_does_not_know_what_its_fingerprints_held_says_so_much(case: Case) -> None:
    with case.open() as opened:
        opened._writable().write_now(lambda connection: connection.execute("DELETE FROM facts"))
    kept = case.plan(chunk_size(case))["kept.txt"]
    assert (kept.action, kept.why) == ("rerun", "chunk: settings or reader version changed")


def snapshot(folder: Path) -> dict[str, tuple[str, int]]:
    """Names, contents and times of everything below a folder."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
            path.stat().st_mtime_ns,
        )
        for path in (folder, *folder.rglob("*"))
    }


def test_no_byte_of_the_library_and_no_name_in_its_folder_changes(case: Case) -> None:
    before = snapshot(case.library)
    ran = librarian("ingest", "--dry-run", "--json", "--force", case.tree, library=case.library)
    assert ran.code == 0, ran.err
    assert snapshot(case.library) == before


def test_a_library_in_a_folder_that_may_not_be_written_is_planned_for(case: Case) -> None:
    case.library.chmod(0o500)
    ran = librarian("ingest", "--dry-run", "--json", case.tree, library=case.library, privileged=False)
    case.library.chmod(0o700)
    assert ran.code == 0, ran.err
    assert ran.document["totals"]["new"] >= 1


def test_without_a_library_everything_is_new_and_none_is_made(tmp_path: Path) -> None:
    library = tmp_path / "none" / "library"
    ran = librarian("ingest", "--dry-run", "--json", SAMPLES, library=library)
    assert ran.code == 0, ran.err
    assert ran.document["totals"] == dict.fromkeys(ACTIONS, 0) | {"new": 13, "duplicate": 1}
    assert ran.document["estimated_seconds"] > 0
    assert not library.parent.exists()
    assert librarian("ingest", "--dry-run", library=library).code == 0


def test_a_plan_is_made_while_another_process_works(tmp_path: Path) -> None:
    tree, library = tmp_path / "books", tmp_path / "library"
    for number in range(150):
        write_text(tree / f"{number}.txt", number, paragraphs=40)
    running = start(tmp_path / "out", "ingest", tree, library=library)
    try:
        wait_until(lambda: (library / "library.db-wal").exists(), 30)
        plans = []
        while running.process.poll() is None:
            plans.append(librarian("ingest", "--dry-run", "--json", tree, library=library))
    finally:
        running.end()
    assert plans
    for ran in plans:
        assert ran.code == 0, ran.err
        assert len(ran.document["files"]) == 150
        assert set(ran.document["totals"]) == set(ACTIONS)
    last = librarian("ingest", "--dry-run", "--json", tree, library=library).document
    assert last["totals"]["unchanged"] == 150


def test_people_see_counts_and_the_first_files_and_all_with_v(tmp_path: Path) -> None:
    for number in range(30):
        write_text(tmp_path / "books" / f"{number}.txt", number)
    library = tmp_path / "library"
    ran = librarian("ingest", "--dry-run", tmp_path / "books", library=library)
    assert ran.out.splitlines()[0].split() == ["ACTION", "FILES", "SIZE", "TIME"]
    assert ran.out.count("(not seen before; all stages; ") == 20
    assert ran.err == "10 more files not listed; `librarian -v ingest --dry-run` lists all\n"
    whole = librarian("-v", "ingest", "--dry-run", tmp_path / "books", library=library)
    assert whole.out.count("(not seen before; ") == 30
    assert librarian("ingest", "--dry-run", "--no-wait", tmp_path / "books", library=library).code == 2


def test_the_estimate_of_a_known_library_comes_from_its_own_times(tmp_path: Path) -> None:
    for number in range(30):
        write_text(tmp_path / "books" / f"{number}.txt", number, paragraphs=200)
    library = tmp_path / "library"
    took = librarian("ingest", "--json", tmp_path / "books", library=library).document["seconds"]
    plan = librarian("ingest", "--dry-run", "--json", "--force", tmp_path / "books", library=library).document
    assert 0.05 * took < plan["estimated_seconds"] <= took
    assert sum(item["estimated_seconds"] for item in plan["files"]) == pytest.approx(
        plan["estimated_seconds"], abs=0.03
    )
