"""The end of a task and all its effects stand or fall together."""

import sqlite3

import pytest

from librarian_cli.models import AuditReport, Chunked, Confidence, Cost, PageText, Part, SchemaProposal, Task
from librarian_cli.pipeline import settle
from librarian_cli.pipeline.retry import Decision
from librarian_cli.settings import Config
from librarian_cli.stages import NEEDS, Saved
from librarian_cli.store import books, claiming, content, files, jobs, tasks
from librarian_cli.store.claiming import Caps, Want
from librarian_cli.store.tasks import LeaseLost
from librarian_cli.text.enriching.findings import Findings, Keyphrase
from tests.support.stored import add_book, candidate

TEXT = "The tide rises.\n"
PARTS = (Part(0, (PageText(TEXT),)),)
CHUNKED = Chunked((), (0, len(TEXT)))
PRINTS = settle.Fingerprints(
    done={(stage, "txt"): f"print of {stage}" for stage in NEEDS},
    failed={(stage, "txt"): f"failure of {stage}" for stage in NEEDS},
)
FOUND = Findings(3, keyphrases=(Keyphrase("tide", 1),))
GOOD = AuditReport(0.9, {"text_rebuilt": True}, ())
BAD = AuditReport(0.0, {"text_rebuilt": True, "fully_indexed": False}, ("gate failed: fully_indexed",))
COST = Cost(1.5, 1.0)


def proposal(confidence: float) -> SchemaProposal:
    sure = {"type": Confidence(0.99), "kind": Confidence(confidence)}
    return SchemaProposal("txt", "Tides", "A. Keeper", "en", "book", "sea", confidence=sure)


@pytest.fixture
def job(connection: sqlite3.Connection) -> int:
    return jobs.start(connection, "ingest", "me")


@pytest.fixture
def row(connection: sqlite3.Connection, job: int) -> int:
    row = add_book(connection, "a.txt", job=job)
    tasks.add(connection, row, NEEDS, job, 1.0)
    return row


def claim(connection: sqlite3.Connection, stage: str) -> Task:
    (task,) = claiming.claim(connection, "me", [Want(stage, stage, 1)], Caps({}, 10))
    return task


def complete(
    connection: sqlite3.Connection, stage: str, output: object, task: Task | None = None, *, approve: bool = False
) -> Saved:
    task = task or claim(connection, stage)
    return settle.complete(
        connection, task, (output,), config=Config(), fingerprints=PRINTS, cost=COST, approve=approve
    )


def states(connection: sqlite3.Connection) -> list[str]:
    return [state for (state,) in connection.execute("SELECT state FROM tasks ORDER BY id")]


def status(connection: sqlite3.Connection, row: int) -> tuple[str, str]:
    book = books.get(connection, row)
    return book.status, book.reason


def test_a_sure_proposal_lets_the_book_go_on(connection: sqlite3.Connection, row: int) -> None:
    assert complete(connection, "schema", proposal(0.9)).promote
    assert states(connection) == ["done", "ready", "waiting", "waiting", "waiting"]
    assert books.get(connection, row).title == "Tides"
    assert status(connection, row) == ("pending", "")


def test_an_unsure_proposal_makes_the_book_wait_for_a_person(connection: sqlite3.Connection, row: int) -> None:
    assert not complete(connection, "schema", proposal(0.5)).promote
    assert states(connection) == ["done", "waiting", "waiting", "waiting", "waiting"]
    assert status(connection, row)[0] == "waiting"
    assert books.is_waiting(connection, row)


def test_a_person_who_approves_everything_lets_an_unsure_one_go_on_too(
    connection: sqlite3.Connection, row: int
) -> None:
    assert complete(connection, "schema", proposal(0.5), approve=True).promote
    assert states(connection) == ["done", "ready", "waiting", "waiting", "waiting"]
    assert not books.is_waiting(connection, row)
    assert connection.execute("SELECT decided_by FROM proposals").fetchone() == ("ingest --yes",)


def test_a_book_ends_ok_with_its_last_stage_and_not_before(connection: sqlite3.Connection, row: int, job: int) -> None:
    complete(connection, "schema", proposal(0.9))
    assert complete(connection, "extract", PARTS).fused == ()
    assert states(connection) == ["done", "done", "ready", "waiting", "waiting"]
    complete(connection, "chunk", CHUNKED)
    assert status(connection, row)[0] == "pending"
    complete(connection, "enrich", FOUND)
    assert status(connection, row)[0] == "pending"
    complete(connection, "audit", GOOD)
    assert status(connection, row) == ("ok", "")
    book = books.get(connection, row)
    assert (book.trust_score, book.seconds, content.text(connection, row)) == (0.9, 5 * COST.seconds, TEXT)
    prints = connection.execute("SELECT stage, fingerprint FROM tasks ORDER BY id").fetchall()
    assert prints == [(stage, f"print of {stage}") for stage in NEEDS]


def test_work_that_came_along_ends_its_stage_too(connection: sqlite3.Connection, row: int) -> None:
    complete(connection, "schema", proposal(0.9))
    assert complete(connection, "extract", (*PARTS, CHUNKED)).fused == ("chunk",)
    assert states(connection) == ["done", "done", "done", "ready", "ready"]
    assert content.text(connection, row) == TEXT


def test_warnings_on_the_way_end_in_ok_with_warning(connection: sqlite3.Connection, row: int) -> None:
    complete(connection, "schema", proposal(0.9))
    warned = Part(0, (PageText(TEXT),), warnings=("encoding-guessed", "repaired"))
    complete(connection, "extract", (warned, CHUNKED))
    complete(connection, "enrich", FOUND)
    complete(connection, "audit", GOOD)
    assert status(connection, row) == ("ok-with-warning", "encoding-guessed,repaired")


def test_a_book_without_text_fails_and_its_later_stages_are_cancelled(connection: sqlite3.Connection, row: int) -> None:
    complete(connection, "schema", proposal(0.9))
    saved = complete(connection, "extract", (Part(0, (PageText(" \n"),)),))
    assert saved.failure is not None
    assert states(connection) == ["done", "failed", "cancelled", "cancelled", "cancelled"]
    assert status(connection, row) == ("failed", "empty")


def test_a_gate_that_does_not_hold_fails_the_book_and_keeps_the_evidence(
    connection: sqlite3.Connection, row: int
) -> None:
    complete(connection, "schema", proposal(0.9))
    complete(connection, "extract", (*PARTS, CHUNKED))
    complete(connection, "audit", BAD)
    assert status(connection, row) == ("failed", "audit")
    assert "fully_indexed" in books.get(connection, row).detail
    assert books.audit(connection, row) == BAD


def test_a_book_is_ok_before_it_is_enriched_and_counts_once(connection: sqlite3.Connection, row: int, job: int) -> None:
    complete(connection, "schema", proposal(0.9))
    complete(connection, "extract", (*PARTS, CHUNKED))
    complete(connection, "audit", GOOD)
    for _ in ("before it is enriched", "and after"):
        assert status(connection, row) == ("ok", "")
        assert connection.execute("SELECT added FROM jobs WHERE id = ?", (job,)).fetchone() == (1,)
        if "ready" in states(connection):
            complete(connection, "enrich", FOUND)
    assert set(states(connection)) == {"done"}


@pytest.mark.parametrize("first", ["enrich", "audit"])
def test_a_book_that_cannot_be_enriched_is_whole_with_a_warning(
    connection: sqlite3.Connection, row: int, first: str
) -> None:
    complete(connection, "schema", proposal(0.9))
    complete(connection, "extract", (*PARTS, CHUNKED))
    for stage in (first, {"enrich": "audit", "audit": "enrich"}[first]):
        if stage == "audit":
            complete(connection, "audit", GOOD)
        else:
            settle.give_up(connection, claim(connection, stage), Decision("fail", "timeout", ""), PRINTS, COST)
    assert status(connection, row) == ("ok-with-warning", "no_enrich")
    assert states(connection) == ["done", "done", "done", "failed", "done"]


def test_the_warning_goes_once_it_could_be_enriched(connection: sqlite3.Connection, row: int, job: int) -> None:
    complete(connection, "schema", proposal(0.9))
    complete(connection, "extract", (*PARTS, CHUNKED))
    complete(connection, "audit", GOOD)
    settle.give_up(connection, claim(connection, "enrich"), Decision("fail", "timeout", ""), PRINTS, COST)
    tasks.rerun(connection, row, "enrich", (), job)
    complete(connection, "enrich", FOUND)
    assert status(connection, row) == ("ok", "")


def test_an_agent_ends_with_the_last_stage_that_was_filed(connection: sqlite3.Connection, row: int) -> None:
    connection.execute("DELETE FROM tasks WHERE stage = 'enrich'")
    complete(connection, "schema", proposal(0.9))
    complete(connection, "extract", (*PARTS, CHUNKED))
    assert [action for (action,) in connection.execute("SELECT action FROM activity ORDER BY id")][-2:] == [
        "ingestion.completed",
        "agent.completed",
    ]


def test_a_finish_after_a_take_over_leaves_no_trace(connection: sqlite3.Connection, row: int) -> None:
    complete(connection, "schema", proposal(0.9))
    stale = claim(connection, "extract")
    tasks.take_over(connection, "me")
    claim(connection, "extract")
    with pytest.raises(LeaseLost):
        complete(connection, "extract", (*PARTS, CHUNKED), stale)
    decision = Decision("fail", "crash", "signal 11")
    with pytest.raises(LeaseLost):
        settle.give_up(connection, stale, decision, PRINTS, COST)
    assert content.text(connection, row) == ""
    assert status(connection, row) == ("pending", "")
    assert states(connection) == ["done", "leased", "waiting", "waiting", "waiting"]


def test_giving_up_buries_the_task_with_its_reason_and_fingerprint(
    connection: sqlite3.Connection, row: int, job: int
) -> None:
    settle.give_up(connection, claim(connection, "schema"), Decision("fail", "crash", "signal 11"), PRINTS, COST)
    assert states(connection) == ["failed", "cancelled", "cancelled", "cancelled", "cancelled"]
    found = connection.execute("SELECT fingerprint, reason, detail FROM tasks ORDER BY id").fetchone()
    assert found == ("failure of schema", "crash", "signal 11")
    assert [(item.outcome, item.reason) for item in files.outcomes(connection, job=job)] == [("failed", "crash")]


def test_a_changed_file_loses_its_book_and_is_read_again(connection: sqlite3.Connection, row: int, job: int) -> None:
    settle.forget_changed(connection, claim(connection, "schema"), candidate(b"a.txt"), vanished=False, cost=COST)
    assert status(connection, row) == ("failed", "changed")
    known = files.known(connection, [candidate(b"a.txt")])[0]
    assert known is not None
    assert not known.same


def test_a_vanished_file_is_skipped_rather_than_failed(connection: sqlite3.Connection, row: int, job: int) -> None:
    settle.forget_changed(connection, claim(connection, "schema"), candidate(b"a.txt"), vanished=True, cost=COST)
    assert [(item.outcome, item.reason) for item in files.outcomes(connection, job=job)] == [("skipped", "vanished")]


def test_when_another_path_holds_the_content_the_task_goes_back_uncharged(
    connection: sqlite3.Connection, row: int, job: int
) -> None:
    files.record(connection, candidate(b"copy.txt"), job, book_row=row, outcome=None)
    settle.forget_changed(connection, claim(connection, "schema"), candidate(b"a.txt"), vanished=True, cost=COST)
    assert states(connection)[0] == "ready"
    task = claim(connection, "schema")
    assert (task.attempts, task.deliveries) == (0, 2)
    assert files.paths_of(connection, row) == [b"/books/copy.txt"]
